/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RTNL_BRIDGE_H
#define RTNL_BRIDGE_H

/*
 * Linux bridges, their ports and forwarding entries, through rtnetlink; on
 * top of rtnl.h, and with its conventions. It does not know which entries
 * should be, nor whose bridge it is.
 */

#include "rtnl.h"

#define RTNL_ALIAS_SIZE 256
#define RTNL_MAX_FDB 524288U /* all entries of a network, and what is learnt */

struct rtnl_bridge {
	const char *ifname;
	struct mac mac;
	uint32_t mtu;	   /* until it has ports: then the smallest of theirs */
	uint32_t ageing_s; /* of what it learns */
	uint32_t max_learnt; /* where the kernel can bound it (6.7) */
};

/*
 * Makes it, down: without spanning tree, multicast snooping and forward delay.
 * -EEXIST: the name is taken.
 */
int rtnl_bridge_create(struct rtnl *r, const struct rtnl_bridge *b) WARN_UNUSED;

/* What a link is called besides its name; "": nothing. */
int rtnl_link_alias(struct rtnl *r, uint32_t ifindex, char ret[RTNL_ALIAS_SIZE])
	WARN_UNUSED;
int rtnl_link_set_alias(struct rtnl *r, uint32_t ifindex, const char *alias)
	WARN_UNUSED;
/* No IPv6 address of its own making, and so no word of its own. */
int rtnl_link_set_silent(struct rtnl *r, uint32_t ifindex) WARN_UNUSED;
/* Does the host ask and answer ARP there? */
int rtnl_link_set_arp(struct rtnl *r, uint32_t ifindex, bool has_arp)
	WARN_UNUSED;
/* @master 0: out of its bridge. */
int rtnl_link_set_master(struct rtnl *r, uint32_t ifindex, uint32_t master)
	WARN_UNUSED;

struct rtnl_bridge_port {
	bool is_learning;
	bool is_flooded; /* gets unicast frames of unknown destination */
	bool is_locked;	 /* passes known sources alone (5.18) */
};

/* -EOPNOTSUPP: the kernel cannot lock; the rest is set then. */
int rtnl_bridge_port_set(struct rtnl *r, uint32_t ifindex,
			 const struct rtnl_bridge_port *port) WARN_UNUSED;

/* Forwarding entries */

enum rtnl_fdb_type {
	RTNL_FDB_LEARNT,
	RTNL_FDB_STATIC, /* does not age */
	RTNL_FDB_STICKY, /* nor move to another port by learning */
	RTNL_FDB_LOCAL,	 /* of the bridge itself */
};

struct rtnl_fdb {
	uint32_t ifindex; /* the port */
	uint32_t bridge;
	struct mac mac;
	enum rtnl_fdb_type type;
};

/* Creates or replaces the entry of @mac; not RTNL_FDB_LOCAL. */
int rtnl_fdb_put(struct rtnl *r, uint32_t ifindex, const struct mac *mac,
		 enum rtnl_fdb_type type) WARN_UNUSED;
/* -ENOENT: it is not there, or at another port. */
int rtnl_fdb_delete(struct rtnl *r, uint32_t ifindex, const struct mac *mac)
	WARN_UNUSED;
/* Of one bridge; -E2BIG: more than RTNL_MAX_FDB. The caller frees *ret_list. */
int rtnl_fdb_list(struct rtnl *r, uint32_t bridge, struct rtnl_fdb **ret_list,
		  size_t *ret_n) WARN_UNUSED;

/* Changes, as they happen; our own too */

enum rtnl_bridge_event_type {
	RTNL_BRIDGE_FDB,       /* new or changed: fdb */
	RTNL_BRIDGE_FDB_GONE,  /* fdb */
	RTNL_BRIDGE_PORT_GONE, /* ifindex: out of its bridge, or deleted */
	RTNL_BRIDGE_LINK_GONE, /* ifindex: deleted, or moved elsewhere */
	RTNL_BRIDGE_LINK_DOWN, /* ifindex: not up, at that time */
};

struct rtnl_bridge_event {
	enum rtnl_bridge_event_type type;
	uint32_t ifindex;
	struct rtnl_fdb fdb;
};

struct rtnl_bridge_watch;

/* Of the current namespace. */
int rtnl_bridge_watch_open(struct rtnl_bridge_watch **ret) WARN_UNUSED;
void rtnl_bridge_watch_close(struct rtnl_bridge_watch *w); /* NULL is fine */
int rtnl_bridge_watch_fd(const struct rtnl_bridge_watch *w);

/* As rtnl_watch_next(): 1 an event, 0 none now, -ENOBUFS some were lost. */
int rtnl_bridge_watch_next(struct rtnl_bridge_watch *w,
			   struct rtnl_bridge_event *ret) WARN_UNUSED;

#endif
