/* fetch_archive.c -- the files of an archive; see fetch_archive.h. */
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "cert/oms.h"
#include "producer/fetch_archive.h"
#include "producer/stream.h"

#define BLOCK ((size_t)64 << 10)
/* Folders count as well, and a bomb may have nothing else. */
#define ENTRIES_MAX (4 * FILES_MAX)

static enum ac_err
damaged(struct archive *a, struct message *why)
{
	const char *reason = archive_error_string(a);

	message_set(why, "it is no whole archive (tar, alone or in gzip, "
	    "bzip2, xz or zstd, or zip): ");
	message_add_quoted(why, span_str(reason == NULL ? "unreadable" :
	    reason));
	return AC_ERR_FORMAT;
}

static enum ac_err
refused(struct message *why, struct span path, const char *text)
{
	message_set(why, "its entry ");
	message_add_quoted(why, path);
	message_add(why, " %s", text);
	return AC_ERR_FORMAT;
}

/*
 * What is read, and no format or filter besides; a zip by its directory, which
 * alone says what is a link.
 */
static bool
set_up(struct archive *a)
{
	return archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
	    archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
	    archive_read_support_filter_xz(a) == ARCHIVE_OK &&
	    archive_read_support_filter_zstd(a) == ARCHIVE_OK &&
	    archive_read_support_format_tar(a) == ARCHIVE_OK &&
	    archive_read_support_format_zip_seekable(a) == ARCHIVE_OK;
}

/* The path without what means nothing: "./" before it, '/' behind a folder. */
static struct span
bare_path(const char *path, bool folder)
{
	struct span s = span_str(path);

	while (s.len >= 2 && s.p[0] == '.' && s.p[1] == '/')
		s = span_of(s.p + 2, s.len - 2);
	while (folder && s.len > 1 && s.p[s.len - 1] == '/')
		s.len--;
	return s;
}

/* Is it a file or folder that may be taken? */
static enum ac_err
check_entry(struct archive_entry *entry, struct span path,
    struct message *why)
{
	if (archive_entry_hardlink(entry) != NULL)
		return refused(why, path, "is a hard link; an archive of data "
		    "holds files only: pack copies");
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
	case AE_IFDIR:
		break;
	case AE_IFLNK:
		return refused(why, path, "is a symbolic link; an archive of "
		    "data holds files only: pack copies");
	case AE_IFCHR:
	case AE_IFBLK:
		return refused(why, path, "is a device");
	case AE_IFIFO:
		return refused(why, path, "is a FIFO");
	default:
		return refused(why, path, "is neither file nor folder");
	}
	if (archive_entry_is_encrypted(entry) != 0)
		return refused(why, path, "is encrypted");
	if (!oms_path_is_valid(path))
		return refused(why, path, "is no relative path of a file in "
		    "UTF-8, or leads out of the archive");
	return AC_OK;
}

static enum ac_err
copy_file(struct stream_writer *w, struct archive *a, struct span path,
    bool executable, uint8_t block[BLOCK], struct message *why)
{
	la_ssize_t n;

	stream_file(w, path, executable);
	while (w->err == AC_OK && (n = archive_read_data(a, block,
	    BLOCK)) != 0) {
		if (n < 0) {
			const char *reason = archive_error_string(a);

			(void)refused(why, path, "cannot be read: ");
			message_add_quoted(why, span_str(reason == NULL ?
			    "damaged" : reason));
			return AC_ERR_FORMAT;
		}
		stream_data(w, span_of(block, (size_t)n));
	}
	stream_file_end(w);
	return AC_OK;
}

static enum ac_err
copy_entry(struct stream_writer *w, struct archive *a,
    struct archive_entry *entry, uint8_t block[BLOCK], size_t *nfiles,
    struct message *why)
{
	bool folder = archive_entry_filetype(entry) == AE_IFDIR;
	const char *name = archive_entry_pathname(entry);
	struct span path = bare_path(name == NULL ? "" : name, folder);
	enum ac_err e;

	/* The top itself. */
	if (folder && (path.len == 0 || span_is(path, ".")))
		return AC_OK;
	e = check_entry(entry, path, why);
	if (e != AC_OK || folder)
		return e;
	(*nfiles)++;
	return copy_file(w, a, path, (archive_entry_perm(entry) & 0111) != 0,
	    block, why);
}

static enum ac_err
copy_entries(struct stream_writer *w, struct archive *a, uint8_t block[BLOCK],
    struct message *why)
{
	size_t nentries = 0, nfiles = 0;

	for (;;) {
		struct archive_entry *entry;
		int r = archive_read_next_header(a, &entry);
		enum ac_err e;

		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return damaged(a, why);
		/* A filter, and what reads the file itself. */
		if (archive_filter_count(a) > 2) {
			message_set(why, "it is compressed more than once");
			return AC_ERR_FORMAT;
		}
		if (++nentries > ENTRIES_MAX) {
			message_set(why, "it has more than %d entries",
			    ENTRIES_MAX);
			return AC_ERR_LIMIT;
		}
		e = copy_entry(w, a, entry, block, &nfiles, why);
		if (e != AC_OK)
			return e;
		if (w->err != AC_OK)
			return AC_OK; /* said by stream_finish() */
	}
	if (nfiles == 0) {
		message_set(why, "it is an archive without a file");
		return AC_ERR_FORMAT;
	}
	return AC_OK;
}

enum ac_err
fetch_archive(int out_fd, int in_fd, struct message *why)
{
	struct archive *a = archive_read_new();
	struct stream_writer *w = malloc(sizeof(*w));
	uint8_t *block = malloc(BLOCK);
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	if (a == NULL || w == NULL || block == NULL)
		goto out;
	/* Names in UTF-8 stay what they are. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	if (!set_up(a) || archive_read_open_fd(a, in_fd, BLOCK) !=
	    ARCHIVE_OK) {
		e = damaged(a, why);
		goto out;
	}
	stream_begin(w, out_fd);
	e = copy_entries(w, a, block, why);
	if (e != AC_OK)
		goto out;
	e = stream_finish(w);
	if (e != AC_OK)
		message_set(why, "nobody takes what is unpacked");
out:
	free(block);
	free(w);
	(void)archive_read_free(a);
	return e;
}
