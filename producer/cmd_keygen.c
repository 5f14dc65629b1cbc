/* cmd_keygen.c -- "aicert keygen": make the builder's key, once. */
#include <getopt.h>
#include <stdio.h>

#include "common/text.h"
#include "producer/cmd.h"
#include "producer/key.h"

#define NAME "keygen"

static int
help(void)
{
	(void)printf("usage: aicert keygen FILE\n\n"
	    "Makes the builder's key, ECDSA on P-256: the private key in FILE "
	    "(mode 0600),\n"
	    "the public one in FILE.pub.  Neither may exist; keys are never "
	    "overwritten.\n\n"
	    "Example: aicert keygen builder.key\n");
	return CMD_OK;
}

int
cmd_keygen(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct digest fingerprint;
	char hex[65] = { 0 };
	struct message why, file = { "" };
	struct spki spki;
	int c;

	optind = 0; /* a first call for this argv */
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h')
			return help();
		if (c == 'f')
			return cmd_usage(NAME, "there is no --force: a key that "
			    "is overwritten is lost for ever; choose another "
			    "name");
		return cmd_bad_option(NAME, c, argv);
	}
	if (argc - optind != 1 || argv[optind][0] == '\0')
		return cmd_usage(NAME, "name one file for the private key");
	if (key_create(&spki, argv[optind], &why) != AC_OK)
		return cmd_failed(NAME, &why);
	fingerprint = spki_digest(&spki);
	text_hex(hex, span_digest(&fingerprint));
	message_add_quoted(&file, span_str(argv[optind]));
	(void)printf("%s\n\n"
	    "This is the fingerprint of the key (SHA-256 of its SPKI).\n"
	    "Private key: %s; keep it to yourself, and keep a copy.\n"
	    "Public key: the same name with .pub; give it to whoever verifies "
	    "your models.\n"
	    "Next: aicert build aicert.yaml --key FILE --out DIR\n"
	    "Whoever verifies: aicert policy init --builder NAME=FILE.pub\n",
	    hex, file.text);
	return CMD_OK;
}
