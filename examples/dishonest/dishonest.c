/*
 * dishonest.c -- what a builder with the right key would try: change one input
 * event of a certificate that is not published yet, and sign the evidence
 * anew.  Every signature then holds, and a registry that admits by signatures
 * logs it; aicert-verify refuses it, because the TPM's quote still holds what
 * really happened.  Part of the demo and of the tests; it makes nothing that
 * verifies.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "producer/key.h"
#include "producer/sign.h"
#include "verifier/certificate.h"

/* Another digest for the first input: one hex digit is changed. */
static bool
forge_input(struct evidence *ev)
{
	static const char member[] = "\"resolved\":{\"sha256\":\"";

	for (size_t i = 0; i < ev->ninputs; i++) {
		uint8_t *line = ev->inputs_log[i].p;
		uint8_t *at = memmem(line, ev->inputs_log[i].len, member,
		    strlen(member));

		if (memmem(line, ev->inputs_log[i].len, "input_resource",
		    14) == NULL || at == NULL)
			continue;
		at += strlen(member);
		*at = *at == '0' ? '1' : '0';
		return true;
	}
	return false;
}

static int
fail(const char *what)
{
	(void)fprintf(stderr, "dishonest: %s\n", what);
	return 1;
}

int
main(int argc, char **argv)
{
	struct buf file = { 0 }, statement = { 0 }, line = { 0 }, out = { 0 };
	struct certificate *c = NULL;
	struct message why = { "" };
	struct key *key = NULL;
	struct writer w;
	int code = 1;

	if (argc != 3)
		return fail("usage: dishonest AICERT.JSONL KEY");
	c = calloc(1, sizeof(*c));
	if (c == NULL || file_read(&file, argv[1], CERTIFICATE_MAX) != AC_OK ||
	    certificate_decode(c, buf_span(&file), &why) != AC_OK ||
	    !c->has_evidence || key_load(&key, argv[2], &why) != AC_OK) {
		(void)fail(why.text[0] != '\0' ? why.text :
		    "no certificate with evidence");
		goto out;
	}
	if (!forge_input(&c->evidence) ||
	    evidence_encode(&statement, &c->evidence) != AC_OK ||
	    sign_line(&line, buf_span(&statement), key) != AC_OK) {
		(void)fail("cannot forge");
		goto out;
	}
	wr_init(&w, CERTIFICATE_MAX);
	wr_bytes(&w, c->line[0].raw);
	wr_u8(&w, '\n');
	wr_bytes(&w, buf_span(&line));
	if (wr_end(&w, &out) != AC_OK ||
	    file_write(argv[1], buf_span(&out), 0644) != AC_OK) {
		(void)fail("cannot write");
		goto out;
	}
	code = 0;
out:
	key_free(key);
	if (c != NULL)
		certificate_free(c);
	free(c);
	buf_free(&out);
	buf_free(&line);
	buf_free(&statement);
	buf_free(&file);
	return code;
}
