/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge.h"
#include "carrier.h"
#include "check.h"
#include "host_apply.h"
#include "net.h"
#include "session.h"
#include "traffic.h"

static void transmit(void *ctx, const struct flow_tunnel *tunnel,
		     const struct fake_packet *p)
{
	struct host *h = ctx;

	if (h->has_power)
		net_send(h->sim, h->index, tunnel, p);
}

void host_deliver(struct host *h, port_no_t port_no,
		  const struct fake_packet *p)
{
	struct sim_port *port;

	if (port_no >= PORT_NO_TAP) {
		carrier_frame(h, port_no, p);
		return;
	}
	port = host_port(h, port_no);
	if (port && port->is_alive)
		traffic_arrived(h->sim, h, port, p);
}

static void deliver(void *ctx, port_no_t port_no, const struct fake_packet *p)
{
	host_deliver(ctx, port_no, p);
}

void host_input(struct host *h, const struct fake_packet *p)
{
	if (!h->has_power)
		return;
	if (h->is_bridge)
		bridge_from_port(h, p->in_port, p);
	else
		fake_dp_input(&h->dp, h->sim->now, p);
}

static void fault(void *ctx, const char *what)
{
	const struct host *h = ctx;

	sim_fail(h->sim, "host %u: %s", h->index, what);
}

void host_rename(struct host *h, const char *name)
{
	if (name)
		snprintf(h->hello.name, sizeof(h->hello.name), "%s", name);
	else
		snprintf(h->hello.name, sizeof(h->hello.name), "host%u",
			 h->index + 1);
	h->hello.id = peer_id_of_name(h->hello.name);
}

void host_speaks(struct host *h, uint32_t min, uint32_t max)
{
	h->hello.version_min = min;
	h->hello.version_max = max;
}

struct host *host_new(struct sim *sim, uint32_t index)
{
	struct host *h = sim_alloc(sizeof(*h));
	const struct fake_dp_io io = { .ctx = h,
				       .transmit = transmit,
				       .deliver = deliver,
				       .upcall = host_upcall,
				       .fault = fault };
	const uint8_t v4[4] = { 10, 0, 0, (uint8_t)(index + 1) };

	h->sim = sim;
	h->index = index;
	h->ip = ip_from_v4(v4);
	h->has_power = true;
	h->has_discovery = true;
	h->has_sleeve = sim->has_sleeve;
	h->has_check_len = true;
	h->link_mtu = NET_LINK_MTU;
	h->memory = sim_alloc(sim->n_hosts * sizeof(h->memory[0]));
	h->last_port_no = PORT_NO_FIRST - 1;
	snprintf(h->ip_text, sizeof(h->ip_text), "10.0.0.%u", index + 1);
	snprintf(h->alias, sizeof(h->alias), "alias%u", index + 1);
	h->hello = (struct hello){ .version_min = 1,
				   .version_max = 1,
				   .control_port = HOST_CONTROL_PORT,
				   .vxlan_port = HOST_VXLAN_PORT,
				   .sleeve_port = HOST_SLEEVE_PORT };
	host_rename(h, NULL);
	fake_dp_init(&h->dp, &io);
	return h;
}

void host_free(struct host *h)
{
	engine_free(h->engine);
	carrier_free(h->carrier);
	fake_dp_free(&h->dp);
	nat_free(h);
	free(h->memory);
	free(h);
}

struct host *host_of_ip(const struct sim *sim, const struct ip *ip)
{
	uint32_t i;

	for (i = 0; i < sim->n_hosts; i++) {
		if (ip_equal(&sim->hosts[i]->ip, ip))
			return sim->hosts[i];
	}
	return NULL;
}

struct host *host_seen_as(const struct sim *sim, const struct ip *ip)
{
	uint32_t i;

	for (i = 0; i < sim->n_hosts; i++) {
		if (ip_equal(nat_seen_ip(sim->hosts[i]), ip))
			return sim->hosts[i];
	}
	return NULL;
}

struct host *host_of_text(const struct sim *sim, const char *text)
{
	uint32_t i;

	for (i = 0; i < sim->n_hosts; i++) {
		if (strcmp(sim->hosts[i]->ip_text, text) == 0 ||
		    strcmp(sim->hosts[i]->alias, text) == 0)
			return sim->hosts[i];
	}
	return NULL;
}

static void tell_target(struct host *h, const char *text)
{
	struct event ev = { .type = EVENT_TARGET_ADDED };

	ev.target.host = text;
	ev.target.port = HOST_CONTROL_PORT;
	ev.target.is_configured = true;
	host_event(h, &ev);
}

static void add_target(struct host *h, const char *text)
{
	if (h->n_targets == HOST_MAX_TARGETS)
		return;
	snprintf(h->targets[h->n_targets], sizeof(h->targets[0]), "%s", text);
	if (h->engine)
		tell_target(h, h->targets[h->n_targets]);
	h->n_targets++;
}

void host_add_target(struct host *h, const struct host *to)
{
	add_target(h, to->ip_text);
}

void host_add_alias(struct host *h, const struct host *to)
{
	add_target(h, to->alias);
}

static void tell_flows(struct host *h)
{
	struct fake_flow *f;
	uint32_t i;

	EACH_FAKE_FLOW(&h->dp, i, f)
	{
		struct event ev = { .type = EVENT_FLOW_FOUND };

		f->is_old = true;
		ev.flow.match = f->match;
		ev.flow.actions = &f->actions;
		engine_handle(h->engine, h->sim->now, &ev);
	}
}

/* The numbers below @n in any order: directories of files have none. */
static void shuffle(struct sim *sim, uint32_t *list, uint32_t n)
{
	uint32_t i, k;

	for (i = 0; i < n; i++) {
		k = (uint32_t)sim_random(sim, i + 1);
		list[i] = list[k];
		list[k] = i;
	}
}

static void tell_ports(struct host *h)
{
	uint32_t order[HOST_MAX_PORTS], i;

	shuffle(h->sim, order, HOST_MAX_PORTS);
	for (i = 0; i < HOST_MAX_PORTS; i++) {
		struct sim_port *p = &h->ports[order[i]];
		struct event ev = { .type = EVENT_PORT_ADDED };

		if (!p->is_known)
			continue;
		if (!p->is_alive) {
			p->is_known = false;
			continue;
		}
		ev.port = p->port;
		engine_handle(h->engine, h->sim->now, &ev);
	}
}

static void tell_peers(struct host *h)
{
	uint32_t order[SIM_MAX_HOSTS], i;

	shuffle(h->sim, order, h->sim->n_hosts);
	for (i = 0; i < h->sim->n_hosts; i++) {
		const struct memory *m = &h->memory[order[i]];
		struct event ev = { .type = EVENT_PEER_REMEMBERED };

		if (!m->is_kept)
			continue;
		ev.session.hello = &m->hello;
		ev.session.local = m->local;
		ev.session.remote = m->remote;
		engine_handle(h->engine, h->sim->now, &ev);
	}
}

void host_is_sound(struct host *h)
{
	if (!h->is_short || h->dp.max_flows != UINT32_MAX || h->dp.lost_percent)
		return;
	h->is_short = false;
	/* A new daemon is still reading: looked at when it asks for more. */
	h->n_checked_ops = h->dp.n_puts + h->dp.n_deletes;
}

void host_start(struct host *h)
{
	struct engine_config config = { .id = h->hello.id,
					.vxlan_port = HOST_VXLAN_PORT,
					.control_port = HOST_CONTROL_PORT,
					.is_bridge = h->is_bridge,
					.has_fastdp = !h->is_bridge,
					.has_sleeve = h->has_sleeve,
					.has_check_len = h->has_check_len,
					.pmtu_raise_us = RAISE_US,
					.heartbeats_per_sec =
						h->sim->heartbeats_per_sec,
					.has_discovery = h->has_discovery,
					.heartbeat_interval_us = HEARTBEAT_US,
					.hold_us = HOLD_US };
	const struct event started = { .type = EVENT_STARTED };
	uint32_t i;

	if (h->engine || !h->has_power)
		return;
	h->life++;
	h->started_at = h->sim->now;
	h->timer_at = USEC_NEVER;
	h->n_puts_at_start = h->dp.n_puts;
	/* What is there is read. */
	h->dp.is_in_doubt = h->dp.is_unsure = h->dp.has_audit = false;
	host_is_sound(h);
	config.instance = sim_random(h->sim, UINT64_MAX);
	config.seed = sim_random(h->sim, UINT64_MAX);
	h->hello.instance = config.instance;
	h->hello.has_discovery = h->has_discovery;
	h->hello.can_fastdp = !h->is_bridge;
	h->hello.can_sleeve = h->has_sleeve;
	h->told_mtu = 0;
	h->engine = engine_new(&config, h->sim->now);
	if (h->has_sleeve)
		h->carrier = carrier_new();
	sim_log(h->sim, "host %u starts", h->index);
	h->is_draining = true; /* nothing is owed yet */
	tell_flows(h);
	tell_ports(h);
	tell_peers(h);
	h->is_draining = false;
	if (h->sim->side)
		h->sim->side->start(h);
	host_tell_mtu(h);
	for (i = 0; i < h->n_targets; i++)
		tell_target(h, h->targets[i]);
	host_event(h, &started);
}

/* TAPs go with the process. */
static void end_daemon(struct host *h)
{
	if (h->engine && h->sim->side)
		h->sim->side->stop(h);
	engine_free(h->engine);
	h->engine = NULL;
	carrier_free(h->carrier);
	h->carrier = NULL;
	h->life++;
}

void host_kill(struct host *h)
{
	if (!h->engine)
		return;
	sim_log(h->sim, "host %u is killed", h->index);
	session_kill(h->sim, h);
	end_daemon(h);
}

void host_power_off(struct host *h)
{
	/* Without a word to anybody: has_power first. */
	h->has_power = false;
	end_daemon(h);
	fake_dp_flush(&h->dp);
	memset(h->ports, 0, sizeof(h->ports));
	h->n_ports = 0;
}

void host_power_on(struct host *h, bool has_disk)
{
	h->has_power = true;
	if (!has_disk)
		memset(h->memory, 0, h->sim->n_hosts * sizeof(h->memory[0]));
	sim_log(h->sim, "host %u has power again", h->index);
}

struct sim_port *host_port(struct host *h, port_no_t port_no)
{
	uint32_t i;

	for (i = 0; i < HOST_MAX_PORTS; i++) {
		if (h->ports[i].is_known && h->ports[i].port.port_no == port_no)
			return &h->ports[i];
	}
	return NULL;
}

struct sim_port *host_attach(struct host *h, vni_t vni, const struct mac *mac,
			     const struct ip *ips, uint8_t n_ips,
			     bool is_trusted)
{
	struct event ev = { .type = EVENT_PORT_ADDED };
	struct sim_port *p = NULL;
	uint32_t i;

	for (i = 0; i < HOST_MAX_PORTS && !p; i++) {
		if (!h->ports[i].is_known)
			p = &h->ports[i];
	}
	if (!h->engine || !p)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->is_alive = true;
	p->is_known = true;
	p->port.port_no = ++h->last_port_no;
	snprintf(p->port.ifname, sizeof(p->port.ifname), "fd%u",
		 p->port.port_no);
	p->port.vni = vni;
	p->port.mac = *mac;
	p->port.is_trusted = is_trusted;
	p->port.n_ips = n_ips;
	memcpy(p->port.ips, ips, n_ips * sizeof(ips[0]));
	h->n_ports++;
	ev.port = p->port;
	host_event(h, &ev);
	return p;
}

void host_detach(struct host *h, struct sim_port *p)
{
	struct event ev = { .type = EVENT_PORT_REMOVED };

	p->is_alive = false;
	h->n_ports--;
	if (!h->engine)
		return;
	ev.port_no = p->port.port_no;
	p->is_known = false;
	host_event(h, &ev);
}

void host_attach_in_vain(struct host *h, vni_t vni, const struct mac *mac)
{
	struct event ev = { .type = EVENT_PORT_ADDED };

	if (!h->engine || h->is_draining)
		return;
	ev.port.port_no = ++h->last_port_no;
	ev.port.vni = vni;
	ev.port.mac = *mac;
	engine_handle(h->engine, h->sim->now, &ev);
	ev.type = EVENT_PORT_REMOVED;
	ev.port_no = h->last_port_no;
	host_event(h, &ev);
}

void host_set_link(struct host *h, uint32_t mtu)
{
	if (h->link_mtu == mtu)
		return;
	h->link_mtu = mtu;
	h->link_since = h->sim->now;
	sim_log(h->sim, "host %u: link of %u", h->index, mtu);
	host_tell_mtu(h);
}
