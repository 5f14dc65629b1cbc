/* key.c -- the builder's key, by OpenSSL; see key.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "common/file.h"
#include "producer/key.h"

struct key {
	EVP_PKEY *pkey;
	struct spki spki;
};

/* "<what> "<path>": <reason>" and, where it is ours to say, what to do. */
static enum ac_err
failed(struct message *why, enum ac_err e, const char *what, const char *path,
    const char *reason)
{
	message_set(why, "%s ", what);
	message_add_quoted(why, span_str(path));
	message_add(why, ": %s", reason);
	return e;
}

static const char *
reason_of(enum ac_err e)
{
	return e == AC_ERR_IO ? strerror(errno) : ac_strerror(e);
}

/* Set spki from the point of pkey; false unless it is a P-256 key. */
static bool
take_spki(struct key *k)
{
	uint8_t point[SPKI_POINT_LEN] = { 0x04 };
	BIGNUM *x = NULL, *y = NULL;
	char group[64];
	bool ok = false;

	if (EVP_PKEY_is_a(k->pkey, "EC") != 1 ||
	    EVP_PKEY_get_group_name(k->pkey, group, sizeof(group), NULL) != 1 ||
	    strcmp(group, "prime256v1") != 0)
		goto out;
	if (EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
	    EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1 ||
	    BN_bn2binpad(x, point + 1, 32) != 32 ||
	    BN_bn2binpad(y, point + 33, 32) != 32)
		goto out;
	spki_from_point(&k->spki, point);
	ok = true;
out:
	BN_free(x);
	BN_free(y);
	return ok;
}

/* Does the private half belong to the public one? */
static bool
is_pair(const struct key *k)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	bool ok = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* Write both files; what this call itself wrote goes again on failure. */
static enum ac_err
write_pair(const char *path, const char *pub, struct span pem,
    const struct spki *spki, struct message *why)
{
	char text[SPKI_PEM_LEN + 1];
	enum ac_err e;

	e = file_create(path, pem, 0600);
	if (e != AC_OK)
		return failed(why, e, "cannot write the private key", path,
		    e == AC_ERR_EXISTS ? "it exists already, and keys are never "
		    "overwritten; choose another name" : reason_of(e));
	spki_pem(text, spki);
	e = file_create(pub, span_of(text, SPKI_PEM_LEN), 0644);
	if (e == AC_OK)
		return AC_OK;
	failed(why, e, "cannot write the public key", pub,
	    e == AC_ERR_EXISTS ? "it exists already, and keys are never "
	    "overwritten; choose another name" : reason_of(e));
	(void)unlink(path); /* made a moment ago, used by nobody */
	return e;
}

enum ac_err
key_create(struct spki *out, const char *path, struct message *why)
{
	struct key k = { 0 };
	BIO *bio = NULL;
	char *pub = NULL, *text;
	struct stat st;
	enum ac_err e = AC_ERR_MEMORY;
	long n;

	if (asprintf(&pub, "%s.pub", path) < 0) {
		pub = NULL;
		message_set(why, "out of memory");
		goto out;
	}
	/* The public name first: else a private key would be made in vain. */
	if (lstat(pub, &st) == 0) {
		e = failed(why, AC_ERR_EXISTS, "cannot write the public key",
		    pub, "it exists already, and keys are never overwritten; "
		    "choose another name");
		goto out;
	}
	e = AC_ERR_CRYPTO;
	message_set(why, "cannot make a P-256 key: the cryptographic library "
	    "failed");
	k.pkey = EVP_EC_gen("P-256");
	bio = BIO_new(BIO_s_secmem());
	if (k.pkey == NULL || bio == NULL || !take_spki(&k) ||
	    PEM_write_bio_PKCS8PrivateKey(bio, k.pkey, NULL, NULL, 0, NULL,
	    NULL) != 1)
		goto out;
	n = BIO_get_mem_data(bio, &text);
	if (n <= 0)
		goto out;
	e = write_pair(path, pub, span_of(text, (size_t)n), &k.spki, why);
	ac_wipe(text, (size_t)n);
	if (e == AC_OK)
		*out = k.spki;
out:
	BIO_free(bio);
	EVP_PKEY_free(k.pkey);
	free(pub);
	ERR_clear_error();
	return e;
}

/* OpenSSL asks for a passphrase: note that it did, and give none. */
static int
no_passphrase(char *buf, int size, int rwflag, void *asked)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	*(bool *)asked = true;
	return -1;
}

/* The bytes of a file that only its owner can read. */
static enum ac_err
read_private(struct buf *out, const char *path, struct message *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	enum ac_err e = AC_ERR_IO;

	if (fd < 0) {
		e = errno == ENOENT ? AC_ERR_NOT_FOUND : AC_ERR_IO;
		return failed(why, e, "cannot read the key", path,
		    e == AC_ERR_NOT_FOUND ? "there is no such file; \"aicert "
		    "keygen FILE\" makes one" : strerror(errno));
	}
	if (fstat(fd, &st) != 0) {
		failed(why, e, "cannot read the key", path, strerror(errno));
	} else if (S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
		e = AC_ERR_MISMATCH;
		failed(why, e, "will not use the key", path, "others than its "
		    "owner may read or change it");
		message_add(why, " (mode %04o); make it private with \"chmod "
		    "600\", and if somebody may have read it, make a new one",
		    (unsigned)(st.st_mode & 07777));
	} else {
		e = file_read_fd(out, fd, PEM_MAX);
		if (e != AC_OK)
			failed(why, e, "cannot read the key", path,
			    e == AC_ERR_FORMAT ? "it is not a regular file" :
			    e == AC_ERR_LIMIT ? "too large for a key" :
			    reason_of(e));
	}
	(void)close(fd);
	return e;
}

enum ac_err
key_load(struct key **out, const char *path, struct message *why)
{
	struct buf pem = { 0 };
	struct key *k = NULL;
	struct spki spki;
	BIO *bio = NULL;
	bool encrypted = false;
	enum ac_err e;

	e = read_private(&pem, path, why);
	if (e != AC_OK)
		return e;
	k = calloc(1, sizeof(*k));
	/* PEM_MAX fits an int. */
	bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	if (k == NULL || bio == NULL) {
		e = AC_ERR_MEMORY;
		message_set(why, "out of memory");
		goto out;
	}
	k->pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &encrypted);
	if (k->pkey == NULL) {
		e = failed(why, AC_ERR_FORMAT, "cannot use the key", path,
		    encrypted ? "it is encrypted; decrypt it into a file of "
		    "mode 0600 with \"openssl pkcs8 -in FILE -out NEW\"" :
		    spki_from_pem(&spki, buf_span(&pem)) ? "it is a public "
		    "key; the private one is the file without .pub" :
		    "it holds no private key in PEM");
		goto out;
	}
	if (!take_spki(k)) {
		e = failed(why, AC_ERR_MISMATCH, "cannot use the key", path,
		    "it is not an ECDSA key on P-256; \"aicert keygen FILE\" "
		    "makes one");
		goto out;
	}
	if (!is_pair(k)) {
		e = failed(why, AC_ERR_MISMATCH, "cannot use the key", path,
		    "its private and public halves do not belong together: the "
		    "file is damaged");
		goto out;
	}
	*out = k;
	k = NULL; /* transferred */
	e = AC_OK;
out:
	BIO_free(bio);
	buf_wipe(&pem);
	key_free(k);
	ERR_clear_error();
	return e;
}

const struct spki *
key_spki(const struct key *k)
{
	return &k->spki;
}

enum ac_err
key_sign(const struct key *k, const struct digest *d, uint8_t sig[P256_SIG_MAX],
    size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	uint8_t der[P256_SIG_MAX];
	size_t n = sizeof(der);
	enum ac_err e = AC_ERR_CRYPTO;

	if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1 ||
	    EVP_PKEY_sign(ctx, der, &n, d->b, sizeof(d->b)) != 1)
		goto out;
	memcpy(sig, der, n);
	*len = n;
	e = AC_OK;
out:
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return e;
}

void
key_free(struct key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey); /* wipes the private number */
	ac_wipe(k, sizeof(*k));
	free(k);
}
