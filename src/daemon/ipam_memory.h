/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_MEMORY_H
#define IPAM_MEMORY_H

/*
 * What other hosts claim, kept in a file over restarts: a host that cannot be
 * asked now has its containers all the same. And which life of this host it
 * is.
 */

#include "ipam/claims.h"

struct ipam_memory;
struct loop;

#define IPAM_MAX_BOOT 40U

/* Reads what is there into @c, which is borrowed for good. */
struct ipam_memory *ipam_memory_open(struct loop *loop, struct claims *c,
				     const char *state_dir);
void ipam_memory_close(struct ipam_memory *m); /* writes; NULL is fine */
/* The claims have changed: they are written soon. */
void ipam_memory_changed(struct ipam_memory *m);
/* They are on the disk when this returns. */
void ipam_memory_save(struct ipam_memory *m);

/* Random, another after each boot of the kernel; "" when it cannot be told. */
void ipam_memory_boot(char ret[IPAM_MAX_BOOT]);

#endif
