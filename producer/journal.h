/*
 * journal.h -- what an agent tells its owner, in order: events that are
 * written once and read by several, each from where it left off, as the text of
 * server-sent events (WHATWG HTML, section 9.2).
 *
 * Only the newest JOURNAL_BYTES are kept; who comes too late is told how many
 * are lost.  Every function may be called from any thread.
 */
#ifndef AICERT_PRODUCER_JOURNAL_H
#define AICERT_PRODUCER_JOURNAL_H

#include <sys/types.h>

#include "common/bytes.h"
#include "common/err.h"

#define JOURNAL_BYTES ((size_t)16 << 20)
#define JOURNAL_EVENT_MAX ((size_t)16 << 10) /* bytes of one, as it is sent */

struct journal;

/* NULL: no memory. */
struct journal *journal_new(void);
void journal_free(struct journal *j);

/*
 * Append an event of that name; data is one line of JSON.  Where there is no
 * memory, or it is too long, the event is lost and its number is, too.
 */
void journal_add(struct journal *j, const char *name, struct span data);

/* No more is added; nobody waits any longer. */
void journal_close(struct journal *j);

/*
 * Copy whole events after number *at to to[0..max), as many as fit, and move
 * *at; where there are none yet wait up to wait_ms.  Returns the bytes; 0: none
 * came; -1: there are none, and no more will be.  max is at least
 * JOURNAL_EVENT_MAX.
 */
ssize_t journal_read(struct journal *j, uint64_t *at, char *to, size_t max,
    unsigned wait_ms);

#endif
