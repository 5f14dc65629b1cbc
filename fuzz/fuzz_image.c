/*
 * What images and registries say; the first byte chooses what is read.  What
 * is accepted keeps its promises: caps, a URL of one line, a token of one word,
 * names that lead nowhere but to a registry; the same bytes say the same again.
 */
#include "fuzz/fuzz.h"
#include "producer/image.h"

static void
read_manifest(struct span text)
{
	struct image_manifest *m = calloc(2, sizeof(*m));
	struct message why = { "" };

	fuzz_must(m != NULL);
	if (image_manifest_decode(&m[0], text, &why) != AC_OK) {
		fuzz_must(why.text[0] != '\0');
	} else {
		fuzz_must(m[0].nlayers <= IMAGE_LAYERS_MAX);
		fuzz_must(m[0].is_index == (m[0].nlayers == 0));
		fuzz_must(image_manifest_decode(&m[1], text, &why) == AC_OK);
		fuzz_must(digest_equal(&m[0].config.sha256,
		    &m[1].config.sha256));
	}
	free(m);
}

static void
read_config(struct span text)
{
	struct image_config c = { .nenv = 0 };
	struct message why = { "" };

	/* The first byte of the rest is the number of layers. */
	if (text.len == 0)
		return;
	if (image_config_decode(&c, span_of(text.p + 1, text.len - 1),
	    text.p[0] % 8, &why) != AC_OK)
		fuzz_must(why.text[0] != '\0');
	for (size_t i = 0; i < c.nenv; i++)
		fuzz_must(memchr(c.env[i].p, '=', c.env[i].len) != NULL &&
		    memchr(c.env[i].p, '\0', c.env[i].len) == NULL);
	image_config_free(&c);
}

static bool
is_word(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static void
read_challenge(struct span text)
{
	char url[IMAGE_URL_MAX] = "";
	struct message why = { "" };

	if (image_challenge(url, text, "some/name", &why) == AC_OK)
		fuzz_must(is_word(url) && strncmp(url, "http", 4) == 0);
}

static void
read_token(struct span text)
{
	char *token = calloc(1, IMAGE_TOKEN_MAX + 1);
	struct message why = { "" };

	fuzz_must(token != NULL);
	if (image_token(token, text, &why) == AC_OK)
		fuzz_must(token[0] != '\0' && is_word(token));
	free(token);
}

static void
read_reference(struct span text)
{
	struct image_reference *ref = calloc(1, sizeof(*ref));
	struct span place, pin, folder;
	struct message why = { "" };

	fuzz_must(ref != NULL);
	if (image_split(&place, &pin, text, &why) == AC_OK &&
	    !image_is_layout(&folder, place) &&
	    image_reference_decode(ref, place, &why) == AC_OK) {
		fuzz_must(is_word(ref->base) && is_word(ref->repository));
		fuzz_must(strstr(ref->repository, "..") == NULL);
		fuzz_must(strpbrk(ref->base, "@?#") == NULL);
	}
	free(ref);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const read[])(struct span) = { read_manifest,
		read_config, read_challenge, read_token, read_reference };
	static const char letters[] = "mcwtr";

	for (size_t i = 0; size > 0 && letters[i] != '\0'; i++)
		if (data[0] == (uint8_t)letters[i])
			read[i](span_of(data + 1, size - 1));
	return 0;
}
