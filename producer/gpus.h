/*
 * gpus.h -- the GPUs of this machine, as the nodes below /dev that a training
 * needs of them (NVIDIA's: the kernel gives no general way).
 */
#ifndef AICERT_PRODUCER_GPUS_H
#define AICERT_PRODUCER_GPUS_H

#include <stdbool.h>
#include <stddef.h>

#define GPUS_NODES_MAX 64

struct gpus {
	size_t n;                         /* GPUs */
	char *node[GPUS_NODES_MAX];       /* owned; those of all, and of the
					   * driver */
	size_t nnodes;
};

/* Find those below the folder dev.  False: no memory, or too many. */
bool gpus_find(struct gpus *out, const char *dev);

void gpus_free(struct gpus *g);

#endif
