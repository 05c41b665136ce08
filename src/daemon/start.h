/* SPDX-License-Identifier: Apache-2.0 */
#ifndef START_H
#define START_H

/*
 * Start and stop: what is needed is checked and made in its order, each
 * failure with a sentence and a remedy; what the last life left is found.
 */

#include "state.h"

int start_daemon(struct daemon *d, struct error *e);
/* Also after a failure half way. The kernel's part stays. */
void start_undo(struct daemon *d);

#endif
