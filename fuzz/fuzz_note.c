/*
 * Signed notes, checkpoints and vkeys: what is read is written back as the
 * same bytes, so each value has one encoding.
 */
#include "cert/checkpoint.h"
#include "cert/note.h"
#include "fuzz/fuzz.h"

/* Does w hold exactly these bytes?  Ends it. */
static void
must_be(struct writer *w, struct span want)
{
	struct buf b = { 0 };

	fuzz_must(wr_end(w, &b) == AC_OK);
	fuzz_must(span_equal(buf_span(&b), want));
	buf_free(&b);
}

static void
note(struct span bytes)
{
	struct checkpoint c;
	struct note n;
	struct writer w;

	if (note_parse(&n, bytes) != AC_OK)
		return;
	wr_init(&w, NOTE_MAX);
	wr_bytes(&w, n.text);
	wr_u8(&w, '\n');
	for (size_t i = 0; i < n.nsignatures; i++) {
		wr_str(&w, "\xe2\x80\x94 ");
		wr_bytes(&w, n.signature[i].name);
		wr_u8(&w, ' ');
		wr_bytes(&w, n.signature[i].blob);
		wr_u8(&w, '\n');
	}
	must_be(&w, bytes);
	if (checkpoint_parse(&c, n.text) != AC_OK)
		return;
	checkpoint_write(&w, &c);
	fuzz_must(w.len <= n.text.len);
	must_be(&w, span_of(n.text.p, w.len));
}

static void
vkey(struct span bytes)
{
	struct note_key key;
	struct writer w;

	if (note_key_parse(&key, bytes) != AC_OK)
		return;
	wr_init(&w, NOTE_MAX);
	note_key_write(&w, &key);
	must_be(&w, bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	note(span_of(data, size));
	vkey(span_of(data, size));
	return 0;
}
