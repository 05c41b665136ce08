/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <stdio.h>
#include <string.h>

#include "sys/clock.h"

void daemon_event(struct daemon *d, const struct event *ev)
{
	engine_handle(d->engine, clock_monotonic_us(), ev);
}

void daemon_port_event(struct daemon *d, enum event_type type,
		       const struct port_record *r)
{
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = type;
	if (type == EVENT_PORT_ADDED)
		port_record_value(r, &ev.port);
	else
		ev.port_no = r->port_no;
	daemon_event(d, &ev);
}

void daemon_stop(struct daemon *d, int code)
{
	d->is_stopping = true;
	d->exit_code = code;
	loop_stop(d->loop);
}

static bool has_v6_peer(const struct daemon *d)
{
	struct peer_view p;
	struct target_view t;
	size_t pos = 0;

	while (engine_each_peer(d->engine, &pos, &p)) {
		if (!ip_is_zero(&p.remote.ip) && !ip_is_v4(&p.remote.ip))
			return true;
	}
	pos = 0;
	while (engine_each_target(d->engine, &pos, &t)) {
		if (strchr(t.host, ':'))
			return true;
	}
	return false;
}

#define UNDERLAY_KEPT_US USEC_PER_SEC

uint32_t daemon_mtu(struct daemon *d)
{
	const usec_t now = clock_monotonic_us();
	uint32_t mtu;

	/* Which link it is: a question about all addresses of the host. */
	if (now >= d->underlay_until ||
	    !underlay_again(d->rtnl, &d->underlay)) {
		underlay_look(d->rtnl, &d->settings, &d->underlay);
		d->underlay_until = now + UNDERLAY_KEPT_US;
	}
	d->underlay.is_v6 |= has_v6_peer(d);
	mtu = underlay_overlay_mtu(&d->underlay, d->settings.mtu);
	return d->mtu_limit && d->mtu_limit < mtu ? d->mtu_limit : mtu;
}

const char *daemon_host_ifname(const struct daemon *d)
{
	const struct port_record *r = portbook_find(&d->ports, PORT_NO_HOST);

	return r ? r->host_ifname : datapath_name(d->datapath);
}

const char *daemon_network_name(const struct daemon *d, vni_t vni,
				char ret[MAX_NAME])
{
	const char *name = settings_network_name(&d->settings, vni);

	if (name) {
		snprintf(ret, MAX_NAME, "%s", name);
		return ret;
	}
	EACH_RECORD(&d->ports, node)
	{
		if (RECORD_OF(node)->vni == vni) {
			snprintf(ret, MAX_NAME, "%s", RECORD_OF(node)->network);
			return ret;
		}
	}
	snprintf(ret, MAX_NAME, "vni-%u", vni);
	return ret;
}
