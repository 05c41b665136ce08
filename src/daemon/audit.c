/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "adopt.h"
#include "carrier.h"
#include "core/alloc.h"
#include "egress.h"
#include "flow_audit.h"
#include "hooks.h"
#include "ipam_freed.h"
#include "log.h"
#include "masq_ports.h"
#include "mtu.h"
#include "state.h"
#include "sys/clock.h"
#include "sys/ovs_dp.h"
#include "turn.h"

#define PAUSE_US (5 * USEC_PER_SEC)
/* While a container waits. */
#define PAUSE_AWAITED_US USEC_PER_SEC
#define PEAK_MIN 8192U

struct audit {
	struct daemon *daemon;
	struct loop_timer *timer;
	struct log_limit limit;
	uint32_t peak; /* of entries and flows, since memory was given back */
};

static void check_flows(struct audit *a, const struct engine_counters *c)
{
	const struct event lost = { .type = EVENT_FLOWS_LOST };
	struct daemon *d = a->daemon;
	struct ovs_dp *ovs = datapath_ovs(d->datapath);
	struct ovs_datapath there;
	int error;

	if (!ovs)
		return;
	error = ovs_dp_read(ovs, &there);
	/* It is told, too; but what is told may be lost, and the end of the
	 * module (whose family is not there then) is not. */
	if (error == -ENODEV || error == -ENOENT)
		hooks_gone(d, datapath_name(d->datapath));
	if (error || there.n_flows >= c->n_flows_there)
		return;
	if (log_allows(LOG_WARN, &a->limit))
		log_warn("somebody deleted flows of the datapath %s (%llu of "
			 "%u are left): putting them again",
			 datapath_name(d->datapath),
			 (unsigned long long)there.n_flows, c->n_flows_there);
	daemon_event(d, &lost);
	/* What is left of them is not known. */
	d->doubts_flows = true;
}

/* The allocator keeps what is freed between blocks that are in use. */
static void give_back(struct audit *a, const struct engine_counters *c)
{
	const uint32_t n = c->n_flows + c->n_entries;

	if (n > a->peak)
		a->peak = n;
	if (a->peak < PEAK_MIN || n > a->peak / 2)
		return;
	malloc_trim(0);
	a->peak = n;
}

static void set_timer(struct audit *a)
{
	const usec_t pause = adopt_is_awaiting(a->daemon) ? PAUSE_AWAITED_US
							  : PAUSE_US;

	loop_timer_set(a->timer, clock_monotonic_us() + pause);
}

static void on_timer(void *ctx)
{
	struct audit *a = ctx;
	/* Flows that were lost just now are put first. */
	const bool is_in_doubt = a->daemon->doubts_flows;
	struct engine_counters c;

	engine_counters(a->daemon->engine, &c);
	check_flows(a, &c);
	if (a->daemon->is_stopping)
		return;
	if (is_in_doubt)
		a->daemon->doubts_flows = !flow_audit(a->daemon);
	give_back(a, &c);
	adopt_awaited(a->daemon);
	mtu_look(a->daemon->mtu);
	mtu_check_ports(a->daemon->mtu);
	egress_look(a->daemon->egress);
	carrier_look(a->daemon->carrier);
	datapath_look(a->daemon->datapath);
	masq_ports_look(a->daemon->masq);
	ipam_freed_read(a->daemon->ipam, a->daemon->settings.socket);
	set_timer(a);
	daemon_turn(a->daemon);
}

struct audit *audit_new(struct daemon *d)
{
	struct audit *a = core_alloc(sizeof(*a));

	a->daemon = d;
	a->timer = loop_timer_new(d->loop, on_timer, a);
	set_timer(a);
	return a;
}

void audit_free(struct audit *a)
{
	if (!a)
		return;
	loop_timer_free(a->timer);
	free(a);
}
