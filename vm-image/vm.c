/* vm.c -- a virtual machine of QEMU that boots an image; see vm.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cert/json.h"
#include "cert/limits.h"
#include "common/file.h"
#include "common/reader.h"
#include "common/text.h"
#include "vm-image/vm.h"

#define QEMU "qemu-system-x86_64"
#define OVMF "/usr/share/OVMF/"
#define CODE OVMF "OVMF_CODE_4M.fd"
#define CODE_SECURE OVMF "OVMF_CODE_4M.secboot.fd"
#define VARS OVMF "OVMF_VARS_4M.fd"
#define AK_CHAIN "opt/aicert/ak-chain.pem"
#define FIRMWARE_MAX (64 * MIB)
#define ANSWER_MAX (64 * KIB)
#define WORDS 128        /* for QEMU */
#define START_MS 60000   /* for QEMU to answer on its control socket */
#define END_MS 10000     /* for QEMU to end when told to */
#define LOOK_NS 20000000 /* between two looks for the socket */

/* The words of QEMU's command line; each was allocated. */
struct words {
	char *word[WORDS + 1];
	size_t n;
	bool failed;
};

static void word(struct words *w, const char *fmt, ...) AC_PRINTF(2, 3);

static void
word(struct words *w, const char *fmt, ...)
{
	va_list ap;

	if (w->n == WORDS) {
		w->failed = true;
		return;
	}
	va_start(ap, fmt);
	if (vasprintf(&w->word[w->n], fmt, ap) < 0)
		w->failed = true;
	else
		w->n++;
	va_end(ap);
	w->word[w->n] = NULL;
}

static void
words_free(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->word[i]);
}

/* QEMU's lists of options are cut at commas: a comma in a path is doubled. */
static char *
quoted(const char *path)
{
	char *out = calloc(2 * strlen(path) + 1, 1), *p = out;

	for (; out != NULL && *path != '\0'; path++) {
		*p++ = *path;
		if (*path == ',')
			*p++ = ',';
	}
	return out;
}

/* A word that ends with a path. */
static void
word_path(struct words *w, const char *before, const char *path,
    const char *name)
{
	char *q = quoted(path);

	if (q == NULL)
		w->failed = true;
	else
		word(w, "%s%s%s", before, q, name);
	free(q);
}

static void
build_words(struct words *w, const struct vm_options *o)
{
	bool secure = o->vars != NULL;

	word(w, QEMU);
	word(w, "-machine");
	word(w, "q35,smm=%s,vmport=off", secure ? "on" : "off");
	word(w, "-accel");
	word(w, "%s", strcmp(o->accel, "tcg") == 0 ? "tcg,thread=multi" :
	    o->accel);
	word(w, "-cpu");
	word(w, "max");
	word(w, "-smp");
	word(w, "1");
	word(w, "-m");
	word(w, "%u", o->memory);
	word(w, "-nodefaults");
	word(w, "-no-user-config");
	word(w, "-no-reboot");
	word(w, "-display");
	word(w, "none");
	if (secure) {
		word(w, "-global");
		word(w, "driver=cfi.pflash01,property=secure,value=on");
	}
	word(w, "-drive");
	word(w, "if=pflash,format=raw,unit=0,readonly=on,file=%s",
	    secure ? CODE_SECURE : CODE);
	word(w, "-drive");
	word_path(w, "if=pflash,format=raw,unit=1,file=", o->run, "/vars.fd");
	word(w, "-chardev");
	word_path(w, "socket,id=tpm,path=", o->tpm, "/tpm.sock.ctrl");
	word(w, "-tpmdev");
	word(w, "emulator,id=tpm0,chardev=tpm");
	word(w, "-device");
	word(w, "tpm-crb,tpmdev=tpm0");
	word(w, "-drive");
	word_path(w, "if=none,id=disk,format=raw,readonly=on,file=", o->disk,
	    "");
	word(w, "-device");
	word(w, "virtio-blk-pci,drive=disk,bootindex=0");
	if (o->scratch != NULL) {
		word(w, "-drive");
		word_path(w, "if=none,id=scratch,format=raw,file=",
		    o->scratch, "");
		word(w, "-device");
		word(w, "virtio-blk-pci,drive=scratch,serial=aicert-scratch");
	}
	word(w, "-device");
	word(w, "virtio-rng-pci");
	word(w, "-netdev");
	word(w, "user,id=net,hostfwd=tcp:127.0.0.1:%u-:%u", o->port,
	    VM_AGENT_PORT);
	word(w, "-device");
	word(w, "virtio-net-pci,netdev=net,romfile=");
	/* Public certificates, which the guest believes no more than others. */
	word(w, "-fw_cfg");
	word_path(w, "name=" AK_CHAIN ",file=", o->tpm, "/ak-chain.pem");
	word(w, "-chardev");
	word_path(w, "file,id=console,path=", o->console, "");
	word(w, "-serial");
	word(w, "chardev:console");
	word(w, "-chardev");
	word_path(w, "socket,id=control,server=on,wait=off,path=", o->run,
	    "/control");
	word(w, "-mon");
	word(w, "chardev=control,mode=control");
	for (char *const *more = o->more; more != NULL && *more != NULL; more++)
		word(w, "%s", *more);
}

/* OVMF writes to its variables: each machine has its own. */
static enum ac_err
copy_vars(const struct vm_options *o, struct message *why)
{
	const char *from = o->vars != NULL ? o->vars : VARS;
	struct buf vars = { 0 };
	char *to = NULL;
	enum ac_err e = file_read(&vars, from, FIRMWARE_MAX);

	if (e != AC_OK) {
		message_set(why, "reading the variables of OVMF, ");
		message_add_quoted(why, span_str(from));
		message_add(why, ": %s; apt-get install ovmf", ac_strerror(e));
		return o->vars == NULL ? AC_ERR_UNSUPPORTED : e;
	}
	e = AC_ERR_MEMORY;
	if (asprintf(&to, "%s/vars.fd", o->run) >= 0)
		e = file_write(to, buf_span(&vars), 0600);
	else
		to = NULL;
	if (e != AC_OK)
		message_set(why, "writing a copy of OVMF's variables: %s",
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
	free(to);
	buf_free(&vars);
	return e;
}

static enum ac_err
check_there(const char *what, const char *path, enum ac_err none,
    struct message *why)
{
	if (access(path, R_OK) == 0)
		return AC_OK;
	message_set(why, "%s ", what);
	message_add_quoted(why, span_str(path));
	message_add(why, " cannot be read: %s%s", strerror(errno),
	    none == AC_ERR_UNSUPPORTED ? "; apt-get install ovmf" : "");
	return none;
}

/* In the child: what QEMU says goes to a file, and it ends when we do. */
static _Noreturn void
become_qemu(const struct words *w, int said, pid_t parent)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent &&
	    null >= 0 && dup2(null, 0) == 0 && dup2(said, 1) == 1 &&
	    dup2(said, 2) == 2)
		(void)execvp(w->word[0], w->word);
	_exit(errno == ENOENT ? 127 : 126);
}

static bool
ended(const struct vm *vm, int ms)
{
	struct pollfd p = { .fd = vm->pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/* Why it ended at once: its last line. */
static enum ac_err
ended_early(struct vm *vm, const char *said, struct message *why)
{
	struct buf text = { 0 };
	struct span line;
	int status = vm_end(vm);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return BECAUSE(why, AC_ERR_UNSUPPORTED, QEMU " is not "
		    "installed; apt-get install qemu-system-x86");
	message_set(why, QEMU " ended before it answered");
	if (file_read(&text, said, ANSWER_MAX) == AC_OK) {
		line = buf_span(&text);
		while (line.len > 0 && line.p[line.len - 1] == '\n')
			line.len--;
		for (size_t i = line.len; i > 0; i--)
			if (line.p[i - 1] == '\n') {
				line = span_of(line.p + i, line.len - i);
				break;
			}
		message_add(why, ": ");
		message_add_quoted(why, line);
	}
	buf_free(&text);
	return AC_ERR_IO;
}

/* Connect to its control socket; -1 where it is not there yet. */
static int
connect_control(const struct vm_options *o)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, n = snprintf(a.sun_path, sizeof(a.sun_path), "%s/control",
	    o->run);

	if (n < 0 || (size_t)n >= sizeof(a.sun_path))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/*
 * The port in "TCP[HOST_FORWARD] 12 127.0.0.1 40123 10.0.2.15 7443 ...", a line
 * of what QEMU answers to "info usernet".
 */
static bool
port_of(unsigned *port, struct span answer)
{
	static const char mark[] = "[HOST_FORWARD]", host[] = "127.0.0.1";
	struct reader r = rd_of(answer);
	struct span line, word;
	uint64_t found;

	while (rd_line(&r, &line)) {
		struct reader words = rd_of(line);
		bool forward = false, next = false;

		while (rd_until(&words, &word, ' ')) {
			if (next && word.len > 0) {
				if (!text_undec(&found, word, UINT16_MAX))
					return false;
				*port = (unsigned)found;
				return true;
			}
			forward = forward || (word.len >= strlen(mark) &&
			    ac_equal(word.p + word.len - strlen(mark), mark,
			    strlen(mark)));
			next = next || (forward && span_is(word, host));
		}
	}
	return false;
}

/* Read what QEMU says until a line is the answer with the port. */
static enum ac_err
read_port(unsigned *port, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[ANSWER_MAX];
	size_t len = 0, used = 0;

	while (len < sizeof(text) && poll(&p, 1, START_MS) > 0) {
		ssize_t n = read(fd, text + len, sizeof(text) - len);
		char *end;

		if (n <= 0)
			return AC_ERR_IO;
		len += (size_t)n;
		while ((end = memchr(text + used, '\n', len - used)) != NULL) {
			struct json_doc doc = { 0 };
			size_t line = (size_t)(end - text) - used;
			struct span answer;
			bool got;

			while (line > 0 && text[used + line - 1] == '\r')
				line--;
			got = json_parse(&doc, span_of(text + used, line)) ==
			    AC_OK && json_string(json_get(json_root(&doc),
			    "return"), &answer) && port_of(port, answer);
			json_free(&doc);
			if (got)
				return AC_OK;
			used = (size_t)(end - text) + 1;
		}
	}
	return AC_ERR_IO;
}

/* Wait until QEMU answers, and ask it which port it took. */
static enum ac_err
ask_port(struct vm *vm, const struct vm_options *o)
{
	static const char ask[] = "{\"execute\":\"qmp_capabilities\"}\n"
	    "{\"execute\":\"human-monitor-command\",\"arguments\":"
	    "{\"command-line\":\"info usernet\"}}\n";
	const struct timespec wait = { .tv_nsec = LOOK_NS };
	enum ac_err e = AC_ERR_IO;
	int fd = -1;

	for (int i = 0; fd < 0 && i < START_MS / 20 && !ended(vm, 0); i++) {
		fd = connect_control(o);
		if (fd < 0)
			(void)nanosleep(&wait, NULL);
	}
	if (fd < 0)
		return e;
	e = file_write_all(fd, span_str(ask));
	if (e == AC_OK)
		e = read_port(&vm->port, fd);
	(void)close(fd);
	return e;
}

/* Fork and become QEMU. */
static enum ac_err
spawn(struct vm *vm, const struct words *w, const char *said,
    struct message *why)
{
	pid_t parent = getpid();
	int fd = open(said, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return BECAUSE(why, AC_ERR_IO, "making a file for what " QEMU
		    " says: %s", strerror(errno));
	vm->pid = fork();
	if (vm->pid == 0)
		become_qemu(w, fd, parent);
	(void)close(fd);
	if (vm->pid < 0)
		return BECAUSE(why, AC_ERR_IO, "starting " QEMU ": %s",
		    strerror(errno));
	vm->pidfd = pidfd_open(vm->pid, 0);
	if (vm->pidfd < 0) {
		(void)vm_end(vm);
		return BECAUSE(why, AC_ERR_IO, "watching " QEMU ": %s",
		    strerror(errno));
	}
	return AC_OK;
}

enum ac_err
vm_start(struct vm *out, const struct vm_options *o, struct message *why)
{
	struct vm vm = { .pid = -1, .pidfd = -1 };
	struct words w = { .n = 0 };
	char *said = NULL;
	enum ac_err e;

	e = check_there("the disk", o->disk, AC_ERR_NOT_FOUND, why);
	if (e == AC_OK)
		e = check_there("the firmware", o->vars != NULL ? CODE_SECURE :
		    CODE, AC_ERR_UNSUPPORTED, why);
	if (e == AC_OK && o->scratch != NULL)
		e = check_there("the scratch disk", o->scratch,
		    AC_ERR_NOT_FOUND, why);
	if (e == AC_OK)
		e = copy_vars(o, why);
	if (e != AC_OK)
		return e;
	build_words(&w, o);
	if (w.failed || asprintf(&said, "%s/said", o->run) < 0) {
		said = NULL;
		e = BECAUSE(why, AC_ERR_MEMORY, "too many words for QEMU, or "
		    "out of memory");
		goto out;
	}
	e = spawn(&vm, &w, said, why);
	if (e != AC_OK)
		goto out;
	e = ask_port(&vm, o);
	if (e != AC_OK && ended(&vm, 0)) {
		e = ended_early(&vm, said, why);
		goto out;
	}
	if (e != AC_OK) {
		(void)vm_end(&vm);
		message_set(why, "asking " QEMU " for its port: %s",
		    ac_strerror(e));
		goto out;
	}
	*out = vm;
	e = AC_OK;
out:
	words_free(&w);
	free(said);
	return e;
}

int
vm_end(struct vm *vm)
{
	int status = 0;

	if (vm->pid <= 0)
		return status;
	(void)kill(vm->pid, SIGTERM); /* ours, and not waited for yet */
	if (vm->pidfd < 0 || !ended(vm, END_MS))
		(void)kill(vm->pid, SIGKILL);
	while (waitpid(vm->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (vm->pidfd >= 0)
		(void)close(vm->pidfd);
	*vm = (struct vm){ .pid = -1, .pidfd = -1 };
	return status;
}
