/* ledger.c -- facts on disk; see ledger.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auditor/ledger.h"
#include "common/hook.h"
#include "common/sha256.h"

#define CHUNK 4096 /* records read at once */

/* A revocation, kept in memory: states are compared with their list. */
struct revoked {
	uint64_t index;
	struct digest d;
};

struct ledger {
	int fd;
	uint64_t size;
	struct revoked *revoked; /* in order of index */
	size_t nrevoked, cap;
	uint8_t chunk[CHUNK * FACTS_LEN];
};

static enum ac_err
failed(struct message *why, const char *what)
{
	message_set(why, "cannot %s the ledger of what was checked: %s", what,
	    strerror(errno));
	return AC_ERR_IO;
}

/* Remember a revocation; a ledger_each. */
static enum ac_err
list_revocation(void *arg, uint64_t index, const struct facts *f)
{
	struct ledger *l = arg;

	if (f->kind != FACTS_REVOCATION)
		return AC_OK;
	if (l->nrevoked == l->cap) {
		size_t cap = l->cap == 0 ? 16 : 2 * l->cap;
		struct revoked *p = reallocarray(l->revoked, cap, sizeof(*p));

		if (p == NULL)
			return AC_ERR_MEMORY;
		l->revoked = p;
		l->cap = cap;
	}
	l->revoked[l->nrevoked++] = (struct revoked){ index, f->d };
	return AC_OK;
}

enum ac_err
ledger_open(struct ledger **out, const char *path, uint64_t size,
    bool read_only, struct message *why)
{
	struct ledger *l = calloc(1, sizeof(*l));
	struct stat st;
	enum ac_err e;

	if (l == NULL) {
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	l->size = size;
	l->fd = open(path, (read_only ? O_RDONLY : O_RDWR | O_CREAT) |
	    O_CLOEXEC | O_NOFOLLOW, 0644);
	if (l->fd < 0 || fstat(l->fd, &st) != 0) {
		e = failed(why, "open");
		goto out;
	}
	e = AC_ERR_FORMAT;
	if (st.st_size < 0 || (uint64_t)st.st_size / FACTS_LEN < size) {
		message_set(why, "the ledger has fewer records than the state "
		    "says were checked (%" PRIu64 "); it is damaged: begin "
		    "again in a new folder", size);
		goto out;
	}
	e = ledger_walk(l, 0, list_revocation, l, why);
	if (e != AC_OK)
		goto out;
	*out = l;
	l = NULL; /* transferred */
	e = AC_OK;
out:
	ledger_close(l);
	return e;
}

void
ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	free(l->revoked);
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l);
}

uint64_t
ledger_size(const struct ledger *l)
{
	return l->size;
}

static bool
write_at(const struct ledger *l, uint64_t index, const uint8_t *p, size_t len)
{
	off_t at = (off_t)(index * FACTS_LEN);

	while (len > 0) {
		ssize_t n = pwrite(l->fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

enum ac_err
ledger_append(struct ledger *l, const struct facts f[], size_t n,
    struct message *why)
{
	for (size_t done = 0; done < n;) {
		size_t k = n - done < CHUNK ? n - done : CHUNK;

		for (size_t i = 0; i < k; i++)
			facts_encode(l->chunk + i * FACTS_LEN, &f[done + i]);
		if (!write_at(l, l->size + done, l->chunk, k * FACTS_LEN))
			return failed(why, "write");
		done += k;
	}
	hook_at("follow-ledger-written");
	if (fdatasync(l->fd) != 0)
		return failed(why, "sync");
	for (size_t i = 0; i < n; i++)
		if (list_revocation(l, l->size + i, &f[i]) != AC_OK) {
			ledger_rewind(l, l->size);
			message_set(why, "out of memory");
			return AC_ERR_MEMORY;
		}
	l->size += n;
	return AC_OK;
}

void
ledger_rewind(struct ledger *l, uint64_t size)
{
	if (size < l->size)
		l->size = size;
	while (l->nrevoked > 0 && l->revoked[l->nrevoked - 1].index >= l->size)
		l->nrevoked--;
}

/* One that was missing when its entry was checked: into its place. */
static enum ac_err
insert_revocation(struct ledger *l, uint64_t index, const struct facts *f)
{
	enum ac_err e;

	for (size_t i = 0; i < l->nrevoked; i++)
		if (l->revoked[i].index == index)
			return AC_OK;
	e = list_revocation(l, index, f);
	for (size_t i = l->nrevoked; e == AC_OK && --i > 0 &&
	    l->revoked[i - 1].index > l->revoked[i].index;) {
		struct revoked x = l->revoked[i];

		l->revoked[i] = l->revoked[i - 1];
		l->revoked[i - 1] = x;
	}
	return e;
}

enum ac_err
ledger_replace(struct ledger *l, uint64_t index, const struct facts *f,
    struct message *why)
{
	uint8_t record[FACTS_LEN];

	if (f->kind == FACTS_REVOCATION && insert_revocation(l, index, f) !=
	    AC_OK) {
		message_set(why, "out of memory");
		return AC_ERR_MEMORY;
	}
	facts_encode(record, f);
	if (index >= l->size || !write_at(l, index, record, sizeof(record)) ||
	    fdatasync(l->fd) != 0)
		return failed(why, "write");
	return AC_OK;
}

/* l->chunk = records [index, index + n). */
static enum ac_err
read_chunk(struct ledger *l, uint64_t index, size_t n, struct message *why)
{
	size_t len = n * FACTS_LEN, got = 0;

	while (got < len) {
		ssize_t m = pread(l->fd, l->chunk + got, len - got,
		    (off_t)(index * FACTS_LEN + got));

		if (m < 0 && errno == EINTR)
			continue;
		if (m <= 0) {
			if (m == 0)
				errno = EIO;
			return failed(why, "read");
		}
		got += (size_t)m;
	}
	return AC_OK;
}

static enum ac_err
damaged(struct message *why, uint64_t index)
{
	message_set(why, "record %" PRIu64 " of the ledger is damaged: begin "
	    "again in a new folder", index);
	return AC_ERR_FORMAT;
}

enum ac_err
ledger_read(struct ledger *l, struct facts *out, uint64_t index,
    struct message *why)
{
	enum ac_err e = read_chunk(l, index, 1, why);

	if (e == AC_OK && !facts_decode(out, l->chunk))
		e = damaged(why, index);
	return e;
}

enum ac_err
ledger_walk(struct ledger *l, uint64_t first, ledger_each *each, void *arg,
    struct message *why)
{
	for (uint64_t at = first; at < l->size;) {
		size_t n = l->size - at < CHUNK ? (size_t)(l->size - at) :
		    CHUNK;
		enum ac_err e = read_chunk(l, at, n, why);

		for (size_t i = 0; e == AC_OK && i < n; i++) {
			struct facts f;

			if (!facts_decode(&f, l->chunk + i * FACTS_LEN))
				e = damaged(why, at + i);
			else
				e = each(arg, at + i, &f);
		}
		if (e != AC_OK)
			return e;
		at += n;
	}
	return AC_OK;
}

/* ---- who is affected ---- */

struct search {
	const struct ledger_target *t;
	struct digest root;  /* of the image */
	bool found;          /* the image's release, or the target's signer */
	struct digest key;
	struct facts before; /* the record before, a provenance that waits */
	uint64_t index;
	bool waits;          /* whether its evidence follows is not known */
	ledger_each *each;
	void *arg;
};

static enum ac_err
find_target(void *arg, uint64_t index, const struct facts *f)
{
	struct search *s = arg;

	(void)index;
	if (!s->found && digest_equal(&f->d, &s->t->d) &&
	    (s->t->kind == REVOCATION_STATEMENT ||
	    f->kind == FACTS_RELEASE)) {
		s->found = true;
		s->root = f->about;
		s->key = f->key;
	}
	return AC_OK;
}

/* Is line 1 with these facts meant, its evidence e where there is one? */
static bool
is_meant(const struct search *s, const struct facts *f, const struct facts *e)
{
	uint64_t last = s->index + (e != NULL ? 1 : 0);

	if (s->t->from && last < s->t->index)
		return false;
	switch (s->t->kind) {
	case REVOCATION_STATEMENT:
		return digest_equal(&f->d, &s->t->d) ||
		    (e != NULL && digest_equal(&e->d, &s->t->d));
	case REVOCATION_IMAGE:
		return s->found && facts_has_about(f) &&
		    digest_equal(&f->about, &s->root);
	case REVOCATION_KEY:
		return digest_equal(&f->key, &s->t->d);
	}
	return false;
}

/* A provenance waits for the record after it, which may be its evidence. */
static enum ac_err
settle(struct search *s, const struct facts *next)
{
	const struct facts *e = next != NULL &&
	    next->kind == FACTS_EVIDENCE &&
	    digest_equal(&next->about, &s->before.d) ? next : NULL;

	if (!s->waits)
		return AC_OK;
	s->waits = false;
	return is_meant(s, &s->before, e) ?
	    s->each(s->arg, s->index, &s->before) : AC_OK;
}

static enum ac_err
look_at(void *arg, uint64_t index, const struct facts *f)
{
	struct search *s = arg;
	enum ac_err e = settle(s, f);

	if (e == AC_OK && f->kind == FACTS_PROVENANCE) {
		s->before = *f;
		s->index = index;
		s->waits = true;
	}
	return e;
}

enum ac_err
ledger_affected(struct ledger *l, const struct ledger_target *t,
    ledger_each *each, void *arg, struct message *why)
{
	struct search s = { .t = t, .each = each, .arg = arg };
	enum ac_err e = AC_OK;

	if (t->kind == REVOCATION_IMAGE)
		e = ledger_walk(l, 0, find_target, &s, why);
	if (e == AC_OK)
		e = ledger_walk(l, 0, look_at, &s, why);
	return e == AC_OK ? settle(&s, NULL) : e;
}

/* ---- who may revoke ---- */

struct signers {
	const struct facts *f;
	bool same;
};

static enum ac_err
compare_signer(void *arg, uint64_t index, const struct facts *f)
{
	struct signers *s = arg;

	(void)index;
	s->same = s->same || (digest_equal(&f->d, &s->f->about) &&
	    digest_equal(&f->key, &s->f->key));
	return AC_OK;
}

enum ac_err
ledger_counts(struct ledger *l, bool *counts, const struct facts *f,
    const struct policy *p, struct message *why)
{
	struct signers s = { f, false };
	enum ac_err e = AC_OK;

	for (size_t i = 0; i < p->nrevoker; i++)
		s.same = s.same || digest_equal(&p->revoker[i].d, &f->key);
	if (f->target == REVOCATION_KEY)
		s.same = s.same || digest_equal(&f->about, &f->key);
	else if (!s.same)
		e = ledger_walk(l, 0, compare_signer, &s, why);
	if (e == AC_OK)
		*counts = s.same;
	return e;
}

/* ---- states ---- */

void
ledger_check_state(const struct ledger *l, bool *right,
    const struct facts *f)
{
	struct sha256 hash;
	struct digest d;
	uint64_t n = 0;

	sha256_init(&hash);
	for (; n < l->nrevoked && l->revoked[n].index < f->index; n++)
		sha256_update(&hash, span_digest(&l->revoked[n].d));
	d = sha256_final(&hash);
	*right = f->here && f->index <= l->size && n == f->count &&
	    digest_equal(&d, &f->about);
}
