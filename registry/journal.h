/*
 * journal.h -- what a running registry tells its operator, as values: the
 * program decides how it is written.  Requests are not among it.
 */
#ifndef AICERT_REGISTRY_JOURNAL_H
#define AICERT_REGISTRY_JOURNAL_H

#include "common/message.h"

enum journal_level { JOURNAL_NOTICE, JOURNAL_WARNING, JOURNAL_ERROR };

struct journal {
	/* From any thread.  event is a word for programs, text for people. */
	void (*say)(void *arg, enum journal_level level, const char *event,
	    const char *text);
	void *arg;
};

/* Say it, where there is a journal. */
static inline void
journal_say(const struct journal *j, enum journal_level level,
    const char *event, const char *text)
{
	if (j != NULL)
		j->say(j->arg, level, event, text);
}

#endif
