/*
 * cmd_serve.c -- aicert-producer: the agent of a measured machine, as a program:
 * its command line, its signals, its life.  What it does is in agent.h.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/listen.h"
#include "common/sha256.h"
#include "common/text.h"
#include "producer/answers.h"
#include "producer/gpus.h"
#include "producer/tpm.h"
#include "producer/tpmopt.h"

#define LISTEN "0.0.0.0:7443"
#define TCTI "device:/dev/tpmrm0"
#define AK_CHAIN "/etc/aicert/ak-chain.pem"
#define WORK "/var/lib/aicert"
#define TIME_LIMIT_S 86400
#define PIDS_MAX 4096
#define SECOND_MS 1000

enum { DONE = 0, DID_NOT_WORK = 1, WRONG_USAGE = 2 };

struct arguments {
	struct agent_options agent;
	struct tpmopt tpm;
	const char *listen, *port_file;
};

static int
help(void)
{
	(void)printf("usage: aicert-producer serve [--listen ADDR:PORT] "
	    "[--work DIR]\n"
	    "           [--tcti NAME] [--ak-chain PEM] [--tpm-sim DIR]\n"
	    "           [--time-limit SECONDS] [--memory BYTES]\n"
	    "           [--accept-short-ak] [--port-file FILE]\n\n"
	    "The agent of a measured machine: makes a key for TLS and extends "
	    "PCR 15 by it,\n"
	    "answers challenges with quotes, and runs one build a boot for "
	    "whoever sends the\n"
	    "first configuration, with the machine's GPUs where it has any.  "
	    "Stops at SIGTERM;\n"
	    "after that the machine has to boot anew.\n\n"
	    "  --listen ADDR:PORT     where to listen (" LISTEN ")\n"
	    "  --work DIR             where inputs and outputs lie meanwhile\n"
	    "                         (" WORK ")\n"
	    "  --tcti NAME            the TPM (" TCTI ")\n"
	    "  --ak-chain PEM         certificates of its attestation key "
	    "(" AK_CHAIN ")\n"
	    "  --tpm-sim DIR          a software TPM, from aicert tpm-sim\n"
	    "  --time-limit SECONDS   of a training (%d)\n"
	    "  --memory BYTES         of a training; none without\n"
	    "  --accept-short-ak      though the key's certificate ends soon\n"
	    "  --port-file FILE       write the port there once it listens\n\n"
	    "Examples:\n"
	    "  aicert-producer serve\n"
	    "  aicert-producer serve --tpm-sim tpm --listen 127.0.0.1:7443 "
	    "--work /tmp\n\n"
	    "Exit status: 0 stopped, 1 it did not work, 2 wrong usage.\n",
	    TIME_LIMIT_S);
	return DONE;
}

static int
usage(const char *what)
{
	(void)fprintf(stderr, "aicert-producer: %s\n"
	    "Try \"aicert-producer --help\".\n", what);
	return WRONG_USAGE;
}

static int
failed(const struct message *why)
{
	(void)fprintf(stderr, "aicert-producer: %s\n", why->text);
	return DID_NOT_WORK;
}

static void
tell(void *arg, const char *text)
{
	(void)arg;
	(void)fprintf(stderr, "aicert-producer: %s\n", text);
}

/* ---- arguments ---- */

enum {
	OPT_LISTEN = 256, OPT_WORK, OPT_TCTI, OPT_CHAIN, OPT_SIM, OPT_TIME,
	OPT_MEMORY, OPT_SHORT, OPT_PORT_FILE,
};

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "work", required_argument, NULL, OPT_WORK },
	{ "tcti", required_argument, NULL, OPT_TCTI },
	{ "ak-chain", required_argument, NULL, OPT_CHAIN },
	{ "tpm-sim", required_argument, NULL, OPT_SIM },
	{ "time-limit", required_argument, NULL, OPT_TIME },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "accept-short-ak", no_argument, NULL, OPT_SHORT },
	{ "port-file", required_argument, NULL, OPT_PORT_FILE },
	{ NULL, 0, NULL, 0 },
};

static int
take_option(struct arguments *a, int c)
{
	struct recorder_options *r = &a->agent.recorder;

	switch (c) {
	case OPT_LISTEN:
		a->listen = optarg;
		return DONE;
	case OPT_WORK:
		a->agent.work = optarg;
		return DONE;
	case OPT_TCTI:
		r->attest.tcti = optarg;
		return DONE;
	case OPT_CHAIN:
		r->attest.ak_chain = optarg;
		return DONE;
	case OPT_SIM:
		a->tpm.sim = optarg;
		return DONE;
	case OPT_TIME:
		return text_undec(&r->limits.wall_s, span_str(optarg),
		    INT32_MAX) && r->limits.wall_s > 0 ? DONE :
		    usage("--time-limit takes seconds");
	case OPT_MEMORY:
		return text_undec(&r->limits.memory_bytes, span_str(optarg),
		    INT64_MAX) && r->limits.memory_bytes > 0 ? DONE :
		    usage("--memory takes bytes");
	case OPT_SHORT:
		r->attest.accept_short_ak = true;
		return DONE;
	case OPT_PORT_FILE:
		a->port_file = optarg;
		return DONE;
	default:
		return usage(c == ':' ? "an option lacks its value" :
		    "no such option");
	}
}

/* ---- life ---- */

static enum ac_err
announce(const struct arguments *a, const struct agent *agent,
    const char *url, const char *port, struct message *why)
{
	struct digest d = spki_digest(&agent_key(agent)->spki);
	struct message key = { "" };
	enum ac_err e = AC_OK;

	message_add_digest(&key, &d);
	(void)printf("listening on https%s, key %s\n", url + strlen("http"),
	    key.text);
	(void)fflush(stdout);
	if (a->port_file != NULL)
		e = file_write(a->port_file, span_str(port), 0644);
	if (e != AC_OK) {
		message_set(why, "cannot write ");
		message_add_quoted(why, span_str(a->port_file));
		message_add(why, ": %s", strerror(errno));
	}
	return e;
}

/* Until a signal comes. */
static void
live(struct answers *s, int signals)
{
	struct pollfd p = { .fd = signals, .events = POLLIN };

	while (poll(&p, 1, SECOND_MS) <= 0)
		answers_reap(s);
}

static int
serve(struct arguments *a)
{
	char url[LISTEN_URL_MAX], port[LISTEN_PORT_MAX];
	struct recorder_options *r = &a->agent.recorder;
	struct gpus gpus = { .n = 0 };
	struct agent *agent = NULL;
	struct answers *answers = NULL;
	struct message why = { "" };
	int listen_fd = -1, signals;
	sigset_t stops;
	enum ac_err e;

	(void)sigemptyset(&stops);
	(void)sigaddset(&stops, SIGINT);
	(void)sigaddset(&stops, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &stops, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	signals = signalfd(-1, &stops, SFD_CLOEXEC);
	message_set(&why, "no signals");
	e = signals < 0 ? AC_ERR_IO : tpmopt_find(&a->tpm, &r->attest, &why);
	if (e == AC_OK && !gpus_find(&gpus, "/dev"))
		e = BECAUSE(&why, AC_ERR_MEMORY, "no memory");
	r->ngpus = gpus.n;
	r->devices = (const char *const *)gpus.node;
	r->ndevices = gpus.n == 0 ? 0 : gpus.nnodes;
	/* The port first: a machine that cannot listen has measured nothing. */
	if (e == AC_OK)
		e = listen_open(&listen_fd, url, port, a->listen, &why);
	if (e == AC_OK)
		e = agent_open(&agent, &a->agent, &why);
	if (e == AC_OK)
		e = answers_open(&answers, agent, listen_fd, &why);
	if (e == AC_OK)
		listen_fd = -1; /* transferred */
	if (e == AC_OK)
		e = announce(a, agent, url, port, &why);
	if (e == AC_OK)
		live(answers, signals);
	if (agent != NULL)
		agent_stop(agent);
	answers_close(answers);
	agent_close(agent);
	gpus_free(&gpus);
	if (listen_fd >= 0)
		(void)close(listen_fd);
	if (signals >= 0)
		(void)close(signals);
	return e == AC_OK ? DONE : failed(&why);
}

int
main(int argc, char **argv)
{
	struct arguments a = { .listen = LISTEN, .agent = { .work = WORK,
		.tell = tell, .recorder = { .measured = true,
		.attest = { .tcti = TCTI, .ak_chain = AK_CHAIN },
		.limits = { .pids = PIDS_MAX, .wall_s = TIME_LIMIT_S },
		.clock_s = RECORDER_CLOCK_S } } };
	int c, code = DONE;

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("aicert-producer " AICERT_VERSION) < 0;
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0))
		return help();
	if (argc < 2 || strcmp(argv[1], "serve") != 0)
		return usage("the one command is serve");
	optind = 2;
	while (code == DONE && (c = getopt_long(argc, argv, ":h", options,
	    NULL)) != -1) {
		if (c == 'h')
			return help();
		code = take_option(&a, c);
	}
	if (code == DONE && optind != argc)
		code = usage("serve takes no words");
	if (code == DONE) {
		tpm_quiet();
		code = serve(&a);
	}
	tpmopt_free(&a.tpm);
	return code;
}
