/* answer_page.c -- the pages for people; see web.h. */
#include <stdlib.h>

#include "registry/answer_own.h"
#include "registry/html.h"
#include "registry/web.h"

#define PAGE_MAX (8 * MIB)
#define ENTRIES_MAX 64 /* whose content one page shows */
#define ABOUT_MAX 100 /* statements about one that its page names */

static void
finish(struct answer *a, struct reply *out, struct writer *w, enum ac_err e)
{
	answer_finish(out, w, e, "text/html; charset=utf-8", REPLY_FRESH);
	if (out->status == 200)
		out->policy = a->log->page_policy;
}

static struct web
web_of(struct answer *a)
{
	return (struct web){ .origin = a->log->origin, .url = a->log->url,
		.keys = a->log->keys, .witnessing = a->log->witnessing };
}

void
answer_home(struct answer *a, struct reply *out)
{
	uint64_t generation = published_generation(a->log->published);
	struct web web = web_of(a);
	struct buf note = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, PAGE_MAX);
	e = published_note(a->log->published, &web.head, &note);
	web.note = buf_span(&note);
	if (e == AC_OK)
		web_home(&w, &web);
	finish(a, out, &w, e);
	if (out->status == 200) {
		out->keep = REPLY_IN_HEAD;
		out->generation = generation;
	}
	buf_free(&note);
}

/* Append the section of entry index, where it is by the wanted key. */
static enum ac_err
write_entry(struct answer *a, struct writer *w, uint64_t index,
    const struct digest *wanted, size_t *written)
{
	struct store_row row = { 0 };
	struct web_entry en = { .index = index, .row = &row };
	enum ac_err e = store_row(a->store, &row, index);

	if (e == AC_OK && wanted != NULL) {
		struct digest key = spki_digest(&row.key);

		if (!digest_equal(&key, wanted))
			goto out;
	}
	if (e == AC_OK)
		e = answer_time(a, &en.time_s, index);
	if (e == AC_OK && row.withheld)
		e = store_removed(a->store, &en.removal, &row.d);
	if (e == AC_OK) {
		web_entry(w, &en);
		(*written)++;
	}
out:
	store_row_free(&row);
	return e;
}

/* Append one certificate that begins with entry index. */
static enum ac_err
write_certificate(struct answer *a, struct writer *w, uint64_t index,
    const struct route *r, size_t *written)
{
	uint64_t line[CERTIFICATE_LINES_MAX];
	size_t n = 0, before = *written;
	enum ac_err e = write_entry(a, w, index, r->has_key ? &r->key : NULL,
	    written);

	if (e != AC_OK || *written == before)
		return e;
	e = store_lines(a->store, line, &n, CERTIFICATE_LINES_MAX - 1, index,
	    answer_size(a));
	for (size_t i = 0; e == AC_OK && i < n && *written < ENTRIES_MAX; i++)
		e = write_entry(a, w, line[i], NULL, written);
	return e;
}

/* Append what other statements have d as a subject: its revocations, too. */
static enum ac_err
write_about(struct answer *a, struct writer *w, const struct digest *d)
{
	struct store_found *found = calloc(ABOUT_MAX, sizeof(*found));
	enum ac_err e = AC_ERR_MEMORY;
	size_t n = 0;

	if (found != NULL)
		e = store_by_digest(a->store, found, &n, ABOUT_MAX,
		    span_str("sha256"), span_digest(d), 0, answer_size(a));
	if (e == AC_OK && n > 0) {
		wr_str(w, "<section>\n<h2>Statements that name this one</h2>\n"
		    "<ul>\n");
		for (size_t i = 0; i < n; i++)
			web_about(w, &found[i]);
		wr_str(w, "</ul>\n</section>\n");
	}
	for (size_t i = 0; i < n; i++)
		buf_free(&found[i].type);
	free(found);
	return e;
}

void
answer_certificate_page(struct answer *a, struct reply *out,
    const struct route *r)
{
	uint64_t index[CERTIFICATE_LINES_MAX];
	struct web web = web_of(a);
	size_t n = 0, written = 0;
	struct writer w;
	enum ac_err e;

	wr_init(&w, PAGE_MAX);
	e = store_find_all(a->store, index, &n, CERTIFICATE_LINES_MAX, &r->d,
	    answer_size(a));
	web_certificate_begin(&w, &web, &r->d);
	for (size_t i = 0; e == AC_OK && i < n && written < ENTRIES_MAX; i++)
		e = write_certificate(a, &w, index[i], r, &written);
	if (e == AC_OK && written == 0)
		e = AC_ERR_NOT_FOUND;
	if (e == AC_OK)
		e = write_about(a, &w, &r->d);
	html_end(&w);
	finish(a, out, &w, e);
}

void
answer_search_page(struct answer *a, struct reply *out, const struct route *r)
{
	struct answer_found f = { 0 };
	struct web web = web_of(a);
	struct writer w;
	enum ac_err e = answer_find(a, &f, &r->search);

	wr_init(&w, PAGE_MAX);
	if (e == AC_OK) {
		struct web_found found = { f.found, f.n, f.more, f.next };

		web_search(&w, &web, &r->search, &found);
	}
	answer_found_free(&f);
	finish(a, out, &w, e);
}
