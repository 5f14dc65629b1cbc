/*
 * trainer_state.json: whatever is read, each line that comes out is one of the
 * three figures, above 0 and of a form that an event takes.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "cert/event.h"
#include "cert/form.h"
#include "common/file.h"
#include "common/reader.h"
#include "fuzz/fuzz.h"
#include "producer/fetch_state.h"

/* Is it a figure, as the event of a run has them? */
static bool
is_figure(struct span value)
{
	struct json_doc doc = { 0 };
	struct buf text = { 0 };
	struct writer w;
	bool ok;

	wr_init(&w, 256);
	wr_str(&w, "{\"a\":{\"value\":\"");
	wr_bytes(&w, value);
	wr_str(&w, "\",\"unit\":\"u\",\"assurance\":\"reported\"}}");
	fuzz_must(wr_end(&w, &text) == AC_OK);
	ok = json_parse(&doc, buf_span(&text)) == AC_OK &&
	    form_check(json_root(&doc), EVENT_FIGURES_FORM, NULL) == AC_OK;
	json_free(&doc);
	buf_free(&text);
	return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("state", MFD_CLOEXEC);
	struct message why = { "" };
	struct buf b = { 0 };
	struct reader r;
	struct writer w;
	size_t lines = 0;

	fuzz_must(fd >= 0);
	fuzz_must(file_write_all(fd, span_of(data, size)) == AC_OK);
	fuzz_must(lseek(fd, 0, SEEK_SET) == 0);
	wr_init(&w, FETCH_STATE_ANSWER_MAX);
	if (fetch_state(&w, fd, &why) != AC_OK) {
		fuzz_must(why.text[0] != '\0');
		wr_free(&w);
		goto out;
	}
	fuzz_must(wr_end(&w, &b) == AC_OK);
	r = rd_of(buf_span(&b));
	while (!rd_end(&r)) {
		struct span line, name;

		struct reader l;

		fuzz_must(rd_line(&r, &line) && ++lines <= 3);
		l = rd_of(line);
		fuzz_must(rd_until(&l, &name, ' '));
		fuzz_must(span_is(name, "flops") || span_is(name, "tokens") ||
		    span_is(name, "steps"));
		fuzz_must(is_figure(l.left));
	}
	buf_free(&b);
out:
	(void)close(fd);
	return 0;
}
