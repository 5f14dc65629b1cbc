/* mutation.c -- checks switched off; see mutation.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/verifier/mutation.h"
#include "verifier/check.h"

#define OFF_MAX 8

static const char *off[OFF_MAX];
static size_t noff;
static const char *refused; /* the first that did, of those that are on */
static const char *row;

bool
check_is_off(const char *name)
{
	for (size_t i = 0; i < noff; i++)
		if (strcmp(off[i], name) == 0)
			return true;
	if (refused == NULL)
		refused = name;
	return false;
}

void
mutation_begin(const char *name)
{
	row = name;
	noff = 0;
	refused = NULL;
}

bool
mutation_next(void)
{
	if (refused == NULL || noff == OFF_MAX)
		return false;
	off[noff++] = refused;
	refused = NULL;
	return true;
}

void
mutation_end(bool accepted)
{
	const char *path = getenv("AICERT_MUTATION_LOG");
	FILE *f = path != NULL ? fopen(path, "a") : NULL;

	if (f != NULL) {
		(void)fprintf(f, "%s | %s |", program_invocation_short_name,
		    row);
		for (size_t i = 0; i < noff; i++)
			(void)fprintf(f, " %s", off[i]);
		(void)fprintf(f, "%s\n", accepted ? "" : " -");
		(void)fclose(f);
	}
	mutation_begin(NULL);
}
