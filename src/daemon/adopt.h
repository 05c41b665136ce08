/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADOPT_H
#define ADOPT_H

/* What the last life left in the kernel: ports and flows, taken over. */

#include "sys/error.h"

struct daemon;

/* Before EVENT_STARTED. 0 or -1 with @e. */
int adopt_kernel(struct daemon *d, struct error *e);

#endif
