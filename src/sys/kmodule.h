/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KMODULE_H
#define KMODULE_H

/*
 * Whether the kernel has a module, and where. Looks, never loads.
 */

#include "core/core.h"

enum kmodule_state {
	KMODULE_UNKNOWN,   /* neither the kernel nor the disk tells */
	KMODULE_LOADED,	   /* or built in and visible */
	KMODULE_AVAILABLE, /* on the disk, for this kernel */
	KMODULE_ABSENT,	   /* not on the disk, and not loaded */
};

/*
 * @name as modprobe has it ("vport-vxlan"), @release as uname has it. @root
 * as in textfile.h.
 */
enum kmodule_state kmodule_find(const char *root, const char *release,
				const char *name);

/* "loaded", "available", "absent", "unknown". Static. */
const char *kmodule_state_text(enum kmodule_state state);

#endif
