/* folder.c -- see folder.h. */
#include <ftw.h>
#include <unistd.h>

#include "cert/leaf.h"
#include "common/sha256.h"
#include "tests/registry/folder.h"
#include "tests/test.h"

void
folder_make(struct folder *f)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(f->path, sizeof(f->path), "%s/aicert-test-XXXXXX",
	    tmp == NULL ? P_tmpdir : tmp);
	assert_non_null(mkdtemp(f->path));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
folder_remove(struct folder *f)
{
	assert_int_equal(nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS),
	    0);
}

const char *
folder_file(struct folder *f, const char *name)
{
	static char path[FOLDER_MAX + 256];

	(void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
	return path;
}

struct store *
folder_store(struct folder *f)
{
	struct message why = { "" };
	struct store *s = NULL;

	assert_ok(store_create(folder_file(f, "registry.db"), "log.example",
	    "", 1000, &why));
	assert_ok(store_open(&s, folder_file(f, "registry.db"), true, &why));
	return s;
}

struct buf
folder_body(uint64_t i)
{
	struct buf body = { 0 };
	char statement[64];
	struct spki key;
	struct digest d;

	(void)snprintf(statement, sizeof(statement), "statement %llu",
	    (unsigned long long)i);
	memset(key.b, 7, sizeof(key.b));
	d = sha256_of(span_str(statement));
	assert_ok(leaf_encode(&body, &d, span_str("signature"), &key));
	return body;
}

struct store_entry
folder_entry(uint64_t i)
{
	static char statement[64];
	static struct store_term term[2];
	static uint8_t shared[32];
	static struct spki key;
	struct store_entry e = { .index = i };
	struct buf body;

	(void)snprintf(statement, sizeof(statement), "statement %llu",
	    (unsigned long long)i);
	memset(key.b, 7, sizeof(key.b));
	memset(shared, 9, sizeof(shared));
	/* A subject of its own, a dependency that all share. */
	e.d = sha256_of(span_str(statement));
	term[0] = store_term_digest(STORE_SUBJECT, span_str("sha256"),
	    span_digest(&e.d));
	term[1] = store_term_digest(STORE_DEPENDENCY, span_str("sha256"),
	    span_of(shared, sizeof(shared)));
	e.key = key;
	e.sig = span_str("signature");
	e.type = span_str("type");
	e.statement = span_str(statement);
	body = folder_body(i);
	e.leaf = merkle_leaf(buf_span(&body));
	buf_free(&body);
	e.term = term;
	e.nterms = 2;
	return e;
}

void
folder_grow(struct store *s, struct tree *t, struct store_head *head,
    uint64_t size)
{
	struct store_head to;

	assert_ok(store_begin(s));
	for (uint64_t i = head->size; i < size; i++) {
		struct store_entry e = folder_entry(i);
		uint64_t index;

		assert_ok(store_put_entry(s, &index, &e));
		assert_ok(tree_push(t, s, &e.leaf));
	}
	assert_ok(tree_save(t, s));
	to = (struct store_head){ t->size, tree_root(t) };
	assert_ok(store_put_head(s, head, &to));
	assert_ok(store_commit(s));
	*head = to;
}
