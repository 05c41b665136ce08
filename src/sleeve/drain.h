/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRAIN_H
#define DRAIN_H

/*
 * Frames read from TAPs, one behind the other in one buffer, each with room
 * for its wire header before it. It knows no peer and no table.
 */

#include "core/sleeve_wire.h"
#include "sys/tap.h"

/*
 * A drain ends at so many frames or bytes. Not more bytes than a cache holds:
 * they are read again when they are sent.
 */
#define DRAIN_FRAMES 256U
#define DRAIN_SIZE 262144U
/* In a datagram before a single frame. */
#define DRAIN_LEAD (SLEEVE_HEADER_SIZE + SLEEVE_FRAME_SIZE)

struct drain_frame {
	uint8_t *data; /* the wire header is in front */
	uint32_t size;
	struct tap_header h;
	vni_t vni;
};

struct drain;

struct drain *drain_new(void);	  /* NULL: out of memory */
void drain_free(struct drain *d); /* NULL is fine */

bool drain_has_room(const struct drain *d);
bool drain_is_empty(const struct drain *d);
/* Forgets all frames. */
void drain_clear(struct drain *d);

enum drain_result {
	DRAIN_READ, /* *ret_index is the next frame's */
	DRAIN_BAD,  /* what was read cannot be forwarded */
	DRAIN_NOTHING,
};

/* Call when there is room. *ret_size: of what was read. */
enum drain_result drain_read(struct drain *d, int fd, vni_t vni,
			     uint16_t *ret_index, uint32_t *ret_size);
struct drain_frame *drain_frame(struct drain *d, uint16_t index);

/* Whoever gets it now need not do anything. */
void drain_complete_checksum(struct drain_frame *f);

#endif
