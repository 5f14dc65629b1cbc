/* roots.c -- a root in two orders; see roots.h. */
#include <stdlib.h>

#include "cert/oms.h"
#include "registry/roots.h"

/*
 * By components: as bytes, but a path ends before it goes on, and a component
 * ends before it goes on.
 */
static int
compare_components(const void *a, const void *b)
{
	struct span x = ((const struct oms_file *)a)->name;
	struct span y = ((const struct oms_file *)b)->name;
	size_t n = x.len < y.len ? x.len : y.len;

	for (size_t i = 0; i < n; i++) {
		int c = x.p[i] == '/' ? 0 : x.p[i];
		int d = y.p[i] == '/' ? 0 : y.p[i];

		if (c != d)
			return c < d ? -1 : 1;
	}
	return x.len == y.len ? 0 : x.len < y.len ? -1 : 1;
}

enum ac_err
roots_other(struct digest *out, const struct provenance_view *v)
{
	struct oms_file *file;
	struct digest root;
	enum ac_err e = AC_ERR_NOT_FOUND;
	size_t n = 0, i = 0;

	for (struct json r = v->weights; json_present(r); r = json_next(r))
		n++;
	if (n == 0)
		return AC_ERR_NOT_FOUND;
	file = calloc(n, sizeof(*file));
	if (file == NULL)
		return AC_ERR_MEMORY;
	for (struct json r = v->weights; json_present(r); r = json_next(r), i++)
		if (!statement_subject(r, &file[i].name, &file[i].sha256))
			goto out;
	qsort(file, n, sizeof(*file), oms_compare);
	root = oms_root(file, n);
	if (!digest_equal(&root, &v->root))
		goto out;
	qsort(file, n, sizeof(*file), compare_components);
	root = oms_root(file, n);
	if (digest_equal(&root, &v->root))
		goto out;
	*out = root;
	e = AC_OK;
out:
	free(file);
	return e;
}
