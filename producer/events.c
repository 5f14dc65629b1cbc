/* events.c -- server-sent events; see events.h. */
#include "common/text.h"
#include "producer/events.h"

void
events_restart(struct events *e)
{
	e->len = 0;
	e->too_long = false;
	e->next_id = 0;
	e->name[0] = '\0';
	e->datalen = 0;
	e->has_data = false;
}

/* Is the line the field of that name?  Then *value is what it says. */
static bool
is_field(const struct events *e, const char *name, struct span *value)
{
	size_t n = strlen(name);
	const char *p = e->line;

	if (e->len <= n || strncmp(p, name, n) != 0 || p[n] != ':')
		return false;
	n += e->len > n + 1 && p[n + 1] == ' ' ? 2 : 1;
	*value = span_of(p + n, e->len - n);
	return true;
}

/* A line is whole. */
static enum ac_err
take_line(struct events *e, events_fn *take, void *arg)
{
	struct span value;
	enum ac_err err = AC_OK;

	e->line[e->len] = '\0';
	if (e->len == 0 && !e->too_long) {
		if (e->has_data)
			err = take(arg, span_str(e->name),
			    span_of(e->data, e->datalen));
		if (err == AC_OK && e->next_id != 0)
			e->id = e->next_id;
		events_restart(e);
		return err;
	}
	if (e->too_long) {
		/* Nothing that an agent writes; the next one counts. */
	} else if (is_field(e, "id", &value)) {
		if (!text_undec(&e->next_id, value, UINT64_MAX - 1))
			e->next_id = 0;
	} else if (is_field(e, "event", &value)) {
		if (value.len <= EVENTS_NAME_MAX) {
			memcpy(e->name, value.p, value.len);
			e->name[value.len] = '\0';
		}
	} else if (is_field(e, "data", &value)) {
		memcpy(e->data, value.p, value.len);
		e->datalen = value.len;
		e->has_data = true;
	}
	e->len = 0;
	e->too_long = false;
	return AC_OK;
}

enum ac_err
events_feed(struct events *e, struct span bytes, events_fn *take, void *arg)
{
	enum ac_err err = AC_OK;

	for (size_t i = 0; err == AC_OK && i < bytes.len; i++) {
		if (bytes.p[i] == '\n')
			err = take_line(e, take, arg);
		else if (e->len == EVENTS_LINE_MAX)
			e->too_long = true;
		else
			e->line[e->len++] = (char)bytes.p[i];
	}
	return err;
}
