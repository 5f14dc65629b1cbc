/*
 * cmd_publish.c -- "aicert publish": send a model's certificate to a registry
 * and keep what comes back, once it was checked.  The file changes at the very
 * end or not at all, so that it can always be run again.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/text.h"
#include "producer/cmd.h"
#include "producer/publish.h"

#define NAME "publish"
#define TIMEOUT_MAX_S 3600

struct job {
	const char *dir, *registry, *log_keys;
	unsigned timeout_s;
	bool json;
	char *path; /* of the certificate; owned */
	unsigned status;   /* of the registry's answer; 0: none */
	uint64_t retry_s;  /* 0: not said */
	struct buf jsonl;  /* as it was before; owned */
	unsigned mode;
	struct publish sent;
	struct logkeys keys;
	bool replacing;    /* the file was being replaced */
	struct publish_line line[CERTIFICATE_LINES_MAX];
};

static int
help(void)
{
	(void)printf("usage: aicert publish DIR --registry URL "
	    "[--log-keys FILE] [--timeout SECONDS] [--json]\n\n"
	    "Sends DIR/aicert.jsonl to a registry, checks that every line was "
	    "put into its log,\nand replaces the file with the logged one.  It "
	    "can be run again at any time.\n\n"
	    "  --registry URL     where the registry is, "
	    "https://log.example.org\n"
	    "  --log-keys FILE    the log's keys, from its operator; without "
	    "it the registry's\n"
	    "                     own word about its key is taken\n"
	    "  --timeout SECONDS  for each request, %d unless said\n"
	    "  --json             say what was done as JSON\n\n"
	    "Example: aicert publish model --registry https://log.example.org "
	    "--log-keys log-keys\n", HTTP_TIMEOUT_S);
	return CMD_OK;
}

/* The certificate and its mode. */
static enum ac_err
read_certificate(struct job *j, struct message *why)
{
	size_t n = strlen(j->dir);
	struct stat st;
	enum ac_err e;

	while (n > 1 && j->dir[n - 1] == '/')
		n--;
	if (asprintf(&j->path, "%.*s/aicert.jsonl", (int)n, j->dir) < 0) {
		j->path = NULL;
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	e = file_read(&j->jsonl, j->path, CERTIFICATE_MAX);
	if (e == AC_OK && stat(j->path, &st) != 0)
		e = AC_ERR_IO;
	if (e == AC_OK) {
		j->mode = st.st_mode & 0777;
		return AC_OK;
	}
	message_set(why, "cannot read the certificate ");
	message_add_quoted(why, span_str(j->path));
	message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
	    e == AC_ERR_NOT_FOUND ? "there is none; name the folder of a model "
	    "that \"aicert build\" made" :
	    e == AC_ERR_FORMAT ? "it is not a regular file" :
	    e == AC_ERR_LIMIT ? "it is larger than a certificate can be" :
	    ac_strerror(e));
	return e;
}

/* Replace the file, unless somebody else changed it meanwhile. */
static enum ac_err
replace(const struct job *j, struct span file, struct message *why)
{
	struct buf now = { 0 };
	enum ac_err e = file_read(&now, j->path, CERTIFICATE_MAX);
	bool same = e == AC_OK &&
	    span_equal(buf_span(&now), buf_span(&j->jsonl));

	buf_free(&now);
	if (!same) {
		message_set(why, "the certificate was changed by somebody else "
		    "while it was being published; run this again");
		return AC_ERR_MISMATCH;
	}
	e = file_write(j->path, file, j->mode);
	if (e != AC_OK) {
		message_set(why, "published, but cannot replace ");
		message_add_quoted(why, span_str(j->path));
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
	}
	return e;
}

static enum ac_err
publish(struct job *j, struct message *why)
{
	struct http_answer answer = { 0 };
	struct buf file = { 0 };
	struct message what;
	enum ac_err e;

	e = read_certificate(j, why);
	if (e != AC_OK)
		return e;
	e = publish_prepare(&j->sent, buf_span(&j->jsonl), &what);
	if (e != AC_OK) {
		message_set(why, "will not publish ");
		message_add_quoted(why, span_str(j->path));
		message_add(why, ": %s", what.text);
		return e;
	}
	e = publish_keys(&j->keys, &j->status, j->registry, j->log_keys,
	    j->timeout_s, why);
	if (e != AC_OK)
		return e;
	e = publish_send(&answer, j->registry, buf_span(&j->jsonl),
	    j->timeout_s, why);
	j->status = answer.status;
	j->retry_s = answer.retry_s;
	if (e == AC_OK) {
		e = publish_check(&file, j->line, &j->sent,
		    buf_span(&answer.body), &j->keys, &what);
		if (e != AC_OK)
			message_set(why, "the registry's answer is not "
			    "accepted: %s", what.text);
	}
	http_answer_free(&answer);
	if (e == AC_OK) {
		j->replacing = true;
		e = replace(j, buf_span(&file), why);
	}
	buf_free(&file);
	return e;
}

static void
print_text(const struct job *j)
{
	size_t n = j->sent.sent->nlines;
	char hex[65] = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct publish_line *l = &j->line[i];
		struct message log = { "" };

		message_add_quoted(&log, span_str(l->log->name));
		text_hex(hex, span_digest(&l->d));
		(void)printf("line %zu: entry %" PRIu64 " of %" PRIu64 " in the "
		    "log %s%s\n        D %s\n", i + 1, l->index, l->size,
		    log.text, l->adopted ? ", under the signature that it had "
		    "already" : "", hex);
	}
	(void)printf("Published; the certificate now holds its log entries.\n");
	if (j->log_keys == NULL)
		(void)printf("The log's key is only this registry's word: "
		    "compare it with its operator's,\nand name it with "
		    "--log-keys FILE.\n");
	(void)printf("Next: aicert-verify DIR\n");
}

static void
write_line(struct writer *w, const struct publish_line *l, size_t i)
{
	wr_str(w, i == 0 ? "{\"line\":" : ",{\"line\":");
	wr_dec(w, i + 1);
	wr_str(w, ",\"statement\":\"");
	wr_hex(w, span_digest(&l->d));
	wr_str(w, "\",\"log\":");
	wr_json(w, span_str(l->log->name));
	wr_str(w, ",\"index\":");
	wr_dec(w, l->index);
	wr_str(w, ",\"treeSize\":");
	wr_dec(w, l->size);
	wr_str(w, ",\"signatureAdopted\":");
	wr_str(w, l->adopted ? "true}" : "false}");
}

/* why is NULL where it worked. */
static enum ac_err
print_json(const struct job *j, const struct message *why)
{
	struct writer w;

	wr_init(&w, 1 * MIB);
	wr_printf(&w, "{\"published\":%s,\"logKeysFrom\":\"%s\"",
	    why == NULL ? "true" : "false",
	    j->log_keys != NULL ? "file" : "registry");
	if (j->status != 0)
		wr_printf(&w, ",\"status\":%u", j->status);
	if (j->retry_s != 0)
		wr_printf(&w, ",\"retryAfterSeconds\":%" PRIu64, j->retry_s);
	if (why != NULL) {
		wr_str(&w, ",\"error\":");
		wr_json(&w, span_str(why->text));
	} else {
		wr_str(&w, ",\"lines\":[");
		for (size_t i = 0; i < j->sent.sent->nlines; i++)
			write_line(&w, &j->line[i], i);
		wr_str(&w, "]");
	}
	wr_str(&w, "}\n");
	return cmd_print(&w);
}

static int
run(struct job *j)
{
	struct message why = { "" };
	enum ac_err e = publish(j, &why);
	int code = CMD_OK;

	if (e != AC_OK) {
		code = cmd_failed(NAME, &why);
		if (!j->replacing)
			(void)fprintf(stderr, "The certificate is as it was; "
			    "\"aicert publish\" can be run again at any "
			    "time.\n");
	}
	if (!j->json && e == AC_OK)
		print_text(j);
	else if (j->json && print_json(j, e == AC_OK ? NULL : &why) != AC_OK)
		code = CMD_FAILED;
	publish_free(&j->sent);
	buf_free(&j->jsonl);
	free(j->path);
	return code;
}

int
cmd_publish(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "registry", required_argument, NULL, 'r' },
		{ "log-keys", required_argument, NULL, 'k' },
		{ "timeout", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct job *j = calloc(1, sizeof(*j));
	struct message why;
	uint64_t seconds;
	char *url = NULL;
	int c, code = CMD_USAGE;

	if (j == NULL) {
		message_set(&why, "out of memory");
		return cmd_failed(NAME, &why);
	}
	j->timeout_s = HTTP_TIMEOUT_S;
	optind = 0; /* a first call for this argv */
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			code = help();
			goto out;
		case 'r':
			j->registry = optarg;
			break;
		case 'k':
			j->log_keys = optarg;
			break;
		case 't':
			if (!text_undec(&seconds, span_str(optarg),
			    TIMEOUT_MAX_S) || seconds == 0) {
				(void)cmd_usage(NAME, "--timeout is a number "
				    "of seconds from 1 to %d", TIMEOUT_MAX_S);
				goto out;
			}
			j->timeout_s = (unsigned)seconds;
			break;
		case 'j':
			j->json = true;
			break;
		default:
			(void)cmd_bad_option(NAME, c, argv);
			goto out;
		}
	}
	if (argc - optind != 1 || argv[optind][0] == '\0') {
		(void)cmd_usage(NAME, "name the one folder of the model");
		goto out;
	}
	if (j->registry == NULL) {
		(void)cmd_usage(NAME, "name the registry: --registry "
		    "https://log.example.org");
		goto out;
	}
	if (http_url(&url, j->registry, "", &why) != AC_OK) {
		(void)cmd_usage(NAME, "%s", why.text);
		goto out;
	}
	free(url);
	j->dir = argv[optind];
	code = run(j);
out:
	free(j);
	return code;
}
