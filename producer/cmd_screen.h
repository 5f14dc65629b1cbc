/*
 * cmd_screen.h -- what a build says on its way, on standard error: sentences of
 * ours, and the lines of the training with nothing in them that a terminal
 * would obey.
 */
#ifndef AICERT_PRODUCER_CMD_SCREEN_H
#define AICERT_PRODUCER_CMD_SCREEN_H

#include "common/bytes.h"

#define CMD_SCREEN_LINE 1024 /* bytes of a line of the training's, shown */
#define CMD_SCREEN_TAIL 20   /* shown of a training that failed quietly */

struct cmd_screen {
	const char *name; /* of the subcommand */
	bool quiet;       /* the training's lines are kept, not shown */
	char line[CMD_SCREEN_LINE];
	size_t len;
	char *tail[CMD_SCREEN_TAIL]; /* a ring of lines, where quiet */
	size_t ntail;                /* lines so far */
};

/* As a run_watch has them; arg is the screen. */
void cmd_screen_progress(void *arg, struct span sentence);
void cmd_screen_output(void *arg, struct span bytes);

/* Show what a quiet training said last, now that it failed. */
void cmd_screen_tail(struct cmd_screen *s);

void cmd_screen_free(struct cmd_screen *s);

#endif
