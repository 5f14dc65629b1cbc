/* fsck.c -- a log derived anew; see fsck.h. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "auditor/derive.h"
#include "auditor/fsck.h"
#include "auditor/removals.h"

struct fsck {
	const struct fsck_options *o;
	struct fsck_result r;
	struct head head;
	struct derive derive;
	struct derive other;       /* another try at the right edge */
	struct entries *entries;
	struct removals *removals;
	struct message *why;
	struct digest leaf[MERKLE_TILE_WIDTH], tile[MERKLE_TILE_WIDTH];
	struct entry entry[MERKLE_TILE_WIDTH];
};

static void
find(struct fsck *f, const char *kind, const char *path, bool has_index,
    uint64_t index, const struct message *what)
{
	struct fsck_finding finding = { kind, path, has_index, index, what };

	f->r.nfindings++;
	if (f->o->found != NULL)
		f->o->found(f->o->arg, &finding);
}

/* Does e say how the log is, not that it could not be looked at? */
static bool
is_finding(enum ac_err e)
{
	return e == AC_ERR_NOT_FOUND || e == AC_ERR_FORMAT ||
	    e == AC_ERR_LIMIT || e == AC_ERR_MISMATCH;
}

/* ---- partial files of earlier sizes ---- */

/* Bytes of the first width hashes, or entries. */
static size_t
length_of(const struct span entry[], unsigned width)
{
	size_t len = 0;

	if (entry == NULL)
		return width * sizeof(struct digest);
	for (unsigned i = 0; i < width; i++)
		len += 2 + entry[i].len;
	return len;
}

/* One file of a tile's folder of partial ones: a beginning of whole? */
static void
compare_partial(struct fsck *f, const char *path, struct span whole,
    const struct span entry[])
{
	struct merkle_tile tile;
	struct buf there = { 0 };
	struct message what;
	bool entries;
	size_t len;
	enum ac_err e;

	/* What is not called like a tile is served to nobody. */
	if (!merkle_tile_parse(&tile, &entries, span_str(path)) ||
	    tile.width == MERKLE_TILE_WIDTH)
		return;
	len = length_of(entry, tile.width);
	/* Of a size to come: tiles are there before their checkpoint. */
	if (len > whole.len)
		return;
	e = source_get(f->o->log, &there, path, TILES_BUNDLE_MAX, &what);
	if (e == AC_OK && !span_equal(buf_span(&there),
	    span_of(whole.p, len)))
		message_set(&what, "it is not the beginning of the larger "
		    "one");
	else if (e == AC_OK)
		f->r.npartials++;
	if (e != AC_OK || there.len != len ||
	    !span_equal(buf_span(&there), span_of(whole.p, len)))
		find(f, entries ? "bad-bundle" : "bad-tile", path, false, 0,
		    &what);
	buf_free(&there);
}

/*
 * In a folder, earlier sizes may have left partial files of this tile; they are
 * served, so they are compared with whole, the bytes of tile.
 */
static void
compare_partials(struct fsck *f, const struct merkle_tile *tile,
    struct span whole, const struct span entry[])
{
	const char *folder = source_folder(f->o->log);
	struct merkle_tile small = { tile->level, tile->index, 1 };
	char path[MERKLE_TILE_PATH_MAX], *name, *dir = NULL;
	struct dirent *d;
	DIR *open_dir;

	if (folder == NULL)
		return;
	merkle_tile_path(path, &small, entry != NULL);
	name = strrchr(path, '/') + 1;
	*name = '\0';
	if (asprintf(&dir, "%s/%s", folder, path) < 0)
		return;
	open_dir = opendir(dir);
	free(dir);
	if (open_dir == NULL)
		return;
	while ((d = readdir(open_dir)) != NULL) {
		if (strlen(d->d_name) > 3 || d->d_name[0] == '.')
			continue;
		memcpy(name, d->d_name, strlen(d->d_name) + 1);
			compare_partial(f, path, whole, entry);
	}
	(void)closedir(open_dir);
}

/* ---- tiles ---- */

/* Compare a derived tile with what is served; a derive_take. */
static enum ac_err
compare_tile(void *arg, const struct merkle_tile *tile,
    const struct digest hash[])
{
	struct fsck *f = arg;
	struct digest served[MERKLE_TILE_WIDTH];
	char path[MERKLE_TILE_PATH_MAX];
	struct message why;
	unsigned first = 0, n = 0;
	enum ac_err e;

	if (tile->level == 0) /* compared with its bundle, hash by hash */
		return AC_OK;
	merkle_tile_path(path, tile, false);
	e = tiles_read(f->o->log, served, tile, &why);
	if (is_finding(e)) {
		find(f, e == AC_ERR_NOT_FOUND ? "missing-tile" : "bad-tile",
		    path, false, 0, &why);
		return AC_OK;
	}
	if (e != AC_OK) {
		*f->why = why;
		return e;
	}
	f->r.ntiles++;
	compare_partials(f, tile, span_of(hash, tile->width *
	    sizeof(hash[0])), NULL);
	for (unsigned i = tile->width; i-- > 0;)
		if (!digest_equal(&served[i], &hash[i])) {
			first = i;
			n++;
		}
	if (n > 0) {
		message_set(&why, "%u of %u hashes differ from those of the "
		    "level below, the first is hash %u: expected ", n,
		    tile->width, first);
		message_add_digest(&why, &hash[first]);
		message_add(&why, ", found ");
		message_add_digest(&why, &served[first]);
		find(f, "bad-tile", path, false, 0, &why);
	}
	return AC_OK;
}

static enum ac_err
ignore_tile(void *arg, const struct merkle_tile *tile,
    const struct digest hash[])
{
	(void)arg;
	(void)tile;
	(void)hash;
	return AC_OK;
}

/* Would the whole log with these leaves at its end have the signed root? */
static bool
leads_to_root(struct fsck *f, const struct digest leaf[], unsigned width)
{
	struct digest root;

	f->other = f->derive;
	for (unsigned i = 0; i < width; i++)
		if (derive_push(&f->other, &leaf[i], ignore_tile, f) != AC_OK)
			return false;
	root = derive_root(&f->other);
	return digest_equal(&root, &f->head.root);
}

/*
 * Bundle and tile disagree: is the tile right, as far as what is above it
 * tells?
 */
static bool
tile_is_right(struct fsck *f, const struct merkle_tile *tile)
{
	struct merkle_tile above = { 1, tile->index / MERKLE_TILE_WIDTH, 0 };
	struct digest hash[MERKLE_TILE_WIDTH], root;
	uint64_t n = f->head.size / MERKLE_TILE_WIDTH -
	    above.index * MERKLE_TILE_WIDTH;
	struct message ignored;

	if (tile->width < MERKLE_TILE_WIDTH)
		return leads_to_root(f, f->tile, tile->width);
	above.width = n < MERKLE_TILE_WIDTH ? (unsigned)n : MERKLE_TILE_WIDTH;
	if (tiles_read(f->o->log, hash, &above, &ignored) != AC_OK)
		return false;
	root = merkle_perfect_root(f->tile, MERKLE_TILE_WIDTH);
	return digest_equal(&root, &hash[tile->index % MERKLE_TILE_WIDTH]);
}

/* Bundle against tile; f->leaf becomes what the log committed to. */
static void
compare_leaves(struct fsck *f, const struct merkle_tile *tile)
{
	char entries[MERKLE_TILE_PATH_MAX], hashes[MERKLE_TILE_PATH_MAX];
	struct message what;
	bool right, differ = false;

	for (unsigned i = 0; i < tile->width; i++)
		differ = differ || !digest_equal(&f->leaf[i], &f->tile[i]);
	if (!differ)
		return;
	right = tile_is_right(f, tile);
	merkle_tile_path(entries, tile, true);
	merkle_tile_path(hashes, tile, false);
	for (unsigned i = 0; i < tile->width; i++) {
		if (digest_equal(&f->leaf[i], &f->tile[i]))
			continue;
		message_set(&what, "entry %u of the bundle has the leaf hash ",
		    i);
		message_add_digest(&what, &f->leaf[i]);
		message_add(&what, ", %s has ", hashes);
		message_add_digest(&what, &f->tile[i]);
		message_add(&what, right ? "; the tree above agrees with the "
		    "tile" : "; the tree above does not agree with the tile");
		find(f, right ? "bad-entry" : "bad-tile", right ? entries :
		    hashes, true, tile->index * MERKLE_TILE_WIDTH + i, &what);
	}
	if (right)
		memcpy(f->leaf, f->tile, sizeof(f->leaf));
}

/* ---- entries ---- */

/* Remember removals; a look of entries.h. */
static enum ac_err
look(void *arg, const struct entry *e, struct span statement,
    struct message *why)
{
	struct fsck *f = arg;
	struct digest d;
	enum ac_err r = AC_OK;

	if (removals_read(&d, f->o->policy, span_str(f->head.log->name),
	    &e->leaf, statement))
		r = removals_covers(f->removals, &d);
	if (r != AC_OK)
		message_set(why, "cannot remember a removal: %s",
		    ac_strerror(r));
	return r;
}

static enum ac_err
check_entries(struct fsck *f, const struct span entry[], uint64_t first,
    unsigned width, const char *path)
{
	enum ac_err e;

	for (unsigned i = 0; i < width; i++) {
		f->entry[i].index = first + i;
		f->entry[i].body = entry[i];
	}
	e = entries_check(f->entries, f->entry, width, f->why);
	if (e != AC_OK)
		return e;
	for (unsigned i = 0; i < width; i++) {
		const struct entry *x = &f->entry[i];

		if (x->state == ENTRY_WITHHELD) {
			e = removals_missing(f->removals, x->index,
			    &x->leaf.d);
			if (e != AC_OK) {
				message_set(f->why, "more statements are "
				    "missing than are counted (%d)",
				    REMOVALS_MAX);
				return e;
			}
		} else if (x->state != ENTRY_GOOD) {
			find(f, entries_state_name(x->state), path, true,
			    x->index, &x->why);
		}
		if (f->o->statements != NULL && x->state == ENTRY_GOOD)
			f->r.nstatements++;
	}
	return AC_OK;
}

/* One bundle and its tile; *gap: neither is there. */
static enum ac_err
check_bundle(struct fsck *f, uint64_t index, unsigned width, bool *gap)
{
	struct merkle_tile tile = { 0, index, width };
	struct span entry[MERKLE_TILE_WIDTH];
	char path[MERKLE_TILE_PATH_MAX];
	struct buf bundle = { 0 };
	struct message why, tile_why;
	enum ac_err e, t;

	merkle_tile_path(path, &tile, true);
	e = tiles_bundle(f->o->log, &bundle, entry, index, width, &why);
	if (is_finding(e)) {
		find(f, e == AC_ERR_NOT_FOUND ? "missing-bundle" :
		    "bad-bundle", path, false, 0, &why);
	} else if (e != AC_OK) {
		*f->why = why;
		return e;
	}
	t = tiles_read(f->o->log, f->tile, &tile, &tile_why);
	if (is_finding(t)) {
		char tile_path[MERKLE_TILE_PATH_MAX];

		merkle_tile_path(tile_path, &tile, false);
		find(f, t == AC_ERR_NOT_FOUND ? "missing-tile" : "bad-tile",
		    tile_path, false, 0, &tile_why);
	} else if (t != AC_OK) {
		*f->why = tile_why;
		buf_free(&bundle);
		return t;
	}
	f->r.nbundles += e == AC_OK;
	f->r.ntiles += t == AC_OK;
	*gap = e != AC_OK && t != AC_OK;
	if (*gap)
		return AC_OK;
	if (e == AC_OK) {
		for (unsigned i = 0; i < width; i++)
			f->leaf[i] = merkle_leaf(entry[i]);
		if (t == AC_OK)
			compare_leaves(f, &tile);
		compare_partials(f, &tile, span_of(f->leaf, width *
		    sizeof(f->leaf[0])), NULL);
		compare_partials(f, &tile, span_of(bundle.p, length_of(entry,
		    width)), entry);
		e = check_entries(f, entry, index * MERKLE_TILE_WIDTH, width,
		    path);
	} else {
		memcpy(f->leaf, f->tile, sizeof(f->leaf));
		e = AC_OK;
	}
	buf_free(&bundle);
	return e;
}

/* ---- the whole ---- */

static enum ac_err
check_head(struct fsck *f)
{
	struct buf note = { 0 };
	struct message what;
	enum ac_err e;

	e = source_get(f->o->log, &note, "checkpoint", NOTE_MAX, f->why);
	if (e != AC_OK)
		return e;
	e = head_check(&f->head, f->o->policy, buf_span(&note), &what);
	buf_free(&note);
	if (e != AC_OK) {
		message_set(f->why, "cannot use the checkpoint of ");
		message_add_quoted(f->why, span_str(source_place(f->o->log)));
		message_add(f->why, ": %s", what.text);
		/* Without a tree to compare with there is nothing to do. */
		return e;
	}
	if (!f->head.quorum)
		find(f, "no-quorum", "checkpoint", false, 0,
		    &f->head.quorum_why);
	f->r.size = f->head.size;
	f->r.root = f->head.root;
	memcpy(f->r.origin, f->head.log->name, sizeof(f->r.origin));
	return AC_OK;
}

static enum ac_err
check_root(struct fsck *f)
{
	struct digest root = derive_root(&f->derive);
	struct message what;
	enum ac_err e = derive_edge(&f->derive, compare_tile, f);

	if (e != AC_OK)
		return e;
	if (!digest_equal(&root, &f->head.root)) {
		message_set(&what, "the entries lead to the root ");
		message_add_digest(&what, &root);
		message_add(&what, ", the checkpoint says ");
		message_add_digest(&what, &f->head.root);
		find(f, "bad-root", "checkpoint", false, 0, &what);
	}
	return AC_OK;
}

static void
check_missing(struct fsck *f)
{
	const struct removals_item *item = NULL;
	size_t n = 0, ncovered = 0;

	removals_settle(f->removals, &item, &n, &ncovered);
	f->r.nremoved = ncovered;
	for (size_t i = 0; i < n; i++) {
		char path[SOURCE_STATEMENT_PATH_MAX];
		struct message what;

		source_statement_path(path, &item[i].d);
		message_set(&what, "the statement is not served, and no "
		    "removal by the registry's key covers it");
		find(f, "withheld", path, true, item[i].index, &what);
	}
}

static enum ac_err
check_all(struct fsck *f)
{
	uint64_t size = f->head.size;

	for (uint64_t at = 0; at < size; at += MERKLE_TILE_WIDTH) {
		unsigned width = size - at < MERKLE_TILE_WIDTH ?
		    (unsigned)(size - at) : MERKLE_TILE_WIDTH;
		bool gap = false;
		enum ac_err e = check_bundle(f, at / MERKLE_TILE_WIDTH, width,
		    &gap);

		if (e != AC_OK)
			return e;
		if (gap) {
			/* What is above cannot be derived any more. */
			f->r.whole = false;
			return AC_OK;
		}
		for (unsigned i = 0; i < width; i++) {
			e = derive_push(&f->derive, &f->leaf[i], compare_tile,
			    f);
			if (e != AC_OK)
				return e;
		}
		if (f->o->progress != NULL)
			f->o->progress(f->o->arg, at + width, size);
	}
	return check_root(f);
}

enum ac_err
fsck_run(struct fsck_result *out, const struct fsck_options *o,
    struct message *why)
{
	struct fsck *f = calloc(1, sizeof(*f));
	struct entries_options eo = { o->statements, o->nthreads, look, f,
		NULL };
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	if (f == NULL)
		return e;
	f->o = o;
	f->why = why;
	f->r.whole = true;
	e = entries_new(&f->entries, &eo);
	if (e == AC_OK)
		e = removals_new(&f->removals);
	if (e == AC_OK)
		e = check_head(f);
	if (e == AC_OK)
		e = check_all(f);
	if (e != AC_OK)
		goto out;
	check_missing(f);
	*out = f->r;
	e = AC_OK;
out:
	entries_free(f->entries);
	removals_free(f->removals);
	head_free(&f->head);
	free(f);
	return e;
}
