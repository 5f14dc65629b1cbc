/*
 * clock.c -- preloaded into a program under test: its wall clock is off by as
 * many seconds as the file named by CLOCK_FILE says, now.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static time_t
offset(void)
{
	const char *path = getenv("CLOCK_FILE");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd >= 0) {
		(void)!read(fd, text, sizeof(text) - 1);
		(void)close(fd);
	}
	return (time_t)strtol(text, NULL, 10);
}

time_t
time(time_t *out)
{
	struct timespec t = { 0, 0 };

	(void)clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += offset();
	if (out != NULL)
		*out = t.tv_sec;
	return t.tv_sec;
}
