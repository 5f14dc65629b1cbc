/*
 * Requests to an agent: "METHOD TARGET\nHEADER".  What is understood has names
 * that are plain, and ranges that lie within their file; nothing depends on
 * more than its own line.
 */
#include "common/text.h"
#include "fuzz/fuzz.h"
#include "producer/ask.h"

#define BYTES 1000

/* What stands before c, with a NUL, and *left behind it. */
static char *
take(struct span *left, char c)
{
	const uint8_t *end = left->len == 0 ? NULL :
	    memchr(left->p, c, left->len);
	size_t n = end == NULL ? left->len : (size_t)(end - left->p);
	char *s = malloc(n + 1);

	if (s == NULL)
		abort();
	if (n > 0)
		memcpy(s, left->p, n);
	s[n] = '\0';
	*left = span_of(left->p + n, left->len - n);
	if (left->len > 0)
		*left = span_of(left->p + 1, left->len - 1);
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span left = span_of(data, len);
	char *method = take(&left, ' '), *target = take(&left, '\n');
	char *header = take(&left, '\0');
	const char *allow = NULL;
	uint64_t from, count;
	struct digest token;
	struct ask a;
	enum ask_result r = ask_parse(&a, &allow, method, target);

	if (r != ASK_NOT_FOUND && allow == NULL)
		abort();
	if (r == ASK_OK && (a.place == ASK_OUTPUT ||
	    a.place == ASK_CONFIGURATION || a.place == ASK_UPLOAD) &&
	    (a.name[0] == '\0' || !text_is_plain(span_str(a.name))))
		abort();
	if (ask_range(&from, &count, header, BYTES) &&
	    (count > BYTES || from > BYTES - count))
		abort();
	if (ask_bearer(&token, header) && strlen(header) != 7 + 64)
		abort();
	(void)ask_last_event(header);
	free(method);
	free(target);
	free(header);
	return 0;
}
