/*
 * main.c -- aicert-registry(8): options, messages, signals.  What they ask
 * for is done elsewhere, by a file for each command.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "common/text.h"
#include "common/time.h"
#include "common/writer.h"
#include "registry/config.h"
#include "registry/export.h"
#include "registry/home.h"
#include "registry/own.h"
#include "registry/notify.h"
#include "registry/recover.h"
#include "registry/serve.h"

#define EXIT_USAGE 2
#define BATCH_MS_MAX 60000
#define BATCH_MAX_MAX 65536
#define COSIGN_S_MAX 60
#define RATE_MAX 1000000
#define CONNECTIONS_MAX 65536
#define STATE_S_MAX 604800
#define REASON_MAX 1024 /* as in a removal */
#define WITHOUT_MAX 32
#define LOG_LINE_MAX 8192

static const char help[] =
    "aicert-registry " AICERT_VERSION ": a public log of AICert certificates\n"
    "\n"
    "usage: aicert-registry init DIR --origin HOST [--url URL]\n"
    "       aicert-registry serve DIR --listen ADDR:PORT [options]\n"
    "       aicert-registry export DIR --to FOLDER\n"
    "       aicert-registry backup DIR --to FILE\n"
    "       aicert-registry recover DIR --from FOLDER|URL "
    "[--statements FOLDER|URL]\n"
    "       aicert-registry freeze DIR [--witness-policy FILE]\n"
    "       aicert-registry remove DIR --statement D --reason TEXT\n"
    "\n"
    "init   makes the directory of a new log: database, keys, empty tree\n"
    "  --origin HOST    the log's name for ever: a bare host name\n"
    "  --url URL        where the log is reached, for its policy line\n"
    "serve  runs it, until SIGTERM or SIGINT\n"
    "  --listen A:P     address and port; port 0 takes any that is free\n"
    "  --port-file F    write the port there when ready\n"
    "  --batch-ms N     a certificate waits so long for others (50)\n"
    "  --batch-max N    certificates in a batch (4096)\n"
    "  --cosign-s N     an idle log cosigns its head so often (60)\n"
    "  --rate N         requests a second that one address may send, tiles,\n"
    "                   bundles and checkpoint apart; 0: no limit (500)\n"
    "  --rate-burst N   requests that a rested address may send at once (2000)\n"
    "  --rate-loopback  limit addresses of this machine, too\n"
    "  --connections N  open connections (16384)\n"
    "  --connections-per-address N  of them from one address (4096)\n"
    "  --keep-partial S seconds that a partial tile stays beside the full (3600)\n"
    "  --state-s N      revocations are stated so often at least (86400)\n"
    "  --admit signed   log whatever is well-formed, agrees and is signed\n"
    "  --admit evidence also judge the evidence, by --policy\n"
    "  --policy F       a policy of aicert-verify: whose evidence counts,\n"
    "                   and who may revoke\n"
    "  --witness-policy F     C2SP tlog-policy: who must cosign every head\n"
    "  --without-witness NAME do not ask this one; may stand several times\n"
    "  --fail-open            publish heads that lack the witnesses' quorum;\n"
    "                         every proof says so\n"
    "  --accept-unwitnessed-start  go on though no witness confirmed the\n"
    "                         newest head since the start\n"
    "  --config F             settings, \"key = value\" a line, keys as here\n"
    "  --log text|json        how messages are written to stderr (text)\n"
    "export   copies tiles and statements to a folder that others can serve\n"
    "backup   copies the database; to restore such a copy takes recover\n"
    "  --to PATH        where to\n"
    "recover  reads what the database lacks from another copy\n"
    "  --from PATH|URL        a folder or address with the log's tiles\n"
    "  --statements PATH|URL  the same with its statements (that of --from)\n"
    "freeze   gives the log its last head; it is read on, and takes no more\n"
    "remove   asks the server to withhold what a statement says\n"
    "  --statement D    the statement's name, 64 hex digits\n"
    "  --reason TEXT    why, for the public\n"
    "  --help, --version\n"
    "a setting of serve may also stand in the file, or in the environment as\n"
    "AICERT_REGISTRY_BATCH_MS=20; options win over it, and it over the file.\n"
    "\n"
    "examples:\n"
    "  aicert-registry init /var/lib/aicert --origin log.example.org\n"
    "  aicert-registry serve /var/lib/aicert --listen 127.0.0.1:8080 \\\n"
    "      --witness-policy /etc/aicert/witnesses\n"
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
	OPT_COSIGN_S,
	OPT_RATE,
	OPT_RATE_BURST,
	OPT_RATE_LOOPBACK,
	OPT_CONNECTIONS,
	OPT_CONNECTIONS_EACH,
	OPT_KEEP_PARTIAL,
	OPT_ADMIT,
	OPT_WITNESS_POLICY,
	OPT_WITHOUT_WITNESS,
	OPT_FAIL_OPEN,
	OPT_ACCEPT_START,
	OPT_CONFIG,
	OPT_LOG,
	OPT_STATE_S,
	OPT_POLICY,
	OPT_TO,
	OPT_FROM,
	OPT_STATEMENTS,
	OPT_STATEMENT,
	OPT_REASON,
};

static const struct option options[] = {
	{ "origin", required_argument, NULL, OPT_ORIGIN },
	{ "url", required_argument, NULL, OPT_URL },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "port-file", required_argument, NULL, OPT_PORT_FILE },
	{ "batch-ms", required_argument, NULL, OPT_BATCH_MS },
	{ "batch-max", required_argument, NULL, OPT_BATCH_MAX },
	{ "cosign-s", required_argument, NULL, OPT_COSIGN_S },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "rate-burst", required_argument, NULL, OPT_RATE_BURST },
	{ "rate-loopback", no_argument, NULL, OPT_RATE_LOOPBACK },
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },
	{ "connections-per-address", required_argument, NULL,
	    OPT_CONNECTIONS_EACH },
	{ "keep-partial", required_argument, NULL, OPT_KEEP_PARTIAL },
	{ "state-s", required_argument, NULL, OPT_STATE_S },
	{ "admit", required_argument, NULL, OPT_ADMIT },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "witness-policy", required_argument, NULL, OPT_WITNESS_POLICY },
	{ "without-witness", required_argument, NULL, OPT_WITHOUT_WITNESS },
	{ "fail-open", no_argument, NULL, OPT_FAIL_OPEN },
	{ "accept-unwitnessed-start", no_argument, NULL, OPT_ACCEPT_START },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "to", required_argument, NULL, OPT_TO },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "statements", required_argument, NULL, OPT_STATEMENTS },
	{ "statement", required_argument, NULL, OPT_STATEMENT },
	{ "reason", required_argument, NULL, OPT_REASON },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

struct output {
	bool json; /* messages are lines of JSON */
};

/* The value of a setting that stood elsewhere than on the command line. */
struct kept {
	struct kept *next;
	char text[];
};

struct arguments {
	struct kept *kept; /* owned */
	const char *origin, *url, *dir, *to, *from, *statements, *statement, *reason;
	struct serve_options serve;
	const char *without[WITHOUT_MAX];
	struct output output;
	/* An option of that command was given. */
	bool for_init, for_serve, for_freeze;
};

/* ---- messages ---- */

static const char *
level_name(enum journal_level level)
{
	return level == JOURNAL_ERROR ? "error" :
	    level == JOURNAL_WARNING ? "warning" : "notice";
}

/* From any thread: one write, one line. */
static void
say(void *arg, enum journal_level level, const char *event, const char *text)
{
	const struct output *output = arg;
	char when[TIME_RFC3339_LEN + 1] = "";
	struct message escaped = { "" };
	struct buf line = { 0 };
	struct writer w;

	/* A path may be any bytes; a line of JSON may not. */
	if (!text_is_plain(span_str(text))) {
		message_add_quoted(&escaped, span_str(text));
		text = escaped.text;
	}

	wr_init(&w, LOG_LINE_MAX);
	if (output->json) {
		if (time_format(when, (int64_t)time(NULL)) != AC_OK)
			when[0] = '\0';
		wr_printf(&w, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":"
		    "\"%s\",\"text\":", when, level_name(level), event);
		wr_json(&w, span_str(text));
		wr_str(&w, "}\n");
	} else {
		wr_printf(&w, "aicert-registry: %s%s\n", level ==
		    JOURNAL_WARNING ? "warning: " : level == JOURNAL_NOTICE ?
		    "note: " : "", text);
	}
	if (wr_end(&w, &line) == AC_OK)
		(void)!write(STDERR_FILENO, line.p, line.len);
	buf_free(&line);
}

static int
usage(const char *what)
{
	(void)fprintf(stderr, "aicert-registry: %s\ntry: aicert-registry "
	    "--help\n", what);
	return EXIT_USAGE;
}

static int
failed(struct arguments *a, const struct message *why)
{
	say(&a->output, JOURNAL_ERROR, "failed", why->text);
	return EXIT_FAILURE;
}

/* ---- options ---- */

static bool
get_number(unsigned *out, const char *text, unsigned min, unsigned max)
{
	uint64_t v;

	if (!text_undec(&v, span_str(text), max) || v < min)
		return false;
	*out = (unsigned)v;
	return true;
}

static bool
add_without(struct arguments *a, const char *name)
{
	if (a->serve.nwithout == WITHOUT_MAX || *name == '\0')
		return false;
	a->without[a->serve.nwithout++] = name;
	return true;
}

/* Take one option of serve; false: *why says what it wants. */
static bool
take_option(struct arguments *a, int option, const char *value,
    const char **why)
{
	struct serve_options *s = &a->serve;

	switch (option) {
	case OPT_LISTEN:
		s->listen = value;
		return true;
	case OPT_PORT_FILE:
		s->port_file = value;
		return true;
	case OPT_BATCH_MS:
		*why = "--batch-ms wants a number of 0 to 60000";
		return get_number(&s->batch_ms, value, 0, BATCH_MS_MAX);
	case OPT_BATCH_MAX:
		*why = "--batch-max wants a number of 1 to 65536";
		return get_number(&s->batch_max, value, 1, BATCH_MAX_MAX);
	case OPT_COSIGN_S:
		*why = "--cosign-s wants a number of 1 to 60";
		return get_number(&s->cosign_s, value, 1, COSIGN_S_MAX);
	case OPT_RATE:
		*why = "--rate wants a number of 0 to 1000000";
		return get_number(&s->limits.bucket.rate, value, 0, RATE_MAX);
	case OPT_RATE_BURST:
		*why = "--rate-burst wants a number of 1 to 1000000";
		return get_number(&s->limits.bucket.burst, value, 1, RATE_MAX);
	case OPT_CONNECTIONS:
		*why = "--connections wants a number of 16 to 65536";
		return get_number(&s->limits.connections, value, 16,
		    CONNECTIONS_MAX);
	case OPT_CONNECTIONS_EACH:
		*why = "--connections-per-address wants a number of 1 to 65536";
		return get_number(&s->limits.per_address, value, 1,
		    CONNECTIONS_MAX);
	case OPT_KEEP_PARTIAL:
		*why = "--keep-partial wants a number of seconds";
		return get_number(&s->keep_partial_s, value, 0, UINT32_MAX);
	case OPT_STATE_S:
		*why = "--state-s wants a number of 0 (never) to 604800";
		return get_number(&s->state_s, value, 0, STATE_S_MAX);
	case OPT_ADMIT:
		*why = "--admit wants signed or evidence";
		s->admit_evidence = strcmp(value, "evidence") == 0;
		return s->admit_evidence || strcmp(value, "signed") == 0;
	case OPT_POLICY:
		s->policy = value;
		return true;
	case OPT_WITNESS_POLICY:
		s->witness_policy = value;
		return true;
	case OPT_WITHOUT_WITNESS:
		*why = "--without-witness wants the name of a witness, at most "
		    "32 times";
		return add_without(a, value);
	case OPT_LOG:
		*why = "--log wants text or json";
		a->output.json = strcmp(value, "json") == 0;
		return a->output.json || strcmp(value, "text") == 0;
	default:
		*why = "this option is none of serve";
		return false;
	}
}

static bool
take_flag(struct arguments *a, int option, bool on)
{
	if (option == OPT_RATE_LOOPBACK)
		a->serve.limits.bucket.loopback = on;
	else if (option == OPT_FAIL_OPEN)
		a->serve.fail_open = on;
	else if (option == OPT_ACCEPT_START)
		a->serve.accept_start = on;
	else
		return false;
	return true;
}

/* May it stand in a file or in the environment? */
static bool
is_setting(const struct option *o)
{
	return o->val != OPT_ORIGIN && o->val != OPT_URL &&
	    o->val != OPT_CONFIG && o->val != OPT_TO &&
	    o->val != OPT_FROM && o->val != OPT_STATEMENTS &&
	    o->val != OPT_STATEMENT &&
	    o->val != OPT_REASON && o->val >= OPT_ORIGIN;
}

/* A setting of the file or of the environment. */
static bool
take_setting(void *arg, struct span key, struct span value,
    struct message *why)
{
	struct arguments *a = arg;
	const struct option *o = options;
	const char *said = "";
	struct kept *kept;
	bool on;

	while (o->name != NULL && (!is_setting(o) || !span_is(key, o->name)))
		o++;
	if (o->name == NULL) {
		message_set(why, "there is no setting ");
		message_add_quoted(why, key);
		return false;
	}
	if (o->has_arg == no_argument) {
		message_set(why, "%s is yes or no, found ", o->name);
		message_add_quoted(why, value);
		return config_flag(&on, value) && take_flag(a, o->val, on);
	}
	/* Lives as long as the command, as its arguments do. */
	kept = calloc(1, sizeof(*kept) + value.len + 1);
	if (kept == NULL) {
		message_set(why, "no memory for the settings");
		return false;
	}
	memcpy(kept->text, value.p, value.len);
	kept->next = a->kept;
	a->kept = kept;
	if (take_option(a, o->val, kept->text, &said))
		return true;
	message_set(why, "%s, found ", said);
	message_add_quoted(why, value);
	return false;
}

/* Exit code, or -1 to go on. */
static int
get_option(struct arguments *a, int option)
{
	const char *why = "unknown option, or its argument is missing";

	if (option == OPT_ORIGIN || option == OPT_URL)
		a->for_init = true;
	else if (option == OPT_WITNESS_POLICY || option == OPT_WITHOUT_WITNESS)
		a->for_freeze = true;
	else if (option != OPT_TO && option != OPT_FROM && option != OPT_LOG &&
	    option != OPT_STATEMENTS && option != OPT_STATEMENT &&
	    option != OPT_REASON)
		a->for_serve = true;
	switch (option) {
	case OPT_ORIGIN:
		a->origin = optarg;
		return -1;
	case OPT_URL:
		a->url = optarg;
		return -1;
	case OPT_TO:
		a->to = optarg;
		return -1;
	case OPT_FROM:
		a->from = optarg;
		return -1;
	case OPT_STATEMENTS:
		a->statements = optarg;
		return -1;
	case OPT_STATEMENT:
		a->statement = optarg;
		return -1;
	case OPT_REASON:
		a->reason = optarg;
		return -1;
	case OPT_CONFIG:
		return -1; /* was read before */
	case 'h':
		(void)fputs(help, stdout);
		return EXIT_SUCCESS;
	case 'V':
		(void)puts("aicert-registry " AICERT_VERSION);
		return EXIT_SUCCESS;
	case '?':
		return usage(why);
	default:
		return take_flag(a, option, true) ||
		    take_option(a, option, optarg, &why) ? -1 : usage(why);
	}
}

/*
 * What the file and the environment say, before the options win over it.  The
 * file is the one of --config, else of the environment.
 */
static enum ac_err
get_settings(struct arguments *a, int argc, char *argv[], struct message *why)
{
	const struct config_taker taker = { take_setting, a };
	const char *path = getenv(CONFIG_ENV "CONFIG");
	enum ac_err e = AC_OK;
	bool is_serve;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1)
		if (option == OPT_CONFIG)
			path = optarg;
	is_serve = optind < argc && strcmp(argv[optind], "serve") == 0;
	opterr = 1;
	optind = 0; /* begin again */
	/* Only serve has settings elsewhere than on its command line. */
	if (!is_serve)
		return AC_OK;
	if (path != NULL && *path != '\0')
		e = config_load(path, &taker, why);
	for (const struct option *o = options; e == AC_OK && o->name != NULL;
	    o++)
		if (is_setting(o))
			e = config_env(o->name, &taker, why);
	return e;
}

static int
run_init(struct arguments *a)
{
	struct message why = { "" };

	if (a->origin == NULL || a->for_serve || a->for_freeze ||
	    a->to != NULL || a->from != NULL)
		return usage("init DIR --origin HOST [--url URL]");
	if (home_init(a->dir, a->origin, a->url, (int64_t)time(NULL), &why) !=
	    AC_OK)
		return failed(a, &why);
	(void)printf("%s: a log named %s\n"
	    "%s/log-keys: the lines by which policies trust it\n"
	    "next: aicert-registry serve %s --listen 127.0.0.1:8080 "
	    "--witness-policy FILE\n(or, while it has no witnesses, "
	    "--accept-unwitnessed-start)\n",
	    a->dir, a->origin, a->dir, a->dir);
	return EXIT_SUCCESS;
}

static bool
on_ready(const char *url)
{
	bool said = printf("listening on %s\n", url) > 0 &&
	    fflush(stdout) == 0;

	notify_ready(url);
	return said;
}

static int
run_serve(struct arguments *a)
{
	const struct journal journal = { say, &a->output };
	struct message why = { "" };
	sigset_t set;
	enum ac_err e;
	int fd;

	if (a->serve.listen == NULL || a->for_init || a->to != NULL ||
	    a->from != NULL)
		return usage("serve DIR --listen ADDR:PORT [options]");
	a->serve.dir = a->dir;
	a->serve.without = a->without;
	a->serve.journal = &journal;
	a->serve.ready = on_ready;
	a->serve.alive = notify_alive;
	a->serve.stopping = notify_stopping;
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
		return failed(a, &why);
	}
	e = serve_run(&a->serve, fd, &why);
	(void)close(fd);
	return e == AC_OK ? EXIT_SUCCESS : failed(a, &why);
}

static int
run_export(struct arguments *a)
{
	struct export_result result;
	struct message why = { "" };

	if (a->to == NULL || a->from != NULL || a->for_init || a->for_serve ||
	    a->for_freeze)
		return usage("export DIR --to FOLDER");
	if (export_run(a->dir, a->to, &result, &why) != AC_OK)
		return failed(a, &why);
	(void)printf("%s: the log at size %" PRIu64 ", %" PRIu64
	    " statements, %" PRIu64 " entries without content\n"
	    "any web server can serve it; aicert-registry recover can read "
	    "it\n", a->to, result.size, result.statements, result.without);
	return EXIT_SUCCESS;
}

static int
run_backup(struct arguments *a)
{
	struct message why = { "" };
	uint64_t size;

	if (a->to == NULL || a->from != NULL || a->for_init || a->for_serve ||
	    a->for_freeze)
		return usage("backup DIR --to FILE");
	if (export_backup(a->dir, a->to, &size, &why) != AC_OK)
		return failed(a, &why);
	(void)printf("%s: the database at size %" PRIu64 "\n"
	    "the keys are not in it: keep log.key, time.key and statement.key "
	    "apart\n"
	    "a copy is older than the log soon: after putting it back, "
	    "aicert-registry recover %s\nreads what is missing; without that "
	    "the server does not start\n", a->to, size, a->dir);
	return EXIT_SUCCESS;
}

static int
run_recover(struct arguments *a)
{
	const struct restore_result *s;
	struct recover_result result;
	struct message why = { "" };

	if (a->from == NULL || a->to != NULL || a->for_init || a->for_serve ||
	    a->for_freeze)
		return usage("recover DIR --from FOLDER|URL "
		    "[--statements FOLDER|URL]");
	if (recover_run(a->dir, a->from, a->statements, &result, &why) !=
	    AC_OK)
		return failed(a, &why);
	s = &result.statements;
	(void)printf("%s: %s from size %" PRIu64 " to size %" PRIu64 "\n"
	    "statements: %" PRIu64 " restored, %" PRIu64 " missing, %" PRIu64
	    " that are not those of their leaves\n", a->dir, result.made ?
	    "made anew, and recovered" : "recovered", result.before,
	    result.after, s->restored, s->missing, s->wrong);
	if (s->missing + s->wrong > 0)
		(void)printf("whoever has them posts them again, or --statements "
		    "names another copy; they keep their index\n");
	(void)printf("(evidence is joined to its provenance; further lines of a "
	    "certificate\nwhen that is posted again: of an export each file of "
	    "api/v1/certificates)\nnext: aicert-registry serve\n");
	return EXIT_SUCCESS;
}

static int
run_freeze(struct arguments *a)
{
	const struct journal journal = { say, &a->output };
	struct message why = { "" };
	uint64_t size;

	if (a->for_init || a->for_serve || a->to != NULL || a->from != NULL)
		return usage("freeze DIR [--witness-policy FILE]");
	a->serve.dir = a->dir;
	a->serve.without = a->without;
	a->serve.journal = &journal;
	if (serve_freeze(&a->serve, &size, &why) != AC_OK)
		return failed(a, &why);
	(void)printf("%s: frozen at size %" PRIu64 "; serve goes on answering "
	    "reads\n", a->dir, size);
	return EXIT_SUCCESS;
}

static int
run_remove(struct arguments *a)
{
	struct message why = { "" };
	struct digest d;

	if (a->statement == NULL || a->reason == NULL || a->for_init ||
	    a->for_serve || a->for_freeze || a->to != NULL || a->from != NULL)
		return usage("remove DIR --statement D --reason TEXT");
	if (!text_unhex_digest(&d, span_str(a->statement)) ||
	    !text_is_plain(span_str(a->reason)) ||
	    strlen(a->reason) > REASON_MAX)
		return usage("--statement wants 64 lower-case hex digits, "
		    "--reason plain text of at most 1024 bytes");
	if (own_ask_removal(a->dir, &d, a->reason, &why) != AC_OK)
		return failed(a, &why);
	(void)printf("%s: asked for; the server withholds it within seconds of "
	    "running, and logs that\n", a->statement);
	return EXIT_SUCCESS;
}

/* The whole of the program, but for its memory. */
static int
run(struct arguments *a, int argc, char *argv[])
{
	static const struct {
		const char *name;
		int (*run)(struct arguments *a);
	} commands[] = {
		{ "init", run_init },
		{ "serve", run_serve },
		{ "export", run_export },
		{ "backup", run_backup },
		{ "recover", run_recover },
		{ "freeze", run_freeze },
		{ "remove", run_remove },
	};
	struct message why = { "" };
	int option, code;

	if (get_settings(a, argc, argv, &why) != AC_OK)
		return usage(why.text);
	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		code = get_option(a, option);
		if (code >= 0)
			return code;
	}
	if (argc - optind != 2)
		return usage("expected a command and the directory of a log");
	a->dir = argv[optind + 1];
	if (a->statements != NULL && strcmp(argv[optind], "recover") != 0)
		return usage("--statements is of recover");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[optind], commands[i].name) == 0)
			return commands[i].run(a);
	return usage("the commands are init, serve, export, backup, recover, "
	    "freeze and remove");
}

int
main(int argc, char *argv[])
{
	struct arguments a = { .url = "",
		.serve = { .batch_ms = 50, .batch_max = 4096,
		    .cosign_s = 60, .state_s = 86400,
		    .keep_partial_s = 3600, .limits = { .connections = 16384,
		    .per_address = 4096, .bucket = { .rate = 500,
		    .burst = 2000 } } } };
	int code = run(&a, argc, argv);

	while (a.kept != NULL) {
		struct kept *kept = a.kept;

		a.kept = kept->next;
		free(kept);
	}
	return code;
}
