/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADOPT_H
#define ADOPT_H

/* What the last life left in the kernel: ports and flows, taken over. */

#include "sys/error.h"

struct daemon;

/*
 * Before EVENT_STARTED. 0 or -1 with @e. A port is dropped only when the kernel
 * says that its link is no more; one that cannot be taken up for another reason
 * is awaited, and the engine has it meanwhile.
 */
int adopt_kernel(struct daemon *d, struct error *e);
/* At times: tries those that are awaited again. A turn must follow. */
void adopt_awaited(struct daemon *d);
bool adopt_is_awaiting(const struct daemon *d);

#endif
