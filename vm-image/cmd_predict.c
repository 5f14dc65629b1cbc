/*
 * cmd_predict.c -- "aicert-image predict": what an image measures as, as the
 * reference values that a policy takes and as a release statement to sign.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "common/file.h"
#include "common/sha256.h"
#include "vm-image/cmd.h"
#include "vm-image/predict.h"

#define NAME "predict"
#define RESULT_MAX (16 * KIB)

struct job {
	const char *firmware, *release, *path;
	bool secure_boot;
	const char *container[RELEASE_CONTAINERS_MAX]; /* NAME=FILE */
	size_t ncontainers;
};

static int
help(void)
{
	(void)printf("usage: aicert-image predict UKI [--secure-boot] "
	    "[--firmware ovmf|azure]\n"
	    "           [--release FILE [--container NAME=FILE]...]\n\n"
	    "Computes PCRs 4, 9 and 11 of a boot of this Unified Kernel Image "
	    "from its file alone, and\nprints them as the measurements file "
	    "that a policy names.  A PCR that cannot be known is\nleft out, "
	    "and a message says why.\n\n"
	    "  --secure-boot    with Secure Boot on: the UKI must be signed\n"
	    "  --firmware KIND  ovmf or azure; they measure alike\n"
	    "  --release FILE   write the release of the image too, for aicert "
	    "sign; of every\n"
	    "                   firmware and state of Secure Boot but for what "
	    "is said above\n"
	    "  --container NAME=FILE\n"
	    "                   an OCI image in the root file system, whose "
	    "digest the release has\n\n"
	    "Exit status: 0 predicted, 2 it could not be: no UKI, or one whose "
	    "stub is unknown.\n\n"
	    "Examples:\n"
	    "  aicert-image predict image.efi > measurements.json\n"
	    "  aicert-image predict image.efi --release release.json &&\n"
	    "  aicert sign folder --key publisher.key --statement release.json\n");
	return CMD_GOOD;
}

static void
write_pcr(struct writer *w, const char *before, const struct digest *d)
{
	wr_str(w, before);
	wr_hex(w, span_digest(d));
	wr_u8(w, '"');
}

/* The file of reference values; nothing may be measured into 12 and 13. */
static int
print_measurements(const struct predict *p)
{
	static const struct digest zero;
	struct writer w;

	wr_init(&w, RESULT_MAX);
	write_pcr(&w, "{\"measurements\": {\"4\": \"", &p->pcr4);
	if (p->no_pcr9 == NULL)
		write_pcr(&w, ", \"9\": \"", &p->pcr9);
	write_pcr(&w, ", \"11\": \"", &p->pcr11);
	write_pcr(&w, ", \"12\": \"", &zero);
	write_pcr(&w, ", \"13\": \"", &zero);
	wr_str(&w, "}}\n");
	if (p->no_pcr9 != NULL)
		(void)fprintf(stderr, "aicert-image predict: PCR 9 is not "
		    "predictable and left out: %s\n", p->no_pcr9);
	return cmd_print(NAME, &w, CMD_GOOD);
}

/* NAME=FILE */
static enum ac_err
add_container(struct release *r, const char *word, struct message *why)
{
	const char *equals = strchr(word, '=');
	struct release_container c;
	enum ac_err e = AC_ERR_FORMAT;
	uint64_t len;
	int fd;

	if (equals == NULL || equals == word || equals[1] == '\0') {
		message_set(why, "--container wants NAME=FILE, not ");
		message_add_quoted(why, span_str(word));
		return e;
	}
	fd = open(equals + 1, O_RDONLY | O_CLOEXEC);
	e = fd < 0 ? AC_ERR_IO : file_hash_fd(&c.sha256, &len, fd);
	if (e != AC_OK) {
		message_set(why, "the container ");
		message_add_quoted(why, span_str(equals + 1));
		message_add(why, " cannot be read: %s", strerror(errno));
	} else {
		c.name = span_of(word, (size_t)(equals - word));
		r->container[r->ncontainers++] = c;
	}
	if (fd >= 0)
		(void)close(fd);
	return e;
}

static enum ac_err
write_release(const struct job *j, const struct uki *u, struct message *why)
{
	const bool on = true;
	struct buf bytes = { 0 };
	struct release r;
	enum ac_err e = predict_release(&r, u, j->firmware,
	    j->secure_boot ? &on : NULL, why);

	for (size_t i = 0; e == AC_OK && i < j->ncontainers; i++)
		e = add_container(&r, j->container[i], why);
	if (e != AC_OK)
		return e;
	e = release_encode(&bytes, &r);
	if (e != AC_OK) {
		message_set(why, "the release cannot be made: a name or "
		    "version is empty, too long or no plain text, or two "
		    "containers have one name: %s", ac_strerror(e));
		return e;
	}
	e = file_write(j->release, buf_span(&bytes), 0644);
	if (e != AC_OK) {
		message_set(why, "the release ");
		message_add_quoted(why, span_str(j->release));
		message_add(why, " cannot be written: %s", strerror(errno));
	}
	buf_free(&bytes);
	return e;
}

static int
run(const struct job *j)
{
	struct message why = { "" };
	struct buf file = { 0 };
	struct predict p;
	struct uki u;
	enum ac_err e = cmd_uki(&u, &file, j->path, &why);
	int code;

	if (e == AC_OK) {
		e = predict_pcrs(&p, &u, j->secure_boot, &why);
		if (e == AC_OK && j->release != NULL)
			e = write_release(j, &u, &why);
	}
	code = e == AC_OK ? print_measurements(&p) : cmd_failed(NAME, &why);
	buf_free(&file);
	return code;
}

int
cmd_predict(int argc, char **argv)
{
	static const struct option options[] = {
		{ "secure-boot", no_argument, NULL, 's' },
		{ "firmware", required_argument, NULL, 'f' },
		{ "release", required_argument, NULL, 'r' },
		{ "container", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct job j = { .path = NULL };
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 's':
			j.secure_boot = true;
			break;
		case 'f':
			j.firmware = optarg;
			if (strcmp(optarg, "ovmf") != 0 &&
			    strcmp(optarg, "azure") != 0)
				return cmd_usage(NAME, "--firmware is ovmf or "
				    "azure");
			break;
		case 'r':
			j.release = optarg;
			break;
		case 'c':
			if (j.ncontainers == RELEASE_CONTAINERS_MAX)
				return cmd_usage(NAME, "at most %d containers",
				    RELEASE_CONTAINERS_MAX);
			j.container[j.ncontainers++] = optarg;
			break;
		case 'h':
			return help();
		default:
			return cmd_bad_option(NAME, c, argv);
		}
	}
	if (argc - optind != 1)
		return cmd_usage(NAME, "one UKI, a file, is needed");
	if (j.ncontainers > 0 && j.release == NULL)
		return cmd_usage(NAME, "--container is for a --release");
	j.path = argv[optind];
	return run(&j);
}
