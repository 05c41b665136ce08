/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GENL_NAMES_H
#define GENL_NAMES_H

/*
 * Which generic-netlink families the kernel has now. A dump: unlike asking
 * for one by its name (genl.h), it makes the kernel load nothing.
 */

#include "core/core.h"

/* 0 and whether @name is there, or -errno. */
int genl_names_has(const char *name, bool *ret) WARN_UNUSED;

#endif
