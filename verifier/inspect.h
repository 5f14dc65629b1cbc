/*
 * inspect.h -- a certificate shown as it is: what is written in it, and by
 * whom it says that it is.  Nothing is checked but that it can be read, and
 * nothing is called verified.
 */
#ifndef AICERT_VERIFIER_INSPECT_H
#define AICERT_VERIFIER_INSPECT_H

#include "common/writer.h"

/*
 * Write text, lines of aicert.jsonl or a document of the first AICert with an
 * event_log, for a terminal; whatever it holds is escaped.  False: it is
 * neither, and that is what was written.
 */
bool inspect_text(struct writer *w, struct span text);

#endif
