/* collect.c -- removing what is superseded; see collect.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"
#include "merkle/merkle.h"
#include "registry/collect.h"

#define PATH_LEN 4096
#define LEVELS 8       /* that MERKLE_SIZE_MAX needs */
#define AT_ONCE 256    /* tiles looked at in one step */
#define RANDOM_LEN 6   /* letters that a temporary name ends with */

struct collect {
	char dir[PATH_LEN];
	unsigned grace_s;
	/* Up to here all is collected: tiles of each level, then bundles. */
	uint64_t next[LEVELS + 1];
};

enum ac_err
collect_new(struct collect **out, const char *dir, unsigned grace_s)
{
	struct collect *c = calloc(1, sizeof(*c));
	size_t n = strlen(dir);

	if (c == NULL)
		return AC_ERR_MEMORY;
	if (n >= PATH_LEN - MERKLE_TILE_PATH_MAX - 2) {
		free(c);
		return AC_ERR_LIMIT;
	}
	memcpy(c->dir, dir, n + 1);
	c->grace_s = grace_s;
	*out = c;
	return AC_OK;
}

void
collect_free(struct collect *c)
{
	free(c);
}

static enum ac_err
failed(struct message *why, const char *path)
{
	message_set(why, "cannot remove what is left at %s: %s", path,
	    strerror(errno));
	return AC_ERR_IO;
}

/* ---- temporary files ---- */

/* Is it the name of something that is written whole (common/file.h)? */
static bool
is_written(struct span base)
{
	static const char *const names[] = { "checkpoint", "signer.state",
		"halt", "log-keys" };
	uint64_t v;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_is(base, names[i]))
			return true;
	/* Widths of partial tiles, and full ones with their zeros. */
	while (base.len > 1 && base.len <= 3 && base.p[0] == '0')
		base = span_of(base.p + 1, base.len - 1);
	return text_undec(&v, base, 999);
}

static bool
is_leftover(const char *name)
{
	size_t n = strlen(name);

	if (n < RANDOM_LEN + 2 || name[n - RANDOM_LEN - 1] != '.')
		return false;
	for (size_t i = n - RANDOM_LEN; i < n; i++) {
		char c = name[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z')))
			return false;
	}
	return is_written(span_of(name, n - RANDOM_LEN - 1));
}

enum ac_err
collect_leftovers(const char *dir, unsigned *n, struct message *why)
{
	char path[PATH_LEN];
	char *const roots[] = { path, NULL };
	size_t len = strlen(dir);
	enum ac_err e = AC_OK;
	FTSENT *found;
	FTS *fts;

	*n = 0;
	if (len >= sizeof(path))
		return AC_ERR_LIMIT;
	memcpy(path, dir, len + 1);
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (fts == NULL)
		return failed(why, dir);
	while (e == AC_OK && (found = fts_read(fts)) != NULL) {
		/* A folder that is none of ours is not looked into. */
		if (found->fts_info == FTS_D && found->fts_level == 1 &&
		    strcmp(found->fts_name, "public") != 0)
			(void)fts_set(fts, found, FTS_SKIP);
		if (found->fts_info != FTS_F || !is_leftover(found->fts_name))
			continue;
		if (unlink(found->fts_accpath) != 0)
			e = failed(why, found->fts_path);
		else
			(*n)++;
	}
	(void)fts_close(fts);
	return e;
}

/* ---- partial tiles ---- */

/* Where the full tile is: path, and its length without ".p/1". */
static size_t
tile_path(const struct collect *c, char path[PATH_LEN], unsigned slot,
    uint64_t index)
{
	struct merkle_tile t = { slot % LEVELS, index, 1 };
	size_t n = strlen(c->dir);

	memcpy(path, c->dir, n);
	path[n] = '/';
	merkle_tile_path(path + n + 1, &t, slot == LEVELS);
	return strlen(path) - strlen(".p/1");
}

/* Remove the folder of a full tile's partial ones; none is good, too. */
static enum ac_err
remove_partial(const char *path, struct message *why)
{
	struct dirent *entry;
	enum ac_err e = AC_OK;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return errno == ENOENT ? AC_OK : failed(why, path);
	while (e == AC_OK && (entry = readdir(dir)) != NULL) {
		uint64_t width;

		/* Nothing but what publish.c writes there. */
		if (text_undec(&width, span_str(entry->d_name),
		    MERKLE_TILE_WIDTH - 1) &&
		    unlinkat(dirfd(dir), entry->d_name, 0) != 0)
			e = failed(why, path);
	}
	(void)closedir(dir);
	/* What somebody else put there stays, and its folder with it. */
	if (e == AC_OK && rmdir(path) != 0 && errno != ENOTEMPTY &&
	    errno != EEXIST)
		e = failed(why, path);
	return e;
}

/* Look at one full tile; *done: its partial ones are gone. */
static enum ac_err
look(const struct collect *c, bool *done, unsigned slot, uint64_t index,
    int64_t now_s, struct message *why)
{
	char path[PATH_LEN];
	size_t n = tile_path(c, path, slot, index);
	struct stat st;
	char dot = path[n];

	path[n] = '\0';
	*done = false;
	/* Published says that it is there; this is not the place to doubt. */
	if (lstat(path, &st) != 0 ||
	    (int64_t)st.st_mtime + (int64_t)c->grace_s > now_s)
		return AC_OK;
	*done = true;
	path[n] = dot;
	path[n + 2] = '\0';
	return remove_partial(path, why);
}

enum ac_err
collect_partial(struct collect *c, uint64_t size, int64_t now_s,
    struct message *why)
{
	unsigned steps = 0;

	for (unsigned slot = 0; slot <= LEVELS; slot++) {
		unsigned level = slot % LEVELS;
		/* Shifting by all bits of it is not defined. */
		uint64_t full = level == LEVELS - 1 ? 0 :
		    size >> (8 * (level + 1));

		while (c->next[slot] < full && steps < AT_ONCE) {
			bool done;
			enum ac_err e = look(c, &done, slot, c->next[slot],
			    now_s, why);

			if (e != AC_OK)
				return e;
			if (!done)
				break;
			c->next[slot]++;
			steps++;
		}
	}
	return AC_OK;
}
