/* shelf.c -- checkpoint, tiles, bundles; the one door to zlib; see shelf.h. */
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

#include "common/file.h"
#include "common/sha256.h"
#include "common/text.h"
#include "registry/shelf.h"

#define TILE_BYTES (MERKLE_TILE_WIDTH * sizeof(struct digest))
#define BUNDLE_MAX (MERKLE_TILE_WIDTH * (LEAF_MAX + (size_t)2))
#define GZIP_WINDOW (15 + 16) /* zlib's way to say gzip */
#define GZIP_LEVEL 6
#define GZIP_MEMORY 8
#define TAG_HEX 16 /* digits of a digest in an entity tag */

/* The tag of a body: the beginning of its SHA-256, in quotes. */
static void
set_tag(struct reply *r, struct span body)
{
	struct digest d = sha256_of(body);

	r->tag[0] = '"';
	text_hex(r->tag + 1, span_of(d.b, TAG_HEX / 2));
	r->tag[1 + TAG_HEX] = '"';
	r->tag[2 + TAG_HEX] = '\0';
}

void
shelf_checkpoint(struct reply *out, struct published *published)
{
	/* Before the note: should both change between, it is asked again. */
	uint64_t generation = published_generation(published);
	struct store_head head;
	struct buf note = { 0 };

	if (published_note(published, &head, &note) != AC_OK) {
		problem_reply(out, PROBLEM_BUSY, "There is no memory.", NULL);
		return;
	}
	*out = reply_ok("text/plain; charset=utf-8", REPLY_FRESH, note);
	out->keep = REPLY_IN_HEAD;
	out->generation = generation;
	set_tag(out, buf_span(&out->body));
}

/* Does a log of this size have so much, now or when it was smaller? */
static bool
is_published(const struct merkle_tile *t, uint64_t size)
{
	uint64_t hashes = t->level < 8 ? size >> (8 * t->level) : 0;

	return t->index < hashes / MERKLE_TILE_WIDTH ||
	    (t->index == hashes / MERKLE_TILE_WIDTH &&
	    t->width <= hashes % MERKLE_TILE_WIDTH);
}

static void
refuse(struct reply *out, enum ac_err e)
{
	if (e == AC_ERR_NOT_FOUND)
		problem_reply(out, PROBLEM_NOT_FOUND, "No published checkpoint "
		    "has this tile, or it is a partial one that is full by "
		    "now.", NULL);
	else if (e == AC_ERR_MEMORY)
		problem_reply(out, PROBLEM_BUSY, "There is no memory for the "
		    "answer now; ask again later.", NULL);
	else
		problem_reply(out, PROBLEM_INTERNAL, "The tile cannot be "
		    "read.", NULL);
}

bool
shelf_tile(struct reply *out, struct published *published,
    struct publish *files, const struct route *route)
{
	uint64_t size = published_head(published).size;
	struct reply r = { .status = 200, .cache = REPLY_FOREVER,
		.type = "application/octet-stream", .keep = REPLY_ALWAYS,
		.ranges = true };
	enum ac_err e = AC_ERR_NOT_FOUND;

	if (!is_published(&route->tile, size)) {
		refuse(out, e);
		return true;
	}
	if (route->entries && route->gzip)
		return false;
	r.varies = route->entries;
	e = publish_open(files, &r.fd, &r.bytes, &route->tile, route->entries);
	if (e != AC_OK) {
		refuse(out, e);
		return true;
	}
	if (route->entries) {
		/* Of one path there is ever one content. */
		memcpy(r.tag, "\"plain\"", sizeof("\"plain\""));
		r.is_file = true;
		*out = r;
		return true;
	}
	e = file_read_fd(&r.body, r.fd, TILE_BYTES);
	(void)close(r.fd);
	if (e != AC_OK) {
		refuse(out, e);
		return true;
	}
	set_tag(&r, buf_span(&r.body));
	*out = r;
	return true;
}

/* *out = in as one gzip member, the same bytes each time. */
static enum ac_err
compress_gzip(struct buf *out, struct span in)
{
	z_stream z = { 0 };
	struct buf b = { 0 };
	enum ac_err e = AC_ERR_MEMORY;

	if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
	    Z_DEFAULT_STRATEGY) != Z_OK)
		return e;
	b.len = deflateBound(&z, in.len);
	b.p = malloc(b.len + 1);
	if (b.p == NULL)
		goto out;
	/* zlib does not write to its input. */
	z.next_in = (Bytef *)(uintptr_t)in.p;
	z.avail_in = (uInt)in.len;
	z.next_out = b.p;
	z.avail_out = (uInt)b.len;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		goto out;
	b.len = z.total_out;
	*out = b;
	b = (struct buf){ 0 }; /* transferred */
	e = AC_OK;
out:
	(void)deflateEnd(&z);
	buf_free(&b);
	return e;
}

void
shelf_bundle(struct reply *out, struct publish *files,
    const struct route *route)
{
	struct reply r = { .status = 200, .cache = REPLY_FOREVER,
		.type = "application/octet-stream", .keep = REPLY_ALWAYS,
		.encoding = "gzip", .varies = true, .ranges = true };
	struct buf plain = { 0 };
	enum ac_err e = publish_open(files, &r.fd, &r.bytes, &route->tile,
	    true);

	if (e == AC_OK) {
		e = file_read_fd(&plain, r.fd, BUNDLE_MAX);
		(void)close(r.fd);
	}
	if (e == AC_OK)
		e = compress_gzip(&r.body, buf_span(&plain));
	buf_free(&plain);
	if (e != AC_OK) {
		refuse(out, e);
		return;
	}
	memcpy(r.tag, "\"gzip\"", sizeof("\"gzip\""));
	*out = r;
}
