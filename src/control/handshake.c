/* SPDX-License-Identifier: Apache-2.0 */
#include "handshake.h"

#include <inttypes.h>
#include <stdio.h>

static const char *people_name(const struct hello *h)
{
	return h->nickname[0] ? h->nickname : h->name;
}

static uint32_t lower(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t higher(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static enum reason refuse_ourselves(const struct hello *ours, char *ret_text)
{
	snprintf(ret_text, HANDSHAKE_MAX_TEXT,
		 "both ends are the same daemon, \"%s\"", people_name(ours));
	return REASON_OURSELVES;
}

/* Both hosts by name, as both will log it. */
static enum reason refuse_clone(const struct hello *ours,
				const struct hello *theirs, char *ret_text)
{
	snprintf(ret_text, HANDSHAKE_MAX_TEXT,
		 "hosts \"%s\" and \"%s\" have the same identity \"%s\"",
		 people_name(ours), people_name(theirs), ours->name);
	return REASON_CLONED;
}

static enum reason refuse_version(const struct hello *ours,
				  const struct hello *theirs, char *ret_text)
{
	snprintf(ret_text, HANDSHAKE_MAX_TEXT,
		 "\"%s\" speaks protocol versions %" PRIu32 " to %" PRIu32
		 ", \"%s\" %" PRIu32 " to %" PRIu32,
		 people_name(ours), ours->version_min, ours->version_max,
		 people_name(theirs), theirs->version_min, theirs->version_max);
	return REASON_VERSION;
}

enum reason handshake_agree(const struct hello *ours,
			    const struct hello *theirs, uint32_t *ret_version,
			    char ret_text[HANDSHAKE_MAX_TEXT])
{
	uint32_t highest = lower(ours->version_max, theirs->version_max);
	uint32_t lowest = higher(ours->version_min, theirs->version_min);

	if (theirs->id == ours->id && theirs->instance == ours->instance)
		return refuse_ourselves(ours, ret_text);
	if (theirs->id == ours->id)
		return refuse_clone(ours, theirs, ret_text);
	if (highest < lowest)
		return refuse_version(ours, theirs, ret_text);
	*ret_version = highest;
	return REASON_NONE;
}
