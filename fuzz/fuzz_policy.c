/*
 * Policies: what is taken is within its lists, refers only to what stands
 * before it, and is taken again; what is refused has its reason.  What follows
 * a NUL is the file that the policy names, whichever it names.
 */
#include "fuzz/fuzz.h"
#include "verifier/policy.h"

static enum ac_err
load(void *ctx, struct buf *out, const char *path)
{
	const struct span *file = ctx;

	(void)path;
	return file->p == NULL ? AC_ERR_NOT_FOUND : buf_copy(out, *file);
}

static void
nodes(const struct policy *p)
{
	for (size_t i = 0; i < p->nnode; i++) {
		const struct policy_node *n = &p->node[i];

		fuzz_must(n->group ? n->need >= 1 && n->need <= n->nmembers :
		    n->nmembers == 0);
		for (size_t k = 0; k < n->nmembers; k++)
			fuzz_must(n->member[k] < i);
	}
	fuzz_must(!p->has_quorum || p->quorum_none || p->quorum < p->nnode);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size == 0 ? NULL : memchr(data, 0, size);
	struct span text = span_of(data, nul == NULL ? size :
	    (size_t)(nul - data));
	struct span file = nul == NULL ? span_of(NULL, 0) :
	    span_of(nul + 1, size - text.len - 1);
	const struct policy_loader loader = { load, &file };
	struct policy *p = NULL, *again = NULL;
	struct message why = { "" };

	if (policy_parse(&p, text, &loader, &why) != AC_OK) {
		fuzz_must(p == NULL && why.text[0] != '\0');
		return 0;
	}
	nodes(p);
	fuzz_must(policy_parse(&again, text, &loader, &why) == AC_OK);
	fuzz_must(again->nnode == p->nnode && again->nlog == p->nlog &&
	    again->nbuilder == p->nbuilder && again->npcr == p->npcr);
	policy_free(again);
	policy_free(p);
	return 0;
}
