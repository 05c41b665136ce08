/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NAT_H
#define NAT_H

/*
 * A router with one public address before a host: what goes out gets that
 * address and a port, and opens the way back for whom it was sent to. What
 * nobody asked for is dropped. UDP alone; of TCP, session.c knows that nobody
 * can dial in.
 */

#include "core/core.h"

struct host;

struct nat {
	bool is_there;
	struct ip ip; /* public */
	uint16_t port;
	bool *has_sent; /* by host */
};

void nat_put(struct host *h);
/* Behind the one that @with is behind. */
void nat_share(struct host *h, const struct host *with);
void nat_free(struct host *h);
/* The router forgets: another port, and no way back. */
void nat_rebind(struct host *h);

bool nat_is_behind(const struct host *h);
/* What others see of it. */
const struct ip *nat_seen_ip(const struct host *h);
struct endpoint nat_source(const struct host *h);
/* Who gets what @from sends to @to; NULL: nobody. Opens the way back. */
struct host *nat_route(struct host *from, const struct endpoint *to);

#endif
