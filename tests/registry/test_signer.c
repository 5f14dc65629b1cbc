/*
 * test_signer.c -- the signer signs what extends what it signed, and nothing
 * else; its notes hold under its keys.
 */
#include <sys/stat.h>

#include "common/file.h"
#include "cert/checkpoint.h"
#include "registry/proof.h"
#include "registry/signer.h"
#include "tests/registry/folder.h"
#include "tests/test.h"
#include "verifier/sig.h"

struct fixture {
	struct folder folder;
	struct store *store;
	struct proof *proof;
	struct tree tree;
	struct store_head head;
	struct signer *s;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct message why = { "" };
	bool published;

	assert_non_null(f);
	folder_make(&f->folder);
	f->store = folder_store(&f->folder);
	assert_ok(store_head(f->store, &f->head, &published));
	assert_ok(tree_load(&f->tree, f->store, &f->head));
	assert_ok(proof_new(&f->proof, f->store));
	assert_ok(signer_create(f->folder.path, "log.example", &why));
	assert_ok(signer_open(&f->s, f->folder.path, "log.example", &why));
	signer_release(f->s);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	signer_close(f->s);
	proof_free(f->proof);
	store_close(f->store);
	folder_remove(&f->folder);
	free(f);
	return 0;
}

/* Sign head with the right proof. */
static enum ac_err
sign(struct fixture *f, struct writer *w, const struct store_head *head)
{
	struct store_head last = signer_last(f->s);
	struct digest proof[MERKLE_PROOF_MAX];
	struct message why = { "" };
	size_t n = 0;

	if (last.size > 0 && last.size < head->size)
		assert_ok(proof_consistency(f->proof, proof, &n, last.size,
		    head->size));
	return signer_sign(f->s, w, head, proof, n, &why);
}

/* Sign and cosign the newest head at now_s, and check all of the note. */
static int64_t
full_note(struct fixture *f, int64_t now_s)
{
	struct note *note = malloc(sizeof(*note));
	struct message why = { "" };
	struct buf text = { 0 };
	struct checkpoint c;
	struct writer w;
	int64_t time_s = -1;

	assert_non_null(note);
	wr_init(&w, NOTE_MAX);
	assert_ok(sign(f, &w, &f->head));
	assert_ok(signer_cosign(f->s, &w, &f->head, now_s, &why));
	assert_ok(wr_end(&w, &text));
	assert_ok(note_parse(note, buf_span(&text)));
	assert_int_equal(note->nsignatures, 2);
	assert_ok(checkpoint_parse(&c, note->text));
	assert_true(c.size == f->head.size);
	assert_true(digest_equal(&c.root, &f->head.root));
	assert_true(span_is(c.origin, "log.example"));
	assert_ok(sig_note(&time_s, note, signer_log_key(f->s)));
	assert_int_equal(time_s, 0);
	assert_ok(sig_note(&time_s, note, signer_time_key(f->s)));
	free(note);
	buf_free(&text);
	return time_s;
}

static enum ac_err
refuse(struct fixture *f, struct store_head head, const struct digest proof[],
    size_t n)
{
	struct store_head before = signer_last(f->s), after;
	struct message why = { "" };
	struct writer w;
	enum ac_err e;

	wr_init(&w, NOTE_MAX);
	e = signer_sign(f->s, &w, &head, proof, n, &why);
	/* Not a byte of a signature. */
	assert_int_equal(w.len, 0);
	wr_free(&w);
	after = signer_last(f->s);
	assert_int_equal(after.size, before.size);
	assert_true(digest_equal(&after.root, &before.root));
	assert_true(strlen(why.text) > 0);
	return e;
}

static void
test_notes(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };

	assert_int_equal(full_note(f, 5000), 5000);
	folder_grow(f->store, &f->tree, &f->head, 3);
	assert_int_equal(full_note(f, 5001), 5001);
	folder_grow(f->store, &f->tree, &f->head, 300);
	assert_int_equal(full_note(f, 5002), 5002);
	/* The same again, and after a restart. */
	assert_int_equal(full_note(f, 5003), 5003);
	signer_close(f->s);
	assert_ok(signer_open(&f->s, f->folder.path, "log.example", &why));
	signer_release(f->s);
	assert_int_equal(signer_last(f->s).size, 300);
	assert_int_equal(full_note(f, 5004), 5004);
}

static void
test_only_what_extends(void **state)
{
	struct fixture *f = *state;
	struct store_head small, other;
	struct digest proof[MERKLE_PROOF_MAX + 1] = { 0 };
	struct message why = { "" };
	size_t n = 0;

	folder_grow(f->store, &f->tree, &f->head, 5);
	small = f->head;
	folder_grow(f->store, &f->tree, &f->head, 9);
	(void)full_note(f, 5000);
	assert_int_equal(refuse(f, small, NULL, 0), AC_ERR_MISMATCH);
	other = f->head;
	other.root.b[0] ^= 1;
	assert_int_equal(refuse(f, other, NULL, 0), AC_ERR_MISMATCH);
	folder_grow(f->store, &f->tree, &f->head, 20);
	assert_ok(proof_consistency(f->proof, proof, &n, 9, 20));
	assert_int_equal(refuse(f, f->head, NULL, 0), AC_ERR_MISMATCH);
	assert_int_equal(refuse(f, f->head, proof, n - 1), AC_ERR_MISMATCH);
	assert_int_equal(refuse(f, f->head, proof, n + 1), AC_ERR_MISMATCH);
	for (size_t i = 0; i < n; i++) {
		proof[i].b[31] ^= 1;
		assert_int_equal(refuse(f, f->head, proof, n),
		    AC_ERR_MISMATCH);
		proof[i].b[31] ^= 1;
	}
	other = f->head;
	other.root.b[0] ^= 1;
	assert_int_equal(refuse(f, other, proof, n), AC_ERR_MISMATCH);
	other = f->head;
	other.size = 33; /* of another height; 21 would have the same proof */
	assert_int_equal(refuse(f, other, proof, n), AC_ERR_MISMATCH);
	/* A restart forgets nothing of it. */
	signer_close(f->s);
	assert_ok(signer_open(&f->s, f->folder.path, "log.example", &why));
	signer_release(f->s);
	assert_int_equal(refuse(f, small, NULL, 0), AC_ERR_MISMATCH);
	assert_int_equal(full_note(f, 5001), 5001);
}

static void
test_time_never_goes_back(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };
	struct store_head other;
	struct writer w;

	assert_int_equal(full_note(f, 5000), 5000);
	assert_int_equal(full_note(f, 4900), 5000);
	signer_close(f->s);
	assert_ok(signer_open(&f->s, f->folder.path, "log.example", &why));
	signer_release(f->s);
	assert_int_equal(full_note(f, 4999), 5000);
	assert_int_equal(full_note(f, 6000), 6000);
	wr_init(&w, NOTE_MAX);
	assert_int_equal(signer_cosign(f->s, &w, &f->head, 5000, &why),
	    AC_ERR_MISMATCH);
	assert_non_null(strstr(why.text, "clock"));
	/* Only the last signed head is cosigned. */
	other = f->head;
	other.size++;
	assert_int_equal(signer_cosign(f->s, &w, &other, 6000, &why),
	    AC_ERR_MISMATCH);
	other = f->head;
	other.root.b[0] ^= 1;
	assert_int_equal(signer_cosign(f->s, &w, &other, 6000, &why),
	    AC_ERR_MISMATCH);
	assert_int_equal(w.len, 0);
	wr_free(&w);
}

static void
test_key_files(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };
	struct signer *s = NULL;
	struct buf key = { 0 };
	struct stat st;

	assert_int_equal(stat(folder_file(&f->folder, "log.key"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* Never overwritten. */
	assert_int_equal(signer_create(f->folder.path, "log.example", &why),
	    AC_ERR_EXISTS);
	assert_int_equal(signer_open(&s, f->folder.path, "other.example",
	    &why), AC_ERR_FORMAT);
	assert_ok(file_read(&key, folder_file(&f->folder, "log.key"), 4096));
	assert_memory_equal(key.p, "PRIVATE+KEY+log.example+", 24);
	/* Every changed character makes it another key, or none. */
	for (size_t i = 0; i < key.len; i++) {
		key.p[i] ^= 1;
		assert_ok(file_write(folder_file(&f->folder, "log.key"),
		    buf_span(&key), 0600));
		assert_int_equal(signer_open(&s, f->folder.path,
		    "log.example", &why), AC_ERR_FORMAT);
		key.p[i] ^= 1;
	}
	assert_ok(file_write(folder_file(&f->folder, "log.key"),
	    buf_span(&key), 0604));
	assert_int_equal(signer_open(&s, f->folder.path, "log.example", &why),
	    AC_ERR_MISMATCH);
	assert_non_null(strstr(why.text, "chmod 600"));
	assert_null(s);
	buf_free(&key);
}

/* After a start: the newest committed head, and nothing larger. */
static void
test_nothing_new_before_release(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };
	struct store_head at5, at9;
	struct writer w;

	folder_grow(f->store, &f->tree, &f->head, 3);
	(void)full_note(f, 5000);
	signer_close(f->s);
	assert_ok(signer_open(&f->s, f->folder.path, "log.example", &why));
	(void)full_note(f, 5001);
	folder_grow(f->store, &f->tree, &f->head, 5);
	at5 = f->head;
	assert_int_equal(refuse(f, at5, NULL, 0), AC_ERR_MISMATCH);
	signer_resume(f->s, 5);
	(void)full_note(f, 5002);
	folder_grow(f->store, &f->tree, &f->head, 9);
	at9 = f->head;
	assert_int_equal(refuse(f, at9, NULL, 0), AC_ERR_MISMATCH);
	signer_release(f->s);
	wr_init(&w, NOTE_MAX);
	assert_ok(sign(f, &w, &at9));
	wr_free(&w);
}

static void
test_frozen(void **state)
{
	struct fixture *f = *state;
	struct message why = { "" };
	struct writer w;

	folder_grow(f->store, &f->tree, &f->head, 3);
	(void)full_note(f, 5000);
	assert_false(signer_is_frozen(f->s));
	assert_ok(signer_freeze(f->s, &why));
	for (int i = 0; i < 2; i++) {
		assert_true(signer_is_frozen(f->s));
		assert_int_equal(refuse(f, f->head, NULL, 0),
		    AC_ERR_MISMATCH);
		wr_init(&w, NOTE_MAX);
		assert_int_equal(signer_cosign(f->s, &w, &f->head, 6000,
		    &why), AC_ERR_MISMATCH);
		assert_int_equal(w.len, 0);
		wr_free(&w);
		signer_close(f->s);
		assert_ok(signer_open(&f->s, f->folder.path, "log.example",
		    &why));
		signer_release(f->s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_what_extends, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_time_never_goes_back,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_files, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_nothing_new_before_release, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frozen, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
