/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHAIN_H
#define CHAIN_H

/*
 * From the link that packets leave by down to the cards: a VLAN's lower link,
 * a bond's or a bridge's members. Ports of a bridge that lead to containers
 * and tunnels are not on the way.
 */

#include "facts.h"

#define CHAIN_MAX 32U

struct chain {
	const struct facts_link *links[CHAIN_MAX]; /* from the top down */
	size_t above[CHAIN_MAX]; /* which of them it was reached from */
	size_t n;
};

/* Nothing is found of a link that is not in the facts. Borrowed from @f. */
void chain_of(const struct facts *f, const char *ifname, struct chain *ret);

/* Nothing of the chain is below it. */
bool chain_is_nic(const struct chain *c, size_t i);

/* The link with the smallest MTU, the uppermost of equals; NULL: none. */
const struct facts_link *chain_lowest(const struct chain *c);

/* "br0 1500 > bond0 1500 > eth0 9000", cut to @size. */
const char *chain_print(const struct chain *c, char *ret, size_t size);

#endif
