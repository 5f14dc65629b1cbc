/* reader.c -- the read cursor; see reader.h. */
#include "common/reader.h"

bool
rd_take(struct reader *r, struct span *out, size_t n)
{
	if (n > r->left.len)
		return false;
	*out = span_of(r->left.p, n);
	if (n > 0)
		r->left = span_of(r->left.p + n, r->left.len - n);
	return true;
}

static bool
rd_uint(struct reader *r, uint64_t *out, size_t n, bool little)
{
	struct span s;
	uint64_t v = 0;

	if (!rd_take(r, &s, n))
		return false;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | s.p[little ? n - 1 - i : i];
	*out = v;
	return true;
}

/* One reader of an integer of n bytes for each type. */
#define RD(name, type, n, little)                                             \
	bool name(struct reader *r, type *out)                                \
	{                                                                     \
		uint64_t v;                                                   \
                                                                              \
		if (!rd_uint(r, &v, n, little))                               \
			return false;                                         \
		*out = (type)v;                                               \
		return true;                                                  \
	}
RD(rd_u8, uint8_t, 1, false)
RD(rd_be16, uint16_t, 2, false)
RD(rd_be32, uint32_t, 4, false)
RD(rd_be64, uint64_t, 8, false)
RD(rd_le16, uint16_t, 2, true)
RD(rd_le32, uint32_t, 4, true)
RD(rd_le64, uint64_t, 8, true)

bool
rd_take_be16(struct reader *r, struct span *out, size_t max)
{
	struct reader t = *r;
	uint16_t n;

	if (!rd_be16(&t, &n) || n > max || !rd_take(&t, out, n))
		return false;
	*r = t;
	return true;
}

bool
rd_take_be32(struct reader *r, struct span *out, size_t max)
{
	struct reader t = *r;
	uint32_t n;

	if (!rd_be32(&t, &n) || n > max || !rd_take(&t, out, n))
		return false;
	*r = t;
	return true;
}

bool
rd_until(struct reader *r, struct span *out, uint8_t c)
{
	const uint8_t *end;
	struct span line, sep;

	if (r->left.len == 0)
		return false;
	end = memchr(r->left.p, c, r->left.len);
	if (end == NULL || !rd_take(r, &line, (size_t)(end - r->left.p)) ||
	    !rd_take(r, &sep, 1))
		return false;
	*out = line;
	return true;
}

bool
rd_line(struct reader *r, struct span *out)
{
	return rd_until(r, out, '\n');
}

bool
rd_text(struct reader *r, const char *text)
{
	struct span s;

	return span_begins(r->left, text) && rd_take(r, &s, strlen(text));
}

struct span
rd_rest(struct reader *r)
{
	struct span rest = r->left;

	r->left = span_of(NULL, 0);
	return rest;
}

bool
rd_end(const struct reader *r)
{
	return r->left.len == 0;
}
