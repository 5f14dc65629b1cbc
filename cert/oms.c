/* oms.c -- OpenSSF Model Signing v1.0; see oms.h. */
#include <stdlib.h>

#include "cert/form.h"
#include "cert/oms.h"
#include "cert/statement.h"
#include "common/reader.h"
#include "common/sha256.h"
#include "common/text.h"

const char *const oms_ignore[OMS_NIGNORE] = { "model.sig", "aicert.jsonl",
	".cache/huggingface", ".git", ".gitattributes", ".github",
	".gitignore" };

bool
oms_path_is_valid(struct span path)
{
	struct reader r = rd_of(path);
	struct span part;

	if (path.len == 0 || path.len > FILE_PATH_MAX || !text_is_plain(path))
		return false;
	for (;;) {
		bool last = !rd_until(&r, &part, '/');

		if (last)
			part = r.left;
		if (part.len == 0 || span_is(part, ".") || span_is(part, ".."))
			return false;
		if (last)
			return true;
	}
}

bool
oms_is_ignored(struct span path, const char *const ignore[], size_t nignore)
{
	for (size_t i = 0; i < nignore; i++) {
		size_t n = strlen(ignore[i]);

		if (span_begins(path, ignore[i]) &&
		    (path.len == n || path.p[n] == '/'))
			return true;
	}
	return false;
}

int
oms_compare(const void *a, const void *b)
{
	const struct oms_file *f = a, *g = b;

	return span_compare(f->name, g->name);
}

struct digest
oms_root(const struct oms_file files[], size_t n)
{
	struct sha256 s;

	sha256_init(&s);
	for (size_t i = 0; i < n; i++)
		sha256_update(&s, span_digest(&files[i].sha256));
	return sha256_final(&s);
}

struct digest
oms_manifest(const struct oms_file files[], size_t n)
{
	struct sha256 s;

	sha256_init(&s);
	for (size_t i = 0; i < n; i++) {
		char hex[64];

		text_hex(hex, span_digest(&files[i].sha256));
		sha256_update(&s, span_of(hex, sizeof(hex)));
		sha256_update(&s, span_str("  "));
		sha256_update(&s, files[i].name);
		sha256_update(&s, span_str("\n"));
	}
	return sha256_final(&s);
}

enum ac_err
oms_encode(struct buf *out, const struct oms_file files[], size_t n,
    const char *const ignore[], size_t nignore)
{
	struct digest root = oms_root(files, n);
	struct writer w;

	wr_init(&w, OMS_STATEMENT_MAX);
	statement_write_head(&w);
	statement_write_subject(&w, span_str("model"), &root);
	statement_write_type(&w, TYPE_OMS);
	wr_str(&w, "{\"serialization\":{\"method\":\"files\",\"hash_type\":"
	    "\"sha256\",\"allow_symlinks\":false,\"ignore_paths\":[");
	for (size_t i = 0; i < nignore; i++) {
		if (i > 0)
			wr_u8(&w, ',');
		wr_json(&w, span_str(ignore[i]));
	}
	wr_str(&w, "]},\"resources\":[");
	for (size_t i = 0; i < n; i++) {
		wr_str(&w, i == 0 ? "{\"name\":" : ",{\"name\":");
		wr_json(&w, files[i].name);
		wr_str(&w, ",\"algorithm\":\"sha256\",\"digest\":\"");
		wr_hex(&w, span_digest(&files[i].sha256));
		wr_str(&w, "\"}");
	}
	wr_str(&w, "]}}");
	return wr_end(&w, out);
}

#define COMMON "hash_type 'sha256' allow_symlinks F ignore_paths? [s]"
#define OMS(serialization) "{serialization {" serialization "} " \
    "resources [{name s algorithm s digest x} 1-" FORM_NUMBER(FILES_MAX) "]}"

/* Paths of our list, each once; none of them has to be there. */
static bool
check_ignore(struct json paths)
{
	bool seen[OMS_NIGNORE] = { false };

	JSON_EACH(j, paths) {
		size_t i = 0;

		while (i < OMS_NIGNORE && !json_is(j, oms_ignore[i]))
			i++;
		if (i == OMS_NIGNORE || seen[i])
			return false;
		seen[i] = true;
	}
	return true;
}

static enum ac_err
check_predicate(struct oms *o, struct json predicate)
{
	struct json how = json_get(predicate, "serialization");
	enum ac_err e;

	if (json_uint(json_get(how, "shard_size"), &o->shard_bytes,
	    JSON_INT_MAX) && o->shard_bytes > 0)
		e = form_check(predicate, OMS("method 'shards' shard_size i "
		    COMMON), NULL);
	else
		e = form_check(predicate, OMS("method 'files' " COMMON), NULL);
	return e == AC_OK && !check_ignore(json_get(how, "ignore_paths")) ?
	    AC_ERR_FORMAT : e;
}

/* "sha256", or model_signing's name for it in shards of a size. */
static bool
is_sha256(const struct oms *o, struct json algorithm)
{
	struct reader r;
	struct span s;
	uint64_t size;

	if (!json_string(algorithm, &s))
		return false;
	r = rd_of(s);
	return span_is(s, "sha256") || (o->shard_bytes > 0 &&
	    rd_text(&r, "sha256-sharded-") &&
	    text_undec(&size, r.left, JSON_INT_MAX) && size == o->shard_bytes);
}

/* Take ":<number>" off the end of *name. */
static bool
take_number(struct span *name, uint64_t *n)
{
	size_t i = name->len;

	while (i > 0 && name->p[i - 1] != ':')
		i--;
	if (i == 0 || !text_undec(n, span_of(name->p + i, name->len - i),
	    JSON_INT_MAX))
		return false;
	name->len = i - 1;
	return true;
}

/* "<path>:<start>:<end>" */
static bool
parse_shard(struct oms_part *out, struct span name)
{
	struct oms_part p = { .path = name };

	if (!take_number(&p.path, &p.end) || !take_number(&p.path, &p.start) ||
	    p.start >= p.end)
		return false;
	*out = p;
	return true;
}

struct oms_part
oms_part_of(const struct oms *o, const struct oms_file *f)
{
	struct oms_part p = { f->name, 0, UINT64_MAX };

	if (o->shard_bytes > 0)
		(void)!parse_shard(&p, f->name); /* checked when decoded */
	return p;
}

/* By path, then by place. */
static int
compare_shards(const void *a, const void *b)
{
	const struct oms_file *f = a, *g = b;
	struct oms_part p = { 0 }, q = { 0 };
	int c;

	(void)!parse_shard(&p, f->name);
	(void)!parse_shard(&q, g->name);
	c = span_compare(p.path, q.path);
	return c != 0 ? c : p.start < q.start ? -1 : p.start > q.start;
}

static enum ac_err
take_resources(struct oms *o, struct json list)
{
	o->file = calloc(json_count(list), sizeof(*o->file));
	if (o->file == NULL)
		return AC_ERR_MEMORY;
	JSON_EACH(j, list) {
		struct oms_file *f = &o->file[o->nfiles++];
		struct oms_part part;

		if (!json_string(json_get(j, "name"), &f->name) ||
		    !is_sha256(o, json_get(j, "algorithm")) ||
		    !json_digest(json_get(j, "digest"), &f->sha256))
			return AC_ERR_FORMAT;
		part.path = f->name;
		if ((o->shard_bytes > 0 && !parse_shard(&part, f->name)) ||
		    !oms_path_is_valid(part.path) ||
		    oms_is_ignored(part.path, oms_ignore, OMS_NIGNORE))
			return AC_ERR_FORMAT;
	}
	return AC_OK;
}

static enum ac_err
sort_resources(struct oms *o)
{
	int (*compare)(const void *, const void *) =
	    o->shard_bytes > 0 ? compare_shards : oms_compare;

	o->sorted = calloc(o->nfiles, sizeof(*o->sorted));
	if (o->sorted == NULL)
		return AC_ERR_MEMORY;
	memcpy(o->sorted, o->file, o->nfiles * sizeof(*o->sorted));
	qsort(o->sorted, o->nfiles, sizeof(*o->sorted), compare);
	for (size_t i = 1; i < o->nfiles; i++)
		if (compare(&o->sorted[i - 1], &o->sorted[i]) == 0)
			return AC_ERR_FORMAT; /* a name twice */
	return AC_OK;
}

/* Do the shards of each file follow each other, full but for the last? */
static bool
shards_are_whole(const struct oms *o)
{
	struct oms_part before = { 0 };

	for (size_t i = 0; o->shard_bytes > 0 && i < o->nfiles; i++) {
		struct oms_part p = oms_part_of(o, &o->sorted[i]);
		bool same = i > 0 && span_equal(p.path, before.path);

		if (p.end - p.start > o->shard_bytes ||
		    p.start != (same ? before.end : 0) ||
		    (same && before.end - before.start != o->shard_bytes))
			return false;
		before = p;
	}
	return true;
}

enum ac_err
oms_decode(struct oms *out, struct span bytes)
{
	struct statement s = { 0 };
	struct oms o = { 0 };
	struct digest root;
	struct span name;
	enum ac_err e;

	if (bytes.len > OMS_STATEMENT_MAX)
		return AC_ERR_LIMIT;
	e = statement_decode_protobuf(&s, bytes);
	if (e != AC_OK)
		return e;
	e = check_predicate(&o, s.predicate);
	/* The subject's name is the model's folder, when it was signed. */
	if (e == AC_OK && (!span_is(s.predicate_type, TYPE_OMS) ||
	    json_count(s.subjects) != 1 ||
	    !statement_subject(json_first(s.subjects), &name, &root)))
		e = AC_ERR_FORMAT;
	if (e == AC_OK)
		e = take_resources(&o, json_get(s.predicate, "resources"));
	if (e == AC_OK)
		e = sort_resources(&o);
	if (e == AC_OK && !shards_are_whole(&o))
		e = AC_ERR_FORMAT;
	if (e != AC_OK)
		goto out;
	e = AC_ERR_MISMATCH;
	o.root = oms_root(o.file, o.nfiles);
	if (!digest_equal(&root, &o.root))
		goto out;
	o.doc = s.doc;
	s.doc = (struct json_doc){ 0 }; /* transferred */
	*out = o;
	o = (struct oms){ 0 }; /* transferred */
	e = AC_OK;
out:
	oms_free(&o);
	statement_free(&s);
	return e;
}

void
oms_free(struct oms *o)
{
	free(o->file);
	free(o->sorted);
	json_free(&o->doc);
	*o = (struct oms){ 0 };
}

const struct oms_file *
oms_find(const struct oms *o, struct span path)
{
	size_t low = 0, high = o->nfiles;

	/* The first whose path is not below. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (span_compare(oms_part_of(o, &o->sorted[mid]).path,
		    path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < o->nfiles && span_equal(oms_part_of(o,
	    &o->sorted[low]).path, path) ? &o->sorted[low] : NULL;
}

const struct oms_file *
oms_resource(const struct oms *o, struct span name)
{
	struct oms_part part = { .path = name };
	const struct oms_file *f;
	uint64_t i;

	if (o->shard_bytes > 0 && !parse_shard(&part, name))
		return NULL;
	f = oms_find(o, part.path);
	/* Shards follow each other, all but the last of one length. */
	i = o->shard_bytes > 0 ? part.start / o->shard_bytes : 0;
	if (f == NULL || i >= o->nfiles - (size_t)(f - o->sorted))
		return NULL;
	return span_equal(f[i].name, name) ? &f[i] : NULL;
}
