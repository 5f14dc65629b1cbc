/*
 * fuzz.h -- what every fuzz target shares.  A target aborts where a parser
 * breaks one of its promises; the sanitizers find the rest.
 */
#ifndef AICERT_FUZZ_FUZZ_H
#define AICERT_FUZZ_FUZZ_H

#include <stdlib.h>

#include "common/writer.h"

/* The entry point of libFuzzer and of replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Must hold for every input. */
static inline void
fuzz_must(bool holds)
{
	if (!holds)
		abort();
}

#endif
