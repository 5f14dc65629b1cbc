/*
 * facts.h -- a certificate for people: what it says, as rows under headings,
 * each with how it is known.  Made once, shown by whoever lays it out.  The
 * form is checked, and that lines 1 and 2 are signed by the key they name;
 * nothing else, and nothing is called more than that.
 */
#ifndef AICERT_PRODUCER_FACTS_H
#define AICERT_PRODUCER_FACTS_H

#include "verifier/certificate.h"

enum facts_section {
	FACTS_WHO, FACTS_WHAT, FACTS_FROM, FACTS_HOW, FACTS_WHEN, FACTS_LINES,
};
#define FACTS_SECTIONS 6

struct fact {
	enum facts_section section;
	struct buf label, value; /* owned; from outside, UTF-8, unescaped */
	/* "measured", "derived", "reported", of figures; else "stated" */
	const char *how;
};

struct facts {
	struct certificate *c; /* owned */
	size_t n, cap;
	struct fact *fact;     /* owned; in order of section */
};

/*
 * *out = what jsonl, which must outlive it, says.  AC_ERR_FORMAT,
 * AC_ERR_LIMIT, AC_ERR_MISMATCH, AC_ERR_MEMORY; *why is set.
 */
AC_MUST_CHECK enum ac_err facts_read(struct facts *out, struct span jsonl,
    struct message *why);

/* The heading of a section, in capitals. */
const char *facts_heading(enum facts_section section);

/* s for a terminal: printable ASCII as it is, all else as \xHH. */
void facts_write_plain(struct writer *w, struct span s);

void facts_free(struct facts *f);

#endif
