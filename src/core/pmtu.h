/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PMTU_H
#define PMTU_H

/*
 * The largest packet that one path carries: Packetization Layer Path MTU
 * Discovery for datagrams (RFC 8899), for one encapsulation to one peer, in the
 * direction in which we send. Sizes are those of the outer IP packet. It knows
 * numbers and time; not how a probe looks, nor who the peer is.
 *
 *                path up             base acknowledged        nothing larger
 *   DISABLED ──────────────> BASE ───────────────────> SEARCHING ──> COMPLETE
 *      ^  path down           │ base lost MAX_PROBES times   ^  ^      │  │
 *      └─ from any            v                              │  └──────┘  │
 *                           ERROR: searches below the base,  │ raise timer,
 *                           tries the base again             │ a wider link
 *                             ^                              │            │
 *                             └──────── BASE <───────────────┴────────────┘
 *                                        what is in use is lost: a black hole
 *
 * Candidates go in rounds of up to PMTU_PARALLEL at once: the base, the link's
 * MTU, a hint and the last result; then MTUs that are common; then the gap is
 * cut into four, to the byte. A lost probe only directs the search. It ends
 * when the result was acknowledged and one byte more was lost PMTU_MAX_PROBES
 * times; an answer that comes late counts too.
 *
 * Nothing is believed but acknowledgements: a hint (ICMP, the kernel's route)
 * is one more candidate; one below what is in use has that confirmed at once.
 *
 * Bounds, with PROBE_TIMER t = 3 round trips within 20 … 500 ms (RFC 8899 wants
 * seconds of those who do not know the round trip; heartbeats measure ours):
 *   probes    12 to a common MTU, 40 to any other (nothing lost)
 *   time      16 t; at t = 20 ms below 0.5 s
 *   shrunk    found gone after confirm_us + 7 t, then as above
 *   settled   never above what the path carries; below it, for lost probes,
 *             only until the first raise, PMTU_QUICK_RAISE_US later
 */

#include "core.h"
#include "pmtu_state.h"

/* "disabled", "base", "searching", "complete", "error" */
const char *pmtu_state_text(enum pmtu_state s);

void pmtu_init(struct pmtu *m, usec_t now, const struct pmtu_config *config);

/* The last life found @size, before anything is known in this one. */
void pmtu_expect(struct pmtu *m, usec_t now, uint32_t link_mtu, uint32_t size);

/* The path is up: the search begins. Or down: it ends. */
void pmtu_start(struct pmtu *m, usec_t now);
void pmtu_stop(struct pmtu *m, usec_t now);

/* The egress link's MTU; 0: not known, the base is all that is used. */
void pmtu_set_link(struct pmtu *m, usec_t now, uint32_t link_mtu);
/* The address family of the path: its floor and base. */
void pmtu_set_base(struct pmtu *m, usec_t now, uint32_t floor, uint32_t base);
/* Somebody says that packets above @mtu (0: not said) do not pass. */
void pmtu_hint(struct pmtu *m, usec_t now, uint32_t mtu);
/* Perhaps it has grown: PMTU_RAISE_TIMER is over now. */
void pmtu_raise(struct pmtu *m, usec_t now);
/* How often what is in use is confirmed; 0: as PMTU_CONFIRM_US. */
void pmtu_pace(struct pmtu *m, usec_t now, usec_t confirm_us);
/* We are awake, a heartbeat leaves: a confirmation that would be due within
 * @slack_us goes with it. */
void pmtu_join(struct pmtu *m, usec_t now, usec_t slack_us);
/* A probe is due, but the host may send none before @until. */
void pmtu_block(struct pmtu *m, usec_t until);

/* True: send a probe of *ret_size bytes now, with this number. */
bool pmtu_poll(struct pmtu *m, usec_t now, usec_t rtt_us, uint64_t *ret_seq,
	       uint32_t *ret_size);
/* False: no such probe is waited for; nothing changes. */
bool pmtu_acked(struct pmtu *m, usec_t now, uint64_t seq);

usec_t pmtu_deadline(const struct pmtu *m);
/* Is @seq one of ours, not a heartbeat's? */
bool pmtu_is_seq(uint64_t seq);
void pmtu_check(const struct pmtu *m);

#endif
