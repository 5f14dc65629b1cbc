/*
 * steps_boot.c -- steps 12 and 13: the firmware's log accounts for the quoted
 * PCRs, and what it says booted is an image that the policy trusts.
 */
#include "common/sha256.h"
#include "verifier/check.h"
#include "verifier/steps.h"

#define PCR_DRIVERS 2
#define PCR_HOST 6
#define LISTED 0x00efu /* PCRs that pcr lines judge: 0-3, 5, 6, 7 */

static const struct digest zero;

/* The PCRs that END quotes; START's are the same, says step 11. */
static const struct digest *
quoted(const struct verification *v)
{
	return v->cert.evidence.quote[EVIDENCE_END].pcr;
}

/* Is the boot of this machine outside of what the policy asks for? */
static bool
boot_is_waived(const struct verification *v)
{
	return v->root != NULL && v->root->simulated &&
	    v->root->unmeasured_boot;
}

/* Without a log: right only where no firmware measured anything. */
static enum verify_status
check_no_log(const struct verification *v, struct message *why)
{
	for (unsigned i = 0; i < 16; i++) {
		if (CHECK(boot_log_missing, (BOOT_PCRS >> i & 1) == 0 ||
		    digest_equal(&quoted(v)[i], &zero)))
			continue;
		return BECAUSE(why, VERIFY_FAILED, "PCR %u is %s, and there is "
		    "no boot log to say of what", i,
		    message_digest(&quoted(v)[i]).text);
	}
	message_set(why, "no boot log: nothing that booted was measured");
	return CHECK(boot_log, false) ? VERIFY_OK : VERIFY_NOT_ACCEPTED;
}

/* Does the log lead to what was quoted, no PCR left out? */
static bool
check_replay(const struct verification *v, const struct eventlog *log,
    struct message *why)
{
	struct digest at[EVENTLOG_PCRS];
	uint32_t extended = eventlog_replay(at, log);

	for (unsigned i = 0; i < 16; i++) {
		if ((BOOT_PCRS >> i & 1) == 0 || CHECK(boot_replay,
		    digest_equal(&at[i], &quoted(v)[i])))
			continue;
		return BECAUSE(why, false, "the boot log does not replay to "
		    "PCR %u: it %s%s, the quote has %s", i,
		    (extended >> i & 1) != 0 ? "leads to " :
		    "has no event of it", (extended >> i & 1) != 0 ?
		    message_digest(&at[i]).text : "",
		    message_digest(&quoted(v)[i]).text);
	}
	return true;
}

enum verify_status
steps_boot_log(struct verification *v, struct message *why)
{
	struct span bytes = buf_span(&v->cert.evidence.boot_log);
	struct eventlog log;

	if (boot_is_waived(v))
		return BECAUSE(why, VERIFY_NOT_ESTABLISHED, "SIMULATED: the "
		    "policy waives the boot of machines under this root%s",
		    bytes.len > 0 ? "; the boot log is not judged" : "");
	if (bytes.len == 0)
		return check_no_log(v, why);
	if (eventlog_parse(&log, bytes, why) != AC_OK ||
	    !check_replay(v, &log, why) ||
	    boot_check(&v->boot, &log, why) != AC_OK)
		return VERIFY_FAILED;
	v->has_boot = true;
	message_set(why, "%zu events, Secure Boot %s, image %s", log.nevents,
	    v->boot.secure_boot ? "on" : "off",
	    message_digest(&v->boot.image).text);
	if (v->boot.failed > 0)
		message_add(why, " after %zu boot options that failed",
		    v->boot.failed);
	return VERIFY_OK;
}

/* Nothing overrides the command line, nothing extends the system. */
static bool
check_unused(const struct verification *v, struct message *why)
{
	for (unsigned i = 12; i <= 13; i++) {
		if (CHECK(boot_unused, digest_equal(&quoted(v)[i], &zero)))
			continue;
		return BECAUSE(why, false, "PCR %u is %s, expected zeros: %s",
		    i, message_digest(&quoted(v)[i]).text, i == 12 ?
		    "something was added to the image's command line" :
		    "something extends the image's system");
	}
	return true;
}

/* The policy's name for the release in that line, or NULL. */
static const struct policy_named_digest *
pin_of(const struct verification *v, const struct image *image)
{
	return policy_named_by(v->policy->image, v->policy->nimage,
	    &v->cert.line[image->line].d);
}

static bool
tuple_is_quoted(const struct verification *v, const struct release_tuple *t)
{
	const struct digest *pcr = quoted(v);

	return digest_equal(&t->pcr4, &pcr[4]) &&
	    (!t->has_pcr9 || digest_equal(&t->pcr9, &pcr[9])) &&
	    digest_equal(&t->pcr11, &pcr[11]);
}

/* The quote is of this tuple: is all else as its release and S say? */
static enum verify_status
judge_tuple(const struct verification *v, const struct release *r,
    const struct release_tuple *t, struct message *why)
{
	const struct provenance_view *p = &v->cert.provenance;

	if (!CHECK(boot_root, p->has_image_root &&
	    digest_equal(&p->image_root, &r->root)))
		return BECAUSE(why, VERIFY_FAILED, "the boot is of an image "
		    "whose root is %s, %s%s", message_digest(&r->root).text,
		    p->has_image_root ? "the statement names " :
		    "and the statement names none", p->has_image_root ?
		    message_digest(&p->image_root).text : "");
	if (!CHECK(boot_pcr9, t->has_pcr9))
		return BECAUSE(why, VERIFY_NOT_ACCEPTED, "PCR 9 is not "
		    "established: the release has no value for it");
	if (!CHECK(boot_secure, v->has_boot &&
	    t->secure_boot == v->boot.secure_boot))
		return BECAUSE(why, VERIFY_NOT_ACCEPTED, "Secure Boot is %s, "
		    "and the reference values are for when it is %s",
		    v->boot.secure_boot ? "on" : "off", t->secure_boot ? "on" :
		    "off");
	if (!CHECK(boot_debug, !r->debug || v->policy->allow_debug_image))
		return BECAUSE(why, VERIFY_NOT_ACCEPTED, "the image is a debug "
		    "image, which the policy does not allow: whoever ran it "
		    "had a way in");
	return VERIFY_OK;
}

/* One reference tuple of one trusted release, as a whole. */
static enum verify_status
find_release(struct verification *v, struct message *why)
{
	enum verify_status s = VERIFY_NOT_REACHED;

	for (size_t i = 0; i < v->images.n; i++) {
		const struct image *image = &v->images.image[i];
		const struct release *r = &image->release;
		const struct policy_named_digest *pin = pin_of(v, image);

		for (size_t k = 0; pin != NULL && k < r->ntuples; k++) {
			if (!tuple_is_quoted(v, &r->tuple[k]))
				continue;
			s = judge_tuple(v, r, &r->tuple[k], why);
			if (s != VERIFY_OK)
				continue;
			v->booted = image;
			v->booted_pin = pin;
			v->booted_tuple = &r->tuple[k];
			return s;
		}
	}
	return s;
}

/* One file of reference values, as a whole. */
static enum verify_status
find_measurements(struct verification *v, struct message *why)
{
	const uint32_t needed = 1u << 4 | 1u << 9 | 1u << 11;
	enum verify_status s = VERIFY_NOT_REACHED;

	for (size_t i = 0; i < v->policy->nmeasurements; i++) {
		const struct policy_measurements *m =
		    &v->policy->measurements[i];
		bool equal = true;

		for (unsigned k = 0; k < 16; k++)
			equal = equal && ((m->held >> k & 1) == 0 ||
			    digest_equal(&m->pcr[k], &quoted(v)[k]));
		if (!equal)
			continue;
		if (CHECK(boot_measurements, (m->held & needed) == needed)) {
			v->measurements = m;
			return VERIFY_OK;
		}
		s = VERIFY_NOT_ACCEPTED;
		message_set(why, "the measurements of policy line %zu hold, "
		    "but PCRs 4, 9 and 11 are not all among them: not "
		    "established", m->line);
	}
	return s;
}

/* Is there a value for PCR i in the policy, and is it the quoted one? */
static bool
is_listed(const struct verification *v, unsigned i, bool *any)
{
	bool equal = false;

	*any = false;
	for (size_t k = 0; k < v->policy->npcr; k++) {
		const struct policy_pcr *pcr = &v->policy->pcr[k];

		if (pcr->index != i)
			continue;
		*any = true;
		equal = equal || digest_equal(&pcr->value, &quoted(v)[i]);
	}
	/* Measurements that were found equal hold this one's value too. */
	if (!*any && v->measurements != NULL &&
	    (v->measurements->held >> i & 1) != 0)
		*any = equal = true;
	return equal;
}

/* What a PCR holds into which nothing but the separator was measured. */
static struct digest
separator_only(void)
{
	struct digest separator = sha256_of(span_of("\0\0\0\0", 4));

	return sha256_of2(span_digest(&zero), span_digest(&separator));
}

/* The firmware's PCRs: each of a value that the policy has. */
static bool
check_listed(const struct verification *v, struct message *why)
{
	struct digest separator = separator_only();
	bool right = true;

	for (unsigned i = 0; i < 8; i++) {
		bool any, equal = is_listed(v, i, &any);

		if ((LISTED >> i & 1) == 0 || equal || (!any &&
		    (i == PCR_HOST || (i == PCR_DRIVERS &&
		    digest_equal(&quoted(v)[i], &separator)))))
			continue;
		if (CHECK(boot_value, !any) && CHECK(boot_listed, any))
			continue;
		if (right)
			message_set(why, "the firmware is not established: ");
		message_add(why, "%sPCR %u is %s", right ? "" : "; ", i,
		    message_digest(&quoted(v)[i]).text);
		message_add(why, any ? ", not a value that the policy lists" :
		    ", and no pcr line is about it");
		right = false;
	}
	return right;
}

/* Where to look for a revocation of it: step 17. */
static void
name_release(struct verification *v)
{
	const struct certificate_line *line;

	if (v->booted == NULL)
		return;
	line = &v->cert.line[v->booted->line];
	v->release = (struct verify_release){ .known = true, .d = line->d,
		.signer = spki_digest(&v->booted->key),
		.index = line->bundle.entry.index };
}

/* No reference values were those of the quote. */
static void
say_unknown(const struct verification *v, struct message *why)
{
	const struct policy *p = v->policy;
	bool pinned = p->nmeasurements > 0;

	for (size_t i = 0; i < v->images.n; i++)
		pinned = pinned || pin_of(v, &v->images.image[i]) != NULL;
	message_set(why, "which software booted is not established: %s",
	    p->nimage + p->nmeasurements == 0 ? "the policy names no image" :
	    !pinned ? "no line of the certificate is an image release that the "
	    "policy names" : "no image that the policy trusts leads to PCRs 4, "
	    "9 and 11 together");
	if (pinned)
		message_add(why, ", which are %s, %s, %s",
		    message_digest(&quoted(v)[4]).text,
		    message_digest(&quoted(v)[9]).text,
		    message_digest(&quoted(v)[11]).text);
}

static void
say_booted(const struct verification *v, struct message *why)
{
	message_set(why, "%s", "");
	if (v->booted != NULL) {
		message_set(why, "image %s: release %s %s on firmware %s",
		    v->booted_pin->name.s,
		    message_quoted(v->booted->release.name).text,
		    message_quoted(v->booted->release.version).text,
		    message_quoted(v->booted_tuple->firmware).text);
	} else if (v->measurements != NULL) {
		message_add(why, "the measurements of policy line %zu; they do "
		    "not say which image the statement should name",
		    v->measurements->line);
	}
	message_add(why, "; PCR %d, the host's own, is %s", PCR_HOST,
	    message_digest(&quoted(v)[PCR_HOST]).text);
}

enum verify_status
steps_boot(struct verification *v, struct message *why)
{
	enum verify_status s, t = VERIFY_NOT_REACHED;
	struct message other;

	if (boot_is_waived(v))
		return BECAUSE(why, VERIFY_NOT_ESTABLISHED, "SIMULATED: the "
		    "policy waives the boot of machines under this root");
	if (!check_unused(v, why))
		return VERIFY_FAILED;
	s = find_release(v, why);
	if (s == VERIFY_FAILED)
		return s;
	if (s != VERIFY_OK)
		t = find_measurements(v, &other);
	if (s == VERIFY_NOT_REACHED && t == VERIFY_NOT_ACCEPTED)
		*why = other;
	if (t == VERIFY_OK || s == VERIFY_NOT_REACHED)
		s = t;
	if (s == VERIFY_NOT_REACHED && !CHECK(boot, false)) {
		say_unknown(v, why);
		return VERIFY_NOT_ACCEPTED;
	}
	if (s == VERIFY_NOT_ACCEPTED)
		return s;
	if (!check_listed(v, why))
		return VERIFY_NOT_ACCEPTED;
	name_release(v);
	say_booted(v, why);
	return VERIFY_OK;
}
