/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_disk.h"

#include <stdlib.h>
#include <string.h>

static size_t find(const struct disk *d, const char *path)
{
	size_t i;

	for (i = 0; i < d->n; i++) {
		if (strcmp(d->files[i].path, path) == 0)
			break;
	}
	return i;
}

static char *copy(const char *text)
{
	char *p = strdup(text);

	if (!p)
		abort();
	return p;
}

const char *disk_read(const struct disk *d, const char *path)
{
	const size_t i = find(d, path);

	return i < d->n ? d->files[i].text : NULL;
}

bool disk_write(struct disk *d, const char *path, const char *text)
{
	const size_t i = find(d, path);

	if (d->is_full || i == DISK_MAX_FILES)
		return false;
	if (i == d->n) {
		d->files[d->n++].path = copy(path);
		d->files[i].text = NULL;
	}
	free(d->files[i].text);
	d->files[i].text = copy(text);
	return true;
}

void disk_remove(struct disk *d, const char *path)
{
	const size_t i = find(d, path);

	if (i == d->n)
		return;
	free(d->files[i].path);
	free(d->files[i].text);
	d->files[i] = d->files[--d->n];
}

bool disk_rename(struct disk *d, const char *path, const char *to)
{
	size_t i;

	disk_remove(d, to);
	i = find(d, path);
	if (i == d->n)
		return false;
	free(d->files[i].path);
	d->files[i].path = copy(to);
	return true;
}

void disk_wipe(struct disk *d)
{
	while (d->n)
		disk_remove(d, d->files[d->n - 1].path);
	d->is_full = false;
	d->is_damaged = false;
}

void disk_copy(struct disk *to, const struct disk *from)
{
	size_t i;

	disk_wipe(to);
	to->is_damaged = from->is_damaged;
	for (i = 0; i < from->n; i++)
		disk_write(to, from->files[i].path, from->files[i].text);
}
