/* oms.c -- OpenSSF Model Signing v1.0; see oms.h. */
#include <stdlib.h>

#include "cert/limits.h"
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

		if (path.len >= n && span_is(span_of(path.p, n), ignore[i]) &&
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

/* Exactly our list, in our order. */
static bool
check_ignore(struct json paths)
{
	struct json j = json_first(paths);

	if (!json_is_array(paths))
		return false;
	for (size_t i = 0; i < OMS_NIGNORE; i++, j = json_next(j))
		if (!json_is(j, oms_ignore[i]))
			return false;
	return !json_present(j);
}

static bool
check_serialization(struct json j)
{
	bool symlinks;

	return json_closed(j,
	    "method hash_type allow_symlinks ignore_paths") &&
	    json_is(json_get(j, "method"), "files") &&
	    json_is(json_get(j, "hash_type"), "sha256") &&
	    json_bool(json_get(j, "allow_symlinks"), &symlinks) && !symlinks &&
	    check_ignore(json_get(j, "ignore_paths"));
}

static enum ac_err
decode_resources(struct oms *o, struct json list)
{
	size_t n = json_count(list);

	if (!json_is_array(list) || n == 0)
		return AC_ERR_FORMAT;
	if (n > FILES_MAX)
		return AC_ERR_LIMIT;
	o->file = calloc(n, sizeof(*o->file));
	if (o->file == NULL)
		return AC_ERR_MEMORY;
	for (struct json j = json_first(list); json_present(j);
	    j = json_next(j)) {
		struct oms_file *f = &o->file[o->nfiles];

		if (!json_closed(j, "name algorithm digest") ||
		    !json_string(json_get(j, "name"), &f->name) ||
		    !oms_path_is_valid(f->name) ||
		    oms_is_ignored(f->name, oms_ignore, OMS_NIGNORE) ||
		    (o->nfiles > 0 && oms_compare(f - 1, f) >= 0) ||
		    !json_is(json_get(j, "algorithm"), "sha256") ||
		    !json_digest(json_get(j, "digest"), &f->sha256))
			return AC_ERR_FORMAT;
		o->nfiles++;
	}
	return AC_OK;
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
	e = statement_decode(&s, bytes);
	if (e != AC_OK)
		return e;
	e = AC_ERR_FORMAT;
	if (!span_is(s.predicate_type, TYPE_OMS) ||
	    json_count(s.subjects) != 1 ||
	    !statement_subject(json_first(s.subjects), &name, &root) ||
	    !span_is(name, "model") ||
	    !json_closed(s.predicate, "serialization resources") ||
	    !check_serialization(json_get(s.predicate, "serialization")))
		goto out;
	e = decode_resources(&o, json_get(s.predicate, "resources"));
	if (e != AC_OK)
		goto out;
	e = AC_ERR_MISMATCH;
	o.root = oms_root(o.file, o.nfiles);
	if (!digest_equal(&root, &o.root))
		goto out;
	o.doc = s.doc;
	s.doc.root = NULL; /* transferred */
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
	json_free(&o->doc);
	*o = (struct oms){ 0 };
}

const struct oms_file *
oms_find(const struct oms *o, struct span name)
{
	struct oms_file key = { .name = name };

	return bsearch(&key, o->file, o->nfiles, sizeof(key), oms_compare);
}
