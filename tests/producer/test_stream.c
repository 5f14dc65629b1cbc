/* Tree streams: one right tree and one right file, and what is refused. */
#include <unistd.h>

#include "common/file.h"
#include "producer/stream.h"
#include "tests/test.h"

#define TOTAL_MAX 1000

/* Bytes of a stream by hand: lengths are below 256. */
#define MAGIC STREAM_MAGIC
#define FILE_HEAD(len, path) "\1\0\0" len path
#define END "\4"

struct memory {
	struct span left;
	size_t piece;
};

static enum ac_err
read_memory(void *arg, uint8_t *p, size_t len, size_t *n, struct message *why)
{
	struct memory *m = arg;

	(void)why;
	*n = m->left.len < len ? m->left.len : len;
	*n = *n < m->piece ? *n : m->piece;
	if (*n > 0)
		memcpy(p, m->left.p, *n);
	m->left = span_of(m->left.p + *n, m->left.len - *n);
	return AC_OK;
}

/* "<path", an item of its type; and what a link or object has. */
static size_t
show(char *text, const struct stream_item *item)
{
	static const char kind[] = "?flo";
	int n = snprintf(text, 200, "<%c%s%s%s%s%.*s>", kind[item->type],
	    item->executable ? "x" : "", item->path,
	    item->target[0] == '\0' ? "" : "=", item->target,
	    (int)item->object.len, item->object.len == 0 ? "" :
	    (const char *)item->object.p);

	assert_true(n > 0 && n < 200);
	return (size_t)n;
}

/* Read all of s, the bytes of files one after the other into text. */
static enum ac_err
read_stream(struct span s, size_t piece, uint64_t max, char *text,
    struct message *why)
{
	struct memory m = { s, piece };
	const struct stream_source source = { read_memory, &m };
	struct stream_reader *r = malloc(sizeof(*r));
	struct stream_item *item = malloc(sizeof(*item));
	size_t len = 0;
	enum ac_err e;

	assert_non_null(r);
	assert_non_null(item);
	why->text[0] = '\0';
	stream_open(r, &source, max);
	for (;;) {
		struct span part = { 0 };

		e = stream_next(r, item, why);
		if (e != AC_OK || item->type == STREAM_END)
			break;
		if (text != NULL)
			len += show(text + len, item);
		buf_free(&item->object);
		while (item->type == STREAM_FILE) {
			e = stream_read(r, &part, why);
			if (e != AC_OK || part.len == 0)
				break;
			if (text != NULL) {
				memcpy(text + len, part.p, part.len);
				len += part.len;
				text[len] = '\0';
			}
		}
		if (e != AC_OK)
			break;
	}
	free(item);
	free(r);
	return e;
}

static struct buf
write_stream(bool alone)
{
	struct stream_writer *w = malloc(sizeof(*w));
	struct buf b = { 0 };
	FILE *f = tmpfile();

	assert_non_null(w);
	assert_non_null(f);
	stream_begin(w, fileno(f));
	stream_file(w, span_str(alone ? "" : "a/run"), true);
	stream_data(w, span_str("one "));
	stream_data(w, span_str("two"));
	stream_file_end(w);
	if (!alone) {
		stream_link(w, span_str("l"), span_str("../x"));
		stream_object(w, span_str(""), span_str("tree"));
		stream_file(w, span_str("b"), false);
		stream_file_end(w);
	}
	assert_ok(stream_finish(w));
	rewind(f);
	assert_ok(file_read_fd(&b, fileno(f), 4096));
	(void)fclose(f);
	free(w);
	return b;
}

static void
right(void **state)
{
	char text[1024] = "";
	struct message why;
	struct buf b = write_stream(false);

	(void)state;
	for (size_t piece = 1; piece < 100; piece += 7) {
		assert_ok(read_stream(buf_span(&b), piece, TOTAL_MAX, text,
		    &why));
		assert_string_equal(text,
		    "<fxa/run>one two<ll=../x><otree><fb>");
	}
	buf_free(&b);
	b = write_stream(true);
	assert_ok(read_stream(buf_span(&b), 99, 7, text, &why));
	assert_string_equal(text, "<fx>one two");
	buf_free(&b);
}

/* Cut off anywhere it is refused, and said to be cut off. */
static void
cut(void **state)
{
	struct message why;
	struct buf b = write_stream(false);

	(void)state;
	for (size_t n = 0; n < b.len; n++) {
		assert_int_equal(read_stream(span_of(b.p, n), 99, TOTAL_MAX,
		    NULL, &why), AC_ERR_FORMAT);
		assert_non_null(strstr(why.text, "cut off"));
	}
	buf_free(&b);
}

struct wrong {
	const char *name;
	struct span bytes;
	const char *says;
	enum ac_err err;
};

#define BYTES(text) { (const uint8_t *)(text), sizeof(text) - 1 }
#define NO_DATA "\0\0\0\0"

static const struct wrong wrongs[] = {
	{ "another magic", BYTES("aicert-tree 2\n" FILE_HEAD("\1", "a")
	    NO_DATA END), "does not begin", AC_ERR_FORMAT },
	{ "no file", BYTES(MAGIC END), "no file", AC_ERR_FORMAT },
	{ "an unknown type", BYTES(MAGIC "\7"), "no known type",
	    AC_ERR_FORMAT },
	{ "type 0", BYTES(MAGIC "\0"), "no known type", AC_ERR_FORMAT },
	{ "a mode of 2", BYTES(MAGIC "\1\2\0\1a" NO_DATA END), "mode",
	    AC_ERR_FORMAT },
	{ "bytes after the end", BYTES(MAGIC FILE_HEAD("\1", "a") NO_DATA END
	    "x"), "goes on", AC_ERR_FORMAT },
	{ "two ends", BYTES(MAGIC FILE_HEAD("\1", "a") NO_DATA END END),
	    "goes on", AC_ERR_FORMAT },
	{ "an absolute path", BYTES(MAGIC FILE_HEAD("\2", "/a") NO_DATA END),
	    "leads out", AC_ERR_FORMAT },
	{ "..", BYTES(MAGIC FILE_HEAD("\2", "..") NO_DATA END), "leads out",
	    AC_ERR_FORMAT },
	{ "../a", BYTES(MAGIC FILE_HEAD("\4", "../a") NO_DATA END),
	    "leads out", AC_ERR_FORMAT },
	{ "a/../../b", BYTES(MAGIC FILE_HEAD("\11", "a/../../b") NO_DATA END),
	    "leads out", AC_ERR_FORMAT },
	{ "a folder's path", BYTES(MAGIC FILE_HEAD("\2", "a/") NO_DATA END),
	    "leads out", AC_ERR_FORMAT },
	{ "a//b", BYTES(MAGIC FILE_HEAD("\4", "a//b") NO_DATA END),
	    "leads out", AC_ERR_FORMAT },
	{ "./a", BYTES(MAGIC FILE_HEAD("\3", "./a") NO_DATA END),
	    "leads out", AC_ERR_FORMAT },
	{ "a NUL in a path", BYTES(MAGIC FILE_HEAD("\3", "a\0b") NO_DATA
	    END), "NUL", AC_ERR_FORMAT },
	{ "a control character", BYTES(MAGIC FILE_HEAD("\3", "a\nb") NO_DATA
	    END), "leads out", AC_ERR_FORMAT },
	{ "not UTF-8", BYTES(MAGIC FILE_HEAD("\1", "\xff") NO_DATA END),
	    "leads out", AC_ERR_FORMAT },
	{ "a path of 1,025 bytes", BYTES(MAGIC "\1\0\4\1"), "too long",
	    AC_ERR_LIMIT },
	{ "a target of 4,096 bytes", BYTES(MAGIC "\2\0\1a\20\0"),
	    "too long", AC_ERR_LIMIT },
	{ "a link to nothing", BYTES(MAGIC "\2\0\1a\0\0" END), "nothing",
	    AC_ERR_FORMAT },
	{ "a link without a name", BYTES(MAGIC "\2\0\0\0\1x" END),
	    "leads out", AC_ERR_FORMAT },
	{ "an object over the cap", BYTES(MAGIC "\3\0\0\0\20\0\1"),
	    "too large", AC_ERR_LIMIT },
	{ "a chunk over the cap", BYTES(MAGIC FILE_HEAD("\1", "a")
	    "\0\4\0\1"), "too long", AC_ERR_LIMIT },
	{ "a chunk of 4 GiB", BYTES(MAGIC FILE_HEAD("\1", "a")
	    "\377\377\377\377"), "too long", AC_ERR_LIMIT },
	{ "more bytes than an input may have", BYTES(MAGIC
	    FILE_HEAD("\1", "a") "\0\0\3\351"), "more than 1000",
	    AC_ERR_LIMIT },
	{ "a file beside the one without a name", BYTES(MAGIC
	    FILE_HEAD("\0", "") NO_DATA FILE_HEAD("\1", "a") NO_DATA END),
	    "beside", AC_ERR_FORMAT },
	{ "no name, not first", BYTES(MAGIC FILE_HEAD("\1", "a") NO_DATA
	    FILE_HEAD("\0", "") NO_DATA END), "leads out", AC_ERR_FORMAT },
};

static void
wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		const struct wrong *w = &wrongs[i];
		struct message why;
		enum ac_err e = read_stream(w->bytes, 99, TOTAL_MAX, NULL,
		    &why);

		if (e != w->err || strstr(why.text, w->says) == NULL)
			fail_msg("%s: %d: %s", w->name, e, why.text);
	}
}

/* One file more than a certificate holds. */
static void
many(void **state)
{
	static const char one[] = "\1\0\0\1a" NO_DATA;
	size_t head = sizeof(STREAM_MAGIC) - 1, n = sizeof(one) - 1;
	size_t len = head + n * ((size_t)FILES_MAX + 1);
	uint8_t *p = malloc(len);
	struct message why;

	(void)state;
	assert_non_null(p);
	memcpy(p, STREAM_MAGIC, head);
	for (size_t i = 0; i <= FILES_MAX; i++)
		memcpy(p + head + i * n, one, n);
	assert_int_equal(read_stream(span_of(p, len), STREAM_BUFFER,
	    TOTAL_MAX, NULL, &why), AC_ERR_LIMIT);
	assert_non_null(strstr(why.text, "more than 131072 files"));
	free(p);
}

/* A file that is not read to its end is no next item. */
static void
skipped(void **state)
{
	struct buf b = write_stream(false);
	struct memory m = { buf_span(&b), 99 };
	const struct stream_source source = { read_memory, &m };
	struct stream_reader *r = malloc(sizeof(*r));
	struct stream_item *item = malloc(sizeof(*item));
	struct message why;

	(void)state;
	assert_non_null(r);
	assert_non_null(item);
	stream_open(r, &source, TOTAL_MAX);
	assert_ok(stream_next(r, item, &why));
	assert_int_equal(stream_next(r, item, &why), AC_ERR_FORMAT);
	free(item);
	free(r);
	buf_free(&b);
}

/* The writer stops at its first error and keeps it. */
static void
writer(void **state)
{
	struct stream_writer *w = malloc(sizeof(*w));
	char path[FILE_PATH_MAX + 2];

	(void)state;
	assert_non_null(w);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	stream_begin(w, -1);
	assert_int_equal(stream_finish(w), AC_ERR_IO);
	stream_begin(w, STDOUT_FILENO);
	stream_file(w, span_str(path), false);
	stream_file_end(w);
	assert_int_equal(stream_finish(w), AC_ERR_LIMIT);
	free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right),
		cmocka_unit_test(cut),
		cmocka_unit_test(wrong),
		cmocka_unit_test(many),
		cmocka_unit_test(skipped),
		cmocka_unit_test(writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
