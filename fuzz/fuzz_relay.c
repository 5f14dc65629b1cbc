/*
 * What the confined child says to its parent: however it is cut, no more is
 * taken than was said, and what is plain has no control characters.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "common/file.h"
#include "fuzz/fuzz.h"
#include "verifier/relay.h"

static void
said(struct span text)
{
	bool coloured = relay_is_plain(text, false, true);
	bool json = relay_is_plain(text, true, false);

	if (relay_is_plain(text, false, false)) {
		fuzz_must(coloured && json);
		for (size_t i = 0; i < text.len; i++)
			fuzz_must(text.p[i] == '\n' ||
			    (text.p[i] >= 0x20 && text.p[i] < 0x7f));
	}
	fuzz_must(!json || text.len == 0 || memchr(text.p, '\033', text.len) ==
	    NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("relay", MFD_CLOEXEC);
	enum relay_kind kind;
	struct buf text = { 0 };
	size_t all = 0;

	if (fd < 0)
		return 0;
	fuzz_must(file_write_all(fd, span_of(data, size)) == AC_OK);
	fuzz_must(lseek(fd, 0, SEEK_SET) == 0);
	while (relay_next(&kind, &text, fd) == AC_OK) {
		all += text.len + 5;
		fuzz_must(all <= size && text.len <= RELAY_MAX);
		fuzz_must(text.p[text.len] == '\0');
		said(buf_span(&text));
		buf_free(&text);
	}
	(void)close(fd);
	return 0;
}
