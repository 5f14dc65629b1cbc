/* cmd_screen.c -- a build on the screen; see cmd_screen.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "producer/cmd_screen.h"

static void
put_line(struct cmd_screen *s)
{
	bool plain = text_is_utf8(span_of(s->line, s->len));
	char shown[4 * CMD_SCREEN_LINE + 1];
	size_t n = 0;

	for (size_t i = 0; i < s->len; i++) {
		uint8_t c = (uint8_t)s->line[i];

		/* Terminals obey C1 controls, U+0080 to U+009F, as well. */
		if (c == '\t' || (c >= 0x20 && c < 0x7f) || (plain &&
		    c >= 0x80 && !(c == 0xc2 && i + 1 < s->len &&
		    (uint8_t)s->line[i + 1] < 0xa0) && !(i > 0 &&
		    (uint8_t)s->line[i - 1] == 0xc2 && c < 0xa0)))
			shown[n++] = (char)c;
		else
			n += (size_t)snprintf(shown + n, 5, "\\x%02x", c);
	}
	shown[n] = '\0';
	s->len = 0;
	if (!s->quiet) {
		(void)fprintf(stderr, "  | %s\n", shown);
		return;
	}
	free(s->tail[s->ntail % CMD_SCREEN_TAIL]);
	s->tail[s->ntail++ % CMD_SCREEN_TAIL] = strdup(shown);
}

void
cmd_screen_output(void *arg, struct span bytes)
{
	struct cmd_screen *s = arg;

	for (size_t i = 0; i < bytes.len; i++) {
		uint8_t c = bytes.p[i];

		/* A bar of progress ends its lines with CR. */
		if (c == '\r' && s->len == 0)
			continue;
		if (c == '\n' || c == '\r') {
			put_line(s);
			continue;
		}
		s->line[s->len++] = (char)c;
		if (s->len == CMD_SCREEN_LINE)
			put_line(s);
	}
}

void
cmd_screen_progress(void *arg, struct span sentence)
{
	struct cmd_screen *s = arg;

	if (s->len > 0)
		put_line(s);
	(void)fprintf(stderr, "aicert %s: %.*s\n", s->name,
	    (int)sentence.len, (const char *)sentence.p);
}

void
cmd_screen_tail(struct cmd_screen *s)
{
	size_t first = s->ntail > CMD_SCREEN_TAIL ? s->ntail - CMD_SCREEN_TAIL : 0;

	if (s->len > 0)
		put_line(s);
	for (size_t i = first; i < s->ntail; i++)
		if (s->tail[i % CMD_SCREEN_TAIL] != NULL)
			(void)fprintf(stderr, "  | %s\n",
			    s->tail[i % CMD_SCREEN_TAIL]);
}

void
cmd_screen_free(struct cmd_screen *s)
{
	for (size_t i = 0; i < CMD_SCREEN_TAIL; i++)
		free(s->tail[i]);
}
