/* own.c -- the registry's own statements; see own.h. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert/revocation.h"
#include "common/file.h"
#include "common/text.h"
#include "registry/home.h"
#include "registry/own.h"
#include "verifier/sig.h"

#define REMOVALS "removals"
#define HEX_LEN 64
#define PAGE 256 /* revocations that are read at a time */

struct own {
	struct own_options options;
	struct store *store; /* a reader */

	/* The Ds of all revocations below the size that was looked at. */
	struct digest *d;
	size_t nd, maxd;
	uint64_t size;

	bool begun, stated; /* it was looked at; there is a state */
	size_t covered; /* revocations in the newest */
	int64_t made_s; /* when that was made, or found */
	atomic_bool waiting; /* one is on its way */
};

enum ac_err
own_start(struct own **out, const struct own_options *options,
    struct message *why)
{
	struct own *o = calloc(1, sizeof(*o));
	enum ac_err e = AC_ERR_MEMORY;

	if (o == NULL) {
		message_set(why, "no memory for the registry's statements");
		goto out;
	}
	o->options = *options;
	e = store_open(&o->store, options->database, false, why);
	if (e != AC_OK)
		goto out;
	*out = o;
	o = NULL; /* transferred */
	e = AC_OK;
out:
	own_free(o);
	return e;
}

void
own_free(struct own *o)
{
	if (o == NULL)
		return;
	store_close(o->store);
	free(o->d);
	free(o);
}

static void
tell(const struct own *o, const char *event, const struct message *m)
{
	journal_say(o->options.journal, JOURNAL_WARNING, event, m->text);
}

/* Sign the statement and submit its line. */
static enum ac_err
say(struct own *o, const struct revocation *r)
{
	struct buf statement = { 0 }, line = { 0 };
	enum ac_err e = revocation_encode(&statement, r);

	if (e == AC_OK)
		e = notary_sign(o->options.notary, &line, &statement);
	if (e == AC_OK && !o->options.submit(o->options.arg, buf_span(&line)))
		e = AC_ERR_BUSY;
	buf_free(&statement);
	buf_free(&line);
	return e;
}

/* ---- states of revocation ---- */

static enum ac_err
note_revocation(struct own *o, uint64_t index)
{
	struct store_row row = { 0 };
	enum ac_err e;

	if (o->nd == o->maxd) {
		size_t max = o->maxd == 0 ? PAGE : 2 * o->maxd;
		struct digest *more = realloc(o->d, max * sizeof(*more));

		if (more == NULL)
			return AC_ERR_MEMORY;
		o->d = more;
		o->maxd = max;
	}
	e = store_row(o->store, &row, index);
	if (e == AC_OK)
		o->d[o->nd++] = row.d;
	store_row_free(&row);
	return e;
}

/* Look at the entries from where it ended the last time. */
static enum ac_err
look(struct own *o, uint64_t size)
{
	uint64_t index[PAGE], from = o->size;
	enum ac_err e = AC_OK;
	size_t n = PAGE;

	while (e == AC_OK && n == PAGE) {
		e = store_of_type(o->store, index, &n, PAGE, TYPE_REVOCATION,
		    from, size);
		for (size_t i = 0; e == AC_OK && i < n; i++) {
			e = note_revocation(o, index[i]);
			if (e == AC_OK)
				from = o->size = index[i] + 1;
		}
	}
	if (e == AC_OK)
		o->size = size;
	return e;
}

/*
 * When entry index was published, by the log's own time; 0 where nothing says
 * it, or it is still to come.
 */
static enum ac_err
find_time(struct own *o, int64_t *out, uint64_t index, int64_t now_s)
{
	struct note *note = malloc(sizeof(*note));
	struct store_head head;
	struct buf text = { 0 };
	int64_t time_s = 0;
	enum ac_err e = AC_ERR_MEMORY;

	if (note == NULL)
		return e;
	e = store_first_head(o->store, &head, &text, index);
	if (e == AC_OK)
		e = note_parse(note, buf_span(&text));
	if (e == AC_OK)
		e = sig_note(&time_s, note, o->options.time);
	*out = e == AC_OK && time_s <= now_s ? time_s : 0;
	buf_free(&text);
	free(note);
	return e == AC_ERR_MEMORY || e == AC_ERR_IO ? e : AC_OK;
}

/* What the newest state of the log covers, and how old it is, at the start. */
static enum ac_err
find_state(struct own *o, uint64_t size, int64_t now_s)
{
	struct digest key = notary_fingerprint(o->options.notary);
	struct store_query q = { .ncriteria = 2, .newest_first = true,
		.from = size, .size = size };
	struct store_row row = { 0 };
	struct store_found found;
	struct revocation r;
	uint64_t next;
	size_t n = 0;
	bool more;
	enum ac_err e;

	q.criterion[0] = store_term_text(STORE_TYPE,
	    span_str(TYPE_REVOCATION_STATE));
	q.criterion[1] = store_term_builder(&key);
	e = store_search(o->store, &found, &n, 1, &more, &next, &q);
	if (e != AC_OK || n == 0)
		return e;
	buf_free(&found.type);
	e = store_row(o->store, &row, found.index);
	if (e == AC_OK)
		e = revocation_decode(&r, buf_span(&row.statement));
	if (e == AC_OK) {
		o->stated = true;
		o->covered = (size_t)r.count;
		revocation_free(&r);
		e = find_time(o, &o->made_s, found.index, now_s);
	}
	store_row_free(&row);
	/* One that was withheld states nothing. */
	return e == AC_ERR_FORMAT ? AC_OK : e;
}

static void
tick_state(struct own *o, uint64_t size, int64_t now_s)
{
	struct revocation r = { .kind = REVOCATION_STATE,
		.origin = span_str(o->options.origin), .tree_size = size };
	struct message m;
	enum ac_err e = AC_OK;

	if (o->options.state_s == 0 || atomic_load(&o->waiting))
		return;
	if (!o->begun) {
		o->made_s = now_s; /* where there is none */
		e = find_state(o, size, now_s);
		o->begun = e == AC_OK;
	}
	if (e == AC_OK)
		e = look(o, size);
	if (e == AC_OK && o->nd <= o->covered &&
	    now_s - o->made_s < (int64_t)o->options.state_s)
		return;
	if (e == AC_OK) {
		r.count = o->nd;
		r.digest = revocation_list_digest(o->d, o->nd);
		atomic_store(&o->waiting, true);
		e = say(o, &r);
		if (e != AC_OK)
			atomic_store(&o->waiting, false);
	}
	if (e == AC_OK) {
		o->stated = true;
		o->covered = o->nd;
		o->made_s = now_s;
	} else if (e != AC_ERR_BUSY) {
		message_set(&m, "cannot state the revocations at size %" PRIu64
		    ": %s", size, ac_strerror(e));
		tell(o, "revocation-state", &m);
	}
}

/* ---- removals ---- */

static enum ac_err
path_of(char out[HOME_PATH_MAX], const char *dir, const struct digest *d,
    struct message *why)
{
	char name[sizeof(REMOVALS) + HEX_LEN + 1] = REMOVALS "/";

	text_hex(name + sizeof(REMOVALS), span_digest(d));
	name[sizeof(REMOVALS) + HEX_LEN] = '\0';
	return home_path(out, dir, name, why);
}

/* Submit the removal that the file named hex asks for. */
static void
tick_removal(struct own *o, const char *hex)
{
	struct revocation r = { .kind = REVOCATION_REMOVAL };
	struct buf reason = { 0 };
	char path[HOME_PATH_MAX];
	struct message m;
	uint64_t entry;
	enum ac_err e;

	if (!text_unhex_digest(&r.digest, span_str(hex)) ||
	    path_of(path, o->options.dir, &r.digest, &m) != AC_OK)
		return;
	if (store_removed(o->store, &entry, &r.digest) == AC_OK) {
		(void)unlink(path);
		return;
	}
	e = file_read(&reason, path, 4 * KIB);
	if (e == AC_OK) {
		r.reason = buf_span(&reason);
		e = say(o, &r);
	}
	if (e != AC_OK && e != AC_ERR_BUSY) {
		message_set(&m, "cannot remove what %s asks for: %s", path,
		    ac_strerror(e));
		tell(o, "removal", &m);
	}
	buf_free(&reason);
}

static void
tick_removals(struct own *o)
{
	char path[HOME_PATH_MAX];
	struct dirent *entry;
	struct message m;
	DIR *d;

	if (home_path(path, o->options.dir, REMOVALS, &m) != AC_OK)
		return;
	d = opendir(path);
	if (d == NULL)
		return; /* nothing was ever asked for */
	while ((entry = readdir(d)) != NULL)
		if (strlen(entry->d_name) == HEX_LEN)
			tick_removal(o, entry->d_name);
	(void)closedir(d);
}

void
own_tick(struct own *o, uint64_t size, int64_t now_s)
{
	tick_removals(o);
	tick_state(o, size, now_s);
}

void
own_done(struct own *o, const struct unit *u)
{
	struct message m;

	if (u->kind == UNIT_STATE)
		atomic_store(&o->waiting, false);
	if (u->verdict == UNIT_LOGGED || u->verdict == UNIT_NOTHING)
		return;
	message_set(&m, "a statement of the registry itself was not logged; "
	    "it is tried again");
	tell(o, "own-statement", &m);
}

enum ac_err
own_ask_removal(const char *dir, const struct digest *d, const char *reason,
    struct message *why)
{
	char database[HOME_PATH_MAX], path[HOME_PATH_MAX];
	struct store *s = NULL;
	uint64_t index;
	size_t n = 0;
	enum ac_err e;

	e = home_path(database, dir, HOME_DATABASE, why);
	if (e == AC_OK)
		e = store_open(&s, database, false, why);
	if (e != AC_OK)
		goto out;
	if (store_removed(s, &index, d) == AC_OK) {
		e = AC_ERR_EXISTS;
		message_set(why, "its content is withheld already, by entry %"
		    PRIu64, index);
		goto out;
	}
	e = store_find_all(s, &index, &n, 1, d, MERKLE_SIZE_MAX);
	if (e == AC_OK && n == 0)
		e = AC_ERR_NOT_FOUND;
	if (e != AC_OK) {
		message_set(why, e == AC_ERR_NOT_FOUND ? "the log has no "
		    "statement of this D" : "cannot read %s", database);
		goto out;
	}
	e = home_path(path, dir, REMOVALS, why);
	if (e == AC_OK && mkdir(path, 0755) != 0 && errno != EEXIST)
		e = AC_ERR_IO;
	if (e == AC_OK)
		e = path_of(path, dir, d, why);
	if (e == AC_OK)
		e = file_create(path, span_str(reason), 0644);
	if (e != AC_OK)
		message_set(why, e == AC_ERR_EXISTS ? "%s: that was asked "
		    "already; the server does it" : "cannot write %s", path);
out:
	store_close(s);
	return e;
}
