/* quorum.c -- witness quorums and times; see quorum.h. */
#include <stdlib.h>

#include "verifier/check.h"
#include "verifier/quorum.h"
#include "verifier/sig.h"

static int
compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* A group is complete when its need-th earliest member is. */
static int64_t
group_time(const struct policy_node *node, const int64_t times[])
{
	int64_t t[POLICY_NODES_MAX];

	for (size_t i = 0; i < node->nmembers; i++)
		t[i] = times[node->member[i]];
	qsort(t, node->nmembers, sizeof(t[0]), compare_times);
	return t[node->need - 1];
}

enum ac_err
quorum_time(int64_t *time_s, const struct policy *p, const struct note *note,
    struct message *why)
{
	int64_t times[POLICY_NODES_MAX];

	/* Members stand before their group, so one pass is enough. */
	for (size_t i = 0; i < p->nnode; i++) {
		enum ac_err e;

		if (p->node[i].group) {
			times[i] = group_time(&p->node[i], times);
			continue;
		}
		e = sig_note(&times[i], note, &p->node[i].key);
		if (e != AC_OK)
			times[i] = QUORUM_NEVER;
		if (!CHECK(witness_signature, e == AC_OK ||
		    e == AC_ERR_NOT_FOUND))
			return BECAUSE(why, e, "the cosignature of witness %s "
			    "does not hold", p->node[i].name.s);
	}
	if (p->quorum_none) {
		*time_s = QUORUM_NEVER;
		return AC_OK;
	}
	if (!CHECK(quorum, times[p->quorum] != QUORUM_NEVER))
		return BECAUSE(why, AC_ERR_NOT_FOUND, "the quorum %s is not "
		    "complete", p->node[p->quorum].name.s);
	*time_s = times[p->quorum];
	return AC_OK;
}

/* Is key's name that of the time key of origin? */
static bool
is_time_key_of(const struct note_key *key, struct span origin)
{
	struct span name = span_str(key->name);

	return span_ends(name, "/time") &&
	    span_equal(span_of(name.p, name.len - strlen("/time")), origin);
}

const struct note_key *
quorum_log_time_key(const struct policy *p, struct span origin)
{
	for (size_t i = 0; i < p->nlog_time; i++)
		if (is_time_key_of(&p->log_time[i], origin))
			return &p->log_time[i];
	return NULL;
}

enum ac_err
quorum_log_time(int64_t *time_s, const struct policy *p,
    const struct note *note, struct span origin, struct message *why)
{
	const struct note_key *key = quorum_log_time_key(p, origin);
	enum ac_err e;

	if (key == NULL)
		return BECAUSE(why, AC_ERR_NOT_FOUND, "the policy has no "
		    "log-time key of this log");
	e = sig_note(time_s, note, key);
	if (CHECK(log_time_signature, e == AC_OK))
		return AC_OK;
	return BECAUSE(why, e, "the log's time cosignature %s",
	    e == AC_ERR_NOT_FOUND ? "is absent" : "does not hold");
}
