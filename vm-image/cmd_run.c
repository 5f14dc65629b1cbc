/*
 * cmd_run.c -- "aicert-image run": boot an image in a virtual machine here, as
 * a look at it or for a build under a TPM that proves nothing.
 */
#include <errno.h>
#include <fts.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "producer/tpm.h"
#include "producer/tpmsim.h"
#include "vm-image/cmd.h"
#include "vm-image/vm.h"

#define NAME "run"
#define CONSOLE "console.log"
#define MEMORY_MIB 1024
#define MEMORY_MIB_MIN 512
#define MEMORY_MIB_MAX (1024 * 1024)

struct job {
	struct vm_options vm;
	const char *port_file;
	unsigned limit_s; /* 0: none */
};

static int
help(void)
{
	(void)printf("usage: aicert-image run DISK [--tpm DIR] "
	    "[--console FILE] [--port N]\n"
	    "           [--port-file FILE] [--scratch FILE] "
	    "[--secure-boot VARS] [--memory MIB]\n"
	    "           [--accel tcg|kvm] [--time-limit SECONDS] "
	    "[-- QEMU-WORD...]\n\n"
	    "Boots the image.raw of vm-image/build in QEMU, with OVMF and a "
	    "software TPM, and prints\nwhere its agent can be reached once "
	    "QEMU runs.  The TPM protects nothing; its\ncertificates say "
	    "SIMULATED.  Returns when the machine powered off.\n\n"
	    "  --tpm DIR           its TPM, as of aicert tpm-sim; made where it "
	    "is not there.\n"
	    "                      DIR/root.pem is what a policy trusts; "
	    "without, a new one each\n"
	    "  --console FILE      where its console goes (" CONSOLE ")\n"
	    "  --port N            the agent's port on 127.0.0.1; any free one "
	    "unless said\n"
	    "  --port-file FILE    write the port there\n"
	    "  --scratch FILE      a disk that the image encrypts and uses for "
	    "inputs and outputs\n"
	    "  --secure-boot VARS  Secure Boot is on, with the keys in these "
	    "variables of OVMF\n"
	    "  --memory MIB        (%d)\n"
	    "  --accel tcg|kvm     emulated, which runs anywhere, or not (tcg)\n"
	    "  --time-limit N      end it after so many seconds\n\n"
	    "Exit status: 0 it powered off, 2 it could not run, or was ended "
	    "by the time limit.\n\n"
	    "Example: aicert-image run build/image/image.raw --tpm tpm "
	    "--port 7443\n", MEMORY_MIB);
	return CMD_GOOD;
}

/* Remove the folder with what is in it. */
static void
remove_folder(char *dir)
{
	char *const paths[] = { dir, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *f;

	if (fts == NULL)
		return;
	while ((f = fts_read(fts)) != NULL) {
		if (f->fts_info == FTS_DP)
			(void)rmdir(f->fts_accpath);
		else if (f->fts_info != FTS_D)
			(void)unlink(f->fts_accpath);
	}
	(void)fts_close(fts);
}

/* Print the address, and write the port into its file. */
static enum ac_err
tell_port(const struct job *j, unsigned port, struct message *why)
{
	char text[16];
	enum ac_err e = AC_OK;

	(void)printf("127.0.0.1:%u\n", port);
	(void)fflush(stdout);
	(void)snprintf(text, sizeof(text), "%u\n", port);
	if (j->port_file != NULL)
		e = file_write(j->port_file, span_str(text), 0644);
	if (e != AC_OK)
		message_set(why, "writing the port file: %s", strerror(errno));
	return e;
}

/* Wait until the machine is off, a signal came, or the time is over. */
static enum ac_err
watch(struct vm *vm, const struct job *j, int signals, struct message *why)
{
	struct pollfd p[] = { { .fd = vm->pidfd, .events = POLLIN },
		{ .fd = signals, .events = POLLIN } };
	int n = poll(p, 2, j->limit_s == 0 ? -1 : (int)j->limit_s * 1000);
	int status;

	if (n == 0) {
		(void)vm_end(vm);
		return BECAUSE(why, AC_ERR_BUSY, "ended after %u seconds, the "
		    "time limit; %s has its console", j->limit_s,
		    j->vm.console);
	}
	if ((p[0].revents & POLLIN) == 0) {
		(void)vm_end(vm); /* told to stop, which is no failure */
		return AC_OK;
	}
	status = vm_end(vm);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return AC_OK;
	return BECAUSE(why, AC_ERR_IO, "QEMU ended with status %d; its console "
	    "is in %s", status, j->vm.console);
}

/* Boot it with a TPM that is being served. */
static enum ac_err
boot(const struct job *j, struct message *why)
{
	struct vm vm;
	sigset_t set;
	int signals;
	enum ac_err e;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return BECAUSE(why, AC_ERR_IO, "waiting for signals: %s",
		    strerror(errno));
	e = vm_start(&vm, &j->vm, why);
	if (e == AC_OK) {
		e = tell_port(j, vm.port, why);
		if (e == AC_OK)
			e = watch(&vm, j, signals, why);
		else
			(void)vm_end(&vm);
	}
	(void)close(signals);
	return e;
}

static enum ac_err
run(struct job *j, char *dir, struct message *why)
{
	const struct tpmsim_options options = { .days = TPMSIM_DAYS };
	struct message what = { "" };
	char *tpm = NULL;
	enum ac_err e, ended;

	if (j->vm.tpm == NULL) {
		if (asprintf(&tpm, "%s/tpm", dir) < 0)
			return BECAUSE(why, AC_ERR_MEMORY, "out of memory");
		j->vm.tpm = tpm;
	}
	tpm_quiet();
	e = tpmsim_serve(j->vm.tpm, why);
	if (e == AC_ERR_NOT_FOUND) {
		e = tpmsim_init(j->vm.tpm, &options, why);
		if (e == AC_OK)
			e = tpmsim_serve(j->vm.tpm, why);
	}
	if (e == AC_OK) {
		e = boot(j, why);
		/* It ends with QEMU; if not, here. */
		ended = tpmsim_stop(j->vm.tpm, &what);
		if (e == AC_OK && ended == AC_ERR_BUSY)
			e = BECAUSE(why, ended, "%s", what.text);
	} else if (e == AC_ERR_EXISTS) {
		message_add(why, "; aicert tpm-sim stop ends it");
	}
	free(tpm);
	return e;
}

static int
run_in_folder(struct job *j)
{
	const char *tmp = getenv("TMPDIR");
	struct message why = { "" };
	char *dir = NULL;
	enum ac_err e;

	if (asprintf(&dir, "%s/aicert-image.XXXXXX",
	    tmp != NULL && tmp[0] == '/' ? tmp : "/tmp") < 0 ||
	    mkdtemp(dir) == NULL) {
		free(dir);
		message_set(&why, "making a folder: %s", strerror(errno));
		return cmd_failed(NAME, &why);
	}
	j->vm.run = dir;
	e = run(j, dir, &why);
	remove_folder(dir);
	free(dir);
	return e == AC_OK ? CMD_GOOD : cmd_failed(NAME, &why);
}

static bool
number(unsigned *out, const char *text, unsigned min, unsigned max)
{
	uint64_t v;

	if (!text_undec(&v, span_str(text), max) || v < min)
		return false;
	*out = (unsigned)v;
	return true;
}

enum { OPT_TPM = 256, OPT_CONSOLE, OPT_PORT, OPT_PORT_FILE, OPT_SCRATCH,
	OPT_SECURE, OPT_MEMORY, OPT_ACCEL, OPT_LIMIT };

/* One option; NULL, or what is wrong with it. */
static const char *
take(struct job *j, int c)
{
	switch (c) {
	case OPT_TPM:
		j->vm.tpm = optarg;
		return NULL;
	case OPT_CONSOLE:
		j->vm.console = optarg;
		return NULL;
	case OPT_PORT:
		return number(&j->vm.port, optarg, 1, UINT16_MAX) ? NULL :
		    "--port wants a number of 1 to 65535";
	case OPT_PORT_FILE:
		j->port_file = optarg;
		return NULL;
	case OPT_SCRATCH:
		j->vm.scratch = optarg;
		return NULL;
	case OPT_SECURE:
		j->vm.vars = optarg;
		return NULL;
	case OPT_MEMORY:
		return number(&j->vm.memory, optarg, MEMORY_MIB_MIN,
		    MEMORY_MIB_MAX) ? NULL : "--memory wants at least 512 MiB";
	case OPT_ACCEL:
		j->vm.accel = optarg;
		return strcmp(optarg, "tcg") == 0 ||
		    strcmp(optarg, "kvm") == 0 ? NULL :
		    "--accel is tcg or kvm";
	default:
		return number(&j->limit_s, optarg, 1, 86400) ? NULL :
		    "--time-limit wants 1 to 86400 seconds";
	}
}

int
cmd_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tpm", required_argument, NULL, OPT_TPM },
		{ "console", required_argument, NULL, OPT_CONSOLE },
		{ "port", required_argument, NULL, OPT_PORT },
		{ "port-file", required_argument, NULL, OPT_PORT_FILE },
		{ "scratch", required_argument, NULL, OPT_SCRATCH },
		{ "secure-boot", required_argument, NULL, OPT_SECURE },
		{ "memory", required_argument, NULL, OPT_MEMORY },
		{ "accel", required_argument, NULL, OPT_ACCEL },
		{ "time-limit", required_argument, NULL, OPT_LIMIT },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct job j = { .vm = { .console = CONSOLE, .memory = MEMORY_MIB,
		.accel = "tcg" } };
	const char *wrong;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:h", options, NULL)) != -1 ||
	    (j.vm.disk == NULL && optind < argc &&
	    strcmp(argv[optind - 1], "--") != 0)) {
		if (c == -1) {
			j.vm.disk = argv[optind++];
			continue;
		}
		if (c == 'h')
			return help();
		if (c < OPT_TPM)
			return cmd_bad_option(NAME, c, argv);
		wrong = take(&j, c);
		if (wrong != NULL)
			return cmd_usage(NAME, "%s", wrong);
	}
	if (j.vm.disk == NULL)
		return cmd_usage(NAME, "one disk, a file, is needed");
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		return cmd_usage(NAME, "one disk only; words for QEMU stand "
		    "behind --");
	j.vm.more = argv + optind;
	return run_in_folder(&j);
}
