/*
 * What a real TPM signs that is no quote of this run.  Each certificate is
 * bound, signed and logged anew around it, with an AK certificate for the very
 * key, so that one check alone stands between it and VERIFIED.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#include "common/sha256.h"
#include "tests/producer/sim.h"
#include "tests/verifier/rows.h"

#define NONE ESYS_TR_NONE

static struct simtest sim;

/* A connection to the TPM, and the key that this test's AK is. */
static TSS2_TCTI_CONTEXT *tcti;
static ESYS_CONTEXT *esys;
static ESYS_TR key = ESYS_TR_NONE;
static TPM2B_PUBLIC *public;
static EVP_PKEY *certified;

#define TPM(call) must((call), #call)

static void
must(TSS2_RC rc, const char *what)
{
	if (rc != TSS2_RC_SUCCESS)
		fail_msg("%s: 0x%x", what, rc);
}

static void
connect_tpm(void)
{
	TPM(Tss2_TctiLdr_Initialize((const char *)sim.tcti.p, &tcti));
	TPM(Esys_Initialize(&esys, tcti, NULL));
}

static void
disconnect(void)
{
	Esys_Finalize(&esys);
	Tss2_TctiLdr_Finalize(&tcti);
}

/* A boot of its own: PCRs are zero. */
static void
reboot(void)
{
	disconnect();
	assert_tpm(tpmsim_reset(sim.dir, &sim.why), &sim.why);
	connect_tpm();
}

/*
 * The machine sleeps: the TPM keeps its state, loses power and starts, from
 * that state (TPM2_SU_STATE) or with PCRs of zero (TPM2_SU_CLEAR).  Both it
 * counts as a restart, and neither as a reset.
 */
static void
sleep_and_start(TPM2_SU how)
{
	static const uint8_t init[8] = { 0, 0, 0, 2 }; /* CMD_INIT, no flags */
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	TPMS_TIME_INFO *before, *after;
	uint8_t result[4] = { 1 };

	TPM(Esys_ReadClock(esys, NONE, NONE, NONE, &before));
	TPM(Esys_Shutdown(esys, NONE, NONE, NONE, TPM2_SU_STATE));
	assert_true(fd >= 0 && snprintf(a.sun_path, sizeof(a.sun_path),
	    "%s/tpm.sock.ctrl", sim.dir) < (int)sizeof(a.sun_path));
	assert_int_equal(connect(fd, (const struct sockaddr *)&a,
	    sizeof(a)), 0);
	assert_int_equal(write(fd, init, sizeof(init)), sizeof(init));
	assert_int_equal(recv(fd, result, sizeof(result), MSG_WAITALL),
	    sizeof(result));
	assert_true(result[0] == 0 && result[3] == 0);
	(void)close(fd);
	TPM(Esys_Startup(esys, how));
	TPM(Esys_ReadClock(esys, NONE, NONE, NONE, &after));
	assert_int_equal(after->clockInfo.resetCount,
	    before->clockInfo.resetCount);
	assert_int_equal(after->clockInfo.restartCount,
	    before->clockInfo.restartCount + 1);
	Esys_Free(before);
	Esys_Free(after);
}

/* ---- Keys ---- */

/* The EVP_PKEY of public, for its certificate. */
static EVP_PKEY *
pkey_of(const TPM2B_PUBLIC *p)
{
	const TPMU_PUBLIC_ID *id = &p->publicArea.unique;
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	bool ecc = p->publicArea.type == TPM2_ALG_ECC;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, ecc ? "EC" :
	    "RSA", NULL);
	uint8_t point[65] = { 4 };
	OSSL_PARAM *params;
	EVP_PKEY *out = NULL;
	BIGNUM *n = NULL;

	assert_true(bld != NULL && ctx != NULL);
	if (ecc) {
		assert_true(id->ecc.x.size == 32 && id->ecc.y.size == 32);
		memcpy(point + 1, id->ecc.x.buffer, 32);
		memcpy(point + 33, id->ecc.y.buffer, 32);
		assert_true(OSSL_PARAM_BLD_push_utf8_string(bld,
		    OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
		    OSSL_PARAM_BLD_push_octet_string(bld,
		    OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1);
	} else {
		n = BN_bin2bn(id->rsa.buffer, id->rsa.size, NULL);
		assert_true(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N,
		    n) == 1 && OSSL_PARAM_BLD_push_uint(bld,
		    OSSL_PKEY_PARAM_RSA_E, 65537) == 1);
	}
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_true(EVP_PKEY_fromdata_init(ctx) == 1 && EVP_PKEY_fromdata(ctx,
	    &out, EVP_PKEY_PUBLIC_KEY, params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	return out;
}

#define AK_ATTRIBUTES (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |       \
	TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |          \
	TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT)

/* A primary key of the endorsement hierarchy, as Azure's AK is. */
static void
create_key(TPMI_ALG_PUBLIC type, TPMI_ALG_ASYM_SCHEME scheme,
    TPMI_ALG_HASH hash, TPMA_OBJECT attributes)
{
	TPM2B_SENSITIVE_CREATE sensitive = { 0 };
	TPM2B_PUBLIC in = { .publicArea = { .type = type,
		.nameAlg = TPM2_ALG_SHA256, .objectAttributes = attributes } };
	TPML_PCR_SELECTION pcrs = { 0 };
	TPM2B_DATA outside = { 0 };

	if (type == TPM2_ALG_ECC) {
		TPMS_ECC_PARMS *p = &in.publicArea.parameters.eccDetail;

		p->symmetric.algorithm = TPM2_ALG_NULL;
		p->scheme.scheme = scheme;
		p->scheme.details.ecdsa.hashAlg = hash;
		p->curveID = TPM2_ECC_NIST_P256;
		p->kdf.scheme = TPM2_ALG_NULL;
	} else {
		TPMS_RSA_PARMS *p = &in.publicArea.parameters.rsaDetail;

		p->symmetric.algorithm = TPM2_ALG_NULL;
		p->scheme.scheme = scheme;
		p->scheme.details.rsassa.hashAlg = hash;
		p->keyBits = 2048;
	}
	TPM(Esys_CreatePrimary(esys, ESYS_TR_RH_ENDORSEMENT,
	    ESYS_TR_PASSWORD, NONE, NONE, &sensitive, &in, &outside, &pcrs,
	    &key, &public, NULL, NULL, NULL));
	certified = pkey_of(public);
}

/* The same key again after a reboot: a primary key follows from its template. */
static void
forget_key(void)
{
	TPM(Esys_FlushContext(esys, key));
	Esys_Free(public);
	EVP_PKEY_free(certified);
	public = NULL;
	certified = NULL;
}

static void
restricted_rsa(void)
{
	create_key(TPM2_ALG_RSA, TPM2_ALG_RSASSA, TPM2_ALG_SHA256,
	    AK_ATTRIBUTES);
}

/* ---- What the TPM signs ---- */

static void
set_signature(struct fixture *f, size_t i, const TPMT_SIGNATURE *s)
{
	uint8_t b[1024];
	size_t n = 0;

	TPM(Tss2_MU_TPMT_SIGNATURE_Marshal(s, b, sizeof(b), &n));
	fixture_set(&f->ev.quote[i].signature, span_of(b, n));
}

/* Sign bytes of others: a restricted key wants the TPM's own hash of them. */
static TSS2_RC
sign_bytes(struct fixture *f, size_t i)
{
	const struct buf *attest = &f->ev.quote[i].attest;
	TPM2B_MAX_BUFFER data = { .size = (UINT16)attest->len };
	TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	TPMT_TK_HASHCHECK *ticket = NULL;
	TPM2B_DIGEST *digest = NULL;
	TPMT_SIGNATURE *s = NULL;
	TSS2_RC rc;

	if ((public->publicArea.objectAttributes & TPMA_OBJECT_RESTRICTED) == 0) {
		scheme.scheme = TPM2_ALG_RSASSA;
		scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
	}
	memcpy(data.buffer, attest->p, attest->len);
	TPM(Esys_Hash(esys, NONE, NONE, NONE, &data, TPM2_ALG_SHA256,
	    ESYS_TR_RH_OWNER, &digest, &ticket));
	rc = Esys_Sign(esys, key, ESYS_TR_PASSWORD, NONE, NONE, digest,
	    &scheme, ticket, &s);
	if (rc == TSS2_RC_SUCCESS)
		set_signature(f, i, s);
	Esys_Free(s);
	Esys_Free(ticket);
	Esys_Free(digest);
	return rc;
}

/* What of quote i the TPM says itself. */
static void
take(struct fixture *f, size_t i, TPM2B_ATTEST *attest, TPMT_SIGNATURE *s)
{
	fixture_set(&f->ev.quote[i].attest, span_of(attest->attestationData,
	    attest->size));
	set_signature(f, i, s);
	Esys_Free(attest);
	Esys_Free(s);
}

static TPM2B_DATA
extra_of(const struct fixture *f, size_t i)
{
	TPM2B_DATA d = { .size = (UINT16)f->attest[i].extralen };

	memcpy(d.buffer, f->attest[i].extra, d.size);
	return d;
}

static void
add_bank(TPML_PCR_SELECTION *s, TPMI_ALG_HASH bank, uint32_t mask)
{
	TPMS_PCR_SELECTION *p = &s->pcrSelections[s->count++];

	p->hash = bank;
	p->sizeofSelect = 3;
	for (size_t i = 0; i < 3; i++)
		p->pcrSelect[i] = (BYTE)(mask >> 8 * i);
}

static void
quote_of(struct fixture *f, size_t i, const TPML_PCR_SELECTION *s,
    const TPM2B_DATA *extra)
{
	TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	TPM2B_ATTEST *attest;
	TPMT_SIGNATURE *sig;

	TPM(Esys_Quote(esys, key, ESYS_TR_PASSWORD, NONE, NONE, extra,
	    &scheme, s, &attest, &sig));
	take(f, i, attest, sig);
}

static void
quote_mask(struct fixture *f, size_t i, uint32_t mask)
{
	TPML_PCR_SELECTION s = { 0 };
	TPM2B_DATA extra = extra_of(f, i);

	add_bank(&s, TPM2_ALG_SHA256, mask);
	quote_of(f, i, &s, &extra);
}

/* ---- A run on the TPM ---- */

static void
extend(unsigned pcr, const struct buf lines[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct digest d = sha256_of(buf_span(&lines[i]));
		TPML_DIGEST_VALUES v = { .count = 1,
			.digests[0].hashAlg = TPM2_ALG_SHA256 };

		memcpy(v.digests[0].digest.sha256, d.b, sizeof(d.b));
		TPM(Esys_PCR_Extend(esys, ESYS_TR_PCR0 + pcr,
		    ESYS_TR_PASSWORD, NONE, NONE, &v));
	}
}

/* Until the TPM's clock shows a later time. */
static void
tick(void)
{
	TPMS_TIME_INFO *first, *now;
	bool later;

	TPM(Esys_ReadClock(esys, NONE, NONE, NONE, &first));
	do {
		TPM(Esys_ReadClock(esys, NONE, NONE, NONE, &now));
		later = now->clockInfo.clock > first->clockInfo.clock + 1;
		Esys_Free(now);
	} while (!later);
	Esys_Free(first);
}

/* What stands in the place of the two quotes; by the test that runs. */
static void (*quoted)(struct fixture *f, size_t i);

/* What happens between START and END; by the test that runs. */
static enum happening { NOTHING, ANOTHER_BOOT, RESTART, RESUME } between;

/* Let it happen; PCRs that are zero after it get all events again. */
static void
happen(size_t *before)
{
	if (between == NOTHING)
		return;
	forget_key();
	if (between == ANOTHER_BOOT)
		reboot();
	else
		sleep_and_start(between == RESUME ? TPM2_SU_STATE :
		    TPM2_SU_CLEAR);
	restricted_rsa();
	if (between != RESUME)
		*before = 0;
}

static void
genuine(struct fixture *f, size_t i)
{
	quote_mask(f, i, EVIDENCE_PCRS);
}

/* The software TPM of the fixture gives way to the real one. */
static void
on_tpm(struct fixture *f)
{
	static size_t before_start;
	struct evidence *ev = &f->ev;
	uint8_t b[1024];
	size_t n = 0;

	switch ((int)f->stage) {
	case FIXTURE_SETUP:
		f->certified = certified;
		f->no_firmware = true;
		break;
	case FIXTURE_CHAIN:
		TPM(Tss2_MU_TPMT_PUBLIC_Marshal(&public->publicArea, b,
		    sizeof(b), &n));
		fixture_set(&ev->ak_public, span_of(b, n));
		break;
	case FIXTURE_START_PCRS:
		extend(14, ev->inputs_log, ev->ninputs);
		before_start = ev->ninputs;
		break;
	case FIXTURE_START_SIGNATURE:
		quoted(f, 0);
		break;
	case FIXTURE_END_PCRS:
		happen(&before_start);
		extend(14, ev->inputs_log + before_start,
		    ev->ninputs - before_start);
		extend(8, ev->outputs_log, ev->noutputs);
		tick();
		break;
	case FIXTURE_END_SIGNATURE:
		quoted(f, 1);
		break;
	default:
		break;
	}
}

/* A run in a new boot; step 0: VERIFIED. */
static void
judged(const char *name, void (*quotes)(struct fixture *, size_t),
    enum verify_step step, const char *says)
{
	struct rows_result r = { 0 };
	struct fixture f;

	quoted = quotes;
	fixture_make(&f, &rows_keys, NULL, on_tpm);
	rows_verify(&r, &f, VERIFY_MODE_LOGGED, 0);
	for (unsigned i = 1; i <= VERIFY_NSTEPS; i++) {
		const struct verify_result *s = &r.v->step[i];

		if (i == step ? s->status != VERIFY_FAILED ||
		    strstr(s->text.text, says) == NULL :
		    (step == 0 || i < step) && (s->status == VERIFY_FAILED ||
		    s->status == VERIFY_NOT_ACCEPTED))
			fail_msg("%s: step %u %s: %s", name, i,
			    verify_status_name(s->status), s->text.text);
	}
	assert_int_equal(r.verdict, step == 0 ? VERIFY_VERIFIED :
	    VERIFY_NOT_VERIFIED);
	if (step != 0)
		rows_mutate(name, &f);
	rows_free(&r);
	fixture_free(&f);
	forget_key();
}

/* ---- Right ones: the control ---- */

static void
genuine_quotes(void **state)
{
	static const struct {
		const char *name;
		TPMI_ALG_PUBLIC type;
		TPMI_ALG_ASYM_SCHEME scheme;
		TPMI_ALG_HASH hash;
	} keys[] = {
		{ "RSASSA with SHA-256", TPM2_ALG_RSA, TPM2_ALG_RSASSA,
		  TPM2_ALG_SHA256 },
		{ "RSASSA with SHA-384", TPM2_ALG_RSA, TPM2_ALG_RSASSA,
		  TPM2_ALG_SHA384 },
		{ "RSAPSS with SHA-256", TPM2_ALG_RSA, TPM2_ALG_RSAPSS,
		  TPM2_ALG_SHA256 },
		{ "RSAPSS with SHA-512", TPM2_ALG_RSA, TPM2_ALG_RSAPSS,
		  TPM2_ALG_SHA512 },
		{ "ECDSA with SHA-256", TPM2_ALG_ECC, TPM2_ALG_ECDSA,
		  TPM2_ALG_SHA256 },
		{ "ECDSA with SHA-384", TPM2_ALG_ECC, TPM2_ALG_ECDSA,
		  TPM2_ALG_SHA384 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		reboot();
		create_key(keys[i].type, keys[i].scheme, keys[i].hash,
		    AK_ATTRIBUTES);
		judged(keys[i].name, genuine, 0, NULL);
	}
}

/* ---- Bytes of others, signed by a TPM ---- */

static void
sign_forged(struct fixture *f, size_t i)
{
	TPM(sign_bytes(f, i));
}

static void
unrestricted(void **state)
{
	(void)state;
	reboot();
	create_key(TPM2_ALG_RSA, TPM2_ALG_NULL, TPM2_ALG_NULL,
	    AK_ATTRIBUTES & ~(TPMA_OBJECT)TPMA_OBJECT_RESTRICTED);
	/* Such a key has no scheme of its own; this one is stated to. */
	public->publicArea.parameters.rsaDetail.scheme.scheme =
	    TPM2_ALG_RSASSA;
	public->publicArea.parameters.rsaDetail.scheme.details.rsassa.hashAlg =
	    TPM2_ALG_SHA256;
	judged("a whole quote forged with an unrestricted key", sign_forged,
	    VERIFY_AK_PUBLIC, "the AK is not restricted");
}

/* The TPM refuses what begins as its own do, and signs anything else. */
static void
sign_not_generated(struct fixture *f, size_t i)
{
	assert_int_not_equal(sign_bytes(f, i), TSS2_RC_SUCCESS);
	f->ev.quote[i].attest.p[3] ^= 1;
	TPM(sign_bytes(f, i));
}

static void
not_generated(void **state)
{
	(void)state;
	reboot();
	restricted_rsa();
	judged("a whole quote but for its magic, by a restricted key",
	    sign_not_generated, VERIFY_QUOTES, "magic is not TPM_GENERATED");
}

/* ---- Other attestations, and quotes of something else ---- */

static void
time_attestation(struct fixture *f, size_t i)
{
	TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	TPM2B_DATA extra = extra_of(f, i);
	TPM2B_ATTEST *attest;
	TPMT_SIGNATURE *s;

	TPM(Esys_GetTime(esys, ESYS_TR_RH_ENDORSEMENT, key, ESYS_TR_PASSWORD,
	    ESYS_TR_PASSWORD, NONE, &extra, &scheme, &attest, &s));
	take(f, i, attest, s);
}

static void
certify_attestation(struct fixture *f, size_t i)
{
	TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
	TPM2B_DATA extra = extra_of(f, i);
	TPM2B_ATTEST *attest;
	TPMT_SIGNATURE *s;

	TPM(Esys_Certify(esys, key, key, ESYS_TR_PASSWORD, ESYS_TR_PASSWORD,
	    NONE, &extra, &scheme, &attest, &s));
	take(f, i, attest, s);
}

/* PCR 10 is quoted and its value shown as that of PCR 9: both are zero. */
static void
relabelled(struct fixture *f, size_t i)
{
	quote_mask(f, i, (EVIDENCE_PCRS & ~(1u << 9)) | 1u << 10);
}

static void
resettable(struct fixture *f, size_t i)
{
	quote_mask(f, i, 0xff0000);
}

static void
with_ima(struct fixture *f, size_t i)
{
	quote_mask(f, i, EVIDENCE_PCRS | 1u << 10);
}

static void
fewer(struct fixture *f, size_t i)
{
	quote_mask(f, i, EVIDENCE_PCRS & ~(1u << 7));
}

static void
second_bank(struct fixture *f, size_t i)
{
	TPML_PCR_SELECTION s = { 0 };
	TPM2B_DATA extra = extra_of(f, i);

	add_bank(&s, TPM2_ALG_SHA256, EVIDENCE_PCRS);
	add_bank(&s, TPM2_ALG_SHA1, EVIDENCE_PCRS);
	quote_of(f, i, &s, &extra);
}

static void
same_bank_twice(struct fixture *f, size_t i)
{
	TPML_PCR_SELECTION s = { 0 };
	TPM2B_DATA extra = extra_of(f, i);

	add_bank(&s, TPM2_ALG_SHA256, 0x00ff);
	add_bank(&s, TPM2_ALG_SHA256, EVIDENCE_PCRS & ~0x00ffu);
	quote_of(f, i, &s, &extra);
}

static void
other_bank(struct fixture *f, size_t i)
{
	TPML_PCR_SELECTION s = { 0 };
	TPM2B_DATA extra = extra_of(f, i);

	add_bank(&s, TPM2_ALG_SHA1, EVIDENCE_PCRS);
	quote_of(f, i, &s, &extra);
}

static void
no_selection(struct fixture *f, size_t i)
{
	TPML_PCR_SELECTION s = { 0 };
	TPM2B_DATA extra = extra_of(f, i);

	quote_of(f, i, &s, &extra);
}

/* The challenge that an older tool leaves out. */
static void
no_nonce(struct fixture *f, size_t i)
{
	TPML_PCR_SELECTION s = { 0 };
	TPM2B_DATA extra = extra_of(f, i);

	if (i == 1)
		extra.size = 0;
	add_bank(&s, TPM2_ALG_SHA256, EVIDENCE_PCRS);
	quote_of(f, i, &s, &extra);
}

static void
longer_nonce(struct fixture *f, size_t i)
{
	TPML_PCR_SELECTION s = { 0 };
	TPM2B_DATA extra = extra_of(f, i);

	if (i == 1)
		extra.buffer[extra.size++] = 0;
	add_bank(&s, TPM2_ALG_SHA256, EVIDENCE_PCRS);
	quote_of(f, i, &s, &extra);
}

/* Another key of the same TPM quotes, as restricted as the certified one. */
static void
by_other_key(struct fixture *f, size_t i)
{
	ESYS_TR ak = key;
	TPM2B_PUBLIC *ak_public = public;
	EVP_PKEY *ak_certified = certified;

	create_key(TPM2_ALG_RSA, TPM2_ALG_RSASSA, TPM2_ALG_SHA256,
	    AK_ATTRIBUTES & ~(TPMA_OBJECT)TPMA_OBJECT_NODA);
	genuine(f, i);
	forget_key();
	key = ak;
	public = ak_public;
	certified = ak_certified;
}

static void
other_attestations(void **state)
{
	static const struct {
		const char *name;
		void (*quotes)(struct fixture *, size_t);
		enum verify_step step;
		const char *says;
	} cases[] = {
		{ "a time attestation as a quote", time_attestation,
		  VERIFY_QUOTES, "the attestation is not a quote" },
		{ "a certify attestation as a quote", certify_attestation,
		  VERIFY_QUOTES, "the attestation is not a quote" },
		{ "a TPM's quote of relabelled PCRs", relabelled,
		  VERIFY_QUOTES, "selects PCRs 0x00fdff" },
		{ "a TPM's quote of resettable PCRs", resettable,
		  VERIFY_QUOTES, "selects PCRs 0xff0000" },
		{ "a TPM's quote of PCR 10 too", with_ima, VERIFY_QUOTES,
		  "selects PCRs 0x00ffff" },
		{ "a TPM's quote without PCR 7", fewer, VERIFY_QUOTES,
		  "selects PCRs 0x00fb7f" },
		{ "a TPM's quote of two banks", second_bank, VERIFY_QUOTES,
		  "not exactly one PCR selection" },
		{ "a TPM's quote of one bank twice", same_bank_twice,
		  VERIFY_QUOTES, "not exactly one PCR selection" },
		{ "a TPM's quote of the SHA-1 bank", other_bank,
		  VERIFY_QUOTES, "bank is 0x0004, not SHA-256" },
		{ "a TPM's quote of nothing", no_selection, VERIFY_QUOTES,
		  "not exactly one PCR selection" },
		{ "a TPM's quote without nonce", no_nonce, VERIFY_BINDINGS,
		  "END's extraData" },
		{ "a TPM's quote of a longer nonce", longer_nonce,
		  VERIFY_BINDINGS, "END's extraData" },
		{ "a quote by another key of the TPM", by_other_key,
		  VERIFY_QUOTES, "the signature does not hold under the AK" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reboot();
		restricted_rsa();
		judged(cases[i].name, cases[i].quotes, cases[i].step,
		    cases[i].says);
	}
}

/*
 * Everything is done again after a reboot or a restart, and looks as it
 * should; after a start from the kept state nothing has to be.
 */
static void
quotes_of_two_starts(void **state)
{
	static const struct {
		const char *name;
		enum happening between;
	} cases[] = {
		{ "quotes of two boots of a TPM", ANOTHER_BOOT },
		{ "quotes around a restart of a TPM", RESTART },
		{ "quotes around a TPM's start from its kept state", RESUME },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reboot();
		restricted_rsa();
		between = cases[i].between;
		judged(cases[i].name, genuine, VERIFY_BINDINGS,
		    "restarted between START and END");
		between = NOTHING;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(genuine_quotes),
		cmocka_unit_test(unrestricted),
		cmocka_unit_test(not_generated),
		cmocka_unit_test(other_attestations),
		cmocka_unit_test(quotes_of_two_starts),
	};
	int failed = sim_begin(&sim);

	if (failed != 0)
		return failed;
	connect_tpm();
	failed = rows_main("verify_swtpm", ROWS(tests));
	disconnect();
	sim_finish(&sim);
	return failed;
}
