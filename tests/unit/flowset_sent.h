/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOWSET_SENT_H
#define FLOWSET_SENT_H

/*
 * A set of flows, with time by hand and what it sends as text. Included by one
 * file a program.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/flowset.h"

#define AGE (10 * USEC_PER_SEC)

struct fixture {
	struct timerq timers;
	struct flowset fs;
	usec_t now;
	char ops[256]; /* what was sent, "P3:2 D4 Q5" */
};

static inline struct flow_match match_of(uint32_t n)
{
	struct flow_match m = { .fields = FLOW_ETH_DST, .recirc_id = 7 };

	m.eth_dst.b[0] = 2;
	m.eth_dst.b[4] = (uint8_t)(n >> 8);
	m.eth_dst.b[5] = (uint8_t)n;
	return m;
}

/* Of group frames. */
static inline struct flow_match group_of(uint32_t n)
{
	struct flow_match m = { .fields = FLOW_ETH_GROUP | FLOW_IN_PORT,
				.recirc_id = 7,
				.in_port = n };

	return m;
}

static inline uint32_t number_of(const struct flow_match *m)
{
	if (m->fields & FLOW_ETH_GROUP)
		return m->in_port;
	return (uint32_t)m->eth_dst.b[4] << 8 | m->eth_dst.b[5];
}

/* Actions that differ by @port alone; @peer: with a tunnel to it. */
static inline struct flow_actions actions_of(port_no_t port, uint8_t peer)
{
	struct flow_actions a = { 0 };
	struct flow_tunnel t = { .tun_id = 5 };

	if (peer) {
		t.dst.b[15] = peer;
		flow_set_tunnel(&a, &t);
	}
	flow_output(&a, port);
	return a;
}

static inline int setup(void **state)
{
	struct fixture *f = core_alloc(sizeof(*f));

	flowset_init(&f->fs, 1, &f->timers, 1);
	f->now = USEC_PER_SEC;
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	flowset_free(&f->fs);
	timerq_free(&f->timers);
	free(f);
	return 0;
}

static inline const char *drain(struct fixture *f)
{
	const struct flow_actions *actions;
	struct flow_match m;
	enum flowset_op op;
	size_t n = 0;

	f->ops[0] = '\0';
	while (flowset_poll(&f->fs, &op, &m, &actions)) {
		assert_true(n < sizeof(f->ops) - 20);
		n += (size_t)snprintf(f->ops + n, sizeof(f->ops) - n, "%s%c%u",
				      n ? " " : "", "PDQ"[op], number_of(&m));
		if (op == FLOWSET_PUT)
			n += (size_t)snprintf(
				f->ops + n, sizeof(f->ops) - n, ":%u",
				actions->list[actions->n - 1].port);
	}
	return f->ops;
}

static inline void found(struct fixture *f, uint32_t n, port_no_t port,
			 uint8_t peer)
{
	const struct flow_match m = match_of(n);
	struct flow_actions a = actions_of(port, peer);

	flowset_found(&f->fs, &m, &a);
	flow_actions_free(&a);
}

static inline void want(struct fixture *f, uint32_t n, port_no_t port)
{
	const struct flow_match m = match_of(n);
	struct flow_actions a = actions_of(port, 0);

	flowset_want(&f->fs, &m, &a);
	flow_actions_free(&a);
}

static inline bool want_lazy(struct fixture *f, const struct flow_match *m,
			     port_no_t port, port_no_t asked_by,
			     bool is_extended)
{
	struct flow_actions a = actions_of(port, 0);
	const bool is_ok = flowset_want_lazy(&f->fs, f->now, m, &a, asked_by,
					     AGE, is_extended);

	flow_actions_free(&a);
	return is_ok;
}

static inline bool lazy(struct fixture *f, uint32_t n, port_no_t port)
{
	const struct flow_match m = match_of(n);

	return want_lazy(f, &m, port, 1, true);
}

static inline void unwant(struct fixture *f, uint32_t n)
{
	const struct flow_match m = match_of(n);

	flowset_unwant(&f->fs, &m);
}

static inline void refuse(struct fixture *f, uint32_t n)
{
	const struct flow_match m = match_of(n);

	flowset_refused(&f->fs, f->now, &m);
}

/* Time goes on; timers come. */
static inline void pass(struct fixture *f, usec_t us)
{
	struct timer *t;

	f->now += us;
	while ((t = timerq_expire(&f->timers, f->now)))
		flowset_timer(&f->fs, f->now,
			      CONTAINER_OF(t, struct flow_slot, timer));
}

#endif
