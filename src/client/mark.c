/* SPDX-License-Identifier: Apache-2.0 */
#include "mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"

#define MARK_PREFIX "fastdp-cni:"

/* A number, for the words are longer than an alias may be. */
const char *mark_of(const char *owner, const char *container_id,
		    const char *ifname, char buf[MARK_SIZE])
{
	const char *const words[] = { owner, container_id, ifname };
	uint64_t hash = 0;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = core_hash(words[i], strlen(words[i]), hash);
	snprintf(buf, MARK_SIZE, MARK_PREFIX "%016" PRIx64, hash);
	return buf;
}

bool mark_is_one(const char *alias)
{
	return strncmp(alias, MARK_PREFIX, strlen(MARK_PREFIX)) == 0;
}
