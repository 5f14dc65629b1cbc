/*
 * Requests: method, target, Accept-Encoding and Content-Type, a line each.  A
 * refusal is a whole one of the client's; a tile has one path; what was taken
 * of a search is text, and harmless within a page.
 */
#include "cert/json.h"
#include "fuzz/fuzz.h"
#include "registry/html.h"
#include "registry/route.h"

#define LINES 4

static void
refused(struct reply *r)
{
	struct json_doc doc = { 0 };

	fuzz_must(r->status >= 400 && r->status < 500 && r->problem > 0);
	fuzz_must(json_parse(&doc, buf_span(&r->body)) == AC_OK);
	json_free(&doc);
	reply_free(r);
}

static void
tile(const struct route *r, const char *target)
{
	char path[MERKLE_TILE_PATH_MAX];
	size_t n;

	merkle_tile_path(path, &r->tile, r->entries);
	n = strlen(path);
	fuzz_must(strlen(target) > n && strstr(target, path) != NULL);
	fuzz_must(r->tile.width >= 1 && r->tile.width <= MERKLE_TILE_WIDTH);
}

static void
search(const struct route *r)
{
	uint8_t text[SEARCH_VALUE_MAX];
	struct buf page = { 0 };
	struct writer w;

	fuzz_must(r->search.query.ncriteria <= STORE_CRITERIA_MAX);
	fuzz_must(r->search.limit >= 1 &&
	    r->search.limit <= SEARCH_LIMIT_MAX);
	wr_init(&w, MIB);
	for (int f = 0; f < SEARCH_FIELDS; f++) {
		size_t n = 0;

		if (r->search.given[f].p == NULL)
			continue;
		fuzz_must(search_decode(text, &n, r->search.given[f]));
		html_text(&w, span_of(text, n));
	}
	html_query(&w, &r->search, true, 1);
	fuzz_must(wr_end(&w, &page) == AC_OK);
	for (size_t i = 0; i < page.len; i++)
		fuzz_must(strchr("<>\"'", page.p[i]) == NULL ||
		    page.p[i] == '\0');
	buf_free(&page);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *line[LINES] = { NULL };
	struct route_request req = { .has_length = true };
	struct reply refusal = { 0 };
	struct route r = { 0 };
	size_t n = 0;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (char *p = text; p != NULL && n < LINES; n++) {
		char *end = strchr(p, '\n');

		line[n] = p;
		if (end != NULL)
			*end++ = '\0';
		p = end;
	}
	if (line[1] != NULL) {
		req.method = line[0];
		req.target = line[1];
		req.gzip = route_takes_gzip(line[2]);
		req.content_type = line[3];
		if (!route_parse(&r, &refusal, &req)) {
			refused(&refusal);
		} else {
			if (r.place == ROUTE_TILE)
				tile(&r, req.target);
			search(&r);
		}
	}
	free(text);
	return 0;
}
