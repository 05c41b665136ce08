/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include "codec_private.h"

#include <assert.h>
#include <stdlib.h>

static const char *const error_texts[N_CODEC_ERRORS] = {
	[CODEC_OK] = "no error",
	[CODEC_MALFORMED] = "it is malformed",
	[CODEC_TOO_LARGE] = "it is too large",
	[CODEC_TOO_COMPLEX] = "it is too complex",
	[CODEC_TOO_MANY] = "it has too many entries",
	[CODEC_TOO_MANY_IPS] = "an entry has too many addresses",
	[CODEC_BAD_VERSION] = "its range of versions is none",
	[CODEC_BAD_ID] = "its identity is not that of its name",
	[CODEC_BAD_NAME] = "its name is not valid",
	[CODEC_BAD_TEXT] = "a text in it is too long or not printable",
	[CODEC_BAD_PORT] = "a port in it is out of range",
	[CODEC_BAD_VNI] = "a network identifier in it is out of range",
	[CODEC_BAD_REVISION] = "a revision in it is beyond any clock",
	[CODEC_BAD_MAC] = "a MAC address in it is no station's",
	[CODEC_BAD_IP] = "an IP address in it is not valid",
	[CODEC_BAD_PREFIX] = "a block of addresses in it is none",
	[CODEC_BAD_PATH] = "it names a path that there is not",
};

const char *codec_error_text(enum codec_error error)
{
	assert(error < N_CODEC_ERRORS);
	return error_texts[error];
}

void codec_arena_reset(struct codec *c)
{
	c->used = 0;
	c->is_exhausted = false;
}

void *codec_arena_take(struct codec *c, size_t size)
{
	const size_t unit = alignof(max_align_t);
	void *ret = c->arena + c->used;

	if (size > CODEC_ARENA_SIZE - c->used) {
		c->is_exhausted = true;
		return NULL;
	}
	size = (size + unit - 1) / unit * unit;
	c->used += size;
	assert(c->used <= CODEC_ARENA_SIZE);
	return ret;
}

static void *allocator_take(void *data, size_t size)
{
	return codec_arena_take(data, size);
}

/* The arena is emptied as a whole. */
static void allocator_free(void *data, void *pointer)
{
	(void)data;
	(void)pointer;
}

struct codec *codec_new(void)
{
	struct codec *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->allocator = (ProtobufCAllocator){
		.alloc = allocator_take,
		.free = allocator_free,
		.allocator_data = c,
	};
	return c;
}

void codec_free(struct codec *c)
{
	free(c);
}
