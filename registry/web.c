/* web.c -- the page at "/"; see web.h. */
#include <stdio.h>

#include "common/sha256.h"
#include "common/text.h"
#include "registry/web.h"

#define PAGE_MAX ((size_t)64 << 10)

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:17px/1.55 system-ui,sans-serif;max-width:46rem;"
    "margin:2.5rem auto;padding:0 1.2rem}"
    "h1{font-size:1.7rem;line-height:1.2;margin-bottom:.2rem}"
    "h2{font-size:1.15rem;margin-top:2.2rem}"
    "pre{font:13.5px/1.5 ui-monospace,monospace;background:#8881;"
    "border:1px solid #8884;border-radius:6px;padding:.8rem 1rem;"
    "overflow-x:auto}"
    "code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}"
    "dl{display:grid;grid-template-columns:max-content 1fr;"
    "gap:.35rem 1.2rem}"
    "dt{font-weight:600}dd{margin:0;min-width:0}";

/* s as HTML text; control characters but LF are left out. */
static void
wr_html(struct writer *w, struct span s)
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
		else if (c >= 0x20 || c == '\n')
			wr_u8(w, c);
	}
}

static void
write_head(struct writer *w, const struct web *web)
{
	wr_str(w, "<!doctype html>\n<html lang=\"en\"><head>"
	    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	    "content=\"width=device-width, initial-scale=1\">\n<title>");
	wr_html(w, span_str(web->origin));
	wr_str(w, ": AICert registry</title>\n<style>");
	wr_str(w, style);
	wr_str(w, "</style></head>\n<body>\n<h1>");
	wr_html(w, span_str(web->origin));
	wr_str(w, "</h1>\n<p>A public, append-only log of AICert certificates: "
	    "signed statements of what an AI model was made from, by whom and "
	    "how. Everything logged here is public, for ever and for "
	    "everybody the same.</p>\n");
}

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
	wr_html(w, span_str(web->origin));
	wr_printf(w, "</code></dd>\n<dt>Witnesses</dt><dd>%s: %s</dd>",
	    web->witnessing, witnessing_text(web->witnessing));
	wr_str(w, "\n</dl>\n<p>Its newest checkpoint, also at "
	    "<a href=\"/checkpoint\">/checkpoint</a>:</p>\n<pre>");
	wr_html(w, web->note);
	wr_str(w, "</pre>\n<h2>Its keys</h2>\n<p>The lines by which a policy "
	    "trusts this log, also at <a href=\"/api/v1/log-keys\">"
	    "/api/v1/log-keys</a>. A page can be forged: compare them with "
	    "what the operator told you in another way.</p>\n<pre>");
	wr_html(w, web->keys);
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
	wr_html(w, span_str(before));
	wr_html(w, span_str(web->url));
	wr_html(w, span_str(after));
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

enum ac_err
web_page(struct buf *out, const struct web *web)
{
	struct writer w;

	wr_init(&w, PAGE_MAX);
	write_head(&w, web);
	write_state(&w, web);
	write_admission(&w);
	write_commands(&w, web);
	wr_str(&w, "</body></html>\n");
	return wr_end(&w, out);
}

void
web_policy(char out[WEB_POLICY_MAX])
{
	struct digest d = sha256_of(span_str(style));
	char digest[45] = { 0 };

	text_base64(digest, span_digest(&d));
	(void)snprintf(out, WEB_POLICY_MAX, "default-src 'none'; style-src "
	    "'sha256-%s'; base-uri 'none'; form-action 'none'; "
	    "frame-ancestors 'none'", digest);
}
