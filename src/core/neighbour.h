/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NEIGHBOUR_H
#define NEIGHBOUR_H

/*
 * Telling our own containers that an address is at another MAC now.
 *
 * Requests for a known address go to its owner alone, so a gratuitous
 * announcement of the owner reaches nobody else; each daemon makes them for
 * its own ports instead. More than once: a cache entry that is younger than a
 * second does not believe the first (neigh/locktime).
 *
 * A queue of what is to be announced and when; it knows no port.
 */

#include "core.h"
#include "list.h"
#include "timerq.h"

#define MAX_NEIGHBOURS 1024U

struct neighbour {
	struct list all;
	struct timer timer;
	vni_t vni;
	struct ip ip;
	struct mac mac;
	uint8_t n_sent;
	bool is_due;
};

struct neighbours {
	struct list all;
	uint32_t n, n_due;
	struct timerq *timers; /* borrowed */
	int timer_kind;
};

void neighbours_init(struct neighbours *ns, struct timerq *timers,
		     int timer_kind);
void neighbours_free(struct neighbours *ns);

/* The newest word on an address counts; at the limit the oldest goes. */
void neighbours_moved(struct neighbours *ns, usec_t now, vni_t vni,
		      const struct ip *ip, const struct mac *mac);
void neighbour_timer(struct neighbours *ns, struct neighbour *n);

/* One that is to be announced now. */
bool neighbours_poll(struct neighbours *ns, usec_t now, vni_t *ret_vni,
		     struct ip *ret_ip, struct mac *ret_mac);

#endif
