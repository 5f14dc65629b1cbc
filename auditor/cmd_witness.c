/*
 * cmd_witness.c -- "aicert-audit witness": cosign the checkpoints of logs that
 * never take anything back; and "witness keygen".
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auditor/cmd.h"
#include "auditor/submission.h"
#include "auditor/witness.h"
#include "common/door.h"
#include "common/file.h"
#include "common/listen.h"

#define NAME "witness"
#define THREADS 4
#define LOGS_MAX POLICY_LIST_MAX

struct job {
	const char *listen, *state, *port_file, *log_keys;
	const char *key[WITNESS_KEYS_MAX];
	const char *log[LOGS_MAX];
	size_t nkeys, nlogs;
	bool json;
	struct witness *witness;
};

static int
help(void)
{
	(void)printf("usage: aicert-audit witness --listen ADDR:PORT --state "
	    "DIR --key FILE...\n"
	    "           (--log VKEY | --log-keys FILE)... [--port-file FILE] "
	    "[--json]\n"
	    "       aicert-audit witness keygen FILE --name NAME\n\n"
	    "Runs a C2SP tlog-witness until SIGTERM: a log posts its new "
	    "checkpoint, with a proof that\nit extends the last one, to "
	    "/add-checkpoint and gets a cosignature.  What was cosigned\nlast "
	    "is at /<hex SHA-256 of the origin>/checkpoint.  keygen makes its "
	    "key, and prints the\nword by which policies name it.\n\n"
	    "  --listen ADDR:PORT  port 0 takes any that is free\n"
	    "  --state DIR         what was cosigned; made if it is not there, "
	    "never to be restored\n"
	    "                      from an older copy\n"
	    "  --key FILE          the witness's key; several cosign all\n"
	    "  --log VKEY          cosign this log: the second word of its "
	    "policy line\n"
	    "  --log-keys FILE     cosign the logs whose lines are in FILE\n"
	    "  --port-file FILE    write the port there when ready\n"
	    "  --name NAME         name of a new key: a URL without its "
	    "scheme\n"
	    "  --json              a line of JSON for each request on standard "
	    "output\n\n"
	    "Exit status: 0 stopped as asked, 2 it could not run.\n\n"
	    "Examples:\n"
	    "  aicert-audit witness keygen witness.key --name "
	    "witness.example.org/1\n"
	    "  aicert-audit witness --listen 127.0.0.1:8081 --state witness "
	    "--key witness.key \\\n"
	    "      --log-keys log-keys\n");
	return CMD_GOOD;
}

/* ---- keys ---- */

static int
keygen(const char *path, const char *name)
{
	struct buf text = { 0 }, vkey = { 0 };
	struct message why = { "" };
	struct note_key pub;
	struct writer w;
	enum ac_err e;

	e = notekey_generate(&text, &pub, name, NOTE_COSIGNATURE);
	if (e == AC_ERR_FORMAT)
		return cmd_usage(NAME, "a key's name has no blanks and no '+', "
		    "and at most %d bytes", NOTE_NAME_MAX);
	wr_init(&w, NOTEKEY_FILE_MAX);
	if (e == AC_OK)
		e = file_create(path, buf_span(&text), 0600);
	buf_wipe(&text);
	if (e == AC_OK) {
		note_key_write(&w, &pub);
		e = wr_end(&w, &vkey);
	}
	wr_free(&w);
	if (e != AC_OK) {
		message_set(&why, "cannot make the key ");
		message_add_quoted(&why, span_str(path));
		message_add(&why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    e == AC_ERR_EXISTS ? "it is there already; keys are never "
		    "overwritten" : ac_strerror(e));
		return cmd_failed(NAME, e, &why);
	}
	(void)printf("%.*s\n", (int)vkey.len, (const char *)vkey.p);
	buf_free(&vkey);
	return CMD_GOOD;
}

/* A key file that nobody else can read. */
static enum ac_err
open_key(struct notekey **out, const char *path, struct message *why)
{
	struct buf text = { 0 };
	struct stat st;
	enum ac_err e;

	message_set(why, "cannot use the key ");
	message_add_quoted(why, span_str(path));
	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0) {
		message_add(why, ": others can read it; make it private with "
		    "chmod 600");
		return AC_ERR_MISMATCH;
	}
	e = file_read(&text, path, NOTEKEY_FILE_MAX);
	if (e == AC_OK)
		e = notekey_parse(out, buf_span(&text));
	buf_wipe(&text);
	if (e != AC_OK) {
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    e == AC_ERR_FORMAT ? "it is no private key of a note" :
		    ac_strerror(e));
		return e;
	}
	if (notekey_public(*out)->type == NOTE_COSIGNATURE)
		return AC_OK;
	message_add(why, ": it is of another type; cosignatures are by keys of "
	    "type 4, as \"witness keygen\" makes them");
	notekey_free(*out);
	*out = NULL;
	return AC_ERR_MISMATCH;
}

/* The policy that --log and --log-keys make. */
static enum ac_err
read_logs(struct policy **out, const struct job *j, struct message *why)
{
	struct buf keys = { 0 }, text = { 0 };
	struct message what = { "" };
	struct writer w;
	enum ac_err e = AC_OK;

	wr_init(&w, POLICY_MAX);
	for (size_t i = 0; i < j->nlogs; i++) {
		wr_str(&w, "log ");
		wr_str(&w, j->log[i]);
		wr_u8(&w, '\n');
	}
	if (j->log_keys != NULL)
		e = file_read(&keys, j->log_keys, POLICY_MAX);
	if (e != AC_OK) {
		wr_free(&w);
		message_set(why, "cannot read ");
		message_add_quoted(why, span_str(j->log_keys));
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
		return e;
	}
	wr_bytes(&w, buf_span(&keys));
	wr_str(&w, "\nquorum none\n");
	e = wr_end(&w, &text);
	if (e == AC_OK)
		e = policy_parse(out, buf_span(&text), NULL, &what);
	if (e == AC_OK && (*out)->nlog == 0) {
		message_set(&what, "no line says \"log\"");
		policy_free(*out);
		*out = NULL;
		e = AC_ERR_NOT_FOUND;
	}
	if (e != AC_OK)
		message_set(why, "cannot use the logs (those of --log first): "
		    "%s", what.text);
	buf_free(&keys);
	buf_free(&text);
	return e;
}

/* ---- requests ---- */

/* One line about a request; each is written at once. */
static void
tell(const struct job *j, const struct door_request *r,
    const struct witness_reply *reply)
{
	struct buf line = { 0 };
	struct writer w;

	if (!j->json && !reply->evidence)
		return;
	wr_init(&w, 16 * KIB);
	wr_printf(&w, "{\"time\":%" PRIu64 ",\"method\":",
	    (uint64_t)time(NULL));
	wr_json(&w, span_str(r->method));
	wr_str(&w, ",\"target\":");
	wr_json(&w, span_str(r->target));
	wr_printf(&w, ",\"status\":%u,\"evidence\":%s", reply->status,
	    reply->evidence ? "true" : "false");
	if (reply->note.text[0] != '\0') {
		wr_str(&w, ",\"message\":");
		wr_json(&w, span_str(reply->note.text));
	}
	wr_str(&w, "}\n");
	/* A request whose line cannot be written is answered all the same. */
	if (wr_end(&w, &line) == AC_OK)
		(void)!write(j->json ? STDOUT_FILENO : STDERR_FILENO, line.p,
		    line.len);
	buf_free(&line);
}

static void
answer(void *arg, struct door_reply *out, const struct door_request *r)
{
	struct job *j = arg;
	struct span target = span_str(r->target);
	struct witness_reply reply = { .status = 404,
		.type = "text/plain; charset=utf-8" };
	bool get = strcmp(r->method, "GET") == 0 ||
	    strcmp(r->method, "HEAD") == 0;
	size_t tail = strlen("/checkpoint");

	if (span_is(target, "/add-checkpoint")) {
		if (strcmp(r->method, "POST") == 0) {
			witness_add_checkpoint(j->witness, &reply, r->body,
			    (int64_t)time(NULL));
		} else {
			reply.status = 405;
			out->allow = "POST";
		}
	} else if (target.len == 1 + 64 + tail && target.p[0] == '/' &&
	    span_is(span_of(target.p + 65, tail), "/checkpoint")) {
		if (get) {
			witness_checkpoint(j->witness, &reply,
			    span_of(target.p + 1, 64));
			out->cache = "no-cache";
		} else {
			reply.status = 405;
			out->allow = "GET, HEAD";
		}
	}
	tell(j, r, &reply);
	out->status = reply.status;
	out->type = reply.type;
	out->retry_after_s = reply.retry_after_s;
	out->body = reply.body;
}

/* ---- life ---- */

static enum ac_err
write_port(const char *path, const char *port, struct message *why)
{
	enum ac_err e = file_write(path, span_str(port), 0644);

	if (e != AC_OK) {
		message_set(why, "cannot write ");
		message_add_quoted(why, span_str(path));
		message_add(why, ": %s", strerror(errno));
	}
	return e;
}

static enum ac_err
run(struct job *j, struct message *why)
{
	const volatile sig_atomic_t *stop = cmd_stop();
	char url[LISTEN_URL_MAX], port[LISTEN_PORT_MAX];
	struct door_options o = { .nthreads = THREADS,
		.body_max = SUBMISSION_MAX, .answer = answer, .arg = j };
	struct door *door = NULL;
	enum ac_err e;

	e = listen_open(&o.listen_fd, url, port, j->listen, why);
	if (e != AC_OK)
		return e;
	e = door_open(&door, &o, why);
	if (e != AC_OK) {
		(void)close(o.listen_fd);
		return e;
	}
	if (j->port_file != NULL)
		e = write_port(j->port_file, port, why);
	if (e == AC_OK) {
		(void)fprintf(j->json ? stderr : stdout, "listening on %s\n",
		    url);
		(void)fflush(stdout);
	}
	while (e == AC_OK && *stop == 0) {
		struct timespec second = { 1, 0 };

		(void)nanosleep(&second, NULL);
		door_reap(door);
	}
	door_close(door);
	return e;
}

static int
serve(struct job *j)
{
	struct witness_options o = { .dir = j->state, .nkeys = 0 };
	struct policy *logs = NULL;
	struct message why = { "" };
	enum ac_err e = AC_OK;

	if (mkdir(j->state, 0755) != 0 && errno != EEXIST) {
		message_set(&why, "cannot make the state folder ");
		message_add_quoted(&why, span_str(j->state));
		message_add(&why, ": %s", strerror(errno));
		return cmd_failed(NAME, AC_ERR_IO, &why);
	}
	for (size_t i = 0; e == AC_OK && i < j->nkeys; i++) {
		e = open_key(&o.key[i], j->key[i], &why);
		o.nkeys += e == AC_OK;
	}
	if (e == AC_OK)
		e = read_logs(&logs, j, &why);
	o.logs = logs;
	if (e == AC_OK)
		e = witness_open(&j->witness, &o, &why);
	if (e == AC_OK)
		e = run(j, &why);
	witness_close(j->witness);
	for (size_t i = 0; i < o.nkeys; i++)
		notekey_free(o.key[i]);
	policy_free(logs);
	if (e == AC_OK)
		return CMD_GOOD;
	(void)cmd_failed(NAME, e, &why);
	return CMD_CANNOT;
}

static int
run_keygen(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "name", required_argument, NULL, 'n' },
		{ 0 },
	};
	const char *name = NULL;
	int c;

	while ((c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (c != 'n')
			return cmd_bad_option(NAME, c, argv);
		name = optarg;
	}
	if (argc - optind != 1 || name == NULL)
		return cmd_usage(NAME, "keygen FILE --name NAME");
	return keygen(argv[optind], name);
}

int
cmd_witness(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "state", required_argument, NULL, 's' },
		{ "key", required_argument, NULL, 'k' },
		{ "log", required_argument, NULL, 'g' },
		{ "log-keys", required_argument, NULL, 'f' },
		{ "port-file", required_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct job *j = calloc(1, sizeof(*j));
	int c, code = -1;

	opterr = 0;
	if (j == NULL)
		return CMD_CANNOT;
	if (argc > 1 && strcmp(argv[1], "keygen") == 0)
		code = run_keygen(argc - 1, argv + 1);
	while (code < 0 &&
	    (c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (c == 'l')
			j->listen = optarg;
		else if (c == 's')
			j->state = optarg;
		else if (c == 'f')
			j->log_keys = optarg;
		else if (c == 'p')
			j->port_file = optarg;
		else if (c == 'j')
			j->json = true;
		else if (c == 'h')
			code = help();
		else if (c == 'k' && j->nkeys < WITNESS_KEYS_MAX)
			j->key[j->nkeys++] = optarg;
		else if (c == 'g' && j->nlogs < LOGS_MAX)
			j->log[j->nlogs++] = optarg;
		else if (c == 'k' || c == 'g')
			code = cmd_usage(NAME, "too many keys or logs");
		else
			code = cmd_bad_option(NAME, c, argv);
	}
	if (code < 0 && (argc != optind || j->listen == NULL ||
	    j->state == NULL || j->nkeys == 0 ||
	    (j->nlogs == 0 && j->log_keys == NULL)))
		code = cmd_usage(NAME, "--listen, --state, a --key and a log "
		    "are needed");
	if (code < 0)
		code = serve(j);
	free(j);
	return code;
}
