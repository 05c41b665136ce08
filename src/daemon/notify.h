/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NOTIFY_H
#define NOTIFY_H

/* To systemd, if it listens (sd_notify(3)): "READY=1"; else nothing. */
void notify(const char *state);

#endif
