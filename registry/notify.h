/*
 * notify.h -- what the service manager is told (sd_notify(3)).  Without one
 * nothing happens.
 */
#ifndef AICERT_REGISTRY_NOTIFY_H
#define AICERT_REGISTRY_NOTIFY_H

void notify_ready(const char *url);
void notify_alive(void);
void notify_stopping(void);

#endif
