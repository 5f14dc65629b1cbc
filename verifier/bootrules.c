/* bootrules.c -- lines about what may have booted; see bootrules.h. */
#include <stdio.h>

#include "cert/json.h"
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

enum ac_err
bootrules_image(const struct rule *x)
{
	struct policy *p = x->p;
	struct policy_named_digest image = { 0 };
	enum ac_err e = rule_name(x, 1, &image.name);

	if (e == AC_OK)
		e = rule_digest(x, 2, &image.d);
	if (e == AC_OK)
		e = rule_end(x, 3);
	if (e != AC_OK)
		return e;
	for (size_t i = 0; i < p->nimage; i++)
		if (span_is(span_str(p->image[i].name.s), image.name.s) ||
		    digest_equal(&p->image[i].d, &image.d))
			return rule_complain(x, 1, AC_ERR_FORMAT,
			    "this image or its release stands above already");
	p->image[p->nimage++] = image;
	return AC_OK;
}

/* The number of a PCR that is of mask. */
static bool
pcr_number(unsigned *out, struct span s, uint32_t mask)
{
	for (unsigned i = 0; i < 16; i++) {
		char text[4];

		(void)snprintf(text, sizeof(text), "%u", i);
		if ((mask >> i & 1) != 0 && span_is(s, text)) {
			*out = i;
			return true;
		}
	}
	return false;
}

enum ac_err
bootrules_pcr(const struct rule *x)
{
	struct policy *p = x->p;
	struct policy_pcr pcr = { 0 };
	enum ac_err e = AC_OK;

	if (x->in->n < 2 || !pcr_number(&pcr.index, x->in->f[1], LISTED))
		return rule_complain(x, 1, AC_ERR_FORMAT, "expected PCR 0, 1, "
		    "2, 3, 5, 6 or 7; of 4, 9 and 11 an image line or a "
		    "measurements file says the values together");
	if (x->in->n < 3)
		return rule_digest(x, 2, &pcr.value);
	for (size_t i = 2; e == AC_OK && i < x->in->n; i++) {
		if (p->npcr == POLICY_LIST_MAX)
			return rule_complain(x, i, AC_ERR_LIMIT,
			    "too many values of PCRs");
		e = rule_digest(x, i, &pcr.value);
		if (e == AC_OK && is_zero(&pcr.value))
			return rule_complain(x, i, AC_ERR_FORMAT,
			    "a PCR of zeros was never extended");
		if (e == AC_OK)
			p->pcr[p->npcr++] = pcr;
	}
	return e;
}

/* One PCR for each member. */
static bool
take_measurements(struct policy_measurements *out, struct json values)
{
	JSON_EACH(j, values) {
		unsigned i;

		if (!pcr_number(&i, json_name(j), HELD) ||
		    !json_digest(j, &out->pcr[i]) ||
		    is_zero(&out->pcr[i]) != ((ZERO >> i & 1) != 0))
			return false;
		out->held |= 1u << i;
	}
	return out->held != 0;
}

enum ac_err
bootrules_measurements(const struct rule *x)
{
	struct policy *p = x->p;
	struct policy_measurements m = { .line = x->in->line };
	struct json_doc doc = { 0 };
	struct buf file = { 0 };
	bool taken = false;
	enum ac_err e = rule_load(x, 1, &file, FILE_EXPECTED);

	if (e != AC_OK)
		return e;
	if (json_parse(&doc, buf_span(&file)) == AC_OK) {
		taken = json_closed(json_root(&doc), "measurements") &&
		    take_measurements(&m, json_get(json_root(&doc),
		    "measurements"));
		json_free(&doc);
	}
	buf_free(&file);
	if (!taken)
		return rule_complain(x, 1, AC_ERR_FORMAT, FILE_EXPECTED);
	e = rule_end(x, 2);
	if (e == AC_OK)
		p->measurements[p->nmeasurements++] = m;
	return e;
}
