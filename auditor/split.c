/* split.c -- evidence of split views; see split.h. */
#include <inttypes.h>

#include "auditor/split.h"
#include "cert/json.h"

void
split_free(struct split *s)
{
	buf_free(&s->note[0]);
	buf_free(&s->note[1]);
	*s = (struct split){ .n = 0 };
}

void
split_write(struct writer *w, struct span smaller, struct span larger,
    const struct digest node[], size_t n)
{
	wr_str(w, "{\"type\":\"" SPLIT_TYPE "\",\"checkpoints\":[");
	wr_json(w, smaller);
	wr_u8(w, ',');
	wr_json(w, larger);
	wr_str(w, "],\"hashes\":[");
	for (size_t i = 0; i < n; i++) {
		wr_str(w, i == 0 ? "\"" : ",\"");
		wr_base64(w, span_digest(&node[i]));
		wr_u8(w, '"');
	}
	wr_str(w, "]}\n");
}

/* The members of the document into s. */
static enum ac_err
read_members(struct split *s, struct json root)
{
	struct json notes = json_get(root, "checkpoints");
	struct json hashes = json_get(root, "hashes"), j;
	enum ac_err e = AC_OK;
	size_t i = 0;

	if (!json_closed(root, "type checkpoints hashes") ||
	    !json_is(json_get(root, "type"), SPLIT_TYPE) ||
	    !json_is_array(notes) || json_count(notes) != 2 ||
	    !json_is_array(hashes))
		return AC_ERR_FORMAT;
	if (json_count(hashes) > SPLIT_NODES_MAX)
		return AC_ERR_LIMIT;
	for (j = json_first(notes); e == AC_OK && json_present(j);
	    j = json_next(j)) {
		struct span text;

		if (!json_string(j, &text))
			return AC_ERR_FORMAT;
		if (text.len > NOTE_MAX)
			return AC_ERR_LIMIT;
		e = buf_copy(&s->note[i++], text);
	}
	for (j = json_first(hashes); e == AC_OK && json_present(j);
	    j = json_next(j))
		if (!json_digest64(j, &s->node[s->n++]))
			return AC_ERR_FORMAT;
	return e;
}

enum ac_err
split_decode(struct split *out, struct span file)
{
	struct split s = { .n = 0 };
	struct json_doc doc = { 0 };
	enum ac_err e = AC_ERR_LIMIT;

	if (file.len > SPLIT_FILE_MAX)
		return e;
	e = json_parse(&doc, file);
	if (e != AC_OK)
		return e;
	e = read_members(&s, json_root(&doc));
	json_free(&doc);
	if (e != AC_OK) {
		split_free(&s);
		return e;
	}
	*out = s;
	return AC_OK;
}

/* Two checked heads of one log: do they and the hashes contradict? */
static enum ac_err
judge(const struct split *s, const struct head head[2], struct message *why)
{
	struct digest root1, root2;

	if (head[0].log != head[1].log) {
		message_set(why, "the checkpoints are of different logs");
		return AC_ERR_MISMATCH;
	}
	if (head[0].size > head[1].size) {
		message_set(why, "the checkpoints are not in order of size");
		return AC_ERR_MISMATCH;
	}
	if (head[0].size == head[1].size) {
		if (s->n != 0) {
			message_set(why, "checkpoints of the same size need no "
			    "hashes");
			return AC_ERR_MISMATCH;
		}
		if (!digest_equal(&head[0].root, &head[1].root))
			return AC_OK;
		message_set(why, "both checkpoints are of the same tree");
		return AC_ERR_MISMATCH;
	}
	if (head[0].size == 0) {
		message_set(why, "every tree begins with the empty one");
		return AC_ERR_MISMATCH;
	}
	if (merkle_roots_from_consistency(&root1, &root2, head[0].size,
	    head[1].size, s->node, s->n) != AC_OK) {
		message_set(why, "no %zu hashes can lead from size %" PRIu64
		    " to %" PRIu64, s->n, head[0].size, head[1].size);
		return AC_ERR_MISMATCH;
	}
	if (!digest_equal(&root2, &head[1].root)) {
		message_set(why, "the hashes do not lead to the root of the "
		    "larger checkpoint, so they say nothing about it");
		return AC_ERR_MISMATCH;
	}
	if (digest_equal(&root1, &head[0].root)) {
		message_set(why, "the checkpoints are consistent: the larger "
		    "tree begins with the smaller");
		return AC_ERR_MISMATCH;
	}
	return AC_OK;
}

enum ac_err
split_check(struct head head[2], const struct split *s,
    const struct policy *p, struct message *why)
{
	struct head h[2] = { { .size = 0 }, { .size = 0 } };
	enum ac_err e = AC_OK;

	for (size_t i = 0; e == AC_OK && i < 2; i++) {
		struct message what;

		e = head_check(&h[i], p, buf_span(&s->note[i]), &what);
		if (e != AC_OK)
			message_set(why, "checkpoint %zu: %s", i + 1,
			    what.text);
	}
	if (e == AC_OK)
		e = judge(s, h, why);
	if (e != AC_OK) {
		head_free(&h[0]);
		head_free(&h[1]);
		return e == AC_ERR_MEMORY ? e : AC_ERR_MISMATCH;
	}
	head[0] = h[0];
	head[1] = h[1];
	return AC_OK;
}

enum ac_err
split_find(struct digest node[SPLIT_NODES_MAX], size_t *n, struct tiles *t,
    uint64_t size1, const struct digest *root1, uint64_t size2,
    const struct digest *root2, struct message *why)
{
	struct digest was, is;
	size_t m = 0;
	enum ac_err e;

	if (size1 == size2) {
		if (digest_equal(root1, root2))
			return AC_OK;
		message_set(why, "two trees of size %" PRIu64 " have different "
		    "roots: ", size1);
		message_add_digest(why, root1);
		message_add(why, " and ");
		message_add_digest(why, root2);
		*n = 0;
		return AC_ERR_MISMATCH;
	}
	if (size1 == 0)
		return AC_OK;
	e = tiles_consistency(t, node, &m, size1, size2, why);
	if (e != AC_OK)
		return e;
	if (merkle_roots_from_consistency(&was, &is, size1, size2, node, m) !=
	    AC_OK || !digest_equal(&is, root2)) {
		message_set(why, "the tiles do not lead to the root of the "
		    "checkpoint of size %" PRIu64, size2);
		return AC_ERR_FORMAT;
	}
	if (digest_equal(&was, root1))
		return AC_OK;
	message_set(why, "the tree of size %" PRIu64 " does not begin with "
	    "that of size %" PRIu64 ", whose root was ", size2, size1);
	message_add_digest(why, root1);
	message_add(why, " and is ");
	message_add_digest(why, &was);
	*n = m;
	return AC_ERR_MISMATCH;
}
