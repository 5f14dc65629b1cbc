/* relay.c -- from the confined child to its parent; see relay.h. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "common/reader.h"
#include "common/text.h"
#include "verifier/relay.h"

#define HEAD 5 /* bytes: a kind, and the length as be32 */

static void
put_head(uint8_t head[static HEAD], enum relay_kind kind, uint32_t len)
{
	head[0] = (uint8_t)kind;
	for (unsigned i = 0; i < 4; i++)
		head[1 + i] = (uint8_t)(len >> (24 - 8 * i));
}

enum ac_err
relay_send(enum relay_kind kind, struct span text)
{
	uint8_t head[HEAD];
	enum ac_err e;

	if (text.len > RELAY_MAX)
		return AC_ERR_LIMIT;
	put_head(head, kind, (uint32_t)text.len);
	e = file_write_all(STDOUT_FILENO, span_of(head, sizeof(head)));
	return e == AC_OK ? file_write_all(STDOUT_FILENO, text) : e;
}

void
relay_denied(int nr)
{
	uint8_t said[HEAD + 4];

	put_head(said, RELAY_DENIED, 4);
	for (unsigned i = 0; i < 4; i++)
		said[HEAD + i] = (uint8_t)((uint32_t)nr >> (24 - 8 * i));
	(void)!write(STDOUT_FILENO, said, sizeof(said));
}

/* Exactly len bytes; *len = 0 at an end before the first. */
static enum ac_err
read_all(uint8_t *p, size_t *len, int fd)
{
	size_t done = 0;

	while (done < *len) {
		ssize_t n = read(fd, p + done, *len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return AC_ERR_IO;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	if (done != *len && done != 0)
		return AC_ERR_FORMAT;
	*len = done;
	return AC_OK;
}

enum ac_err
relay_next(enum relay_kind *kind, struct buf *text, int fd)
{
	uint8_t head[HEAD];
	size_t n = HEAD, len;
	enum ac_err e = read_all(head, &n, fd);
	struct reader r = rd_of(span_of(head, HEAD));
	uint32_t be = 0;
	uint8_t k = 0;
	uint8_t *p;

	if (e != AC_OK)
		return e;
	if (n == 0)
		return AC_ERR_NOT_FOUND;
	if (!rd_u8(&r, &k) || !rd_be32(&r, &be) || be > RELAY_MAX ||
	    k == 0 || memchr("poend", k, 5) == NULL)
		return AC_ERR_FORMAT;
	len = be;
	p = malloc(len + 1);
	if (p == NULL)
		return AC_ERR_MEMORY;
	e = read_all(p, &len, fd);
	if (e != AC_OK || len != be) {
		free(p);
		return e != AC_OK ? e : AC_ERR_FORMAT;
	}
	p[len] = '\0';
	*kind = (enum relay_kind)k;
	*text = (struct buf){ p, len };
	return AC_OK;
}

/* Bytes of the colour at the beginning of s, ESC [ digits and ; m, or 0. */
static size_t
colour_at(struct span s)
{
	size_t i = 2;

	if (s.len < 3 || s.p[1] != '[')
		return 0;
	while (i < s.len && i < 16 &&
	    ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == ';'))
		i++;
	return i < s.len && s.p[i] == 'm' ? i + 1 : 0;
}

bool
relay_is_plain(struct span text, bool json, bool colour)
{
	size_t step;

	if (!text_is_utf8(text))
		return false;
	for (size_t i = 0; i < text.len; i += step) {
		uint8_t c = text.p[i];

		step = 1;
		if (c == '\033' && colour)
			step = colour_at(span_of(text.p + i, text.len - i));
		else if ((c < 0x20 && c != '\n') || (c >= 0x7f && !json))
			step = 0;
		if (step == 0)
			return false;
	}
	return true;
}
