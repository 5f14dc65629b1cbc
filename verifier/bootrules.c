/* bootrules.c -- lines about what may have booted; see bootrules.h. */
#include "cert/json.h"
#include "common/text.h"
#include "verifier/bootrules.h"

/* PCRs that a pcr line may name, and those that a measurements file may hold. */
#define LISTED 0x00efu
#define HELD 0x3affu
#define ZERO 0x3000u /* of those: nothing may be measured into 12 and 13 */

#define FILE_EXPECTED "expected a file of {\"measurements\": {\"4\": <hex>, " \
    "...}}, of PCRs 0-7, 9, 11-13, with zeros for 12 and 13 alone"

static bool
is_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_equal(d, &zero);
}

/* The number of a PCR that is of mask. */
static bool
pcr_number(uint64_t *out, struct span s, uint32_t mask)
{
	return text_undec(out, s, 15) && (mask >> *out & 1) != 0;
}

enum ac_err
bootrules_pcr(const struct rule *x, size_t i, void *out)
{
	struct policy *p = x->p;
	uint64_t index;

	(void)out;
	if (!pcr_number(&index, rule_word(x, i++), LISTED))
		return rule_wrong(x, i - 1, "expected PCR 0, 1, 2, 3, 5, 6 or "
		    "7; of 4, 9 and 11 an image line or a measurements file "
		    "says the values together");
	do {
		struct policy_pcr *pcr = &p->pcr[p->npcr];
		enum ac_err e;

		if (p->npcr == POLICY_LIST_MAX)
			return rule_complain(x, i, AC_ERR_LIMIT,
			    "too many values of PCRs");
		pcr->index = (unsigned)index;
		e = rule_digest(x, i, &pcr->value);
		if (e != AC_OK)
			return e;
		if (is_zero(&pcr->value))
			return rule_wrong(x, i,
			    "a PCR of zeros was never extended");
		p->npcr++;
	} while (++i < x->in->n);
	return AC_OK;
}

/* One PCR for each member. */
static bool
take_values(struct policy_measurements *m, struct json values)
{
	JSON_EACH(j, values) {
		uint64_t i;

		if (!pcr_number(&i, json_name(j), HELD) ||
		    !json_digest(j, &m->pcr[i]) ||
		    is_zero(&m->pcr[i]) != ((ZERO >> i & 1) != 0))
			return false;
		m->held |= 1u << i;
	}
	return m->held != 0;
}

enum ac_err
bootrules_measurements(const struct rule *x, size_t i, void *out)
{
	struct policy_measurements *m = out;
	struct json_doc doc = { 0 };
	struct buf file = { 0 };
	enum ac_err e = rule_load(x, i, &file, FILE_EXPECTED);
	bool taken;

	if (e != AC_OK)
		return e;
	m->line = x->in->line;
	taken = json_parse(&doc, buf_span(&file)) == AC_OK &&
	    json_count(json_root(&doc)) == 1 && take_values(m,
	    json_get(json_root(&doc), "measurements"));
	json_free(&doc);
	buf_free(&file);
	return taken ? AC_OK : rule_wrong(x, i, FILE_EXPECTED);
}
