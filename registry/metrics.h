/*
 * metrics.h -- what is counted while the registry runs, and its text in
 * Prometheus' exposition format 0.0.4.  Counting never waits.
 */
#ifndef AICERT_REGISTRY_METRICS_H
#define AICERT_REGISTRY_METRICS_H

#include "common/writer.h"
#include "registry/problem.h"
#include "registry/route.h"

struct metrics;

AC_MUST_CHECK enum ac_err metrics_new(struct metrics **out);
void metrics_free(struct metrics *m);

/*
 * A request for place was answered with status, us microseconds after its
 * headers were there; problem is its refusal, PROBLEM_COUNT where it is none.
 */
void metrics_request(struct metrics *m, enum route_place place,
    unsigned status, enum problem problem, uint64_t us);

/* A head was published that has so many entries more than the one before. */
void metrics_batch(struct metrics *m, uint64_t entries);

/* What is not counted but looked up when somebody asks. */
struct metrics_now {
	uint64_t tree_size;
	double checkpoint_age_s; /* since a head last reached the public */
	unsigned connections;
	uint64_t accepted;       /* connections so far */
	uint64_t overdue;        /* that were closed at a deadline */
	size_t body_bytes;       /* of requests being received */
	unsigned work_waiting, pool_waiting;
	bool failed;
	size_t witnesses, cosigned; /* those that are asked; of this head */
	bool halted, frozen;
	uint64_t unwitnessed_starts; /* of this process: 0 or 1 */
};

/* Append the text. */
void metrics_write(struct metrics *m, struct writer *w,
    const struct metrics_now *now);

#endif
