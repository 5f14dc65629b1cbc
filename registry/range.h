/*
 * range.h -- which part of a body a Range header asks for (RFC 9110 section
 * 14): one range of bytes.  What is malformed, of another unit or of several
 * ranges is ignored, as that section allows, and the whole is the answer.
 */
#ifndef AICERT_REGISTRY_RANGE_H
#define AICERT_REGISTRY_RANGE_H

#include <stdint.h>

enum range {
	RANGE_WHOLE,   /* the header does not count */
	RANGE_PART,    /* *first and *len say which; *len > 0 */
	RANGE_OUTSIDE, /* the body has nothing of it */
};

/* What the header's value asks of a body of so many bytes. */
enum range range_parse(uint64_t *first, uint64_t *len, const char *value,
    uint64_t bytes);

#endif
