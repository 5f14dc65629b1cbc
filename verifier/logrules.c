/* logrules.c -- lines about logs and witnesses; see logrules.h. */
#include "common/text.h"
#include "verifier/logrules.h"

/* Witness and group names: opaque bytes in tlog-policy. */
static enum ac_err
get_node_name(const struct rule *x, size_t i, struct policy_name *out)
{
	struct span s;

	if (i >= x->in->n)
		return rule_complain(x, i, AC_ERR_FORMAT, "expected a name");
	s = x->in->f[i];
	if (s.len > POLICY_NAME_MAX)
		return rule_complain(x, i, AC_ERR_LIMIT,
		    "a name has at most 64 characters");
	if (span_is(s, "none"))
		return rule_complain(x, i, AC_ERR_FORMAT,
		    "\"none\" is reserved");
	memcpy(out->s, s.p, s.len);
	out->s[s.len] = '\0';
	for (size_t k = 0; k < x->p->nnode; k++)
		if (span_is(s, x->p->node[k].name.s))
			return rule_complain(x, i, AC_ERR_FORMAT,
			    "this name is taken");
	return AC_OK;
}

static bool
same_key(const struct note_key *a, const struct note_key *b)
{
	return ac_equal(a->pub, b->pub, sizeof(a->pub));
}

enum ac_err
logrules_log(const struct rule *x)
{
	struct policy *p = x->p;
	struct note_key key;
	enum ac_err e = rule_vkey(x, 1, &key, NOTE_ED25519);

	if (e != AC_OK)
		return e;
	for (size_t i = 0; i < p->nlog; i++)
		if (same_key(&p->log[i], &key) ||
		    span_is(span_str(p->log[i].name), key.name))
			return rule_complain(x, 1, AC_ERR_FORMAT,
			    "this log or its key stands above already");
	/* An optional URL is for clients that fetch. */
	e = rule_end(x, x->in->n > 2 ? 3 : 2);
	if (e == AC_OK)
		p->log[p->nlog++] = key;
	return e;
}

enum ac_err
logrules_log_time(const struct rule *x)
{
	struct policy *p = x->p;
	struct note_key key;
	enum ac_err e = rule_vkey(x, 1, &key, NOTE_COSIGNATURE);

	if (e == AC_OK)
		e = rule_end(x, 2);
	if (e == AC_OK)
		p->log_time[p->nlog_time++] = key;
	return e;
}

enum ac_err
logrules_witness(const struct rule *x)
{
	struct policy *p = x->p;
	struct policy_node *node = &p->node[p->nnode];
	enum ac_err e;

	*node = (struct policy_node){ 0 };
	e = get_node_name(x, 1, &node->name);
	if (e == AC_OK)
		e = rule_vkey(x, 2, &node->key, NOTE_COSIGNATURE);
	if (e != AC_OK)
		return e;
	for (size_t i = 0; i < p->nnode; i++)
		if (!p->node[i].group && same_key(&p->node[i].key, &node->key))
			return rule_complain(x, 2, AC_ERR_FORMAT,
			    "this witness's key stands above already");
	if (x->in->n > 3) {
		if (x->in->f[3].len > POLICY_URL_MAX)
			return rule_complain(x, 3, AC_ERR_LIMIT,
			    "a URL has at most 255 characters");
		memcpy(node->url, x->in->f[3].p, x->in->f[3].len);
	}
	e = rule_end(x, x->in->n > 3 ? 4 : 3);
	if (e == AC_OK)
		p->nnode++;
	return e;
}

/* Index of the node of that name, or nnode. */
static size_t
find_node(const struct policy *p, struct span name)
{
	size_t i = 0;

	while (i < p->nnode && !span_is(name, p->node[i].name.s))
		i++;
	return i;
}

enum ac_err
logrules_group(const struct rule *x)
{
	struct policy *p = x->p;
	struct policy_node *node = &p->node[p->nnode];
	uint64_t need;
	enum ac_err e;

	*node = (struct policy_node){ .group = true };
	e = get_node_name(x, 1, &node->name);
	if (e != AC_OK)
		return e;
	if (x->in->n < 4)
		return rule_complain(x, x->in->n, AC_ERR_FORMAT,
		    "expected group "
		    "<name> all|any|<k> <member>...");
	node->nmembers = x->in->n - 3;
	for (size_t i = 0; i < node->nmembers; i++) {
		size_t m = find_node(p, x->in->f[3 + i]);

		if (m == p->nnode)
			return rule_complain(x, 3 + i, AC_ERR_FORMAT,
			    "a member is "
			    "a witness or group of an earlier line");
		if (p->node[m].has_parent)
			return rule_complain(x, 3 + i, AC_ERR_FORMAT,
			    "this one is a member of a group already");
		p->node[m].has_parent = true;
		node->member[i] = m;
	}
	if (span_is(x->in->f[2], "all"))
		need = node->nmembers;
	else if (span_is(x->in->f[2], "any"))
		need = 1;
	else if (!text_undec(&need, x->in->f[2], node->nmembers) || need == 0)
		return rule_complain(x, 2, AC_ERR_FORMAT,
		    "expected all, any or a "
		    "number from 1 to that of the members");
	node->need = (size_t)need;
	p->nnode++;
	return AC_OK;
}

enum ac_err
logrules_quorum(const struct rule *x)
{
	struct policy *p = x->p;

	if (p->has_quorum)
		return rule_complain(x, 0, AC_ERR_FORMAT,
		    "there is a quorum line already");
	if (x->in->n < 2)
		return rule_complain(x, 1, AC_ERR_FORMAT,
		    "expected the name of a group or witness, or none");
	p->quorum_none = span_is(x->in->f[1], "none");
	p->quorum = find_node(p, x->in->f[1]);
	if (!p->quorum_none && p->quorum == p->nnode)
		return rule_complain(x, 1, AC_ERR_FORMAT, "expected a group or "
		    "witness of an earlier line, or none");
	p->has_quorum = true;
	return rule_end(x, 2);
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
