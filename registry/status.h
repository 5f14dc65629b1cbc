/*
 * status.h -- how the registry is, for machines that watch it: /healthz and
 * /metrics.
 */
#ifndef AICERT_REGISTRY_STATUS_H
#define AICERT_REGISTRY_STATUS_H

#include "registry/metrics.h"
#include "registry/published.h"

/*
 * *out = 200 with the size of the log; or 503 where writing has failed or the
 * published head is age_ms old, though one is due every period_s and three of
 * them have passed.
 */
void status_health(struct reply *out, uint64_t size, int64_t age_ms,
    unsigned period_s, bool failed);

/* *out = everything that is counted. */
void status_metrics(struct reply *out, struct metrics *m,
    const struct metrics_now *now);

#endif
