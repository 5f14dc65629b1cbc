/* notify.c -- the one door to libsystemd; see notify.h. */
#include <systemd/sd-daemon.h>

#include "registry/notify.h"

void
notify_ready(const char *url)
{
	(void)sd_notifyf(0, "READY=1\nSTATUS=listening on %s", url);
}

void
notify_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

void
notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}
