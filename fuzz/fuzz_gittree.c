/*
 * Commits and files as a fetcher's stream has them: whatever they are, the ids
 * are computed or refused, and where a commit is found to be that of its files
 * it is not with one file more.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "common/file.h"
#include "fuzz/fuzz.h"
#include "producer/gittree.h"
#include "producer/stream.h"

#define TOTAL_MAX 100000

static enum ac_err
read_bytes(void *arg, uint8_t *p, size_t len, size_t *n, struct message *why)
{
	struct span *left = arg;

	(void)why;
	*n = left->len < len ? left->len : len;
	if (*n > 0)
		memcpy(p, left->p, *n);
	*left = span_of(left->p + *n, left->len - *n);
	return AC_OK;
}

/* The id that the commit would have. */
static struct gittree_id
id_of(struct span object)
{
	struct gittree_id id = { .len = 20 };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char head[40];
	int n = snprintf(head, sizeof(head), "commit %zu", object.len);

	fuzz_must(ctx != NULL &&
	    EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, head, (size_t)n + 1) == 1 &&
	    EVP_DigestUpdate(ctx, object.p, object.len) == 1 &&
	    EVP_DigestFinal_ex(ctx, id.b, NULL) == 1);
	EVP_MD_CTX_free(ctx);
	return id;
}

static enum ac_err
add_file(struct gittree *t, struct stream_reader *r,
    const struct stream_item *item)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	struct span part = { 0 };
	struct message why;
	uint64_t bytes = 0;
	enum ac_err e;

	fuzz_must(fd >= 0);
	do {
		e = stream_read(r, &part, &why);
		if (e == AC_OK)
			fuzz_must(file_write_all(fd, part) == AC_OK);
		bytes += part.len;
	} while (e == AC_OK && part.len > 0);
	if (e == AC_OK)
		e = gittree_add(t, item->path, item->executable, fd, bytes);
	(void)close(fd);
	return e;
}

/* Is data a commit, its id the one that is asked for, and its files? */
static bool
take(struct span data, bool one_more)
{
	const struct stream_source source = { read_bytes, &data };
	struct stream_reader *r = malloc(sizeof(*r));
	struct stream_item *item = malloc(sizeof(*item));
	struct gittree *t = NULL;
	struct message why;
	enum ac_err e;

	fuzz_must(r != NULL && item != NULL);
	stream_open(r, &source, TOTAL_MAX);
	do {
		e = stream_next(r, item, &why);
		if (e == AC_OK && item->type == STREAM_OBJECT) {
			struct gittree_id id = id_of(buf_span(&item->object));

			if (t == NULL)
				fuzz_must(gittree_new(&t, &id) == AC_OK);
			e = gittree_commit(t, item->path,
			    buf_span(&item->object), &why);
			buf_free(&item->object);
		} else if (e == AC_OK && item->type == STREAM_FILE) {
			e = t == NULL ? AC_ERR_FORMAT : add_file(t, r, item);
		}
	} while (e == AC_OK && item->type != STREAM_END);
	if (e == AC_OK && one_more) {
		int fd = memfd_create("file", MFD_CLOEXEC);

		fuzz_must(fd >= 0 && gittree_add(t, "one file more", false, fd,
		    0) == AC_OK);
		(void)close(fd);
	}
	if (e == AC_OK)
		e = t == NULL ? AC_ERR_FORMAT : gittree_check(t, &why);
	gittree_free(t);
	free(item);
	free(r);
	return e == AC_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (take(span_of(data, size), false))
		fuzz_must(!take(span_of(data, size), true));
	return 0;
}
