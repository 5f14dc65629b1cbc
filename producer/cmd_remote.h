/*
 * cmd_remote.h -- a build on another machine as a command: aicert build
 * --remote, and aicert attach, which comes back to one.
 */
#ifndef AICERT_PRODUCER_CMD_REMOTE_H
#define AICERT_PRODUCER_CMD_REMOTE_H

#include "producer/errand.h"

struct cmd_remote {
	const char *name;     /* of the subcommand */
	struct errand_options errand; /* its watch and stop are filled in */
	bool attach;          /* else it begins */
	const char *registry; /* publish there; NULL: do not */
	const char *log_keys; /* its keys; NULL: as it says */
	bool json, quiet;
};

/* Do it and print how it ended; the exit code. */
int cmd_remote_run(struct cmd_remote *c);

#endif
