/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_PRIVATE_H
#define CODEC_PRIVATE_H

/* What codec.c, codec_encode.c and codec_decode.c share; for nobody else. */

#include "codec.h"

#include <protobuf-c/protobuf-c.h>
#include <stdalign.h>

/*
 * Four times what the largest valid message takes as the library's structures,
 * so that unknown fields of later versions fit too.
 */
#define CODEC_ARENA_SIZE (512U * 1024U)

struct codec {
	ProtobufCAllocator allocator; /* hands out the arena */
	size_t used;
	bool is_exhausted;
	struct entry entries[MESSAGE_MAX_ENTRIES]; /* what was decoded */
	struct peer_hint hints[MESSAGE_MAX_PEERS];
	struct block blocks[MESSAGE_MAX_BLOCKS];
	uint8_t out[CODEC_MAX_SIZE]; /* what was encoded */
	alignas(max_align_t) uint8_t arena[CODEC_ARENA_SIZE];
};

/* All that was handed out is void. */
void codec_arena_reset(struct codec *c);
/* NULL: exhausted. Uninitialised. */
void *codec_arena_take(struct codec *c, size_t size);

#endif
