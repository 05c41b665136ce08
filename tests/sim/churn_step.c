/* SPDX-License-Identifier: Apache-2.0 */
#include "churn_step.h"

#include <stdio.h>

#include "carrier.h"
#include "nat.h"
#include "net.h"
#include "scenario.h"
#include "session.h"

/* How often each comes, and how it is called. */
static const struct {
	const char *text;
	unsigned int weight;
	bool is_of_sleeve; /* played where hosts have it */
} kinds[N_CHURN_KINDS] = {
	[CHURN_TALK] = { "a frame", 40, false },
	[CHURN_ATTACH] = { "a container comes", 15, false },
	[CHURN_DETACH] = { "a container goes", 10, false },
	[CHURN_KILL] = { "the daemon is killed", 5, false },
	[CHURN_START] = { "the daemon is started", 10, false },
	[CHURN_POWER] = { "power off, or on again", 2, false },
	[CHURN_BREAK] = { "an end of the session is lost", 1, false },
	[CHURN_CUT] = { "the link is cut", 2, false },
	[CHURN_CUT_DATA] = { "no data from here to there", 1, false },
	[CHURN_CUT_PATH] = { "one encapsulation is cut", 3, true },
	[CHURN_CUT_WAY] = { "one encapsulation is cut one way", 2, true },
	[CHURN_LOSS] = { "a fifth is lost", 1, false },
	[CHURN_DISORDER] = { "copies and overtaking", 1, false },
	[CHURN_HEAL] = { "the link is healed", 4, false },
	[CHURN_MTU] = { "the way gets another MTU", 4, false },
	[CHURN_EGRESS] = { "the host's link gets another MTU", 1, false },
	[CHURN_LIE] = { "a forged ICMP error", 1, false },
	[CHURN_NAT] = { "the NAT forgets", 1, true },
	[CHURN_FLUSH] = { "the kernel's flows are flushed", 1, false },
	[CHURN_TAP] = { "a TAP is taken away", 2, true },
	[CHURN_CLONE] = { "it has the other's identity, or its own", 1, false },
	[CHURN_UPGRADE] = { "another version of daemon and kernel", 1, false },
	[CHURN_FULL] = { "the kernel's table is full, or no more", 1, false },
	[CHURN_UNHEARD] = { "the kernel's answers are lost, or no more", 2,
			    false },
};

/* splitmix64: each number of a seed is as good as any other. */
uint64_t churn_draw(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static enum churn_kind choose(uint64_t r, bool has_sleeve)
{
	unsigned int i, sum = 0;

	for (i = 0; i < N_CHURN_KINDS; i++)
		sum += kinds[i].weight;
	r %= sum;
	for (i = 0; r >= kinds[i].weight; i++)
		r -= kinds[i].weight;
	return kinds[i].is_of_sleeve && !has_sleeve ? CHURN_TALK
						    : (enum churn_kind)i;
}

void churn_make(const struct sim *sim, uint32_t number, struct churn_step *ret)
{
	uint64_t state = sim->seed * UINT64_C(0x100000001) + number;
	uint64_t r;

	churn_draw(&state);
	ret->kind = choose(churn_draw(&state) >> 8, sim->has_sleeve);
	ret->host = (uint32_t)(churn_draw(&state) % sim->n_hosts);
	ret->other = (ret->host + 1 +
		      (uint32_t)(churn_draw(&state) % (sim->n_hosts - 1))) %
		     sim->n_hosts;
	ret->choice = churn_draw(&state) >> 8;
	r = churn_draw(&state) >> 8;
	ret->pause_us = r % 10 == 0 ? r / 10 % (4 * USEC_PER_SEC)
				    : r / 10 % (100 * USEC_PER_MS);
}

const char *churn_text(const struct sim *sim, uint32_t number, char *buf,
		       size_t size)
{
	struct churn_step s;

	churn_make(sim, number, &s);
	snprintf(buf, size,
		 "host %u (and %u): %s, by %#llx; then %llu.%03llu ms", s.host,
		 s.other, kinds[s.kind].text,
		 (unsigned long long)(s.choice & 0xffffff),
		 (unsigned long long)s.pause_us / 1000,
		 (unsigned long long)s.pause_us % 1000);
	return buf;
}

/* 0 … @range - 1, and the rest for the next question. */
static uint32_t take(uint64_t *choice, uint32_t range)
{
	const uint32_t r = (uint32_t)(*choice % range);

	*choice /= range;
	return r;
}

static struct sim_port *port_of(struct host *h, uint64_t *choice)
{
	const uint32_t first = take(choice, HOST_MAX_PORTS);
	uint32_t i;

	for (i = 0; i < HOST_MAX_PORTS; i++) {
		struct sim_port *p = &h->ports[(first + i) % HOST_MAX_PORTS];

		if (p->is_known && p->is_alive)
			return p;
	}
	return NULL;
}

static void attach(struct host *h, uint64_t c)
{
	/* Few numbers and hosts, so that MACs and addresses meet. */
	const unsigned int owner = 1 + take(&c, 3), n = 1 + take(&c, 6);
	const struct mac mac = build_mac(owner, n);
	const struct ip ips[2] = { build_ip4(1, 1 + take(&c, 8)),
				   build_ip6(1, 1 + take(&c, 8)) };
	uint32_t i;

	for (i = 0; i < HOST_MAX_PORTS; i++) {
		/* A host refuses two ports with one MAC. */
		if (h->ports[i].is_known &&
		    mac_equal(&h->ports[i].port.mac, &mac))
			return;
	}
	if (take(&c, 8) == 0)
		host_attach_in_vain(h, n % 2 ? 100 : 200, &mac);
	else if (h->n_ports < 6)
		host_attach(h, n % 2 ? 100 : 200, &mac, ips,
			    (uint8_t)take(&c, 3), take(&c, 5) == 0);
}

static void talk(struct sim *sim, struct host *h, struct host *to, uint64_t c)
{
	static const enum traffic_kind list[] = { TRAFFIC_UNICAST, TRAFFIC_ARP,
						  TRAFFIC_ND, TRAFFIC_BROADCAST,
						  TRAFFIC_GRATUITOUS };
	/* Nobody's, or a container's that is here or comes some day. */
	const struct mac stranger = take(&c, 2) ? build_mac(50, take(&c, 4))
						: build_mac(1 + take(&c, 3),
							    1 + take(&c, 6));
	struct sim_port *from = port_of(h, &c);
	struct sim_port *target = port_of(take(&c, 4) ? to : h, &c);

	if (!from)
		return;
	if (!target || target == from || take(&c, 10) < 3)
		traffic_send_to(sim, h, from, &stranger, TRAFFIC_ANY);
	else if (take(&c, 4) == 0)
		traffic_send_sized(sim, h, from, target, 100 + take(&c, 1350),
				   take(&c, 2), TRAFFIC_ANY);
	else
		traffic_send(sim, h, from, target, list[take(&c, 5)],
			     TRAFFIC_ANY, take(&c, 10) ? NULL : &stranger);
}

static void power(struct host *h, uint64_t c)
{
	if (h->has_power)
		host_power_off(h);
	else
		host_power_on(h, take(&c, 2));
}

/* The disk of the other one, or its own again. */
static void clone(struct host *h, const struct host *other)
{
	const bool is_one = h->is_clone;

	host_kill(h);
	host_rename(h, is_one ? NULL : other->hello.name);
	h->is_clone = !is_one;
	host_start(h);
}

/* Two versions of the daemon, two kernels: any may meet any. */
static void upgrade(struct host *h, uint64_t c)
{
	host_kill(h);
	host_speaks(h, 1, 1 + take(&c, 2));
	h->has_check_len = take(&c, 3) > 0;
	host_start(h);
}

static void heal(struct sim *sim, uint32_t a, uint32_t b)
{
	const uint32_t ends[2][2] = { { a, b }, { b, a } };
	int i;

	net_cut(sim, a, b, false);
	for (i = 0; i < 2; i++) {
		struct link *l = net_link(sim, ends[i][0], ends[i][1]);

		l->loss_percent = 0;
		l->copy_percent = 0;
		l->late_percent = 0;
	}
}

/* From what IPv4 asks of everybody to what Ethernet has. */
static uint32_t some_mtu(uint64_t *c)
{
	static const uint32_t common[] = { 1500, 1492, 1480, 1450, 1400, 1280 };

	return take(c, 2) ? common[take(c, 6)] : 1280 + take(c, 221);
}

static void do_link(struct sim *sim, const struct churn_step *s, uint64_t c)
{
	const enum path_kind kind = take(&c, 3) ? PATH_FASTDP : PATH_SLEEVE;
	struct link *l = net_link(sim, s->host, s->other);
	uint32_t mtu;

	switch (s->kind) {
	case CHURN_CUT:
		net_cut(sim, s->host, s->other, true);
		break;
	case CHURN_CUT_DATA:
		net_cut_data(sim, s->host, s->other, true);
		break;
	case CHURN_CUT_PATH:
		net_cut_path(sim, s->host, s->other, kind, true);
		break;
	case CHURN_CUT_WAY:
		net_cut_way(sim, s->host, s->other, kind, true);
		break;
	case CHURN_LOSS:
		l->loss_percent = 20;
		break;
	case CHURN_DISORDER:
		l->copy_percent = 10;
		l->late_percent = 10;
		break;
	case CHURN_HEAL:
		heal(sim, s->host, s->other);
		break;
	default:
		mtu = some_mtu(&c);
		net_set_mtu(sim, s->host, s->other, mtu, take(&c, 2));
		break;
	}
}

static void do_kernel(struct host *h, const struct churn_step *s, uint64_t c)
{
	const struct event lost = { .type = EVENT_FLOWS_LOST };

	switch (s->kind) {
	case CHURN_FLUSH:
		fake_dp_flush(&h->dp);
		host_event(h, &lost);
		break;
	case CHURN_TAP:
		carrier_lose_tap(h, take(&c, 2) ? 100 : 200);
		break;
	case CHURN_UNHEARD:
		h->is_short = true;
		h->dp.lost_percent = h->dp.lost_percent ? 0 : 30;
		break;
	default:
		h->is_short = true; /* until all is healed */
		h->dp.max_flows = h->dp.max_flows == UINT32_MAX ? h->dp.n_flows
								: UINT32_MAX;
		break;
	}
}

void churn_do(struct sim *sim, const struct churn_step *s)
{
	struct host *h = sim->hosts[s->host], *other = sim->hosts[s->other];
	uint64_t c = s->choice;
	struct sim_port *p;

	switch (s->kind) {
	case CHURN_TALK:
		talk(sim, h, other, c);
		break;
	case CHURN_ATTACH:
		attach(h, c);
		break;
	case CHURN_DETACH:
		p = port_of(h, &c);
		if (p)
			host_detach(h, p);
		break;
	case CHURN_KILL:
		host_kill(h);
		break;
	case CHURN_START:
		host_start(h);
		break;
	case CHURN_POWER:
		power(h, c);
		break;
	case CHURN_CLONE:
		clone(h, other);
		break;
	case CHURN_UPGRADE:
		upgrade(h, c);
		break;
	case CHURN_BREAK:
		session_break(sim, s->host, s->other);
		break;
	case CHURN_EGRESS:
		host_set_link(h, some_mtu(&c));
		break;
	case CHURN_LIE:
		host_hint(h, other, take(&c, 2) ? PATH_FASTDP : PATH_SLEEVE,
			  take(&c, 1600));
		break;
	case CHURN_NAT:
		if (nat_is_behind(h))
			nat_rebind(h);
		break;
	case CHURN_FLUSH:
	case CHURN_TAP:
	case CHURN_FULL:
	case CHURN_UNHEARD:
		do_kernel(h, s, c);
		break;
	default:
		do_link(sim, s, c);
		break;
	}
}
