/* SPDX-License-Identifier: Apache-2.0 */
#ifndef START_H
#define START_H

/*
 * Start and stop: what is needed is checked and made in its order, each
 * failure with a sentence and a remedy; what the last life left is found.
 */

#include "settings.h"

struct daemon;

enum settings_result start_read(struct daemon *d, int argc, char *argv[],
				struct error *e);
/* The options of the start and the file as it is now. */
int start_settings(struct settings *ret, struct error *e);

int start_daemon(struct daemon *d, struct error *e);
/* Also after a failure half way. The kernel's part stays. */
void start_undo(struct daemon *d);

/* To systemd, if it listens (sd_notify(3)); else nothing. */
void start_notify(const char *state);

#endif
