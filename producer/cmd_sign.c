/*
 * cmd_sign.c -- "aicert sign": what was made elsewhere under the builder's
 * key: the files of a folder as model.sig, or a statement as a further line of
 * its certificate.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cert/dsse.h"
#include "common/file.h"
#include "producer/certfile.h"
#include "producer/cmd.h"
#include "producer/sign.h"
#include "verifier/certificate.h"

#define NAME "sign"

struct job {
	const char *dir, *key_file, *statement;
	bool json;
	struct key *key;  /* owned */
	struct digest d;  /* of what was signed */
	struct digest root;
	size_t n;         /* files, or lines */
};

static int
help(void)
{
	(void)printf("usage: aicert sign DIR --key FILE [--statement FILE] "
	    "[--json]\n\n"
	    "Signs the files of a model that was made elsewhere: writes "
	    "DIR/model.sig, an OpenSSF\nModel Signing bundle.  That says who "
	    "stands for the files, not what they were made\nfrom.  With "
	    "--statement an in-toto statement, such as an image release or a "
	    "test\nresult, becomes a further line of DIR/aicert.jsonl, or "
	    "its only one; publish it\nafterwards.\n\n"
	    "  --key FILE        the private key, from aicert keygen\n"
	    "  --statement FILE  what to sign instead of the files\n"
	    "  --json            say what was done as JSON\n\n"
	    "Examples:\n"
	    "  aicert sign model --key builder.key\n"
	    "  aicert sign model --key lab.key --statement test-result.json\n");
	return CMD_OK;
}

static enum ac_err
sign_files(struct job *j, struct message *why)
{
	struct walk w = { 0 };
	struct buf statement = { 0 }, bundle = { 0 };
	char *path = certfile_path(j->dir, "model.sig");
	enum ac_err e = certfile_hash(&w, j->dir, why);

	if (e != AC_OK)
		goto out;
	e = path == NULL ? AC_ERR_MEMORY : oms_encode(&statement, w.file,
	    w.nfiles, oms_ignore, OMS_NIGNORE);
	if (e == AC_OK)
		e = sign_model(&bundle, buf_span(&statement), j->key);
	if (e == AC_OK)
		e = file_create(path, buf_span(&bundle), 0644);
	if (e != AC_OK) {
		message_set(why, "cannot write model.sig: %s",
		    e == AC_ERR_EXISTS ? "there is one; it is never replaced. "
		    "Move it away to sign again" : e == AC_ERR_IO ?
		    strerror(errno) : ac_strerror(e));
		goto out;
	}
	j->d = dsse_digest(buf_span(&statement));
	j->root = oms_root(w.file, w.nfiles);
	j->n = w.nfiles;
out:
	walk_free(&w);
	buf_free(&statement);
	buf_free(&bundle);
	free(path);
	return e;
}

/*
 * The certificate with the line after it, as far as it still is one; where
 * there is no certificate the line alone, such as a publisher's image release.
 */
static enum ac_err
append(struct buf *out, const struct job *j, struct span jsonl,
    struct span line, struct message *why)
{
	struct certificate *c = calloc(1, sizeof(*c));
	struct message what = { "no memory" };
	struct writer w;
	enum ac_err e = AC_ERR_MEMORY;

	wr_init(&w, CERTIFICATE_MAX);
	wr_bytes(&w, jsonl);
	wr_bytes(&w, line);
	if (c != NULL)
		e = wr_end(&w, out);
	else
		wr_free(&w);
	if (e == AC_OK && jsonl.len > 0) {
		e = certificate_decode(c, buf_span(out), &what);
		for (size_t i = 0; e == AC_OK && i + 1 < c->nlines; i++)
			if (digest_equal(&c->line[i].d, &j->d)) {
				e = AC_ERR_EXISTS;
				message_set(&what, "it is line %zu already",
				    i + 1);
			}
		certificate_free(c);
	} else if (e != AC_OK) {
		message_set(&what, "%s", ac_strerror(e));
	}
	free(c);
	if (e != AC_OK)
		message_set(why, "the statement cannot be a line of this "
		    "certificate: %s", what.text);
	return e;
}

static enum ac_err
read_statement(struct buf *out, const struct job *j, struct message *why)
{
	struct statement s = { 0 };
	enum ac_err e = file_read(out, j->statement, STATEMENT_MAX);

	if (e == AC_OK) {
		/* What is signed are these bytes, and none after them. */
		if (out->len > 0 && out->p[out->len - 1] == '\n')
			out->len--;
		e = statement_decode(&s, buf_span(out));
		statement_free(&s);
	}
	if (e == AC_OK)
		return e;
	message_set(why, "cannot sign the statement ");
	message_add_quoted(why, span_str(j->statement));
	message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
	    e == AC_ERR_FORMAT ? "it is not an in-toto Statement v1 with a "
	    "digest for each subject" : ac_strerror(e));
	return e;
}

static enum ac_err
sign_statement(struct job *j, struct message *why)
{
	struct buf statement = { 0 }, line = { 0 }, jsonl = { 0 }, all = { 0 };
	char *path = certfile_path(j->dir, "aicert.jsonl");
	struct stat st;
	enum ac_err e = read_statement(&statement, j, why);

	if (e != AC_OK)
		goto out;
	e = certfile_read(&jsonl, j->dir, why);
	if (e == AC_ERR_NOT_FOUND && stat(j->dir, &st) == 0)
		e = AC_OK;
	if (e != AC_OK)
		goto out;
	j->d = dsse_digest(buf_span(&statement));
	e = sign_line(&line, buf_span(&statement), j->key);
	if (e != AC_OK) {
		message_set(why, "cannot sign: %s", ac_strerror(e));
		goto out;
	}
	e = append(&all, j, buf_span(&jsonl), buf_span(&line), why);
	if (e != AC_OK)
		goto out;
	for (size_t i = 0; i < all.len; i++)
		j->n += all.p[i] == '\n';
	st.st_mode = 0644;
	e = path == NULL ? AC_ERR_MEMORY : stat(path, &st) != 0 &&
	    jsonl.len > 0 ? AC_ERR_IO :
	    file_write(path, buf_span(&all), st.st_mode & 0777);
	if (e != AC_OK)
		message_set(why, "cannot replace aicert.jsonl: %s",
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
out:
	free(path);
	buf_free(&statement);
	buf_free(&line);
	buf_free(&jsonl);
	buf_free(&all);
	return e;
}

static void
print(const struct job *j)
{
	struct digest key = spki_digest(key_spki(j->key));
	struct message d = { "" }, k = { "" }, root = { "" };

	message_add_digest(&d, &j->d);
	message_add_digest(&k, &key);
	message_add_digest(&root, &j->root);
	if (j->json && j->statement != NULL)
		(void)printf("{\"signed\":\"statement\",\"statement\":\"%s\","
		    "\"key\":\"%s\",\"line\":%zu}\n", d.text, k.text, j->n);
	else if (j->json)
		(void)printf("{\"signed\":\"files\",\"statement\":\"%s\","
		    "\"key\":\"%s\",\"files\":%zu,\"omsRoot\":\"%s\"}\n",
		    d.text, k.text, j->n, root.text);
	else if (j->statement != NULL)
		(void)printf("Signed: line %zu of aicert.jsonl\n  D %s\n"
		    "  by key %s\nNext: aicert publish DIR\n", j->n, d.text,
		    k.text);
	else
		(void)printf("Signed: %zu files, in model.sig\n  OMS root %s\n"
		    "  by key %s\nIt says who stands for the files.  What they "
		    "were made from is said by a certificate,\nwhich \"aicert "
		    "build\" makes.\n", j->n, root.text, k.text);
}

static int
run(struct job *j)
{
	struct message why = { "" };
	enum ac_err e = key_load(&j->key, j->key_file, &why);

	if (e == AC_OK)
		e = j->statement != NULL ? sign_statement(j, &why) :
		    sign_files(j, &why);
	if (e == AC_OK)
		print(j);
	key_free(j->key);
	return e == AC_OK ? CMD_OK : cmd_failed(NAME, &why);
}

int
cmd_sign(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "key", required_argument, NULL, 'k' },
		{ "statement", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct job j = { 0 };
	int c;

	optind = 0; /* a first call for this argv */
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			return help();
		case 'k':
			j.key_file = optarg;
			break;
		case 's':
			j.statement = optarg;
			break;
		case 'j':
			j.json = true;
			break;
		default:
			return cmd_bad_option(NAME, c, argv);
		}
	}
	if (argc - optind != 1 || argv[optind][0] == '\0')
		return cmd_usage(NAME, "name the one folder of the model");
	if (j.key_file == NULL)
		return cmd_usage(NAME, "name the key to sign with: --key FILE");
	j.dir = argv[optind];
	return run(&j);
}
