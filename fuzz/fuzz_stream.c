/*
 * Tree streams: what is read has valid paths and stays under its caps, ends
 * with the source, and written again reads the same.
 */
#include "cert/oms.h"
#include "common/sha256.h"
#include "fuzz/fuzz.h"
#include "producer/stream.h"

#define TOTAL_MAX 100000

struct bytes {
	struct span left;
	size_t piece; /* given at a time */
};

static enum ac_err
read_bytes(void *arg, uint8_t *p, size_t len, size_t *n, struct message *why)
{
	struct bytes *b = arg;

	(void)why;
	*n = b->left.len < len ? b->left.len : len;
	if (*n > b->piece)
		*n = b->piece;
	if (*n > 0)
		memcpy(p, b->left.p, *n);
	b->left = span_of(b->left.p + *n, b->left.len - *n);
	return AC_OK;
}

/* Digest of all that was read; false: refused. */
static bool
read_all(struct digest *out, struct span data, size_t piece)
{
	struct bytes b = { data, piece };
	const struct stream_source source = { read_bytes, &b };
	struct stream_reader *r = malloc(sizeof(*r));
	struct stream_item *item = malloc(sizeof(*item));
	struct message why;
	struct sha256 s;
	bool ok = false;

	fuzz_must(r != NULL && item != NULL);
	sha256_init(&s);
	stream_open(r, &source, TOTAL_MAX);
	while (stream_next(r, item, &why) == AC_OK) {
		struct span part = { 0 };

		if (item->type == STREAM_END) {
			fuzz_must(b.left.len == 0 && r->items > 0);
			ok = true;
			break;
		}
		fuzz_must(item->path[0] == '\0' ||
		    oms_path_is_valid(span_str(item->path)));
		sha256_update(&s, span_str(item->path));
		sha256_update(&s, span_str(item->target));
		sha256_update(&s, buf_span(&item->object));
		buf_free(&item->object);
		if (item->type != STREAM_FILE)
			continue;
		do {
			if (stream_read(r, &part, &why) != AC_OK)
				goto out;
			sha256_update(&s, part);
		} while (part.len > 0);
	}
	fuzz_must(r->bytes <= TOTAL_MAX);
out:
	*out = sha256_final(&s);
	free(item);
	free(r);
	return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest whole, pieces;
	bool ok = read_all(&whole, span_of(data, size), size + 1);

	/* However it comes through the pipe. */
	fuzz_must(read_all(&pieces, span_of(data, size), 1) == ok);
	fuzz_must(!ok || digest_equal(&whole, &pieces));
	return 0;
}
