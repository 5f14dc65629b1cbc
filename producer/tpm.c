/* tpm.c -- the TPM, in the few verbs that AICert needs; see tpm.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>

#include "producer/tcti.h"
#include "producer/tpm.h"

#define TPM_OPEN_MS 5000u     /* to answer the first question */
#define TPM_COMMAND_MS 60000u /* to answer any other */
#define TPM_CREATE_MS 300000u /* to find an RSA key; a chip may take minutes */
#define TPM_RETRIES 8u        /* waiting 10, 20, ... 1280 ms */
#define TPM_READ_PASSES 16u   /* while others extend between two reads */

#define NO_SESSION ESYS_TR_NONE, ESYS_TR_NONE
#define NO_SESSIONS ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE

struct tpm {
	ESYS_CONTEXT *esys;
	struct tcti *tcti;
	struct tpm_why *why; /* the caller's */
	char name[];
};

static void
why_set(struct tpm_why *why, const char *fmt, ...) AC_PRINTF(2, 3);

static void
why_set(struct tpm_why *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
}

/* Which of our errors is the TPM's (Part 2, 6.6) or a layer's rc? */
static enum ac_err
err_of(TSS2_RC rc)
{
	TSS2_RC code = rc & ~TSS2_RC_LAYER_MASK;

	if ((rc & TSS2_RC_LAYER_MASK) == TSS2_TCTI_RC_LAYER)
		return AC_ERR_IO;
	if ((rc & TSS2_RC_LAYER_MASK) != TSS2_TPM_RC_LAYER)
		return code == TSS2_BASE_RC_MEMORY ? AC_ERR_MEMORY :
						     AC_ERR_CRYPTO;
	if ((code & TPM2_RC_FMT1) != 0)
		return (code & (TPM2_RC_FMT1 | 0x3f)) == TPM2_RC_HANDLE ?
		    AC_ERR_NOT_FOUND :
		    AC_ERR_CRYPTO;
	switch (code) {
	case TPM2_RC_LOCKOUT:
	case TPM2_RC_RETRY:
	case TPM2_RC_YIELDED:
	case TPM2_RC_TESTING:
	case TPM2_RC_NV_RATE:
		return AC_ERR_BUSY;
	case TPM2_RC_NV_DEFINED:
		return AC_ERR_EXISTS;
	default:
		return AC_ERR_CRYPTO;
	}
}

/* Say that doing something with id (0: none) ended in rc. */
static enum ac_err
tpm_fail(struct tpm *t, TSS2_RC rc, const char *doing, uint32_t id)
{
	enum ac_err e = err_of(rc);
	int error = tcti_errno(t->tcti);
	char object[24] = "";

	if (id != 0)
		(void)snprintf(object, sizeof(object), " 0x%08x", id);
	if (e == AC_ERR_IO && error == ETIMEDOUT)
		why_set(t->why,
		    "%s%s: no answer from %s in time; is another program "
		    "holding the TPM?", doing, object, t->name);
	else if (e == AC_ERR_IO && error != 0)
		why_set(t->why, "%s%s: %s: %s", doing, object, t->name,
		    strerror(error));
	else if (e == AC_ERR_NOT_FOUND)
		why_set(t->why, "%s%s: the TPM has nothing at that handle (%s)",
		    doing, object, Tss2_RC_Decode(rc));
	else if (rc == TPM2_RC_LOCKOUT)
		why_set(t->why, "%s%s: TPM in lockout after wrong "
		    "authorisations; it recovers with time (%s)", doing, object,
		    Tss2_RC_Decode(rc));
	else if (rc == TPM2_RC_INITIALIZE)
		why_set(t->why, "%s%s: the TPM was not started; firmware does "
		    "that, measuring itself (%s)", doing, object,
		    Tss2_RC_Decode(rc));
	else
		why_set(t->why, "%s%s: %s (0x%x)", doing, object,
		    Tss2_RC_Decode(rc), rc);
	errno = error;
	return e;
}

/* May the same command be sent an n-th time again?  Waits before a yes. */
static bool
tpm_again(TSS2_RC rc, unsigned n)
{
	long ms = 10L << n;
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	if (n >= TPM_RETRIES ||
	    (rc != TPM2_RC_RETRY && rc != TPM2_RC_YIELDED &&
		rc != TPM2_RC_TESTING && rc != TPM2_RC_NV_RATE))
		return false;
	(void)nanosleep(&ts, NULL);
	return true;
}

/*
 * rc = call, again while the TPM asks for that: with these answers it has
 * not begun (Part 2, 6.6.2).
 */
#define TPM_DO(rc, call)                                                   \
	do {                                                               \
		for (unsigned n_ = 0; (rc) = (call), tpm_again((rc), n_);) \
			n_++;                                              \
	} while (0)

/* An SHA-256 selection of the PCRs in mask. */
static TPML_PCR_SELECTION
selection_of(uint32_t mask)
{
	return (TPML_PCR_SELECTION){
		.count = 1,
		.pcrSelections[0] = {
			.hash = TPM2_ALG_SHA256,
			.sizeofSelect = 3,
			.pcrSelect = { (uint8_t)mask, (uint8_t)(mask >> 8),
			    (uint8_t)(mask >> 16) },
		},
	};
}

static uint32_t
mask_of(const TPML_PCR_SELECTION *s)
{
	const TPMS_PCR_SELECTION *p = &s->pcrSelections[0];
	uint32_t mask = 0;

	if (s->count != 1 || p->hash != TPM2_ALG_SHA256)
		return 0;
	for (unsigned i = 0; i < p->sizeofSelect && i < 3; i++)
		mask |= (uint32_t)p->pcrSelect[i] << 8 * i;
	return mask;
}

/* The fixed property p (TPM_PT, Part 2, 6.13). */
static TSS2_RC
property(struct tpm *t, uint32_t p, uint32_t *value)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	const TPMS_TAGGED_PROPERTY *got;
	TSS2_RC rc;

	TPM_DO(rc, Esys_GetCapability(t->esys, NO_SESSIONS,
	    TPM2_CAP_TPM_PROPERTIES, p, 1, NULL, &data));
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	got = &data->data.tpmProperties.tpmProperty[0];
	if (data->data.tpmProperties.count == 1 && got->property == p)
		*value = got->value;
	else
		rc = TSS2_ESYS_RC_MALFORMED_RESPONSE;
	Esys_Free(data);
	return rc;
}

void
tpm_quiet(void)
{
	(void)setenv("TSS2_LOG", "all+NONE", 0);
}

enum ac_err
tpm_open(struct tpm **out, const char *tcti, struct tpm_why *why)
{
	static const char doing[] = "opening the TPM";
	const uint32_t family = 0x322e3000; /* "2.0", TPM_PT_FAMILY_INDICATOR */
	enum ac_err e = AC_ERR_MEMORY;
	uint32_t got = 0;
	struct tpm *t = calloc(1, sizeof(*t) + strlen(tcti) + 1);
	TSS2_RC rc;

	*why = (struct tpm_why){ "out of memory" };
	if (t == NULL)
		goto out;
	memcpy(t->name, tcti, strlen(tcti) + 1);
	t->why = why;
	e = tcti_open(&t->tcti, tcti);
	if (e == AC_ERR_LIMIT)
		why_set(why, "%s: %s: the path of a socket has at most 107 "
		    "bytes", doing, tcti);
	else if (e != AC_OK)
		why_set(why, "%s: cannot open %s%s%s", doing, tcti,
		    errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
	if (e != AC_OK)
		goto out;
	rc = Esys_Initialize(&t->esys, tcti_context(t->tcti), NULL);
	if (rc == TSS2_RC_SUCCESS) {
		tcti_set_patience(t->tcti, TPM_OPEN_MS);
		rc = property(t, TPM2_PT_FAMILY_INDICATOR, &got);
		tcti_set_patience(t->tcti, TPM_COMMAND_MS);
	}
	if (rc != TSS2_RC_SUCCESS) {
		e = tpm_fail(t, rc, doing, 0);
		goto out;
	}
	if (got != family) {
		e = AC_ERR_UNSUPPORTED;
		why_set(why, "%s: %s is not a TPM 2.0", doing, tcti);
		goto out;
	}
	*why = (struct tpm_why){ "" };
	*out = t;
	t = NULL; /* transferred */
	e = AC_OK;
out:
	if (t != NULL) {
		int saved = errno;

		tpm_close(t);
		errno = saved;
	}
	return e;
}

void
tpm_close(struct tpm *t)
{
	if (t == NULL)
		return;
	Esys_Finalize(&t->esys);
	tcti_close(t->tcti);
	free(t);
}

enum ac_err
tpm_pcr_extend(struct tpm *t, unsigned pcr, const struct digest *d)
{
	TPML_DIGEST_VALUES values = {
		.count = 1,
		.digests[0].hashAlg = TPM2_ALG_SHA256,
	};
	TSS2_RC rc;

	if (pcr >= TPM_PCRS) {
		why_set(t->why, "extending PCR %u: there are %u", pcr, TPM_PCRS);
		return AC_ERR_LIMIT;
	}
	memcpy(values.digests[0].digest.sha256, d->b, sizeof(d->b));
	TPM_DO(rc, Esys_PCR_Extend(t->esys, ESYS_TR_PCR0 + pcr,
	    ESYS_TR_PASSWORD, NO_SESSION, &values));
	return rc == TSS2_RC_SUCCESS ? AC_OK :
				       tpm_fail(t, rc, "extending a PCR", 0);
}

static const char reading_pcrs[] = "reading the SHA-256 PCRs";

/*
 * Read some of the PCRs in *left into values and take them out of it;
 * *counter is the TPM's count of updates at that moment.
 */
static enum ac_err
pcr_read_some(struct tpm *t, uint32_t *left, uint32_t *counter,
    struct digest values[TPM_PCRS])
{
	enum ac_err e;
	TPML_PCR_SELECTION want = selection_of(*left), *got = NULL;
	TPML_DIGEST *digests = NULL;
	uint32_t mask;
	unsigned n = 0;
	TSS2_RC rc;

	TPM_DO(rc, Esys_PCR_Read(t->esys, NO_SESSIONS, &want, counter, &got,
	    &digests));
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(t, rc, reading_pcrs, 0);
	mask = mask_of(got);
	if (mask == 0) {
		e = AC_ERR_UNSUPPORTED;
		why_set(t->why, "%s: %s has none; its SHA-256 bank is not "
		    "active, or it has fewer PCRs", reading_pcrs, t->name);
		goto out;
	}
	e = tpm_fail(t, TSS2_ESYS_RC_MALFORMED_RESPONSE, reading_pcrs, 0);
	if ((mask & ~*left) != 0)
		goto out;
	for (unsigned i = 0; i < TPM_PCRS; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		if (n >= digests->count ||
		    digests->digests[n].size != sizeof(values[i].b))
			goto out;
		memcpy(values[i].b, digests->digests[n].buffer,
		    sizeof(values[i].b));
		n++;
	}
	if (n != digests->count)
		goto out;
	*left &= ~mask;
	why_set(t->why, "%s", "");
	e = AC_OK;
out:
	Esys_Free(got);
	Esys_Free(digests);
	return e;
}

enum ac_err
tpm_pcr_read(struct tpm *t, uint32_t mask, struct digest values[TPM_PCRS])
{
	struct digest now[TPM_PCRS];

	for (unsigned pass = 0; pass < TPM_READ_PASSES; pass++) {
		uint32_t left = mask, counter, first = 0;
		bool same = true;

		memset(now, 0, sizeof(now));
		while (left != 0 && same) {
			bool begun = left != mask;
			enum ac_err e = pcr_read_some(t, &left, &counter, now);

			if (e != AC_OK)
				return e;
			if (!begun)
				first = counter;
			same = counter == first;
		}
		if (same) {
			memcpy(values, now, sizeof(now));
			return AC_OK;
		}
	}
	why_set(t->why, "%s: they change while they are read", reading_pcrs);
	return AC_ERR_BUSY;
}

/* The ESYS object for what lies at handle; Esys_TR_Close() ends it. */
static TSS2_RC
object_at(struct tpm *t, uint32_t handle, ESYS_TR *object)
{
	TSS2_RC rc;

	TPM_DO(rc, Esys_TR_FromTPMPublic(t->esys, handle, NO_SESSIONS, object));
	return rc;
}

enum ac_err
tpm_quote(struct tpm *t, uint32_t handle, const struct digest *extra_data,
    uint32_t mask, struct buf *attest, struct buf *signature)
{
	static const char doing[] = "quoting with the key at";
	const TPMT_SIG_SCHEME own = { .scheme = TPM2_ALG_NULL };
	const TPML_PCR_SELECTION pcrs = selection_of(mask);
	enum ac_err e;
	TPM2B_DATA extra = { .size = sizeof(extra_data->b) };
	TPM2B_ATTEST *quoted = NULL;
	TPMT_SIGNATURE *sig = NULL;
	ESYS_TR key = ESYS_TR_NONE;
	struct buf message = { 0 };
	uint8_t b[sizeof(*sig)];
	size_t len = 0;
	TSS2_RC rc;

	memcpy(extra.buffer, extra_data->b, sizeof(extra_data->b));
	rc = object_at(t, handle, &key);
	if (rc == TSS2_RC_SUCCESS)
		TPM_DO(rc, Esys_Quote(t->esys, key, ESYS_TR_PASSWORD,
		    NO_SESSION, &extra, &own, &pcrs, &quoted, &sig));
	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_MU_TPMT_SIGNATURE_Marshal(sig, b, sizeof(b), &len);
	if (rc != TSS2_RC_SUCCESS) {
		e = tpm_fail(t, rc, doing, handle);
		goto out;
	}
	e = buf_copy(&message,
	    span_of(quoted->attestationData, quoted->size));
	if (e == AC_OK)
		e = buf_copy(signature, span_of(b, len));
	if (e != AC_OK)
		goto out;
	*attest = message;
	message = (struct buf){ 0 }; /* transferred */
	e = AC_OK;
out:
	buf_free(&message);
	Esys_Free(quoted);
	Esys_Free(sig);
	(void)Esys_TR_Close(t->esys, &key);
	return e;
}

enum ac_err
tpm_ak_public(struct tpm *t, uint32_t handle, struct buf *tpmt_public)
{
	enum ac_err e;
	TPM2B_PUBLIC *public = NULL;
	ESYS_TR key = ESYS_TR_NONE;
	uint8_t b[sizeof(*public)];
	size_t len = 0;
	TSS2_RC rc;

	rc = object_at(t, handle, &key);
	if (rc == TSS2_RC_SUCCESS)
		TPM_DO(rc, Esys_ReadPublic(t->esys, key, NO_SESSIONS, &public,
		    NULL, NULL));
	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_MU_TPMT_PUBLIC_Marshal(&public->publicArea, b,
		    sizeof(b), &len);
	if (rc != TSS2_RC_SUCCESS)
		e = tpm_fail(t, rc, "reading the public key at", handle);
	else
		e = buf_copy(tpmt_public, span_of(b, len));
	Esys_Free(public);
	(void)Esys_TR_Close(t->esys, &key);
	return e;
}

/* How many bytes one NV command carries (TPM_PT_NV_BUFFER_MAX). */
static TSS2_RC
nv_chunk(struct tpm *t, size_t *chunk)
{
	uint32_t max = 0;
	TSS2_RC rc = property(t, TPM2_PT_NV_BUFFER_MAX, &max);

	if (rc != TSS2_RC_SUCCESS)
		return rc;
	if (max == 0)
		return TSS2_ESYS_RC_MALFORMED_RESPONSE;
	*chunk = max < TPM2_MAX_NV_BUFFER_SIZE ? max : TPM2_MAX_NV_BUFFER_SIZE;
	return TSS2_RC_SUCCESS;
}

/* Append the content [offset..offset + n) of nv to w. */
static TSS2_RC
nv_read_some(struct tpm *t, ESYS_TR auth, ESYS_TR nv, size_t offset, size_t n,
    struct writer *w)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	TSS2_RC rc;

	TPM_DO(rc, Esys_NV_Read(t->esys, auth, nv, ESYS_TR_PASSWORD, NO_SESSION,
	    (uint16_t)n, (uint16_t)offset, &data));
	if (rc != TSS2_RC_SUCCESS)
		return rc;
	if (data->size == n)
		wr_bytes(w, span_of(data->buffer, n));
	else
		rc = TSS2_ESYS_RC_MALFORMED_RESPONSE;
	Esys_Free(data);
	return rc;
}

enum ac_err
tpm_nv_read(struct tpm *t, uint32_t index, struct buf *out, size_t max)
{
	static const char doing[] = "reading NV index";
	enum ac_err e;
	TPM2B_NV_PUBLIC *public = NULL;
	ESYS_TR nv = ESYS_TR_NONE, auth;
	struct writer w;
	size_t size, chunk = 0;
	TSS2_RC rc;

	wr_init(&w, max);
	rc = object_at(t, index, &nv);
	if (rc == TSS2_RC_SUCCESS)
		TPM_DO(rc, Esys_NV_ReadPublic(t->esys, nv, NO_SESSIONS, &public,
		    NULL));
	if (rc == TSS2_RC_SUCCESS)
		rc = nv_chunk(t, &chunk);
	if (rc != TSS2_RC_SUCCESS) {
		e = tpm_fail(t, rc, doing, index);
		goto out;
	}
	size = public->nvPublic.dataSize;
	if (size > max) {
		e = AC_ERR_LIMIT;
		why_set(t->why, "%s 0x%08x: it holds %zu bytes, more than %zu",
		    doing, index, size, max);
		goto out;
	}
	auth = (public->nvPublic.attributes & TPMA_NV_OWNERREAD) != 0 ?
	    ESYS_TR_RH_OWNER :
	    nv;
	for (size_t at = 0; at < size;) {
		size_t n = size - at < chunk ? size - at : chunk;

		rc = nv_read_some(t, auth, nv, at, n, &w);
		if (rc != TSS2_RC_SUCCESS) {
			e = tpm_fail(t, rc, doing, index);
			goto out;
		}
		at += n;
	}
	e = wr_end(&w, out);
	if (e != AC_OK)
		goto out;
	e = AC_OK;
out:
	wr_free(&w);
	Esys_Free(public);
	(void)Esys_TR_Close(t->esys, &nv);
	return e;
}

enum ac_err
tpm_nv_create(struct tpm *t, uint32_t index, struct span data)
{
	const TPM2B_AUTH empty = { 0 };
	TPM2B_NV_PUBLIC public = {
		.nvPublic = {
			.nvIndex = index,
			.nameAlg = TPM2_ALG_SHA256,
			.attributes = TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE |
			    TPMA_NV_AUTHREAD | TPMA_NV_NO_DA,
			.dataSize = (uint16_t)data.len,
		},
	};
	ESYS_TR nv = ESYS_TR_NONE;
	size_t chunk = 0;
	TSS2_RC rc;

	if (data.len > TPM_NV_MAX) {
		why_set(t->why, "writing NV index 0x%08x: %zu bytes are more "
		    "than %u", index, data.len, TPM_NV_MAX);
		return AC_ERR_LIMIT;
	}
	rc = nv_chunk(t, &chunk);
	if (rc == TSS2_RC_SUCCESS)
		TPM_DO(rc, Esys_NV_DefineSpace(t->esys, ESYS_TR_RH_OWNER,
		    ESYS_TR_PASSWORD, NO_SESSION, &empty, &public, &nv));
	for (size_t at = 0; at < data.len && rc == TSS2_RC_SUCCESS;) {
		TPM2B_MAX_NV_BUFFER b = { 0 };
		size_t n = data.len - at < chunk ? data.len - at : chunk;

		b.size = (uint16_t)n;
		memcpy(b.buffer, data.p + at, n);
		TPM_DO(rc, Esys_NV_Write(t->esys, ESYS_TR_RH_OWNER, nv,
		    ESYS_TR_PASSWORD, NO_SESSION, &b, (uint16_t)at));
		at += n;
	}
	(void)Esys_TR_Close(t->esys, &nv);
	return rc == TSS2_RC_SUCCESS ?
	    AC_OK :
	    tpm_fail(t, rc, "writing NV index", index);
}

enum ac_err
tpm_clock(struct tpm *t, struct tpm_clock *out)
{
	TPMS_TIME_INFO *now = NULL;
	TSS2_RC rc;

	TPM_DO(rc, Esys_ReadClock(t->esys, NO_SESSIONS, &now));
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(t, rc, "reading the TPM's clock", 0);
	*out = (struct tpm_clock){
		.clock_ms = now->clockInfo.clock,
		.resets = now->clockInfo.resetCount,
		.restarts = now->clockInfo.restartCount,
		.safe = now->clockInfo.safe == TPM2_YES,
	};
	Esys_Free(now);
	return AC_OK;
}

enum ac_err
tpm_create_ak(struct tpm *t, uint32_t handle, uint32_t cleared)
{
	const TPMA_OBJECT all = TPM_ATTR_FIXED_TPM | TPM_ATTR_FIXED_PARENT |
	    TPM_ATTR_SENSITIVE_DATA_ORIGIN | TPM_ATTR_RESTRICTED |
	    TPM_ATTR_SIGN;
	const TPM2B_PUBLIC template = {
		.publicArea = {
			.type = TPM2_ALG_RSA,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = (all & ~cleared) |
			    TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA,
			.parameters.rsaDetail = {
				.symmetric.algorithm = TPM2_ALG_NULL,
				.scheme = {
					.scheme = TPM2_ALG_RSASSA,
					.details.rsassa.hashAlg =
					    TPM2_ALG_SHA256,
				},
				.keyBits = 2048,
			},
		},
	};
	const TPM2B_SENSITIVE_CREATE empty = { 0 };
	const TPM2B_DATA outside = { 0 };
	const TPML_PCR_SELECTION none = { 0 };
	ESYS_TR key = ESYS_TR_NONE, kept = ESYS_TR_NONE;
	TSS2_RC rc;

	tcti_set_patience(t->tcti, TPM_CREATE_MS);
	TPM_DO(rc, Esys_CreatePrimary(t->esys, ESYS_TR_RH_ENDORSEMENT,
	    ESYS_TR_PASSWORD, NO_SESSION, &empty, &template, &outside, &none,
	    &key, NULL, NULL, NULL, NULL));
	tcti_set_patience(t->tcti, TPM_COMMAND_MS);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(t, rc, "creating the key for", handle);
	TPM_DO(rc, Esys_EvictControl(t->esys, ESYS_TR_RH_OWNER, key,
	    ESYS_TR_PASSWORD, NO_SESSION, handle, &kept));
	(void)Esys_FlushContext(t->esys, key);
	(void)Esys_TR_Close(t->esys, &kept);
	return rc == TSS2_RC_SUCCESS ? AC_OK :
				       tpm_fail(t, rc, "keeping the key at",
					   handle);
}

enum ac_err
tpm_shutdown(struct tpm *t)
{
	TSS2_RC rc;

	TPM_DO(rc, Esys_Shutdown(t->esys, NO_SESSIONS, TPM2_SU_CLEAR));
	return rc == TSS2_RC_SUCCESS ? AC_OK :
				       tpm_fail(t, rc, "shutting the TPM down",
					   0);
}
