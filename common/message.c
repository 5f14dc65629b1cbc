/* message.c -- sentences for people; see message.h. */
#include <stdarg.h>
#include <stdio.h>

#include "common/message.h"
#include "common/text.h"
#include "common/time.h"

#define QUOTED_MAX 200 /* bytes shown of a text from outside */

AC_PRINTF(2, 0)
static void
append(struct message *m, const char *fmt, va_list ap)
{
	size_t n = strlen(m->text);

	(void)vsnprintf(m->text + n, sizeof(m->text) - n, fmt, ap);
}

void
message_set(struct message *m, const char *fmt, ...)
{
	va_list ap;

	m->text[0] = '\0';
	va_start(ap, fmt);
	append(m, fmt, ap);
	va_end(ap);
}

void
message_add(struct message *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(m, fmt, ap);
	va_end(ap);
}

void
message_add_quoted(struct message *m, struct span s)
{
	message_add(m, "\"");
	for (size_t i = 0; i < s.len; i++) {
		if (i == QUOTED_MAX) {
			message_add(m, "...");
			break;
		}
		if (s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '"' &&
		    s.p[i] != '\\')
			message_add(m, "%c", s.p[i]);
		else
			message_add(m, "\\x%02x", s.p[i]);
	}
	message_add(m, "\"");
}

struct message
message_quoted(struct span s)
{
	struct message m = { "" };

	message_add_quoted(&m, s);
	return m;
}

struct message
message_digest(const struct digest *d)
{
	struct message m = { "" };

	text_hex(m.text, span_digest(d));
	return m;
}

struct message
message_time(int64_t unix_s)
{
	struct message m = { "" };

	if (time_format(m.text, unix_s) != AC_OK)
		message_set(&m, "(no time)");
	return m;
}

void
message_add_digest(struct message *m, const struct digest *d)
{
	message_add(m, "%s", message_digest(d).text);
}
