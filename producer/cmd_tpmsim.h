/* cmd_tpmsim.h -- the command "aicert tpm-sim". */
#ifndef AICERT_PRODUCER_CMD_TPMSIM_H
#define AICERT_PRODUCER_CMD_TPMSIM_H

/*
 * Run it with argv[0] its own name, argv[1..argc) what the user wrote after
 * it; returns the exit code: 0 done, 1 not done, 2 wrong usage.
 */
int cmd_tpmsim(int argc, char **argv);

#endif
