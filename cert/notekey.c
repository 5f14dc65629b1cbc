/* notekey.c -- private keys of notes; see notekey.h. */
#include <stdlib.h>

#include <sodium.h>

#include "cert/checkpoint.h"
#include "cert/notekey.h"
#include "common/reader.h"
#include "common/text.h"

#define TITLE "PRIVATE+KEY+"

struct notekey {
	struct note_key key;
	uint8_t *secret; /* crypto_sign_SECRETKEYBYTES, guarded */
};

enum ac_err
notekey_generate(struct buf *text, struct note_key *pub, const char *name,
    uint8_t type)
{
	uint8_t seed[1 + crypto_sign_SEEDBYTES], id[4];
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	struct note_key key = { .type = type };
	size_t n = strlen(name);
	struct writer w;
	enum ac_err e;

	if (sodium_init() < 0)
		return AC_ERR_CRYPTO;
	if (n > NOTE_NAME_MAX || !note_name_is_valid(span_str(name)) ||
	    (type != NOTE_ED25519 && type != NOTE_COSIGNATURE))
		return AC_ERR_FORMAT;
	memcpy(key.name, name, n + 1);
	seed[0] = type;
	randombytes_buf(seed + 1, crypto_sign_SEEDBYTES);
	(void)crypto_sign_seed_keypair(key.pub, secret, seed + 1);
	note_key_id(id, &key);
	wr_init(&w, NOTEKEY_FILE_MAX);
	wr_str(&w, TITLE);
	wr_str(&w, key.name);
	wr_u8(&w, '+');
	wr_hex(&w, span_of(id, sizeof(id)));
	wr_u8(&w, '+');
	wr_base64(&w, span_of(seed, sizeof(seed)));
	wr_u8(&w, '\n');
	ac_wipe(seed, sizeof(seed));
	ac_wipe(secret, sizeof(secret));
	e = wr_end(&w, text);
	if (e == AC_OK)
		*pub = key;
	return e;
}

/* The one line of text into k. */
static bool
parse(struct notekey *k, struct span text)
{
	uint8_t seed[1 + crypto_sign_SEEDBYTES], id[4], want[4];
	struct span line, name, hex, title;
	struct reader r = rd_of(text), rest;
	bool good = false;

	if (!rd_line(&r, &line) || !rd_end(&r))
		return false;
	rest = rd_of(line);
	if (rd_take(&rest, &title, strlen(TITLE)) && span_is(title, TITLE) &&
	    rd_until(&rest, &name, '+') && name.len <= NOTE_NAME_MAX &&
	    note_name_is_valid(name) && rd_until(&rest, &hex, '+') &&
	    text_unhex(id, sizeof(id), hex) &&
	    text_unbase64_exact(seed, sizeof(seed), rest.left) &&
	    (seed[0] == NOTE_ED25519 || seed[0] == NOTE_COSIGNATURE)) {
		memcpy(k->key.name, name.p, name.len);
		k->key.type = seed[0];
		(void)crypto_sign_seed_keypair(k->key.pub, k->secret, seed + 1);
		note_key_id(want, &k->key);
		good = ac_equal(id, want, sizeof(id));
	}
	ac_wipe(seed, sizeof(seed));
	return good;
}

enum ac_err
notekey_parse(struct notekey **out, struct span text)
{
	struct notekey *k = NULL;
	enum ac_err e = AC_ERR_CRYPTO;

	if (sodium_init() < 0)
		goto out;
	e = AC_ERR_MEMORY;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		goto out;
	k->secret = sodium_malloc(crypto_sign_SECRETKEYBYTES);
	if (k->secret == NULL)
		goto out;
	e = AC_ERR_FORMAT;
	if (!parse(k, text))
		goto out;
	(void)sodium_mprotect_readonly(k->secret);
	*out = k;
	k = NULL; /* transferred */
	e = AC_OK;
out:
	notekey_free(k);
	return e;
}

void
notekey_free(struct notekey *k)
{
	if (k == NULL)
		return;
	sodium_free(k->secret); /* which wipes */
	free(k);
}

const struct note_key *
notekey_public(const struct notekey *k)
{
	return &k->key;
}

enum ac_err
notekey_sign(struct writer *w, const struct notekey *k, struct span text,
    uint64_t time_s)
{
	uint8_t sig[crypto_sign_BYTES];
	struct buf message = { 0 };
	struct writer m;
	enum ac_err e;

	wr_init(&m, NOTE_MAX + 64);
	if (k->key.type == NOTE_COSIGNATURE)
		checkpoint_cosigned(&m, time_s, text);
	else
		wr_bytes(&m, text);
	e = wr_end(&m, &message);
	if (e != AC_OK)
		return e;
	(void)crypto_sign_detached(sig, NULL, message.p, message.len,
	    k->secret);
	buf_free(&message);
	note_signature_write(w, &k->key, time_s, sig);
	return w->err;
}
