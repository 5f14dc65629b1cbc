/*
 * Server-sent events of an agent: whatever comes, they are the same in one
 * piece and byte by byte.
 */
#include "common/sha256.h"
#include "fuzz/fuzz.h"
#include "producer/events.h"

static enum ac_err
take(void *arg, struct span name, struct span data)
{
	struct sha256 *s = arg;

	sha256_update(s, name);
	sha256_update(s, span_of("\n", 1));
	sha256_update(s, data);
	return AC_OK;
}

static struct digest
digest(struct span bytes, size_t piece)
{
	struct events *e = calloc(1, sizeof(*e));
	struct sha256 s;

	if (e == NULL)
		abort();
	sha256_init(&s);
	while (bytes.len > 0) {
		size_t n = bytes.len < piece ? bytes.len : piece;

		if (events_feed(e, span_of(bytes.p, n), take, &s) != AC_OK)
			abort();
		bytes = span_of(bytes.p + n, bytes.len - n);
	}
	sha256_update(&s, span_of(&e->id, sizeof(e->id)));
	free(e);
	return sha256_final(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct digest one = digest(span_of(data, len), len + 1);
	struct digest other = digest(span_of(data, len), 1);

	if (!digest_equal(&one, &other))
		abort();
	return 0;
}
