/* notary.c -- the key of the registry's own statements; see notary.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "cert/bundle.h"
#include "cert/dsse.h"
#include "common/file.h"
#include "registry/home.h"
#include "registry/notary.h"

#define KEY_FILE "statement.key"

struct notary {
	EVP_PKEY *key;
	struct spki spki;
};

enum ac_err
notary_create(const char *dir, struct message *why)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_secmem());
	char path[HOME_PATH_MAX], *text;
	enum ac_err e = home_path(path, dir, KEY_FILE, why);
	long len;

	if (e != AC_OK)
		goto out;
	e = AC_ERR_CRYPTO;
	if (key == NULL || bio == NULL || PEM_write_bio_PrivateKey(bio, key,
	    NULL, NULL, 0, NULL, NULL) != 1 ||
	    (len = BIO_get_mem_data(bio, &text)) <= 0) {
		message_set(why, "cannot make the key %s", path);
		goto out;
	}
	e = file_create(path, span_of(text, (size_t)len), 0600);
	if (e != AC_OK)
		message_set(why, "cannot create %s: %s", path,
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
out:
	BIO_free(bio);
	EVP_PKEY_free(key);
	return e;
}

/* The private key in a PEM text, and the one form of its public key. */
static bool
parse_key(struct notary *n, struct span pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	unsigned char *der = NULL;
	bool good = false;
	int len;

	if (bio != NULL)
		n->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	if (n->key != NULL) {
		len = i2d_PUBKEY(n->key, &der);
		good = len > 0 && spki_parse(&n->spki, span_of(der,
		    (size_t)len));
	}
	OPENSSL_free(der);
	BIO_free(bio);
	return good;
}

enum ac_err
notary_open(struct notary **out, const char *dir, struct message *why)
{
	struct notary *n = calloc(1, sizeof(*n));
	char path[HOME_PATH_MAX];
	struct buf pem = { 0 };
	struct stat st;
	enum ac_err e = AC_ERR_MEMORY;
	int fd = -1;

	if (n == NULL) {
		message_set(why, "no memory for the key of statements");
		goto out;
	}
	e = home_path(path, dir, KEY_FILE, why);
	if (e != AC_OK)
		goto out;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0) {
		message_set(why, "cannot read the key %s: %s", path,
		    strerror(errno));
		e = AC_ERR_IO;
		goto out;
	}
	if ((st.st_mode & 077) != 0) {
		message_set(why, "the key %s can be read by others; make it "
		    "private: chmod 600 %s", path, path);
		e = AC_ERR_MISMATCH;
		goto out;
	}
	e = file_read_fd(&pem, fd, PEM_MAX);
	if (e != AC_OK || !parse_key(n, buf_span(&pem))) {
		message_set(why, "%s is not a private key of P-256 in PEM",
		    path);
		e = AC_ERR_FORMAT;
		goto out;
	}
	*out = n;
	n = NULL; /* transferred */
	e = AC_OK;
out:
	buf_wipe(&pem);
	if (fd >= 0)
		(void)close(fd);
	notary_close(n);
	return e;
}

void
notary_close(struct notary *n)
{
	if (n == NULL)
		return;
	EVP_PKEY_free(n->key);
	free(n);
}

struct digest
notary_fingerprint(const struct notary *n)
{
	return spki_digest(&n->spki);
}

enum ac_err
notary_sign(const struct notary *n, struct buf *line, struct buf *statement)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, n->key, NULL);
	struct bundle b = { .statement = *statement };
	struct digest d = dsse_digest(buf_span(statement));
	enum ac_err e = AC_ERR_CRYPTO;
	struct writer w;

	*statement = (struct buf){ 0 }; /* transferred */
	b.siglen = sizeof(b.sig);
	if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1 ||
	    EVP_PKEY_sign(ctx, b.sig, &b.siglen, d.b, sizeof(d.b)) != 1)
		goto out;
	spki_hint(b.hint, &n->spki);
	wr_init(&w, 2 * STATEMENT_MAX);
	bundle_write(&w, &b);
	wr_u8(&w, '\n');
	e = wr_end(&w, line);
out:
	bundle_free(&b);
	EVP_PKEY_CTX_free(ctx);
	return e;
}
