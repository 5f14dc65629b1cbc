/*
 * test_sequence.c -- the sequencer without network or signatures: every unit
 * gets one verdict, every statement one index, whatever the batches are.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/sha256.h"
#include "registry/sequence.h"
#include "tests/registry/folder.h"
#include "tests/test.h"

struct fixture {
	struct folder folder;
	struct advance a;
	struct sequence *s;
	pthread_mutex_t mutex;
	pthread_cond_t moved;
	int nverdicts[6];
	int nfailed;
};

static void
on_done(void *arg, struct unit *u)
{
	struct fixture *f = arg;

	(void)pthread_mutex_lock(&f->mutex);
	f->nverdicts[u->verdict]++;
	(void)pthread_cond_broadcast(&f->moved);
	(void)pthread_mutex_unlock(&f->mutex);
}

static void
on_failed(void *arg)
{
	struct fixture *f = arg;

	(void)pthread_mutex_lock(&f->mutex);
	f->nfailed++;
	(void)pthread_cond_broadcast(&f->moved);
	(void)pthread_mutex_unlock(&f->mutex);
}

static void
start(struct fixture *f, unsigned batch_ms, size_t batch_max,
    unsigned idle_ms)
{
	struct sequence_options o = { batch_ms, batch_max, idle_ms, 50,
		on_done, on_failed, f };
	struct message why = { "" };

	assert_ok(sequence_start(&f->s, &f->a, &o, &why));
}

static enum ac_err
stop(struct fixture *f, struct message *why)
{
	enum ac_err e = sequence_stop(f->s, why);

	sequence_free(f->s);
	f->s = NULL;
	return e;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct message why = { "" };

	assert_non_null(f);
	(void)pthread_mutex_init(&f->mutex, NULL);
	(void)pthread_cond_init(&f->moved, NULL);
	folder_make(&f->folder);
	f->a.store = folder_store(&f->folder);
	assert_ok(signer_create(f->folder.path, "log.example", &why));
	assert_ok(signer_open(&f->a.signer, f->folder.path, "log.example",
	    &why));
	signer_release(f->a.signer);
	assert_ok(proof_new(&f->a.proof, f->a.store));
	assert_int_equal(mkdir(folder_file(&f->folder, "public"), 0755), 0);
	assert_ok(publish_new(&f->a.publish, folder_file(&f->folder,
	    "public")));
	assert_ok(published_new(&f->a.published));
	assert_ok(advance_head(&f->a, 5000, false, &why));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	published_free(f->a.published);
	publish_free(f->a.publish);
	proof_free(f->a.proof);
	signer_close(f->a.signer);
	store_close(f->a.store);
	folder_remove(&f->folder);
	(void)pthread_cond_destroy(&f->moved);
	(void)pthread_mutex_destroy(&f->mutex);
	free(f);
	return 0;
}

/* A unit whose lines are about those numbers; the second may be evidence. */
static struct unit *
unit(bool evidence, size_t n, const int numbers[])
{
	struct unit *u = unit_new(n);

	assert_non_null(u);
	u->has_evidence = evidence;
	u->bytes = 100;
	for (size_t i = 0; i < n; i++) {
		struct unit_line *l = &u->line[i];
		struct store_entry e = folder_entry((uint64_t)numbers[i]);

		l->d = e.d;
		l->key = e.key;
		l->siglen = 9;
		l->leaf = e.leaf;
		assert_ok(buf_copy(&l->type, e.type));
		assert_ok(buf_copy(&l->statement, e.statement));
	}
	return u;
}

static void
test_indices(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };
	struct store_head head;
	struct unit *u[300];

	start(f, 5, 7, 60000);
	for (int i = 0; i < 300; i++) {
		/* Every third repeats the one before. */
		int number = i % 3 == 2 ? i - 1 : i;

		u[i] = unit(false, 1, &number);
		assert_ok(sequence_submit(f->s, u[i]));
	}
	assert_ok(stop(f, &why));
	assert_int_equal(f->nverdicts[UNIT_LOGGED], 300);
	head = published_head(f->a.published);
	assert_int_equal(head.size, 200);
	for (int i = 0; i < 300; i++) {
		/* In order of arrival, duplicates apart. */
		assert_int_equal(u[i]->line[0].index, i / 3 * 2 + (i % 3 > 0));
		unit_free(u[i]);
	}
}

static void
test_conflict(void **state)
{
	struct fixture *f = *state;
	struct store_entry first = folder_entry(2);
	struct digest stored = first.d;
	struct message why = { "" };
	struct unit *u[4] = {
		unit(true, 2, (const int[]){ 1, 2 }),
		unit(true, 2, (const int[]){ 1, 3 }),
		unit(true, 3, (const int[]){ 1, 2, 4 }),
		unit(true, 3, (const int[]){ 1, 5, 6 }),
	};

	/* All in one batch. */
	start(f, 10000, 4, 60000);
	for (int i = 0; i < 4; i++)
		assert_ok(sequence_submit(f->s, u[i]));
	assert_ok(stop(f, &why));
	assert_int_equal(f->nverdicts[UNIT_LOGGED], 2);
	assert_int_equal(f->nverdicts[UNIT_CONFLICT], 2);
	assert_int_equal(u[1]->verdict, UNIT_CONFLICT);
	assert_int_equal(u[3]->verdict, UNIT_CONFLICT);
	assert_true(digest_equal(&u[1]->stored, &stored));
	assert_int_equal(u[2]->line[2].index, 2);
	/* Nothing of a refused certificate is logged. */
	assert_int_equal(published_head(f->a.published).size, 3);
	for (int i = 0; i < 4; i++)
		unit_free(u[i]);
}

static void
test_full_batch_does_not_wait(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };
	struct unit *u[2];

	start(f, 60000, 2, 60000);
	for (int i = 0; i < 2; i++) {
		u[i] = unit(false, 1, &i);
		assert_ok(sequence_submit(f->s, u[i]));
	}
	(void)pthread_mutex_lock(&f->mutex);
	while (f->nverdicts[UNIT_LOGGED] < 2)
		(void)pthread_cond_wait(&f->moved, &f->mutex);
	(void)pthread_mutex_unlock(&f->mutex);
	assert_ok(stop(f, &why));
	unit_free(u[0]);
	unit_free(u[1]);
}

/* The note that is public now. */
static void
get_note(struct fixture *f, struct buf *note)
{
	struct store_head head;

	assert_ok(published_note(f->a.published, &head, note));
	assert_int_equal(head.size, 0);
}

static void
test_idle_log_cosigns_again(void **state)
{
	struct fixture *f = *state;
	struct buf before = { 0 }, after = { 0 };
	struct message why = { "" };

	/* The head of setup() is cosigned with a time long ago. */
	get_note(f, &before);
	start(f, 0, 10, 1);
	do {
		buf_free(&after);
		get_note(f, &after);
	} while (span_equal(buf_span(&before), buf_span(&after)));
	assert_ok(stop(f, &why));
	buf_free(&before);
	buf_free(&after);
}

static void
test_failure_answers_everybody(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };
	struct unit *u[3];

	/* A tile that differs from the one to come. */
	assert_int_equal(mkdir(folder_file(&f->folder, "public/tile"), 0755),
	    0);
	assert_int_equal(mkdir(folder_file(&f->folder, "public/tile/0"), 0755),
	    0);
	assert_int_equal(mkdir(folder_file(&f->folder, "public/tile/0/000.p"),
	    0755), 0);
	assert_ok(file_create(folder_file(&f->folder,
	    "public/tile/0/000.p/2"), span_str("x"), 0444));
	start(f, 60000, 2, 60000);
	for (int i = 0; i < 2; i++) {
		u[i] = unit(false, 1, &i);
		assert_ok(sequence_submit(f->s, u[i]));
	}
	(void)pthread_mutex_lock(&f->mutex);
	while (f->nfailed == 0)
		(void)pthread_cond_wait(&f->moved, &f->mutex);
	(void)pthread_mutex_unlock(&f->mutex);
	assert_int_equal(f->nverdicts[UNIT_LOST], 2);
	/* And nobody waits for ever afterwards. */
	u[2] = unit(false, 1, (const int[]){ 9 });
	assert_int_equal(sequence_submit(f->s, u[2]), AC_ERR_BUSY);
	assert_int_equal(stop(f, &why), AC_ERR_MISMATCH);
	assert_non_null(strstr(why.text, "differs"));
	assert_int_equal(published_head(f->a.published).size, 0);
	for (int i = 0; i < 3; i++)
		unit_free(u[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_indices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_conflict, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_batch_does_not_wait,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle_log_cosigns_again,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_failure_answers_everybody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
