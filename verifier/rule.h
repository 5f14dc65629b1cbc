/*
 * rule.h -- one line of a policy, cut into words, and what several kinds of
 * line have in common.  The kinds themselves are in logrules.h, trustrules.h
 * and bootrules.h; policy.c has the table of them.
 *
 * Every complaint names line and column, what was expected and what is there.
 */
#ifndef AICERT_VERIFIER_RULE_H
#define AICERT_VERIFIER_RULE_H

#include "verifier/policy.h"

/* The longest line is that of a group. */
#define RULE_WORDS_MAX (POLICY_NODES_MAX + 3)

/* One line, cut at white space. */
struct rule_words {
	size_t line;
	size_t n;
	struct span f[RULE_WORDS_MAX];
	size_t column[RULE_WORDS_MAX]; /* from 1 */
};

/* What a parser of one kind of line works on. */
struct rule {
	struct policy *p;
	const struct policy_loader *loader;
	struct message *why;
	const struct rule_words *in;
};

/*
 * Cut line, the number-th, at spaces and tabs.  AC_ERR_FORMAT: a byte that a
 * policy may not hold; AC_ERR_LIMIT.
 */
AC_MUST_CHECK enum ac_err rule_split(struct rule_words *out, struct span line,
    size_t number, struct message *why);

/* Word i, empty where there is none. */
struct span rule_word(const struct rule *x, size_t i);

/* A complaint about word i, or its absence; e. */
enum ac_err rule_complain(const struct rule *x, size_t i, enum ac_err e,
    const char *expected);

/* The same; AC_ERR_FORMAT. */
enum ac_err rule_wrong(const struct rule *x, size_t i, const char *expected);

/*
 * *which = the row whose name is word i, of n rows of size bytes that begin
 * with their name, a const char *.
 */
AC_MUST_CHECK enum ac_err rule_choose(const struct rule *x, size_t i,
    size_t *which, const void *rows, size_t n, size_t size);

/* Is s made of the characters of set only? */
bool rule_made_of(struct span s, const char *set);

/*
 * Word i as a string of less than size bytes, in out.  Absent, it is expected;
 * longer, it is too_long, AC_ERR_LIMIT.
 */
AC_MUST_CHECK enum ac_err rule_string(const struct rule *x, size_t i,
    char *out, size_t size, const char *expected, const char *too_long);

/* What takes word i into *out, for the table of policy.c. */
typedef enum ac_err rule_take(const struct rule *x, size_t i, void *out);

rule_take rule_name;        /* struct policy_name */
rule_take rule_digest;      /* struct digest, in hex */
rule_take rule_prefixed;    /* the same after "sha256:" */
rule_take rule_log_key;     /* struct note_key, of a log */
rule_take rule_cosigner;    /* struct note_key, of a cosigner */
rule_take rule_fingerprint; /* struct digest: it, or the PEM file of a key */

/* The same, and the key where it is the file of one. */
AC_MUST_CHECK enum ac_err rule_key(const struct rule *x, size_t i,
    struct digest *fingerprint, bool *has_key, struct spki *key);

/*
 * The file that word i names; owned by the caller.  AC_ERR_FORMAT, with what
 * was expected: it cannot be read; AC_ERR_LIMIT: the path is too long.
 */
AC_MUST_CHECK enum ac_err rule_load(const struct rule *x, size_t i,
    struct buf *out, const char *expected);

/* Are there exactly i words? */
AC_MUST_CHECK enum ac_err rule_end(const struct rule *x, size_t i);

#endif
