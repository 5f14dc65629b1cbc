/* export.c -- a certificate in other forms; see export.h. */
#include "cert/dsse.h"
#include "producer/export.h"

/* ---- CycloneDX ---- */

static void
write_hash(struct writer *w, const struct digest *d)
{
	wr_str(w, "\"hashes\":[{\"alg\":\"SHA-256\",\"content\":\"");
	wr_hex(w, span_digest(d));
	wr_str(w, "\"}]");
}

static void
write_property(struct writer *w, bool *first, const char *prefix,
    struct span name, struct span value)
{
	struct writer n;
	struct buf whole = { 0 };

	wr_init(&n, 64 * KIB);
	wr_str(&n, prefix);
	wr_bytes(&n, name);
	if (wr_end(&n, &whole) != AC_OK) {
		w->err = AC_ERR_MEMORY;
		return;
	}
	wr_str(w, *first ? "{\"name\":" : ",{\"name\":");
	*first = false;
	wr_json(w, buf_span(&whole));
	wr_str(w, ",\"value\":");
	wr_json(w, value);
	wr_u8(w, '}');
	buf_free(&whole);
}

/* Is s a URL that stands in a bill of materials as it is? */
static bool
is_url(struct span s)
{
	if (s.len < 4 || !span_is(span_of(s.p, 4), "http"))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '%' ||
		    strchr("\"<>\\^`{|}[]", s.p[i]) != NULL)
			return false;
	return true;
}

static const char *
type_of(struct json role)
{
	return json_is(role, "base_model") ? "machine-learning-model" :
	    json_is(role, "image") ? "container" :
	    json_is(role, "dataset") ? "data" : "file";
}

static void
write_input(struct writer *w, struct json j, size_t i)
{
	struct json notes = json_get(j, "annotations");
	struct span name = span_str("input"), s;
	struct digest d;
	bool first = true;

	(void)!json_string(json_get(j, "name"), &name);
	wr_printf(w, ",{\"type\":\"%s\",\"bom-ref\":\"input-%zu\",\"name\":",
	    type_of(json_get(notes, "role")), i + 1);
	wr_json(w, name);
	if (json_digest(json_get(json_get(j, "digest"), "sha256"), &d)) {
		wr_u8(w, ',');
		write_hash(w, &d);
	}
	if (json_string(json_get(notes, "license"), &s)) {
		wr_str(w, ",\"licenses\":[{\"license\":{\"name\":");
		wr_json(w, s);
		wr_str(w, "}}]");
	}
	if (json_string(json_get(j, "uri"), &s) && is_url(s)) {
		wr_str(w, ",\"externalReferences\":[{\"type\":\"distribution\","
		    "\"url\":");
		wr_json(w, s);
		wr_str(w, "}]");
	}
	wr_str(w, ",\"properties\":[");
	if (json_string(json_get(j, "uri"), &s))
		write_property(w, &first, "aicert:", span_str("uri"), s);
	for (struct json a = json_first(notes); json_present(a);
	    a = json_next(a))
		if (json_string(a, &s))
			write_property(w, &first, "aicert:", json_name(a), s);
	if (json_string(json_get(json_get(j, "digest"), "gitCommit"), &s))
		write_property(w, &first, "aicert:", span_str("gitCommit"), s);
	wr_str(w, "]}");
}

/* The datasets of a model card, as references to inputs. */
static void
write_datasets(struct writer *w, struct json dependencies)
{
	const char *before = "";
	size_t i = 0;

	wr_str(w, "\"datasets\":[");
	for (struct json j = json_first(dependencies); json_present(j);
	    j = json_next(j), i++)
		if (json_is(json_get(json_get(j, "annotations"), "role"),
		    "dataset")) {
			wr_printf(w, "%s{\"ref\":\"input-%zu\"}", before,
			    i + 1);
			before = ",";
		}
	wr_u8(w, ']');
}

/* Every row that is not shown elsewhere, with how it is known. */
static void
write_card_properties(struct writer *w, const struct facts *f)
{
	bool first = true;

	write_property(w, &first, "aicert:", span_str("run"),
	    span_str(f->c->provenance.measured ? "measured" :
	    "self-asserted"));
	for (size_t i = 0; i < f->n; i++) {
		const struct fact *row = &f->fact[i];
		struct writer v;
		struct buf value = { 0 };

		if (row->section != FACTS_HOW && row->section != FACTS_WHEN &&
		    row->section != FACTS_LINES && row->section != FACTS_WHO)
			continue;
		wr_init(&v, 128 * KIB);
		wr_bytes(&v, buf_span(&row->value));
		wr_printf(&v, " (%s)", row->how);
		if (wr_end(&v, &value) != AC_OK) {
			w->err = AC_ERR_MEMORY;
			return;
		}
		write_property(w, &first, "aicert:stated:",
		    buf_span(&row->label), buf_span(&value));
		buf_free(&value);
	}
}

/* A UUID of version 8 (RFC 9562), made of the statement's digest. */
static void
write_serial(struct writer *w, const struct digest *d)
{
	uint8_t b[16];

	memcpy(b, d->b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	wr_str(w, "urn:uuid:");
	for (size_t i = 0; i < sizeof(b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			wr_u8(w, '-');
		wr_hex(w, span_of(&b[i], 1));
	}
}

void
export_cyclonedx(struct writer *w, const struct facts *f, struct span name)
{
	const struct provenance_view *p = &f->c->provenance;
	struct span s = { 0 };
	size_t n = 0, i = 0;

	wr_str(w, "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\","
	    "\"serialNumber\":\"");
	write_serial(w, &f->c->line[0].d);
	wr_str(w, "\",\"version\":1,\"metadata\":{");
	if (json_string(json_get(p->metadata, "finishedOn"), &s)) {
		wr_str(w, "\"timestamp\":");
		wr_json(w, s);
		wr_u8(w, ',');
	}
	wr_str(w, "\"tools\":{\"components\":[{\"type\":\"application\","
	    "\"name\":\"aicert\",\"version\":\"" AICERT_VERSION "\"}]},"
	    "\"component\":{\"type\":\"machine-learning-model\",\"bom-ref\":"
	    "\"model\",\"name\":");
	wr_json(w, name);
	wr_u8(w, ',');
	write_hash(w, &p->root);
	wr_str(w, ",\"modelCard\":{\"modelParameters\":{");
	write_datasets(w, p->dependencies);
	wr_str(w, "},\"properties\":[");
	write_card_properties(w, f);
	wr_str(w, "]}}},\"components\":[");
	for (struct json j = p->weights; json_present(j); j = json_next(j)) {
		struct span file;
		struct digest d;

		if (!statement_subject(j, &file, &d))
			continue;
		wr_printf(w, "%s{\"type\":\"file\",\"bom-ref\":\"weights-%zu\","
		    "\"name\":", i > 0 ? "," : "", i + 1);
		i++;
		wr_json(w, file);
		wr_u8(w, ',');
		write_hash(w, &d);
		wr_u8(w, '}');
	}
	for (struct json j = json_first(p->dependencies); json_present(j);
	    j = json_next(j))
		write_input(w, j, n++);
	wr_str(w, "],\"dependencies\":[{\"ref\":\"model\",\"dependsOn\":[");
	for (size_t k = 0; k < n; k++)
		wr_printf(w, "%s\"input-%zu\"", k > 0 ? "," : "", k + 1);
	wr_str(w, "]}]}\n");
}

/* ---- a page for people ---- */

/* As text of Markdown, where nothing of s is markup, on one line. */
static void
write_markdown(struct writer *w, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];

		if (c < 0x20 || c == 0x7f)
			wr_u8(w, ' ');
		else if (c == '&')
			wr_str(w, "&amp;");
		else if (c == '<')
			wr_str(w, "&lt;");
		else if (c == '|')
			wr_str(w, "&#124;");
		else if (c == ':' || c == '@' || c == '.')
			/* No address becomes a link. */
			wr_printf(w, "&#%u;", c);
		else if (c < 0x80 && strchr("\\`*_{}[]()#+-!>~$\"'", c) != NULL)
			wr_printf(w, "\\%c", c);
		else
			wr_u8(w, c);
	}
}

void
export_card(struct writer *w, const struct facts *f, struct span name)
{
	static const char *const titles[FACTS_SECTIONS] = {
		[FACTS_WHO] = "Who", [FACTS_WHAT] = "What",
		[FACTS_FROM] = "From", [FACTS_HOW] = "How",
		[FACTS_WHEN] = "When", [FACTS_LINES] = "Statements",
	};
	size_t section = FACTS_SECTIONS;

	wr_str(w, "# AI model ID card: ");
	write_markdown(w, name);
	wr_str(w, "\n\nThis page repeats what the model's certificate, "
	    "`aicert.jsonl`, states; it proves nothing\nby itself. Whoever has "
	    "the model checks it with `aicert-verify DIR`.\n");
	if (!f->c->provenance.measured)
		wr_str(w, "\n**SELF-ASSERTED**: no TPM took part; everything "
		    "here is the builder's own word, the\nfigures called "
		    "measured too.\n");
	for (size_t i = 0; i < f->n; i++) {
		const struct fact *row = &f->fact[i];

		if (row->section != section) {
			section = row->section;
			wr_printf(w, "\n## %s\n\n| | | known how |\n"
			    "|---|---|---|\n", titles[section]);
		}
		wr_str(w, "| ");
		write_markdown(w, buf_span(&row->label));
		wr_str(w, " | ");
		write_markdown(w, buf_span(&row->value));
		wr_printf(w, " | %s |\n", row->how);
	}
	wr_str(w, "\n*measured*: the attested software measured it; *derived*: "
	    "computed from measured things;\n*reported*: the training code "
	    "said so; *stated*: the certificate says so.\n");
}

/* ---- other tools' forms ---- */

void
export_in_toto(struct writer *w, const struct facts *f)
{
	for (size_t i = 0; i < f->c->nlines; i++) {
		const struct bundle *b = &f->c->line[i].bundle;

		wr_str(w, "{\"payloadType\":\"" DSSE_PAYLOAD_TYPE "\","
		    "\"payload\":\"");
		wr_base64(w, buf_span(&b->statement));
		wr_str(w, "\",\"signatures\":[{\"keyid\":");
		wr_json(w, span_str(b->keyid));
		wr_str(w, ",\"sig\":\"");
		wr_base64(w, span_of(b->sig, b->siglen));
		wr_str(w, "\"}]}\n");
	}
}

void
export_tlog_proof(struct writer *w, const struct facts *f, size_t i)
{
	const struct bundle_entry *e = &f->c->line[i].bundle.entry;

	wr_str(w, "c2sp.org/tlog-proof@v1\nindex ");
	wr_dec(w, e->index);
	wr_u8(w, '\n');
	for (size_t k = 0; k < e->nproof; k++) {
		wr_base64(w, span_digest(&e->proof[k]));
		wr_u8(w, '\n');
	}
	wr_u8(w, '\n');
	wr_bytes(w, buf_span(&e->checkpoint));
}
