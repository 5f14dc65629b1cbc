/*
 * steps.h -- the steps that verify.c runs in order, one function each.
 *
 * A step returns its status and, unless it is VERIFY_OK without a remark,
 * fills in *why.  It reads of *v only what earlier steps established.
 */
#ifndef AICERT_VERIFIER_STEPS_H
#define AICERT_VERIFIER_STEPS_H

#include "verifier/verify.h"

/* steps_log.c: 3 to 6, each for every line that is needed. */
enum verify_status steps_leaf(struct verification *v, struct message *why);
enum verify_status steps_inclusion(struct verification *v,
    struct message *why);
enum verify_status steps_checkpoint(struct verification *v,
    struct message *why);
enum verify_status steps_quorum(struct verification *v, struct message *why);

/* steps_ak.c: 8 and 9. */
enum verify_status steps_ak_chain(struct verification *v, struct message *why);
enum verify_status steps_ak_public(struct verification *v,
    struct message *why);

/* steps_tpm.c: 7, 10, 11 and 14. */
enum verify_status steps_evidence(struct verification *v, struct message *why);
enum verify_status steps_quotes(struct verification *v, struct message *why);
enum verify_status steps_bindings(struct verification *v, struct message *why);
enum verify_status steps_replay(struct verification *v, struct message *why);

/*
 * 10 and 14 of a machine at the other end of a connection (attested.h): the
 * one quote, of the challenge nonce; the events so far, and the peer's key.
 */
enum verify_status steps_challenge(struct verification *v,
    const uint8_t nonce[32], struct message *why);
enum verify_status steps_replay_so_far(struct verification *v,
    struct span peer, struct message *why);

/* steps_boot.c: 12, 13. */
enum verify_status steps_boot_log(struct verification *v, struct message *why);
enum verify_status steps_boot(struct verification *v, struct message *why);

/* steps_revoke.c: 17. */
enum verify_status steps_revocation(struct verification *v,
    struct message *why);

/* steps_lineage.c: 18. */
enum verify_status steps_lineage(struct verification *v, struct message *why);

/* steps_entail.c: 15. */
enum verify_status steps_entailment(struct verification *v,
    struct message *why);

#endif
