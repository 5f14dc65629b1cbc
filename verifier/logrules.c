/* logrules.c -- lines about logs and witnesses; see logrules.h. */
#include "common/text.h"
#include "verifier/logrules.h"

/* Index of the node of that name, or nnode. */
static size_t
find_node(const struct policy *p, struct span name)
{
	size_t i = 0;

	while (i < p->nnode && !span_is(name, p->node[i].name.s))
		i++;
	return i;
}

/* Opaque bytes in tlog-policy. */
enum ac_err
logrules_name(const struct rule *x, size_t i, void *out)
{
	struct policy_name *name = out;
	enum ac_err e = rule_string(x, i, name->s, sizeof(name->s),
	    "expected a name", "a name has at most 64 characters");

	if (e == AC_OK && strcmp(name->s, "none") == 0)
		return rule_wrong(x, i, "\"none\" is reserved");
	if (e == AC_OK && find_node(x->p, rule_word(x, i)) < x->p->nnode)
		return rule_wrong(x, i, "this name is taken");
	return e;
}

/* An optional URL is for clients that fetch. */
enum ac_err
logrules_log(const struct rule *x, size_t i, void *out)
{
	(void)out;
	return rule_end(x, x->in->n > i ? i + 1 : i);
}

enum ac_err
logrules_witness(const struct rule *x, size_t i, void *out)
{
	struct policy_node *node = out;
	enum ac_err e = x->in->n == i ? AC_OK : rule_string(x, i, node->url,
	    sizeof(node->url), "", "a URL has at most 255 characters");

	return e != AC_OK ? e : logrules_log(x, i, out);
}

enum ac_err
logrules_group(const struct rule *x, size_t i, void *out)
{
	struct policy *p = x->p;
	struct policy_node *node = out;
	struct span how = rule_word(x, i);
	uint64_t need;

	if (x->in->n < i + 2)
		return rule_wrong(x, x->in->n,
		    "expected group <name> all|any|<k> <member>...");
	node->group = true;
	for (size_t k = i + 1; k < x->in->n; k++) {
		size_t m = find_node(p, rule_word(x, k));

		if (m == p->nnode)
			return rule_wrong(x, k, "a member is a witness or "
			    "group of an earlier line");
		if (p->node[m].has_parent)
			return rule_wrong(x, k,
			    "this one is a member of a group already");
		p->node[m].has_parent = true;
		node->member[node->nmembers++] = m;
	}
	need = span_is(how, "all") ? node->nmembers : 1;
	if (!span_is(how, "all") && !span_is(how, "any") &&
	    (!text_undec(&need, how, node->nmembers) || need == 0))
		return rule_wrong(x, i, "expected all, any or a number from 1 "
		    "to that of the members");
	node->need = (size_t)need;
	return AC_OK;
}

enum ac_err
logrules_quorum(const struct rule *x, size_t i, void *out)
{
	struct policy *p = x->p;

	(void)out;
	if (p->has_quorum)
		return rule_wrong(x, 0, "there is a quorum line already");
	if (x->in->n == i)
		return rule_wrong(x, i,
		    "expected the name of a group or witness, or none");
	p->quorum_none = span_is(rule_word(x, i), "none");
	p->quorum = find_node(p, rule_word(x, i));
	if (!p->quorum_none && p->quorum == p->nnode)
		return rule_wrong(x, i, "expected a group or witness of an "
		    "earlier line, or none");
	p->has_quorum = true;
	return rule_end(x, i + 1);
}

static bool
same_key(const struct note_key *a, const struct note_key *b)
{
	return ac_equal(a->pub, b->pub, sizeof(a->pub));
}

enum ac_err
logrules_check(const struct policy *p, struct message *why)
{
	for (size_t i = 0; i < p->nlog_time; i++) {
		bool taken = false;

		for (size_t k = 0; k < p->nlog; k++)
			taken = taken || same_key(&p->log_time[i], &p->log[k]);
		for (size_t k = 0; k < p->nnode; k++)
			taken = taken || (!p->node[k].group &&
			    same_key(&p->log_time[i], &p->node[k].key));
		if (taken)
			return BECAUSE(why, AC_ERR_FORMAT, "the log-time key "
			    "%s equals a log's or witness's key",
			    message_quoted(span_str(p->log_time[i].name)).text);
	}
	return AC_OK;
}
