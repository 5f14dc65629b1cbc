/* attest.c -- events, PCRs and quotes of a run; see attest.h. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cert/dsse.h"
#include "common/file.h"
#include "common/reader.h"
#include "common/sha256.h"
#include "common/text.h"
#include "common/time.h"
#include "producer/akchain.h"
#include "producer/attest.h"
#include "producer/tpm.h"

#define BOOT_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"
#define CMDLINE "/proc/cmdline"
#define CMDLINE_MAX (64 * KIB)
#define QUOTE_TRIES 3
/* Bytes of the lines that come after the inputs', without weight files. */
#define LATER_LINES ((size_t)2048)

struct attest {
	const struct attest_options *options;
	pthread_mutex_t mutex; /* the TPM and the rest: peers ask meanwhile */
	struct tpm *tpm;
	struct message tpm_why;
	struct digest pcr[16]; /* our account of 8, 14 and 15 */
	struct evidence ev;    /* as far as it is known */
	int64_t not_after_s;   /* of the AK's chain */
	bool quoted[2];        /* by enum evidence_when */
};

static const unsigned ours[] = { ATTEST_OUTPUTS_PCR, ATTEST_INPUTS_PCR,
	ATTEST_TLS_PCR };
#define NOURS (sizeof(ours) / sizeof(ours[0]))

static enum ac_err
tpm_failed(const struct attest *a, enum ac_err e, const char *what,
    struct message *why)
{
	message_set(why, "the TPM ");
	message_add_quoted(why, span_str(a->options->tcti));
	message_add(why, ": %s: %s", what, a->tpm_why.text);
	return e;
}

static enum ac_err
check_zero(struct attest *a, struct message *why)
{
	static const struct digest zero;
	struct digest pcr[TPM_PCRS];
	enum ac_err e = tpm_pcr_read(a->tpm, EVIDENCE_PCRS, pcr);

	if (e != AC_OK)
		return tpm_failed(a, e, "reading PCRs", why);
	for (size_t i = 0; i < NOURS; i++) {
		if (digest_equal(&pcr[ours[i]], &zero))
			continue;
		message_set(why, "PCR %u is not zero but ", ours[i]);
		message_add_digest(why, &pcr[ours[i]]);
		message_add(why, ": something was measured since the machine "
		    "booted, and one boot is for one build; %s, and try again",
		    a->options->reset);
		return AC_ERR_EXISTS;
	}
	return AC_OK;
}

static enum ac_err
take_chain(struct attest *a, struct message *why)
{
	struct akchain chain = { 0 };
	enum ac_err e = akchain_read(&chain, a->options->ak_chain, why);

	if (e == AC_OK)
		e = akchain_check_key(&chain, buf_span(&a->ev.ak_public), why);
	if (e == AC_OK) {
		a->not_after_s = chain.not_after_s;
		a->ev.nchain = chain.n;
		memcpy(a->ev.chain, chain.der, sizeof(chain.der));
		memset(chain.der, 0, sizeof(chain.der)); /* transferred */
	}
	akchain_free(&chain);
	return e;
}

enum ac_err
attest_open(struct attest **out, const struct attest_options *options,
    struct message *why)
{
	struct attest *a = calloc(1, sizeof(*a));
	enum ac_err e;

	if (a == NULL || pthread_mutex_init(&a->mutex, NULL) != 0) {
		free(a);
		message_set(why, "no memory");
		return AC_ERR_MEMORY;
	}
	a->options = options;
	e = tpm_open(&a->tpm, options->tcti, &a->tpm_why);
	if (e != AC_OK) {
		e = tpm_failed(a, e, "it does not answer; a simulated one is "
		    "started by \"aicert tpm-sim start DIR\"", why);
		goto out;
	}
	e = check_zero(a, why);
	if (e != AC_OK)
		goto out;
	e = tpm_ak_public(a->tpm, TPM_AK_HANDLE, &a->ev.ak_public);
	if (e != AC_OK) {
		e = tpm_failed(a, e, "reading the attestation key at "
		    "0x81000003", why);
		goto out;
	}
	e = take_chain(a, why);
	if (e != AC_OK)
		goto out;
	*out = a;
	return AC_OK; /* transferred */
out:
	attest_free(a);
	return e;
}

void
attest_free(struct attest *a)
{
	if (a == NULL)
		return;
	if (a->tpm != NULL)
		tpm_close(a->tpm);
	evidence_free(&a->ev);
	(void)pthread_mutex_destroy(&a->mutex);
	free(a);
}

int64_t
attest_not_after(const struct attest *a)
{
	return a->not_after_s;
}

enum ac_err
attest_check_lasting(const struct attest *a, int64_t now_s, uint64_t limit_s,
    struct message *why)
{
	char end[TIME_RFC3339_LEN + 1] = "?", need[TIME_RFC3339_LEN + 1] = "?";
	int64_t need_s;

	if (limit_s > INT32_MAX ||
	    __builtin_add_overflow(now_s, (int64_t)limit_s +
	    ATTEST_AK_SPARE_S, &need_s))
		need_s = INT64_MAX;
	if (a->not_after_s >= need_s || (a->options->accept_short_ak &&
	    a->not_after_s > now_s))
		return AC_OK;
	if (time_format(end, a->not_after_s) != AC_OK ||
	    time_format(need, need_s) != AC_OK)
		end[0] = need[0] = '?';
	message_set(why, "the attestation key's certificates end at %s; they "
	    "must last until %s, which is the time limit and 14 days to "
	    "publish: get a newer one, lower --time-limit, or take the risk "
	    "with --accept-short-ak", end, need);
	return AC_ERR_MISMATCH;
}

/* Extend pcr by d, in the TPM and in our account; the mutex is held. */
static enum ac_err
extend(struct attest *a, unsigned pcr, const struct digest *d,
    struct message *why)
{
	enum ac_err e = tpm_pcr_extend(a->tpm, pcr, d);

	if (e != AC_OK)
		return tpm_failed(a, e, "extending a PCR", why);
	a->pcr[pcr] = sha256_of2(span_digest(&a->pcr[pcr]), span_digest(d));
	return AC_OK;
}

enum ac_err
attest_extend(struct attest *a, unsigned pcr, struct span line,
    struct message *why)
{
	struct digest d = sha256_of(line);
	enum ac_err e;

	(void)pthread_mutex_lock(&a->mutex);
	if (pcr == ATTEST_INPUTS_PCR)
		e = evidence_append(&a->ev.inputs_log, &a->ev.ninputs, line);
	else
		e = evidence_append(&a->ev.outputs_log, &a->ev.noutputs, line);
	if (e != AC_OK)
		message_set(why, "an event cannot be kept: %s",
		    ac_strerror(e));
	else
		e = extend(a, pcr, &d, why);
	(void)pthread_mutex_unlock(&a->mutex);
	return e;
}

enum ac_err
attest_tls_key(struct attest *a, struct span spki, struct message *why)
{
	struct digest d = sha256_of(spki);
	enum ac_err e;

	(void)pthread_mutex_lock(&a->mutex);
	if (a->ev.tls_key.len > 0 || a->ev.ninputs > 0) {
		message_set(why, "a TLS key after the first event, or a "
		    "second one");
		e = AC_ERR_EXISTS;
	} else {
		e = buf_copy(&a->ev.tls_key, spki);
		if (e != AC_OK)
			message_set(why, "no memory");
		else
			e = extend(a, ATTEST_TLS_PCR, &d, why);
	}
	(void)pthread_mutex_unlock(&a->mutex);
	return e;
}

enum ac_err
attest_is_safe(struct attest *a, bool *safe, struct message *why)
{
	struct tpm_clock clock;
	enum ac_err e;

	(void)pthread_mutex_lock(&a->mutex);
	e = tpm_clock(a->tpm, &clock);
	if (e != AC_OK)
		e = tpm_failed(a, e, "reading its clock", why);
	else
		*safe = clock.safe;
	(void)pthread_mutex_unlock(&a->mutex);
	return e;
}

/* ---- quotes ---- */

/*
 * Is the pcrDigest that ends a TPMS_ATTEST of a quote (Part 2, 10.12.1) the
 * one of these values?
 */
static bool
is_over(const struct buf *attest, const struct digest pcr[TPM_PCRS])
{
	struct sha256 s;
	struct digest d;

	if (attest->len < 2 + sizeof(d.b))
		return false;
	sha256_init(&s);
	for (unsigned i = 0; i < 16; i++)
		if ((EVIDENCE_PCRS >> i & 1) != 0)
			sha256_update(&s, span_digest(&pcr[i]));
	d = sha256_final(&s);
	return ac_equal(attest->p + attest->len - sizeof(d.b), d.b,
	    sizeof(d.b));
}

static enum ac_err
check_ours(const struct attest *a, const struct digest pcr[TPM_PCRS],
    struct message *why)
{
	for (size_t i = 0; i < NOURS; i++) {
		unsigned k = ours[i];

		if (digest_equal(&pcr[k], &a->pcr[k]))
			continue;
		message_set(why, "somebody else extended PCR %u during this "
		    "build: it is ", k);
		message_add_digest(why, &pcr[k]);
		message_add(why, ", this build made it ");
		message_add_digest(why, &a->pcr[k]);
		message_add(why, "; %s, and let nothing else use the TPM",
		    a->options->reset);
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

/* All else is as it was at the start: what the machine booted. */
static enum ac_err
check_others(const struct attest *a, const struct digest pcr[16],
    struct message *why)
{
	const struct digest *before = a->ev.quote[EVIDENCE_START].pcr;

	for (unsigned i = 0; i < 16; i++) {
		bool is_ours = false;

		for (size_t k = 0; k < NOURS; k++)
			is_ours = is_ours || ours[k] == i;
		if (is_ours || (EVIDENCE_PCRS >> i & 1) == 0 ||
		    digest_equal(&pcr[i], &before[i]))
			continue;
		message_set(why, "somebody else extended PCR %u during this "
		    "build: it is ", i);
		message_add_digest(why, &pcr[i]);
		message_add(why, ", at the start it was ");
		message_add_digest(why, &before[i]);
		message_add(why, "; %s, and let nothing else use the TPM",
		    a->options->reset);
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

/* A quote of the PCRs that are as we made them; the mutex is held. */
static enum ac_err
quote(struct attest *a, struct evidence_quote *q,
    const struct digest *extra_data, struct message *why)
{
	struct digest pcr[TPM_PCRS];
	struct buf attest = { 0 }, signature = { 0 };
	enum ac_err e = AC_ERR_EXISTS;

	/* The values are read apart from the quote: see that they agree. */
	for (unsigned i = 0; i < QUOTE_TRIES; i++) {
		e = tpm_pcr_read(a->tpm, EVIDENCE_PCRS, pcr);
		if (e == AC_OK)
			e = tpm_quote(a->tpm, TPM_AK_HANDLE, extra_data,
			    EVIDENCE_PCRS, &attest, &signature);
		if (e != AC_OK)
			return tpm_failed(a, e, "quoting", why);
		if (is_over(&attest, pcr))
			break;
		buf_free(&attest);
		buf_free(&signature);
	}
	if (attest.p == NULL) {
		message_set(why, "PCRs changed while they were quoted; let "
		    "nothing else use the TPM");
		return AC_ERR_MISMATCH;
	}
	e = check_ours(a, pcr, why);
	if (e != AC_OK) {
		buf_free(&attest);
		buf_free(&signature);
		return e;
	}
	q->attest = attest;
	q->signature = signature;
	memcpy(q->pcr, pcr, sizeof(q->pcr));
	return AC_OK;
}

static void
free_quote(struct evidence_quote *q)
{
	buf_free(&q->attest);
	buf_free(&q->signature);
}

enum ac_err
attest_quote(struct attest *a, enum evidence_when when,
    const struct digest *extra_data, struct message *why)
{
	struct evidence_quote q = { .attest = { 0 } };
	enum ac_err e;

	message_set(why, "a second quote of one kind");
	if (a->quoted[when])
		return AC_ERR_EXISTS;
	(void)pthread_mutex_lock(&a->mutex);
	e = quote(a, &q, extra_data, why);
	if (e == AC_OK && when == EVIDENCE_END)
		e = check_others(a, q.pcr, why);
	if (e == AC_OK) {
		a->ev.quote[when] = q;
		a->quoted[when] = true;
	} else {
		free_quote(&q);
	}
	(void)pthread_mutex_unlock(&a->mutex);
	return e;
}

struct digest
attest_start(const struct attest *a)
{
	return sha256_of(buf_span(&a->ev.quote[EVIDENCE_START].attest));
}

/* ---- evidence ---- */

static bool
is_own_machine(const struct attest *a)
{
	static const char prefix[] = "device:";

	return strncmp(a->options->tcti, prefix, sizeof(prefix) - 1) == 0;
}

/* A file of the kernel's, whose size it does not tell. */
static enum ac_err
read_kernel_file(struct buf *out, const char *path, size_t max)
{
	struct buf b = { malloc(max + 1), 0 };
	enum ac_err e = AC_ERR_IO;
	int fd;

	if (b.p == NULL)
		return AC_ERR_MEMORY;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		e = errno == ENOENT ? AC_ERR_NOT_FOUND : AC_ERR_IO;
		goto out;
	}
	for (;;) {
		ssize_t n = read(fd, b.p + b.len, max + 1 - b.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto out;
		if (n == 0)
			break;
		b.len += (size_t)n;
		if (b.len > max) {
			e = AC_ERR_LIMIT;
			goto out;
		}
	}
	b.p[b.len] = '\0';
	*out = b;
	b = (struct buf){ 0 }; /* transferred */
	e = AC_OK;
out:
	if (fd >= 0)
		(void)close(fd);
	buf_free(&b);
	return e;
}

static enum ac_err
read_boot_log(struct attest *a, struct message *why)
{
	enum ac_err e;

	buf_free(&a->ev.boot_log);
	if (!is_own_machine(a))
		return AC_OK;
	e = read_kernel_file(&a->ev.boot_log, BOOT_LOG, BOOT_LOG_MAX);
	if (e == AC_OK || e == AC_ERR_NOT_FOUND)
		return AC_OK;
	message_set(why, "the firmware's boot log " BOOT_LOG ": %s",
	    ac_strerror(e));
	return e;
}

enum ac_err
attest_evidence(struct buf *out, struct attest *a, const struct digest *d,
    const struct digest *root, struct message *why)
{
	enum ac_err e;

	(void)pthread_mutex_lock(&a->mutex);
	e = read_boot_log(a, why);
	if (e == AC_OK) {
		a->ev.bound = *d;
		a->ev.root = *root;
		e = evidence_encode(out, &a->ev);
		if (e != AC_OK)
			message_set(why, "the evidence cannot be written: %s",
			    ac_strerror(e));
	}
	(void)pthread_mutex_unlock(&a->mutex);
	return e;
}

enum ac_err
attest_challenge(struct attest *a, struct buf *out, const uint8_t nonce[32],
    struct message *why)
{
	struct digest bind = dsse_bind_challenge(nonce), image;
	struct evidence_quote q = { .attest = { 0 } };
	struct evidence shown;
	bool has_image = attest_image_root(a, &image);
	enum ac_err e;

	(void)pthread_mutex_lock(&a->mutex);
	e = quote(a, &q, &bind, why);
	if (e == AC_OK)
		e = read_boot_log(a, why);
	if (e == AC_OK) {
		shown = a->ev; /* borrowed */
		shown.quote[EVIDENCE_END] = q;
		e = evidence_encode_challenge(out, &shown,
		    has_image ? &image : NULL);
		if (e != AC_OK)
			message_set(why, "the attestation cannot be written: "
			    "%s", ac_strerror(e));
	}
	(void)pthread_mutex_unlock(&a->mutex);
	free_quote(&q);
	return e;
}

enum ac_err
attest_check_room(const struct attest *a, struct message *why)
{
	uint8_t blank[512] = { 0 }; /* more than a quote or its signature */
	const struct buf part = { blank, sizeof(blank) };
	struct evidence ev = a->ev;
	struct buf s = { 0 };
	size_t len = 0;
	enum ac_err e;

	for (size_t i = 0; i < 2; i++)
		ev.quote[i].attest = ev.quote[i].signature = part;
	e = evidence_encode(&s, &ev);
	if (e == AC_OK)
		len = s.len;
	buf_free(&s);
	if (e == AC_OK && len + LATER_LINES <= STATEMENT_MAX)
		return AC_OK;
	message_set(why, "the evidence about these inputs would be larger than "
	    "%zu bytes; use fewer inputs, folders instead of files, or "
	    "shorter names and commands", STATEMENT_MAX);
	return e == AC_OK ? AC_ERR_LIMIT : e;
}

bool
attest_image_root(const struct attest *a, struct digest *out)
{
	static const char key[] = "roothash=";
	const size_t keylen = sizeof(key) - 1;
	struct buf text = { 0 };
	struct reader r;
	struct span word;
	bool have = false;

	if (!is_own_machine(a) ||
	    read_kernel_file(&text, CMDLINE, CMDLINE_MAX) != AC_OK)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] == '\n')
			text.p[i] = ' ';
	r = rd_of(buf_span(&text));
	while (rd_until(&r, &word, ' '))
		if (word.len == keylen + 64 &&
		    span_is(span_of(word.p, keylen), key))
			have = text_unhex_digest(out,
			    span_of(word.p + keylen, 64)) || have;
	buf_free(&text);
	return have;
}
