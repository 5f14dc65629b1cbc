/*
 * fetch.c -- aicert-fetch: reads what strangers wrote, for aicert, which runs
 * it in a world of its own (world.h) and believes it in nothing.
 *
 *   aicert-fetch yaml PATH         the configuration on 0, a request on 1
 *   aicert-fetch file URL          the file there, as a tree stream on 1
 *   aicert-fetch git COMMIT URL    the files of a commit, the same
 *   aicert-fetch hub model|dataset COMMIT URI [PATTERN...]
 *                                  those files of a hub's, the same
 *   aicert-fetch resolve git REF URL
 *   aicert-fetch resolve model|dataset REVISION URI
 *                                  which commit that is now
 *   aicert-fetch image NAME@PIN    the parts of a container image, the same
 *   aicert-fetch layers FOLDER     of those parts, the tree that they make
 *   aicert-fetch unpack gzip|zstd  the compressed file on 0, as a tree stream
 *   aicert-fetch unpack archive    the files of the archive on 0, the same
 *   aicert-fetch state             trainer_state.json on 0, its figures on 1
 *
 * And the other way:
 *   aicert-fetch put NAME          the file on 0, to the URL in AICERT_PUT_URL
 *
 * It holds no key and hashes nothing that counts.  Exit status: 0 done, 1 it
 * said why not, 2 it was called in another way.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cert/limits.h"
#include "common/file.h"
#include "producer/fetch_archive.h"
#include "producer/fetch_file.h"
#include "producer/fetch_git.h"
#include "producer/fetch_hub.h"
#include "producer/fetch_image.h"
#include "producer/fetch_layers.h"
#include "producer/fetch_put.h"
#include "producer/fetch_state.h"
#include "producer/fetch_unpack.h"
#include "producer/fetch_yaml.h"

#ifdef __SANITIZE_ADDRESS__
/*
 * Looking for leaks at the end means tracing oneself, which its world forbids.
 * The tests run it outside as well.
 */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* As world.h has it: "!code why". */
static int
failed(enum ac_err e, const struct message *why)
{
	(void)fprintf(stderr, "!%d %s\n", (int)e, why->text);
	return 1;
}

static int
yaml(const char *path)
{
	struct buf bytes = { 0 }, answer = { 0 };
	struct message why;
	enum ac_err e = file_read_fd(&bytes, STDIN_FILENO, CONFIG_MAX);

	message_set(&why, "the configuration cannot be read");
	if (e == AC_OK)
		e = fetch_yaml(&answer, buf_span(&bytes), path, &why);
	if (e == AC_OK) {
		message_set(&why, "nobody takes the answer");
		e = file_write_all(STDOUT_FILENO, buf_span(&answer));
	}
	buf_free(&bytes);
	buf_free(&answer);
	return e == AC_OK ? 0 : failed(e, &why);
}

static int
state(void)
{
	struct buf answer = { 0 };
	struct message why;
	struct writer w;
	enum ac_err e;

	wr_init(&w, FETCH_STATE_ANSWER_MAX);
	e = fetch_state(&w, STDIN_FILENO, &why);
	if (e != AC_OK) {
		wr_free(&w);
		return failed(e, &why);
	}
	message_set(&why, "nobody takes the answer");
	e = wr_end(&w, &answer);
	if (e == AC_OK)
		e = file_write_all(STDOUT_FILENO, buf_span(&answer));
	buf_free(&answer);
	return e == AC_OK ? 0 : failed(e, &why);
}

static void
told(const char *text)
{
	(void)fprintf(stderr, "+%s\n", text);
}

static enum ac_err
resolve(const char *kind, const char *name, const char *uri,
    struct message *why)
{
	const struct fetch_hub asked = {
		.dataset = strcmp(kind, "dataset") == 0,
		.commit = name,
		.uri = uri,
		.endpoint = getenv("HF_ENDPOINT"),
		.token = getenv("HF_TOKEN"),
	};
	char commit[65];
	enum ac_err e = strcmp(kind, "git") == 0 ?
	    fetch_git_commit(commit, name, uri, why) :
	    fetch_hub_commit(commit, &asked, why);

	if (e == AC_OK && puts(commit) < 0)
		e = BECAUSE(why, AC_ERR_IO, "nobody takes the answer");
	return e;
}

static enum ac_err
hub(int argc, char **argv, struct message *why)
{
	union {
		char **given;
		const char *const *glob;
	} more = { argv + 5 };
	const struct fetch_hub asked = {
		.dataset = strcmp(argv[2], "dataset") == 0,
		.commit = argv[3],
		.uri = argv[4],
		.endpoint = getenv("HF_ENDPOINT"),
		.token = getenv("HF_TOKEN"),
		.glob = more.glob,
		.nglobs = (size_t)argc - 5,
	};

	return fetch_hub(STDOUT_FILENO, &asked, told, why);
}

/* Who took the stream away has said why; whoever failed else says it. */
static int
end(enum ac_err e, const struct message *why)
{
	if (e == AC_ERR_IO && errno == EPIPE)
		return 1;
	return e == AC_OK ? 0 : failed(e, why);
}

int
main(int argc, char **argv)
{
	struct message why = { "" };

	if (argc == 3 && strcmp(argv[1], "yaml") == 0)
		return yaml(argv[2]);
	if (argc == 2 && strcmp(argv[1], "state") == 0)
		return state();
	(void)signal(SIGPIPE, SIG_IGN);
	errno = 0;
	if (argc == 3 && strcmp(argv[1], "file") == 0)
		return end(fetch_file(STDOUT_FILENO, argv[2], told, &why),
		    &why);
	if (argc == 5 && strcmp(argv[1], "resolve") == 0)
		return end(resolve(argv[2], argv[3], argv[4], &why), &why);
	if (argc >= 5 && strcmp(argv[1], "hub") == 0)
		return end(hub(argc, argv, &why), &why);
	if (argc == 3 && strcmp(argv[1], "image") == 0)
		return end(fetch_image(STDOUT_FILENO, argv[2], told, &why),
		    &why);
	if (argc == 3 && strcmp(argv[1], "layers") == 0)
		return end(fetch_layers(STDOUT_FILENO, argv[2], &why), &why);
	if (argc == 3 && strcmp(argv[1], "unpack") == 0 &&
	    strcmp(argv[2], "archive") == 0)
		return end(fetch_archive(STDOUT_FILENO, STDIN_FILENO, &why),
		    &why);
	if (argc == 4 && strcmp(argv[1], "git") == 0)
		return end(fetch_git(STDOUT_FILENO, argv[2], argv[3], told,
		    &why), &why);
	if (argc == 3 && strcmp(argv[1], "unpack") == 0)
		return end(fetch_unpack(STDOUT_FILENO, STDIN_FILENO, argv[2],
		    &why), &why);
	if (argc == 3 && strcmp(argv[1], "put") == 0) {
		const char *url = getenv(FETCH_PUT_URL);

		return end(fetch_put(STDIN_FILENO, url == NULL ? "" : url,
		    told, &why), &why);
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("aicert-fetch " AICERT_VERSION) < 0;
	(void)fprintf(stderr, "!%d aicert-fetch is started by aicert, and not "
	    "like this\n", (int)AC_ERR_FORMAT);
	return 2;
}
