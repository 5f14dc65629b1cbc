/* answer_find.c -- what statements are found by; see answer.h. */
#include <stdlib.h>

#include "common/time.h"
#include "registry/answer_own.h"
#include "registry/html.h"

#define FOUND_MAX 100 /* findings by digest in one answer */

static void
free_found(struct store_found found[], size_t n)
{
	for (size_t i = 0; found != NULL && i < n; i++)
		buf_free(&found[i].type);
	free(found);
}

/* {"index":…,"statement":…,"predicateType":…,"key":… without the brace */
static void
write_found(struct writer *w, const struct store_found *f)
{
	struct digest key = spki_digest(&f->key);

	wr_str(w, "{\"index\":");
	wr_dec(w, f->index);
	wr_str(w, ",\"statement\":\"");
	wr_hex(w, span_digest(&f->d));
	wr_str(w, "\",\"predicateType\":");
	wr_json(w, buf_span(&f->type));
	wr_str(w, ",\"key\":\"");
	wr_hex(w, span_digest(&key));
	wr_u8(w, '"');
}

void
answer_by_digest(struct answer *a, struct reply *out, const struct route *r)
{
	struct store_found *found = calloc(FOUND_MAX + 1, sizeof(*found));
	uint64_t size = answer_size(a);
	enum ac_err e = AC_ERR_MEMORY;
	struct writer w;
	size_t n = 0;

	/* One more than is shown tells whether there are more. */
	if (found != NULL)
		e = store_by_digest(a->store, found, &n, FOUND_MAX + 1,
		    span_str(r->alg), span_of(r->value, r->valuelen), r->from,
		    size);
	wr_init(&w, JSON_MAX);
	wr_printf(&w, "{\"digest\":{\"%s\":\"", r->alg);
	wr_hex(&w, span_of(r->value, r->valuelen));
	wr_str(&w, "\"},\"treeSize\":");
	wr_dec(&w, size);
	wr_str(&w, ",\"statements\":[");
	for (size_t i = 0; i < n && i < FOUND_MAX; i++) {
		if (i > 0)
			wr_u8(&w, ',');
		write_found(&w, &found[i]);
		wr_printf(&w, ",\"role\":\"%s\"}", found[i].role ==
		    STORE_SUBJECT ? "subject" : "dependency");
	}
	wr_u8(&w, ']');
	if (n > FOUND_MAX) {
		wr_str(&w, ",\"next\":");
		wr_dec(&w, found[FOUND_MAX].index);
	}
	wr_str(&w, "}\n");
	free_found(found, n);
	if (e == AC_OK && n == 0)
		e = AC_ERR_NOT_FOUND;
	answer_finish(out, &w, e, JSON, REPLY_FRESH);
}

enum ac_err
answer_find(struct answer *a, struct answer_found *out,
    const struct search *search)
{
	struct answer_found f = { .size = answer_size(a) };
	struct store_query q;
	enum ac_err e = AC_OK;

	f.found = calloc(search->limit, sizeof(*f.found));
	if (f.found == NULL)
		return AC_ERR_MEMORY;
	if (search_query(search, &q, f.size))
		e = store_search(a->store, f.found, &f.n, search->limit,
		    &f.more, &f.next, &q);
	if (e != AC_OK) {
		free(f.found);
		return e;
	}
	f.next = search_cursor(search, f.next);
	*out = f;
	return AC_OK;
}

void
answer_found_free(struct answer_found *f)
{
	free_found(f->found, f->n);
	*f = (struct answer_found){ 0 };
}

void
answer_search(struct answer *a, struct reply *out, const struct route *r)
{
	struct answer_found f = { 0 };
	struct writer w;
	enum ac_err e = answer_find(a, &f, &r->search);

	wr_init(&w, JSON_MAX);
	wr_str(&w, "{\"treeSize\":");
	wr_dec(&w, f.size);
	wr_str(&w, ",\"entries\":[");
	for (size_t i = 0; i < f.n; i++) {
		if (i > 0)
			wr_u8(&w, ',');
		write_found(&w, &f.found[i]);
		wr_u8(&w, '}');
	}
	wr_u8(&w, ']');
	if (f.more) {
		wr_str(&w, ",\"next\":");
		wr_dec(&w, f.next);
	}
	wr_str(&w, "}\n");
	answer_found_free(&f);
	answer_finish(out, &w, e, JSON, REPLY_FRESH);
}

/* ---- the feed: RFC 4287 ---- */

static enum ac_err
write_time(struct writer *w, int64_t s)
{
	char text[TIME_RFC3339_LEN + 1];
	enum ac_err e = time_format(text, s);

	if (e == AC_OK)
		wr_printf(w, "<updated>%s</updated>\n", text);
	return e;
}

/* The address of the feed with the arguments of r, from another cursor on. */
static void
write_self(struct answer *a, struct writer *w, const struct route *r,
    bool go_on, uint64_t after)
{
	html_text(w, span_str(a->log->url));
	wr_str(w, "/api/v1/feed.atom");
	html_query(w, &r->search, go_on, after);
}

static enum ac_err
write_feed_entry(struct answer *a, struct writer *w,
    const struct store_found *f)
{
	struct digest key = spki_digest(&f->key);
	int64_t time_s = 0;
	enum ac_err e = answer_time(a, &time_s, f->index);

	if (e != AC_OK)
		return e;
	wr_str(w, "<entry>\n<id>");
	html_text(w, span_str(a->log->root_url));
	wr_str(w, "/api/v1/entries/");
	wr_dec(w, f->index);
	wr_str(w, "</id>\n<title>");
	html_text(w, html_kind(buf_span(&f->type)));
	wr_str(w, " ");
	wr_hex(w, span_digest(&f->d));
	wr_str(w, "</title>\n");
	e = write_time(w, time_s);
	wr_str(w, "<link rel=\"alternate\" type=\"text/html\" href=\"");
	html_text(w, span_str(a->log->url));
	wr_str(w, "/certificate/");
	wr_hex(w, span_digest(&f->d));
	wr_str(w, "\"/>\n<summary type=\"text\">Entry ");
	wr_dec(w, f->index);
	wr_str(w, ", predicate type ");
	html_text(w, buf_span(&f->type));
	wr_str(w, ", signed by key ");
	wr_hex(w, span_digest(&key));
	wr_str(w, "</summary>\n</entry>\n");
	return e;
}

static enum ac_err
write_feed(struct answer *a, struct writer *w, const struct route *r,
    const struct answer_found *f)
{
	int64_t time_s = a->log->created_s;
	enum ac_err e = AC_OK;

	if (f->n > 0)
		e = answer_time(a, &time_s, f->found[0].index);
	wr_str(w, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	    "<feed xmlns=\"http://www.w3.org/2005/Atom\">\n<id>");
	html_text(w, span_str(a->log->root_url));
	wr_str(w, "/api/v1/feed.atom");
	html_query(w, &r->search, r->search.has_after, r->search.after);
	wr_str(w, "</id>\n<title>AICert log ");
	html_text(w, span_str(a->log->origin));
	wr_str(w, "</title>\n<author><name>");
	html_text(w, span_str(a->log->origin));
	wr_str(w, "</name></author>\n");
	if (e == AC_OK)
		e = write_time(w, time_s);
	wr_str(w, "<link rel=\"self\" type=\"application/atom+xml\" href=\"");
	write_self(a, w, r, r->search.has_after, r->search.after);
	wr_str(w, "\"/>\n");
	if (f->more) {
		wr_str(w, "<link rel=\"next\" type=\"application/atom+xml\" "
		    "href=\"");
		write_self(a, w, r, true, f->next);
		wr_str(w, "\"/>\n");
	}
	for (size_t i = 0; e == AC_OK && i < f->n; i++)
		e = write_feed_entry(a, w, &f->found[i]);
	wr_str(w, "</feed>\n");
	return e;
}

void
answer_feed(struct answer *a, struct reply *out, const struct route *r)
{
	uint64_t generation = published_generation(a->log->published);
	struct search search = r->search;
	struct answer_found f = { 0 };
	struct writer w;
	enum ac_err e;

	/* What is new stands first. */
	search.query.newest_first = true;
	e = answer_find(a, &f, &search);
	wr_init(&w, JSON_MAX);
	if (e == AC_OK)
		e = write_feed(a, &w, r, &f);
	answer_found_free(&f);
	answer_finish(out, &w, e == AC_ERR_NOT_FOUND ? AC_ERR_IO : e,
	    "application/atom+xml; charset=utf-8", REPLY_FRESH);
	if (out->status == 200) {
		out->keep = REPLY_IN_HEAD;
		out->generation = generation;
	}
}
