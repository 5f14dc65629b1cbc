/* facts.c -- what is kept of an entry; see facts.h. */
#include "auditor/facts.h"
#include "cert/evidence.h"
#include "cert/provenance.h"
#include "cert/release.h"
#include "common/reader.h"

#define CONTENT 1u
#define FROM 2u
#define HERE 4u

static void
read_revocation(struct facts *f, struct span statement, struct span origin)
{
	struct revocation r;

	if (revocation_decode(&r, statement) != AC_OK)
		return;
	f->about = r.digest;
	if (r.kind == REVOCATION) {
		f->kind = FACTS_REVOCATION;
		f->target = r.target;
		f->from = r.from;
		f->here = r.from && span_equal(r.origin, origin);
		f->index = r.from ? r.index : 0;
	} else if (r.kind == REVOCATION_REMOVAL) {
		f->kind = FACTS_REMOVAL;
	} else {
		f->kind = FACTS_STATE;
		f->here = span_equal(r.origin, origin);
		f->index = r.tree_size;
		f->count = r.count < UINT32_MAX ? (uint32_t)r.count :
		    UINT32_MAX;
	}
	revocation_free(&r);
}

static void
read_release(struct facts *f, struct span statement)
{
	struct release r;

	if (release_decode(&r, statement) != AC_OK)
		return;
	f->kind = FACTS_RELEASE;
	f->about = r.root;
	release_free(&r);
}

/* A provenance; its evidence points back to it. */
static void
read_provenance(struct facts *f, const struct statement *s)
{
	struct provenance_view v;

	if (provenance_view(&v, s) != AC_OK)
		return;
	f->kind = FACTS_PROVENANCE;
	if (v.has_image_root)
		f->about = v.image_root;
}

static void
read_evidence(struct facts *f, const struct statement *s)
{
	struct span name;

	if (statement_subject(json_first(s->subjects), &name, &f->about) &&
	    span_is(name, SUBJECT_PROVENANCE))
		f->kind = FACTS_EVIDENCE;
}

enum ac_err
facts_read(struct facts *out, struct statement *doc, const struct leaf *leaf,
    struct span statement, struct span origin)
{
	struct facts f = { .d = leaf->d, .key = spki_digest(&leaf->key),
		.content = true };
	struct statement s = { .predicate = { NULL } };
	enum ac_err e = statement_decode(&s, statement);

	if (e == AC_ERR_MEMORY)
		return e;
	if (e != AC_OK)
		s = (struct statement){ .predicate = { NULL } };
	else if (revocation_is(s.predicate_type))
		read_revocation(&f, statement, origin);
	else if (span_is(s.predicate_type, TYPE_RELEASE))
		read_release(&f, statement);
	else if (span_is(s.predicate_type, TYPE_PROVENANCE))
		read_provenance(&f, &s);
	else if (span_is(s.predicate_type, TYPE_EVIDENCE))
		read_evidence(&f, &s);
	*out = f;
	*doc = s;
	return AC_OK;
}

bool
facts_has_about(const struct facts *f)
{
	static const struct digest none;

	return !digest_equal(&f->about, &none);
}

/* ---- records ---- */

static void
put64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

void
facts_encode(uint8_t out[FACTS_LEN], const struct facts *f)
{
	memset(out, 0, FACTS_LEN);
	out[0] = (uint8_t)f->kind;
	out[1] = (uint8_t)f->target;
	out[2] = (uint8_t)((f->content ? CONTENT : 0) | (f->from ? FROM : 0) |
	    (f->here ? HERE : 0));
	for (unsigned i = 0; i < 4; i++)
		out[4 + i] = (uint8_t)(f->count >> (24 - 8 * i));
	put64(out + 8, f->index);
	memcpy(out + 16, f->d.b, 32);
	memcpy(out + 48, f->key.b, 32);
	memcpy(out + 80, f->about.b, 32);
}

bool
facts_decode(struct facts *out, const uint8_t in[FACTS_LEN])
{
	struct reader r = rd_of(span_of(in, FACTS_LEN));
	uint8_t kind, target, flags, zero;
	struct span d, key, about;
	struct facts f = { .kind = FACTS_UNKNOWN };

	if (!rd_u8(&r, &kind) || kind >= FACTS_KINDS || !rd_u8(&r, &target) ||
	    target > REVOCATION_KEY || !rd_u8(&r, &flags) ||
	    flags > (CONTENT | FROM | HERE) || !rd_u8(&r, &zero) ||
	    zero != 0 || !rd_be32(&r, &f.count) || !rd_be64(&r, &f.index) ||
	    !rd_take(&r, &d, 32) || !rd_take(&r, &key, 32) ||
	    !rd_take(&r, &about, 32) || !rd_end(&r))
		return false;
	f.kind = (enum facts_kind)kind;
	f.target = (enum revocation_target)target;
	f.content = (flags & CONTENT) != 0;
	f.from = (flags & FROM) != 0;
	f.here = (flags & HERE) != 0;
	memcpy(f.d.b, d.p, 32);
	memcpy(f.key.b, key.p, 32);
	memcpy(f.about.b, about.p, 32);
	*out = f;
	return true;
}
