/*
 * mutation.h -- the mutation run: with the checks that refuse an input
 * switched off one after another, until it is accepted or nothing that can be
 * switched off refuses it.  What was found is appended to the file that
 * $AICERT_MUTATION_LOG names, a line each:
 *
 *     program | row | check check... [-]
 *
 * A '-' ends the list where something refuses that is no named check.
 */
#ifndef AICERT_TESTS_VERIFIER_MUTATION_H
#define AICERT_TESTS_VERIFIER_MUTATION_H

#include <stdbool.h>

/* All checks are on; row is what follows. */
void mutation_begin(const char *row);

/* Switch off the check that refused first; false: none did. */
bool mutation_next(void);

/* Write the line; all checks are on again. */
void mutation_end(bool accepted);

#endif
