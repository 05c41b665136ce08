/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TAP_H
#define TAP_H

/*
 * TAP devices with a virtio_net_hdr before each frame (struct tap_header) and
 * whatever offloads this kernel has. The device lives as long as its
 * descriptor, or, a lasting one, until it is ended. Functions return 0 or
 * -errno.
 */

#include "core/core.h"

/*
 * Before each frame, both ways; in the byte order of the machine. The layout
 * of struct virtio_net_hdr (linux/virtio_net.h), which older headers lack
 * parts of.
 */
struct tap_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len; /* what reads say of it is not to be trusted */
	uint16_t gso_size;
	uint16_t csum_start, csum_offset;
};

#define TAP_NEEDS_CSUM 1U /* flags */
#define TAP_GSO_NONE 0U	  /* gso_type */
#define TAP_GSO_TCP4 1U
#define TAP_GSO_TCP6 4U
#define TAP_GSO_UDP 5U	  /* USO */
#define TAP_GSO_ECN 0x80U /* a bit, besides TCP4 or TCP6 */

struct tap_offloads {
	bool has_csum, has_tso, has_ecn, has_uso;
};

/*
 * Creates @ifname, down, in the caller's network namespace: non-blocking,
 * close-on-exec, without an IPv6 address of its own. @is_lasting: one that
 * lasted is taken over as it is, but for its MTU. -EBUSY or -EEXIST: the name
 * is taken. -EINVAL: not a name, an MTU that the kernel refuses, or a lasting
 * device of another kind.
 */
int tap_open(const char *ifname, uint32_t mtu, bool is_lasting, int *ret_fd,
	     struct tap_offloads *ret) WARN_UNUSED;

/* From here on it goes with its descriptor. */
int tap_end(int fd) WARN_UNUSED;

/*
 * One frame at @frame, its header apart. For that the bytes in front of it, as
 * many as a struct tap_header has, are borrowed and given back: one piece is
 * less work for the kernel than two. tap_read() takes up to @size bytes and
 * returns how many. tap_write(): 0.
 */
int tap_read(int fd, uint8_t *frame, size_t size, struct tap_header *ret)
	WARN_UNUSED;
int tap_write(int fd, uint8_t *frame, size_t size, const struct tap_header *h)
	WARN_UNUSED;

#endif
