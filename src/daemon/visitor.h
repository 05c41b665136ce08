/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VISITOR_H
#define VISITOR_H

/*
 * The one process of the daemon that may enter a container's namespace, and
 * what it does there: change the MTU of the interface that we made.
 *
 * Entering takes CAP_SYS_ADMIN, and the daemon, which reads what peers and
 * containers send, has given that up. So a child is made before: it keeps the
 * privilege, reads requests of a fixed size from a socket pair, and has nothing
 * else open. It ends when the daemon does, however that ends.
 */

#include <net/if.h>
#include <stdbool.h>

#include "core/core.h"

struct visitor;

struct visitor_request {
	port_no_t port_no; /* for the answer */
	char netns_path[256];
	char netns_id[64]; /* "dev:ino": no other is entered */
	char ifname[IF_NAMESIZE];
	struct mac mac; /* no other interface is touched */
	/*
	 * One that has @from gets @to. One that has another MTU was given it by
	 * somebody else; that is only made smaller, where it is above @to.
	 */
	uint32_t from, to;
};

struct visitor_answer {
	port_no_t port_no;
	uint32_t to;   /* of the request */
	uint32_t mtu;  /* that it has now; 0: not known */
	int32_t error; /* 0 or -errno; -ENOENT: it is not there any more */
};

/*
 * Before threads are made and privileges dropped. NULL: this process may not
 * enter namespaces (or *ret_error, 0 or -errno, says why there is no child).
 */
struct visitor *visitor_start(int *ret_error);
void visitor_stop(struct visitor *v); /* NULL is fine */

int visitor_fd(const struct visitor *v); /* readable: call _next() */
/* False: it is busy, ask again after an answer; or it has gone. */
bool visitor_ask(struct visitor *v, const struct visitor_request *request);
/* 1: *ret is an answer; 0: none now; -errno: it has gone. */
int visitor_next(struct visitor *v, struct visitor_answer *ret) WARN_UNUSED;

/* What the child does with a request, in the caller: for tests. */
void visitor_serve(const struct visitor_request *request,
		   struct visitor_answer *ret);

#endif
