/* The way to a TPM: whatever sits at its other end, commands end in time. */
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include <tss2/tss2_tcti.h>

#include "producer/tcti.h"
#include "tests/producer/fake.h"

#define PATIENCE_MS 200u
#define SOON_MS 3000 /* far less than for ever, for a busy machine */

static const uint8_t command[] = { 0x80, 0x01, 0, 0, 0, 12, 0, 0, 1, 0x44, 0,
	0 };
static const uint8_t good[] = { 0x80, 0x01, 0, 0, 0, 14, 0, 0, 0, 0, 1, 2, 3,
	4 };

static int64_t
now_ms(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* One command to tcti; its rc, and *error = tcti_errno(). */
static TSS2_RC
exchange(const char *tcti, uint8_t response[64], size_t *size, int *error)
{
	struct tcti *t;
	TSS2_TCTI_CONTEXT *c;
	TSS2_RC rc;

	assert_ok(tcti_open(&t, tcti));
	tcti_set_patience(t, PATIENCE_MS);
	c = tcti_context(t);
	rc = Tss2_Tcti_Transmit(c, sizeof(command), command);
	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_Tcti_Receive(c, size, response,
		    TSS2_TCTI_TIMEOUT_BLOCK);
	*error = tcti_errno(t);
	tcti_close(t);
	return rc;
}

static void
expect_error(const char *tcti, int want)
{
	uint8_t response[64];
	size_t size = sizeof(response);
	int64_t begin = now_ms();
	int error;

	assert_int_equal(exchange(tcti, response, &size, &error),
	    TSS2_TCTI_RC_IO_ERROR);
	assert_int_equal(error, want);
	assert_true(now_ms() - begin < SOON_MS);
}

static void
answers(void **state)
{
	static const size_t pieces[] = { 1, 3, 10, 11, sizeof(good) };
	uint8_t response[64];
	size_t size;
	int error;

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct fake f;

		fake_begin(&f, span_of(good, sizeof(good)), pieces[i], true);
		size = sizeof(response);
		assert_int_equal(exchange(f.tcti, response, &size, &error),
		    TSS2_RC_SUCCESS);
		assert_int_equal(size, sizeof(good));
		assert_memory_equal(response, good, sizeof(good));
		assert_int_equal(error, 0);
		fake_end(&f);
	}
}

static void
answer_is_kept_until_it_fits(void **state)
{
	struct fake f;
	struct tcti *t;
	TSS2_TCTI_CONTEXT *c;
	uint8_t response[64];
	size_t size = 0;

	(void)state;
	fake_begin(&f, span_of(good, sizeof(good)), sizeof(good), true);
	assert_ok(tcti_open(&t, f.tcti));
	c = tcti_context(t);
	assert_int_equal(Tss2_Tcti_Receive(c, &size, response, 0),
	    TSS2_TCTI_RC_BAD_SEQUENCE);
	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(
		    Tss2_Tcti_Transmit(c, sizeof(command), command),
		    TSS2_RC_SUCCESS);
		size = 0;
		assert_int_equal(Tss2_Tcti_Receive(c, &size, NULL, 0),
		    TSS2_RC_SUCCESS);
		assert_int_equal(size, sizeof(good));
		size = sizeof(good) - 1;
		assert_int_equal(Tss2_Tcti_Receive(c, &size, response, 0),
		    TSS2_TCTI_RC_INSUFFICIENT_BUFFER);
		assert_int_equal(Tss2_Tcti_Receive(c, &size, response, 0),
		    TSS2_RC_SUCCESS);
		assert_memory_equal(response, good, sizeof(good));
	}
	tcti_close(t);
	fake_end(&f);
}

static void
nobody_there(void **state)
{
	struct fake f;
	char absent[96];

	(void)state;
	fake_listen(&f);
	(void)snprintf(absent, sizeof(absent), "%s-absent", f.tcti);
	expect_error(absent, ENOENT);
	(void)close(f.listener);
	expect_error(f.tcti, ECONNREFUSED);
	f.listener = -1;
	assert_int_equal(unlink(f.path), 0);
	f.listener = open(f.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(f.listener >= 0);
	expect_error(f.tcti, ECONNREFUSED); /* a regular file */
	fake_end(&f);
}

static void
silence(void **state)
{
	struct fake f;
	struct tcti *t[8];
	size_t n = 0;
	TSS2_RC rc = TSS2_RC_SUCCESS;

	(void)state;
	fake_listen(&f);
	expect_error(f.tcti, ETIMEDOUT); /* nobody accepts */

	/* Connections that stay fill the backlog: now connect() would block. */
	while (n < 8 && rc == TSS2_RC_SUCCESS) {
		assert_ok(tcti_open(&t[n], f.tcti));
		tcti_set_patience(t[n], PATIENCE_MS);
		rc = Tss2_Tcti_Transmit(tcti_context(t[n]), sizeof(command),
		    command);
		n++;
	}
	assert_int_equal(rc, TSS2_TCTI_RC_IO_ERROR);
	assert_int_equal(tcti_errno(t[n - 1]), ETIMEDOUT);
	expect_error(f.tcti, ETIMEDOUT);
	while (n > 0)
		tcti_close(t[--n]);
	fake_end(&f);
}

/* An answer of len bytes whose header states size. */
static void
expect_refused(uint32_t size, size_t len, bool hold, int want)
{
	uint8_t answer[5000] = { 0x80, 0x01, (uint8_t)(size >> 24),
		(uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size };
	struct fake f;

	fake_begin(&f, span_of(answer, len), len == 0 ? 1 : len, hold);
	expect_error(f.tcti, want);
	fake_end(&f);
}

static void
bad_answers(void **state)
{
	(void)state;
	expect_refused(0, 14, true, EPROTO);           /* size zero */
	expect_refused(9, 14, true, EPROTO);           /* below a header */
	expect_refused(4097, 4097, true, EPROTO);      /* above the most */
	expect_refused(0xffffffff, 14, true, EPROTO);  /* size all ones */
	expect_refused(14, 0, false, ECONNRESET);      /* hangs up */
	expect_refused(14, 1, false, ECONNRESET);      /* ... in the header */
	expect_refused(14, 10, false, ECONNRESET);     /* ... after it */
	expect_refused(14, 13, false, ECONNRESET);     /* ... in the body */
	expect_refused(14, 0, true, ETIMEDOUT);        /* says nothing */
	expect_refused(14, 9, true, ETIMEDOUT);        /* stops in the header */
	expect_refused(14, 13, true, ETIMEDOUT);       /* stops in the body */
}

static void
bad_names(void **state)
{
	static const char prefix[] = "swtpm:path=";
	char name[160];
	struct tcti *t;

	(void)state;
	memset(name, 'a', sizeof(name));
	memcpy(name, prefix, strlen(prefix));
	name[strlen(prefix) + 107] = '\0';
	assert_ok(tcti_open(&t, name));
	tcti_close(t);
	memset(name + strlen(prefix) + 107, 'a', 1);
	name[strlen(prefix) + 108] = '\0';
	assert_int_equal(tcti_open(&t, name), AC_ERR_LIMIT);
	assert_int_equal(tcti_open(&t, "device:/dev/no-such-tpm"), AC_ERR_IO);
	assert_int_equal(tcti_open(&t, "device:/dev/null/x"), AC_ERR_IO);
	assert_int_equal(tcti_open(&t, "no-such-module:x=y"), AC_ERR_IO);
	assert_int_equal(tcti_open(&t, "swtpm:nonsense"), AC_ERR_IO);
	assert_int_equal(tcti_open(&t, "swtpm:host=localhost,port=x"),
	    AC_ERR_IO);
	tcti_close(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(answer_is_kept_until_it_fits),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(silence),
		cmocka_unit_test(bad_answers),
		cmocka_unit_test(bad_names),
	};

	if (setenv("TSS2_LOG", "all+NONE", 0) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
