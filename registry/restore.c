/* restore.c -- statements for leaves alone; see restore.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "cert/dsse.h"
#include "cert/leaf.h"
#include "cert/revocation.h"
#include "common/text.h"
#include "registry/restore.h"
#include "registry/terms.h"

#define FOLDER "api/v1/statements/"
#define HEX_LEN 64
#define TRANSACTION 1024 /* statements in one */

/* One entry that gets its statement. */
struct restoring {
	struct store *store;
	const struct restore_options *options;
	uint64_t index;
	const struct store_row *row;
	struct span bytes;
	struct statement s;
	struct unit_line line;
};

/* Evidence belongs to the provenance that it names, under the same key. */
static enum ac_err
join(struct restoring *r)
{
	struct digest d, other;
	struct span name;
	uint64_t index;
	enum ac_err e;

	if (!statement_subject(json_first(r->s.subjects), &name, &d) ||
	    !span_is(name, SUBJECT_PROVENANCE))
		return AC_OK;
	e = store_find(r->store, &index, &d, &r->row->key);
	if (e == AC_OK)
		e = store_evidence(r->store, &other, index);
	else if (e == AC_ERR_NOT_FOUND)
		return AC_OK;
	return e != AC_ERR_NOT_FOUND ? e : store_put_line(r->store, index,
	    STORE_EVIDENCE, r->index);
}

/* A removal by the log's own key counts again. */
static enum ac_err
withhold(struct restoring *r)
{
	struct digest own, signer = spki_digest(&r->row->key);
	struct revocation removal;
	struct digest target;
	enum ac_err e;

	if (r->options->notary == NULL)
		return AC_OK;
	own = notary_fingerprint(r->options->notary);
	if (!digest_equal(&own, &signer))
		return AC_OK;
	e = revocation_decode(&removal, r->bytes);
	if (e != AC_OK)
		return e == AC_ERR_FORMAT ? AC_OK : e;
	target = removal.digest;
	revocation_free(&removal);
	e = store_put_removal(r->store, &target, r->index);
	return e == AC_ERR_EXISTS || e == AC_ERR_NOT_FOUND ? AC_OK : e;
}

/* Put the statement, which is decoded, into its entry. */
static enum ac_err
put(struct restoring *r)
{
	const struct store_row *row = r->row;
	struct provenance_view view;
	bool provenance = span_is(r->s.predicate_type, TYPE_PROVENANCE) &&
	    provenance_view(&view, &r->s) == AC_OK;
	struct store_entry entry = { .index = r->index, .d = row->d,
		.key = row->key, .sig = span_of(row->sig, row->siglen),
		.type = r->s.predicate_type, .statement = r->bytes };
	uint64_t index;
	enum ac_err e;

	r->line.key = row->key;
	e = terms_of(&r->line, &r->s, provenance ? &view : NULL);
	entry.leaf = merkle_leaf(buf_span(&row->body));
	entry.has_flops = r->line.has_flops;
	entry.flops = r->line.flops;
	entry.term = r->line.term;
	entry.nterms = r->line.nterms;
	if (e == AC_OK)
		e = store_put_entry(r->store, &index, &entry);
	/* It is there, as a leaf; now it has its statement. */
	if (e != AC_ERR_EXISTS)
		return e == AC_OK ? AC_ERR_MISMATCH : e;
	if (span_is(entry.type, TYPE_EVIDENCE))
		return join(r);
	return span_is(entry.type, TYPE_REMOVAL) ? withhold(r) : AC_OK;
}

/* Restore one entry from bytes; AC_ERR_FORMAT: they are not its statement. */
static enum ac_err
restore(struct restoring *r)
{
	struct digest d = dsse_digest(r->bytes);
	enum ac_err e;

	if (!digest_equal(&d, &r->row->d))
		return AC_ERR_FORMAT;
	e = statement_decode(&r->s, r->bytes);
	if (e == AC_OK)
		e = put(r);
	free(r->line.term);
	statement_free(&r->s);
	return e == AC_ERR_LIMIT ? AC_ERR_FORMAT : e;
}

/* Look at entry index; *wrote: something was written. */
static enum ac_err
look(struct store *s, const struct restore_options *o, uint64_t index,
    struct restore_result *out, bool *wrote, struct message *why)
{
	char path[sizeof(FOLDER) + HEX_LEN] = FOLDER;
	struct buf statement = { 0 };
	struct store_row row = { 0 };
	enum ac_err e = store_row(s, &row, index);

	*wrote = false;
	if (e != AC_OK)
		message_set(why, "cannot read entry %" PRIu64 ": %s", index,
		    store_error(s));
	if (e != AC_OK || !row.missing)
		goto out;
	text_hex(path + sizeof(FOLDER) - 1, span_digest(&row.d));
	path[sizeof(FOLDER) - 1 + HEX_LEN] = '\0';
	e = o->get(o->arg, &statement, path, STATEMENT_MAX, why);
	if (e == AC_ERR_NOT_FOUND) {
		out->missing++;
		e = AC_OK;
	} else if (e == AC_ERR_LIMIT) {
		out->wrong++;
		e = AC_OK;
	} else if (e == AC_OK) {
		struct restoring r = { .store = s, .options = o,
			.index = index, .row = &row,
			.bytes = buf_span(&statement) };

		e = restore(&r);
		*wrote = e == AC_OK;
		out->restored += *wrote;
		out->wrong += e == AC_ERR_FORMAT;
		if (e == AC_ERR_FORMAT)
			e = AC_OK;
		if (e != AC_OK)
			message_set(why, "cannot store the statement of entry "
			    "%" PRIu64 ": %s", index, store_error(s));
	}
out:
	buf_free(&statement);
	store_row_free(&row);
	return e;
}

enum ac_err
restore_run(struct store *s, const struct restore_options *o,
    struct restore_result *out, struct message *why)
{
	struct restore_result result = { 0 };
	uint64_t index = 0;
	enum ac_err e = AC_OK;

	while (e == AC_OK && index < o->size) {
		unsigned n = 0;

		e = store_begin(s);
		if (e != AC_OK)
			message_set(why, "cannot write the database: %s",
			    store_error(s));
		while (e == AC_OK && index < o->size && n < TRANSACTION) {
			bool wrote;

			e = look(s, o, index, &result, &wrote, why);
			n += wrote;
			index += e == AC_OK;
		}
		if (e == AC_OK) {
			e = store_commit(s);
			if (e != AC_OK)
				message_set(why, "cannot commit: %s",
				    store_error(s));
		}
	}
	if (e == AC_OK)
		*out = result;
	return e;
}
