/* A quote of ours is accepted by tpm2_checkquote, and by it refused bent. */
#include <errno.h>
#include <spawn.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/sha256.h"
#include "common/text.h"
#include "tests/producer/sim.h"

static struct simtest sim;

/* Run the program with its words to the log; its exit code, or -errno. */
static int
run(const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int status, error;
	pid_t pid;

	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(&actions, 1,
			     "/dev/null", O_WRONLY, 0), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, 1, 2), 0);
	error = posix_spawnp(&pid, argv[0], &actions, NULL,
	    (char *const *)(const void *)argv, environ);
	assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
	if (error != 0)
		return -error;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void
put(const char *name, struct span data)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", sim.top, name);
	assert_ok(file_write(path, data, 0600));
}

/* The certified key as PEM, where tpm2_checkquote finds it. */
static void
put_key(void)
{
	struct buf pem = sim_file(&sim, "ak-chain.pem");
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.len);
	BIO *out = BIO_new(BIO_s_mem());
	X509 *leaf = PEM_read_bio_X509(in, NULL, NULL, NULL);
	char *p;
	long len;

	assert_int_equal(PEM_write_bio_PUBKEY(out, X509_get0_pubkey(leaf)), 1);
	len = BIO_get_mem_data(out, &p);
	assert_true(len > 0);
	put("ak.pem", span_of(p, (size_t)len));
	X509_free(leaf);
	BIO_free(in);
	BIO_free(out);
	buf_free(&pem);
}

static int
check(const char *nonce)
{
	char key[64], message[64], signature[64];
	const char *argv[] = { "tpm2_checkquote", "-u", key, "-m", message,
		"-s", signature, "-g", "sha256", "-q", nonce, NULL };

	(void)snprintf(key, sizeof(key), "%s/ak.pem", sim.top);
	(void)snprintf(message, sizeof(message), "%s/message", sim.top);
	(void)snprintf(signature, sizeof(signature), "%s/signature", sim.top);
	return run(argv);
}

static void
checkquote(void **state)
{
	const struct digest extra = sha256_of(span_str("interop"));
	struct tpm *t = sim_tpm_open(&sim);
	struct buf attest, signature;
	char nonce[65] = "";

	(void)state;
	assert_tpm(tpm_quote(t, TPM_AK_HANDLE, &extra, 0xfbff, &attest,
		       &signature), &sim.why);
	tpm_close(t);
	text_hex(nonce, span_digest(&extra));
	put_key();
	put("message", buf_span(&attest));
	put("signature", buf_span(&signature));
	assert_int_equal(check(nonce), 0);

	nonce[0] = nonce[0] == '0' ? '1' : '0'; /* another nonce */
	assert_int_not_equal(check(nonce), 0);
	text_hex(nonce, span_digest(&extra));
	attest.p[attest.len - 1] ^= 1; /* another PCR digest */
	put("message", buf_span(&attest));
	assert_int_not_equal(check(nonce), 0);
	attest.p[attest.len - 1] ^= 1;
	signature.p[signature.len - 1] ^= 1;
	put("message", buf_span(&attest));
	put("signature", buf_span(&signature));
	assert_int_not_equal(check(nonce), 0);
	buf_free(&attest);
	buf_free(&signature);
}

/* openssl, the program, verifies the chain as files. */
static void
openssl_verify(void **state)
{
	char root[64], chain[64];
	const char *argv[] = { "openssl", "verify", "-x509_strict", "-CAfile",
		root, "-untrusted", chain, chain, NULL };
	const char *other[] = { "openssl", "verify", "-CAfile", root, chain,
		NULL };

	(void)state;
	(void)snprintf(root, sizeof(root), "%s/root.pem", sim.dir);
	(void)snprintf(chain, sizeof(chain), "%s/ak-chain.pem", sim.dir);
	assert_int_equal(run(argv), 0);
	assert_int_not_equal(run(other), 0); /* no intermediate */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checkquote),
		cmocka_unit_test(openssl_verify),
	};
	const char *const version[] = { "tpm2_checkquote", "--version", NULL };
	int rc;

	if (run(version) == -ENOENT) {
		(void)printf("skipped: tpm2_checkquote is not installed "
			     "(apt-get install tpm2-tools)\n");
		return TEST_SKIPPED;
	}
	rc = sim_begin(&sim);
	if (rc != 0)
		return rc;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	sim_finish(&sim);
	return rc;
}
