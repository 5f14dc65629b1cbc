/*
 * cmd_policy.c -- "aicert policy init": write a policy to standard output.
 *
 * A line is active only for what the caller names from outside the model, and
 * every weakening has its own flag.  What a certificate says about itself is
 * written as comments, so that a person decides (formats.md section 6).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/reader.h"
#include "common/text.h"
#include "producer/cmd.h"
#include "producer/logkeys.h"
#include "producer/root.h"
#include "verifier/akcert.h"
#include "verifier/certificate.h"
#include "verifier/images.h"

#define NAME "policy"
#define LIST_MAX 64  /* builders, roots, images */
#define PATH_LEN 4096
#define BUILTIN "azure-2023"

/* Somebody by a public key: a builder, or who may revoke. */
struct person {
	struct policy_name name;
	struct digest fingerprint;
	const char *from; /* the words of the caller */
};

struct ak_root {
	struct policy_name name;
	bool builtin, simulated;
	struct root root;
	const char *from;
	bool tpm_sim; /* from names its folder */
};

struct init {
	size_t nbuilder, nrevoker, nroot, nimage;
	struct person builder[LIST_MAX], revoker[LIST_MAX];
	struct ak_root root[LIST_MAX];
	struct policy_named_digest image[LIST_MAX];
	const char *log_keys, *model;
	struct logkeys keys;
	bool quorum_none, log_time, unmeasured_boot, self_asserted;
	bool debug_image;
	struct policy_name self_asserted_by; /* "": anybody */
};

static int
help(void)
{
	(void)printf("usage: aicert policy init [OPTION...] > FILE\n\n"
	    "Writes a policy for aicert-verify: whom to trust, for what.  "
	    "Only what is named here\nbecomes an active line.\n\n"
	    "  --builder NAME=FILE.pub        a builder, by public key (PEM) "
	    "or its SHA-256\n"
	    "  --revoker NAME=FILE.pub        who may revoke anything, "
	    "likewise\n"
	    "  --log-keys FILE                a log, by its keys from its "
	    "operator\n"
	    "  --quorum-none                  accept a log that nobody "
	    "witnesses\n"
	    "  --log-time                     believe the log's own clock "
	    "(key in --log-keys)\n"
	    "  --ak-root PEM[,simulated] [NAME]  who certifies TPMs; also: "
	    BUILTIN "\n"
	    "  --tpm-sim DIR                  a software TPM of \"aicert "
	    "tpm-sim\"; SIMULATED\n"
	    "  --unmeasured-boot              let simulated roots go without "
	    "a measured boot\n"
	    "  --image [NAME=]D               a release of the VM image, by "
	    "its statement\n"
	    "  --allow-debug-image            accept releases with a way in\n"
	    "  --allow-self-asserted[=BUILDER]  accept certificates without a "
	    "TPM\n"
	    "  --from DIR                     show what a model's certificate "
	    "says, as comments\n\n"
	    "Example: aicert policy init --builder acme=acme.pub --log-keys "
	    "log-keys \\\n    --quorum-none --log-time --ak-root " BUILTIN
	    " > policy\n");
	return CMD_OK;
}

/* ---- the command line ---- */

static bool
take_name(struct policy_name *out, struct span s)
{
	if (s.len == 0 || s.len > POLICY_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (memchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
		    "yz0123456789._-", s.p[i], 65) == NULL)
			return false;
	memcpy(out->s, s.p, s.len);
	out->s[s.len] = '\0';
	return true;
}

/* A name from the last part of path, without its suffix. */
static void
name_from_path(struct policy_name *out, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;
	const char *dot = strrchr(base, '.');
	size_t n = dot == NULL || dot == base ? strlen(base) :
	    (size_t)(dot - base);

	if (!take_name(out, span_of(base, n)))
		(void)take_name(out, span_str("ak-root"));
}

static int
bad_value(const char *option, const char *value, const char *expected)
{
	struct message m;

	message_set(&m, "%s ", option);
	message_add_quoted(&m, span_str(value));
	message_add(&m, ": expected %s", expected);
	return cmd_usage(NAME, "%s", m.text);
}

/* The public key in a file, or the fingerprint itself. */
static enum ac_err
read_key(struct digest *out, const char *value, struct message *why)
{
	struct buf pem = { 0 };
	struct spki spki;
	enum ac_err e;

	if (text_unhex_digest(out, span_str(value)))
		return AC_OK;
	e = file_read(&pem, value, PEM_MAX);
	message_set(why, "cannot use the key ");
	message_add_quoted(why, span_str(value));
	if (e != AC_OK) {
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    e == AC_ERR_FORMAT ? "not a regular file" :
		    ac_strerror(e));
		return e;
	}
	if (spki_from_pem(&spki, buf_span(&pem))) {
		*out = spki_digest(&spki);
	} else {
		e = AC_ERR_FORMAT;
		message_add(why, memmem(pem.p, pem.len, "PRIVATE KEY-----",
		    16) != NULL ? ": it is a private key; name the public one, "
		    "FILE.pub" : ": it is not a P-256 public key in PEM");
	}
	buf_wipe(&pem);
	return e;
}

static int
take_person(struct person list[], size_t *n, const char *option, char *value)
{
	struct person *b = &list[*n];
	const char *equals = strchr(value, '=');
	struct message why;

	if (*n == LIST_MAX)
		return cmd_usage(NAME, "more than %d times %s", LIST_MAX,
		    option);
	if (equals == NULL || equals[1] == '\0' ||
	    !take_name(&b->name, span_of(value, (size_t)(equals - value))))
		return bad_value(option, value, "NAME=FILE.pub, the name "
		    "of letters, digits, '.', '_' and '-', at most 64");
	b->from = equals + 1;
	if (read_key(&b->fingerprint, b->from, &why) != AC_OK)
		return cmd_failed(NAME, &why);
	(*n)++;
	return CMD_OK;
}

/* name is NULL where it was not given. */
static int
take_root(struct init *in, char *value, const char *name)
{
	static const char suffix[] = ",simulated";
	struct ak_root *r = &in->root[in->nroot];
	size_t n = strlen(value), m = strlen(suffix);
	struct message why;

	if (in->nroot == LIST_MAX)
		return cmd_usage(NAME, "more than %d roots", LIST_MAX);
	*r = (struct ak_root){ .from = value };
	if (strcmp(value, BUILTIN) == 0) {
		r->builtin = true;
	} else if (n > m && strcmp(value + n - m, suffix) == 0) {
		r->simulated = true;
		value[n - m] = '\0';
	}
	name_from_path(&r->name, r->builtin ? BUILTIN : value);
	if (name != NULL && !take_name(&r->name, span_str(name)))
		return bad_value("--ak-root ... NAME", name, "a name of "
		    "letters, digits, '.', '_' and '-', at most 64");
	if (!r->builtin && root_read(&r->root, value, &why) != AC_OK)
		return cmd_failed(NAME, &why);
	in->nroot++;
	return CMD_OK;
}

static int
take_tpm_sim(struct init *in, const char *dir)
{
	struct ak_root *r = &in->root[in->nroot];
	char path[PATH_LEN];
	struct message why;
	int n;

	if (in->nroot == LIST_MAX)
		return cmd_usage(NAME, "more than %d roots", LIST_MAX);
	*r = (struct ak_root){ .simulated = true, .from = dir,
		.tpm_sim = true };
	n = snprintf(path, sizeof(path), "%s/root.pem", dir);
	if (n < 0 || (size_t)n >= sizeof(path))
		return cmd_usage(NAME, "the path of --tpm-sim is too long");
	if (root_read(&r->root, path, &why) != AC_OK) {
		message_add(&why, "; is that a folder of \"aicert tpm-sim "
		    "init\"?");
		return cmd_failed(NAME, &why);
	}
	(void)take_name(&r->name, span_str("tpm-sim"));
	in->nroot++;
	return CMD_OK;
}

static int
take_image(struct init *in, const char *value)
{
	struct policy_named_digest *image = &in->image[in->nimage];
	const char *equals = strchr(value, '=');
	struct span name = equals == NULL ? span_of(NULL, 0) :
	    span_of(value, (size_t)(equals - value));
	const char *d = equals == NULL ? value : equals + 1;

	if (in->nimage == LIST_MAX)
		return cmd_usage(NAME, "more than %d images", LIST_MAX);
	if (!text_unhex_digest(&image->d, span_str(d)) ||
	    (equals != NULL && !take_name(&image->name, name)))
		return bad_value("--image", value, "[NAME=]D, where D names "
		    "the release's statement in 64 lower-case hex digits");
	if (equals == NULL)
		(void)snprintf(image->name.s, sizeof(image->name.s),
		    "image-%.8s", d);
	in->nimage++;
	return CMD_OK;
}

static int
take_option(struct init *in, int c, int argc, char **argv)
{
	const char *name;

	switch (c) {
	case 'b':
		return take_person(in->builder, &in->nbuilder, "--builder",
		    optarg);
	case 'r':
		return take_person(in->revoker, &in->nrevoker, "--revoker",
		    optarg);
	case 'k':
		in->log_keys = optarg;
		return CMD_OK;
	case 'q':
		in->quorum_none = true;
		return CMD_OK;
	case 't':
		in->log_time = true;
		return CMD_OK;
	case 'a':
		name = optind < argc && argv[optind][0] != '-' ?
		    argv[optind++] : NULL;
		return take_root(in, optarg, name);
	case 's':
		return take_tpm_sim(in, optarg);
	case 'u':
		in->unmeasured_boot = true;
		return CMD_OK;
	case 'i':
		return take_image(in, optarg);
	case 'd':
		in->debug_image = true;
		return CMD_OK;
	case 'o':
		in->self_asserted = true;
		if (optarg != NULL &&
		    !take_name(&in->self_asserted_by, span_str(optarg)))
			return bad_value("--allow-self-asserted", optarg,
			    "a builder's name");
		return CMD_OK;
	case 'f':
		in->model = optarg;
		return CMD_OK;
	default:
		return cmd_bad_option(NAME, c, argv);
	}
}

/* What no option alone can tell. */
static int
check_options(struct init *in)
{
	struct message why;
	bool simulated = false, known = in->self_asserted_by.s[0] == '\0';

	for (size_t i = 0; i < in->nroot; i++)
		simulated = simulated || in->root[i].simulated;
	if (in->unmeasured_boot && !simulated)
		return cmd_usage(NAME, "--unmeasured-boot is for simulated "
		    "roots only, and none is named");
	for (size_t i = 0; i < in->nbuilder; i++)
		known = known || strcmp(in->builder[i].name.s,
		    in->self_asserted_by.s) == 0;
	if (!known)
		return cmd_usage(NAME, "--allow-self-asserted=%s: there is no "
		    "--builder of that name", in->self_asserted_by.s);
	if (in->log_time && in->log_keys == NULL)
		return cmd_usage(NAME, "--log-time needs the key: --log-keys "
		    "FILE");
	if (in->log_keys == NULL)
		return CMD_OK;
	if (logkeys_read(&in->keys, in->log_keys, &why) != AC_OK)
		return cmd_failed(NAME, &why);
	if (in->log_time && in->keys.ntime == 0)
		return cmd_usage(NAME, "--log-time: the file of --log-keys has "
		    "no \"log-time\" line");
	return CMD_OK;
}

/* ---- the policy ---- */

/* Text from outside within a comment: it cannot end the line. */
static void
write_quoted(struct writer *w, struct span s)
{
	struct message m = { "" };

	message_add_quoted(&m, s);
	wr_str(w, m.text);
}

static void
write_builders(struct writer *w, const struct init *in)
{
	if (in->nbuilder == 0)
		wr_str(w, "\n# No builder: nobody's models are accepted before "
		    "one is named.\n#   --builder NAME=FILE.pub\n");
	for (size_t i = 0; i < in->nbuilder; i++) {
		const struct person *b = &in->builder[i];

		wr_printf(w, "\n# Trusts %s to say what its models were made "
		    "from.  From --builder, ", b->name.s);
		write_quoted(w, span_str(b->from));
		wr_printf(w, ".\nbuilder %s ", b->name.s);
		wr_hex(w, span_digest(&b->fingerprint));
		wr_str(w, "\n");
	}
}

static void
write_revokers(struct writer *w, const struct init *in)
{
	for (size_t i = 0; i < in->nrevoker; i++) {
		const struct person *p = &in->revoker[i];

		wr_printf(w, "\n# Trusts %s to revoke whatever a certificate "
		    "rests on.  From --revoker,\n# ", p->name.s);
		write_quoted(w, span_str(p->from));
		wr_printf(w, ".\nrevoker %s ", p->name.s);
		wr_hex(w, span_digest(&p->fingerprint));
		wr_str(w, "\n");
	}
}

static void
write_logs(struct writer *w, const struct init *in)
{
	if (in->keys.nlog == 0)
		wr_str(w, "\n# No log: no logged certificate is accepted before "
		    "one is named.\n#   --log-keys FILE\n");
	for (size_t i = 0; i < in->keys.nlog; i++) {
		wr_str(w, "\n# Trusts this log to show the same to everybody.  "
		    "From --log-keys, ");
		write_quoted(w, span_str(in->log_keys));
		wr_str(w, ".\nlog ");
		note_key_write(w, &in->keys.log[i]);
		wr_str(w, "\n");
	}
	for (size_t i = 0; i < in->keys.ntime; i++) {
		wr_printf(w, in->log_time ?
		    "\n# Believes this log about the time, where no witness "
		    "says it.  From --log-time\n# and --log-keys, " :
		    "\n# Not active: would believe this log about the time.  "
		    "For that: --log-time.\n# From --log-keys, ");
		write_quoted(w, span_str(in->log_keys));
		wr_str(w, in->log_time ? ".\nlog-time " : ".\n# log-time ");
		note_key_write(w, &in->keys.time[i]);
		wr_str(w, "\n");
	}
	for (size_t i = 0; i < in->keys.nregistry; i++) {
		wr_str(w, "\n# By which this log's operator says what is "
		    "withheld, and which revocations there\n# are.  From "
		    "--log-keys, ");
		write_quoted(w, span_str(in->log_keys));
		wr_printf(w, ".\nregistry %s ", in->keys.registry[i].origin);
		wr_hex(w, span_digest(&in->keys.registry[i].fingerprint));
		wr_str(w, "\n");
	}
	wr_str(w, in->quorum_none ?
	    "\n# Asks for no witnesses: a log may show different things to "
	    "different people\n# unnoticed.  From --quorum-none.\n"
	    "quorum none\n" :
	    "\n# No quorum: aicert-verify does not run before there is a "
	    "line.  Name witnesses\n# (witness <name> <key>, group <name> "
	    "<k> <witness>..., quorum <group>), or do\n# without any: "
	    "--quorum-none\n");
}

static void
write_roots(struct writer *w, const struct init *in)
{
	for (size_t i = 0; i < in->nroot; i++) {
		const struct ak_root *r = &in->root[i];

		wr_str(w, r->simulated ? "\n# Trusts SIMULATED hardware: "
		    "whoever holds its keys can make it say anything.\n# " :
		    "\n# Trusts who holds this root to certify genuine TPMs "
		    "only.\n# ");
		wr_str(w, r->tpm_sim ? "From --tpm-sim, " : "From --ak-root, ");
		write_quoted(w, span_str(r->from));
		if (!r->builtin) {
			wr_str(w, "; its subject: ");
			write_quoted(w, span_str(r->root.subject));
		}
		if (r->simulated && in->unmeasured_boot)
			wr_str(w, ".\n# Does not ask what was booted.  From "
			    "--unmeasured-boot");
		wr_str(w, ".\nak-root ");
		if (r->builtin)
			wr_str(w, BUILTIN);
		else
			wr_hex(w, span_digest(&r->root.der));
		wr_printf(w, " %s%s%s\n", r->name.s,
		    r->simulated ? " simulated" : "",
		    r->simulated && in->unmeasured_boot ? " unmeasured-boot" :
		    "");
	}
}

static void
write_images(struct writer *w, const struct init *in)
{
	for (size_t i = 0; i < in->nimage; i++) {
		wr_printf(w, "\n# Trusts what runs in this release of the VM "
		    "image.  From --image.\nimage %s ", in->image[i].name.s);
		wr_hex(w, span_digest(&in->image[i].d));
		wr_str(w, "\n");
	}
}

/* ---- what a certificate says of itself ---- */

static void
write_found_builder(struct writer *w, const struct init *in,
    struct certificate *c)
{
	const struct digest *fp = &c->provenance.builder_key;
	struct message why;

	wr_str(w, "#\n# Its builder's key");
	if (certificate_check_builder(c, NULL, &why) != AC_OK)
		wr_str(w, " (and THE SIGNATURE DOES NOT HOLD)");
	for (size_t i = 0; i < in->nbuilder; i++)
		if (digest_equal(&in->builder[i].fingerprint, fp))
			wr_printf(w, ", which is %s above",
			    in->builder[i].name.s);
	wr_str(w, ":\n#   builder NAME ");
	wr_hex(w, span_digest(fp));
	wr_str(w, "\n");
}

static void
write_found_log(struct writer *w, const struct bundle *b)
{
	struct reader r = rd_of(buf_span(&b->entry.checkpoint));
	struct span origin;

	if (!b->logged) {
		wr_str(w, "#\n# It is not logged; \"aicert publish\" does "
		    "that.\n");
		return;
	}
	wr_str(w, "#\n# Its log calls itself ");
	if (rd_line(&r, &origin))
		write_quoted(w, origin);
	wr_str(w, ", and its key has this SHA-256 as logId;\n# its operator "
	    "has the key (--log-keys FILE):\n#   ");
	wr_hex(w, span_digest(&b->entry.log_id));
	wr_str(w, "\n");
}

static void
write_found_hardware(struct writer *w, const struct certificate *c)
{
	struct digest root;

	if (!c->has_evidence) {
		wr_str(w, "#\n# It is self-asserted, without a TPM; for such "
		    "there is --allow-self-asserted.\n");
		return;
	}
	root = chain_root(c->evidence.chain, c->evidence.nchain);
	wr_str(w, "#\n# SHA-256 of the root over its TPM's key:\n#   ak-root ");
	wr_hex(w, span_digest(&root));
	wr_str(w, " NAME\n");
	if (!c->provenance.has_image_root)
		return;
	wr_str(w, "#\n# Root hash of the VM image that it names (releases are "
	    "trusted by --image D):\n#   ");
	wr_hex(w, span_digest(&c->provenance.image_root));
	wr_str(w, "\n");
}

/* The releases that it carries, and what the firmware's PCRs hold. */
static void
write_found_boot(struct writer *w, const struct certificate *c)
{
	static const unsigned pcrs[] = { 0, 1, 2, 3, 5, 6, 7 };
	static const struct digest zero;
	const struct digest *pcr = c->evidence.quote[EVIDENCE_END].pcr;
	struct images images;
	struct message why;

	if (!c->has_evidence || images_decode(&images, c, &why) != AC_OK)
		return;
	for (size_t i = 0; i < images.n; i++) {
		const struct release *r = &images.image[i].release;

		wr_str(w, "#\n# A release of the image that it carries, ");
		write_quoted(w, r->name);
		wr_str(w, " ");
		write_quoted(w, r->version);
		wr_str(w, r->debug ? ", FOR DEBUGGING:\n#   image NAME " :
		    ":\n#   image NAME ");
		wr_hex(w, span_digest(&c->line[images.image[i].line].d));
		wr_str(w, "\n");
	}
	images_free(&images);
	wr_str(w, "#\n# What its firmware measured (2 and 6 need no line "
	    "where they are not judged):\n");
	for (size_t i = 0; i < sizeof(pcrs) / sizeof(pcrs[0]); i++) {
		if (digest_equal(&pcr[pcrs[i]], &zero))
			continue;
		wr_printf(w, "#   pcr %u ", pcrs[i]);
		wr_hex(w, span_digest(&pcr[pcrs[i]]));
		wr_str(w, "\n");
	}
}

static void
write_found_container(struct writer *w, const struct certificate *c)
{
	struct json image = json_get(c->provenance.external, "image");
	struct span pin;

	if (!json_string(json_get(image, "pin"), &pin))
		return;
	wr_str(w, "#\n# The container that it was asked to run (container NAME "
	    "sha256:HEX), by its pin:\n#   ");
	write_quoted(w, pin);
	wr_str(w, "\n");
}

static enum ac_err
write_found(struct writer *w, const struct init *in, struct message *why)
{
	struct certificate *c = calloc(1, sizeof(*c));
	struct buf jsonl = { 0 };
	char path[PATH_LEN];
	struct message what;
	enum ac_err e = AC_ERR_MEMORY;
	int n;

	message_set(&what, "out of memory");
	if (c == NULL)
		goto out;
	e = AC_ERR_LIMIT;
	message_set(&what, "the path is too long");
	n = snprintf(path, sizeof(path), "%s/aicert.jsonl", in->model);
	if (n < 0 || (size_t)n >= sizeof(path))
		goto out;
	e = file_read(&jsonl, path, CERTIFICATE_MAX);
	message_set(&what, "%s", e == AC_ERR_IO ? strerror(errno) :
	    ac_strerror(e));
	if (e == AC_OK)
		e = certificate_decode(c, buf_span(&jsonl), &what);
	if (e != AC_OK)
		goto out;
	wr_str(w, "\n# What the certificate ");
	write_quoted(w, span_str(path));
	wr_str(w, "\n# says of itself.  It is no reason to trust it: compare "
	    "each value with one from\n# elsewhere, then name it by the "
	    "option.\n");
	write_found_builder(w, in, c);
	write_found_log(w, &c->line[0].bundle);
	write_found_hardware(w, c);
	write_found_boot(w, c);
	write_found_container(w, c);
out:
	if (e != AC_OK) {
		message_set(why, "cannot look into the certificate of ");
		message_add_quoted(why, span_str(in->model));
		message_add(why, ": %s", what.text);
	}
	if (c != NULL)
		certificate_free(c);
	free(c);
	buf_free(&jsonl);
	return e;
}

static enum ac_err
load_nothing(void *ctx, struct buf *out, const char *path)
{
	(void)ctx;
	(void)out;
	(void)path;
	return AC_ERR_UNSUPPORTED; /* keys are written as fingerprints */
}

/* Would aicert-verify take it?  A missing quorum is said in the text. */
static enum ac_err
check_policy(const struct buf *text, const struct init *in, struct message *why)
{
	const struct policy_loader loader = { load_nothing, NULL };
	struct policy *p = NULL;
	struct buf whole = { 0 };
	struct message what;
	struct writer w;
	enum ac_err e;

	wr_init(&w, POLICY_MAX + 16);
	wr_bytes(&w, buf_span(text));
	wr_str(&w, in->quorum_none ? "" : "quorum none\n");
	e = wr_end(&w, &whole);
	if (e != AC_OK) {
		message_set(why, "%s", ac_strerror(e));
		return e;
	}
	e = policy_parse(&p, buf_span(&whole), &loader, &what);
	policy_free(p);
	buf_free(&whole);
	if (e == AC_ERR_UNSUPPORTED) {
		(void)fprintf(stderr, "aicert policy: note: %s\n", what.text);
		return AC_OK;
	}
	if (e != AC_OK)
		message_set(why, "these options make no valid policy: %s",
		    what.text);
	return e;
}

static int
write_policy(const struct init *in)
{
	struct message why = { "out of memory" };
	struct buf text = { 0 };
	struct writer w;
	enum ac_err e = AC_OK;

	wr_init(&w, POLICY_MAX);
	wr_str(&w, "# Policy of aicert-verify, made by \"aicert policy init\" "
	    AICERT_VERSION ".\n# Every active line was named by whoever ran "
	    "it.\n");
	write_builders(&w, in);
	write_revokers(&w, in);
	write_logs(&w, in);
	write_roots(&w, in);
	write_images(&w, in);
	if (in->debug_image)
		wr_str(&w, "\n# Accepts releases of the image that let somebody "
		    "in while training runs.\n# From --allow-debug-image.\n"
		    "allow debug-image\n");
	if (in->self_asserted)
		wr_printf(&w, "\n# Accepts certificates without a TPM: the "
		    "builder's word alone.\n# From --allow-self-asserted.\n"
		    "allow self-asserted%s%s\n",
		    in->self_asserted_by.s[0] != '\0' ? " " : "",
		    in->self_asserted_by.s);
	if (in->model != NULL)
		e = write_found(&w, in, &why);
	if (e != AC_OK) {
		wr_free(&w);
		return cmd_failed(NAME, &why);
	}
	e = wr_end(&w, &text);
	if (e == AC_OK)
		e = check_policy(&text, in, &why);
	if (e == AC_OK)
		(void)fwrite(text.p, 1, text.len, stdout);
	buf_free(&text);
	return e == AC_OK ? CMD_OK : cmd_failed(NAME, &why);
}

static int
init(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "builder", required_argument, NULL, 'b' },
		{ "revoker", required_argument, NULL, 'r' },
		{ "log-keys", required_argument, NULL, 'k' },
		{ "quorum-none", no_argument, NULL, 'q' },
		{ "log-time", no_argument, NULL, 't' },
		{ "ak-root", required_argument, NULL, 'a' },
		{ "tpm-sim", required_argument, NULL, 's' },
		{ "unmeasured-boot", no_argument, NULL, 'u' },
		{ "image", required_argument, NULL, 'i' },
		{ "allow-debug-image", no_argument, NULL, 'd' },
		{ "allow-self-asserted", optional_argument, NULL, 'o' },
		{ "from", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct init *in = calloc(1, sizeof(*in));
	struct message why;
	int c, code = CMD_OK;

	if (in == NULL) {
		message_set(&why, "out of memory");
		return cmd_failed(NAME, &why);
	}
	optind = 0; /* a first call for this argv */
	/* '+': in order, so that a NAME can follow --ak-root PEM. */
	while (code == CMD_OK &&
	    (c = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
		if (c == 'h') {
			free(in);
			return help();
		}
		code = take_option(in, c, argc, argv);
	}
	if (code == CMD_OK && optind < argc)
		code = bad_value("the word", argv[optind], "an option");
	if (code == CMD_OK)
		code = check_options(in);
	if (code == CMD_OK)
		code = write_policy(in);
	free(in);
	return code;
}

int
cmd_policy(int argc, char **argv)
{
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0))
		return help();
	if (argc < 2 || strcmp(argv[1], "init") != 0)
		return cmd_usage(NAME, "there is one thing to do: aicert "
		    "policy init");
	return init(argc - 1, argv + 1);
}
