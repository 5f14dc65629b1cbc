/*
 * intake.c -- the recorder's way of taking a tree stream of one file in, for
 * bench/fetch; and the same stream, written and not hashed.
 *
 * usage: bench_intake hash|nohash DIR <STREAM
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "producer/intake.h"
#include "producer/stream.h"

static enum ac_err
read_input(void *arg, uint8_t *p, size_t len, size_t *n, struct message *why)
{
	ssize_t got = read(STDIN_FILENO, p, len);

	(void)arg;
	if (got < 0)
		return BECAUSE(why, AC_ERR_IO, "cannot read");
	*n = (size_t)got;
	return AC_OK;
}

static enum ac_err
store(int dir_fd, struct message *why)
{
	const struct stream_source source = { read_input, NULL };
	struct stream_reader *r = malloc(sizeof(*r));
	struct stream_item *item = malloc(sizeof(*item));
	int fd = openat(dir_fd, "taken", O_WRONLY | O_CREAT | O_EXCL, 0444);
	struct span part = { 0 };
	enum ac_err e = AC_ERR_MEMORY;

	if (r == NULL || item == NULL || fd < 0)
		goto out;
	stream_open(r, &source, INPUT_BYTES_MAX);
	e = stream_next(r, item, why);
	while (e == AC_OK) {
		e = stream_read(r, &part, why);
		if (e != AC_OK || part.len == 0)
			break;
		e = file_write_all(fd, part);
	}
	if (e == AC_OK)
		e = stream_next(r, item, why);
out:
	if (fd >= 0)
		(void)close(fd);
	free(item);
	free(r);
	return e;
}

int
main(int argc, char **argv)
{
	const struct intake_options options = { .bytes_max = INPUT_BYTES_MAX,
		.stop_fd = -1, .one_file = true };
	struct message why = { "" };
	struct measured m;
	enum ac_err e;
	int dir_fd;

	if (argc != 3 || (dir_fd = open(argv[2], O_RDONLY | O_DIRECTORY)) < 0) {
		(void)fprintf(stderr, "usage: %s hash|nohash DIR <STREAM\n",
		    argv[0]);
		return 2;
	}
	if (strcmp(argv[1], "hash") == 0)
		e = intake_stream(&m, STDIN_FILENO, dir_fd, "taken", &options,
		    &why);
	else
		e = store(dir_fd, &why);
	if (e != AC_OK)
		(void)fprintf(stderr, "%s: %s\n", argv[0], why.text);
	return e != AC_OK;
}
