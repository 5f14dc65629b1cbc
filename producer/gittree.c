/* gittree.c -- git's ids, computed from what was stored; see gittree.h. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cert/limits.h"
#include "common/reader.h"
#include "common/text.h"
#include "common/writer.h"
#include "producer/gittree.h"

#define BLOCK ((size_t)256 << 10)
#define SHA1_LEN 20
#define FOLDER_MAX ((size_t)64 << 20) /* bytes of one tree object */

/* What stands in a tree object, git's own spelling of modes. */
static const char *const modes[] = { "100644", "100755", "40000", "160000" };
enum mode { PLAIN, EXECUTABLE, FOLDER, MODULE };

struct entry {
	char *path; /* owned */
	enum mode mode;
	struct gittree_id id;
};

struct commit {
	char *path; /* owned */
	struct gittree_id id, tree;
};

struct gittree {
	struct gittree_id wanted;
	EVP_MD *md;
	EVP_MD_CTX *ctx;
	struct entry *entry;
	size_t n, cap;
	struct commit commit[GIT_MODULES_MAX + 1];
	size_t ncommits;
};

/* A folder whose entries are not all known yet. */
struct level {
	size_t len;            /* of its path, in the path of what lies in it */
	struct writer content; /* of its tree object so far */
};

bool
gittree_id_parse(struct gittree_id *out, struct span hex)
{
	struct gittree_id id = { .len = hex.len / 2 };

	if ((hex.len != 2 * SHA1_LEN && hex.len != 2 * GITTREE_ID_MAX) ||
	    !text_unhex(id.b, id.len, hex))
		return false;
	*out = id;
	return true;
}

static bool
id_equal(const struct gittree_id *a, const struct gittree_id *b)
{
	return a->len == b->len && ac_equal(a->b, b->b, a->len);
}

static void
add_id(struct message *m, const struct gittree_id *id)
{
	char hex[2 * GITTREE_ID_MAX + 1];

	text_hex(hex, span_of(id->b, id->len));
	hex[2 * id->len] = '\0';
	message_add(m, "%s", hex);
}

enum ac_err
gittree_new(struct gittree **out, const struct gittree_id *commit)
{
	struct gittree *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return AC_ERR_MEMORY;
	t->wanted = *commit;
	t->md = EVP_MD_fetch(NULL, commit->len == SHA1_LEN ? "SHA1" : "SHA256",
	    NULL);
	t->ctx = EVP_MD_CTX_new();
	if (t->md == NULL || t->ctx == NULL) {
		gittree_free(t);
		return AC_ERR_MEMORY;
	}
	*out = t;
	return AC_OK;
}

void
gittree_free(struct gittree *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->entry[i].path);
	for (size_t i = 0; i < t->ncommits; i++)
		free(t->commit[i].path);
	free(t->entry);
	EVP_MD_CTX_free(t->ctx);
	EVP_MD_free(t->md);
	free(t);
}

/* ---- objects ---- */

static bool
hash_begin(struct gittree *t, const char *type, uint64_t bytes)
{
	char head[40];
	int n = snprintf(head, sizeof(head), "%s %llu", type,
	    (unsigned long long)bytes);

	return EVP_DigestInit_ex2(t->ctx, t->md, NULL) == 1 &&
	    EVP_DigestUpdate(t->ctx, head, (size_t)n + 1) == 1;
}

static bool
hash_end(struct gittree *t, struct gittree_id *out)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_DigestFinal_ex(t->ctx, md, &n) != 1 || n != t->wanted.len)
		return false;
	memcpy(out->b, md, n);
	out->len = n;
	return true;
}

static enum ac_err
hash_object(struct gittree *t, struct gittree_id *out, const char *type,
    struct span s)
{
	return hash_begin(t, type, s.len) &&
	    EVP_DigestUpdate(t->ctx, s.p, s.len) == 1 && hash_end(t, out) ?
	    AC_OK : AC_ERR_CRYPTO;
}

/* A new entry; path is copied. */
static enum ac_err
append(struct gittree *t, const char *path, enum mode mode,
    const struct gittree_id *id)
{
	if (t->n == t->cap) {
		size_t cap = t->cap == 0 ? 64 : t->cap * 2;
		struct entry *grown = realloc(t->entry, cap * sizeof(*grown));

		if (grown == NULL)
			return AC_ERR_MEMORY;
		t->entry = grown;
		t->cap = cap;
	}
	t->entry[t->n] = (struct entry){ strdup(path), mode, *id };
	if (t->entry[t->n].path == NULL)
		return AC_ERR_MEMORY;
	t->n++;
	return AC_OK;
}

enum ac_err
gittree_add(struct gittree *t, const char *path, bool executable, int fd,
    uint64_t bytes)
{
	uint8_t *block = malloc(BLOCK);
	struct gittree_id id;
	enum ac_err e = AC_ERR_CRYPTO;
	uint64_t at = 0;

	if (block == NULL)
		return AC_ERR_MEMORY;
	if (!hash_begin(t, "blob", bytes))
		goto out;
	while (at < bytes) {
		ssize_t n = pread(fd, block, BLOCK, (off_t)at);

		if (n <= 0) {
			e = AC_ERR_IO;
			goto out;
		}
		if (EVP_DigestUpdate(t->ctx, block, (size_t)n) != 1)
			goto out;
		at += (uint64_t)n;
	}
	if (hash_end(t, &id))
		e = append(t, path, executable ? EXECUTABLE : PLAIN, &id);
out:
	free(block);
	return e;
}

enum ac_err
gittree_commit(struct gittree *t, const char *path, struct span object,
    struct message *why)
{
	static const char field[] = "tree ";
	size_t n = sizeof(field) - 1;
	struct commit c = { 0 };
	struct reader r = rd_of(object);
	struct span line;
	enum ac_err e;

	for (size_t i = 0; i < t->ncommits; i++)
		if (strcmp(t->commit[i].path, path) == 0)
			return BECAUSE(why, AC_ERR_EXISTS, "two commits of "
			    "one folder");
	if (t->ncommits > GIT_MODULES_MAX)
		return BECAUSE(why, AC_ERR_LIMIT, "more than %d submodules",
		    GIT_MODULES_MAX);
	if (!rd_line(&r, &line) || line.len <= n ||
	    !span_is(span_of(line.p, n), field) ||
	    !gittree_id_parse(&c.tree, span_of(line.p + n, line.len - n)) ||
	    c.tree.len != t->wanted.len)
		return BECAUSE(why, AC_ERR_FORMAT, "a commit that does not "
		    "begin with its tree");
	message_set(why, "a commit cannot be hashed");
	e = hash_object(t, &c.id, "commit", object);
	if (e != AC_OK)
		return e;
	c.path = strdup(path);
	if (c.path == NULL)
		return AC_ERR_MEMORY;
	t->commit[t->ncommits++] = c; /* transferred */
	return AC_OK;
}

/* ---- trees ---- */

/*
 * The order of paths as bytes is that of git, in which a folder counts as if
 * its name ended in '/'.
 */
static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* Is a part of the path ".git", in any case? */
static bool
has_git(const char *path)
{
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, "/");

		if (n == 4 && p[0] == '.' && (p[1] | 0x20) == 'g' &&
		    (p[2] | 0x20) == 'i' && (p[3] | 0x20) == 't')
			return true;
		p += n;
		p += *p == '/';
	}
	return false;
}

/* c in lower case; '/' is before all else, so that folders stay together. */
static unsigned char
fold(char c)
{
	if (c == '/')
		return 1;
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Bytes that x and y have in common but for capitals. */
static size_t
shared(const char *x, const char *y)
{
	size_t n = 0;

	while (x[n] != '\0' && fold(x[n]) == fold(y[n]))
		n++;
	return n;
}

static int
compare_folded(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	size_t n = shared(*x, *y);

	return (int)fold((*x)[n]) - (int)fold((*y)[n]);
}

static bool
is_part_end(char c)
{
	return c == '/' || c == '\0';
}

/* Do x and y have a folder or file in common that they spell differently? */
static bool
collide(const char *x, const char *y)
{
	size_t n = shared(x, y);

	while (n > 0 && (!is_part_end(x[n]) || !is_part_end(y[n])))
		n--;
	return strncmp(x, y, n) != 0;
}

/* Names that another machine, or git, would take for something else. */
static enum ac_err
check_names(const struct gittree *t, struct message *why)
{
	const char **path = calloc(t->n + 1, sizeof(*path));
	enum ac_err e = AC_OK;

	if (path == NULL)
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	for (size_t i = 0; e == AC_OK && i < t->n; i++) {
		path[i] = t->entry[i].path;
		if (!has_git(path[i]))
			continue;
		message_set(why, "%s", "");
		message_add_quoted(why, span_str(path[i]));
		message_add(why, " has a part called \".git\", which git "
		    "keeps for itself");
		e = AC_ERR_FORMAT;
	}
	if (e == AC_OK)
		qsort(path, t->n, sizeof(*path), compare_folded);
	for (size_t i = 1; e == AC_OK && i < t->n; i++) {
		if (!collide(path[i - 1], path[i]))
			continue;
		message_set(why, "%s", "");
		message_add_quoted(why, span_str(path[i - 1]));
		message_add(why, " and ");
		message_add_quoted(why, span_str(path[i]));
		message_add(why, " differ in capitals only; not every machine "
		    "can hold both");
		e = AC_ERR_FORMAT;
	}
	free(path);
	return e;
}

static void
put(struct writer *w, enum mode mode, struct span name,
    const struct gittree_id *id)
{
	wr_str(w, modes[mode]);
	wr_u8(w, ' ');
	wr_bytes(w, name);
	wr_u8(w, 0);
	wr_bytes(w, span_of(id->b, id->len));
}

/* The id of a folder that is complete. */
static enum ac_err
close_level(struct gittree *t, struct level *l, struct gittree_id *out)
{
	struct buf content = { 0 };
	enum ac_err e = wr_end(&l->content, &content);

	if (e == AC_OK)
		e = hash_object(t, out, "tree", buf_span(&content));
	buf_free(&content);
	return e;
}

/*
 * The id of the tree of entry[0..n), which are sorted and all lie skip bytes
 * down their paths: folders are begun and ended as the paths say.
 */
static enum ac_err
hash_tree(struct gittree *t, const struct entry entry[], size_t n, size_t skip,
    struct gittree_id *out)
{
	static const size_t deepest = FILE_PATH_MAX / 2 + 2;
	struct level *level = calloc(deepest, sizeof(*level));
	const char *path = "";
	size_t depth = 1;
	enum ac_err e = AC_ERR_MEMORY;
	struct gittree_id id;

	if (level == NULL)
		return e;
	level[0].len = skip;
	wr_init(&level[0].content, FOLDER_MAX);
	for (size_t i = 0; i <= n; i++) {
		const char *next = i < n ? entry[i].path : "";

		/* End what the next path does not lie in. */
		while (depth > 1 && (i == n || strncmp(path, next,
		    level[depth - 1].len) != 0)) {
			struct level *l = &level[depth - 1], *in = l - 1;

			e = close_level(t, l, &id);
			depth--;
			if (e != AC_OK)
				goto out;
			put(&in->content, FOLDER, span_of(path + in->len,
			    l->len - 1 - in->len), &id);
		}
		if (i == n)
			break;
		path = next;
		for (;;) {
			struct level *in = &level[depth - 1];
			const char *name = path + in->len;
			size_t len = strcspn(name, "/");

			if (name[len] == '\0') {
				put(&in->content, entry[i].mode,
				    span_of(name, len), &entry[i].id);
				break;
			}
			e = AC_ERR_LIMIT;
			if (depth == deepest)
				goto out;
			level[depth].len = in->len + len + 1;
			wr_init(&level[depth++].content, FOLDER_MAX);
		}
	}
	e = close_level(t, &level[0], out);
	depth = 0;
out:
	for (size_t i = 0; i < depth; i++)
		wr_free(&level[i].content);
	free(level);
	return e;
}

/* Replace what lies below a submodule's path by the submodule. */
static enum ac_err
replace(struct gittree *t, size_t first, size_t n, const struct commit *c)
{
	for (size_t i = first; i < first + n; i++)
		free(t->entry[i].path);
	if (n > 0)
		memmove(t->entry + first, t->entry + first + n,
		    (t->n - first - n) * sizeof(*t->entry));
	t->n -= n;
	if (append(t, c->path, MODULE, &c->id) != AC_OK)
		return AC_ERR_MEMORY;
	qsort(t->entry, t->n, sizeof(*t->entry), compare);
	return AC_OK;
}

static enum ac_err
check_commit(struct gittree *t, const struct commit *c, struct message *why)
{
	size_t len = strlen(c->path), skip = len == 0 ? 0 : len + 1;
	size_t first = 0, n = 0;
	struct gittree_id found = { .len = 0 };
	enum ac_err e;

	if (len == 0)
		n = t->n;
	for (size_t i = 0; len > 0 && i < t->n; i++)
		if (strncmp(t->entry[i].path, c->path, len) == 0 &&
		    t->entry[i].path[len] == '/') {
			if (n == 0)
				first = i;
			n++;
		}
	message_set(why, "the tree of a commit cannot be hashed");
	e = hash_tree(t, n == 0 ? NULL : t->entry + first, n, skip, &found);
	if (e != AC_OK)
		return e;
	if (!id_equal(&found, &c->tree)) {
		message_set(why, "the files");
		if (len > 0) {
			message_add(why, " below ");
			message_add_quoted(why, span_str(c->path));
		}
		message_add(why, " make the tree ");
		add_id(why, &found);
		message_add(why, ", but the commit ");
		add_id(why, &c->id);
		message_add(why, " names ");
		add_id(why, &c->tree);
		return AC_ERR_MISMATCH;
	}
	return len == 0 ? AC_OK : replace(t, first, n, c);
}

/* The longest path first: a submodule lies in whatever is shorter. */
static int
compare_commits(const void *a, const void *b)
{
	const struct commit *x = a, *y = b;
	size_t n = strlen(x->path), k = strlen(y->path);

	return n == k ? strcmp(x->path, y->path) : n < k ? 1 : -1;
}

enum ac_err
gittree_check(struct gittree *t, struct message *why)
{
	const struct commit *top;
	enum ac_err e;

	if (t->ncommits == 0)
		return BECAUSE(why, AC_ERR_FORMAT, "no commit came with the "
		    "files");
	qsort(t->commit, t->ncommits, sizeof(t->commit[0]), compare_commits);
	top = &t->commit[t->ncommits - 1];
	if (top->path[0] != '\0')
		return BECAUSE(why, AC_ERR_FORMAT, "no commit came with the "
		    "files");
	if (!id_equal(&top->id, &t->wanted)) {
		message_set(why, "the pin is gitCommit:");
		add_id(why, &t->wanted);
		message_add(why, ", but what is there is gitCommit:");
		add_id(why, &top->id);
		return AC_ERR_MISMATCH;
	}
	if (t->n > 0)
		qsort(t->entry, t->n, sizeof(*t->entry), compare);
	e = check_names(t, why);
	for (size_t i = 0; e == AC_OK && i < t->ncommits; i++)
		e = check_commit(t, &t->commit[i], why);
	return e;
}
