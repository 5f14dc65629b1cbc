/*
 * replay.c -- runs a fuzz target over every file of a folder, so that a corpus
 * is a plain test: no fuzzer is needed.
 */
#include <dirent.h>
#include <stdio.h>

#include "common/file.h"
#include "fuzz/fuzz.h"

#define INPUT_MAX ((size_t)1 << 26)
#define PATH_LEN 4096

static bool
replay(const char *path)
{
	struct buf b = { 0 };

	if (file_read(&b, path, INPUT_MAX) != AC_OK) {
		(void)fprintf(stderr, "%s cannot be read\n", path);
		return false;
	}
	(void)LLVMFuzzerTestOneInput(b.p, b.len);
	buf_free(&b);
	return true;
}

int
main(int argc, char **argv)
{
	char path[PATH_LEN];
	struct dirent *entry;
	unsigned n = 0;
	bool ok = true;
	DIR *dir;

	if (argc != 2 || (dir = opendir(argv[1])) == NULL) {
		(void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", argv[1],
		    entry->d_name);
		ok = replay(path) && ok;
		n++;
	}
	(void)closedir(dir);
	(void)printf("%u inputs replayed\n", n);
	return ok && n > 0 ? 0 : 1;
}
