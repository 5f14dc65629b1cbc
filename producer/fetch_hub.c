/*
 * fetch_hub.c -- files from a hub; see fetch_hub.h.
 *
 * Three kinds of requests: the revision (is it the commit?), its list of files
 * in pages, and the files, which may be redirected to another host that the
 * token is not sent to.  A hub's words are checked against each other here;
 * what counts is hashed by the recorder.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/evp.h>

#include "cert/json.h"
#include "cert/limits.h"
#include "cert/oms.h"
#include "common/glob.h"
#include "common/http.h"
#include "common/text.h"
#include "producer/fetch_hub.h"
#include "producer/rules.h"
#include "producer/stream.h"

#define TELL_S 2 /* between two words about how far it is */
#define ANSWER_MAX (16 * MIB) /* bytes of one answer of the API */
#define SHA1_LEN 20

/* A file of the list that is wanted. */
struct file {
	char *path; /* owned */
	uint64_t bytes;
	bool lfs;
	uint8_t id[32]; /* SHA-256 of an LFS file, git's SHA-1 of any other */
};

struct hub {
	const struct fetch_hub *asked;
	void (*told)(const char *text);
	struct message *why;
	struct http_client *http;
	struct stream_writer *stream;
	char *base;      /* of the API and of files, without a '/' behind */
	const char *repo; /* OWNER/NAME, in what asked.uri has */
	struct file *file;
	size_t nfiles, cap, listed;
	/* of the file that is fetched */
	const struct file *now;
	EVP_MD_CTX *ctx;
	uint64_t have, all;
	time_t told_at;
};

static enum ac_err
no_memory(struct hub *h)
{
	return BECAUSE(h->why, AC_ERR_MEMORY, "out of memory");
}

/* ---- addresses ---- */

/* Split uri into the hub's base and the repository. */
static enum ac_err
find_base(struct hub *h)
{
	static const char datasets[] = "datasets/";
	const struct fetch_hub *a = h->asked;
	const char *host = strstr(a->uri, "://");
	const char *path = host == NULL ? NULL : strchr(host + 3, '/');
	size_t n = sizeof(RULES_HUB) - 1;
	struct span base;

	if (path == NULL)
		goto bad;
	base = span_of(a->uri, (size_t)(path - a->uri));
	if (a->endpoint != NULL && span_is(base, RULES_HUB) &&
	    base.len == n) {
		base = span_str(a->endpoint);
		while (base.len > 0 && base.p[base.len - 1] == '/')
			base.len--;
	}
	path++;
	if (a->dataset && strncmp(path, datasets, sizeof(datasets) - 1) == 0)
		path += sizeof(datasets) - 1;
	if (!rules_hub_name(span_str(path)))
		goto bad;
	h->repo = path;
	h->base = strndup((const char *)base.p, base.len);
	return h->base == NULL ? no_memory(h) : AC_OK;
bad:
	message_set(h->why, "a hub's repository is at "
	    "https://HOST/[datasets/]OWNER/NAME, not at ");
	message_add_quoted(h->why, span_str(a->uri));
	return AC_ERR_FORMAT;
}

/* path with all but plain characters and '/' as %XX. */
static void
put_path(struct writer *w, const char *path)
{
	for (; *path != '\0'; path++) {
		char c = *path;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-._~/", c) != NULL)
			wr_u8(w, (uint8_t)c);
		else
			wr_printf(w, "%%%02X", (unsigned)(uint8_t)c);
	}
}

/* *out = base, what, the repository, then rest with path behind it. */
static enum ac_err
make_url(struct hub *h, char **out, const char *models, const char *datasets,
    const char *rest, const char *path, const char *query)
{
	struct buf url = { 0 };
	struct writer w;

	wr_init(&w, 8 * FILE_PATH_MAX);
	wr_str(&w, h->base);
	wr_str(&w, h->asked->dataset ? datasets : models);
	wr_str(&w, h->repo);
	wr_str(&w, rest);
	wr_str(&w, h->asked->commit);
	put_path(&w, path);
	wr_str(&w, query);
	wr_u8(&w, 0);
	if (wr_end(&w, &url) != AC_OK)
		return no_memory(h);
	*out = (char *)url.p; /* transferred */
	return AC_OK;
}

/* ---- the API ---- */

static enum ac_err
refused(struct hub *h, unsigned status)
{
	bool token = h->asked->token != NULL;

	message_set(h->why, "the hub answers %u about ", status);
	message_add_quoted(h->why, span_str(h->repo));
	message_add(h->why, " at %s", h->asked->commit);
	if (status == 401 || status == 403)
		message_add(h->why, token ? ": the token in HF_TOKEN may not "
		    "read it" : ": it asks for a token; set HF_TOKEN");
	else if (status == 404)
		message_add(h->why, ": no such repository or revision%s",
		    token ? "" : ", or one that HF_TOKEN is needed for");
	if (status == 404)
		return AC_ERR_NOT_FOUND;
	return status == 429 || status >= 500 ? AC_ERR_BUSY : AC_ERR_MISMATCH;
}

static enum ac_err
ask(struct hub *h, struct json_doc *out, const char *url)
{
	struct http_answer a = { 0 };
	enum ac_err e = http_client_get(h->http, &a, url, ANSWER_MAX,
	    HTTP_TIMEOUT_S, h->why);

	if (e != AC_OK)
		return e;
	if (a.status != 200)
		e = refused(h, a.status);
	else if (json_parse(out, buf_span(&a.body)) != AC_OK)
		e = BECAUSE(h->why, AC_ERR_FORMAT, "the hub's answer about "
		    "the repository is no JSON, or not of the strict kind");
	http_answer_free(&a);
	return e;
}

/* *doc = what the hub says of the revision; *sha, in it, which commit it is. */
static enum ac_err
ask_revision(struct hub *h, struct json_doc *doc, struct span *sha)
{
	char *url = NULL;
	enum ac_err e = make_url(h, &url, "/api/models/", "/api/datasets/",
	    "/revision/", "", "?expand=sha");

	if (e == AC_OK)
		e = ask(h, doc, url);
	free(url);
	if (e == AC_OK && !json_string(json_get(json_root(doc), "sha"), sha))
		e = BECAUSE(h->why, AC_ERR_FORMAT, "the hub does not say "
		    "which commit the revision is");
	return e;
}

static enum ac_err
check_revision(struct hub *h)
{
	struct json_doc doc = { 0 };
	struct span sha;
	enum ac_err e = ask_revision(h, &doc, &sha);

	if (e == AC_OK && !span_is(sha, h->asked->commit)) {
		message_set(h->why, "the pin is gitCommit:%s, but the hub "
		    "says that this revision is ", h->asked->commit);
		message_add_quoted(h->why, sha);
		e = AC_ERR_MISMATCH;
	}
	json_free(&doc);
	return e;
}

static bool
is_wanted(const struct hub *h, struct span path)
{
	const struct fetch_hub *a = h->asked;

	for (size_t i = 0; i < a->nglobs; i++)
		if (glob_matches(span_str(a->glob[i]), path))
			return true;
	return a->nglobs == 0;
}

static enum ac_err
bad_entry(struct hub *h, struct span path, const char *text)
{
	message_set(h->why, "in the hub's list ");
	message_add_quoted(h->why, path);
	message_add(h->why, " %s", text);
	return AC_ERR_FORMAT;
}

static enum ac_err
keep_file(struct hub *h, const struct file *f, struct span path)
{
	if (h->nfiles == h->cap) {
		size_t cap = h->cap == 0 ? 64 : h->cap * 2;
		struct file *grown = realloc(h->file, cap * sizeof(*grown));

		if (grown == NULL)
			return no_memory(h);
		h->file = grown;
		h->cap = cap;
	}
	h->file[h->nfiles] = *f;
	h->file[h->nfiles].path = strndup((const char *)path.p, path.len);
	if (h->file[h->nfiles].path == NULL)
		return no_memory(h);
	h->nfiles++;
	return AC_OK;
}

/* One entry of the list: a folder, or a file with its id and length. */
static enum ac_err
take_entry(struct hub *h, struct json entry)
{
	struct json lfs = json_get(entry, "lfs");
	struct json of = json_is_object(lfs) ? lfs : entry;
	struct file f = { .lfs = json_is_object(lfs) };
	struct span path, id;
	bool ok;

	if (++h->listed > 2 * FILES_MAX)
		return BECAUSE(h->why, AC_ERR_LIMIT, "the hub lists more than "
		    "%d files and folders", 2 * FILES_MAX);
	if (!json_string(json_get(entry, "path"), &path))
		return BECAUSE(h->why, AC_ERR_FORMAT, "the hub lists "
		    "something without a path");
	if (json_is(json_get(entry, "type"), "directory"))
		return AC_OK;
	if (!json_is(json_get(entry, "type"), "file"))
		return bad_entry(h, path, "is neither a file nor a folder");
	if (path.len > FILE_PATH_MAX || !oms_path_is_valid(path))
		return bad_entry(h, path, "is no path of a file: it leads out "
		    "of its folder, or is not UTF-8 without control "
		    "characters");
	if (!is_wanted(h, path))
		return AC_OK;
	ok = json_uint(json_get(of, "size"), &f.bytes, JSON_INT_MAX) &&
	    json_string(json_get(of, "oid"), &id);
	if (ok && f.lfs && id.len > 7 && span_is(span_of(id.p, 7), "sha256:"))
		id = span_of(id.p + 7, id.len - 7);
	if (!ok || !text_unhex(f.id, f.lfs ? sizeof(f.id) : SHA1_LEN, id))
		return bad_entry(h, path, "has no id and length of the known "
		    "form");
	if (h->nfiles == FILES_MAX)
		return BECAUSE(h->why, AC_ERR_LIMIT, "more than %d files; a "
		    "certificate holds no more", FILES_MAX);
	return keep_file(h, &f, path);
}

/*
 * The address of the next page, of a Link header: <URL>; rel="next".  It is
 * the hub's own, or the token would go elsewhere.  *out is NULL where there is
 * none.
 */
static enum ac_err
next_page(struct hub *h, char **out)
{
	const char *link = http_client_kept(h->http);
	const char *rel = link == NULL ? NULL : strstr(link, "rel=\"next\"");
	const char *begin = NULL, *end;
	size_t n = strlen(h->base);

	free(*out);
	*out = NULL;
	if (rel == NULL)
		return AC_OK;
	for (const char *p = link; p < rel; p++)
		if (*p == '<')
			begin = p + 1;
	end = begin == NULL ? NULL : strchr(begin, '>');
	if (end == NULL || end > rel)
		return BECAUSE(h->why, AC_ERR_FORMAT, "the hub names the next "
		    "page of its list in an unknown way");
	if ((size_t)(end - begin) <= n || strncmp(begin, h->base, n) != 0 ||
	    begin[n] != '/') {
		message_set(h->why, "the hub says that its list goes on at ");
		message_add_quoted(h->why, span_of(begin,
		    (size_t)(end - begin)));
		message_add(h->why, ", which is not the hub");
		return AC_ERR_MISMATCH;
	}
	*out = strndup(begin, (size_t)(end - begin));
	return *out == NULL ? no_memory(h) : AC_OK;
}

static enum ac_err
list_files(struct hub *h)
{
	char *url = NULL;
	enum ac_err e = make_url(h, &url, "/api/models/", "/api/datasets/",
	    "/tree/", "", "?recursive=true");

	http_client_keep(h->http, "Link");
	while (e == AC_OK && url != NULL) {
		struct json_doc doc = { 0 };
		size_t before = h->listed;

		e = ask(h, &doc, url);
		if (e == AC_OK && !json_is_array(json_root(&doc)))
			e = BECAUSE(h->why, AC_ERR_FORMAT, "the hub's list of "
			    "files is no list");
		JSON_EACH(entry, json_root(&doc))
			if (e == AC_OK)
				e = take_entry(h, entry);
		json_free(&doc);
		if (e == AC_OK)
			e = next_page(h, &url);
		if (e == AC_OK && url != NULL && h->listed == before)
			e = BECAUSE(h->why, AC_ERR_FORMAT, "the hub's list of "
			    "files goes on without an end");
	}
	free(url);
	http_client_keep(h->http, NULL);
	if (e == AC_OK && h->nfiles == 0)
		e = BECAUSE(h->why, AC_ERR_NOT_FOUND, h->listed == 0 ?
		    "the hub has no file of it" : "no file at the hub matches "
		    "\"path\"");
	return e;
}

/* ---- files ---- */

static void
tell(struct hub *h)
{
	struct timespec now = { 0 };
	struct message m;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < h->told_at + TELL_S)
		return;
	h->told_at = now.tv_sec;
	message_set(&m, "%llu of %llu bytes, ", (unsigned long long)h->have,
	    (unsigned long long)h->all);
	message_add_quoted(&m, span_str(h->now->path));
	h->told(m.text);
}

static enum ac_err
differs(struct hub *h, const char *text)
{
	message_set(h->why, "%s", "");
	message_add_quoted(h->why, span_str(h->now->path));
	message_add(h->why, " %s", text);
	return AC_ERR_MISMATCH;
}

/* The bytes that came of the file so far. */
struct part {
	struct hub *hub;
	uint64_t bytes;
};

static enum ac_err
write_part(void *arg, struct span bytes, uint64_t total)
{
	struct part *p = arg;
	struct hub *h = p->hub;

	(void)total;
	if (bytes.len > h->now->bytes - p->bytes)
		return differs(h, "is longer than the hub's list says");
	p->bytes += bytes.len;
	h->have += bytes.len;
	if (EVP_DigestUpdate(h->ctx, bytes.p, bytes.len) != 1)
		return BECAUSE(h->why, AC_ERR_CRYPTO, "cannot hash");
	stream_data(h->stream, bytes);
	tell(h);
	return h->stream->err;
}

static bool
begin_hash(struct hub *h, const struct file *f)
{
	char head[40];
	int n = snprintf(head, sizeof(head), "blob %llu",
	    (unsigned long long)f->bytes);

	return EVP_DigestInit_ex(h->ctx, f->lfs ? EVP_sha256() : EVP_sha1(),
	    NULL) == 1 &&
	    (f->lfs || EVP_DigestUpdate(h->ctx, head, (size_t)n + 1) == 1);
}

static enum ac_err
check_hash(struct hub *h, const struct file *f)
{
	size_t len = f->lfs ? sizeof(f->id) : SHA1_LEN;
	uint8_t md[EVP_MAX_MD_SIZE];
	char hex[2 * sizeof(f->id)];
	unsigned n = 0;

	if (EVP_DigestFinal_ex(h->ctx, md, &n) != 1 || n != len)
		return BECAUSE(h->why, AC_ERR_CRYPTO, "cannot hash");
	if (ac_equal(md, f->id, len))
		return AC_OK;
	(void)differs(h, f->lfs ? "has other bytes than its LFS id: sha256:" :
	    "has other bytes than its git id: ");
	text_hex(hex, span_of(f->id, len));
	message_add(h->why, "%.*s, but what came is ", (int)(2 * len), hex);
	text_hex(hex, span_of(md, len));
	message_add(h->why, "%.*s", (int)(2 * len), hex);
	return AC_ERR_MISMATCH;
}

static enum ac_err
fetch_one(struct hub *h, const struct file *f)
{
	struct part part = { h, 0 };
	const struct http_sink sink = { write_part, &part };
	char *url = NULL;
	char *path = NULL;
	enum ac_err e;

	h->now = f;
	if (asprintf(&path, "/%s", f->path) < 0)
		return no_memory(h);
	e = make_url(h, &url, "/", "/datasets/", "/resolve/", path, "");
	free(path);
	if (e == AC_OK && !begin_hash(h, f))
		e = BECAUSE(h->why, AC_ERR_CRYPTO, "cannot hash");
	if (e == AC_OK) {
		stream_file(h->stream, span_str(f->path), false);
		e = http_client_fetch(h->http, url, &sink, h->why);
	}
	free(url);
	if (e != AC_OK)
		return e;
	if (part.bytes != f->bytes)
		return differs(h, "is shorter than the hub's list says");
	e = check_hash(h, f);
	if (e == AC_OK)
		stream_file_end(h->stream);
	return e == AC_OK ? h->stream->err : e;
}

static enum ac_err
set_token(struct hub *h)
{
	const char *header;
	enum ac_err e;
	char *s;

	if (h->asked->token == NULL || h->asked->token[0] == '\0')
		return AC_OK;
	if (!rules_text(span_str(h->asked->token)))
		return BECAUSE(h->why, AC_ERR_FORMAT, "HF_TOKEN is no token: "
		    "it has characters that no header may have");
	if (asprintf(&s, "Authorization: Bearer %s", h->asked->token) < 0)
		return no_memory(h);
	header = s;
	e = http_client_headers(h->http, &header, 1);
	ac_wipe(s, strlen(s));
	free(s);
	return e == AC_OK ? AC_OK : no_memory(h);
}

enum ac_err
fetch_hub(int out_fd, const struct fetch_hub *asked,
    void (*told)(const char *text), struct message *why)
{
	struct hub h = { .asked = asked, .told = told, .why = why };
	struct timespec now = { 0 };
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	h.told_at = now.tv_sec;
	h.stream = malloc(sizeof(*h.stream));
	h.ctx = EVP_MD_CTX_new();
	if (h.stream == NULL || h.ctx == NULL ||
	    http_client_new(&h.http, NULL) != AC_OK)
		goto out;
	stream_begin(h.stream, out_fd);
	e = find_base(&h);
	if (e == AC_OK)
		e = set_token(&h);
	if (e == AC_OK)
		e = check_revision(&h);
	if (e == AC_OK)
		e = list_files(&h);
	for (size_t i = 0; i < h.nfiles; i++)
		h.all += h.file[i].bytes;
	for (size_t i = 0; e == AC_OK && i < h.nfiles; i++)
		e = fetch_one(&h, &h.file[i]);
	if (e == AC_OK)
		e = stream_finish(h.stream);
	if (h.stream->err != AC_OK)
		message_set(why, "nobody takes what is fetched");
out:
	for (size_t i = 0; i < h.nfiles; i++)
		free(h.file[i].path);
	free(h.file);
	free(h.base);
	http_client_free(h.http);
	EVP_MD_CTX_free(h.ctx);
	free(h.stream);
	return e;
}

enum ac_err
fetch_hub_commit(char out[static 65], const struct fetch_hub *asked,
    struct message *why)
{
	struct fetch_hub plain = *asked;
	struct hub h = { .asked = &plain, .why = why };
	struct json_doc doc = { 0 };
	struct span sha = { 0 };
	char name[3 * RULES_NAME_MAX + 1];
	enum ac_err e = AC_ERR_MEMORY;
	size_t n = 0;

	/* One part of a path, whatever it is called. */
	for (const char *p = asked->commit; *p != '\0'; p++)
		if (n + 4 <= sizeof(name))
			n += (size_t)snprintf(name + n, 4, *p == '/' ?
			    "%%2F" : "%c", *p);
	name[n] = '\0';
	plain.commit = name;
	message_set(why, "out of memory");
	if (http_client_new(&h.http, NULL) != AC_OK)
		return e;
	e = find_base(&h);
	if (e == AC_OK)
		e = set_token(&h);
	if (e == AC_OK)
		e = ask_revision(&h, &doc, &sha);
	if (e == AC_OK && sha.len != 40 && sha.len != 64)
		e = BECAUSE(why, AC_ERR_FORMAT, "the hub does not say which "
		    "commit the revision is");
	if (e == AC_OK) {
		memcpy(out, sha.p, sha.len);
		out[sha.len] = '\0';
	}
	json_free(&doc);
	free(h.base);
	http_client_free(h.http);
	return e;
}
