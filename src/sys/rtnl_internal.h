/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RTNL_INTERNAL_H
#define RTNL_INTERNAL_H

/*
 * What the rtnl_*.c files share: one request and its answers, growing lists,
 * attributes taken out with their lengths checked, and the decoders, which
 * tests feed with bytes of their own.
 */

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "rtnl.h"

struct rtnl_fdb;

#define RTNL_BUFFER_SIZE 32768U

struct rtnl {
	int fd;
	uint32_t seq;
	struct nlmsghdr *request; /* RTNL_BUFFER_SIZE bytes */
	struct nlmsghdr *reply;	  /* RTNL_BUFFER_SIZE bytes */
};

/* A netlink socket, bound and listening to @groups (RTMGRP_*), or -errno. */
int rtnl_socket(int netns_fd, int extra_type, uint32_t groups);

/*
 * One datagram of the kernel's, others' are dropped. The number of bytes;
 * -EAGAIN when there is none, -EMSGSIZE when it was longer than the buffer.
 */
ssize_t rtnl_receive(int fd, struct nlmsghdr *buffer);

/* Starts the one request that a handle builds at a time. */
struct nlmsghdr *rtnl_request(struct rtnl *r, uint16_t type, uint16_t flags);

/* An answer; 0, or -errno, which ends the exchange. */
typedef int rtnl_answer_fn(const struct nlmsghdr *nlh, void *arg);

/* Sends the request and waits for its acknowledgement or the dump's end. */
int rtnl_transact(struct rtnl *r, rtnl_answer_fn *fn, void *arg);

struct rtnl_list {
	void *items;
	size_t item_size, n, capacity;
	size_t max; /* 0: RTNL_MAX_LIST */
};

/* The next item, zeroed; NULL at the list's maximum or without memory. */
void *rtnl_list_add(struct rtnl_list *list);

/*
 * Asks for a dump, whose messages fn(nlh, list) collects. One that changes
 * meanwhile made inconsistent is asked for again; -EAGAIN when that does not
 * help. On failure the list is empty.
 */
int rtnl_dump(struct rtnl *r, uint16_t type, size_t header_size,
	      rtnl_answer_fn *fn, struct rtnl_list *list);

/* Sorts attributes into @ret[0 … max]; those of higher types are left out. */
int rtnl_attrs(const struct nlmsghdr *nlh, size_t header_size,
	       const struct nlattr **ret, uint16_t max);
void rtnl_nested(const struct nlattr *nest, const struct nlattr **ret,
		 uint16_t max);

/*
 * False, and *ret as it was, when absent or not of the right length; of
 * addresses also when IPv6 maps one of IPv4: a struct ip is the latter then.
 */
bool rtnl_get_u32(const struct nlattr *attr, uint32_t *ret);
bool rtnl_get_string(const struct nlattr *attr, char *ret, size_t size);
bool rtnl_get_mac(const struct nlattr *attr, struct mac *ret);
bool rtnl_get_ip(const struct nlattr *attr, int family, struct ip *ret);

int rtnl_family(const struct ip *ip);
void rtnl_put_ip(struct nlmsghdr *nlh, uint16_t type, const struct ip *ip);

/* -EBADMSG: not what it should be; -ENOMSG: well formed, but not for us. */
int rtnl_link_decode(const struct nlmsghdr *nlh, struct rtnl_link *ret);
int rtnl_addr_decode(const struct nlmsghdr *nlh, struct rtnl_addr *ret);
int rtnl_route_decode(const struct nlmsghdr *nlh, struct rtnl_route *ret);
/* False: not a bridge's entry, and *ret as it was. */
bool rtnl_fdb_decode(const struct nlmsghdr *nlh, struct rtnl_fdb *ret);
/* A rtnl_feed_fn: @ret is a struct rtnl_bridge_event. */
bool rtnl_bridge_event_decode(const struct nlmsghdr *nlh, void *ret);

#endif
