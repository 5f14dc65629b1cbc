/*
 * status.h -- how the registry is, for machines that watch it: /healthz and
 * /metrics.
 */
#ifndef AICERT_REGISTRY_STATUS_H
#define AICERT_REGISTRY_STATUS_H

#include "registry/metrics.h"
#include "registry/published.h"

/* A head older than this was not cosigned when it should have been, thrice. */
#define STATUS_STALE_MS 180000

/*
 * *out = 200 with the size of the log; or 503 where writing has failed or the
 * published head is age_ms old, more than STATUS_STALE_MS.
 */
void status_health(struct reply *out, uint64_t size, int64_t age_ms,
    bool failed);

/* *out = everything that is counted. */
void status_metrics(struct reply *out, struct metrics *m,
    const struct metrics_now *now);

#endif
