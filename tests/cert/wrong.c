/* wrong.c -- wrong inputs by replacement; see wrong.h. */
#include "tests/cert/wrong.h"
#include "tests/test.h"

struct buf
wrong_make(struct span text, const char *from, const char *to)
{
	struct buf out = { 0 };
	struct writer w;
	size_t at = text.len, skip = 0;

	if (from != NULL) {
		const uint8_t *p = memmem(text.p, text.len, from, strlen(from));

		if (p == NULL)
			fail_msg("\"%s\" is not in the right input", from);
		at = (size_t)(p - text.p);
		skip = strlen(from);
	}
	wr_init(&w, SIZE_MAX / 2);
	wr_bytes(&w, span_of(text.p, at));
	wr_str(&w, to);
	wr_bytes(&w, span_of(text.p + at + skip, text.len - at - skip));
	assert_ok(wr_end(&w, &out));
	return out;
}

void
wrong_check(struct span right, const struct wrong list[], size_t n,
    enum ac_err (*decode)(struct span))
{
	assert_ok(decode(right));
	for (size_t i = 0; i < n; i++) {
		struct buf b = wrong_make(right, list[i].from, list[i].to);
		enum ac_err want = list[i].want, got = decode(buf_span(&b));

		if (want == AC_OK)
			want = AC_ERR_FORMAT;
		if (got != want)
			fail_msg("%s: expected \"%s\", got \"%s\"",
			    list[i].what, ac_strerror(want), ac_strerror(got));
		buf_free(&b);
	}
}

void
wrong_check_truncated(struct span right, enum ac_err (*decode)(struct span))
{
	for (size_t len = 0; len < right.len; len++) {
		/* A copy of its own, so that the sanitizer sees its end. */
		uint8_t *p = malloc(len + 1);
		enum ac_err e;

		assert_non_null(p);
		memcpy(p, right.p, len);
		e = decode(span_of(p, len));
		free(p);
		if (e == AC_OK)
			fail_msg("the first %zu of %zu bytes were accepted", len,
			    right.len);
	}
}
