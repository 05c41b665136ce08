/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NOTIFY_H
#define NOTIFY_H

/*
 * Words to systemd, if it listens (sd_notify(3)); else nothing. The socket is
 * opened early: who cannot say "ready" for want of a descriptor is ended.
 */
void notify_open(void);
void notify(const char *state); /* "READY=1" */

#endif
