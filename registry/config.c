/* config.c -- settings by key and value; see config.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/reader.h"
#include "common/text.h"
#include "registry/config.h"

#define KEY_MAX 64

static struct span
trim(struct span s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_of(s.p + 1, s.len - 1);
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static enum ac_err
take_line(struct span line, const struct config_taker *t, struct message *why)
{
	struct reader r = rd_of(line);
	struct span key;

	if (!rd_until(&r, &key, '=') || trim(key).len == 0 ||
	    !text_is_plain(line)) {
		message_set(why, "expected \"key = value\", found ");
		message_add_quoted(why, line);
		return AC_ERR_FORMAT;
	}
	return t->take(t->arg, trim(key), trim(r.left), why) ? AC_OK :
	    AC_ERR_FORMAT;
}

enum ac_err
config_parse(struct span text, const struct config_taker *t,
    struct message *why)
{
	struct reader r = rd_of(text);

	for (size_t number = 1; !rd_end(&r); number++) {
		struct message said = { "" };
		struct span line;

		if (!rd_line(&r, &line)) {
			line = r.left;
			r = rd_of(span_of(NULL, 0));
		}
		line = trim(line);
		if (line.len == 0 || line.p[0] == '#')
			continue;
		if (take_line(line, t, &said) != AC_OK) {
			message_set(why, "line %zu: %s", number, said.text);
			return AC_ERR_FORMAT;
		}
	}
	return AC_OK;
}

enum ac_err
config_load(const char *path, const struct config_taker *t,
    struct message *why)
{
	struct message said = { "" };
	struct buf text = { 0 };
	enum ac_err e = file_read(&text, path, CONFIG_FILE_MAX);

	if (e != AC_OK) {
		message_set(why, "cannot read the configuration %s: %s", path,
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
		return e;
	}
	e = config_parse(buf_span(&text), t, &said);
	if (e != AC_OK)
		message_set(why, "%s, %s", path, said.text);
	buf_free(&text);
	return e;
}

enum ac_err
config_env(const char *key, const struct config_taker *t, struct message *why)
{
	char name[sizeof(CONFIG_ENV) + KEY_MAX] = CONFIG_ENV;
	struct message said = { "" };
	size_t n = strlen(name);
	const char *value;

	for (const char *c = key; *c != '\0' && n < sizeof(name) - 1; c++)
		name[n++] = *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ?
		    (char)(*c - 'a' + 'A') : *c;
	name[n] = '\0';
	value = getenv(name);
	if (value == NULL || *value == '\0')
		return AC_OK;
	if (t->take(t->arg, span_str(key), span_str(value), &said))
		return AC_OK;
	message_set(why, "the variable %s: %s", name, said.text);
	return AC_ERR_FORMAT;
}

bool
config_flag(bool *out, struct span value)
{
	if (!span_is(value, "yes") && !span_is(value, "no"))
		return false;
	*out = span_is(value, "yes");
	return true;
}
