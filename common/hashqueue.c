/* hashqueue.c -- files hashed on all cores; see hashqueue.h. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/hashqueue.h"
#include "common/sha256lanes.h"

#define SLOTS SHA256LANES_MAX
#define CHUNK ((size_t)64 << 10) /* bytes read at a time: 16 fit in an L2 */
/*
 * From chunk to chunk: lanes read the same place of all of them, and at a power
 * of two those would all compete for one set of the L1 cache.
 */
#define STRIDE (CHUNK + 64)
#define FEW ((uint64_t)4 << 20)  /* bytes not worth a thread */
#define TELL_NS 250000000        /* between two reports of progress */

/* A job by its size, to sort them. */
struct ranked {
	uint64_t bytes;
	size_t i;
};

/* What the threads share. */
struct queue {
	struct hashqueue_job *job;
	size_t n;
	const struct ranked *order; /* of the jobs, largest first */
	unsigned threads, ways;

	pthread_mutex_t mutex; /* for all below */
	pthread_cond_t ended;  /* a thread has */
	size_t taken;          /* jobs of order */
	uint64_t left;         /* bytes of all jobs that are not over */
	unsigned running;      /* threads */
	uint64_t done;         /* bytes */
	size_t failed;         /* the first job that failed, or n */
	enum ac_err e;
	int io_errno;
};

/* A job in the hands of a thread. */
struct slot {
	struct hashqueue_job *job;
	int fd;
	uint64_t at;
	struct sha256 sha256;
	uint8_t *chunk; /* CHUNK bytes */
	enum ac_err e;  /* what went wrong, and errno then */
	int io_errno;
};

struct hashqueue_state
hashqueue_state_of(const struct stat *st)
{
	return (struct hashqueue_state){ .device = st->st_dev,
		.inode = st->st_ino, .bytes = (uint64_t)st->st_size,
		.modified = st->st_mtim, .changed = st->st_ctim };
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Is fd the file of the job, as it was? */
static enum ac_err
check_state(int fd, const struct hashqueue_state *was)
{
	struct hashqueue_state is;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return AC_ERR_IO;
	if (!S_ISREG(st.st_mode))
		return AC_ERR_FORMAT;
	is = hashqueue_state_of(&st);
	return is.device == was->device && is.inode == was->inode &&
	    is.bytes == was->bytes && same_time(&is.modified, &was->modified) &&
	    same_time(&is.changed, &was->changed) ? AC_OK : AC_ERR_MISMATCH;
}

/* Keep e, and why. */
static void
note(struct slot *s, enum ac_err e)
{
	s->e = e;
	s->io_errno = errno;
}

static void
begin(struct slot *s, struct hashqueue_job *job)
{
	s->job = job;
	s->at = job->start;
	sha256_init(&s->sha256);
	s->fd = openat(job->dir_fd, job->path, O_RDONLY | O_CLOEXEC |
	    O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	note(s, s->fd >= 0 ? check_state(s->fd, &job->state) :
	    errno == ENOENT ? AC_ERR_NOT_FOUND :
	    errno == ELOOP ? AC_ERR_MISMATCH : AC_ERR_IO);
	if (s->e == AC_OK)
		/* Advice; without it the file is read all the same. */
		(void)posix_fadvise(s->fd, (off_t)job->start,
		    (off_t)(job->end - job->start), POSIX_FADV_SEQUENTIAL);
}

/* The next bytes of the job, in its chunk; none at its end. */
static struct span
fill(struct slot *s)
{
	uint64_t left = s->job->end - s->at;
	size_t want = left < CHUNK ? (size_t)left : CHUNK;
	ssize_t n = 0;

	while (want > 0 && (n = pread(s->fd, s->chunk, want,
	    (off_t)s->at)) < 0 && errno == EINTR)
		;
	if (n < 0)
		note(s, AC_ERR_IO);
	else if (n == 0 && want > 0)
		note(s, AC_ERR_MISMATCH); /* it was longer */
	n = n < 0 ? 0 : n;
	s->at += (uint64_t)n;
	return span_of(s->chunk, (size_t)n);
}

static uint64_t
bytes_of(const struct hashqueue_job *job)
{
	return job->end - job->start;
}

/*
 * A job for a thread that has n jobs of so many bytes; NULL: none, or none to
 * take now.  Nobody takes more than an even share of what is left, so that
 * towards the end no core is without work.
 */
static struct hashqueue_job *
take(struct queue *q, size_t n, uint64_t bytes)
{
	struct hashqueue_job *job = NULL;

	(void)pthread_mutex_lock(&q->mutex);
	while (q->taken < q->n && job == NULL &&
	    (n == 0 || bytes < q->left / q->threads)) {
		job = &q->job[q->order[q->taken++].i];
		/* One before the first that failed could still be it. */
		if ((size_t)(job - q->job) > q->failed) {
			q->left -= bytes_of(job);
			job = NULL;
		}
	}
	(void)pthread_mutex_unlock(&q->mutex);
	return job;
}

/* The job is over. */
static void
end(struct queue *q, const struct slot *s)
{
	size_t i = (size_t)(s->job - q->job);

	if (s->fd >= 0)
		(void)close(s->fd);
	(void)pthread_mutex_lock(&q->mutex);
	q->left -= bytes_of(s->job);
	if (s->e != AC_OK && i < q->failed) {
		q->failed = i;
		q->e = s->e;
		q->io_errno = s->io_errno;
	}
	(void)pthread_mutex_unlock(&q->mutex);
}

/* Add bytes to what is done; what is the first job that failed by now? */
static size_t
account(struct queue *q, uint64_t bytes)
{
	size_t failed;

	(void)pthread_mutex_lock(&q->mutex);
	q->done += bytes;
	failed = q->failed;
	(void)pthread_mutex_unlock(&q->mutex);
	return failed;
}

/* One chunk more of slot[0..n); those that are over are left out. */
static size_t
advance(struct queue *q, struct slot slot[], size_t n)
{
	struct sha256 *s[SLOTS];
	struct span data[SLOTS];
	size_t kept = 0, failed;
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		data[i] = fill(&slot[i]);
		s[i] = &slot[i].sha256;
		bytes += data[i].len;
	}
	sha256lanes_update(q->ways, s, data, n);
	failed = account(q, bytes);
	for (size_t i = 0; i < n; i++) {
		struct slot t = slot[i];

		if (t.e == AC_OK && t.at == t.job->end) {
			note(&t, check_state(t.fd, &t.job->state));
			t.job->sha256 = sha256_final(&t.sha256);
		} else if (t.e == AC_OK && (size_t)(t.job - q->job) < failed) {
			/* Each chunk stays in use, in another place. */
			slot[i].chunk = slot[kept].chunk;
			slot[kept++] = t;
			continue;
		}
		end(q, &t);
	}
	return kept;
}

/* What a thread does. */
static void
work(struct queue *q, uint8_t *chunks)
{
	struct slot slot[SLOTS];
	struct hashqueue_job *job;
	size_t n = 0;

	for (size_t i = 0; i < SLOTS; i++)
		slot[i] = (struct slot){ .chunk = chunks + i * STRIDE };
	for (;;) {
		uint64_t bytes = 0;

		for (size_t i = 0; i < n; i++)
			bytes += bytes_of(slot[i].job);
		while (n < SLOTS && (job = take(q, n, bytes)) != NULL) {
			begin(&slot[n], job);
			if (slot[n].e != AC_OK) {
				end(q, &slot[n]);
				continue;
			}
			bytes += bytes_of(job);
			n++;
		}
		if (n == 0)
			return;
		n = advance(q, slot, n);
	}
}

/* A thread, and its part of the memory. */
struct worker {
	struct queue *q;
	uint8_t *chunks;
	pthread_t thread;
};

static void *
run_worker(void *arg)
{
	struct worker *w = arg;

	work(w->q, w->chunks);
	(void)pthread_mutex_lock(&w->q->mutex);
	w->q->running--;
	(void)pthread_cond_signal(&w->q->ended);
	(void)pthread_mutex_unlock(&w->q->mutex);
	return NULL;
}

/* Until all threads have ended; progress may be NULL. */
static void
wait_for_end(struct queue *q, uint64_t all,
    const struct hashqueue_progress *progress)
{
	struct timespec until;

	(void)pthread_mutex_lock(&q->mutex);
	while (q->running > 0) {
		uint64_t done = q->done;

		if (progress == NULL ||
		    clock_gettime(CLOCK_REALTIME, &until) != 0) {
			(void)pthread_cond_wait(&q->ended, &q->mutex);
			continue;
		}
		until.tv_nsec += TELL_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		if (pthread_cond_timedwait(&q->ended, &q->mutex,
		    &until) == 0)
			continue;
		(void)pthread_mutex_unlock(&q->mutex);
		progress->tell(progress->ctx, done, all);
		(void)pthread_mutex_lock(&q->mutex);
	}
	(void)pthread_mutex_unlock(&q->mutex);
}

/* The threads, this one alone where few bytes or nothing else is possible. */
static enum ac_err
run_threads(struct queue *q, uint64_t all,
    const struct hashqueue_progress *progress)
{
	struct worker w[HASHQUEUE_THREADS_MAX];
	unsigned begun = 0, n = all > FEW ? q->threads : 1;
	uint8_t *chunks = malloc(n * SLOTS * STRIDE);

	if (chunks == NULL)
		return AC_ERR_MEMORY;
	(void)pthread_mutex_lock(&q->mutex);
	for (; begun < n && all > FEW; begun++) {
		w[begun] = (struct worker){ .q = q,
			.chunks = chunks + begun * SLOTS * STRIDE };
		if (pthread_create(&w[begun].thread, NULL, run_worker,
		    &w[begun]) != 0)
			break;
	}
	q->running = begun;
	q->threads = begun > 0 ? begun : 1;
	(void)pthread_mutex_unlock(&q->mutex);
	if (begun == 0)
		work(q, chunks);
	wait_for_end(q, all, progress);
	for (unsigned i = 0; i < begun; i++)
		(void)pthread_join(w[i].thread, NULL);
	free(chunks);
	return AC_OK;
}

static int
larger_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static unsigned
cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ?
	    (unsigned)CPU_COUNT(&set) : 1;
}

enum ac_err
hashqueue_run(struct hashqueue_job job[], size_t n, unsigned threads,
    const struct hashqueue_progress *progress, size_t *failed)
{
	struct queue q = { .job = job, .n = n, .failed = n,
		.ways = sha256lanes_ways() };
	struct ranked *order = calloc(n + 1, sizeof(*order));
	uint64_t all = 0;
	enum ac_err e = AC_ERR_MEMORY;

	*failed = n;
	if (order == NULL)
		return AC_ERR_MEMORY;
	for (size_t i = 0; i < n; i++) {
		order[i] = (struct ranked){ bytes_of(&job[i]), i };
		all += order[i].bytes;
	}
	qsort(order, n, sizeof(*order), larger_first);
	q.order = order;
	q.left = all;
	q.threads = threads > 0 ? threads : cores();
	if (q.threads > HASHQUEUE_THREADS_MAX)
		q.threads = HASHQUEUE_THREADS_MAX;
	if (q.threads > n)
		q.threads = n > 0 ? (unsigned)n : 1;
	if (pthread_mutex_init(&q.mutex, NULL) != 0)
		goto out;
	if (pthread_cond_init(&q.ended, NULL) == 0) {
		e = run_threads(&q, all, progress);
		(void)pthread_cond_destroy(&q.ended);
	}
	(void)pthread_mutex_destroy(&q.mutex);
	if (e == AC_OK && progress != NULL)
		progress->tell(progress->ctx, q.done, all);
	if (e == AC_OK && q.failed < n) {
		*failed = q.failed;
		errno = q.io_errno;
		e = q.e;
	}
out:
	free(order);
	return e;
}
