/* The builder's key: modes, no overwriting, and what is refused as a key. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "producer/key.h"
#include "tests/test.h"

static char dir[] = "/tmp/aicert-test-XXXXXX";

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL || chdir(dir) != 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = { "a", "a.pub", "b", "b.pub", "c",
		"d", "e", "f" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(names[i]);
	/* Fails where something else was left behind. */
	return chdir("/") != 0 || rmdir(dir) != 0;
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
made(void **state)
{
	struct spki spki, other;
	struct message why;
	struct buf pem;
	struct key *k;

	(void)state;
	/* Neither a wide nor a narrow umask shows in the modes. */
	(void)umask(0);
	assert_ok(key_create(&spki, "a", &why));
	(void)umask(0777);
	assert_ok(key_create(&other, "b", &why));
	(void)umask(022);
	assert_int_equal(mode_of("a"), 0600);
	assert_int_equal(mode_of("a.pub"), 0644);
	assert_int_equal(mode_of("b"), 0600);
	assert_int_equal(mode_of("b.pub"), 0644);
	assert_int_not_equal(memcmp(spki.b, other.b, SPKI_LEN), 0);

	assert_ok(key_load(&k, "a", &why));
	assert_memory_equal(key_spki(k)->b, spki.b, SPKI_LEN);
	key_free(k);
	key_free(NULL);
	assert_ok(file_read(&pem, "a.pub", PEM_MAX));
	assert_true(spki_from_pem(&other, buf_span(&pem)));
	assert_memory_equal(other.b, spki.b, SPKI_LEN);
	buf_free(&pem);
	assert_ok(file_read(&pem, "a", PEM_MAX));
	assert_non_null(strstr((char *)pem.p, "-----BEGIN PRIVATE KEY-----"));
	buf_free(&pem);
}

static void
not_overwritten(void **state)
{
	char name[255 - 7 + 1]; /* with the suffix of a temporary file */
	struct buf before, after;
	struct message why;
	struct spki spki;

	(void)state;
	assert_ok(file_read(&before, "a", PEM_MAX));
	assert_int_equal(key_create(&spki, "a", &why), AC_ERR_EXISTS);
	assert_ok(file_read(&after, "a", PEM_MAX));
	assert_true(span_equal(buf_span(&before), buf_span(&after)));
	buf_free(&after);
	buf_free(&before);

	/* Only one of the two is there: the other is not made. */
	assert_int_equal(rename("b.pub", "c"), 0);
	assert_int_equal(key_create(&spki, "b", &why), AC_ERR_EXISTS);
	assert_int_equal(access("b.pub", F_OK), -1);
	assert_int_equal(rename("c", "b.pub"), 0);
	assert_int_equal(unlink("b"), 0);
	assert_int_equal(key_create(&spki, "b", &why), AC_ERR_EXISTS);
	assert_int_equal(access("b", F_OK), -1);
	assert_int_equal(unlink("b.pub"), 0);

	/* A dangling link is a name that is taken. */
	assert_int_equal(symlink("nowhere", "b.pub"), 0);
	assert_int_equal(key_create(&spki, "b", &why), AC_ERR_EXISTS);
	assert_int_equal(access("b", F_OK), -1);
	assert_int_equal(unlink("b.pub"), 0);
	assert_int_equal(symlink("nowhere", "b"), 0);
	assert_int_equal(key_create(&spki, "b", &why), AC_ERR_EXISTS);
	assert_int_equal(access("b.pub", F_OK), -1);
	assert_int_equal(unlink("b"), 0);

	assert_int_equal(key_create(&spki, "none/b", &why), AC_ERR_IO);

	/* The private name just fits, the public one does not: neither stays. */
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(key_create(&spki, name, &why), AC_ERR_IO);
	assert_non_null(strstr(why.text, "cannot write the public key"));
	assert_int_equal(access(name, F_OK), -1);
}

static void
refused_modes(void **state)
{
	static const mode_t wrong[] = { 0640, 0604, 0644, 0620, 0602, 0610,
		0601, 0666, 0777 };
	struct message why;
	struct key *k = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(chmod("a", wrong[i]), 0);
		assert_int_equal(key_load(&k, "a", &why), AC_ERR_MISMATCH);
		assert_non_null(strstr(why.text, "chmod 600"));
	}
	assert_int_equal(chmod("a", 0400), 0);
	assert_ok(key_load(&k, "a", &why));
	key_free(k);
	assert_int_equal(chmod("a", 0600), 0);
}

/* Keys of test only; each is what its name says. */
static const char p384[] = "-----BEGIN PRIVATE KEY-----\n"
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAAAAAAAAAAAAAAAAAA\n"
    "-----END PRIVATE KEY-----\n";

static void
refuse(const char *text, size_t len, enum ac_err want, const char *says)
{
	struct message why;
	struct key *k = NULL;
	enum ac_err e;

	assert_ok(file_write("c", span_of(text, len), 0600));
	e = key_load(&k, "c", &why);
	if (e != want || strstr(why.text, says) == NULL)
		fail_msg("%d: %s", e, why.text);
	assert_null(k);
}

/* Made by the openssl program; its output is "c". */
static void
refuse_made(const char *command, enum ac_err want, const char *says)
{
	struct message why;
	struct key *k = NULL;
	enum ac_err e;

	(void)unlink("c");
	assert_int_equal(system(command), 0);
	assert_int_equal(chmod("c", 0600), 0);
	e = key_load(&k, "c", &why);
	if (e != want || strstr(why.text, says) == NULL)
		fail_msg("%s: %d: %s", command, e, why.text);
	assert_null(k);
}

static void
refused_keys(void **state)
{
	struct message why;
	struct key *k = NULL;
	struct buf pem;
	char *big;

	(void)state;
	refuse("", 0, AC_ERR_FORMAT, "no private key");
	refuse("hello\n", 6, AC_ERR_FORMAT, "no private key");
	refuse(p384, sizeof(p384) - 1, AC_ERR_FORMAT, "no private key");
	assert_ok(file_read(&pem, "a.pub", PEM_MAX));
	refuse((char *)pem.p, pem.len, AC_ERR_FORMAT, "without .pub");
	buf_free(&pem);
	assert_ok(file_read(&pem, "a", PEM_MAX));
	refuse((char *)pem.p, pem.len / 2, AC_ERR_FORMAT, "no private key");
	buf_free(&pem);
	big = calloc(1, PEM_MAX + 1);
	assert_non_null(big);
	refuse(big, PEM_MAX + 1, AC_ERR_LIMIT, "too large");
	free(big);

	refuse_made("openssl ecparam -name secp384r1 -genkey -noout -out c",
	    AC_ERR_MISMATCH, "P-256");
	refuse_made("openssl ecparam -name secp256k1 -genkey -noout -out c",
	    AC_ERR_MISMATCH, "P-256");
	refuse_made("openssl genpkey -algorithm ed25519 -out c",
	    AC_ERR_MISMATCH, "P-256");
	refuse_made("openssl genpkey -algorithm rsa -pkeyopt "
	    "rsa_keygen_bits:2048 -out c 2>/dev/null", AC_ERR_MISMATCH,
	    "P-256");
	refuse_made("openssl pkcs8 -topk8 -in a -out c -passout pass:secret",
	    AC_ERR_FORMAT, "encrypted");

	assert_int_equal(key_load(&k, "none", &why), AC_ERR_NOT_FOUND);
	assert_non_null(strstr(why.text, "aicert keygen"));
	assert_int_equal(key_load(&k, ".", &why), AC_ERR_FORMAT);
	assert_int_equal(mkfifo("d", 0600), 0);
	assert_int_equal(key_load(&k, "d", &why), AC_ERR_FORMAT);
	assert_null(k);
}

/* The public half of another key in the same file. */
static void
refused_halves(void **state)
{
	struct message why;
	struct key *k = NULL;

	(void)state;
	assert_int_equal(system("openssl ec -in a -outform DER -out c "
	    "2>/dev/null && openssl ecparam -name prime256v1 -genkey -noout "
	    "-outform DER -out d.der && "
	    "{ head -c 56 c; tail -c +57 d.der; } > e && rm d.der && "
	    "{ echo '-----BEGIN EC PRIVATE KEY-----'; base64 -w 64 e; "
	    "echo '-----END EC PRIVATE KEY-----'; } > f && chmod 600 f"), 0);
	assert_int_equal(key_load(&k, "f", &why), AC_ERR_MISMATCH);
	assert_non_null(strstr(why.text, "belong together"));

	/* The same without the exchange is a key. */
	assert_int_equal(system("openssl ec -in a -out f 2>/dev/null && "
	    "chmod 600 f"), 0);
	assert_ok(key_load(&k, "f", &why));
	key_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made),
		cmocka_unit_test(not_overwritten),
		cmocka_unit_test(refused_modes),
		cmocka_unit_test(refused_keys),
		cmocka_unit_test(refused_halves),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
