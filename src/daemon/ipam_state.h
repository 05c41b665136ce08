/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_STATE_H
#define IPAM_STATE_H

/* What the files of ipam*.c share; others use ipam.h. */

#include "ipam_book.h"
#include "ipam_memory.h"

struct daemon;
struct ipam_peers;
struct store;

struct ipam {
	struct daemon *d;
	struct list blocks; /* of struct ipam_block */
	struct ipam_book book;
	struct ipam_peers *peers;
	struct ipam_memory *memory;
	struct store *store; /* NULL: blocks are declared */
	char boot[IPAM_MAX_BOOT];
	bool has_refused; /* a note that was left for later, and that was said */
};

#endif
