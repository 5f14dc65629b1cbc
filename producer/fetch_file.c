/* fetch_file.c -- one file from an HTTP server; see fetch_file.h. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "common/http.h"
#include "producer/fetch_file.h"
#include "producer/stream.h"

#define TELL_S 2 /* between two words about how far it is */

struct file {
	struct stream_writer *stream;
	void (*told)(const char *text);
	uint64_t bytes;
	time_t told_at;
};

static enum ac_err
write_part(void *arg, struct span bytes, uint64_t total)
{
	struct file *f = arg;
	struct timespec now = { 0 };
	struct message text;

	stream_data(f->stream, bytes);
	f->bytes += bytes.len;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec >= f->told_at + TELL_S) {
		f->told_at = now.tv_sec;
		message_set(&text, "%llu bytes", (unsigned long long)f->bytes);
		if (total > 0)
			message_add(&text, " of %llu",
			    (unsigned long long)total);
		f->told(text.text);
	}
	return f->stream->err;
}

enum ac_err
fetch_file(int out_fd, const char *url, void (*told)(const char *text),
    struct message *why)
{
	struct file f = { .told = told };
	const struct http_sink sink = { write_part, &f };
	struct http_client *h = NULL;
	struct timespec now = { 0 };
	enum ac_err e;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	f.told_at = now.tv_sec;
	message_set(why, "out of memory");
	f.stream = malloc(sizeof(*f.stream));
	if (f.stream == NULL)
		return AC_ERR_MEMORY;
	e = http_client_new(&h, NULL);
	if (e != AC_OK)
		goto out;
	stream_begin(f.stream, out_fd);
	stream_file(f.stream, span_str(""), false);
	e = http_client_fetch(h, url, &sink, why);
	if (e != AC_OK)
		goto out;
	stream_file_end(f.stream);
	e = stream_finish(f.stream);
out:
	if (f.stream->err != AC_OK)
		message_set(why, "nobody takes what is fetched");
	http_client_free(h);
	free(f.stream);
	return e;
}
