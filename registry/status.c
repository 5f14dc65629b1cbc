/* status.c -- health and metrics as replies; see status.h. */
#include "cert/limits.h"
#include "registry/status.h"

static void
finish(struct reply *out, struct writer *w, const char *type)
{
	struct buf body = { 0 };

	if (wr_end(w, &body) == AC_OK)
		*out = reply_ok(type, REPLY_NEVER, body);
	else
		problem_reply(out, PROBLEM_BUSY, "There is no memory.", NULL);
}

void
status_health(struct reply *out, uint64_t size, int64_t age_ms,
    unsigned period_s, bool failed)
{
	struct message what;
	struct writer w;

	if (failed) {
		problem_reply(out, PROBLEM_UNHEALTHY, "Writing has failed; the "
		    "registry ends. Its log says why.", NULL);
		return;
	}
	if (age_ms > (int64_t)period_s * 3 * 1000) {
		message_set(&what, "No head was published for %lld s; an idle "
		    "log publishes one every %u s. Its messages say what it "
		    "waits for.", (long long)(age_ms / 1000), period_s);
		problem_reply(out, PROBLEM_UNHEALTHY, what.text, NULL);
		return;
	}
	wr_init(&w, KIB);
	wr_str(&w, "{\"status\":\"ok\",\"treeSize\":");
	wr_dec(&w, size);
	wr_str(&w, "}\n");
	finish(out, &w, "application/json");
}

void
status_metrics(struct reply *out, struct metrics *m,
    const struct metrics_now *now)
{
	struct writer w;

	wr_init(&w, MIB);
	metrics_write(m, &w, now);
	finish(out, &w, "text/plain; version=0.0.4; charset=utf-8");
}
