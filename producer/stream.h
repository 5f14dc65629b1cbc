/*
 * stream.h -- the tree stream: files as they travel through a pipe from a
 * process that fetched them to the recorder, which writes and hashes them.
 *
 * STREAM_MAGIC, then items, each begun by one byte of its type; all integers
 * are big-endian:
 *   FILE    mode (u8: 0, or 1 executable), path (u16 length, bytes), then
 *           chunks (u32 length, bytes); a chunk of no bytes ends the file
 *   LINK    path (u16 length, bytes), target (u16 length, bytes)
 *   OBJECT  path (u16 length, bytes), a git commit (u32 length, bytes), whose
 *           tree lies at path; "" is the top
 *   SAME    path (u16 length, bytes): another name of the file before it
 *   FOLDER  path (u16 length, bytes), of an empty folder
 *   END     and nothing behind it
 * A single file is a stream with one FILE of empty path.  The reader believes
 * nobody: it knows form and caps of limits.h; whether two items share a path
 * is for the one who makes the files.
 */
#ifndef AICERT_PRODUCER_STREAM_H
#define AICERT_PRODUCER_STREAM_H

#include "cert/limits.h"
#include "common/message.h"
#include "common/writer.h"

#define STREAM_MAGIC "aicert-tree 1\n"
#define STREAM_CHUNK_MAX ((size_t)256 << 10) /* bytes of one chunk */
#define STREAM_BUFFER ((size_t)256 << 10)

enum stream_type { STREAM_FILE = 1, STREAM_LINK, STREAM_OBJECT, STREAM_END,
	STREAM_SAME, STREAM_FOLDER };

/* ---- writing ---- */

/* Sticky: after the first failure nothing is written. */
struct stream_writer {
	int fd;
	enum ac_err err; /* AC_ERR_IO: errno as write(2); AC_ERR_LIMIT */
	size_t used;
	uint8_t buffer[STREAM_BUFFER];
};

/* Begin a stream to fd, which stays the caller's. */
void stream_begin(struct stream_writer *w, int fd);

void stream_file(struct stream_writer *w, struct span path, bool executable);

/* Bytes of the file begun last; any number of times. */
void stream_data(struct stream_writer *w, struct span bytes);
void stream_file_end(struct stream_writer *w);
void stream_link(struct stream_writer *w, struct span path,
    struct span target);
void stream_object(struct stream_writer *w, struct span path,
    struct span object);
void stream_same(struct stream_writer *w, struct span path);
void stream_folder(struct stream_writer *w, struct span path);

/* Write END and what is left.  The first error there was. */
AC_MUST_CHECK enum ac_err stream_finish(struct stream_writer *w);

/* ---- reading ---- */

/*
 * Where bytes come from: at most len of them into p, *n = 0 at the end.
 * *why is set on failure.
 */
struct stream_source {
	enum ac_err (*read)(void *arg, uint8_t *p, size_t len, size_t *n,
	    struct message *why);
	void *arg;
};

struct stream_reader {
	struct stream_source source;
	uint64_t max;   /* bytes of all files */
	uint64_t bytes; /* so far */
	size_t items, items_max; /* FILES_MAX, where nobody changes it */
	bool begun, alone, in_file;
	size_t chunk;   /* bytes left of the chunk that is read */
	size_t at, end; /* of the buffer */
	uint8_t buffer[STREAM_BUFFER];
};

/* path and target are NUL-terminated; a path is valid by oms.h, or empty. */
struct stream_item {
	enum stream_type type;
	bool executable;
	char path[FILE_PATH_MAX + 1];
	char target[LINK_TARGET_MAX + 1];
	struct buf object; /* owned by who asked; of an OBJECT only */
};

/* Begin to read a stream of files of max bytes together. */
void stream_open(struct stream_reader *r, const struct stream_source *source,
    uint64_t max);

/*
 * The next item; what is left of a file must have been read.  After
 * STREAM_END, which is given once, the source has ended.  AC_ERR_FORMAT: not
 * a stream, cut off, a path that leads out, bytes after the end;
 * AC_ERR_LIMIT: over a cap; AC_ERR_MEMORY; else as the source; *why is set.
 */
AC_MUST_CHECK enum ac_err stream_next(struct stream_reader *r,
    struct stream_item *out, struct message *why);

/*
 * The next bytes of the file, borrowed until the next call; none at its end.
 * Errors as stream_next().
 */
AC_MUST_CHECK enum ac_err stream_read(struct stream_reader *r,
    struct span *out, struct message *why);

#endif
