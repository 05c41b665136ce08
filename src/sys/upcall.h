/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UPCALL_H
#define UPCALL_H

/*
 * Packets that the kernel hands up: one non-blocking netlink socket a vport,
 * so that a port that floods fills its own socket and no other.
 *
 * It knows how to read them, not what they mean or whose turn it is.
 */

#include "ovs_msg_flow.h"

/* Most upcalls of one read. */
#define UPCALL_BATCH 32U
#define UPCALL_RCVBUF_SIZE (4 * 1024 * 1024)
/* Port id of the probe socket: the same in every life of the daemon. */
#define UPCALL_PROBE_PORTID UINT32_C(0x46440001)

struct upcall_socket {
	int fd;
	uint32_t portid; /* the pid that vports and actions name */
	uint16_t family;
	uint64_t n_overruns;  /* times that the kernel found it full */
	uint64_t n_malformed; /* messages passed over */
};

/*
 * @packet_family: genl_families.id[GENL_PACKET]. @fixed_portid 0: the kernel
 * chooses. -EADDRINUSE: somebody has @fixed_portid.
 */
int upcall_open(struct upcall_socket *ret, uint16_t packet_family,
		uint32_t fixed_portid) WARN_UNUSED;
/* Closed ones (fd -1) are fine; a zeroed one is not. */
void upcall_close(struct upcall_socket *s);

/* Room for one read, shared by all sockets of a thread. About 2 MB, of which
 * only what packets touch is used. */
struct upcall_buffer;
struct upcall_buffer *upcall_buffer_new(void); /* aborts without memory */
void upcall_buffer_free(struct upcall_buffer *b);

/*
 * Reads what waits, at most @n_max (and UPCALL_BATCH), in one system call.
 * *ret_upcalls: array of *ret_n, in @b, as are the frames; dies with the next
 * read into @b. *ret_n may be less than what was read, and *ret_is_drained
 * (may be NULL) says whether the socket is empty now. An overrun is counted
 * and is no error.
 */
int upcall_read(struct upcall_socket *s, struct upcall_buffer *b,
		unsigned int n_max, const struct ovs_upcall **ret_upcalls,
		unsigned int *ret_n, bool *ret_is_drained) WARN_UNUSED;

#endif
