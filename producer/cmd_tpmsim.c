/*
 * cmd_tpmsim.c -- the command "aicert tpm-sim": reads its arguments, calls
 * tpmsim.h, and says how it went.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "producer/cmd_tpmsim.h"
#include "producer/tpmsim.h"

#define EXIT_NOT_DONE 1
#define EXIT_USAGE 2

static const char usage[] =
    "usage: aicert tpm-sim init [--days N] DIR\n"
    "       aicert tpm-sim start | stop | reset DIR\n";

static const char help[] =
    "\n"
    "A software TPM (swtpm) in the folder DIR, as if it were a machine's: an\n"
    "attestation key at 0x81000003 and its certificate in NV index 0x01C101D0,\n"
    "as on Azure.  It protects nothing; its certificates say SIMULATED.\n"
    "\n"
    "  init    make DIR and the TPM in it, stopped; DIR must be new or empty\n"
    "  start   a new boot: all PCRs are zero\n"
    "  stop    shut the TPM down in order and end its process\n"
    "  reset   stop, if it runs, and start\n"
    "\n"
    "  --days N   validity of the attestation key's certificate (365)\n"
    "\n"
    "DIR/ak-chain.pem is the certificate with its chain, DIR/root.pem the root\n"
    "that a policy trusts, swtpm:path=DIR/tpm.sock the TPM for other programs.\n"
    "\n"
    "examples:\n"
    "  aicert tpm-sim init sim && aicert tpm-sim start sim\n"
    "  TPM2TOOLS_TCTI=swtpm:path=$PWD/sim/tpm.sock tpm2_pcrread sha256\n"
    "  aicert tpm-sim stop sim && rm -r sim\n"
    "\n"
    "exit codes:\n"
    "  0  done, or nothing to do (start: runs already; stop: does not run)\n"
    "  1  not done; the message says why\n"
    "  2  wrong usage\n";

static int
usage_error(const char *what, const char *arg)
{
	(void)fprintf(stderr, "aicert tpm-sim: %s%s\n%s", what, arg, usage);
	return EXIT_USAGE;
}

/* Print the TPM's name for --tcti. */
static enum ac_err
say_tcti(const char *dir, struct tpm_why *why)
{
	struct buf tcti = { 0 };
	enum ac_err e = tpmsim_tcti(dir, &tcti, why);

	if (e == AC_OK)
		(void)printf("%s\n", (const char *)tcti.p);
	buf_free(&tcti);
	return e;
}

static int
do_init(const char *dir, const struct tpmsim_options *o, struct tpm_why *why)
{
	if (tpmsim_init(dir, o, why) != AC_OK)
		return EXIT_NOT_DONE;
	(void)printf("made a SIMULATED TPM in %s; trusted by %s/root.pem\n"
		     "next: aicert tpm-sim start %s\n",
	    dir, dir, dir);
	return 0;
}

static int
do_start(const char *dir, const struct tpmsim_options *o, struct tpm_why *why)
{
	enum ac_err e = tpmsim_start(dir, why);

	(void)o;
	if (e == AC_ERR_EXISTS)
		return 0;
	return e == AC_OK && say_tcti(dir, why) == AC_OK ? 0 : EXIT_NOT_DONE;
}

static int
do_stop(const char *dir, const struct tpmsim_options *o, struct tpm_why *why)
{
	enum ac_err e = tpmsim_stop(dir, why);

	(void)o;
	return e == AC_OK || e == AC_ERR_NOT_FOUND ? 0 : EXIT_NOT_DONE;
}

static int
do_reset(const char *dir, const struct tpmsim_options *o, struct tpm_why *why)
{
	(void)o;
	return tpmsim_reset(dir, why) == AC_OK &&
	    say_tcti(dir, why) == AC_OK ? 0 : EXIT_NOT_DONE;
}

static const struct verb {
	const char *name;
	int (*run)(const char *, const struct tpmsim_options *,
	    struct tpm_why *);
} verbs[] = {
	{ "init", do_init },
	{ "start", do_start },
	{ "stop", do_stop },
	{ "reset", do_reset },
};

int
cmd_tpmsim(int argc, char **argv)
{
	static const struct option options[] = {
		{ "days", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const size_t n = sizeof(verbs) / sizeof(verbs[0]);
	struct tpmsim_options o = { .days = 0 };
	struct tpm_why why = { "" };
	const char *name;
	uint64_t days;
	size_t i;
	int c, code;

	optind = 0; /* begin anew: the program's own options were read */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			(void)printf("%s%s", usage, help);
			return 0;
		case 'd':
			if (!text_undec(&days, span_str(optarg), UINT32_MAX) ||
			    days == 0)
				return usage_error("--days is a number of "
				    "days, not ", optarg);
			o.days = (unsigned)days;
			break;
		default:
			return usage_error("unknown option, or its value is "
			    "missing: ", argv[optind - 1]);
		}
	}
	if (argc - optind != 2)
		return usage_error("a verb and one folder are needed", "");
	name = argv[optind];
	for (i = 0; i < n && strcmp(verbs[i].name, name) != 0;)
		i++;
	if (i == n)
		return usage_error("no such verb: ", name);
	if (o.days != 0 && verbs[i].run != do_init)
		return usage_error("--days is for init, not for ", name);
	if (o.days == 0)
		o.days = TPMSIM_DAYS;

	tpm_quiet();
	code = verbs[i].run(argv[optind + 1], &o, &why);
	if (why.text[0] != '\0')
		(void)fprintf(stderr, "aicert tpm-sim %s: %s\n", name,
		    why.text);
	return code;
}
