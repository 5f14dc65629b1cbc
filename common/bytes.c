/* bytes.c -- comparison and wiping of bytes, over libsodium. */
#include <sodium.h>

#include "common/bytes.h"

bool
ac_equal(const void *a, const void *b, size_t len)
{
	return len == 0 || sodium_memcmp(a, b, len) == 0;
}

bool
span_equal(struct span a, struct span b)
{
	return a.len == b.len && ac_equal(a.p, b.p, a.len);
}

bool
span_is(struct span s, const char *str)
{
	return span_equal(s, span_str(str));
}

bool
span_begins(struct span s, const char *str)
{
	size_t n = strlen(str);

	return s.len >= n && span_is(span_of(s.p, n), str);
}

bool
span_ends(struct span s, const char *str)
{
	size_t n = strlen(str);

	return s.len >= n && span_is(span_of(s.p + s.len - n, n), str);
}

bool
span_is_zero(struct span s)
{
	return s.len == 0 || sodium_is_zero(s.p, s.len) == 1;
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return ac_equal(a->b, b->b, sizeof(a->b));
}

int
span_compare(struct span s, struct span t)
{
	size_t n = s.len < t.len ? s.len : t.len;

	for (size_t i = 0; i < n; i++)
		if (s.p[i] != t.p[i])
			return s.p[i] < t.p[i] ? -1 : 1;
	return s.len == t.len ? 0 : s.len < t.len ? -1 : 1;
}

void
ac_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}
