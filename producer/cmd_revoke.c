/*
 * cmd_revoke.c -- "aicert revoke": say for ever, and under a key, that a
 * statement, an image release or a key is not to be relied on any more; and
 * put that into a registry's log.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cert/dsse.h"
#include "cert/revocation.h"
#include "common/file.h"
#include "common/text.h"
#include "producer/cmd.h"
#include "producer/publish.h"
#include "producer/sign.h"

#define NAME "revoke"

struct job {
	struct revocation r;
	size_t ntargets;
	const char *key_file, *registry, *log_keys, *out;
};

static int
help(void)
{
	(void)printf("usage: aicert revoke --statement D | --image D | "
	    "--key FINGERPRINT|FILE.pub\n"
	    "           --sign-with FILE [--from ORIGIN:INDEX] [--reason TEXT]\n"
	    "           [--registry URL --log-keys FILE] [--out FILE]\n\n"
	    "Makes and signs a revocation, and with --registry puts it into the "
	    "log.  There is\n"
	    "no way back: none is ever lifted.  It counts where the same key "
	    "signed what is\n"
	    "revoked, is itself revoked, or is a revoker of the verifier's "
	    "policy.\n\n"
	    "  --statement D      a certificate, by the D of its line 1 or 2\n"
	    "  --image D          an image release, and what was built by it\n"
	    "  --key KEY          all that this key signed\n"
	    "  --sign-with FILE   the private key to sign with\n"
	    "  --from ORIGIN:INDEX  only what is logged there or later in that "
	    "log; in every\n"
	    "                     other log, all\n"
	    "  --reason TEXT      for people to read\n"
	    "  --registry URL     where to post it\n"
	    "  --log-keys FILE    the log's keys, from its operator\n"
	    "  --out FILE         where the line goes; else to standard "
	    "output\n\n"
	    "Example: aicert revoke --key builder.key.pub --sign-with "
	    "builder.key \\\n"
	    "    --from log.example.org:1041 --reason \"laptop stolen\" \\\n"
	    "    --registry https://log.example.org --log-keys log-keys\n");
	return CMD_OK;
}

/* A fingerprint, or a file with a public key. */
static bool
get_key(struct digest *out, const char *word, struct message *why)
{
	struct buf pem = { 0 };
	struct spki key;
	bool ok;

	if (text_unhex_digest(out, span_str(word)))
		return true;
	ok = file_read(&pem, word, PEM_MAX) == AC_OK &&
	    spki_from_pem(&key, buf_span(&pem));
	buf_free(&pem);
	if (ok) {
		*out = spki_digest(&key);
		return true;
	}
	message_set(why, "--key ");
	message_add_quoted(why, span_str(word));
	message_add(why, " is neither a SHA-256 of 64 lower-case hex digits nor "
	    "the file of a P-256 public key in PEM");
	return false;
}

/* "log.example.org:41" */
static bool
get_from(struct revocation *r, const char *word)
{
	const char *colon = strrchr(word, ':');

	r->from = true;
	if (colon == NULL || colon == word)
		return false;
	r->origin = span_of(word, (size_t)(colon - word));
	return text_undec(&r->index, span_str(colon + 1), JSON_INT_MAX);
}

/* Post the line, and keep what comes back. */
static enum ac_err
post(struct buf *line, struct publish_line *logged, const struct job *j,
    struct message *why)
{
	struct http_answer answer = { 0 };
	struct buf back = { 0 };
	struct logkeys keys;
	struct message what;
	enum ac_err e = logkeys_read(&keys, j->log_keys, why);

	if (e != AC_OK)
		return e;
	e = publish_send(&answer, j->registry, buf_span(line), HTTP_TIMEOUT_S,
	    why);
	if (e == AC_OK) {
		e = publish_check_one(&back, logged, buf_span(line),
		    buf_span(&answer.body), &keys, &what);
		if (e != AC_OK)
			message_set(why, "the registry's answer is not "
			    "accepted: %s", what.text);
	}
	http_answer_free(&answer);
	if (e != AC_OK)
		return e;
	buf_free(line);
	*line = back;
	return AC_OK;
}

static enum ac_err
write_line(const struct buf *line, const char *out, struct message *why)
{
	enum ac_err e = out != NULL ? file_write(out, buf_span(line), 0644) :
	    file_write_all(1, buf_span(line));

	if (e != AC_OK)
		message_set(why, "cannot write the revocation: %s",
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
	return e;
}

static int
run(const struct job *j)
{
	struct buf statement = { 0 }, line = { 0 };
	struct publish_line logged = { 0 };
	struct key *key = NULL;
	struct message why = { "" };
	char hex[65] = { 0 };
	struct digest d;
	enum ac_err e;

	e = key_load(&key, j->key_file, &why);
	if (e != AC_OK)
		goto out;
	e = revocation_encode(&statement, &j->r);
	if (e != AC_OK) {
		message_set(&why, "the reason or the origin is not plain text "
		    "of at most %d bytes", TEXT_MAX);
		goto out;
	}
	d = dsse_digest(buf_span(&statement));
	text_hex(hex, span_digest(&d));
	e = sign_line(&line, buf_span(&statement), key);
	if (e != AC_OK)
		message_set(&why, "cannot sign: %s", ac_strerror(e));
	if (e == AC_OK && j->registry != NULL)
		e = post(&line, &logged, j, &why);
	if (e == AC_OK)
		e = write_line(&line, j->out, &why);
	if (e != AC_OK)
		goto out;
	(void)fprintf(stderr, "revocation D %s\n", hex);
	if (j->registry != NULL)
		(void)fprintf(stderr, "logged as entry %" PRIu64 "; it counts "
		    "once the registry's next revocation state is logged\n",
		    logged.index);
	else
		(void)fprintf(stderr, "signed, and not logged: it counts only "
		    "once it is in a log; name a --registry\n");
out:
	key_free(key);
	buf_free(&statement);
	buf_free(&line);
	return e == AC_OK ? CMD_OK : cmd_failed(NAME, &why);
}

/* Is everything said that has to be? */
static int
check(const struct job *j)
{
	char *url = NULL;
	struct message why;

	if (j->ntargets != 1)
		return cmd_usage(NAME, "name one thing to revoke: "
		    "--statement D, --image D or --key KEY");
	if (j->key_file == NULL)
		return cmd_usage(NAME, "name the key to sign with: "
		    "--sign-with FILE");
	if ((j->registry == NULL) != (j->log_keys == NULL))
		return cmd_usage(NAME, "--registry and --log-keys go together: "
		    "what is told for ever is told to a log that is known");
	if (j->registry != NULL && http_url(&url, j->registry, "", &why) !=
	    AC_OK)
		return cmd_usage(NAME, "%s", why.text);
	free(url);
	return CMD_OK;
}

int
cmd_revoke(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "statement", required_argument, NULL, 's' },
		{ "image", required_argument, NULL, 'i' },
		{ "key", required_argument, NULL, 'k' },
		{ "sign-with", required_argument, NULL, 'w' },
		{ "from", required_argument, NULL, 'f' },
		{ "reason", required_argument, NULL, 'm' },
		{ "registry", required_argument, NULL, 'r' },
		{ "log-keys", required_argument, NULL, 'l' },
		{ "out", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	struct job j = { .r.reason = span_str("") };
	struct message why;
	int c;

	optind = 0; /* a first call for this argv */
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			return help();
		case 's':
		case 'i':
			j.ntargets++;
			j.r.target = c == 's' ? REVOCATION_STATEMENT :
			    REVOCATION_IMAGE;
			if (!text_unhex_digest(&j.r.digest, span_str(optarg)))
				return cmd_usage(NAME, "D is a SHA-256 of 64 "
				    "lower-case hex digits");
			break;
		case 'k':
			j.ntargets++;
			j.r.target = REVOCATION_KEY;
			if (!get_key(&j.r.digest, optarg, &why))
				return cmd_usage(NAME, "%s", why.text);
			break;
		case 'w':
			j.key_file = optarg;
			break;
		case 'f':
			if (!get_from(&j.r, optarg))
				return cmd_usage(NAME, "--from takes the name "
				    "of a log and the number of an entry, such "
				    "as log.example.org:1041");
			break;
		case 'm':
			j.r.reason = span_str(optarg);
			break;
		case 'r':
			j.registry = optarg;
			break;
		case 'l':
			j.log_keys = optarg;
			break;
		case 'o':
			j.out = optarg;
			break;
		default:
			return cmd_bad_option(NAME, c, argv);
		}
	}
	if (argc != optind)
		return cmd_usage(NAME, "there is a word too many");
	c = check(&j);
	return c == CMD_OK ? run(&j) : c;
}
