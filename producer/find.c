/* find.c -- certificates by the digests of files; see find.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cert/dsse.h"
#include "cert/json.h"
#include "cert/weights.h"
#include "common/sha256.h"
#include "common/text.h"
#include "producer/find.h"
#include "verifier/sig.h"

#define PAGES_MAX 16      /* of findings by one digest */
#define PAGE_MAX (64 * KIB)
#define WEIGHTS_ASKED 8   /* weight files asked for */

/* One registry, and what it is asked. */
struct inquiry {
	struct http_client *http;
	const char *registry;
	unsigned timeout_s;
	struct message *why;
};

/* A statement that the registry says it has, and by which key. */
struct hint {
	struct digest d, key;
};

struct hints {
	size_t n;
	struct hint hint[FIND_MAX];
	bool more;
};

enum ac_err
find_prepare(struct find_model *m)
{
	struct buf statement;
	enum ac_err e = oms_encode(&statement, m->file, m->nfiles, oms_ignore,
	    OMS_NIGNORE);

	if (e != AC_OK)
		return e;
	m->root = oms_root(m->file, m->nfiles);
	m->manifest = sha256_of(buf_span(&statement));
	buf_free(&statement);
	return AC_OK;
}

/* GET path; 404 is AC_ERR_NOT_FOUND, all but 200 a failure. */
static enum ac_err
ask(struct buf *out, const struct inquiry *q, const char *path, size_t max)
{
	struct http_answer a = { 0 };
	char *url = NULL;
	enum ac_err e = http_url(&url, q->registry, path, q->why);

	if (e != AC_OK)
		return e;
	e = http_client_get(q->http, &a, url, max, q->timeout_s, q->why);
	free(url);
	if (e != AC_OK)
		return e;
	if (a.status == 200) {
		*out = a.body;
		a.body = (struct buf){ 0 }; /* transferred */
	} else if (a.status == 404) {
		e = AC_ERR_NOT_FOUND;
	} else {
		e = a.status == 429 || a.status >= 500 ? AC_ERR_BUSY :
		    AC_ERR_MISMATCH;
		message_set(q->why, "the registry answered %u when asked for "
		    "%s%s", a.status, path, a.status == 451 ? ": it withholds "
		    "that content by law or on request" : e == AC_ERR_BUSY ?
		    "; run the same command again later" :
		    "; is that the URL of an AICert registry?");
	}
	http_answer_free(&a);
	return e;
}

static void
add_hint(struct hints *h, const struct hint *hint)
{
	for (size_t i = 0; i < h->n; i++)
		if (digest_equal(&h->hint[i].d, &hint->d) &&
		    digest_equal(&h->hint[i].key, &hint->key))
			return;
	if (h->n == FIND_MAX)
		h->more = true;
	else
		h->hint[h->n++] = *hint;
}

/* The provenances of one page that have the digest as a subject. */
static bool
read_page(struct hints *h, bool *more, uint64_t *next, struct json root)
{
	struct json list = json_get(root, "statements");
	struct json last = json_get(root, "next");

	if (!json_is_array(list))
		return false;
	for (struct json j = json_first(list); json_present(j);
	    j = json_next(j)) {
		struct hint hint;

		if (!json_digest(json_get(j, "statement"), &hint.d) ||
		    !json_digest(json_get(j, "key"), &hint.key))
			return false;
		if (json_is(json_get(j, "predicateType"), TYPE_PROVENANCE) &&
		    json_is(json_get(j, "role"), "subject"))
			add_hint(h, &hint);
	}
	*more = json_present(last);
	return !*more || json_uint(last, next, JSON_INT_MAX);
}

/* What is known by one digest; nothing is no failure. */
static enum ac_err
by_digest(struct hints *h, const struct inquiry *q, const struct digest *d)
{
	char hex[65] = { 0 }, path[160];
	uint64_t from = 0, next = 0;
	bool more = true;

	text_hex(hex, span_digest(d));
	for (size_t page = 0; more && page < PAGES_MAX; page++) {
		struct json_doc doc = { 0 };
		struct buf body = { 0 };
		enum ac_err e;

		(void)snprintf(path, sizeof(path), page == 0 ?
		    "api/v1/by-digest/sha256/%s" :
		    "api/v1/by-digest/sha256/%s?from=%" PRIu64, hex, from);
		e = ask(&body, q, path, PAGE_MAX);
		if (e == AC_ERR_NOT_FOUND)
			return AC_OK;
		if (e != AC_OK)
			return e;
		e = json_parse(&doc, buf_span(&body));
		if (e == AC_OK && (!read_page(h, &more, &next,
		    json_root(&doc)) || (more && next <= from)))
			e = AC_ERR_FORMAT;
		json_free(&doc);
		buf_free(&body);
		if (e != AC_OK) {
			message_set(q->why, "the registry's answer about the "
			    "digest %s is no list of statements", hex);
			return e;
		}
		from = next;
	}
	h->more = h->more || more;
	return AC_OK;
}

/* Does the list of model_sig, of that manifest digest, name exactly m? */
static bool
lists(const struct find_model *m, const struct digest *manifest)
{
	struct bundle b = { 0 };
	struct oms oms = { 0 };
	struct span text = m->model_sig;
	struct digest got;
	bool same = false;

	if (text.len > 0 && text.p[text.len - 1] == '\n')
		text.len--;
	if (bundle_decode(&b, text, OMS_STATEMENT_MAX) != AC_OK)
		return false;
	got = sha256_of(buf_span(&b.statement));
	if (digest_equal(&got, manifest) &&
	    oms_decode(&oms, buf_span(&b.statement)) == AC_OK) {
		same = oms.shard_bytes == 0 && oms.nfiles == m->nfiles;
		for (size_t i = 0; same && i < oms.nfiles; i++)
			same = span_equal(oms.sorted[i].name,
			    m->file[i].name) && digest_equal(
			    &oms.sorted[i].sha256, &m->file[i].sha256);
		oms_free(&oms);
	}
	bundle_free(&b);
	return same;
}

static enum find_fit
fit_of(const struct find_model *m, const struct provenance_view *p)
{
	if (digest_equal(&m->manifest, &p->manifest) || lists(m, &p->manifest))
		return FIND_EXACT;
	/* Another tool's list, which only model.sig holds. */
	if (digest_equal(&m->root, &p->root) && m->model_sig.len == 0)
		return FIND_NAMES;
	return FIND_OTHER;
}

/* One certificate: fetched, and checked as one that was just published. */
static enum ac_err
take(struct find_certificate *out, const struct inquiry *q,
    const struct find_model *m, const struct hint *hint,
    const struct logkeys *keys)
{
	struct find_certificate c = { 0 };
	struct publish_line line[CERTIFICATE_LINES_MAX];
	struct publish p = { 0 };
	struct buf body = { 0 };
	struct message what = { "" };
	char d[65] = { 0 }, key[65] = { 0 }, path[192];
	struct digest by;
	enum ac_err e;

	text_hex(d, span_digest(&hint->d));
	text_hex(key, span_digest(&hint->key));
	(void)snprintf(path, sizeof(path), "api/v1/certificates/%s?key=%s", d,
	    key);
	e = ask(&body, q, path, CERTIFICATE_MAX);
	if (e == AC_ERR_NOT_FOUND)
		message_set(q->why, "the registry names the certificate %s, "
		    "and does not have it", d);
	if (e != AC_OK)
		return e;
	e = publish_prepare(&p, buf_span(&body), &what);
	if (e == AC_OK)
		e = publish_check(&c.jsonl, line, &p, buf_span(&body), keys,
		    &what);
	if (e != AC_OK)
		goto out;
	by = spki_digest(&p.key[0]);
	if (!digest_equal(&p.sent->line[0].d, &hint->d) ||
	    !digest_equal(&by, &hint->key)) {
		e = AC_ERR_MISMATCH;
		message_set(&what, "it is another one than was asked for");
		goto out;
	}
	c.d = hint->d;
	c.key = p.key[0];
	c.manifest = p.sent->provenance.manifest;
	c.measured = p.sent->provenance.measured;
	c.fit = fit_of(m, &p.sent->provenance);
	c.nlines = p.sent->nlines;
	c.index = line[0].index;
	c.log = line[0].log;
	*out = c;
	c.jsonl = (struct buf){ 0 }; /* transferred */
	e = AC_OK;
out:
	if (e != AC_OK)
		message_set(q->why, "the registry's certificate %s does not "
		    "hold: %s", d, what.text);
	buf_free(&c.jsonl);
	publish_free(&p);
	buf_free(&body);
	return e;
}

static enum ac_err
collect(struct hints *h, const struct inquiry *q, const struct find_model *m)
{
	bool suffixed = weights_have_suffix(m->file, m->nfiles);
	size_t asked = 0;
	enum ac_err e = by_digest(h, q, &m->root);

	for (size_t i = 0; e == AC_OK && h->n == 0 && i < m->nfiles &&
	    asked < WEIGHTS_ASKED; i++)
		if (weights_is(m->file[i].name, suffixed)) {
			e = by_digest(h, q, &m->file[i].sha256);
			asked++;
		}
	if (e == AC_OK && h->n == 0) {
		e = AC_ERR_NOT_FOUND;
		message_set(q->why, "the registry's log has no certificate of "
		    "these files, neither by their root nor by any of %zu "
		    "weight files asked for", asked);
	}
	return e;
}

enum ac_err
find_certificates(struct find *out, const struct find_model *m,
    const char *registry, const struct logkeys *keys, unsigned timeout_s,
    struct message *why)
{
	struct inquiry q = { .registry = registry, .timeout_s = timeout_s,
		.why = why };
	struct hints hints = { 0 };
	struct find f = { 0 };
	enum ac_err e = http_client_new(&q.http, NULL);

	if (e != AC_OK) {
		message_set(why, "%s", ac_strerror(e));
		return e;
	}
	e = collect(&hints, &q, m);
	for (size_t i = 0; e == AC_OK && i < hints.n; i++) {
		e = take(&f.found[f.n], &q, m, &hints.hint[i], keys);
		if (e == AC_OK)
			f.n++;
	}
	f.more = hints.more;
	http_client_free(q.http);
	if (e == AC_OK)
		*out = f; /* transferred */
	else
		find_free(&f);
	return e;
}

enum ac_err
find_check_model_sig(struct span model_sig, const struct find_certificate *c,
    struct message *why)
{
	struct bundle b = { 0 };
	struct sig_key *k = NULL;
	char hint[SPKI_HINT_MAX];
	struct digest d;
	enum ac_err e;

	if (model_sig.len > 0 && model_sig.p[model_sig.len - 1] == '\n')
		model_sig.len--;
	e = bundle_decode(&b, model_sig, OMS_STATEMENT_MAX);
	if (e != AC_OK) {
		message_set(why, "it is not a Sigstore bundle with one "
		    "signature");
		return e;
	}
	e = AC_ERR_MISMATCH;
	d = sha256_of(buf_span(&b.statement));
	spki_hint_oms(hint, &c->key);
	if (!digest_equal(&d, &c->manifest)) {
		message_set(why, "it is of another model: the certificate "
		    "names the manifest ");
		message_add_digest(why, &c->manifest);
		message_add(why, ", and this one is ");
		message_add_digest(why, &d);
		goto out;
	}
	if (b.logged || !span_is(span_str(hint), b.hint) ||
	    b.keyid[0] != '\0') {
		message_set(why, "it names another key than the certificate's");
		goto out;
	}
	d = dsse_digest(buf_span(&b.statement));
	e = sig_key_new(&k, &c->key);
	if (e == AC_OK)
		e = sig_p256(k, &d, span_of(b.sig, b.siglen));
	sig_key_free(k);
	if (e != AC_OK)
		message_set(why, "its signature does not hold");
out:
	bundle_free(&b);
	return e;
}

void
find_free(struct find *f)
{
	for (size_t i = 0; i < f->n; i++)
		buf_free(&f->found[i].jsonl);
	*f = (struct find){ 0 };
}
