/*
 * sim.h -- a simulated TPM in a temporary folder, for the tests that talk to
 * a real swtpm.
 */
#ifndef AICERT_TESTS_PRODUCER_SIM_H
#define AICERT_TESTS_PRODUCER_SIM_H

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "producer/tpmsim.h"
#include "tests/test.h"

struct simtest {
	char top[32];      /* the temporary folder */
	char dir[48];      /* the TPM in it */
	struct buf tcti;
	struct tpm_why why;
};

/* cmocka's message says that a call failed; this one says why. */
#define assert_tpm(call, w)                                              \
	do {                                                             \
		if ((call) != AC_OK)                                     \
			fail_msg("%s: %s", #call, (w)->text);            \
	} while (0)

static inline double
sim_now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static inline int
sim_rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
sim_rm(const char *path)
{
	(void)nftw(path, sim_rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Make and start it.  0, or what main() shall return. */
static inline int
sim_begin(struct simtest *s)
{
	const struct tpmsim_options options = { .days = TPMSIM_DAYS };
	double t0 = sim_now_s(), t1;
	enum ac_err e;

	tpm_quiet();
	*s = (struct simtest){ .top = "/tmp/aicert-test-XXXXXX" };
	if (mkdtemp(s->top) == NULL)
		return 1;
	(void)snprintf(s->dir, sizeof(s->dir), "%s/tpm", s->top);
	e = tpmsim_init(s->dir, &options, &s->why);
	t1 = sim_now_s();
	if (e == AC_OK)
		e = tpmsim_start(s->dir, &s->why);
	if (e == AC_OK)
		e = tpmsim_tcti(s->dir, &s->tcti, &s->why);
	if (e == AC_OK) {
		(void)printf("simulated TPM: init %.0f ms, start %.1f ms\n",
		    (t1 - t0) * 1e3, (sim_now_s() - t1) * 1e3);
		return 0;
	}
	(void)printf("%s: %s\n", e == AC_ERR_UNSUPPORTED ? "skipped" : "failed",
	    s->why.text);
	sim_rm(s->top);
	return e == AC_ERR_UNSUPPORTED ? TEST_SKIPPED : 1;
}

static inline void
sim_finish(struct simtest *s)
{
	struct tpm_why why;
	enum ac_err e = tpmsim_stop(s->dir, &why);

	if (e != AC_OK && e != AC_ERR_NOT_FOUND)
		(void)printf("stop: %s\n", why.text);
	buf_free(&s->tcti);
	sim_rm(s->top);
}

static inline struct tpm *
sim_tpm_open(struct simtest *s)
{
	struct tpm *t = NULL;

	assert_tpm(tpm_open(&t, (const char *)s->tcti.p, &s->why), &s->why);
	return t;
}

/* A file of the TPM's folder, whole. */
static inline struct buf
sim_file(const struct simtest *s, const char *name)
{
	char path[96];
	struct buf b;

	(void)snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	assert_ok(file_read(&b, path, 65536));
	return b;
}

/* swtpm's process, as it wrote it. */
static inline pid_t
sim_process(const struct simtest *s)
{
	struct buf b = sim_file(s, "tpm.pid");
	long pid = strtol((const char *)b.p, NULL, 10);

	buf_free(&b);
	assert_true(pid > 1);
	return (pid_t)pid;
}

#endif
