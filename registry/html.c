/* html.c -- the frame of the pages; see html.h. */
#include <stdio.h>

#include "cert/release.h"
#include "cert/revocation.h"
#include "common/sha256.h"
#include "common/text.h"
#include "registry/html.h"

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:17px/1.55 system-ui,sans-serif;max-width:52rem;"
    "margin:2.5rem auto;padding:0 1.2rem}"
    "h1{font-size:1.7rem;line-height:1.2;margin-bottom:.2rem;"
    "overflow-wrap:anywhere}"
    "h2{font-size:1.15rem;margin-top:2.2rem}"
    "pre{font:13.5px/1.5 ui-monospace,monospace;background:#8881;"
    "border:1px solid #8884;border-radius:6px;padding:.8rem 1rem;"
    "overflow-x:auto}"
    "code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}"
    "dl{display:grid;grid-template-columns:max-content 1fr;"
    "gap:.35rem 1.2rem}"
    "dt{font-weight:600}dd{margin:0;min-width:0}"
    "table{border-collapse:collapse;width:100%}"
    "caption{text-align:left;font-weight:600}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;"
    "border-bottom:1px solid #8884;overflow-wrap:anywhere}"
    "form{display:grid;grid-template-columns:max-content 1fr;"
    "gap:.5rem 1.2rem;align-items:center}"
    "input{font:inherit;padding:.2rem .4rem;min-width:0}"
    "form button{grid-column:2;justify-self:start;font:inherit;"
    "padding:.3rem 1rem}"
    ".note{border-left:4px solid #c60;padding-left:1rem}"
    "nav a{margin-right:1rem}";

void
html_text(struct writer *w, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];

		if (c == '&')
			wr_str(w, "&amp;");
		else if (c == '<')
			wr_str(w, "&lt;");
		else if (c == '>')
			wr_str(w, "&gt;");
		else if (c == '"')
			wr_str(w, "&quot;");
		else if (c == '\'')
			wr_str(w, "&#39;");
		else if ((c >= 0x20 && c != 0x7f) || c == '\n')
			wr_u8(w, c);
	}
}

void
html_query(struct writer *w, const struct search *s, bool go_on,
    uint64_t after)
{
	const char *before = "?";

	for (int f = 0; f < SEARCH_FIELDS; f++) {
		if (s->given[f].p == NULL || f == SEARCH_AFTER)
			continue;
		wr_printf(w, "%s%s=", before,
		    search_name((enum search_field)f));
		html_text(w, s->given[f]);
		before = "&amp;";
	}
	if (go_on) {
		wr_printf(w, "%s%s=", before, search_name(SEARCH_AFTER));
		wr_dec(w, after);
	}
}

struct span
html_kind(struct span type)
{
	static const struct {
		const char *type, *kind;
	} kinds[] = {
		{ TYPE_PROVENANCE, "Provenance of a model" },
		{ TYPE_EVIDENCE, "TPM evidence" },
		{ TYPE_RELEASE, "Release of a VM image" },
		{ TYPE_REVOCATION, "Revocation" },
		{ TYPE_REMOVAL, "Removal of content" },
		{ TYPE_REVOCATION_STATE, "State of revocations" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (span_is(type, kinds[i].type))
			return span_str(kinds[i].kind);
	return type;
}

void
html_begin(struct writer *w, struct span title, const char *origin)
{
	wr_str(w, "<!doctype html>\n<html lang=\"en\"><head>"
	    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	    "content=\"width=device-width, initial-scale=1\">\n<title>");
	html_text(w, title);
	wr_str(w, "</title>\n<link rel=\"alternate\" "
	    "type=\"application/atom+xml\" title=\"New entries\" "
	    "href=\"/api/v1/feed.atom\">\n<style>");
	wr_str(w, style);
	wr_str(w, "</style></head>\n<body>\n<header><nav aria-label=\"Log\">"
	    "<a href=\"/\">");
	html_text(w, span_str(origin));
	wr_str(w, "</a> <a href=\"/search\">Search</a> "
	    "<a href=\"/api/v1/feed.atom\">Feed</a> "
	    "<a href=\"/api/v1/openapi.json\">API</a></nav></header>\n<main>\n"
	    "<h1>");
	html_text(w, title);
	wr_str(w, "</h1>\n");
}

void
html_end(struct writer *w)
{
	wr_str(w, "</main>\n</body></html>\n");
}

void
html_policy(char out[HTML_POLICY_MAX])
{
	struct digest d = sha256_of(span_str(style));
	char digest[45] = { 0 };

	text_base64(digest, span_digest(&d));
	(void)snprintf(out, HTML_POLICY_MAX, "default-src 'none'; style-src "
	    "'sha256-%s'; base-uri 'none'; form-action 'self'; "
	    "frame-ancestors 'none'", digest);
}
