/* home.c -- the directory of a log; see home.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert/checkpoint.h"
#include "common/file.h"
#include "common/text.h"
#include "registry/advance.h"
#include "registry/home.h"
#include "registry/notary.h"

#define KEYS_MAX ((size_t)4096)
#define URL_MAX ((size_t)255)

enum ac_err
home_path(char out[HOME_PATH_MAX], const char *dir, const char *name,
    struct message *why)
{
	int n = snprintf(out, HOME_PATH_MAX, "%s/%s", dir, name);

	if (n > 0 && n < HOME_PATH_MAX)
		return AC_OK;
	message_set(why, "the path of %s is too long", name);
	return AC_ERR_LIMIT;
}

enum ac_err
home_keys(struct buf *out, const struct note_key *log,
    const struct note_key *time, const struct digest *registry,
    const char *url)
{
	struct writer w;

	wr_init(&w, KEYS_MAX);
	wr_str(&w, "log ");
	note_key_write(&w, log);
	if (url[0] != '\0')
		wr_printf(&w, " %s", url);
	wr_str(&w, "\nlog-time ");
	note_key_write(&w, time);
	wr_printf(&w, "\nregistry %s ", log->name);
	wr_hex(&w, span_digest(registry));
	wr_u8(&w, '\n');
	return wr_end(&w, out);
}

/* An address for people and policies: no white space, nothing to escape. */
static bool
is_url(const char *url)
{
	size_t n = strlen(url);

	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (url[i] <= 0x20 || url[i] >= 0x7f || url[i] == '"' ||
		    url[i] == '\'' || url[i] == '\\')
			return false;
	return n <= URL_MAX && url[n - 1] != '/';
}

/* Make dir, or find it empty. */
static enum ac_err
make_dir(const char *dir, struct message *why)
{
	struct dirent *entry;
	DIR *d;

	if (mkdir(dir, 0755) == 0)
		return AC_OK;
	if (errno != EEXIST) {
		message_set(why, "cannot make the directory %s: %s", dir,
		    strerror(errno));
		return AC_ERR_IO;
	}
	d = opendir(dir);
	if (d == NULL) {
		message_set(why, "cannot read the directory %s: %s", dir,
		    strerror(errno));
		return AC_ERR_IO;
	}
	while ((entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			break;
	(void)closedir(d);
	if (entry == NULL)
		return AC_OK;
	message_set(why, "%s is not empty; a new log needs a new or empty "
	    "directory (what an interrupted init left may be removed)", dir);
	return AC_ERR_EXISTS;
}

/* Open what init made and bring the head of size 0 to the public. */
static enum ac_err
publish_empty(const char *dir, const char *origin, const char *url,
    int64_t now_s, struct message *why)
{
	char database[HOME_PATH_MAX], public[HOME_PATH_MAX];
	char keys[HOME_PATH_MAX];
	struct notary *notary = NULL;
	struct advance a = { 0 };
	struct buf lines = { 0 };
	struct digest registry;
	enum ac_err e;

	e = home_path(database, dir, HOME_DATABASE, why);
	if (e == AC_OK)
		e = home_path(public, dir, HOME_PUBLIC, why);
	if (e == AC_OK)
		e = home_path(keys, dir, HOME_KEYS, why);
	if (e == AC_OK)
		e = store_open(&a.store, database, true, why);
	if (e == AC_OK)
		e = signer_open(&a.signer, dir, origin, why);
	if (e == AC_OK)
		e = notary_open(&notary, dir, why);
	if (e != AC_OK)
		goto out;
	e = proof_new(&a.proof, a.store);
	if (e == AC_OK)
		e = publish_new(&a.publish, public);
	if (e == AC_OK)
		e = published_new(&a.published);
	if (e != AC_OK) {
		message_set(why, "no memory to publish the empty log");
		goto out;
	}
	e = advance_head(&a, now_s, false, why);
	if (e != AC_OK)
		goto out;
	registry = notary_fingerprint(notary);
	e = home_keys(&lines, signer_log_key(a.signer),
	    signer_time_key(a.signer), &registry, url);
	if (e == AC_OK)
		e = file_create(keys, buf_span(&lines), 0644);
	if (e != AC_OK)
		message_set(why, "cannot write %s: %s", keys,
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
out:
	buf_free(&lines);
	published_free(a.published);
	publish_free(a.publish);
	proof_free(a.proof);
	notary_close(notary);
	signer_close(a.signer);
	store_close(a.store);
	return e;
}

enum ac_err
home_init(const char *dir, const char *origin, const char *url, int64_t now_s,
    struct message *why)
{
	char database[HOME_PATH_MAX], public[HOME_PATH_MAX];
	enum ac_err e;

	if (!checkpoint_origin_is_host(span_str(origin))) {
		message_set(why, "the origin of a log is a bare host name, "
		    "such as log.example.org: lower-case, without scheme, "
		    "port or path; found ");
		message_add_quoted(why, span_str(origin));
		return AC_ERR_FORMAT;
	}
	if (url[0] != '\0' && !is_url(url)) {
		message_set(why, "the log's public address begins with "
		    "http:// or https:// and ends without \"/\"; found ");
		message_add_quoted(why, span_str(url));
		return AC_ERR_FORMAT;
	}
	e = make_dir(dir, why);
	if (e == AC_OK)
		e = home_path(database, dir, HOME_DATABASE, why);
	if (e == AC_OK)
		e = home_path(public, dir, HOME_PUBLIC, why);
	if (e == AC_OK)
		e = signer_create(dir, origin, why);
	if (e == AC_OK)
		e = notary_create(dir, why);
	if (e != AC_OK)
		return e;
	if (mkdir(public, 0755) != 0) {
		message_set(why, "cannot make %s: %s", public, strerror(errno));
		return AC_ERR_IO;
	}
	e = store_create(database, origin, url, now_s, why);
	if (e == AC_OK)
		e = publish_empty(dir, origin, url, now_s, why);
	if (e == AC_OK) {
		e = file_sync_dir(dir);
		if (e != AC_OK)
			message_set(why, "cannot sync %s: %s", dir,
			    strerror(errno));
	}
	return e;
}

enum ac_err
home_lock(int *fd, const char *dir, struct message *why)
{
	char path[HOME_PATH_MAX], database[HOME_PATH_MAX];
	struct stat st;
	enum ac_err e;
	int f;

	e = home_path(path, dir, "lock", why);
	if (e == AC_OK)
		e = home_path(database, dir, HOME_DATABASE, why);
	if (e != AC_OK)
		return e;
	if (stat(database, &st) != 0) {
		message_set(why, "%s is not the directory of a log: %s: %s; "
		    "\"aicert-registry init\" makes one", dir, database,
		    strerror(errno));
		return AC_ERR_NOT_FOUND;
	}
	f = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (f < 0) {
		message_set(why, "cannot open %s: %s; the server writes to the "
		    "log's directory, so its user must own it", path,
		    strerror(errno));
		return AC_ERR_IO;
	}
	if (flock(f, LOCK_EX | LOCK_NB) != 0) {
		message_set(why, errno == EWOULDBLOCK ? "another server runs "
		    "on %s; a log has one writer" : "cannot lock %s", dir);
		(void)close(f);
		return AC_ERR_BUSY;
	}
	*fd = f;
	return AC_OK;
}

enum ac_err
home_count_start(const char *dir, uint64_t *n, struct message *why)
{
	char path[HOME_PATH_MAX], line[32];
	struct buf text = { 0 };
	uint64_t before = 0;
	enum ac_err e = home_path(path, dir, "unwitnessed-starts", why);

	if (e != AC_OK)
		return e;
	e = file_read(&text, path, sizeof(line));
	if (e == AC_OK && (text.len == 0 || !text_undec(&before,
	    span_of(text.p, text.len - 1), INT64_MAX)))
		e = AC_ERR_FORMAT;
	buf_free(&text);
	if (e == AC_OK || e == AC_ERR_NOT_FOUND) {
		(void)snprintf(line, sizeof(line), "%" PRIu64 "\n",
		    before + 1);
		e = file_write(path, span_str(line), 0644);
	}
	if (e == AC_OK)
		*n = before + 1;
	else
		message_set(why, "cannot count this start in %s: %s", path,
		    e == AC_ERR_IO ? strerror(errno) : ac_strerror(e));
	return e;
}
