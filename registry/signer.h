/*
 * signer.h -- the log's two private keys, and the only code that sees them.
 *
 * It keeps, on disk and apart from the database, the last head it signed and
 * the last time it stated, and signs only the same head again or a larger one
 * with a consistency proof that it checks itself.  Key files and the memory
 * of keys: cert/notekey.h.
 */
#ifndef AICERT_REGISTRY_SIGNER_H
#define AICERT_REGISTRY_SIGNER_H

#include "cert/note.h"
#include "registry/store.h"

struct signer;

/*
 * Make both keys and the state of a log without entries in folder dir, none
 * of which may be there yet.
 */
AC_MUST_CHECK enum ac_err signer_create(const char *dir, const char *origin,
    struct message *why);

/* Open them.  Key files that others can read are refused. */
AC_MUST_CHECK enum ac_err signer_open(struct signer **out, const char *dir,
    const char *origin, struct message *why);

void signer_close(struct signer *s);

/*
 * After signer_open() no larger size than the last is signed, but that of the
 * newest committed head, which signer_resume() names once, until
 * signer_release() says that this head stands: a quorum of witnesses cosigned
 * it again in this process, or the operator took that upon himself.
 */
void signer_resume(struct signer *s, uint64_t size);
void signer_release(struct signer *s);

/*
 * Sign nothing any more, for ever: signer.state says so.  signer_is_frozen()
 * is true then, also after signer_open().
 */
AC_MUST_CHECK enum ac_err signer_freeze(struct signer *s, struct message *why);
bool signer_is_frozen(const struct signer *s);

/* The public keys: the log's own, and its time key "<origin>/time". */
const struct note_key *signer_log_key(const struct signer *s);
const struct note_key *signer_time_key(const struct signer *s);

/* The largest head that was ever signed. */
struct store_head signer_last(const struct signer *s);

/*
 * Append to note the checkpoint of head, its empty line and the log's
 * signature line.  proof is that of consistency from signer_last(), empty
 * where that is of the same size or of size 0.  AC_ERR_MISMATCH: head does
 * not extend what was signed, is a new size before signer_release(), or the
 * log is frozen; *why says so.
 */
AC_MUST_CHECK enum ac_err signer_sign(struct signer *s, struct writer *note,
    const struct store_head *head, const struct digest proof[], size_t nproof,
    struct message *why);

/*
 * Append to note the line by which the time key states that at now_s head,
 * which is the last one signed, is the newest; never an earlier time than
 * before.  AC_ERR_MISMATCH: head is another, the clock is far behind the last
 * statement, or the log is frozen.
 */
AC_MUST_CHECK enum ac_err signer_cosign(struct signer *s, struct writer *note,
    const struct store_head *head, int64_t now_s, struct message *why);

#endif
