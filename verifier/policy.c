/* policy.c -- the policy file; see policy.h. */
#include <stdlib.h>

#include "common/reader.h"
#include "common/sha256.h"
#include "verifier/bootrules.h"
#include "verifier/logrules.h"
#include "verifier/trustrules.h"

static enum ac_err
parse_line(const struct rule *x)
{
	struct policy *p = x->p;
	const struct {
		const char *word;
		enum ac_err (*parse)(const struct rule *);
		const size_t *n;
	} kinds[] = {
		{ "log", logrules_log, &p->nlog },
		{ "witness", logrules_witness, &p->nnode },
		{ "group", logrules_group, &p->nnode },
		{ "quorum", logrules_quorum, NULL },
		{ "log-time", logrules_log_time, &p->nlog_time },
		{ "builder", trustrules_builder, &p->nbuilder },
		{ "registry", trustrules_registry, &p->nregistry },
		{ "revoker", trustrules_revoker, &p->nrevoker },
		{ "ak-root", trustrules_ak_root, &p->nak_root },
		{ "vm", trustrules_vm, &p->nvm },
		{ "container", trustrules_container, &p->ncontainer },
		{ "deny", trustrules_deny, &p->ndeny },
		{ "allow", trustrules_allow, &p->nself_asserted },
		{ "require", trustrules_require, NULL },
		{ "image", bootrules_image, &p->nimage },
		{ "pcr", bootrules_pcr, &p->npcr },
		{ "measurements", bootrules_measurements, &p->nmeasurements },
	};
	const size_t nkinds = sizeof(kinds) / sizeof(kinds[0]);
	const char *names[sizeof(kinds) / sizeof(kinds[0])];

	for (size_t i = 0; i < nkinds; i++) {
		names[i] = kinds[i].word;
		if (!span_is(x->in->f[0], kinds[i].word))
			continue;
		if (kinds[i].n != NULL && *kinds[i].n ==
		    (kinds[i].n == &p->nnode ? POLICY_NODES_MAX :
		    POLICY_LIST_MAX))
			return rule_complain(x, 0, AC_ERR_LIMIT,
			    "too many lines of this kind");
		return kinds[i].parse(x);
	}
	return rule_unknown(x, 0, names, nkinds);
}

enum ac_err
policy_parse(struct policy **out, struct span text,
    const struct policy_loader *loader, struct message *why)
{
	struct reader r = rd_of(text);
	struct policy *p = calloc(1, sizeof(*p));
	struct rule_words words;
	struct rule x = { p, loader, why, &words };
	enum ac_err e = AC_ERR_MEMORY;
	struct span line;

	if (p == NULL)
		goto out;
	p->text = sha256_of(text);
	for (size_t number = 1; !rd_end(&r); number++) {
		if (!rd_line(&r, &line)) {
			line = r.left;
			r = rd_of(span_of(NULL, 0));
		}
		if (line.len > 0 && line.p[0] == '#')
			continue;
		e = rule_split(&words, line, number, why);
		if (e == AC_OK && words.n > 0 && words.f[0].p[0] != '#')
			e = parse_line(&x);
		if (e != AC_OK)
			goto out;
	}
	if (!p->has_quorum) {
		e = AC_ERR_FORMAT;
		message_set(why, "there is no quorum line; expected one, "
		    "\"quorum <name>\" or \"quorum none\"");
		goto out;
	}
	e = logrules_check(p, why);
	if (e != AC_OK)
		goto out;
	*out = p;
	p = NULL; /* transferred */
out:
	policy_free(p);
	return e;
}

void
policy_free(struct policy *p)
{
	free(p);
}

const struct policy_builder *
policy_builder_by(const struct policy *p, const struct digest *fingerprint)
{
	for (size_t i = 0; i < p->nbuilder; i++)
		if (digest_equal(&p->builder[i].fingerprint, fingerprint))
			return &p->builder[i];
	return NULL;
}

const struct note_key *
policy_log_by(const struct policy *p, struct span origin)
{
	for (size_t i = 0; i < p->nlog; i++)
		if (span_is(origin, p->log[i].name))
			return &p->log[i];
	return NULL;
}

const struct policy_registry *
policy_registry_by(const struct policy *p, struct span origin)
{
	for (size_t i = 0; i < p->nregistry; i++)
		if (span_is(origin, p->registry[i].origin))
			return &p->registry[i];
	return NULL;
}

const struct policy_ak_root *
policy_ak_root_by(const struct policy *p, const struct digest *der)
{
	for (size_t i = 0; i < p->nak_root; i++)
		if (digest_equal(&p->ak_root[i].der, der))
			return &p->ak_root[i];
	return NULL;
}

bool
policy_allows_self_asserted(const struct policy *p,
    const struct policy_builder *b)
{
	if (p->allow_self_asserted_any)
		return true;
	for (size_t i = 0; b != NULL && i < p->nself_asserted; i++)
		if (span_is(span_str(b->name.s), p->self_asserted[i].s))
			return true;
	return false;
}
