/* fetch_unpack.c -- one file out of its compression; see fetch_unpack.h. */
#include <stdlib.h>

#include <archive.h>
#include <archive_entry.h>

#include "producer/fetch_unpack.h"
#include "producer/stream.h"

#define BLOCK ((size_t)64 << 10)

static enum ac_err
damaged(struct archive *a, const char *compression, struct message *why)
{
	const char *reason = archive_error_string(a);

	message_set(why, "it is not whole %s data: ", compression);
	message_add_quoted(why, span_str(reason == NULL ? "unreadable" :
	    reason));
	return AC_ERR_FORMAT;
}

/* Only that filter, and no format of files within. */
static bool
set_up(struct archive *a, const char *compression)
{
	return (strcmp(compression, "gzip") == 0 ?
	    archive_read_support_filter_gzip(a) :
	    archive_read_support_filter_zstd(a)) == ARCHIVE_OK &&
	    archive_read_support_format_raw(a) == ARCHIVE_OK;
}

static enum ac_err
copy(struct stream_writer *w, struct archive *a, const char *compression,
    struct message *why)
{
	uint8_t *block = malloc(BLOCK);
	enum ac_err e = AC_OK;

	if (block == NULL) {
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	for (;;) {
		la_ssize_t n = archive_read_data(a, block, BLOCK);

		if (n < 0)
			e = damaged(a, compression, why);
		if (n <= 0)
			break;
		stream_data(w, span_of(block, (size_t)n));
		if (w->err != AC_OK)
			break;
	}
	free(block);
	return e;
}

enum ac_err
fetch_unpack(int out_fd, int in_fd, const char *compression,
    struct message *why)
{
	struct archive *a = archive_read_new();
	struct stream_writer *w = malloc(sizeof(*w));
	struct archive_entry *entry;
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	if (a == NULL || w == NULL)
		goto out;
	if (strcmp(compression, "gzip") != 0 &&
	    strcmp(compression, "zstd") != 0) {
		message_set(why, "no such compression is unpacked here");
		e = AC_ERR_UNSUPPORTED;
		goto out;
	}
	if (!set_up(a, compression) ||
	    archive_read_open_fd(a, in_fd, BLOCK) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK) {
		e = damaged(a, compression, why);
		goto out;
	}
	/* Without its filter the raw format takes anything as it is. */
	if (archive_filter_count(a) != 2) {
		message_set(why, "it is not compressed by %s", compression);
		e = AC_ERR_FORMAT;
		goto out;
	}
	stream_begin(w, out_fd);
	stream_file(w, span_str(""), false);
	e = copy(w, a, compression, why);
	if (e != AC_OK)
		goto out;
	stream_file_end(w);
	e = stream_finish(w);
	if (e != AC_OK)
		message_set(why, "nobody takes what is unpacked");
out:
	free(w);
	(void)archive_read_free(a);
	return e;
}
