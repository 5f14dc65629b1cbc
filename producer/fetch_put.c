/* fetch_put.c -- an output goes to a signed URL; see fetch_put.h. */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "cert/limits.h"
#include "common/http.h"
#include "producer/fetch_put.h"

#define ANSWER_MAX (64 * KIB)
#define TELL_S 5

struct progress {
	void (*tell)(const char *text);
	uint64_t bytes;
	int64_t told_s;
};

static void
on_sent(void *arg, uint64_t sent)
{
	struct progress *p = arg;
	struct timespec t = { 0 };
	char text[64];

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	if (t.tv_sec - p->told_s < TELL_S)
		return;
	p->told_s = t.tv_sec;
	(void)snprintf(text, sizeof(text), "%llu of %llu MB",
	    (unsigned long long)(sent / 1000000),
	    (unsigned long long)(p->bytes / 1000000));
	p->tell(text);
}

/* A shared access signature has a version and a signature. */
static bool
is_azure(const char *url)
{
	const char *query = strchr(url, '?');

	return query != NULL && (strstr(query, "?sv=") != NULL ||
	    strstr(query, "&sv=") != NULL) && (strstr(query, "?sig=") !=
	    NULL || strstr(query, "&sig=") != NULL);
}

enum ac_err
fetch_put(int fd, const char *url, void (*tell)(const char *text),
    struct message *why)
{
	static const char *const azure[] = { "x-ms-blob-type: BlockBlob" };
	struct progress p = { .tell = tell };
	struct http_client *h = NULL;
	struct http_answer a = { 0 };
	struct stat st;
	enum ac_err e;

	if (strncmp(url, "https://", 8) != 0)
		return BECAUSE(why, AC_ERR_FORMAT, "an output goes to an "
		    "https URL only");
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return BECAUSE(why, AC_ERR_FORMAT, "there is no file to send");
	p.bytes = (uint64_t)st.st_size;
	if (p.bytes > FETCH_PUT_MAX)
		return BECAUSE(why, AC_ERR_LIMIT, "a file of %llu bytes is "
		    "more than one PUT may have (5000 MiB)",
		    (unsigned long long)p.bytes);
	message_set(why, "out of memory");
	e = http_client_new(&h, NULL);
	if (e == AC_OK && is_azure(url))
		e = http_client_headers(h, azure, 1);
	if (e == AC_OK)
		e = http_client_put(h, &a, url, fd, p.bytes, ANSWER_MAX,
		    on_sent, &p, why);
	if (e == AC_OK && a.status != 200 && a.status != 201)
		e = BECAUSE(why, a.status >= 500 ? AC_ERR_BUSY :
		    AC_ERR_MISMATCH, "the server answered %u; is the URL "
		    "signed for writing, and still valid?", a.status);
	http_answer_free(&a);
	http_client_free(h);
	return e;
}
