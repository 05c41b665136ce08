/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RTNL_H
#define RTNL_H

/*
 * Links, addresses and routes of one network namespace, through rtnetlink.
 *
 * A handle stays in the namespace that it was opened in, wherever the thread
 * goes later. Requests are synchronous: one message out, the answer or the
 * acknowledgement in, at most five seconds for each part. It decides nothing
 * and knows no containers. What the kernel sends is checked like any input:
 * odd messages are skipped, or -EBADMSG when they were the answer.
 *
 * Functions return 0 or -errno; outputs are untouched on failure. A handle
 * serves one thread at a time. Code in rtnl.c, rtnl_link.c, rtnl_addr.c,
 * rtnl_route.c and rtnl_watch.c.
 */

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"

#define RTNL_KIND_SIZE 32
#define RTNL_MAX_LIST 65536U /* longer lists are refused with -E2BIG */

struct rtnl;

int rtnl_open(struct rtnl **ret) WARN_UNUSED;
/* In the namespace of descriptor @netns_fd; see netns.h. */
int rtnl_open_at(int netns_fd, struct rtnl **ret) WARN_UNUSED;
void rtnl_close(struct rtnl *r); /* NULL is fine */

/* Links */

struct rtnl_link {
	uint32_t ifindex;
	char ifname[IF_NAMESIZE];
	char kind[RTNL_KIND_SIZE]; /* "veth", "openvswitch", "" for a NIC */
	uint32_t flags;		   /* IFF_UP and friends */
	uint32_t mtu;
	struct mac mac;		 /* zero: it has none of 48 bits */
	uint32_t master_ifindex; /* 0: none */
	uint32_t peer_ifindex;	 /* of a veth, in the peer's namespace; or 0 */
	int32_t peer_netnsid;	 /* -1: the same namespace */
};

/* 1 to 15 bytes, no slash, blank, colon or control character; not "." "..". */
bool rtnl_ifname_is_valid(const char *ifname);

/* -ENODEV: no such link. */
int rtnl_link_by_name(struct rtnl *r, const char *ifname, struct rtnl_link *ret)
	WARN_UNUSED;
int rtnl_link_by_index(struct rtnl *r, uint32_t ifindex, struct rtnl_link *ret)
	WARN_UNUSED;
/* All links; the caller frees *ret_list. */
int rtnl_link_list(struct rtnl *r, struct rtnl_link **ret_list, size_t *ret_n)
	WARN_UNUSED;

struct rtnl_veth {
	const char *ifname; /* this end: in the handle's namespace */
	struct mac mac;	    /* zero: the kernel chooses */
	const char *peer_ifname;
	struct mac peer_mac;
	int peer_netns_fd; /* -1: the handle's namespace too */
	uint32_t mtu;	   /* of both ends */
};

/*
 * Makes the pair in one step, both ends down. -EEXIST: one of the two names
 * is taken, and nothing was made.
 */
int rtnl_veth_create(struct rtnl *r, const struct rtnl_veth *veth) WARN_UNUSED;

int rtnl_link_set_up(struct rtnl *r, uint32_t ifindex, bool up) WARN_UNUSED;
int rtnl_link_set_mtu(struct rtnl *r, uint32_t ifindex, uint32_t mtu)
	WARN_UNUSED;
int rtnl_link_set_mac(struct rtnl *r, uint32_t ifindex, const struct mac *mac)
	WARN_UNUSED;
/*
 * Settings that have a file in /proc/sys, too; there it takes the longer to
 * find, the more namespaces have a link of that name. IPv6 makes no address
 * for the link; IPv4 announces its addresses when it comes up.
 */
int rtnl_link_set_no_address(struct rtnl *r, uint32_t ifindex) WARN_UNUSED;
int rtnl_link_set_announced(struct rtnl *r, uint32_t ifindex) WARN_UNUSED;
/* Of a veth: both ends go. -ENODEV: it had gone before. */
int rtnl_link_delete(struct rtnl *r, uint32_t ifindex) WARN_UNUSED;

/* Addresses */

struct rtnl_addr {
	uint32_t ifindex;
	uint32_t flags;	    /* IFA_F_* */
	struct ip ip;	    /* the local address */
	uint8_t prefix_len; /* 0 … 32 for IPv4, 0 … 128 for IPv6 */
};

/*
 * IPv4 gets its broadcast address where the prefix has one. @nodad: an IPv6
 * address is usable at once. -EEXIST: the link has it already.
 */
int rtnl_addr_add(struct rtnl *r, uint32_t ifindex, const struct ip *ip,
		  uint8_t prefix_len, bool nodad) WARN_UNUSED;
/* -EADDRNOTAVAIL: the link has no such address. */
int rtnl_addr_delete(struct rtnl *r, uint32_t ifindex, const struct ip *ip,
		     uint8_t prefix_len) WARN_UNUSED;
/* Of one link, or of all with @ifindex 0; the caller frees *ret_list. */
int rtnl_addr_list(struct rtnl *r, uint32_t ifindex,
		   struct rtnl_addr **ret_list, size_t *ret_n) WARN_UNUSED;

/* Routes */

struct rtnl_route {
	uint32_t ifindex; /* egress */
	uint32_t table;
	uint32_t mtu;	   /* of the route or learnt; 0: the link's counts */
	bool is_learnt;	   /* the MTU is a router's word, kept for minutes */
	struct ip src;	   /* the kernel's choice; zero: none */
	struct ip gateway; /* zero: on link */
	bool is_local;	   /* the destination is this namespace itself */
};

/*
 * How a packet to @dst would leave; @src fixes the source, NULL leaves it to
 * the kernel. -ENETUNREACH, -EHOSTUNREACH, -EACCES: as a send would fail.
 * A @src that is no address of this namespace is refused too: -EINVAL or
 * -ENETUNREACH, the kernels differ.
 */
int rtnl_route_get(struct rtnl *r, const struct ip *dst, const struct ip *src,
		   struct rtnl_route *ret) WARN_UNUSED;

/*
 * The kernel is to forget the MTU that it has learnt for @dst; @route is what
 * rtnl_route_get() said. It keeps no route, setting or address. Of IPv4 all
 * that the calling thread's namespace has learnt goes: there is no finer way.
 * -EROFS, -EACCES: /proc/sys may not be written to.
 */
int rtnl_route_forget(struct rtnl *r, const struct ip *dst,
		      const struct rtnl_route *route) WARN_UNUSED;

/* Changes, as they happen */

enum rtnl_event_type {
	RTNL_LINK_CHANGED,  /* new or changed: link */
	RTNL_LINK_GONE,	    /* link */
	RTNL_ADDR_CHANGED,  /* new or changed: addr */
	RTNL_ADDR_GONE,	    /* addr */
	RTNL_ROUTE_CHANGED, /* one came, went or is another now */
};

struct rtnl_event {
	enum rtnl_event_type type;
	union {
		struct rtnl_link link;
		struct rtnl_addr addr;
	};
};

struct rtnl_watch;

/* Links, addresses and routes of the current namespace, or of @netns_fd's. */
int rtnl_watch_open(struct rtnl_watch **ret) WARN_UNUSED;
int rtnl_watch_open_at(int netns_fd, struct rtnl_watch **ret) WARN_UNUSED;
void rtnl_watch_close(struct rtnl_watch *w);   /* NULL is fine */
int rtnl_watch_fd(const struct rtnl_watch *w); /* readable: call _next() */

/*
 * 1: *ret is the next event. 0: none now. -ENOBUFS: events were lost, list
 * again; the watch goes on. Any other error: the watch is of no more use.
 */
int rtnl_watch_next(struct rtnl_watch *w, struct rtnl_event *ret) WARN_UNUSED;

#endif
