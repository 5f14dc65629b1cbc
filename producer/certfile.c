/* certfile.c -- a model's folder, as a person names it; see certfile.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "producer/certfile.h"

char *
certfile_path(const char *dir, const char *name)
{
	size_t n = strlen(dir);
	char *path;

	while (n > 1 && dir[n - 1] == '/')
		n--;
	return asprintf(&path, "%.*s/%s", (int)n, dir, name) < 0 ? NULL : path;
}

enum ac_err
certfile_read(struct buf *out, const char *path, struct message *why)
{
	struct stat st;
	bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	char *in = folder ? certfile_path(path, "aicert.jsonl") : strdup(path);
	enum ac_err e = in == NULL ? AC_ERR_MEMORY :
	    file_read(out, in, CERTIFICATE_MAX);

	if (e != AC_OK) {
		message_set(why, "cannot read the certificate ");
		message_add_quoted(why, span_str(in != NULL ? in : path));
		message_add(why, ": %s", e == AC_ERR_IO ? strerror(errno) :
		    e == AC_ERR_NOT_FOUND ? "there is none; \"aicert get\" "
		    "finds that of a downloaded model" :
		    e == AC_ERR_LIMIT ? "it is larger than a certificate can "
		    "be" : e == AC_ERR_FORMAT ? "it is not a regular file" :
		    ac_strerror(e));
	}
	free(in);
	return e;
}

enum ac_err
certfile_hash(struct walk *out, const char *dir, struct message *why)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), blobs = -1;
	struct verify_part *part = NULL;
	struct walk w = { 0 };
	struct digest *got = NULL;
	enum ac_err e = AC_ERR_IO;

	if (fd < 0) {
		message_set(why, "cannot open the folder ");
		message_add_quoted(why, span_str(dir));
		message_add(why, ": %s", strerror(errno));
		return e;
	}
	walk_open_blobs(&blobs, fd);
	e = walk_folder(&w, fd, blobs, why);
	if (e != AC_OK)
		goto out;
	if (w.nfiles == 0) {
		e = AC_ERR_NOT_FOUND;
		message_set(why, "there are no files of a model in ");
		message_add_quoted(why, span_str(dir));
		goto out;
	}
	part = calloc(w.nfiles, sizeof(*part));
	got = calloc(w.nfiles, sizeof(*got));
	if (part == NULL || got == NULL) {
		e = AC_ERR_MEMORY;
		message_set(why, "no memory");
		goto out;
	}
	for (size_t i = 0; i < w.nfiles; i++)
		part[i] = (struct verify_part){ .file = i,
			.end = w.file[i].bytes };
	e = walk_hash(got, &w, part, w.nfiles, NULL, why);
	for (size_t i = 0; e == AC_OK && i < w.nfiles; i++)
		w.file[i].sha256 = got[i];
	if (e == AC_OK) {
		*out = w;
		w = (struct walk){ 0 }; /* transferred */
	}
out:
	walk_free(&w);
	free(part);
	free(got);
	if (blobs >= 0)
		(void)close(blobs);
	(void)close(fd);
	return e;
}
