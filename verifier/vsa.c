/* vsa.c -- a verdict as a SLSA VSA; see vsa.h. */
#include "verifier/vsa.h"

#include "common/sha256.h"
#include "common/time.h"

#define TYPE_VSA "https://slsa.dev/verification_summary/v1"
#define SLSA_VERSION "1.0"

/*
 * Levels beginning with SLSA_ are SLSA's own, and not for this program to
 * give; what was established is said in words of AICert.
 */
static const char *
level_of(const struct report *r)
{
	if (r->verdict != VERIFY_VERIFIED)
		return "FAILED";
	if (!r->v->cert.has_evidence)
		return "AICERT_SELF_ASSERTED";
	return r->v->simulated ? "AICERT_SIMULATED" : "AICERT_MEASURED";
}

enum ac_err
vsa_write(struct writer *w, const struct report *r)
{
	const struct verification *v = r->v;
	char at[TIME_RFC3339_LEN + 1];
	struct digest jsonl;

	if (v == NULL || !v->decoded)
		return AC_ERR_NOT_FOUND;
	if (time_format(at, r->now_s) != AC_OK)
		return AC_ERR_FORMAT;
	jsonl = sha256_of(r->certificate);
	statement_write_head(w);
	statement_write_subject(w, span_str(SUBJECT_ROOT),
	    &v->cert.provenance.root);
	wr_u8(w, ',');
	statement_write_subject(w, span_str(SUBJECT_MANIFEST),
	    &v->cert.provenance.manifest);
	statement_write_type(w, TYPE_VSA);
	wr_printf(w, "{\"verifier\":{\"id\":\"" AICERT_URI
	    "/aicert-verify\",\"version\":{\"aicert-verify\":\"%s\"}},"
	    "\"timeVerified\":\"%s\",\"resourceUri\":\"urn:aicert:oms-root:%s\","
	    "\"policy\":{\"uri\":\"urn:aicert:policy\",\"digest\":"
	    "{\"sha256\":\"%s\"}},\"inputAttestations\":[{\"uri\":"
	    "\"urn:aicert:certificate\",\"digest\":{\"sha256\":\"%s\"}}],"
	    "\"verificationResult\":\"%s\",\"verifiedLevels\":[\"%s\"],"
	    "\"slsaVersion\":\"" SLSA_VERSION "\"}}\n", AICERT_VERSION, at,
	    message_digest(&v->cert.provenance.root).text,
	    message_digest(&v->policy->text).text,
	    message_digest(&jsonl).text,
	    r->verdict == VERIFY_VERIFIED ? "PASSED" : "FAILED", level_of(r));
	return AC_OK;
}
