/* images.c -- image releases among the lines; see images.h. */
#include <stdlib.h>

#include "verifier/check.h"
#include "verifier/images.h"

enum ac_err
images_decode(struct images *out, const struct certificate *c,
    struct message *why)
{
	struct images images = { 0 };
	enum ac_err e = AC_OK;

	images.image = calloc(c->nlines, sizeof(*images.image));
	if (images.image == NULL)
		return AC_ERR_MEMORY;
	for (size_t i = 0; e == AC_OK && i < c->nlines; i++) {
		struct image *image = &images.image[images.n];

		if (!span_is(c->line[i].statement.predicate_type,
		    TYPE_RELEASE))
			continue;
		image->line = i;
		e = release_decode(&image->release,
		    buf_span(&c->line[i].bundle.statement));
		if (e == AC_OK)
			images.n++;
		else
			message_set(why, "line %zu: %s as " TYPE_RELEASE,
			    i + 1, ac_strerror(e));
	}
	if (e == AC_OK)
		*out = images;
	else
		images_free(&images);
	return e;
}

enum ac_err
images_check(struct images *images, const struct certificate *c,
    struct message *why)
{
	for (size_t i = 0; i < images->n; i++) {
		struct image *image = &images->image[i];
		struct message what = { "" };

		if (!CHECK(image_signature, certificate_check_line(&image->key,
		    &c->line[image->line], &what) == AC_OK))
			return BECAUSE(why, AC_ERR_MISMATCH, "line %zu: %s",
			    image->line + 1, what.text);
	}
	return AC_OK;
}

void
images_free(struct images *images)
{
	for (size_t i = 0; i < images->n; i++)
		release_free(&images->image[i].release);
	free(images->image);
	*images = (struct images){ 0 };
}
