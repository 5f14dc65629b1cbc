/* gpus.c -- nodes of GPUs; see gpus.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/gpus.h"

/* "nvidia" and a number? */
static bool
is_gpu(const char *name)
{
	static const char prefix[] = "nvidia";

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return false;
	name += sizeof(prefix) - 1;
	return name[0] != '\0' && name[strspn(name, "0123456789")] == '\0';
}

/* A node of the driver's, which every program needs that uses one. */
static bool
is_driver(const char *name)
{
	return strcmp(name, "nvidiactl") == 0 ||
	    strcmp(name, "nvidia-uvm") == 0 ||
	    strcmp(name, "nvidia-uvm-tools") == 0;
}

bool
gpus_find(struct gpus *out, const char *dev)
{
	struct gpus g = { .n = 0 };
	DIR *dir = opendir(dev);
	struct dirent *entry;
	bool ok = true;

	while (ok && dir != NULL && (entry = readdir(dir)) != NULL) {
		bool gpu = is_gpu(entry->d_name);

		if (!gpu && !is_driver(entry->d_name))
			continue;
		ok = g.nnodes < GPUS_NODES_MAX &&
		    asprintf(&g.node[g.nnodes], "%s/%s", dev,
		    entry->d_name) >= 0;
		g.nnodes += ok;
		g.n += ok && gpu;
	}
	if (dir != NULL)
		(void)closedir(dir);
	if (ok)
		*out = g;
	else
		gpus_free(&g);
	return ok;
}

void
gpus_free(struct gpus *g)
{
	for (size_t i = 0; i < g->nnodes; i++)
		free(g->node[i]);
	*g = (struct gpus){ .n = 0 };
}
