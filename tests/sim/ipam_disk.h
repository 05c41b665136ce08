/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_DISK_H
#define IPAM_DISK_H

/* Small files by their paths, whole or not at all. */

#include <stdbool.h>
#include <stddef.h>

#define DISK_MAX_FILES 256U

struct disk {
	struct {
		char *path, *text;
	} files[DISK_MAX_FILES];
	size_t n;
	bool is_full;	 /* nothing can be written */
	bool is_damaged; /* a daemon may refuse to start with it */
};

/* NULL: there is none. */
const char *disk_read(const struct disk *d, const char *path);
/* False: it is full. */
bool disk_write(struct disk *d, const char *path, const char *text);
void disk_remove(struct disk *d, const char *path);
bool disk_rename(struct disk *d, const char *path, const char *to);
void disk_wipe(struct disk *d);
/* @to is what @from is now. */
void disk_copy(struct disk *to, const struct disk *from);

#endif
