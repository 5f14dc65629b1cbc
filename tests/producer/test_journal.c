/*
 * test_journal.c -- what an agent writes down, its client reads, in pieces of
 * any size, from wherever it left off: journal.c and events.c together.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "producer/events.h"
#include "producer/journal.h"
#include "tests/test.h"

#define ROOM ((size_t)64 << 10)

/* Events as they were understood, as "name data\n" one after the other. */
struct heard {
	char text[4096];
	size_t n;
};

static enum ac_err
hear(void *arg, struct span name, struct span data)
{
	struct heard *h = arg;

	h->n++;
	(void)snprintf(h->text + strlen(h->text),
	    sizeof(h->text) - strlen(h->text), "%.*s %.*s\n", (int)name.len,
	    (const char *)name.p, (int)data.len, (const char *)data.p);
	return AC_OK;
}

static void
in_any_pieces(void **state)
{
	struct journal *j = journal_new();
	char *room = malloc(ROOM);
	uint64_t at = 0;
	ssize_t n;

	(void)state;
	assert_non_null(j);
	journal_add(j, "phase", span_str("{\"phase\":\"inputs\"}"));
	journal_add(j, "output", span_str("{\"line\":\"a: b\"}"));
	journal_add(j, "output", span_str("{\"line\":\"\"}"));
	n = journal_read(j, &at, room, ROOM, 0);
	assert_true(n > 0);
	assert_int_equal(at, 3);
	for (size_t piece = 1; piece < (size_t)n; piece++) {
		struct events *e = calloc(1, sizeof(*e));
		struct heard h = { .n = 0 };

		for (size_t i = 0; i < (size_t)n; i += piece)
			assert_ok(events_feed(e, span_of(room + i,
			    (size_t)n - i < piece ? (size_t)n - i : piece),
			    hear, &h));
		assert_int_equal(h.n, 3);
		assert_int_equal(e->id, 3);
		assert_string_equal(h.text, "phase {\"phase\":\"inputs\"}\n"
		    "output {\"line\":\"a: b\"}\noutput {\"line\":\"\"}\n");
		free(e);
	}
	free(room);
	journal_free(j);
}

static void
from_where_one_left_off(void **state)
{
	struct journal *j = journal_new();
	char *room = malloc(ROOM);
	uint64_t at = 2;

	(void)state;
	for (int i = 0; i < 4; i++)
		journal_add(j, "progress", span_str("{}"));
	assert_true(journal_read(j, &at, room, ROOM, 0) > 0);
	assert_memory_equal(room, "id: 3\n", 6);
	/* A number of another agent's: from the beginning. */
	at = 99;
	assert_true(journal_read(j, &at, room, ROOM, 0) > 0);
	assert_memory_equal(room, "id: 1\n", 6);
	assert_int_equal(journal_read(j, &at, room, ROOM, 0), 0);
	journal_close(j);
	assert_int_equal(journal_read(j, &at, room, ROOM, 1000), -1);
	free(room);
	journal_free(j);
}

static void
the_oldest_are_lost_and_said_so(void **state)
{
	struct journal *j = journal_new();
	char *room = malloc(ROOM), *line = malloc(8192);
	uint64_t at = 0;

	(void)state;
	memset(line, 'x', 8192);
	for (int i = 0; i < 4000; i++)
		journal_add(j, "output", span_of(line, 8192));
	assert_true(journal_read(j, &at, room, ROOM, 0) > 0);
	assert_memory_equal(room, "event: lost\ndata: {\"events\":", 28);
	/* One that is too long is no event at all. */
	at = 4000;
	free(line);
	line = malloc(JOURNAL_EVENT_MAX);
	memset(line, 'x', JOURNAL_EVENT_MAX);
	journal_add(j, "output", span_of(line, JOURNAL_EVENT_MAX));
	assert_int_equal(journal_read(j, &at, room, ROOM, 0), 0);
	assert_int_equal(at, 4001);
	free(room);
	free(line);
	journal_free(j);
}

static void *
add_one(void *arg)
{
	journal_add(arg, "phase", span_str("{}"));
	return NULL;
}

static void
who_waits_is_woken(void **state)
{
	struct journal *j = journal_new();
	char *room = malloc(ROOM);
	pthread_t thread;
	uint64_t at = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, add_one, j), 0);
	assert_true(journal_read(j, &at, room, ROOM, 60000) > 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	free(room);
	journal_free(j);
}

/* What no agent writes changes nothing but what it is about. */
static void
strange_streams(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t events;
		uint64_t id;
	} row[] = {
		{ "comments", ": hello\n\n: hello\n\n", 0, 0 },
		{ "no data", "id: 4\nevent: a\n\n", 0, 4 },
		{ "no blank line", "data: a\n", 0, 0 },
		{ "no blanks", "id:4\ndata:a\n\n", 1, 4 },
		{ "an unknown field", "retry: 5\ndata: a\n\n", 1, 0 },
		{ "an id that is none", "id: x\ndata: a\n\n", 1, 0 },
		{ "a name that is too long", "event: aaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaa\ndata: a\n\n", 1, 0 },
		{ "a field alone", "data\n\n", 0, 0 },
	};
	struct events *e = malloc(sizeof(*e));
	char *line = malloc(3 * EVENTS_LINE_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct heard h = { .n = 0 };

		memset(e, 0, sizeof(*e));
		assert_ok(events_feed(e, span_str(row[i].bytes), hear, &h));
		if (h.n != row[i].events || e->id != row[i].id)
			fail_msg("%s", row[i].what);
	}
	memset(e, 0, sizeof(*e));
	memset(line, 'x', 3 * EVENTS_LINE_MAX);
	memcpy(line, "data: ", 6);
	memcpy(line + 3 * EVENTS_LINE_MAX - 10, "\ndata: b\n\n", 10);
	{
		struct heard h = { .n = 0 };

		assert_ok(events_feed(e, span_of(line, 3 * EVENTS_LINE_MAX),
		    hear, &h));
		assert_int_equal(h.n, 1);
		assert_string_equal(h.text, " b\n");
	}
	free(e);
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_any_pieces),
		cmocka_unit_test(from_where_one_left_off),
		cmocka_unit_test(the_oldest_are_lost_and_said_so),
		cmocka_unit_test(who_waits_is_woken),
		cmocka_unit_test(strange_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
