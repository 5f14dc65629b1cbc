/*
 * escape.c -- one attempt to get out of the sandbox, chosen by argument.
 *
 * Prints one line, "escaped" or the errno that stopped it (or what was asked
 * for), and exits 0 only where the attempt succeeded, 1 where it was stopped,
 * 2 where it could not be made.  Run by test_sandbox.c inside the sandbox, and
 * outside as the control.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int
verdict(int failed)
{
	if (failed) {
		(void)printf("%s\n", strerrorname_np(errno));
		return 1;
	}
	(void)puts("escaped");
	return 0;
}

static int
try_connect(int family, int type, const void *address, size_t len)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	return verdict(fd < 0 || connect(fd, address, (socklen_t)len) != 0);
}

static int
try_inet(char **a, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	to.sin_port = htons((uint16_t)strtoul(a[1], NULL, 10));
	if (inet_pton(AF_INET, a[0], &to.sin_addr) != 1)
		return 2;
	return try_connect(AF_INET, type, &to, sizeof(to));
}

static int
try_tcp(char **a)
{
	return try_inet(a, SOCK_STREAM);
}

/* Connecting a datagram socket looks for a route, and sends nothing. */
static int
try_route(char **a)
{
	return try_inet(a, SOCK_DGRAM);
}

/* A path, or "@name" for an abstract socket. */
static int
try_unix(char **a)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(a[0]);

	if (len >= sizeof(to.sun_path))
		return 2;
	memcpy(to.sun_path, a[0], len);
	if (a[0][0] == '@')
		to.sun_path[0] = '\0';
	return try_connect(AF_UNIX, SOCK_STREAM, &to,
	    offsetof(struct sockaddr_un, sun_path) + len);
}

static int
try_read(char **a)
{
	return verdict(open(a[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK) < 0);
}

static int
try_write(char **a)
{
	int fd = open(a[0], O_WRONLY | O_APPEND | O_CLOEXEC);

	return verdict(fd < 0 || write(fd, "x", 1) != 1);
}

static int
try_create(char **a)
{
	return verdict(open(a[0], O_WRONLY | O_CREAT | O_EXCL, 0600) < 0);
}

static int
try_unlink(char **a)
{
	return verdict(unlink(a[0]) != 0);
}

/* Hold a lock on the file and append to it for ever, deaf to signals. */
static void
append(const char *path, int told)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);

	if (fd < 0 || flock(fd, LOCK_EX) != 0)
		_exit(2);
	for (int sig = 1; sig < 64; sig++)
		(void)signal(sig, SIG_IGN);
	for (;;) {
		if (write(fd, "x", 1) != 1)
			_exit(2);
		if (told >= 0) {
			(void)!write(told, "x", 1);
			close(told);
			told = -1;
		}
		(void)usleep(1000);
	}
}

/* Leave a grandchild in a session of its own, and end; its number, which is
 * of use outside only, is printed. */
static int
try_survive(char **a)
{
	int p[2];
	char c;
	pid_t child;

	if (pipe(p) != 0)
		return 2;
	child = fork();
	if (child == 0) {
		(void)setsid();
		child = fork();
		if (child != 0) {
			(void)printf("%d\n", child);
			(void)fflush(stdout);
			_exit(0);
		}
		(void)setsid();
		close(p[0]);
		close(1);
		close(2);
		append(a[0], p[1]);
	}
	close(p[1]);
	if (child < 0 || waitpid(child, NULL, 0) != child ||
	    read(p[0], &c, 1) != 1)
		return 2;
	return 0;
}

static int
try_stay(char **a)
{
	append(a[0], 1);
	return 2;
}

static int
try_ptrace(char **a)
{
	pid_t child = fork();
	int failed, error;

	(void)a;
	if (child == 0) {
		(void)pause();
		_exit(0);
	}
	failed = ptrace(PTRACE_ATTACH, child, NULL, NULL) != 0;
	error = errno;
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, __WALL);
	errno = error;
	return verdict(failed);
}

/* The numbers of open descriptors above 2. */
static int
try_fds(char **a)
{
	int found = 0;

	(void)a;
	for (int fd = 3; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			found += printf("%d ", fd) > 0;
	(void)puts(found == 0 ? "none" : "");
	return found == 0;
}

static int
try_environ(char **a)
{
	(void)a;
	for (char **e = environ; *e != NULL; e++)
		(void)puts(*e);
	return 0;
}

static int
try_identity(char **a)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	(void)a;
	if (f == NULL)
		return 2;
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "Cap", 3) == 0 ||
		    strncmp(line, "NoNewPrivs", 10) == 0 ||
		    strncmp(line, "Seccomp:", 8) == 0)
			(void)fputs(line, stdout);
	(void)fclose(f);
	(void)printf("uid %u\n", (unsigned)geteuid());
	return geteuid() != 0;
}

static int
try_list(char **a)
{
	struct dirent **names = NULL;
	int n = scandir(a[0], &names, NULL, alphasort);

	if (n < 0)
		return verdict(1);
	for (int i = 0; i < n; i++)
		if (names[i]->d_name[0] != '.')
			(void)printf("%s ", names[i]->d_name);
	(void)puts("");
	return 0;
}

/* Use so many MiB. */
static int
try_memory(char **a)
{
	unsigned long mib = strtoul(a[0], NULL, 10);

	for (unsigned long i = 0; i < mib; i++) {
		void *p = mmap(NULL, 1U << 20, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return verdict(1);
		memset(p, 1, 1U << 20);
	}
	return verdict(0);
}

/* Fill a fresh folder with so many MiB. */
static int
try_fill(char **a)
{
	static char block[1U << 20];
	unsigned long mib = strtoul(a[1], NULL, 10);
	int fd = open(a[0], O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		return 2;
	for (unsigned long i = 0; i < mib; i++)
		if (write(fd, block, sizeof(block)) < 0)
			return verdict(1);
	return verdict(0);
}

/* Start so many processes that stay; says how many there were. */
static int
try_fork(char **a)
{
	int n = atoi(a[0]), i, failed = 0;
	char line[64] = "";

	for (i = 0; i < n && !failed; i++) {
		pid_t child = fork();

		if (child == 0) {
			(void)pause();
			_exit(0);
		}
		failed = child < 0;
	}
	(void)snprintf(line, sizeof(line), "%d ", failed ? i - 1 : i);
	(void)fputs(line, stdout);
	return verdict(failed);
}

static int
try_unshare(char **a)
{
	(void)a;
	return verdict(unshare(CLONE_NEWUSER) != 0);
}

static int
try_clone(char **a)
{
	long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	(void)a;
	if (child == 0)
		_exit(0);
	return verdict(child < 0);
}

static int
try_clone3(char **a)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal,
		    stack, stack_size, tls;
	} args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	long child = syscall(SYS_clone3, &args, sizeof(args));

	(void)a;
	if (child == 0)
		_exit(0);
	return verdict(child < 0);
}

static int
try_tiocsti(char **a)
{
	(void)a;
	return verdict(ioctl(0, TIOCSTI, "x") != 0);
}

/* The same number with rubbish in the half that the kernel ignores. */
static int
try_tiocsti_high(char **a)
{
	(void)a;
	return verdict(
	    syscall(SYS_ioctl, 0, (1UL << 32) | TIOCSTI, "x") != 0);
}

static int
try_mount(char **a)
{
	return verdict(mount("x", a[0], "tmpfs", 0, NULL) != 0);
}

static int
try_socket(char **a)
{
	return verdict(syscall(SYS_socket, strtol(a[0], NULL, 0),
	    strtol(a[1], NULL, 0), strtol(a[2], NULL, 0)) < 0);
}

/* A system call by number, all arguments -1 (which none of them accept) or
 * as given. */
static int
try_call(char **a)
{
	long v[6] = { -1, -1, -1, -1, -1, -1 };

	for (int i = 0; i < 6 && a[1 + i] != NULL; i++)
		v[i] = strtol(a[1 + i], NULL, 0);
	return verdict(syscall(strtol(a[0], NULL, 0), v[0], v[1], v[2], v[3],
	    v[4], v[5]) < 0);
}

/* getpid() as the 32-bit x86 has it. */
static int
try_foreign(char **a)
{
	(void)a;
#ifdef __x86_64__
	long r = 20;

	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10",
	    "r11");
	if (r > 0)
		return verdict(0);
	errno = ENOSYS;
#else
	errno = ENOTSUP;
#endif
	return verdict(1);
}

static int
try_flood(char **a)
{
	static char block[1U << 16];
	unsigned long left = strtoul(a[0], NULL, 10);

	memset(block, 'x', sizeof(block));
	while (left > 0) {
		size_t n = left < sizeof(block) ? left : sizeof(block);
		ssize_t done = write(1, block, n);

		if (done < 0)
			return 2;
		left -= (size_t)done;
	}
	return 0;
}

static void *
nothing(void *p)
{
	return p;
}

/* What a job may do: threads, children, loopback, writing where it should. */
static int
try_work(char **a)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;
	char cwd[256];

	(void)a;
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 ||
	    pthread_join(thread, NULL) != 0 ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    listen(fd, 1) != 0 ||
	    getsockname(fd, (struct sockaddr *)&to, &len) != 0 ||
	    try_connect(AF_INET, SOCK_STREAM, &to, sizeof(to)) != 0 ||
	    system("cat /etc/passwd > out && cat out > /dev/shm/x && "
	           "cat out > /tmp/x && cat out > ~/x && "
	           "cat out > /var/tmp/x && echo err >&2 && "
	           "test ! -e /etc/shadow") != 0)
		return verdict(1);
	(void)puts(getcwd(cwd, sizeof(cwd)));
	return 0;
}

static int
do_exit(char **a)
{
	return atoi(a[0]);
}

static int
do_signal(char **a)
{
	(void)raise(atoi(a[0]));
	return 2;
}

static int
do_sleep(char **a)
{
	(void)a;
	(void)pause();
	return 2;
}

static const struct mode {
	const char *name;
	int nargs; /* at least */
	int (*run)(char **args);
} modes[] = {
	{ "tcp", 2, try_tcp },
	{ "route", 2, try_route },
	{ "unix", 1, try_unix },
	{ "read", 1, try_read },
	{ "write", 1, try_write },
	{ "create", 1, try_create },
	{ "unlink", 1, try_unlink },
	{ "survive", 1, try_survive },
	{ "stay", 1, try_stay },
	{ "ptrace", 0, try_ptrace },
	{ "fds", 0, try_fds },
	{ "environ", 0, try_environ },
	{ "identity", 0, try_identity },
	{ "list", 1, try_list },
	{ "memory", 1, try_memory },
	{ "fill", 2, try_fill },
	{ "fork", 1, try_fork },
	{ "unshare", 0, try_unshare },
	{ "clone", 0, try_clone },
	{ "clone3", 0, try_clone3 },
	{ "tiocsti", 0, try_tiocsti },
	{ "tiocsti-high", 0, try_tiocsti_high },
	{ "mount", 1, try_mount },
	{ "socket", 3, try_socket },
	{ "call", 1, try_call },
	{ "foreign", 0, try_foreign },
	{ "flood", 1, try_flood },
	{ "work", 0, try_work },
	{ "exit", 1, do_exit },
	{ "signal", 1, do_signal },
	{ "sleep", 0, do_sleep },
};

int
main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (argc >= 2 && strcmp(argv[1], modes[i].name) == 0 &&
		    argc - 2 >= modes[i].nargs)
			return modes[i].run(argv + 2);
	(void)fputs("usage: escape MODE [ARGUMENT...]\n", stderr);
	return 2;
}
