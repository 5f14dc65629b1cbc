/* checkpoint.c -- C2SP tlog-checkpoint v1.0.0; see checkpoint.h. */
#include "cert/checkpoint.h"
#include "common/reader.h"
#include "common/text.h"
#include "merkle/merkle.h"

enum ac_err
checkpoint_parse(struct checkpoint *out, struct span text)
{
	struct reader r = rd_of(text);
	struct checkpoint c;
	struct span size, root, line;

	if (!rd_line(&r, &c.origin) || c.origin.len == 0 ||
	    !rd_line(&r, &size) ||
	    !text_undec(&c.size, size, MERKLE_SIZE_MAX) ||
	    !rd_line(&r, &root) ||
	    !text_unbase64_exact(c.root.b, sizeof(c.root.b), root))
		return AC_ERR_FORMAT;
	while (!rd_end(&r))
		if (!rd_line(&r, &line) || line.len == 0)
			return AC_ERR_FORMAT;
	*out = c;
	return AC_OK;
}

void
checkpoint_write(struct writer *w, const struct checkpoint *c)
{
	wr_bytes(w, c->origin);
	wr_u8(w, '\n');
	wr_dec(w, c->size);
	wr_u8(w, '\n');
	wr_base64(w, span_digest(&c->root));
	wr_u8(w, '\n');
}

void
checkpoint_cosigned(struct writer *w, uint64_t time, struct span text)
{
	wr_str(w, "cosignature/v1\ntime ");
	wr_dec(w, time);
	wr_u8(w, '\n');
	wr_bytes(w, text);
}

bool
checkpoint_origin_is_host(struct span origin)
{
	if (origin.len == 0 || origin.len > 253)
		return false;
	for (size_t i = 0; i < origin.len; i++) {
		uint8_t c = origin.p[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		bool edge = i == 0 || i == origin.len - 1 ||
		    origin.p[i - 1] == '.' || origin.p[i + 1] == '.';

		if (!alnum && (edge || (c != '.' && c != '-')))
			return false;
	}
	return true;
}
