/* policy.c -- the policy file; see policy.h. */
#include <stdlib.h>

#include "common/reader.h"
#include "common/sha256.h"
#include "verifier/bootrules.h"
#include "verifier/logrules.h"
#include "verifier/trustrules.h"

/* A part of a struct. */
struct part {
	size_t at, len;
};

#define PART(type, member)                                                    \
	{ offsetof(type, member), sizeof(((type *)NULL)->member) }
#define LIST(name)                                                            \
	.n = offsetof(struct policy, n##name),                                \
	.list = PART(struct policy, name),                                    \
	.size = sizeof(((struct policy *)NULL)->name[0])
/* The elements of several lists. */
#define NAMED(type) PART(struct policy_##type, name)
#define NAMED_DIGEST PART(struct policy_named_digest, d)
#define AT_DIGEST offsetof(struct policy_named_digest, d)

/*
 * A kind of line.  Its words after the first go into the next element of a
 * list, each by a function, and by another the rest of the line.
 */
static const struct kind {
	const char *word;
	size_t n;         /* where the list's length is, and the list, */
	struct part list; /* which has room for elements of size */
	size_t size;
	struct {
		rule_take *take;
		size_t at; /* in the element */
	} arg[2];
	rule_take *rest;       /* NULL: there is none */
	struct part unique[2]; /* no earlier element has the same there, */
	size_t word_of_it;     /* which this word says */
} kinds[] = {
	{ "log", LIST(log), .arg = { { rule_log_key, 0 } },
	    .rest = logrules_log, .word_of_it = 1, .unique = {
	    PART(struct note_key, name), PART(struct note_key, pub) } },
	{ "witness", LIST(node), .arg = { { logrules_name, 0 },
	    { rule_cosigner, offsetof(struct policy_node, key) } },
	    .rest = logrules_witness, .word_of_it = 2,
	    .unique = { PART(struct policy_node, key.pub) } },
	{ "group", LIST(node), .arg = { { logrules_name, 0 } },
	    .rest = logrules_group },
	{ "quorum", .rest = logrules_quorum },
	{ "log-time", LIST(log_time), .arg = { { rule_cosigner, 0 } } },
	{ "builder", LIST(builder), .arg = { { rule_name, 0 },
	    { trustrules_builder, 0 } }, .word_of_it = 1, .unique = {
	    NAMED(builder), PART(struct policy_builder, fingerprint) } },
	{ "registry", LIST(registry), .arg = { { trustrules_origin, 0 },
	    { rule_fingerprint,
	    offsetof(struct policy_registry, fingerprint) } },
	    .word_of_it = 1,
	    .unique = { PART(struct policy_registry, origin) } },
	{ "revoker", LIST(revoker), .arg = { { rule_name, 0 },
	    { rule_fingerprint, AT_DIGEST } }, .word_of_it = 1,
	    .unique = { NAMED(named_digest), NAMED_DIGEST } },
	{ "ak-root", LIST(ak_root), .arg = { { trustrules_root, 0 },
	    { rule_name, offsetof(struct policy_ak_root, name) } },
	    .rest = trustrules_ak_root, .word_of_it = 1,
	    .unique = { PART(struct policy_ak_root, der) } },
	{ "vm", LIST(vm), .arg = { { rule_digest, 0 } } },
	{ "container", LIST(container), .arg = { { rule_name, 0 },
	    { rule_prefixed, AT_DIGEST } } },
	{ "deny", LIST(deny), .arg = { { trustrules_input, 0 },
	    { trustrules_deny, 0 } } },
	{ "allow", .rest = trustrules_allow },
	{ "require", .rest = trustrules_require },
	{ "image", LIST(image), .arg = { { rule_name, 0 },
	    { rule_digest, AT_DIGEST } }, .word_of_it = 1,
	    .unique = { NAMED(named_digest), NAMED_DIGEST } },
	{ "pcr", .rest = bootrules_pcr },
	{ "measurements", LIST(measurements),
	    .arg = { { bootrules_measurements, 0 } } },
};

static enum ac_err
check_unique(const struct rule *x, const struct kind *k, const char *element)
{
	const char *other = (const char *)x->p + k->list.at;

	for (; other < element; other += k->size)
		for (size_t i = 0; i < AC_COUNT(k->unique); i++)
			if (k->unique[i].len > 0 &&
			    ac_equal(other + k->unique[i].at,
			    element + k->unique[i].at, k->unique[i].len))
				return rule_wrong(x, k->word_of_it,
				    "this name or key stands above already");
	return AC_OK;
}

static enum ac_err
parse_line(const struct rule *x)
{
	const struct kind *k;
	char *p = (char *)x->p, *element = NULL;
	size_t which = 0, i = 0, n = 0;
	enum ac_err e = rule_choose(x, 0, &which, kinds, AC_COUNT(kinds),
	    sizeof(kinds[0]));

	if (e != AC_OK)
		return e;
	k = &kinds[which];
	if (k->size > 0) {
		memcpy(&n, p + k->n, sizeof(n));
		if (n == k->list.len / k->size)
			return rule_complain(x, 0, AC_ERR_LIMIT,
			    "too many lines of this kind");
		element = p + k->list.at + n * k->size;
	}
	for (; i < AC_COUNT(k->arg) && k->arg[i].take != NULL; i++) {
		e = k->arg[i].take(x, i + 1, element + k->arg[i].at);
		if (e != AC_OK)
			return e;
	}
	e = check_unique(x, k, element);
	if (e == AC_OK)
		e = k->rest == NULL ? rule_end(x, i + 1) :
		    k->rest(x, i + 1, element);
	n++;
	if (k->size > 0)
		memcpy(p + k->n, &n, sizeof(n));
	return e;
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
		if (!rd_line(&r, &line))
			line = rd_rest(&r);
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

const struct policy_named_digest *
policy_named_by(const struct policy_named_digest list[], size_t n,
    const struct digest *d)
{
	for (size_t i = 0; i < n; i++)
		if (digest_equal(&list[i].d, d))
			return &list[i];
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
