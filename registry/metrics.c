/* metrics.c -- counters and histograms; see metrics.h. */
#include <stdatomic.h>
#include <stdlib.h>

#include "registry/metrics.h"

#define STATUS_MAX 600
#define TIMES 15
#define SIZES 14

/* Upper bounds; the last bucket of each histogram has none. */
static const uint64_t time_us[TIMES] = { 100, 250, 500, 1000, 2500, 5000,
	10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
	10000000 };
static const uint64_t size_n[SIZES] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512,
	1024, 2048, 4096, 8192 };

struct metrics {
	struct {
		atomic_ullong bucket[TIMES + 1], us;
	} request[ROUTE_COUNT];
	atomic_ullong status[STATUS_MAX];
	atomic_ullong refusal[PROBLEM_COUNT];
	atomic_ullong batch[SIZES + 1], entries;
};

enum ac_err
metrics_new(struct metrics **out)
{
	*out = calloc(1, sizeof(**out));
	return *out == NULL ? AC_ERR_MEMORY : AC_OK;
}

void
metrics_free(struct metrics *m)
{
	free(m);
}

static void
add(atomic_ullong *to, uint64_t n)
{
	(void)atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

static uint64_t
get(atomic_ullong *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

void
metrics_request(struct metrics *m, enum route_place place, unsigned status,
    enum problem problem, uint64_t us)
{
	unsigned i = 0;

	while (i < TIMES && us > time_us[i])
		i++;
	add(&m->request[place].bucket[i], 1);
	add(&m->request[place].us, us);
	if (status < STATUS_MAX)
		add(&m->status[status], 1);
	if (problem < PROBLEM_COUNT)
		add(&m->refusal[problem], 1);
}

void
metrics_batch(struct metrics *m, uint64_t entries)
{
	unsigned i = 0;

	if (entries == 0)
		return;
	while (i < SIZES && entries > size_n[i])
		i++;
	add(&m->batch[i], 1);
	add(&m->entries, entries);
}

static void
head(struct writer *w, const char *name, const char *type, const char *help)
{
	wr_printf(w, "# HELP aicert_%s %s\n# TYPE aicert_%s %s\n", name, help,
	    name, type);
}

static void
one(struct writer *w, const char *name, const char *type, const char *help,
    uint64_t v)
{
	head(w, name, type, help);
	wr_printf(w, "aicert_%s ", name);
	wr_dec(w, v);
	wr_u8(w, '\n');
}

static void
write_requests(struct metrics *m, struct writer *w)
{
	const char *name = "http_request_duration_seconds";

	head(w, name, "histogram", "From a request's headers to the end of its "
	    "answer.");
	for (unsigned r = 0; r < ROUTE_COUNT; r++) {
		const char *route = route_name((enum route_place)r);
		unsigned long long n = 0;

		for (unsigned i = 0; i <= TIMES; i++) {
			n += get(&m->request[r].bucket[i]);
			wr_printf(w, "aicert_%s_bucket{route=\"%s\",le=\"",
			    name, route);
			if (i < TIMES)
				wr_printf(w, "%g", (double)time_us[i] / 1e6);
			else
				wr_str(w, "+Inf");
			wr_printf(w, "\"} %llu\n", n);
		}
		wr_printf(w, "aicert_%s_sum{route=\"%s\"} %.6f\n", name, route,
		    (double)get(&m->request[r].us) / 1e6);
		wr_printf(w, "aicert_%s_count{route=\"%s\"} %llu\n", name,
		    route, n);
	}
}

static void
write_answers(struct metrics *m, struct writer *w)
{
	head(w, "http_responses_total", "counter", "Answers by status.");
	for (unsigned i = 0; i < STATUS_MAX; i++) {
		uint64_t n = get(&m->status[i]);

		if (n == 0)
			continue;
		wr_printf(w, "aicert_http_responses_total{code=\"%u\"} ", i);
		wr_dec(w, n);
		wr_u8(w, '\n');
	}
	head(w, "refusals_total", "counter", "Refusals by problem, as "
	    "docs/registry-errors.md names them.");
	for (unsigned i = 0; i < PROBLEM_COUNT; i++) {
		wr_printf(w, "aicert_refusals_total{problem=\"%s\"} ",
		    problem_kind((enum problem)i)->name);
		wr_dec(w, get(&m->refusal[i]));
		wr_u8(w, '\n');
	}
}

static void
write_batches(struct metrics *m, struct writer *w)
{
	unsigned long long n = 0;

	head(w, "batch_entries", "histogram", "New entries of each published "
	    "head.");
	for (unsigned i = 0; i <= SIZES; i++) {
		n += get(&m->batch[i]);
		wr_str(w, "aicert_batch_entries_bucket{le=\"");
		if (i < SIZES)
			wr_dec(w, size_n[i]);
		else
			wr_str(w, "+Inf");
		wr_printf(w, "\"} %llu\n", n);
	}
	wr_str(w, "aicert_batch_entries_sum ");
	wr_dec(w, get(&m->entries));
	wr_printf(w, "\naicert_batch_entries_count %llu\n", n);
}

void
metrics_write(struct metrics *m, struct writer *w,
    const struct metrics_now *now)
{
	head(w, "build_info", "gauge", "The version that runs.");
	wr_str(w, "aicert_build_info{version=\"" AICERT_VERSION "\"} 1\n");
	one(w, "tree_size", "gauge", "Entries of the published log.",
	    now->tree_size);
	head(w, "checkpoint_age_seconds", "gauge", "Since a head was last "
	    "cosigned and published.");
	wr_printf(w, "aicert_checkpoint_age_seconds %.3f\n",
	    now->checkpoint_age_s);
	/* A head is published only once it has its quorum. */
	head(w, "witness_quorum_age_seconds", "gauge", "Since a head last had "
	    "the quorum that publication asks for.");
	wr_printf(w, "aicert_witness_quorum_age_seconds %.3f\n",
	    now->checkpoint_age_s);
	one(w, "witnesses", "gauge", "Witnesses that are asked.",
	    now->witnesses);
	one(w, "witnesses_cosigned", "gauge", "Of these, such as cosigned the "
	    "newest head.", now->cosigned);
	one(w, "halted", "gauge", "Whether nothing is signed until the "
	    "operator acts.", now->halted);
	one(w, "frozen", "gauge", "Whether the log has its last head.",
	    now->frozen);
	one(w, "unwitnessed_starts_total", "counter", "Starts of this process "
	    "that nobody outside confirmed.", now->unwitnessed_starts);
	one(w, "sequencer_failed", "gauge", "Whether writing has ended for "
	    "good.", now->failed);
	head(w, "queue_depth", "gauge", "Requests that wait for a worker, and "
	    "certificates that wait for a batch.");
	wr_printf(w, "aicert_queue_depth{queue=\"work\"} %u\n"
	    "aicert_queue_depth{queue=\"pool\"} %u\n", now->work_waiting,
	    now->pool_waiting);
	one(w, "http_connections", "gauge", "Open connections.",
	    now->connections);
	one(w, "http_connections_total", "counter", "Connections so far.",
	    now->accepted);
	one(w, "http_overdue_total", "counter", "Connections closed at a "
	    "deadline.", now->overdue);
	one(w, "http_body_bytes", "gauge", "Memory of requests being "
	    "received.", now->body_bytes);
	write_batches(m, w);
	write_requests(m, w);
	write_answers(m, w);
}
