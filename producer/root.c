/* root.c -- a root certificate, by OpenSSL; see root.h. */
#include <errno.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "cert/limits.h"
#include "common/file.h"
#include "producer/root.h"

static enum ac_err
failed(struct message *why, enum ac_err e, const char *path, const char *reason)
{
	message_set(why, "cannot use the root certificate ");
	message_add_quoted(why, span_str(path));
	message_add(why, ": %s", reason);
	return e;
}

/* Subject and digest of x. */
static bool
describe(struct root *out, X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned len = 0;
	bool ok = false;
	int n;

	if (bio == NULL || X509_digest(x, EVP_sha256(), out->der.b, &len) != 1 ||
	    len != sizeof(out->der.b) ||
	    X509_NAME_print_ex(bio, X509_get_subject_name(x), 0,
	    XN_FLAG_RFC2253) < 0)
		goto out;
	n = BIO_read(bio, out->subject, sizeof(out->subject) - 1);
	out->subject[n > 0 ? n : 0] = '\0';
	ok = true;
out:
	BIO_free(bio);
	return ok;
}

enum ac_err
root_read(struct root *out, const char *path, struct message *why)
{
	X509 *x = NULL, *second = NULL;
	struct buf pem = { 0 };
	struct root root;
	BIO *bio = NULL;
	enum ac_err e;

	e = file_read(&pem, path, PEM_MAX);
	if (e != AC_OK)
		return failed(why, e, path, e == AC_ERR_IO ? strerror(errno) :
		    e == AC_ERR_FORMAT ? "not a regular file" :
		    ac_strerror(e));
	bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	if (bio == NULL) {
		e = failed(why, AC_ERR_MEMORY, path, "out of memory");
		goto out;
	}
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (x == NULL) {
		e = failed(why, AC_ERR_FORMAT, path, "it holds no certificate "
		    "in PEM");
		goto out;
	}
	second = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (second != NULL) {
		e = failed(why, AC_ERR_FORMAT, path, "it holds more than one "
		    "certificate; name a file with the root alone");
		goto out;
	}
	if (X509_check_ca(x) < 1 || X509_self_signed(x, 1) != 1) {
		e = failed(why, AC_ERR_MISMATCH, path, "it is no root: a root "
		    "is a CA's certificate that signs itself");
		goto out;
	}
	if (!describe(&root, x)) {
		e = failed(why, AC_ERR_MEMORY, path, "out of memory");
		goto out;
	}
	*out = root;
	e = AC_OK;
out:
	X509_free(x);
	X509_free(second);
	BIO_free(bio);
	buf_free(&pem);
	ERR_clear_error();
	return e;
}
