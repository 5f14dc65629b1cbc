/*
 * main.c -- aicert-registry(8): options, messages, signals.  What they ask
 * for is done in home.c and serve.c.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "common/text.h"
#include "registry/home.h"
#include "registry/serve.h"

#define EXIT_USAGE 2
#define BATCH_MS_MAX 60000
#define BATCH_MAX_MAX 65536

static const char help[] =
    "aicert-registry " AICERT_VERSION ": a public log of AICert certificates\n"
    "\n"
    "usage: aicert-registry init DIR --origin HOST [--url URL]\n"
    "       aicert-registry serve DIR --listen ADDR:PORT [options]\n"
    "\n"
    "init   makes the directory of a new log: database, keys, empty tree\n"
    "  --origin HOST    the log's name for ever: a bare host name\n"
    "  --url URL        where the log is reached, for its policy line\n"
    "serve  runs it, until SIGTERM or SIGINT\n"
    "  --listen A:P     address and port; port 0 takes any that is free\n"
    "  --port-file F    write the port there when ready\n"
    "  --batch-ms N     a certificate waits so long for others (50)\n"
    "  --batch-max N    certificates in a batch (4096)\n"
    "  --admit signed   log whatever is well-formed, agrees and is signed\n"
    "  --help, --version\n"
    "\n"
    "examples:\n"
    "  aicert-registry init /var/lib/aicert --origin log.example.org\n"
    "  aicert-registry serve /var/lib/aicert --listen 127.0.0.1:8080\n"
    "  curl -f --data-binary @aicert.jsonl -H 'Content-Type: "
    "application/jsonl' \\\n"
    "      http://127.0.0.1:8080/api/v1/certificates\n"
    "\n"
    "/var/lib/aicert/log-keys then holds the lines by which a policy trusts\n"
    "the log.  exit codes: 0 done, 1 failed, 2 wrong usage.\n";

enum {
	OPT_ORIGIN = 256,
	OPT_URL,
	OPT_LISTEN,
	OPT_PORT_FILE,
	OPT_BATCH_MS,
	OPT_BATCH_MAX,
	OPT_ADMIT,
};

static const struct option options[] = {
	{ "origin", required_argument, NULL, OPT_ORIGIN },
	{ "url", required_argument, NULL, OPT_URL },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "port-file", required_argument, NULL, OPT_PORT_FILE },
	{ "batch-ms", required_argument, NULL, OPT_BATCH_MS },
	{ "batch-max", required_argument, NULL, OPT_BATCH_MAX },
	{ "admit", required_argument, NULL, OPT_ADMIT },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

struct arguments {
	const char *origin, *url, *dir;
	struct serve_options serve;
	bool for_init, for_serve; /* an option of that command was given */
};

static int
usage(const char *what)
{
	(void)fprintf(stderr, "aicert-registry: %s\ntry: aicert-registry "
	    "--help\n", what);
	return EXIT_USAGE;
}

static int
failed(const struct message *why)
{
	(void)fprintf(stderr, "aicert-registry: %s\n", why->text);
	return EXIT_FAILURE;
}

static bool
get_number(unsigned *out, const char *text, unsigned min, unsigned max)
{
	uint64_t v;

	if (!text_undec(&v, span_str(text), max) || v < min)
		return false;
	*out = (unsigned)v;
	return true;
}

/* Exit code, or -1 to go on. */
static int
get_option(struct arguments *a, int option)
{
	if (option == OPT_ORIGIN || option == OPT_URL)
		a->for_init = true;
	else
		a->for_serve = true;
	switch (option) {
	case OPT_ORIGIN:
		a->origin = optarg;
		return -1;
	case OPT_URL:
		a->url = optarg;
		return -1;
	case OPT_LISTEN:
		a->serve.listen = optarg;
		return -1;
	case OPT_PORT_FILE:
		a->serve.port_file = optarg;
		return -1;
	case OPT_BATCH_MS:
		return get_number(&a->serve.batch_ms, optarg, 0, BATCH_MS_MAX) ?
		    -1 : usage("--batch-ms wants a number of 0 to 60000");
	case OPT_BATCH_MAX:
		return get_number(&a->serve.batch_max, optarg, 1,
		    BATCH_MAX_MAX) ? -1 :
		    usage("--batch-max wants a number of 1 to 65536");
	case OPT_ADMIT:
		return strcmp(optarg, "signed") == 0 ? -1 :
		    usage("this build knows --admit signed only");
	case 'h':
		(void)fputs(help, stdout);
		return EXIT_SUCCESS;
	case 'V':
		(void)puts("aicert-registry " AICERT_VERSION);
		return EXIT_SUCCESS;
	default:
		return usage("unknown option, or its argument is missing");
	}
}

static int
run_init(const struct arguments *a)
{
	struct message why = { "" };

	if (a->origin == NULL || a->for_serve)
		return usage("init DIR --origin HOST [--url URL]");
	if (home_init(a->dir, a->origin, a->url, (int64_t)time(NULL), &why) !=
	    AC_OK)
		return failed(&why);
	(void)printf("%s: a log named %s\n"
	    "%s/log-keys: the lines by which policies trust it\n"
	    "next: aicert-registry serve %s --listen 127.0.0.1:8080\n",
	    a->dir, a->origin, a->dir, a->dir);
	return EXIT_SUCCESS;
}

static void
on_ready(const char *url)
{
	(void)printf("listening on %s\n", url);
	(void)fflush(stdout);
}

static int
run_serve(struct arguments *a)
{
	struct message why = { "" };
	sigset_t set;
	enum ac_err e;
	int fd;

	if (a->serve.listen == NULL || a->for_init)
		return usage("serve DIR --listen ADDR:PORT [options]");
	a->serve.dir = a->dir;
	a->serve.ready = on_ready;
	/* Before any thread is made, so that all inherit it. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		message_set(&why, "cannot wait for signals: %s",
		    strerror(errno));
		return failed(&why);
	}
	e = serve_run(&a->serve, fd, &why);
	(void)close(fd);
	return e == AC_OK ? EXIT_SUCCESS : failed(&why);
}

int
main(int argc, char *argv[])
{
	struct arguments a = { .url = "",
		.serve = { .batch_ms = 50, .batch_max = 4096 } };
	int option, code;

	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		code = get_option(&a, option);
		if (code >= 0)
			return code;
	}
	if (argc - optind != 2)
		return usage("expected: init DIR or serve DIR");
	a.dir = argv[optind + 1];
	if (strcmp(argv[optind], "init") == 0)
		return run_init(&a);
	if (strcmp(argv[optind], "serve") == 0)
		return run_serve(&a);
	return usage("the commands are init and serve");
}
