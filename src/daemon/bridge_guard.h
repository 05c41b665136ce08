/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_GUARD_H
#define BRIDGE_GUARD_H

/*
 * The rules of bridges, in a table of nf_tables' bridge family, which stays
 * when the daemon goes:
 *
 *   - a container sends from its own MAC, and in ARP and neighbour discovery
 *     speaks for its own addresses, or for such that nobody declared;
 *     neighbour discovery behind extension headers does not pass;
 *   - a request for a known address leaves through its owner's port alone;
 *   - frames with a VLAN tag do not pass;
 *   - the host hears of a network only where it is exposed.
 *
 * Which ports and addresses there are is in sets: facts. Each network has its
 * own chains and sets of addresses, for a key cannot name the network. A kernel
 * without the family has no guard, and every function does nothing then.
 */

#include "bridge_facts.h"

struct guard;

/*
 * Adopts the table of the last life, or makes it. Never NULL; see
 * guard_is_there().
 */
struct guard *guard_open(const char *bridge_name, peer_id_t id);
void guard_close(struct guard *g); /* the table stays; NULL is fine */
void guard_delete(struct guard *g);

bool guard_is_there(const struct guard *g);
/* 0, or -errno: why it is not there. */
int guard_error(const struct guard *g);
/* The reason may pass: guard_look() tries again. */
bool guard_is_awaited(const struct guard *g);
/*
 * At times. True: there was no table, or one with other rules, and now there
 * is, or the next transaction makes it: read, and tell it all.
 */
bool guard_look(struct guard *g);

/*
 * All but FACT_FDB; what is added and taken away is one transaction. True: it
 * makes the table anew, so all that should be there is put, and nothing taken
 * away. The one before serves until then.
 */
bool guard_begin(struct guard *g);
void guard_put(struct guard *g, const struct fact *f);
void guard_del(struct guard *g, const struct fact *f);
/* 0 or -errno: then nothing is known for sure; read. */
int guard_commit(struct guard *g) WARN_UNUSED;

/* Adds what is in the kernel: of no network, and of one. 0 or -errno. */
int guard_read(struct guard *g, struct facts *ret) WARN_UNUSED;
int guard_read_network(struct guard *g, vni_t vni, struct facts *ret)
	WARN_UNUSED;

struct guard_counters {
	uint64_t n_tagged, n_foreign_macs, n_foreign_senders;
};

void guard_counters(struct guard *g, struct guard_counters *ret);

#endif
