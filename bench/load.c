/*
 * load.c -- a load on a registry, and what it must keep of it.
 *
 *	bench_load make FILE COUNT SIZE [POLICY [FIRST]]
 *	                                           certificates; with a policy
 *	                                           file, not "-": with evidence
 *	bench_load post FILE ADDR:PORT CONNECTIONS RECORD
 *	bench_load check RECORD ADDR:PORT          after a restart
 *	bench_load ask PATHS ADDR:PORT             GETs, one after the other
 *	bench_load verify                          P-256 verifications a second
 *
 * post keeps so many connections busy, each with one request at a time, by
 * epoll on one thread, and prints a line of JSON.  RECORD gets a line for
 * each answered line of a certificate: its index and its leaf.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "bench/certs.h"
#include "cert/checkpoint.h"
#include "cert/json.h"
#include "cert/note.h"
#include "common/text.h"
#include "merkle/merkle.h"

#define BUILDERS 50
#define WRONG 1000
#define ANSWER_START (16 * KIB)
#define PROOF_EVERY 50 /* so many entries are asked about singly */

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "bench_load: cannot %s: %s\n", what,
	    strerror(errno));
	exit(2);
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t
number(const char *text)
{
	uint64_t v = 0;

	must(text_undec(&v, span_str(text), UINT64_MAX), "read a number");
	return v;
}

static int
dial(const char *address, bool wait)
{
	const char *colon = strrchr(address, ':');
	struct sockaddr_in a = { .sin_family = AF_INET };
	char host[64];
	int fd, one = 1;

	must(colon != NULL && (size_t)(colon - address) < sizeof(host),
	    "read the address");
	memcpy(host, address, (size_t)(colon - address));
	host[colon - address] = '\0';
	a.sin_port = htons((uint16_t)number(colon + 1));
	must(inet_pton(AF_INET, host, &a.sin_addr) == 1, "read the address");
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0,
	    "connect");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!wait)
		must(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "not wait");
	return fd;
}

/* ---- answers ---- */

/* An answer on its way; p[0..len) is there. */
struct answer {
	char *p;
	size_t len, max, head, body; /* 0: not known yet */
	int status;
};

/* Read once.  1: whole; 0: more is to come; -1: the connection is gone. */
static int
read_more(struct answer *a, int fd)
{
	ssize_t n;

	if (a->max - a->len < 2) {
		a->max = a->max == 0 ? ANSWER_START : 2 * a->max;
		a->p = realloc(a->p, a->max);
		must(a->p != NULL, "find memory");
	}
	errno = 0; /* EAGAIN then says that all was read */
	n = read(fd, a->p + a->len, a->max - a->len - 1);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : -1;
	a->len += (size_t)n;
	a->p[a->len] = '\0';
	if (a->head == 0) {
		char *end = strstr(a->p, "\r\n\r\n"), *length;

		if (end == NULL)
			return 0;
		a->head = (size_t)(end - a->p) + 4;
		length = strcasestr(a->p, "\r\ncontent-length:");
		must(length != NULL && length < end, "read an answer");
		a->body = strtoul(length + 17, NULL, 10);
		a->status = (int)strtol(a->p + 9, NULL, 10);
		if (a->head + a->body + 2 > a->max) {
			a->max = a->head + a->body + 2;
			a->p = realloc(a->p, a->max);
			must(a->p != NULL, "find memory");
		}
	}
	return a->len >= a->head + a->body;
}

static void
forget(struct answer *a)
{
	a->len = a->head = a->body = 0;
}

/* ---- posting ---- */

struct connection {
	int fd;
	size_t first, n; /* certificates of the request */
	char head[256];
	struct iovec out[2];
	int nout;
	double since;
	struct answer answer;
};

static struct {
	struct certs certs;
	size_t next;
	const char *address;
	FILE *record;
	double *latency;
	size_t nlatency;
	size_t logged, refused, wrongly, busy, lost;
	size_t lines;
} load;

static void
send_more(struct connection *c)
{
	while (c->nout > 0) {
		ssize_t n = writev(c->fd, &c->out[2 - c->nout], c->nout);

		if (n < 0 && errno == EAGAIN)
			return;
		must(n > 0, "send");
		for (size_t left = (size_t)n; left > 0 && c->nout > 0;) {
			struct iovec *v = &c->out[2 - c->nout];
			size_t take = left < v->iov_len ? left : v->iov_len;

			v->iov_base = (char *)v->iov_base + take;
			v->iov_len -= take;
			left -= take;
			if (v->iov_len == 0)
				c->nout--;
		}
	}
}

/* The next request; false: there are no more certificates. */
static bool
begin(struct connection *c)
{
	struct span body;
	int n;

	if (load.next == load.certs.n)
		return false;
	c->first = load.next++;
	c->n = 1;
	body = certs_body(load.certs.head[c->first]);
	n = snprintf(c->head, sizeof(c->head), "POST /api/v1/certificates "
	    "HTTP/1.1\r\nHost: %s\r\nContent-Type: application/jsonl\r\n"
	    "Content-Length: %zu\r\n\r\n", load.address, body.len);
	c->out[0] = (struct iovec){ c->head, (size_t)n };
	/* writev() does not write to it. */
	c->out[1].iov_base = (void *)(uintptr_t)body.p;
	c->out[1].iov_len = body.len;
	c->nout = 2;
	c->since = now_s();
	send_more(c);
	return true;
}

/* Record the index of every line of an answered certificate. */
static void
record(const struct certs_head *h, const char *body)
{
	const char *at = body;

	for (uint32_t i = 0; i < h->nlines; i++) {
		char hex[65];

		at = strstr(at, "\"logIndex\":\"");
		must(at != NULL, "find the index in an answer");
		text_hex(hex, span_digest(&h->leaf[i]));
		hex[64] = '\0';
		(void)fprintf(load.record, "%llu %s\n",
		    strtoull(at + 12, NULL, 10), hex);
		at = strchr(at, '\n');
		must(at != NULL, "find the end of a line");
		load.lines++;
	}
}

static void
finish(struct connection *c)
{
	const struct certs_head *h = load.certs.head[c->first];
	struct answer *a = &c->answer;

	load.latency[load.nlatency++] = now_s() - c->since;
	if (a->status == 200 && h->wrong == 0) {
		record(h, a->p + a->head);
		load.logged++;
	} else if (a->status == 422 && h->wrong != 0 &&
	    strstr(a->p + a->head, "/problem/signature") != NULL) {
		load.refused++;
	} else if (a->status == 503) {
		load.busy++;
	} else {
		if (load.wrongly++ == 0)
			(void)fprintf(stderr, "%s\n", a->p);
	}
	forget(a);
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
report(double seconds)
{
	size_t n = load.nlatency;

	qsort(load.latency, n, sizeof(double), compare);
	(void)printf("{\"certificates\":%zu,\"logged\":%zu,\"lines\":%zu,"
	    "\"refused\":%zu,\"busy\":%zu,\"wrongly\":%zu,\"lost\":%zu,"
	    "\"seconds\":%.3f,\"perSecond\":%.0f,\"p50ms\":%.1f,"
	    "\"p99ms\":%.1f,\"maxms\":%.1f}\n", load.certs.n, load.logged,
	    load.lines, load.refused, load.busy, load.wrongly, load.lost,
	    seconds, (double)load.logged / seconds,
	    n == 0 ? 0 : load.latency[n / 2] * 1e3,
	    n == 0 ? 0 : load.latency[n * 99 / 100] * 1e3,
	    n == 0 ? 0 : load.latency[n - 1] * 1e3);
}

static int
post(const char *file, const char *address, size_t connections,
    const char *path)
{
	struct connection *c = calloc(connections, sizeof(*c));
	struct epoll_event events[256];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	size_t active = 0;
	double start;

	certs_open(&load.certs, file);
	load.address = address;
	load.record = fopen(path, "w");
	load.latency = calloc(load.certs.n, sizeof(double));
	must(c != NULL && epoll >= 0 && load.record != NULL &&
	    load.latency != NULL, "start");
	for (size_t i = 0; i < connections; i++)
		c[i].fd = dial(address, false);
	start = now_s();
	for (size_t i = 0; i < connections; i++) {
		struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
			.data.ptr = &c[i] };

		must(epoll_ctl(epoll, EPOLL_CTL_ADD, c[i].fd, &e) == 0,
		    "wait for a connection");
		active += begin(&c[i]);
	}
	while (active > 0) {
		int n = epoll_wait(epoll, events, 256, 30000);

		must(n > 0, "get an answer in 30 seconds");
		for (int i = 0; i < n; i++) {
			struct connection *x = events[i].data.ptr;
			int got = 0;

			if (x->fd < 0)
				continue;
			send_more(x);
			while ((got = read_more(&x->answer, x->fd)) == 0 &&
			    errno != EAGAIN)
				;
			if (got == 0)
				continue;
			if (got == 1)
				finish(x);
			else
				load.lost++;
			if (got < 0 || !begin(x)) {
				(void)close(x->fd);
				x->fd = -1;
				active--;
			}
		}
	}
	report(now_s() - start);
	must(fclose(load.record) == 0, "write the record");
	for (size_t i = 0; i < connections; i++)
		free(c[i].answer.p);
	free(c);
	return load.wrongly + load.lost > 0;
}

/* ---- checking ---- */

/* The body of a GET that must succeed; valid until the next. */
static struct span
get(int fd, const char *address, const char *path)
{
	static struct answer a;
	char head[512];
	int n = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: %s\r\n"
	    "\r\n", path, address), got;

	forget(&a);
	must(write(fd, head, (size_t)n) == n, "ask");
	while ((got = read_more(&a, fd)) == 0)
		;
	if (got < 0 || a.status != 200) {
		(void)fprintf(stderr, "GET %s: %d\n", path, a.status);
		exit(1);
	}
	return span_of(a.p + a.head, a.body);
}

/* All leaf hashes of the published tree, under its checkpoint's root. */
static struct digest *
get_leaves(uint64_t *size, int fd, const char *address)
{
	struct merkle_frontier f = { 0 };
	struct note *note = calloc(1, sizeof(*note));
	struct checkpoint c;
	struct digest *leaf, root;
	struct buf text = { 0 };

	must(note != NULL && buf_copy(&text, get(fd, address, "/checkpoint"))
	    == AC_OK && note_parse(note, buf_span(&text)) == AC_OK &&
	    checkpoint_parse(&c, note->text) == AC_OK, "read the checkpoint");
	leaf = calloc((size_t)c.size + 1, sizeof(*leaf));
	must(leaf != NULL, "find memory");
	for (uint64_t at = 0; at < c.size; at += MERKLE_TILE_WIDTH) {
		uint64_t left = c.size - at;
		struct merkle_tile t = { 0, at / MERKLE_TILE_WIDTH,
			left < MERKLE_TILE_WIDTH ? (unsigned)left :
			MERKLE_TILE_WIDTH };
		char path[MERKLE_TILE_PATH_MAX + 1] = "/";
		struct span tile;

		merkle_tile_path(path + 1, &t, false);
		tile = get(fd, address, path);
		must(tile.len == t.width * sizeof(*leaf), "read a tile");
		memcpy(&leaf[at], tile.p, tile.len);
		for (unsigned i = 0; i < t.width; i++)
			must(merkle_push(&f, &leaf[at + i]) == AC_OK, "push");
	}
	root = merkle_root(&f);
	must(digest_equal(&root, &c.root), "find the checkpoint's root");
	*size = c.size;
	buf_free(&text);
	free(note);
	return leaf;
}

/* The proof that the API gives of one entry. */
static void
check_proof(int fd, const char *address, uint64_t index,
    const struct digest *leaf)
{
	struct digest hash[MERKLE_PROOF_MAX], root;
	struct json_doc doc;
	struct json j;
	uint64_t size;
	size_t n = 0;
	char path[96];

	(void)snprintf(path, sizeof(path), "/api/v1/proof/inclusion?index=%"
	    PRIu64, index);
	must(json_parse(&doc, get(fd, address, path)) == AC_OK,
	    "read a proof");
	j = json_root(&doc);
	must(json_uint(json_get(j, "treeSize"), &size, JSON_INT_MAX) &&
	    json_digest(json_get(j, "rootHash"), &root), "read a proof");
	for (struct json h = json_first(json_get(j, "hashes"));
	    json_present(h); h = json_next(h))
		must(n < MERKLE_PROOF_MAX && json_digest(h, &hash[n++]),
		    "read a proof");
	must(merkle_check_inclusion(index, size, leaf, &root, hash, n) ==
	    AC_OK, "follow a proof to the root");
	json_free(&doc);
}

static int
check(const char *path, const char *address)
{
	FILE *f = fopen(path, "r");
	int fd = dial(address, true);
	uint64_t index, size = 0, n = 0, proofs = 0, missing = 0;
	struct digest *leaf = get_leaves(&size, fd, address), want;
	char hex[65];

	must(f != NULL, "open the record");
	while (fscanf(f, "%" SCNu64 " %64s", &index, hex) == 2) {
		must(text_unhex_digest(&want, span_str(hex)), "read a leaf");
		if (index >= size || !digest_equal(&leaf[index], &want)) {
			missing++;
			continue;
		}
		if (n++ % PROOF_EVERY == 0) {
			check_proof(fd, address, index, &want);
			proofs++;
		}
	}
	(void)printf("{\"treeSize\":%" PRIu64 ",\"present\":%" PRIu64
	    ",\"missing\":%" PRIu64 ",\"proofs\":%" PRIu64 "}\n", size, n,
	    missing, proofs);
	(void)fclose(f);
	(void)close(fd);
	free(leaf);
	return missing > 0;
}

/* ---- asking ---- */

/* A path a line; how long each answer took. */
static int
ask(const char *path, const char *address)
{
	FILE *f = fopen(path, "r");
	int fd = dial(address, true);
	static double took[1 << 20];
	char line[512];
	size_t n = 0;

	must(f != NULL, "open the paths");
	while (n < sizeof(took) / sizeof(took[0]) &&
	    fgets(line, sizeof(line), f) != NULL) {
		double start = now_s();

		line[strcspn(line, "\n")] = '\0';
		(void)get(fd, address, line);
		took[n++] = now_s() - start;
	}
	qsort(took, n, sizeof(took[0]), compare);
	must(n > 0, "find a path");
	(void)printf("{\"requests\":%zu,\"p50ms\":%.3f,\"p99ms\":%.3f,"
	    "\"maxms\":%.3f}\n", n, took[n / 2] * 1e3,
	    took[n * 99 / 100] * 1e3, took[n - 1] * 1e3);
	(void)fclose(f);
	(void)close(fd);
	return 0;
}

/* ---- what the machine can do ---- */

static void *
verify_for_a_second(void *arg)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t digest[32] = { 1 }, sig[80];
	size_t len = sizeof(sig), n = 0;
	double start;

	must(key != NULL && ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
	    EVP_PKEY_sign(ctx, sig, &len, digest, 32) == 1 &&
	    EVP_PKEY_verify_init(ctx) == 1, "sign");
	start = now_s();
	for (; now_s() - start < 1; n++)
		must(EVP_PKEY_verify(ctx, sig, len, digest, 32) == 1,
		    "verify");
	*(double *)arg = (double)n / (now_s() - start);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return NULL;
}

static int
verify(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	double rate[64] = { 0 }, sum = 0;
	pthread_t thread[64];

	(void)verify_for_a_second(&rate[0]);
	(void)printf("{\"oneThread\":%.0f", rate[0]);
	if (n > 64)
		n = 64;
	for (long i = 0; i < n; i++)
		must(pthread_create(&thread[i], NULL, verify_for_a_second,
		    &rate[i]) == 0, "start a thread");
	for (long i = 0; i < n; i++) {
		(void)pthread_join(thread[i], NULL);
		sum += rate[i];
	}
	(void)printf(",\"threads\":%ld,\"allThreads\":%.0f}\n", n, sum);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc >= 5 && argc <= 7 && strcmp(argv[1], "make") == 0) {
		bool evidence = argc > 5 && strcmp(argv[5], "-") != 0;
		struct certs_options o = { .path = argv[2],
			.count = number(argv[3]),
			.size = (size_t)number(argv[4]),
			.builders = BUILDERS, .wrong = WRONG,
			.evidence = evidence,
			.policy = evidence ? argv[5] : NULL,
			.first = argc == 7 ? number(argv[6]) : 0 };

		certs_make(&o);
		return 0;
	}
	if (argc == 6 && strcmp(argv[1], "post") == 0)
		return post(argv[2], argv[3], (size_t)number(argv[4]), argv[5]);
	if (argc == 4 && strcmp(argv[1], "check") == 0)
		return check(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "ask") == 0)
		return ask(argv[2], argv[3]);
	if (argc == 2 && strcmp(argv[1], "verify") == 0)
		return verify();
	(void)fprintf(stderr, "usage: bench_load make FILE COUNT SIZE [POLICY [FIRST]]"
	    " | post FILE ADDR:PORT CONNECTIONS RECORD |"
	    " check RECORD ADDR:PORT | ask PATHS ADDR:PORT | verify\n");
	return 2;
}
