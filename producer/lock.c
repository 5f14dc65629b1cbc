/* lock.c -- aicert.lock; see lock.h. */
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "producer/lock.h"
#include "producer/rules.h"

#define LOCK_VERSION 1

char *
lock_path(const char *config)
{
	static const char *const suffix[] = { ".yaml", ".yml" };
	size_t n = strlen(config);
	char *path;

	for (size_t i = 0; i < 2; i++) {
		size_t k = strlen(suffix[i]);

		if (n > k && config[n - k - 1] != '/' &&
		    strcmp(config + n - k, suffix[i]) == 0) {
			n -= k;
			break;
		}
	}
	return asprintf(&path, "%.*s.lock", (int)n, config) < 0 ? NULL : path;
}

static bool
read_entry(struct lock *l, struct json j)
{
	struct lock_entry *in = &l->entry[l->n];
	struct digest d;
	struct span hex;
	bool download;

	if (!json_closed(j, "name uri reference pin") ||
	    !json_string(json_get(j, "name"), &in->name) ||
	    !json_string(json_get(j, "uri"), &in->uri) ||
	    !json_string(json_get(j, "reference"), &in->reference) ||
	    !json_string(json_get(j, "pin"), &in->pin) ||
	    !rules_name(in->name) || lock_find(l, in->name) != NULL ||
	    !rules_floats(in->reference) ||
	    (!rules_pin(&d, &download, in->pin) &&
	    !rules_git_pin(&hex, in->pin)))
		return false;
	l->n++;
	return true;
}

static enum ac_err
parse(struct lock *l)
{
	struct json root, inputs;
	uint64_t version;
	enum ac_err e = json_parse(&l->doc, buf_span(&l->bytes));

	if (e != AC_OK)
		return e;
	root = json_root(&l->doc);
	inputs = json_get(root, "inputs");
	if (!json_closed(root, "version inputs") ||
	    !json_uint(json_get(root, "version"), &version, LOCK_VERSION) ||
	    version != LOCK_VERSION || !json_is_array(inputs) ||
	    json_count(inputs) > INPUTS_MAX)
		return AC_ERR_FORMAT;
	JSON_EACH(j, inputs)
		if (!read_entry(l, j))
			return AC_ERR_FORMAT;
	return AC_OK;
}

enum ac_err
lock_read(struct lock *out, const char *path, struct message *why)
{
	struct lock *l = calloc(1, sizeof(*l));
	enum ac_err e = AC_ERR_MEMORY;

	if (l == NULL)
		goto out;
	e = file_read(&l->bytes, path, LOCK_MAX);
	if (e == AC_OK)
		e = parse(l);
	if (e != AC_OK)
		goto out;
	*out = *l;
	*l = (struct lock){ .n = 0 }; /* transferred */
out:
	if (e != AC_OK) {
		message_set(why, "cannot read ");
		message_add_quoted(why, span_str(path));
		message_add(why, ": %s; \"aicert pin\" writes it anew",
		    ac_strerror(e));
	}
	if (l != NULL)
		lock_free(l);
	free(l);
	return e;
}

const struct lock_entry *
lock_find(const struct lock *l, struct span name)
{
	for (size_t i = 0; i < l->n; i++)
		if (span_equal(l->entry[i].name, name))
			return &l->entry[i];
	return NULL;
}

enum ac_err
lock_write(const char *path, const struct lock_entry entry[], size_t n)
{
	struct buf text = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, LOCK_MAX);
	wr_printf(&w, "{\"version\":%d,\"inputs\":[", LOCK_VERSION);
	for (size_t i = 0; i < n; i++) {
		wr_str(&w, i == 0 ? "\n{\"name\":" : ",\n{\"name\":");
		wr_json(&w, entry[i].name);
		wr_str(&w, ",\"uri\":");
		wr_json(&w, entry[i].uri);
		wr_str(&w, ",\"reference\":");
		wr_json(&w, entry[i].reference);
		wr_str(&w, ",\"pin\":");
		wr_json(&w, entry[i].pin);
		wr_u8(&w, '}');
	}
	wr_str(&w, "\n]}\n");
	e = wr_end(&w, &text);
	if (e == AC_OK)
		e = file_write(path, buf_span(&text), 0644);
	buf_free(&text);
	return e;
}

void
lock_free(struct lock *l)
{
	json_free(&l->doc);
	buf_free(&l->bytes);
	*l = (struct lock){ .n = 0 };
}
