/*
 * hook.h -- named places where a test stops the process as a power cut would.
 * Present in debug builds only.
 */
#ifndef AICERT_COMMON_HOOK_H
#define AICERT_COMMON_HOOK_H

#ifdef AICERT_DEBUG
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Die here if the environment's AICERT_KILL_AT names this arrow. */
static inline void
hook_at(const char *arrow)
{
	const char *at = getenv("AICERT_KILL_AT");

	if (at != NULL && strcmp(at, arrow) == 0)
		(void)kill(getpid(), SIGKILL);
}
#else
static inline void
hook_at(const char *arrow)
{
	(void)arrow;
}
#endif

#endif
