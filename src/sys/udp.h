/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UDP_H
#define UDP_H

/*
 * UDP sockets of the data path: non-blocking, never fragmented (DF is set and
 * the kernel's idea of the path MTU is not asked), with segmentation and
 * coalescing where the kernel has them, and with the errors that routers send
 * back. Functions return 0 or -errno and leave outputs untouched on failure.
 */

#include "core/core.h"

struct sock_filter;

struct udp_abilities {
	bool has_segment; /* UDP_SEGMENT: many datagrams in one send */
	bool has_gro;	  /* UDP_GRO: many in one receive; is switched on */
};

/*
 * Bound to @local, whose family counts; port 0: the kernel chooses. Nobody
 * else has the port then. Buffers of @buffer_size where it may be.
 */
int udp_open(const struct endpoint *local, int buffer_size, int *ret_fd,
	     struct udp_abilities *ret) WARN_UNUSED;

/*
 * Another socket beside @fd of udp_open(), on the same address. Which of them
 * gets a datagram is the kernel's choice until udp_divide() was called.
 */
int udp_open_beside(int fd, int buffer_size, int *ret_fd) WARN_UNUSED;

/*
 * Datagrams whose byte at @offset is @value go to @fd, the others to the first
 * that was opened beside it, none to further ones. Coalesced datagrams go
 * where the first of them would, so both see both kinds now and then.
 * -ENOPROTOOPT: the kernel cannot.
 */
int udp_divide(int fd, uint32_t offset, uint8_t value) WARN_UNUSED;

/*
 * From here on the kernel drops, and counts, what does not begin with four
 * bytes that are @value where @mask (both as big-endian numbers) has ones: a
 * flood of garbage ends there. Of coalesced datagrams it sees the first.
 */
int udp_require(int fd, uint32_t mask, uint32_t value) WARN_UNUSED;

int udp_endpoint(int fd, struct endpoint *ret) WARN_UNUSED;

/*
 * Likewise, but by a program of @n instructions of classic BPF that begins at
 * the UDP header; it replaces what udp_require() wanted, and that replaces it.
 */
int udp_filter(int fd, struct sock_filter *code, uint16_t n) WARN_UNUSED;

/* Off: each datagram comes, and is filtered, by itself. */
int udp_set_gro(int fd, bool is_on) WARN_UNUSED;

/* Datagrams that udp_require() refused or that found the buffer full, so far. */
uint32_t udp_n_dropped(int fd);

struct udp_error {
	struct endpoint to; /* of the datagram it is about */
	int error;	    /* errno, positive; EMSGSIZE: too long */
	uint32_t mtu;	    /* with EMSGSIZE, 0: not said */
};

/* 1: *ret is the next error that came back; 0: none. */
int udp_next_error(int fd, struct udp_error *ret) WARN_UNUSED;

#endif
