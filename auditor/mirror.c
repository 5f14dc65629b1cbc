/* mirror.c -- copying a log; see mirror.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auditor/derive.h"
#include "auditor/mirror.h"
#include "auditor/removals.h"
#include "auditor/split.h"
#include "cert/dsse.h"
#include "common/file.h"
#include "common/hook.h"
#include "common/reader.h"
#include "common/text.h"

#define GAPS "mirror-gaps"     /* what is missing, and what is removed */
#define PROGRESS "mirror-done" /* entries that are durable, no checkpoint yet */
#define EVIDENCE "mirror-split.json"
#define STATEMENTS "api/v1/statements"
#define GAPS_MAX ((size_t)128 * MIB)
#define PARTS "mirror-parts"   /* statements that are not whole yet */
#define SAVE_EVERY 64          /* bundles between two notes of progress */

struct mirror {
	const struct mirror_options *o;
	struct mirror_result r;
	struct message *why;
	int lock;
	struct source *local;     /* the copy; NULL: none is published */
	struct head old, head;
	struct tiles tiles;
	struct derive derive;
	struct entries *entries;
	struct removals *removals;
	atomic_uint_fast64_t nfetched;
	struct buf gaps;          /* as it was; owned */
	uint64_t done;            /* entries of an earlier run, durable */
	struct entry entry[MERKLE_TILE_WIDTH];
};

static enum ac_err
failed(struct mirror *m, const char *what, const char *path, enum ac_err e)
{
	message_set(m->why, "cannot %s ", what);
	message_add_quoted(m->why, span_str(path));
	message_add(m->why, ": %s", e == AC_ERR_IO ? strerror(errno) :
	    ac_strerror(e));
	return e == AC_ERR_BUSY ? e : AC_ERR_IO;
}

static enum ac_err
path_of(char **out, const struct mirror *m, const char *name)
{
	if (asprintf(out, "%s/%s", m->o->dir, name) < 0) {
		*out = NULL;
		message_set(m->why, "out of memory");
		return AC_ERR_MEMORY;
	}
	return AC_OK;
}

/* ---- durable files ---- */

/* Make every folder above path below m->o->dir, durably. */
static enum ac_err
make_folders(const struct mirror *m, char *path)
{
	size_t at = strlen(m->o->dir) + 1;

	for (char *slash = strchr(path + at, '/'); slash != NULL;
	    slash = strchr(slash + 1, '/')) {
		enum ac_err e = AC_OK;

		*slash = '\0';
		if (mkdir(path, 0755) == 0) {
			char *above = strrchr(path, '/');

			*above = '\0';
			e = file_sync_dir(path);
			*above = '/';
		} else if (errno != EEXIST) {
			e = AC_ERR_IO;
		}
		*slash = '/';
		if (e != AC_OK)
			return e;
	}
	return AC_OK;
}

/* Put an immutable file; the same one may be there. */
static enum ac_err
put(struct mirror *m, const char *name, struct span data)
{
	struct buf there = { 0 };
	char *path = NULL;
	enum ac_err e = path_of(&path, m, name);

	if (e != AC_OK)
		return e;
	e = make_folders(m, path);
	if (e == AC_OK)
		e = file_create(path, data, 0644);
	hook_at("mirror-file");
	if (e == AC_ERR_EXISTS) {
		e = file_read(&there, path, TILES_BUNDLE_MAX);
		if (e == AC_OK && !span_equal(buf_span(&there), data))
			e = AC_ERR_MISMATCH;
		buf_free(&there);
	}
	if (e == AC_ERR_MISMATCH || e == AC_ERR_LIMIT) {
		message_set(m->why, "the copy has another ");
		message_add_quoted(m->why, span_str(path));
		message_add(m->why, " than the log; which of the two is wrong, "
		    "\"aicert-audit fsck\" says of each");
		e = AC_ERR_MISMATCH;
	} else if (e != AC_OK) {
		e = failed(m, "write", path, e);
	}
	free(path);
	return e;
}

/* Replace a file of our own. */
static enum ac_err
replace(struct mirror *m, const char *name, struct span data)
{
	char *path = NULL;
	enum ac_err e = path_of(&path, m, name);

	if (e == AC_OK && (e = file_write(path, data, 0644)) != AC_OK)
		e = failed(m, "write", path, e);
	free(path);
	return e;
}

/* *out = a file of our own, empty where it is not there. */
static enum ac_err
read_own(struct mirror *m, struct buf *out, const char *name, size_t max)
{
	char *path = NULL;
	enum ac_err e = path_of(&path, m, name);

	if (e == AC_OK) {
		e = file_read(out, path, max);
		if (e == AC_ERR_NOT_FOUND)
			e = buf_copy(out, span_of(NULL, 0));
		if (e != AC_OK)
			e = failed(m, "read", path, e);
	}
	free(path);
	return e;
}

/* ---- statements, in the threads ---- */

/* The copy's path of D; and of the file it is before it is whole. */
static bool
statement_paths(const struct mirror *m, char **path, char **part,
    const struct digest *d)
{
	char below[SOURCE_STATEMENT_PATH_MAX];

	source_statement_path(below, d);
	if (asprintf(path, "%s/%s", m->o->dir, below) < 0) {
		*path = NULL;
		return false;
	}
	if (asprintf(part, "%s/" PARTS "/%u", m->o->dir,
	    (unsigned)gettid()) < 0) {
		*part = NULL;
		free(*path);
		*path = NULL;
		return false;
	}
	return true;
}

/* Remember a removal. */
static enum ac_err
note_removal(struct mirror *m, const struct entry *e, struct span statement)
{
	struct digest d;

	return removals_read(&d, m->o->policy, span_str(m->head.log->name),
	    &e->leaf, statement) ? removals_covers(m->removals, &d) : AC_OK;
}

/* A statement came: keep it.  Its folder is synced with the bundle. */
static enum ac_err
look(void *arg, const struct entry *e, struct span statement,
    struct message *why)
{
	struct mirror *m = arg;
	char *path = NULL, *part = NULL;
	enum ac_err r = note_removal(m, e, statement);
	int fd = -1;

	if (r != AC_OK || !statement_paths(m, &path, &part, &e->leaf.d)) {
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	r = AC_ERR_IO;
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	    0644);
	if (fd < 0 || file_write_all(fd, statement) != AC_OK ||
	    fsync(fd) != 0 || rename(part, path) != 0) {
		message_set(why, "cannot write ");
		message_add_quoted(why, span_str(path));
		message_add(why, ": %s", strerror(errno));
		goto out;
	}
	(void)atomic_fetch_add(&m->nfetched, 1);
	hook_at("mirror-statement");
	r = AC_OK;
out:
	if (fd >= 0)
		(void)close(fd);
	free(path);
	free(part);
	return r;
}

/* It is here from an earlier run, whole and right. */
static bool
has(void *arg, const struct entry *e)
{
	struct mirror *m = arg;
	char *path = NULL, *part = NULL;
	struct buf statement = { 0 };
	struct digest d;
	bool is = false;

	if (!statement_paths(m, &path, &part, &e->leaf.d))
		return false;
	if (file_read(&statement, path, STATEMENT_MAX) == AC_OK) {
		d = dsse_digest(buf_span(&statement));
		is = digest_equal(&d, &e->leaf.d) &&
		    note_removal(m, e, buf_span(&statement)) == AC_OK;
	}
	buf_free(&statement);
	free(path);
	free(part);
	return is;
}

/* ---- heads ---- */

static enum ac_err
read_heads(struct mirror *m)
{
	struct buf note = { 0 };
	struct message what;
	enum ac_err e;

	e = source_get(m->o->log, &note, "checkpoint", NOTE_MAX, m->why);
	if (e != AC_OK)
		return e;
	e = head_check(&m->head, m->o->policy, buf_span(&note), &what);
	buf_free(&note);
	if (e == AC_OK && !m->head.quorum) {
		what = m->head.quorum_why;
		e = AC_ERR_MISMATCH;
	}
	if (e != AC_OK) {
		message_set(m->why, "the log's checkpoint cannot be accepted: "
		    "%s", what.text);
		return AC_ERR_MISMATCH;
	}
	memcpy(m->r.origin, m->head.log->name, sizeof(m->r.origin));
	e = read_own(m, &note, "checkpoint", NOTE_MAX);
	if (e != AC_OK)
		return e;
	if (note.len > 0)
		e = head_check(&m->old, m->o->policy, buf_span(&note), &what);
	buf_free(&note);
	if (e == AC_OK && m->old.log != NULL && m->old.log != m->head.log) {
		message_set(&what, "it is of the log %s", m->old.log->name);
		e = AC_ERR_MISMATCH;
	}
	if (e != AC_OK) {
		message_set(m->why, "the copy's own checkpoint does not hold: "
		    "%s", what.text);
		return AC_ERR_MISMATCH;
	}
	if (m->old.log == NULL)
		m->old.root = merkle_empty();
	m->r.before = m->old.size;
	return AC_OK;
}

/* Does the log extend the copy?  Evidence is kept where it does not. */
static enum ac_err
check_growth(struct mirror *m)
{
	bool grown = m->head.size >= m->old.size;
	const struct head *small = grown ? &m->old : &m->head;
	const struct head *large = grown ? &m->head : &m->old;
	struct digest node[SPLIT_NODES_MAX];
	struct buf file = { 0 };
	struct message what = { "" };
	struct writer w;
	size_t n = 0;
	enum ac_err e;

	m->tiles.source = grown ? m->o->log : m->local;
	e = split_find(node, &n, &m->tiles, small->size, &small->root,
	    large->size, &large->root, &what);
	m->r.shrunk = e == AC_OK && !grown;
	if (e == AC_OK)
		return e;
	if (e == AC_ERR_MISMATCH) {
		wr_init(&w, SPLIT_FILE_MAX);
		split_write(&w, buf_span(&small->note), buf_span(&large->note),
		    node, n);
		e = wr_end(&w, &file);
		if (e == AC_OK)
			e = replace(m, EVIDENCE, buf_span(&file));
		buf_free(&file);
		if (e != AC_OK)
			return e;
		message_set(m->why, "the log signed two pasts: %s; the proof "
		    "is %s in the copy's folder", what.text, EVIDENCE);
		return AC_ERR_MISMATCH;
	}
	*m->why = what;
	return e == AC_ERR_FORMAT ? AC_ERR_MISMATCH : e;
}

/* ---- tiles ---- */

/* Write a derived tile; a derive_take. */
static enum ac_err
put_tile(void *arg, const struct merkle_tile *tile,
    const struct digest hash[])
{
	char path[MERKLE_TILE_PATH_MAX];

	merkle_tile_path(path, tile, false);
	return put(arg, path, span_of(hash, tile->width * sizeof(hash[0])));
}

/* The derivation as it is at the copy's size, from its own tiles. */
static enum ac_err
load_edge(struct mirror *m)
{
	uint64_t n = m->old.size;
	struct digest root;
	enum ac_err e = AC_OK;

	for (unsigned l = 0; e == AC_OK && n > 0; l++) {
		struct merkle_tile tile = { l, n / MERKLE_TILE_WIDTH,
			(unsigned)(n % MERKLE_TILE_WIDTH) };

		m->derive.level[l].index = tile.index;
		m->derive.level[l].n = tile.width;
		if (tile.width > 0)
			e = tiles_read(m->local, m->derive.level[l].hash,
			    &tile, m->why);
		n /= MERKLE_TILE_WIDTH;
	}
	if (e != AC_OK)
		return e == AC_ERR_BUSY ? e : AC_ERR_MISMATCH;
	m->derive.size = m->old.size;
	root = derive_root(&m->derive);
	if (digest_equal(&root, &m->old.root))
		return AC_OK;
	message_set(m->why, "the copy's tiles do not lead to its own "
	    "checkpoint; \"aicert-audit fsck\" says which are wrong");
	return AC_ERR_MISMATCH;
}

/* ---- entries ---- */

/* Statements of these entries: fetched, or gaps. */
static enum ac_err
copy_statements(struct mirror *m, const struct span entry[], uint64_t first,
    unsigned offset, unsigned width)
{
	size_t n = 0;
	char *path = NULL;
	enum ac_err e;

	for (unsigned i = offset; i < width; i++)
		m->entry[n++] = (struct entry){ .index = first + i,
			.body = entry[i] };
	e = entries_check(m->entries, m->entry, n, m->why);
	for (size_t i = 0; e == AC_OK && i < n; i++) {
		const struct entry *x = &m->entry[i];

		if (x->state == ENTRY_GOOD)
			continue;
		if (x->state == ENTRY_WITHHELD ||
		    x->state == ENTRY_BAD_CONTENT)
			e = removals_missing(m->removals, x->index,
			    &x->leaf.d);
		else
			m->r.nbad++;
		if (m->o->found != NULL && x->state != ENTRY_WITHHELD)
			m->o->found(m->o->arg, x);
		if (e != AC_OK)
			message_set(m->why, "too many statements are missing");
	}
	if (e == AC_OK && m->o->statements) {
		e = path_of(&path, m, STATEMENTS);
		if (e == AC_OK && (e = file_sync_dir(path)) != AC_OK)
			e = failed(m, "sync", path, e);
		free(path);
	}
	return e;
}

/*
 * Does the checkpoint's tree begin with these entries, after those so far?  By
 * the log's tiles, so that nothing is kept that the log did not commit to.
 */
static enum ac_err
check_prefix(struct mirror *m, const struct span entry[], unsigned offset,
    unsigned width)
{
	struct digest node[SPLIT_NODES_MAX], root;
	struct merkle_frontier f;
	struct message what;
	size_t n = 0;
	enum ac_err e = AC_OK;

	derive_frontier(&m->derive, &f);
	for (unsigned i = offset; e == AC_OK && i < width; i++) {
		struct digest leaf = merkle_leaf(entry[i]);

		e = merkle_push(&f, &leaf);
	}
	if (e != AC_OK)
		return e;
	root = merkle_root(&f);
	e = split_find(node, &n, &m->tiles, f.size, &root, m->head.size,
	    &m->head.root, &what);
	if (e == AC_OK || e == AC_ERR_BUSY || e == AC_ERR_MEMORY) {
		*m->why = what;
		return e;
	}
	message_set(m->why, "the entries from %" PRIu64 " to %" PRIu64
	    " cannot be shown to be those of the checkpoint of size %" PRIu64
	    ": %s", m->derive.size, f.size, m->head.size, what.text);
	return AC_ERR_MISMATCH;
}

/* A full bundle that an earlier run kept; AC_ERR_NOT_FOUND. */
static enum ac_err
read_kept(struct mirror *m, struct buf *out,
    struct span entry[MERKLE_TILE_WIDTH], const struct merkle_tile *tile)
{
	char name[MERKLE_TILE_PATH_MAX];
	char *path = NULL;
	enum ac_err e;

	merkle_tile_path(name, tile, true);
	e = path_of(&path, m, name);
	if (e == AC_OK)
		e = file_read(out, path, TILES_BUNDLE_MAX);
	if (e == AC_OK && tiles_split(entry, buf_span(out), tile->width) !=
	    AC_OK) {
		buf_free(out);
		e = AC_ERR_NOT_FOUND;
	}
	free(path);
	return e;
}

/* The bundle's bytes of exactly width entries; a larger one is cut. */
static struct span
cut(const struct buf *bundle, const struct span entry[], unsigned width)
{
	const struct span *last = &entry[width - 1];

	return span_of(bundle->p, (size_t)(last->p + last->len - bundle->p));
}

/* Fetch, derive, keep: the bundle in which the next entry is. */
static enum ac_err
copy_bundle(struct mirror *m)
{
	uint64_t at = m->derive.size, index = at / MERKLE_TILE_WIDTH;
	uint64_t first = index * MERKLE_TILE_WIDTH, left = m->head.size -
	    first;
	struct merkle_tile tile = { 0, index, left < MERKLE_TILE_WIDTH ?
		(unsigned)left : MERKLE_TILE_WIDTH };
	unsigned offset = (unsigned)(at - first);
	struct span entry[MERKLE_TILE_WIDTH];
	char path[MERKLE_TILE_PATH_MAX];
	struct buf bundle = { 0 };
	bool kept = read_kept(m, &bundle, entry, &tile) == AC_OK;
	enum ac_err e = AC_OK;

	if (!kept)
		e = tiles_bundle(m->o->log, &bundle, entry, index, tile.width,
		    m->why);
	if (e == AC_ERR_FORMAT)
		e = AC_ERR_MISMATCH;
	if (e == AC_OK)
		e = check_prefix(m, entry, offset, tile.width);
	if (e == AC_ERR_MISMATCH && kept)
		message_add(m->why, "; the bundle is the copy's own: if it is "
		    "damaged, remove it, and run this again");
	if (e == AC_OK && (!m->o->statements || first + tile.width > m->done))
		e = copy_statements(m, entry, first, offset, tile.width);
	if (e == AC_OK) {
		merkle_tile_path(path, &tile, true);
		e = put(m, path, cut(&bundle, entry, tile.width));
	}
	for (unsigned i = offset; e == AC_OK && i < tile.width; i++) {
		struct digest leaf = merkle_leaf(entry[i]);

		e = derive_push(&m->derive, &leaf, put_tile, m);
	}
	m->r.nbundles += e == AC_OK && !kept;
	buf_free(&bundle);
	return e;
}

/* ---- what is missing ---- */

/* Lines "missing <index> <D>" and "removed <D>" of earlier runs. */
static enum ac_err
take_gaps(struct mirror *m)
{
	struct reader r = rd_of(buf_span(&m->gaps));
	struct span line;

	while (rd_line(&r, &line)) {
		struct reader words = rd_of(line);
		struct span word, number;
		struct digest d;
		uint64_t index = 0;
		enum ac_err e = AC_ERR_FORMAT;

		if (!rd_until(&words, &word, ' '))
			return e;
		if (span_is(word, "removed") &&
		    text_unhex_digest(&d, words.left))
			e = removals_covers(m->removals, &d);
		else if (span_is(word, "missing") &&
		    rd_until(&words, &number, ' ') &&
		    text_undec(&index, number, MERKLE_SIZE_MAX) &&
		    text_unhex_digest(&d, words.left))
			e = removals_missing(m->removals, index, &d);
		if (e != AC_OK)
			return e;
	}
	return r.left.len == 0 ? AC_OK : AC_ERR_FORMAT;
}

/* Ask once more for a statement; *there: it is in the copy now. */
static enum ac_err
try_gap(struct mirror *m, const struct removals_item *x, bool *there)
{
	struct entry e = { .index = x->index };
	char path[SOURCE_STATEMENT_PATH_MAX];
	struct buf statement = { 0 };
	struct digest d;
	enum ac_err r;

	*there = false;
	source_statement_path(path, &x->d);
	r = source_get(m->o->log, &statement, path, STATEMENT_MAX, m->why);
	if (r != AC_OK)
		return r == AC_ERR_BUSY || r == AC_ERR_MEMORY ? r : AC_OK;
	d = dsse_digest(buf_span(&statement));
	e.leaf.d = x->d;
	if (digest_equal(&d, &x->d)) {
		r = look(m, &e, buf_span(&statement), m->why);
		*there = r == AC_OK;
	}
	buf_free(&statement);
	return r;
}

/* What was missing before is asked for again; then the list is written. */
static enum ac_err
settle_gaps(struct mirror *m, bool ask)
{
	const struct removals_item *item = NULL, *covered = NULL;
	size_t n = 0, ncovered = 0, nremovals = 0;
	struct buf text = { 0 };
	struct writer w;
	enum ac_err e = AC_OK;

	removals_settle(m->removals, &item, &n, &ncovered);
	removals_list(m->removals, &covered, &nremovals);
	m->r.nremoved += ncovered;
	m->r.ngaps = 0;
	wr_init(&w, GAPS_MAX);
	for (size_t i = 0; e == AC_OK && i < nremovals; i++) {
		wr_str(&w, "removed ");
		wr_hex(&w, span_digest(&covered[i].d));
		wr_u8(&w, '\n');
	}
	for (size_t i = 0; e == AC_OK && i < n; i++) {
		bool there = false;

		if (ask && m->o->statements)
			e = try_gap(m, &item[i], &there);
		if (there)
			continue;
		m->r.ngaps++;
		wr_str(&w, "missing ");
		wr_dec(&w, item[i].index);
		wr_u8(&w, ' ');
		wr_hex(&w, span_digest(&item[i].d));
		wr_u8(&w, '\n');
	}
	if (e == AC_OK && (e = wr_end(&w, &text)) != AC_OK)
		message_set(m->why, "too many statements are missing");
	wr_free(&w);
	if (e == AC_OK && !span_equal(buf_span(&text), buf_span(&m->gaps)))
		e = replace(m, GAPS, buf_span(&text));
	buf_free(&m->gaps);
	m->gaps = text;
	return e;
}

/* ---- the whole ---- */

/*
 * Everything below the derivation's size is durable, and what is missing of it
 * is listed: a later run trusts that.
 */
static enum ac_err
save_progress(struct mirror *m)
{
	struct buf text = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, 64);
	wr_dec(&w, m->derive.size);
	wr_u8(&w, '\n');
	e = wr_end(&w, &text);
	if (e == AC_OK)
		e = replace(m, PROGRESS, buf_span(&text));
	buf_free(&text);
	return e;
}

static enum ac_err
load_progress(struct mirror *m)
{
	struct buf text = { 0 };
	struct reader r;
	struct span line;
	enum ac_err e;

	e = read_own(m, &text, PROGRESS, 64);
	if (e != AC_OK)
		return e;
	r = rd_of(buf_span(&text));
	/* Without it, or where it is damaged, statements are looked at again. */
	if (!rd_line(&r, &line) || !rd_end(&r) ||
	    !text_undec(&m->done, line, MERKLE_SIZE_MAX))
		m->done = 0;
	buf_free(&text);
	e = read_own(m, &m->gaps, GAPS, GAPS_MAX);
	if (e == AC_OK && take_gaps(m) != AC_OK) {
		message_set(m->why, "the copy's list %s is damaged; remove it, "
		    "and " PROGRESS ", to have statements looked at again",
		    GAPS);
		e = AC_ERR_IO;
	}
	return e;
}

static enum ac_err
copy_all(struct mirror *m)
{
	uint64_t nbundles = 0;
	struct digest root;
	enum ac_err e = AC_OK;

	while (e == AC_OK && m->derive.size < m->head.size) {
		if (m->o->stop != NULL && *m->o->stop != 0) {
			message_set(m->why, "stopped; the next run goes on");
			return AC_ERR_BUSY;
		}
		e = copy_bundle(m);
		if (e == AC_OK && ++nbundles % SAVE_EVERY == 0) {
			e = settle_gaps(m, false);
			if (e == AC_OK)
				e = save_progress(m);
		}
		if (e == AC_OK && m->o->progress != NULL)
			m->o->progress(m->o->arg, m->derive.size,
			    m->head.size);
	}
	if (e != AC_OK)
		return e;
	root = derive_root(&m->derive);
	if (!digest_equal(&root, &m->head.root)) {
		message_set(m->why, "the entries do not lead to the root of "
		    "the checkpoint of size %" PRIu64 "; it is not published",
		    m->head.size);
		return AC_ERR_MISMATCH;
	}
	return derive_edge(&m->derive, put_tile, m);
}

/* Remove every file in the folder path. */
static bool
empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	return true;
}

/* Partial tiles whose full one is there now are not needed any more. */
static void
drop_partial(struct mirror *m, const struct merkle_tile *tile, bool entries)
{
	char name[MERKLE_TILE_PATH_MAX];
	char *path = NULL, *slash;

	merkle_tile_path(name, tile, entries);
	if (path_of(&path, m, name) != AC_OK)
		return;
	slash = strrchr(path, '/'); /* before the width */
	*slash = '\0';
	if (empty(path))
		(void)rmdir(path);
	free(path);
}

static void
drop_partials(struct mirror *m)
{
	uint64_t was = m->old.size, is = m->head.size;

	for (unsigned l = 0; was > 0; l++) {
		struct merkle_tile tile = { l, was / MERKLE_TILE_WIDTH,
			(unsigned)(was % MERKLE_TILE_WIDTH) };

		if (tile.width > 0 && is / MERKLE_TILE_WIDTH > tile.index) {
			drop_partial(m, &tile, false);
			if (l == 0)
				drop_partial(m, &tile, true);
		}
		was /= MERKLE_TILE_WIDTH;
		is /= MERKLE_TILE_WIDTH;
	}
}

static enum ac_err
publish(struct mirror *m)
{
	enum ac_err e;

	hook_at("mirror-before-checkpoint");
	e = replace(m, "checkpoint", buf_span(&m->head.note));
	hook_at("mirror-after-checkpoint");
	m->r.size = m->head.size;
	if (e == AC_OK)
		e = save_progress(m);
	if (e == AC_OK)
		drop_partials(m);
	return e;
}

/* What an interrupted run left in parts goes. */
static enum ac_err
clear_parts(struct mirror *m)
{
	char *path = NULL;
	enum ac_err e = path_of(&path, m, PARTS);

	if (e != AC_OK)
		return e;
	if ((mkdir(path, 0700) != 0 && errno != EEXIST) || !empty(path))
		e = failed(m, "empty", path, AC_ERR_IO);
	free(path);
	return e;
}

static enum ac_err
take_folder(struct mirror *m)
{
	struct source_options so = { .tries = 1 };
	char *path = NULL;
	enum ac_err e = path_of(&path, m, "mirror-lock");

	if (e != AC_OK)
		return e;
	m->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->lock < 0 || flock(m->lock, LOCK_EX | LOCK_NB) != 0) {
		e = m->lock >= 0 && errno == EWOULDBLOCK ? AC_ERR_BUSY :
		    AC_ERR_IO;
		if (e == AC_ERR_BUSY)
			message_set(m->why, "another process copies into this "
			    "folder");
		else
			(void)failed(m, "take", path, e);
		free(path);
		return e;
	}
	free(path);
	e = path_of(&path, m, STATEMENTS "/x");
	if (e == AC_OK && m->o->statements &&
	    make_folders(m, path) != AC_OK)
		e = failed(m, "make the folders of", path, AC_ERR_IO);
	free(path);
	if (e == AC_OK)
		e = clear_parts(m);
	if (e != AC_OK)
		return e;
	e = path_of(&path, m, "checkpoint");
	if (e == AC_OK && access(path, F_OK) == 0)
		e = source_open(&m->local, m->o->dir, &so, m->why);
	free(path);
	return e;
}

static enum ac_err
work(struct mirror *m)
{
	enum ac_err e = take_folder(m);

	if (e == AC_OK)
		e = load_progress(m);
	if (e == AC_OK)
		e = read_heads(m);
	if (e == AC_OK)
		e = check_growth(m);
	if (e != AC_OK || m->r.shrunk)
		return e;
	m->tiles = (struct tiles){ .source = m->o->log };
	if (m->old.size > 0)
		e = load_edge(m);
	if (e == AC_OK)
		e = copy_all(m);
	if (e == AC_OK)
		e = settle_gaps(m, true);
	return e == AC_OK ? publish(m) : e;
}

enum ac_err
mirror_run(struct mirror_result *out, const struct mirror_options *o,
    struct message *why)
{
	struct mirror *m = calloc(1, sizeof(*m));
	struct entries_options eo = { o->statements ? o->log : NULL,
		o->nthreads, look, m, has };
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	if (m == NULL)
		return e;
	m->o = o;
	m->why = why;
	m->lock = -1;
	e = entries_new(&m->entries, &eo);
	if (e == AC_OK)
		e = removals_new(&m->removals);
	if (e == AC_OK)
		e = work(m);
	if (e != AC_OK)
		goto out;
	m->r.nstatements = atomic_load(&m->nfetched);
	if (m->r.shrunk)
		m->r.size = m->old.size;
	*out = m->r;
	e = AC_OK;
out:
	entries_free(m->entries);
	removals_free(m->removals);
	source_close(m->local);
	head_free(&m->old);
	head_free(&m->head);
	buf_free(&m->gaps);
	if (m->lock >= 0)
		(void)close(m->lock);
	free(m);
	return e;
}
