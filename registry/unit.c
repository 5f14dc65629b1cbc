/* unit.c -- memory of admitted certificates; see unit.h. */
#include <stdlib.h>

#include "registry/unit.h"

struct unit *
unit_new(size_t n)
{
	struct unit *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->line = calloc(n, sizeof(*u->line));
	if (u->line == NULL) {
		free(u);
		return NULL;
	}
	u->nlines = n;
	return u;
}

void
unit_free(struct unit *u)
{
	if (u == NULL)
		return;
	for (size_t i = 0; i < u->nlines; i++) {
		buf_free(&u->line[i].type);
		buf_free(&u->line[i].statement);
		free(u->line[i].term);
	}
	free(u->line);
	free(u);
}
