/*
 * rule.h -- one line of a policy, cut into words, and the words that several
 * kinds of line have in common.  The kinds themselves are in logrules.h and
 * trustrules.h; policy.c has the table of them.
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

/* A complaint about word i, or its absence; e. */
enum ac_err rule_complain(const struct rule *x, size_t i, enum ac_err e,
    const char *expected);

/* The same, where word i is none of names[0..n); AC_ERR_FORMAT. */
enum ac_err rule_unknown(const struct rule *x, size_t i,
    const char *const names[], size_t n);

/* Word i as a name, a SHA-256 in hex, a verifier key of that type. */
AC_MUST_CHECK enum ac_err rule_name(const struct rule *x, size_t i,
    struct policy_name *out);
AC_MUST_CHECK enum ac_err rule_digest(const struct rule *x, size_t i,
    struct digest *out);
AC_MUST_CHECK enum ac_err rule_vkey(const struct rule *x, size_t i,
    struct note_key *out, uint8_t type);

/*
 * The file that word i names; owned by the caller.  AC_ERR_FORMAT, with what
 * was expected: it cannot be read; AC_ERR_LIMIT: the path is too long.
 */
AC_MUST_CHECK enum ac_err rule_load(const struct rule *x, size_t i,
    struct buf *out, const char *expected);

/* Word i as a public key: a PEM file, then *has_key, or a fingerprint. */
AC_MUST_CHECK enum ac_err rule_key(const struct rule *x, size_t i,
    struct digest *fingerprint, bool *has_key, struct spki *key);

/* Are there exactly i words? */
AC_MUST_CHECK enum ac_err rule_end(const struct rule *x, size_t i);

#endif
