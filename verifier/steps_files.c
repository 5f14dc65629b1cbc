/*
 * steps_files.c -- step 16: the files are those of the manifest, none missing,
 * extra or different.  By names and lengths first, before anything is read,
 * then by digests; then what an index of tensors names.
 */
#include <stdlib.h>

#include "cert/weights.h"
#include "common/glob.h"
#include "common/sha256.h"
#include "verifier/check.h"
#include "verifier/steps.h"

/* What is to be compared, and what is wrong with it. */
struct comparison {
	struct verification *v;
	const struct verify_listing *listing;
	struct message *why;
	size_t nempty; /* files without bytes, which shards cannot name */
};

static bool
says(struct comparison *c, const char *what, struct span name,
    const char *then)
{
	return BECAUSE(c->why, false, "%s%s%s", what, message_quoted(name).text,
	    then);
}

static bool
extra_is_allowed(const struct verify_listing *l, struct span name)
{
	for (size_t i = 0; i < l->nallow; i++)
		if (glob_matches(span_str(l->allow[i]), name))
			return true;
	return false;
}

/* A file of the folder that no line names. */
static bool
take_extra(struct comparison *c, const struct oms_file *f)
{
	if (c->v->oms.shard_bytes > 0 && f->bytes == 0) {
		c->nempty++;
		return true;
	}
	if (extra_is_allowed(c->listing, f->name)) {
		c->v->nallowed++;
		return true;
	}
	return CHECK(file_extra, false) ? true :
	    says(c, "extra file ", f->name,
	    ", which the certificate does not list");
}

/*
 * The lines of the file k of the listing, from line i on; *i is after them.
 * Shards end where the file does.
 */
static bool
take_lines(struct comparison *c, size_t *i, size_t k)
{
	const struct oms *oms = &c->v->oms;
	const struct oms_file *f = &c->listing->file[k];
	uint64_t end = 0;

	for (; *i < oms->nfiles; ++*i) {
		struct oms_part p = oms_part_of(oms, &oms->sorted[*i]);

		if (span_compare(p.path, f->name) != 0)
			break;
		if (oms->shard_bytes == 0)
			p.end = f->bytes;
		end = p.end;
		c->v->part[c->v->nparts++] = (struct verify_part){
			.line = &oms->sorted[*i], .file = k,
			.start = p.start, .end = p.end };
	}
	return CHECK(file_length, end == f->bytes) ? true :
	    says(c, "file ", f->name,
	    " differs: it is longer or shorter than its shards");
}

/* Both in order of path. */
static bool
compare_all(struct comparison *c)
{
	const struct oms *oms = &c->v->oms;
	const struct verify_listing *l = c->listing;
	size_t i = 0, k = 0;

	while (i < oms->nfiles || k < l->nfiles) {
		struct span path = { 0 };
		int order = 1;

		if (i < oms->nfiles) {
			path = oms_part_of(oms, &oms->sorted[i]).path;
			order = k == l->nfiles ? -1 :
			    span_compare(path, l->file[k].name);
		}
		if (order < 0) {
			if (!CHECK(file_missing, false))
				return says(c, "missing file ", path, "");
			i++;
		} else if (order > 0) {
			if (!take_extra(c, &l->file[k]))
				return false;
			k++;
		} else if (!take_lines(c, &i, k++))
			return false;
	}
	return true;
}

/* The last part of a path. */
static struct span
last_part(struct span path)
{
	size_t i = path.len;

	while (i > 0 && path.p[i - 1] != '/')
		i--;
	return span_of(path.p + i, path.len - i);
}

/*
 * One file by itself: the line of its name, or the only one that ends in it,
 * for a file that was taken out of its folder.
 */
static bool
compare_one(struct comparison *c)
{
	const struct oms *oms = &c->v->oms;
	const struct oms_file *f = &c->listing->file[0];
	const struct oms_file *found = oms_find(oms, f->name);
	struct oms_file named = *f;
	struct verify_listing renamed = *c->listing;
	struct comparison d = *c;
	size_t i;

	for (i = 0; found == NULL && i < oms->nfiles; i++) {
		struct oms_part p = oms_part_of(oms, &oms->sorted[i]);

		if (p.start != 0 || !span_equal(last_part(p.path), f->name))
			continue;
		for (size_t k = i + 1; k < oms->nfiles; k++) {
			struct oms_part q = oms_part_of(oms, &oms->sorted[k]);

			if (q.start == 0 &&
			    span_equal(last_part(q.path), f->name))
				return says(c, "the certificate lists several "
				    "files ", f->name, "; verify the one in "
				    "its folder, or the folder");
		}
		found = &oms->sorted[i];
	}
	if (!CHECK(file_listed, found != NULL))
		return says(c, "the certificate lists no file ", f->name, "");
	if (found == NULL)
		return true;
	named.name = oms_part_of(oms, found).path;
	renamed.file = &named;
	d.listing = &renamed;
	i = (size_t)(found - oms->sorted);
	return take_lines(&d, &i, 0);
}

bool
verification_list(struct verification *v, const struct verify_listing *listing)
{
	struct verify_result *r = &v->step[VERIFY_FILES];
	struct comparison c = { v, listing, &r->text, 0 };

	if (verification_failed(v))
		return false;
	r->status = VERIFY_FAILED;
	v->nparts = v->nallowed = 0;
	v->one_file = listing->alone && v->oms.nfiles > 1;
	free(v->part);
	v->part = calloc(v->oms.nfiles, sizeof(*v->part));
	if (v->part == NULL)
		return BECAUSE(&r->text, false, "no memory");
	if (!(listing->alone ? compare_one(&c) : compare_all(&c)))
		return false;
	r->status = VERIFY_NOT_REACHED;
	if (listing->alone)
		message_set(&r->text, "this file alone: %zu of %zu lines of "
		    "the manifest; the others are not checked", v->nparts,
		    v->oms.nfiles);
	else
		message_set(&r->text, "%zu files, none missing%s or different",
		    listing->nfiles - v->nallowed - c.nempty,
		    v->nallowed > 0 ? "" : ", extra");
	if (v->oms.shard_bytes > 0)
		message_add(&r->text, ", in %zu shards", v->nparts);
	if (v->nallowed > 0)
		message_add(&r->text, "; %zu extra, as allowed: not covered by "
		    "the certificate", v->nallowed);
	if (c.nempty > 0)
		message_add(&r->text, "; %zu empty, which shards do not list",
		    c.nempty);
	return true;
}

void
verification_digests(struct verification *v, const struct digest got[])
{
	struct verify_result *r = &v->step[VERIFY_FILES];

	if (verification_failed(v) || v->part == NULL)
		return;
	for (size_t i = 0; i < v->nparts; i++) {
		const struct oms_file *line = v->part[i].line;

		if (CHECK(file_differs, digest_equal(&line->sha256, &got[i])))
			continue;
		message_set(&r->text, v->oms.shard_bytes > 0 ? "shard " :
		    "file ");
		message_add_quoted(&r->text, line->name);
		message_add(&r->text, " differs: expected sha256 %s, got %s",
		    message_digest(&line->sha256).text,
		    message_digest(&got[i]).text);
		r->status = VERIFY_FAILED;
		return;
	}
	r->status = VERIFY_OK;
}

void
verification_files(struct verification *v, const struct oms_file file[],
    size_t n)
{
	struct verify_listing listing = { .file = file, .nfiles = n };
	struct digest *got;

	if (!verification_list(v, &listing))
		return;
	got = calloc(v->nparts + 1, sizeof(*got));
	for (size_t i = 0; got != NULL && i < v->nparts; i++)
		got[i] = file[v->part[i].file].sha256;
	if (got == NULL || v->oms.shard_bytes > 0) {
		v->step[VERIFY_FILES].status = VERIFY_FAILED;
		message_set(&v->step[VERIFY_FILES].text, got == NULL ?
		    "no memory" : "shards are not compared by whole files");
	} else
		verification_digests(v, got);
	free(got);
}

void
verification_files_failed(struct verification *v, const struct message *why)
{
	if (verification_failed(v))
		return;
	v->step[VERIFY_FILES].status = VERIFY_FAILED;
	v->step[VERIFY_FILES].text = *why;
}

bool
verification_is_index(struct span path)
{
	return span_ends(path, ".safetensors.index.json") ||
	    span_ends(path, ".bin.index.json");
}

/* Every file of the map is a weight file beside the index. */
static bool
check_map(struct comparison *c, struct span index, struct json map)
{
	size_t folder = index.len - last_part(index).len;

	if (!json_is_object(map) || json_count(map) == 0)
		return says(c, "", index, " has no map of tensors to files");
	JSON_EACH(j, map) {
		char path[FILE_PATH_MAX];
		struct span name;

		if (!json_string(j, &name) ||
		    name.len > sizeof(path) - folder)
			return says(c, "", index, " names what is no file");
		memcpy(path, index.p, folder);
		memcpy(path + folder, name.p, name.len);
		if (oms_find(&c->v->oms, span_of(path, folder + name.len)) ==
		    NULL || !weights_is(name, true)) {
			(void)says(c, "", index, " names ");
			message_add_quoted(c->why, name);
			message_add(c->why, ", which is no weight file of the "
			    "certificate");
			return false;
		}
	}
	return true;
}

void
verification_index(struct verification *v, struct span path, struct span bytes)
{
	struct verify_result *r = &v->step[VERIFY_FILES];
	struct comparison c = { v, NULL, &r->text, 0 };
	const struct oms_file *line = oms_find(&v->oms, path);
	struct digest got = sha256_of(bytes);
	struct json_doc doc = { 0 };
	struct message before = r->text;
	bool ok = false;

	if (r->status != VERIFY_OK)
		return;
	if (line == NULL || !digest_equal(&line->sha256, &got))
		(void)says(&c, "", path, " changed while it was read");
	else if (json_parse(&doc, bytes) != AC_OK)
		(void)says(&c, "", path, " is no index of tensors: malformed, "
		    "or over a limit");
	else
		ok = CHECK(index_names, check_map(&c, path,
		    json_get(json_root(&doc), "weight_map")));
	json_free(&doc);
	if (ok)
		r->text = before;
	else
		r->status = VERIFY_FAILED;
}
