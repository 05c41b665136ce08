/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCALE_H
#define SCALE_H

/*
 * A large cluster of which some hosts have real engines, and the others are
 * spoken for (puppets): they are dialled, announce their containers, tell of
 * each other, and answer heartbeats and probes after a round trip. The real
 * ones talk to each other and to all puppets.
 *
 *   scale.c        the program: what is run, its figures
 *   scale_real.c   hosts with an engine and a fake kernel
 *   scale_wire.c   sessions and probes between all hosts
 *   puppet.c       hosts without one
 *   scale_fault.c  what goes wrong
 *   scale_nat.c    hosts that are seen under another address for a while
 *   scale_check.c  what must hold in the end
 */

#include "control/codec.h"
#include "fake_dp.h"
#include "sim.h"

#define SCALE_LINK_MTU 1500U
#define SCALE_RTT_US 400U
#define SCALE_NONE UINT32_MAX

/* A session as one end sees it: by its number, from 1. */
struct thread {
	uint32_t host;	 /* at the other end */
	session_t other; /* as it is called there; of a puppet 0 */
	bool is_up;
};

struct real {
	uint32_t host;
	struct engine *engine; /* NULL: its daemon is dead */
	struct fake_dp dp;
	uint64_t life;
	usec_t timer_at;
	bool is_draining;
	struct thread *threads; /* by session, of all lives */
	session_t n_threads;
};

/* Of every host; what is wrong with its way to all others, too. */
struct place {
	struct hello hello;
	struct ip ip, nat_ip;
	uint16_t nat_port;   /* 0: it is not behind a NAT */
	uint32_t n_nats;     /* that it has been behind */
	struct real *real;   /* NULL: a puppet */
	session_t *sessions; /* of a puppet: by real host; 0: none */
	bool is_dead;
	bool is_cut[N_PATHS], has_no_control;
	unsigned int loss_percent, copy_percent, late_percent;
	uint32_t mtu;
	uint32_t victim; /* whose identity it has; SCALE_NONE: its own */
};

struct figures {
	uint64_t n_in, n_out, in_bytes, out_bytes; /* messages of sessions */
	uint64_t n_beats, n_probes, beat_bytes;
	uint64_t n_puts, n_deletes;
};

struct scale {
	struct sim *sim;
	struct codec *codec;
	struct place *places;
	struct real *reals;
	uint32_t n, n_reals, n_containers;
	bool is_healed;	  /* nothing begins or ends any more */
	bool has_kernel;  /* flows go into a table that is looked into */
	uint32_t *owners; /* host of each container; SCALE_NONE: it is gone */
	uint32_t *moved;  /* containers that left their host, each once */
	uint32_t n_moved;
	uint64_t revision;
	uint32_t heartbeats_per_sec;
	struct figures f;
};

extern struct scale *scale;

/* scale_real.c */
void reals_make(void);
void reals_free(void);
void real_start(struct real *r, bool has_state);
void real_stop(struct real *r); /* its kernel goes on */
void real_tell(struct real *r, const struct event *ev);
/* A container of its own comes or goes. */
void real_port(struct real *r, uint32_t container, bool is_there);

/* scale_wire.c: what engines do to others */
void wire_dial(struct real *r, const struct action *a);
void wire_send(struct real *r, const struct action *a);
void wire_close(struct real *r, const struct action *a);
void wire_probe(struct real *r, const struct action *a);
void wire_beat(struct real *r, const struct action *a);
/* All sessions of a host end; @other: SCALE_NONE, or with that one. */
void wire_break(uint32_t host, uint32_t other);
/* A session with puppet @p begins: returns its number, or 0. */
session_t wire_up(struct real *r, uint32_t p, target_t target);
void wire_say(struct real *r, session_t session, const struct message *m);
/* A datagram of @from comes to @r: an event without pointers. */
void wire_tell(uint32_t from, struct real *r, enum path_kind path,
	       const struct event *ev);

/* puppet.c */
void puppets_make(void);
void puppet_greet(uint32_t p, struct real *r, target_t target);
void puppet_greet_all(uint32_t p);
/* To all that it has sessions with: one container is, or is not, its own. */
void puppet_announce(uint32_t p, uint32_t container, bool is_withdrawn);

/* scale_fault.c */
void scale_fault(void);
/* Who is behind a NAT then stays there: that can be lived with. */
void scale_heal(void);

/* scale_nat.c: of puppets; of those that have another's name not */
void scale_nat_begin(uint32_t host);
void scale_nat_end(uint32_t host);
/* What others see it under. */
const struct ip *scale_seen_ip(uint32_t host);

/* scale_check.c: false, and it says what is wrong. */
bool scale_check(void);

/* Container @c: slot c % n_containers of host c / n_containers. */
vni_t container_vni(uint32_t c);
struct mac container_mac(uint32_t c);
void container_ips(uint32_t c, struct ip ret[2]);

#endif
