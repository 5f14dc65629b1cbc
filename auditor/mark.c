/* mark.c -- a follower's state on disk; see mark.h. */
#include <errno.h>
#include <stdlib.h>

#include "auditor/mark.h"
#include "common/file.h"
#include "common/hook.h"
#include "common/reader.h"
#include "common/text.h"

#define TITLE "aicert-follow/v1"
#define FILE_MAX (2 * MIB)

static const char *const names[MARK_CONDITIONS] = { "unreachable",
	"bad-checkpoint", "no-quorum", "stale", "shrunk", "forked",
	"bad-tiles", "bad-entry" };

const char *
mark_name(enum mark_condition c)
{
	return names[c];
}

void
mark_free(struct mark *m)
{
	if (m == NULL)
		return;
	buf_free(&m->note);
	free(m);
}

/* ---- writing ---- */

static size_t
npeaks(uint64_t size)
{
	return (size_t)__builtin_popcountll(size);
}

static void
write_text(struct writer *w, const struct mark *m)
{
	wr_str(w, TITLE "\n");
	wr_str(w, m->origin);
	wr_str(w, "\nchecked ");
	wr_dec(w, m->checked.size);
	wr_u8(w, '\n');
	for (size_t i = 0; i < npeaks(m->checked.size); i++) {
		wr_base64(w, span_digest(&m->checked.peak[i]));
		wr_u8(w, '\n');
	}
	for (unsigned c = 0; c < MARK_CONDITIONS; c++) {
		if (m->since[c] <= 0)
			continue;
		wr_printf(w, "since %s ", names[c]);
		wr_dec(w, (uint64_t)m->since[c]);
		wr_u8(w, '\n');
	}
	for (size_t i = 0; i < m->nmissing; i++) {
		wr_str(w, m->missing[i].told ? "told " : "missing ");
		wr_dec(w, m->missing[i].index);
		wr_u8(w, ' ');
		wr_hex(w, span_digest(&m->missing[i].d));
		wr_u8(w, '\n');
	}
	wr_u8(w, '\n');
	wr_bytes(w, buf_span(&m->note));
}

enum ac_err
mark_write(const struct mark *m, const char *path, struct message *why)
{
	struct buf text = { 0 };
	struct writer w;
	enum ac_err e;

	wr_init(&w, FILE_MAX);
	write_text(&w, m);
	e = wr_end(&w, &text);
	hook_at("follow-before-mark");
	if (e == AC_OK)
		e = file_write(path, buf_span(&text), 0644);
	hook_at("follow-after-mark");
	buf_free(&text);
	if (e != AC_OK) {
		message_set(why, "cannot write the state ");
		message_add_quoted(why, span_str(path));
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
	}
	return e;
}

/* ---- reading ---- */

static bool
take_checked(struct mark *m, struct reader *r)
{
	struct span line;
	struct reader words;
	struct span word;

	if (!rd_line(r, &line))
		return false;
	words = rd_of(line);
	if (!rd_until(&words, &word, ' ') || !span_is(word, "checked") ||
	    !text_undec(&m->checked.size, words.left, MERKLE_SIZE_MAX))
		return false;
	for (size_t i = 0; i < npeaks(m->checked.size); i++)
		if (!rd_line(r, &line) || !text_unbase64_exact(
		    m->checked.peak[i].b, sizeof(m->checked.peak[i].b), line))
			return false;
	return true;
}

static bool
take_since(struct mark *m, struct reader *words)
{
	struct span name;
	uint64_t t;

	if (!rd_until(words, &name, ' ') ||
	    !text_undec(&t, words->left, INT64_MAX))
		return false;
	for (unsigned c = 0; c < MARK_CONDITIONS; c++)
		if (span_is(name, names[c])) {
			m->since[c] = (int64_t)t;
			return true;
		}
	return false;
}

static bool
take_missing(struct mark *m, struct reader *words, bool told)
{
	struct mark_missing *x = &m->missing[m->nmissing];
	struct span index;

	if (m->nmissing == MARK_MISSING_MAX ||
	    !rd_until(words, &index, ' ') ||
	    !text_undec(&x->index, index, MERKLE_SIZE_MAX) ||
	    !text_unhex_digest(&x->d, words->left))
		return false;
	x->told = told;
	m->nmissing++;
	return true;
}

/* The note must say what the rest rests on. */
static bool
take_note(struct mark *m, struct span bytes)
{
	struct checkpoint c;
	struct note note;

	m->root = merkle_empty();
	if (bytes.len == 0)
		return m->checked.size == 0 && m->origin[0] == '\0';
	if (note_parse(&note, bytes) != AC_OK ||
	    checkpoint_parse(&c, note.text) != AC_OK ||
	    !span_is(c.origin, m->origin) || m->checked.size > c.size)
		return false;
	m->size = c.size;
	m->root = c.root;
	return buf_copy(&m->note, bytes) == AC_OK;
}

static bool
take_text(struct mark *m, struct span text)
{
	struct reader r = rd_of(text);
	struct span line;

	if (!rd_line(&r, &line) || !span_is(line, TITLE) ||
	    !rd_line(&r, &line) || line.len > NOTE_NAME_MAX ||
	    memchr(line.p, '\0', line.len) != NULL)
		return false;
	memcpy(m->origin, line.p, line.len);
	if (!take_checked(m, &r))
		return false;
	while (rd_line(&r, &line) && line.len > 0) {
		struct reader words = rd_of(line);
		struct span word;

		if (!rd_until(&words, &word, ' ') ||
		    !(span_is(word, "since") ? take_since(m, &words) :
		    (span_is(word, "told") || span_is(word, "missing")) &&
		    take_missing(m, &words, span_is(word, "told"))))
			return false;
	}
	return take_note(m, r.left);
}

enum ac_err
mark_read(struct mark **out, const char *path, struct message *why)
{
	struct mark *m = calloc(1, sizeof(*m));
	struct buf text = { 0 };
	enum ac_err e = AC_ERR_MEMORY;

	message_set(why, "out of memory");
	if (m == NULL)
		return e;
	e = file_read(&text, path, FILE_MAX);
	if (e == AC_ERR_NOT_FOUND) {
		m->root = merkle_empty();
	} else if (e != AC_OK) {
		message_set(why, "cannot read the state ");
		message_add_quoted(why, span_str(path));
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    ac_strerror(e));
		goto out;
	} else if (!take_text(m, buf_span(&text))) {
		message_set(why, "the state ");
		message_add_quoted(why, span_str(path));
		message_add(why, " is damaged; begin again in a new folder");
		e = AC_ERR_FORMAT;
		goto out;
	}
	*out = m;
	m = NULL; /* transferred */
	e = AC_OK;
out:
	buf_free(&text);
	mark_free(m);
	return e;
}
