/* range.c -- one range of bytes; see range.h. */
#include <strings.h>

#include "common/reader.h"
#include "common/text.h"
#include "registry/range.h"

#define UNIT "bytes="

/* "-n": the last n bytes. */
static enum range
last_of(uint64_t *first, uint64_t *len, struct span count, uint64_t bytes)
{
	uint64_t n;

	if (!text_undec(&n, count, UINT64_MAX))
		return RANGE_WHOLE;
	if (n == 0 || bytes == 0)
		return RANGE_OUTSIDE;
	*len = n < bytes ? n : bytes;
	*first = bytes - *len;
	return RANGE_PART;
}

enum range
range_parse(uint64_t *first, uint64_t *len, const char *value, uint64_t bytes)
{
	size_t unit = strlen(UNIT);
	struct reader r;
	struct span from;
	uint64_t a, b = UINT64_MAX;

	if (strncasecmp(value, UNIT, unit) != 0)
		return RANGE_WHOLE;
	r = rd_of(span_str(value + unit));
	if (!rd_until(&r, &from, '-'))
		return RANGE_WHOLE;
	if (from.len == 0)
		return last_of(first, len, r.left, bytes);
	if (!text_undec(&a, from, UINT64_MAX) ||
	    (!rd_end(&r) && !text_undec(&b, r.left, UINT64_MAX)) || b < a)
		return RANGE_WHOLE;
	if (a >= bytes)
		return RANGE_OUTSIDE;
	*first = a;
	*len = b < bytes ? b - a + 1 : bytes - a;
	return RANGE_PART;
}
