/* ask.c -- requests to an agent, taken apart; see ask.h. */
#include "common/reader.h"
#include "common/sha256.h"
#include "common/text.h"
#include "producer/ask.h"

static const struct place {
	const char *path, *allow;
} places[ASK_PLACES] = {
	[ASK_ATTESTATION] = { "/attestation", "GET, HEAD" },
	[ASK_CONFIGURATION] = { "/configuration", "POST" },
	[ASK_RUN] = { "/run", "POST" },
	[ASK_STATUS] = { "/status", "GET, HEAD" },
	[ASK_CERTIFICATE] = { "/certificate", "GET, HEAD" },
	[ASK_OUTPUTS] = { "/outputs", "GET, HEAD" },
	[ASK_OUTPUT] = { "/outputs/", "GET, HEAD" },
	[ASK_UPLOAD] = { "/upload", "POST" },
};

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo %XX; the result is UTF-8 without control characters, and not empty. */
static bool
unescape(char out[FILE_PATH_MAX + 1], struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];

		if (c == '%') {
			int high, low;

			if (s.len - i < 3)
				return false;
			high = hex_value(s.p[i + 1]);
			low = hex_value(s.p[i + 2]);
			if (high < 0 || low < 0)
				return false;
			c = (uint8_t)(high << 4 | low);
			i += 2;
		}
		if (n == FILE_PATH_MAX)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return n > 0 && text_is_plain(span_of(out, n));
}

/* The next argument of the query, which has to be called name. */
static bool
take(struct reader *query, const char *name, struct span *value)
{
	size_t n = strlen(name);
	struct span s;

	if (!rd_until(query, &s, '&')) {
		s = query->left;
		query->left = span_of(s.p + s.len, 0);
	}
	if (s.len <= n || !span_is(span_of(s.p, n), name) || s.p[n] != '=')
		return false;
	*value = span_of(s.p + n + 1, s.len - n - 1);
	return true;
}

static bool
take_arguments(struct ask *a, struct span path, struct span query)
{
	struct reader r = rd_of(query);
	struct span value = { NULL, 0 };

	switch (a->place) {
	case ASK_ATTESTATION:
		if (!take(&r, "nonce", &value) ||
		    !text_unhex(a->nonce, sizeof(a->nonce), value))
			return false;
		break;
	case ASK_CONFIGURATION:
		if (!take(&r, "name", &value) || !unescape(a->name, value) ||
		    strchr(a->name, '/') != NULL ||
		    !take(&r, "builder", &value) ||
		    !text_unhex_digest(&a->builder, value))
			return false;
		break;
	case ASK_OUTPUT:
		if (!unescape(a->name, path))
			return false;
		break;
	case ASK_UPLOAD:
		if (!take(&r, "path", &value) || !unescape(a->name, value))
			return false;
		break;
	case ASK_RUN:
	case ASK_STATUS:
	case ASK_CERTIFICATE:
	case ASK_OUTPUTS:
		break;
	}
	return rd_end(&r);
}

static bool
find_place(struct ask *a, struct span *path)
{
	for (size_t i = 0; i < ASK_PLACES; i++) {
		size_t n = strlen(places[i].path);

		if (i == ASK_OUTPUT && path->len > n &&
		    span_is(span_of(path->p, n), places[i].path)) {
			*path = span_of(path->p + n, path->len - n);
		} else if (i == ASK_OUTPUT ||
		    !span_is(*path, places[i].path)) {
			continue;
		}
		a->place = (enum ask_place)i;
		return true;
	}
	return false;
}

enum ask_result
ask_parse(struct ask *out, const char **allow, const char *method,
    const char *target)
{
	const char *mark = strchr(target, '?');
	struct span path = mark == NULL ? span_str(target) :
	    span_of(target, (size_t)(mark - target));
	struct span query = span_str(mark == NULL ? "" : mark + 1);
	struct ask a = { .head = strcmp(method, "HEAD") == 0 };
	bool post;

	if (!find_place(&a, &path))
		return ASK_NOT_FOUND;
	post = places[a.place].allow[0] == 'P';
	*out = a;
	*allow = places[a.place].allow;
	if (post ? strcmp(method, "POST") != 0 : !a.head &&
	    strcmp(method, "GET") != 0)
		return ASK_METHOD;
	/* A mark without a query is another target. */
	if ((mark != NULL && query.len == 0) ||
	    !take_arguments(&a, path, query))
		return ASK_ARGUMENT;
	*out = a;
	return ASK_OK;
}

bool
ask_bearer(struct digest *out, const char *header)
{
	static const char scheme[] = "Bearer ";
	const size_t n = sizeof(scheme) - 1;
	uint8_t token[32];

	if (header == NULL || strncmp(header, scheme, n) != 0 ||
	    !text_unhex(token, sizeof(token), span_str(header + n)))
		return false;
	*out = sha256_of(span_of(token, sizeof(token)));
	return true;
}

bool
ask_range(uint64_t *from, uint64_t *count, const char *header, uint64_t bytes)
{
	static const char unit[] = "bytes=";
	struct reader r;
	struct span first, last;
	uint64_t a, b = bytes == 0 ? 0 : bytes - 1;

	*from = 0;
	*count = bytes;
	if (header == NULL || strncmp(header, unit, sizeof(unit) - 1) != 0)
		return true;
	r = rd_of(span_str(header + sizeof(unit) - 1));
	if (!rd_until(&r, &first, '-') ||
	    !text_undec(&a, first, UINT64_MAX))
		return true;
	last = r.left;
	if (last.len > 0 && (!text_undec(&b, last, UINT64_MAX) || b < a))
		return true;
	if (a >= bytes)
		return false;
	if (b >= bytes)
		b = bytes - 1;
	*from = a;
	*count = b - a + 1;
	return true;
}

uint64_t
ask_last_event(const char *header)
{
	uint64_t n;

	return header != NULL && text_undec(&n, span_str(header),
	    UINT64_MAX - 1) ? n : 0;
}
