/* listen.c -- a socket to listen on; see listen.h. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/listen.h"

#define BACKLOG 1024

/* Take "ADDR:PORT" or "[ADDR]:PORT" apart. */
static enum ac_err
split_address(char host[LISTEN_URL_MAX], char port[LISTEN_PORT_MAX], const char *listen_at,
    struct message *why)
{
	const char *colon = strrchr(listen_at, ':');
	size_t n = colon == NULL ? 0 : (size_t)(colon - listen_at);
	const char *from = listen_at;

	if (n >= 2 && from[0] == '[' && from[n - 1] == ']') {
		from++;
		n -= 2;
	}
	if (colon == NULL || n == 0 || n >= LISTEN_URL_MAX ||
	    strlen(colon + 1) == 0 || strlen(colon + 1) > 5 ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
		message_set(why, "--listen wants ADDR:PORT, such as "
		    "127.0.0.1:8080 or [::1]:0; found ");
		message_add_quoted(why, span_str(listen_at));
		return AC_ERR_FORMAT;
	}
	memcpy(host, from, n);
	host[n] = '\0';
	(void)snprintf(port, 16, "%s", colon + 1);
	return AC_OK;
}

/* Where fd is bound, as "http://ADDR:PORT", and the port alone. */
static bool
bound_url(char url[LISTEN_URL_MAX], char port[LISTEN_PORT_MAX], int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	char host[128];

	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0 ||
	    getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port,
	    16, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	(void)snprintf(url, LISTEN_URL_MAX, a.ss_family == AF_INET6 ?
	    "http://[%s]:%s" : "http://%s:%s", host, port);
	return true;
}

enum ac_err
listen_open(int *out, char url[LISTEN_URL_MAX], char bound[LISTEN_PORT_MAX],
    const char *listen_at, struct message *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	char host[LISTEN_URL_MAX], port[16];
	struct addrinfo *found = NULL;
	enum ac_err e;
	int fd = -1, one = 1, error;

	e = split_address(host, port, listen_at, why);
	if (e != AC_OK)
		return e;
	e = AC_ERR_IO;
	error = getaddrinfo(host, port, &hints, &found);
	if (error != 0) {
		message_set(why, "cannot listen on %s: %s", listen_at,
		    gai_strerror(error));
		goto out;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one,
	    sizeof(one)) != 0 ||
	    bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
	    listen(fd, BACKLOG) != 0 || !bound_url(url, bound, fd)) {
		message_set(why, "cannot listen on %s: %s%s", listen_at,
		    strerror(errno), errno == EADDRINUSE ? "; another program "
		    "has the port, port 0 takes any that is free" : "");
		goto out;
	}
	*out = fd;
	fd = -1; /* transferred */
	e = AC_OK;
out:
	if (fd >= 0)
		(void)close(fd);
	if (found != NULL)
		freeaddrinfo(found);
	return e;
}
