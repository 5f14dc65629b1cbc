/*
 * cmd_build.c -- "aicert build": its command line, what it shows on the way,
 * and how the user interrupts it.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/text.h"
#include "producer/build.h"
#include "producer/cmd.h"
#include "producer/cmd_remote.h"
#include "producer/cmd_screen.h"
#include "producer/gpus.h"
#include "producer/tpm.h"
#include "producer/tpmopt.h"

#define NAME "build"
#define TIME_LIMIT_S 86400 /* where not said */
#define PIDS_MAX 4096      /* processes and threads of a training */

struct arguments {
	struct build_options build;
	struct tpmopt tpm;
	struct cmd_remote remote; /* address: another machine builds */
	bool json, quiet, with_gpus;
	struct gpus gpus;
};

static int
help(void)
{
	(void)printf("usage: aicert build CONFIG --out DIR --key FILE\n"
	    "           [--tpm-sim DIR | --tcti NAME --ak-chain PEM]\n"
	    "           [--log URL | --log-checkpoint FILE] [--policy FILE]\n"
	    "           [--time-limit SECONDS] [--memory BYTES[K|M|G]]\n"
	    "           [--image NAME@sha256:HEX] [--gpus] [--accept-short-ak]\n"
	    "           [--json] [--quiet]\n"
	    "       aicert build CONFIG --out DIR --key FILE --remote "
	    "ADDR:PORT --policy FILE\n"
	    "           [--image-releases FILE] [--log URL | "
	    "--log-checkpoint FILE]\n"
	    "           [--publish URL [--log-keys FILE]] [--upload-to URL] "
	    "[--json] [--quiet]\n\n"
	    "Trains as CONFIG (an aicert.yaml) says: checks every input "
	    "against its pin, runs\n"
	    "the command in a sandbox without a network, and writes the "
	    "outputs with their\n"
	    "certificate to DIR.  With a TPM the run is measured; without "
	    "one the certificate\n"
	    "is your own word only and says SELF-ASSERTED.\n\n"
	    "  --out DIR              the model's folder; must not exist\n"
	    "  --key FILE             your key, from aicert keygen\n"
	    "  --tpm-sim DIR          a software TPM, from aicert tpm-sim\n"
	    "  --tcti NAME            a TPM, as tpm2-tools name it, e.g.\n"
	    "                         device:/dev/tpmrm0\n"
	    "  --ak-chain PEM         certificates of its attestation key: "
	    "leaf to root\n"
	    "  --log URL              a registry, whose checkpoint proves "
	    "that the run was\n"
	    "                         not before it\n"
	    "  --log-checkpoint FILE  the same from a file\n"
	    "  --time-limit SECONDS   of the training (%d)\n"
	    "  --memory SIZE          of the training; none without\n"
	    "  --image NAME           the container image it runs in, where "
	    "CONFIG names none\n"
	    "  --gpus                 let the training use this machine's GPUs\n"
	    "  --accept-short-ak      though its certificate ends soon\n"
	    "  --remote ADDR:PORT     build on that machine, once its TPM shows "
	    "that the\n"
	    "                         policy trusts it; Ctrl-C leaves it alone, "
	    "and\n"
	    "                         aicert attach comes back\n"
	    "  --policy FILE          which machines are trusted, and whom to "
	    "trust with inputs\n"
	    "                         that have a certificate; see aicert policy, "
	    "and how\n"
	    "                         aicert-verify finds one where none is given\n"
	    "  --image-releases FILE  releases of the images that the policy "
	    "names\n"
	    "  --publish URL          and publish the result to that registry\n"
	    "  --log-keys FILE        its keys, see aicert publish\n"
	    "  --upload-to URL        let the machine send the outputs there, "
	    "too: a signed\n"
	    "                         URL (Azure Blob SAS, S3) with {path} in "
	    "it\n"
	    "  --json                 the result as JSON\n"
	    "  --quiet                do not show the training's output\n\n"
	    "The model may have at most %d files, %d of them weights.\n\n"
	    "Examples:\n"
	    "  aicert build aicert.yaml --key builder.key --tpm-sim tpm "
	    "--out model\n"
	    "  aicert build aicert.yaml --key builder.key --remote "
	    "vm.example.org:7443 \\\n"
	    "      --policy policy --log https://log.example.org --out model\n",
	    TIME_LIMIT_S, FILES_MAX, WEIGHTS_MAX);
	return CMD_OK;
}

/* ---- arguments ---- */

/* Decimal with K, M or G for powers of 1024. */
static bool
parse_size(uint64_t *out, const char *text)
{
	static const char units[] = "KMG";
	size_t len = strlen(text);
	const char *unit = len == 0 ? NULL : strchr(units, text[len - 1]);
	unsigned shift = 0;
	uint64_t v;

	if (unit != NULL) {
		shift = 10 * (unsigned)(unit - units + 1);
		len--;
	}
	if (!text_undec(&v, span_of(text, len), (uint64_t)INT64_MAX >> shift) ||
	    v == 0)
		return false;
	*out = v << shift;
	return true;
}

static bool
parse_seconds(uint64_t *out, const char *text)
{
	return text_undec(out, span_str(text), INT32_MAX) && *out > 0;
}

enum {
	OPT_OUT = 256, OPT_KEY, OPT_SIM, OPT_TCTI, OPT_CHAIN, OPT_LOG,
	OPT_CHECKPOINT, OPT_POLICY, OPT_TIME, OPT_MEMORY, OPT_IMAGE, OPT_GPUS,
	OPT_SHORT, OPT_JSON, OPT_QUIET, OPT_REMOTE, OPT_RELEASES, OPT_PUBLISH,
	OPT_LOG_KEYS, OPT_UPLOAD,
};

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "out", required_argument, NULL, OPT_OUT },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "tpm-sim", required_argument, NULL, OPT_SIM },
	{ "tcti", required_argument, NULL, OPT_TCTI },
	{ "ak-chain", required_argument, NULL, OPT_CHAIN },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "log-checkpoint", required_argument, NULL, OPT_CHECKPOINT },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "time-limit", required_argument, NULL, OPT_TIME },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "gpus", no_argument, NULL, OPT_GPUS },
	{ "accept-short-ak", no_argument, NULL, OPT_SHORT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "remote", required_argument, NULL, OPT_REMOTE },
	{ "image-releases", required_argument, NULL, OPT_RELEASES },
	{ "publish", required_argument, NULL, OPT_PUBLISH },
	{ "log-keys", required_argument, NULL, OPT_LOG_KEYS },
	{ "upload-to", required_argument, NULL, OPT_UPLOAD },
	{ NULL, 0, NULL, 0 },
};

/* One option; CMD_OK, or CMD_USAGE after a message. */
static int
take_option(struct arguments *a, int c, char **argv)
{
	struct build_options *b = &a->build;
	struct recorder_options *r = &b->recorder;

	switch (c) {
	case OPT_OUT:
		b->out = optarg;
		return CMD_OK;
	case OPT_KEY:
		b->key = optarg;
		return CMD_OK;
	case OPT_SIM:
		a->tpm.sim = optarg;
		return CMD_OK;
	case OPT_TCTI:
		r->attest.tcti = optarg;
		return CMD_OK;
	case OPT_CHAIN:
		r->attest.ak_chain = optarg;
		return CMD_OK;
	case OPT_LOG:
		b->log = optarg;
		return CMD_OK;
	case OPT_CHECKPOINT:
		b->checkpoint = optarg;
		return CMD_OK;
	case OPT_POLICY:
		b->policy = optarg;
		a->remote.errand.policy = optarg;
		return CMD_OK;
	case OPT_TIME:
		return parse_seconds(&r->limits.wall_s, optarg) ? CMD_OK :
		    cmd_usage(NAME, "--time-limit takes seconds, 1 to %d",
		    INT32_MAX);
	case OPT_MEMORY:
		return parse_size(&r->limits.memory_bytes, optarg) ? CMD_OK :
		    cmd_usage(NAME, "--memory takes bytes, or a number with "
		    "K, M or G");
	case OPT_IMAGE:
		b->image = optarg;
		return CMD_OK;
	case OPT_GPUS:
		a->with_gpus = true;
		return CMD_OK;
	case OPT_SHORT:
		r->attest.accept_short_ak = true;
		return CMD_OK;
	case OPT_JSON:
		a->json = true;
		return CMD_OK;
	case OPT_QUIET:
		a->quiet = true;
		return CMD_OK;
	case OPT_REMOTE:
		a->remote.errand.address = optarg;
		return CMD_OK;
	case OPT_RELEASES:
		a->remote.errand.releases = optarg;
		return CMD_OK;
	case OPT_PUBLISH:
		a->remote.registry = optarg;
		return CMD_OK;
	case OPT_UPLOAD:
		a->remote.errand.upload = optarg;
		return CMD_OK;
	case OPT_LOG_KEYS:
		a->remote.log_keys = optarg;
		return CMD_OK;
	default:
		return cmd_bad_option(NAME, c, argv);
	}
}

/* What is the machine's own business is not said from here. */
static int
check_remote(const struct arguments *a)
{
	const struct recorder_options *r = &a->build.recorder;

	if (a->remote.errand.policy == NULL)
		return cmd_usage(NAME, "--remote needs --policy: which machine "
		    "may have your configuration");
	if (a->tpm.sim != NULL || r->attest.tcti != NULL ||
	    r->attest.accept_short_ak || a->with_gpus ||
	    r->limits.memory_bytes != 0 || r->limits.wall_s != TIME_LIMIT_S)
		return cmd_usage(NAME, "TPM, GPUs and limits are the "
		    "machine's own "
		    "with --remote");
	if (a->build.image != NULL)
		return cmd_usage(NAME, "--image is for a build here; with "
		    "--remote the configuration names it");
	if (a->remote.log_keys != NULL && a->remote.registry == NULL)
		return cmd_usage(NAME, "--log-keys goes with --publish");
	return CMD_OK;
}

static int
check_arguments(struct arguments *a, int argc, char **argv)
{
	struct attest_options *t = &a->build.recorder.attest;

	if (argc - optind != 1)
		return cmd_usage(NAME, "name one configuration file");
	a->build.config = argv[optind];
	if (a->build.out == NULL || a->build.key == NULL)
		return cmd_usage(NAME, "--out and --key are needed");
	if (a->build.out[0] == '\0' || a->build.config[0] == '\0')
		return cmd_usage(NAME, "an empty name of a file");
	if (a->tpm.sim != NULL && (t->tcti != NULL || t->ak_chain != NULL))
		return cmd_usage(NAME, "--tpm-sim is one TPM, --tcti with "
		    "--ak-chain another");
	if ((t->tcti == NULL) != (t->ak_chain == NULL))
		return cmd_usage(NAME, "--tcti and --ak-chain go together");
	if (a->build.log != NULL && a->build.checkpoint != NULL)
		return cmd_usage(NAME, "--log or --log-checkpoint, not both");
	if (a->remote.errand.address != NULL)
		return check_remote(a);
	if (a->remote.errand.releases != NULL || a->remote.registry != NULL ||
	    a->remote.log_keys != NULL || a->remote.errand.upload != NULL)
		return cmd_usage(NAME, "--image-releases, --publish, "
		    "--log-keys and --upload-to go with --remote");
	if (t->accept_short_ak && a->tpm.sim == NULL && t->tcti == NULL)
		return cmd_usage(NAME, "--accept-short-ak is about a TPM, and "
		    "none is given");
	return CMD_OK;
}

static enum ac_err
find_gpus(struct arguments *a, struct message *why)
{
	struct recorder_options *r = &a->build.recorder;

	if (!a->with_gpus)
		return AC_OK;
	if (!gpus_find(&a->gpus, "/dev"))
		return BECAUSE(why, AC_ERR_MEMORY, "no memory");
	if (a->gpus.n == 0)
		return BECAUSE(why, AC_ERR_NOT_FOUND, "--gpus, but this "
		    "machine has no GPU (/dev/nvidia0); install its driver, or "
		    "leave --gpus out");
	r->ngpus = a->gpus.n;
	r->devices = (const char *const *)a->gpus.node;
	r->ndevices = a->gpus.nnodes;
	return AC_OK;
}

/* Without the slashes that may end it; "/" stays. */
static char *
trim_slashes(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return strndup(path, n);
}

/* ---- the result ---- */

static const char *
assurance(const struct arguments *a)
{
	return a->tpm.sim != NULL ? "SIMULATED" :
	    a->build.recorder.measured ? "measured" : "SELF-ASSERTED";
}

static void
put_result(const struct arguments *a, const struct build_result *r)
{
	struct message out = { "" };
	char d[65] = { 0 }, root[65] = { 0 };

	text_hex(d, span_digest(&r->d));
	text_hex(root, span_digest(&r->root));
	message_add_quoted(&out, span_str(a->build.out));
	(void)printf("certificate  %s\n"
	    "model root   %s\n"
	    "assurance    %s%s\n"
	    "earliest     %s\n"
	    "model        %s, %zu file%s, aicert.jsonl, model.sig\n"
	    "next         aicert publish %s --registry URL\n",
	    d, root, assurance(a), a->tpm.sim != NULL ?
	    ": by a software TPM, which proves nothing to others" :
	    a->build.recorder.measured ? " by the TPM" :
	    ": your own word; no TPM measured this run",
	    r->has_checkpoint ? "the log's checkpoint at the start" :
	    "not stated: no log's checkpoint was given",
	    out.text, r->nfiles, r->nfiles == 1 ? "" : "s", out.text);
}

static void
put_json(const struct arguments *a, const struct build_result *r)
{
	struct buf b = { 0 };
	struct writer w;

	wr_init(&w, 64 * KIB);
	wr_str(&w, "{\"certificate\":\"");
	wr_hex(&w, span_digest(&r->d));
	wr_str(&w, "\",\"root\":\"");
	wr_hex(&w, span_digest(&r->root));
	wr_printf(&w, "\",\"measured\":%s,\"simulated\":%s,"
	    "\"logCheckpoint\":%s,\"files\":%zu,\"out\":",
	    a->build.recorder.measured ? "true" : "false",
	    a->tpm.sim != NULL ? "true" : "false",
	    r->has_checkpoint ? "true" : "false", r->nfiles);
	wr_json(&w, span_str(a->build.out));
	wr_str(&w, "}\n");
	if (wr_end(&w, &b) == AC_OK)
		(void)fwrite(b.p, 1, b.len, stdout);
	else
		(void)fprintf(stderr, "aicert build: the name of the folder is "
		    "not UTF-8, which JSON cannot say\n");
	buf_free(&b);
}

static int
build(struct arguments *a)
{
	struct cmd_screen screen = { .name = NAME, .quiet = a->quiet };
	struct recorder_options *r = &a->build.recorder;
	struct build_result result;
	struct message why = { "" };
	sigset_t stops, before;
	char *out = trim_slashes(a->build.out);
	enum ac_err e;

	cmd_catch(&a->build.cancel_fd, &stops, &before);
	a->build.out = out;
	a->build.watch = (struct run_watch){ cmd_screen_progress,
	    cmd_screen_output, &screen };
	r->measured = a->tpm.sim != NULL || r->attest.tcti != NULL;
	e = out == NULL ? AC_ERR_MEMORY :
	    tpmopt_find(&a->tpm, &r->attest, &why);
	if (e == AC_OK)
		e = find_gpus(a, &why);
	if (e == AC_OK && !a->build.recorder.measured)
		cmd_screen_progress(&screen, span_str("no TPM is given: the "
		    "certificate will be SELF-ASSERTED"));
	if (e == AC_OK)
		e = build_model(&result, &a->build, &why);
	if (e != AC_OK)
		cmd_screen_tail(&screen);
	else if (a->json)
		put_json(a, &result);
	else
		put_result(a, &result);
	cmd_screen_free(&screen);
	cmd_release(a->build.cancel_fd, &stops, &before);
	free(out);
	return e == AC_OK ? CMD_OK : cmd_failed(NAME, &why);
}

int
cmd_build(int argc, char **argv)
{
	struct arguments a = { .build.recorder = {
		.limits = { .pids = PIDS_MAX, .wall_s = TIME_LIMIT_S },
		.clock_s = RECORDER_CLOCK_S } };
	int c, code = CMD_OK;

	optind = 0; /* a first call for this argv */
	while (code == CMD_OK &&
	    (c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h')
			return help();
		code = take_option(&a, c, argv);
	}
	if (code == CMD_OK)
		code = check_arguments(&a, argc, argv);
	if (code == CMD_OK && a.remote.errand.address != NULL) {
		a.remote.name = NAME;
		a.remote.json = a.json;
		a.remote.quiet = a.quiet;
		a.remote.errand.config = a.build.config;
		a.remote.errand.out = a.build.out;
		a.remote.errand.key = a.build.key;
		a.remote.errand.log = a.build.log;
		a.remote.errand.checkpoint = a.build.checkpoint;
		code = cmd_remote_run(&a.remote);
	} else if (code == CMD_OK) {
		tpm_quiet();
		code = build(&a);
	}
	gpus_free(&a.gpus);
	tpmopt_free(&a.tpm);
	return code;
}
