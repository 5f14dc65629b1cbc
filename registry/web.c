/* web.c -- the pages; see web.h. */
#include "cert/provenance.h"
#include "cert/revocation.h"
#include "common/time.h"
#include "registry/html.h"
#include "registry/web.h"

/* What it means for whoever reads a proof. */
static const char *
witnessing_text(const char *witnessing)
{
	if (strcmp(witnessing, "fail-closed") == 0)
		return "nothing is published before a quorum cosigned it";
	if (strcmp(witnessing, "fail-open") == 0)
		return "a head may be published before a quorum cosigned it";
	return "nobody but the log vouches for its heads";
}

static void
write_state(struct writer *w, const struct web *web)
{
	wr_str(w, "<h2>The log</h2>\n<dl>\n<dt>Size</dt><dd>");
	wr_dec(w, web->head.size);
	wr_str(w, " statements</dd>\n<dt>Root</dt><dd><code>");
	wr_hex(w, span_digest(&web->head.root));
	wr_str(w, "</code></dd>\n<dt>Origin</dt><dd><code>");
	html_text(w, span_str(web->origin));
	wr_printf(w, "</code></dd>\n<dt>Witnesses</dt><dd>%s: %s</dd>",
	    web->witnessing, witnessing_text(web->witnessing));
	wr_str(w, "\n</dl>\n<p>Its newest checkpoint, also at "
	    "<a href=\"/checkpoint\">/checkpoint</a>:</p>\n<pre>");
	html_text(w, web->note);
	wr_str(w, "</pre>\n<h2>Its keys</h2>\n<p>The lines by which a policy "
	    "trusts this log, also at <a href=\"/api/v1/log-keys\">"
	    "/api/v1/log-keys</a>. A page can be forged: compare them with "
	    "what the operator told you in another way.</p>\n<pre>");
	html_text(w, web->keys);
	wr_str(w, "</pre>\n");
}

static void
write_admission(struct writer *w)
{
	wr_str(w, "<h2>What an entry means</h2>\n<p>Admission here is "
	    "<b>signed</b>: a certificate is logged if it is well-formed, its "
	    "lines agree with each other, and every line is signed by the key "
	    "that it names. Who holds that key is not checked, and evidence "
	    "by a TPM is stored but <b>not judged</b>. An entry shows that "
	    "somebody made this claim and cannot take it back; whether the "
	    "claim is to be believed, <code>aicert-verify</code> decides with "
	    "your policy on your machine.</p>\n");
}

/* A caption and a command, in which %s is the log's address. */
static void
write_command(struct writer *w, const struct web *web, const char *caption,
    const char *before, const char *after)
{
	wr_printf(w, "<p>%s</p>\n<pre>", caption);
	html_text(w, span_str(before));
	html_text(w, span_str(web->url));
	html_text(w, span_str(after));
	wr_str(w, "</pre>\n");
}

static void
write_commands(struct writer *w, const struct web *web)
{
	wr_str(w, "<h2>How to use it</h2>\n");
	write_command(w, web, "Log a certificate; the answer is the same "
	    "certificate with its proof:", "curl -f --data-binary "
	    "@aicert.jsonl -H 'Content-Type: application/jsonl' \\\n    ",
	    "/api/v1/certificates");
	write_command(w, web, "Find what is said about a file (here: one of "
	    "its weights) or an input:",
	    "curl -f ", "/api/v1/by-digest/sha256/$(sha256sum "
	    "model.safetensors | cut -d' ' -f1)");
	write_command(w, web, "Get a certificate by the D of its first line, "
	    "or one statement's bytes:", "curl -f ",
	    "/api/v1/certificates/$D > aicert.jsonl");
	write_command(w, web, "", "curl -f ", "/api/v1/statements/$D");
	write_command(w, web, "Prove that entry 0 is in the newest tree:",
	    "curl -f '", "/api/v1/proof/inclusion?index=0'");
	write_command(w, web, "Follow the log with tools for C2SP tlog-tiles:",
	    "curl -f ", "/checkpoint");
	write_command(w, web, "Verify with Sigstore clients; this is their "
	    "trusted root:", "curl -f ", "/trusted_root.json");
}

void
web_home(struct writer *w, const struct web *web)
{
	html_begin(w, span_str(web->origin), web->origin);
	wr_str(w, "<p>A public, append-only log of AICert certificates: "
	    "signed statements of what an AI model was made from, by whom and "
	    "how. Everything logged here is public, for ever and for "
	    "everybody the same.</p>\n");
	write_state(w, web);
	write_admission(w);
	write_commands(w, web);
	html_end(w);
}

/* ---- one certificate ---- */

static void
write_row(struct writer *w, const char *name, struct span value)
{
	wr_printf(w, "<dt>%s</dt><dd><code>", name);
	html_text(w, value);
	wr_str(w, "</code></dd>\n");
}

static void
write_text(struct writer *w, const char *name, struct json value)
{
	struct span text;

	if (json_string(value, &text))
		write_row(w, name, text);
}

static void
write_digest(struct writer *w, const char *name, const struct digest *d)
{
	wr_printf(w, "<dt>%s</dt><dd><code>", name);
	wr_hex(w, span_digest(d));
	wr_str(w, "</code></dd>\n");
}

/* A cell with text, or empty where there is none. */
static void
write_cell(struct writer *w, struct json value)
{
	struct span text;

	wr_str(w, "<td>");
	if (json_string(value, &text))
		html_text(w, text);
	wr_str(w, "</td>");
}

/* Every digest of a set, each as a link to what else names it. */
static void
write_digests(struct writer *w, struct json set)
{
	struct span hex;

	wr_str(w, "<td>");
	for (struct json d = json_first(set); json_present(d);
	    d = json_next(d)) {
		if (!json_string(d, &hex))
			continue;
		html_text(w, json_name(d));
		wr_str(w, " <code>");
		html_text(w, hex);
		wr_str(w, "</code><br>");
	}
	wr_str(w, "</td>");
}

static void
write_inputs(struct writer *w, struct json dependencies)
{
	wr_str(w, "<table><caption>Made from</caption>\n<thead><tr>"
	    "<th scope=\"col\">Role</th><th scope=\"col\">Name</th>"
	    "<th scope=\"col\">From</th><th scope=\"col\">Licence</th>"
	    "<th scope=\"col\">Digest</th></tr></thead>\n<tbody>\n");
	for (struct json r = json_first(dependencies); json_present(r);
	    r = json_next(r)) {
		struct json notes = json_get(r, "annotations");

		wr_str(w, "<tr>");
		write_cell(w, json_get(notes, "role"));
		write_cell(w, json_get(r, "name"));
		write_cell(w, json_get(r, "uri"));
		write_cell(w, json_get(notes, "license"));
		write_digests(w, json_get(r, "digest"));
		wr_str(w, "</tr>\n");
	}
	wr_str(w, "</tbody></table>\n");
}

static void
write_weights(struct writer *w, struct json weights)
{
	wr_str(w, "<table><caption>Weight files</caption>\n<thead><tr>"
	    "<th scope=\"col\">Name</th><th scope=\"col\">Digest</th></tr>"
	    "</thead>\n<tbody>\n");
	for (struct json r = weights; json_present(r); r = json_next(r)) {
		wr_str(w, "<tr>");
		write_cell(w, json_get(r, "name"));
		write_digests(w, json_get(r, "digest"));
		wr_str(w, "</tr>\n");
	}
	wr_str(w, "</tbody></table>\n");
}

/* Each figure with how it is known, in the statement's own words. */
static void
write_figures(struct writer *w, struct json compute)
{
	if (!json_present(json_first(compute)))
		return;
	wr_str(w, "<table><caption>What it took</caption>\n<thead><tr>"
	    "<th scope=\"col\">Figure</th><th scope=\"col\">Value</th>"
	    "<th scope=\"col\">Unit</th><th scope=\"col\">How it is known"
	    "</th></tr></thead>\n<tbody>\n");
	for (struct json f = json_first(compute); json_present(f);
	    f = json_next(f)) {
		wr_str(w, "<tr><th scope=\"row\">");
		html_text(w, json_name(f));
		wr_str(w, "</th>");
		write_cell(w, json_get(f, "value"));
		write_cell(w, json_get(f, "unit"));
		write_cell(w, json_get(f, "assurance"));
		wr_str(w, "</tr>\n");
	}
	wr_str(w, "</tbody></table>\n<p><i>measured</i>: by the software that "
	    "the evidence is about; <i>derived</i>: computed from measured "
	    "figures; <i>reported</i>: by the training code itself.</p>\n");
}

static void
write_provenance(struct writer *w, const struct statement *s)
{
	struct provenance_view v;

	if (provenance_view(&v, s) != AC_OK)
		return;
	wr_printf(w, "<p class=\"note\">%s</p>\n<dl>\n", v.measured ?
	    "The statement says that the run was <b>measured</b> by a TPM. "
	    "Its evidence is stored and <b>not judged</b> by this page." :
	    "The statement is <b>self-asserted</b>: it rests on its signer's "
	    "word alone.");
	write_digest(w, "OMS root", &v.root);
	write_digest(w, "Manifest", &v.manifest);
	write_digest(w, "Builder's key", &v.builder_key);
	if (v.has_image_root)
		write_digest(w, "VM image (claimed)", &v.image_root);
	write_text(w, "Trainer", json_get(v.external, "trainer"));
	write_text(w, "Started", json_get(v.metadata, "startedOn"));
	write_text(w, "Finished", json_get(v.metadata, "finishedOn"));
	wr_str(w, "</dl>\n");
	write_inputs(w, v.dependencies);
	write_weights(w, v.weights);
	write_figures(w, v.compute);
}

static void
write_revocation(struct writer *w, struct span bytes)
{
	struct revocation r = { 0 };

	if (revocation_decode(&r, bytes) != AC_OK)
		return;
	wr_str(w, "<dl>\n");
	if (r.kind != REVOCATION_STATE) {
		wr_str(w, "<dt>About</dt><dd>");
		wr_str(w, r.kind == REVOCATION &&
		    r.target == REVOCATION_KEY ? "the key " :
		    "<a href=\"/certificate/");
		if (r.kind != REVOCATION || r.target != REVOCATION_KEY) {
			wr_hex(w, span_digest(&r.digest));
			wr_str(w, "\">statement</a> ");
		}
		wr_str(w, "<code>");
		wr_hex(w, span_digest(&r.digest));
		wr_str(w, "</code></dd>\n");
		write_row(w, "Reason", r.reason);
	}
	wr_str(w, "</dl>\n");
	revocation_free(&r);
}

void
web_entry(struct writer *w, const struct web_entry *en)
{
	char text[TIME_RFC3339_LEN + 1] = "";
	struct digest key = spki_digest(&en->row->key);
	struct statement s = { 0 };

	wr_str(w, "<section>\n<h2>");
	html_text(w, html_kind(buf_span(&en->row->type)));
	wr_str(w, "</h2>\n<dl>\n");
	write_digest(w, "Statement", &en->row->d);
	write_row(w, "Type", buf_span(&en->row->type));
	write_digest(w, "Signed by key", &key);
	if (time_format(text, en->time_s) == AC_OK)
		wr_printf(w, "<dt>Published</dt><dd><time datetime=\"%s\">%s"
		    "</time>, by the log's clock</dd>\n", text, text);
	wr_str(w, "<dt>Log entry</dt><dd><a href=\"/api/v1/entries/");
	wr_dec(w, en->index);
	wr_str(w, "\">");
	wr_dec(w, en->index);
	wr_str(w, "</a>, <a href=\"/api/v1/entries/");
	wr_dec(w, en->index);
	wr_str(w, "/tlog-proof\">proof</a></dd>\n</dl>\n");
	if (en->row->withheld) {
		wr_str(w, "<p class=\"note\">The content of this statement is "
		    "withheld; <a href=\"/api/v1/entries/");
		wr_dec(w, en->removal);
		wr_str(w, "\">entry ");
		wr_dec(w, en->removal);
		wr_str(w, "</a> is the removal, which says why.</p>\n");
	} else if (revocation_is(buf_span(&en->row->type))) {
		write_revocation(w, buf_span(&en->row->statement));
	} else if (statement_decode(&s, buf_span(&en->row->statement)) ==
	    AC_OK) {
		write_provenance(w, &s);
		statement_free(&s);
	}
	wr_str(w, "</section>\n");
}

void
web_certificate_begin(struct writer *w, const struct web *web,
    const struct digest *d)
{
	html_begin(w, span_str("Certificate"), web->origin);
	wr_str(w, "<p><code>");
	wr_hex(w, span_digest(d));
	wr_str(w, "</code></p>\n<p class=\"note\">This page shows what was "
	    "logged, and judges nothing. Get the <a href=\""
	    "/api/v1/certificates/");
	wr_hex(w, span_digest(d));
	wr_str(w, "\">certificate</a> and let <code>aicert-verify</code> "
	    "decide, with your own policy.</p>\n");
}

void
web_about(struct writer *w, const struct store_found *f)
{
	wr_str(w, "<li><a href=\"/certificate/");
	wr_hex(w, span_digest(&f->d));
	wr_str(w, "\">");
	html_text(w, html_kind(buf_span(&f->type)));
	wr_str(w, "</a>, entry ");
	wr_dec(w, f->index);
	wr_str(w, "</li>\n");
}

/* ---- search ---- */

static void
write_form(struct writer *w, const struct search *s)
{
	static const struct {
		enum search_field field;
		const char *label, *hint;
	} rows[] = {
		{ SEARCH_BUILDER, "Builder's key", "64 hex digits" },
		{ SEARCH_DATASET, "Dataset", "name, address or sha256:..." },
		{ SEARCH_BASE_MODEL, "Base model",
		    "name, address or sha256:..." },
		{ SEARCH_CODE, "Code", "name, address or gitCommit:..." },
		{ SEARCH_IMAGE, "Image", "name, address or sha256:..." },
		{ SEARCH_LICENSE, "Licence of an input", "SPDX identifier" },
		{ SEARCH_MIN_FLOPS, "FLOPs at least", "such as 1e24" },
		{ SEARCH_TYPE, "Predicate type", "address of the type" },
	};
	uint8_t text[SEARCH_VALUE_MAX];

	wr_str(w, "<form action=\"/search\" method=\"get\" "
	    "role=\"search\">\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = search_name(rows[i].field);
		struct span given = s->given[rows[i].field];
		size_t n = 0;

		wr_printf(w, "<label for=\"%s\">%s</label><input id=\"%s\" "
		    "name=\"%s\" placeholder=\"%s\" value=\"", name,
		    rows[i].label, name, name, rows[i].hint);
		if (given.p != NULL && search_decode(text, &n, given))
			html_text(w, span_of(text, n));
		wr_str(w, "\">\n");
	}
	wr_str(w, "<button>Search</button>\n</form>\n");
}

static void
write_found(struct writer *w, const struct store_found *f)
{
	struct digest key = spki_digest(&f->key);

	wr_str(w, "<tr><td>");
	wr_dec(w, f->index);
	wr_str(w, "</td><td><a href=\"/certificate/");
	wr_hex(w, span_digest(&f->d));
	wr_str(w, "\">");
	html_text(w, html_kind(buf_span(&f->type)));
	wr_str(w, "</a></td><td><a href=\"/search?order=newest&amp;builder=");
	wr_hex(w, span_digest(&key));
	wr_str(w, "\"><code>");
	wr_hex(w, span_digest(&key));
	wr_str(w, "</code></a></td></tr>\n");
}

void
web_search(struct writer *w, const struct web *web, const struct search *s,
    const struct web_found *f)
{
	html_begin(w, span_str("Search"), web->origin);
	wr_str(w, "<p>What is found is what signers stated. Nothing here was "
	    "verified but their signatures.</p>\n");
	write_form(w, s);
	wr_str(w, "<section aria-live=\"polite\">\n<h2>Entries</h2>\n");
	if (f->n == 0) {
		wr_printf(w, "<p>%s</p>\n", f->more ? "Nothing among the "
		    "entries that one search looks at." :
		    "The log has no such entry.");
	} else {
		wr_str(w, "<table><caption>Found</caption>\n<thead><tr>"
		    "<th scope=\"col\">Entry</th><th scope=\"col\">Statement"
		    "</th><th scope=\"col\">Signed by key</th></tr></thead>\n"
		    "<tbody>\n");
		for (size_t i = 0; i < f->n; i++)
			write_found(w, &f->found[i]);
		wr_str(w, "</tbody></table>\n");
	}
	if (f->more) {
		wr_str(w, "<p><a rel=\"next\" href=\"/search");
		html_query(w, s, true, f->next);
		wr_str(w, "\">More</a></p>\n");
	}
	wr_str(w, "<p><a href=\"/api/v1/search");
	html_query(w, s, s->has_after, s->after);
	wr_str(w, "\">The same as JSON</a></p>\n</section>\n");
	html_end(w);
}
