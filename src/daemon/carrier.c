/* SPDX-License-Identifier: Apache-2.0 */
#include "carrier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/frame.h"
#include "log.h"
#include "own_link.h"
#include "pace.h"
#include "sleeve/sleeve.h"
#include "state.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/clock.h"

/* The TAP is no bottleneck of its own: what fits the peer is sleeve's word. */
#define TAP_MTU 65000U
#define EVENTS_AT_ONCE 256U
#define UDP_OVERHEAD_V4 28U
#define UDP_OVERHEAD_V6 48U
#define TAP_RETRY_US (2 * USEC_PER_SEC)
/* A table of all entries takes time: a tenth of ours at most, and a change is
 * in it after this at most. */
#define PUBLISH_SHARE 10U
#define PUBLISH_PAUSE_MAX_US (500 * USEC_PER_MS)
#define PUBLISH_RETRY_US (500 * USEC_PER_MS)

struct network_tap {
	vni_t vni; /* VNI_NONE: free */
	bool is_there;
	char ifname[MAX_IFNAME];
};

struct carrier {
	struct daemon *daemon;
	void (*turn)(struct daemon *d);
	struct sleeve *sleeve;
	struct loop_io *io;
	struct loop_timer *retry;   /* of TAPs */
	struct loop_timer *publish; /* one is put off */
	struct pace pace;	    /* of tables */
	uint32_t mtu;		    /* that the table was made with */
	struct network_tap taps[MAX_NETWORKS];
	size_t next_tap;
	struct log_limit limit, tap_limit, table_limit;
};

static void tap_event(struct carrier *c, vni_t vni, port_no_t port_no)
{
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_TAP;
	ev.tap.vni = vni;
	ev.tap.port_no = port_no;
	daemon_event(c->daemon, &ev);
}

static struct network_tap *find_tap(struct carrier *c, vni_t vni)
{
	size_t i;

	for (i = 0; i < MAX_NETWORKS; i++) {
		if (c->taps[i].vni == vni)
			return &c->taps[i];
	}
	return NULL;
}

/* The one longest unused: word of a port that went may come late. */
static struct network_tap *free_tap(struct carrier *c)
{
	size_t i;

	for (i = 0; i < MAX_NETWORKS; i++) {
		struct network_tap *t = &c->taps[c->next_tap++ % MAX_NETWORKS];

		if (t->vni == VNI_NONE)
			return t;
	}
	return NULL;
}

static port_no_t port_of(const struct carrier *c, const struct network_tap *t)
{
	return PORT_NO_TAP + (port_no_t)(t - c->taps);
}

static int add_tap(struct carrier *c, struct network_tap *t, vni_t vni,
		   struct error *e)
{
	struct daemon *d = c->daemon;
	struct rtnl_link link;
	int error;

	snprintf(t->ifname, sizeof(t->ifname), OWN_TAP, d->settings.bridge_name,
		 vni & VNI_PROBE);
	error = sleeve_add_network(c->sleeve, vni, t->ifname, TAP_MTU);
	if (error)
		return error_set(e, error_code_of(-error),
				 "cannot make the TAP %s: %s", t->ifname,
				 strerror(-error));
	error = rtnl_link_by_name(d->rtnl, t->ifname, &link);
	if (!error)
		error = rtnl_link_set_up(d->rtnl, link.ifindex, true);
	if (error)
		return error_set(e, "system", "cannot set %s up: %s", t->ifname,
				 strerror(-error));
	return datapath_add_tap(d->datapath, t->ifname, vni, port_of(c, t), e);
}

static void try_tap(struct carrier *c, struct network_tap *t)
{
	struct error e = { .code = "" };

	if (add_tap(c, t, t->vni, &e)) {
		if (log_allows(LOG_ERROR, &c->tap_limit))
			log_error("network %u has no user-space path: %s; it "
				  "is tried again",
				  t->vni, e.message);
		sleeve_remove_network(c->sleeve, t->vni);
		loop_timer_set(c->retry, clock_monotonic_us() + TAP_RETRY_US);
		return;
	}
	t->is_there = true;
	tap_event(c, t->vni, port_of(c, t));
}

static void on_retry(void *ctx)
{
	struct carrier *c = ctx;
	size_t i;

	for (i = 0; i < MAX_NETWORKS; i++) {
		if (c->taps[i].vni != VNI_NONE && !c->taps[i].is_there)
			try_tap(c, &c->taps[i]);
	}
	c->turn(c->daemon);
}

void carrier_network(struct carrier *c, vni_t vni, bool is_wanted)
{
	struct network_tap *t = is_wanted ? free_tap(c) : find_tap(c, vni);

	if (!t)
		return;
	if (is_wanted) {
		t->vni = vni;
		try_tap(c, t);
		return;
	}
	datapath_remove_port(c->daemon->datapath, port_of(c, t));
	sleeve_remove_network(c->sleeve, vni);
	t->vni = VNI_NONE;
	t->is_there = false;
}

int carrier_inject(struct carrier *c, vni_t vni, const uint8_t *frame,
		   size_t size)
{
	return c ? sleeve_inject(c->sleeve, vni, frame, size) : -ENOENT;
}

bool carrier_port_gone(struct carrier *c, port_no_t port_no)
{
	struct network_tap *t;

	if (!c || port_no < PORT_NO_TAP ||
	    port_no - PORT_NO_TAP >= MAX_NETWORKS)
		return false;
	t = &c->taps[port_no - PORT_NO_TAP];
	if (t->vni == VNI_NONE || !t->is_there || c->daemon->is_stopping)
		return true;
	log_warn("somebody took %s out of the datapath: it is made again",
		 t->ifname);
	t->is_there = false;
	sleeve_remove_network(c->sleeve, t->vni);
	tap_event(c, t->vni, PORT_NO_NONE);
	loop_timer_set(c->retry, clock_monotonic_us() + TAP_RETRY_US);
	return true;
}

static uint32_t overhead_to(const struct sleeve_place *place)
{
	return ip_is_v4(&place->endpoint.ip) ? UDP_OVERHEAD_V4
					     : UDP_OVERHEAD_V6;
}

static void fill_peer(const struct carrier *c, const struct sleeve_place *place,
		      struct sleeve_peer *ret)
{
	/* Until it is known which link leads there: the narrowest. */
	const uint32_t link = place->link_mtu ? place->link_mtu
					      : c->daemon->underlay.mtu;
	const uint32_t mtu = place->link_mtu ? place->plpmtu : link;
	const uint32_t overhead = overhead_to(place);

	memset(ret, 0, sizeof(*ret));
	ret->id = place->peer_id;
	ret->endpoint = place->endpoint;
	ret->tx_token = place->tx_token;
	ret->rx_token = place->rx_token;
	ret->link_mtu = link;
	ret->max_datagram = mtu > overhead ? mtu - overhead : 0;
	ret->may_send = place->tx_token != 0;
}

void carrier_beat(struct carrier *c, const struct action *action)
{
	const struct sleeve_beat beat = { .cookie = action->beat.cookie,
					  .number = action->beat.seq,
					  .size = SLEEVE_BEAT_SIZE };
	const uint32_t overhead = overhead_to(&action->beat.place);
	const bool is_probe = action->beat.size > overhead + SLEEVE_BEAT_SIZE;
	struct sleeve_peer peer;
	struct event ev;
	int error;

	fill_peer(c, &action->beat.place, &peer);
	error = sleeve_send_beat(c->sleeve, &peer, &beat,
				 is_probe ? action->beat.size - overhead
					  : SLEEVE_BEAT_SIZE);
	if (!error || error == -EAGAIN || (is_probe && error == -EMSGSIZE))
		return;
	if (log_allows(LOG_DEBUG, &c->limit))
		log_debug("a heartbeat of sleeve was not sent: %s",
			  strerror(-error));
	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_SLEEVE_REFUSED;
	ev.peer_id = peer.id;
	daemon_event(c->daemon, &ev);
}

struct filling {
	const struct daemon *daemon;
	struct sleeve_table *table;
	unsigned int n_refused;
};

/* Requests for it go to that peer alone; for one of ours, to none. */
static void fill_ip(struct filling *f, const struct entry_view *v,
		    const struct ip *ip)
{
	const bool is_ours = v->owner == f->daemon->id;
	struct entry_view owner;

	/* Of several that claim it, one has it. */
	if (!engine_find_ip(f->daemon->engine, v->entry.vni, ip, &owner) ||
	    owner.owner != v->owner ||
	    !mac_equal(&owner.entry.mac, &v->entry.mac))
		return;
	if (!sleeve_table_add_ip(f->table, v->entry.vni, ip,
				 is_ours ? PEER_ID_NONE : v->owner))
		f->n_refused++;
}

static void fill_entry(void *ctx, const struct entry_view *v)
{
	struct filling *f = ctx;
	size_t i;

	if (!v->is_winner)
		return;
	for (i = 0; i < v->entry.n_ips; i++)
		fill_ip(f, v, &v->entry.ips[i]);
	if (v->owner == f->daemon->id)
		return;
	if (!sleeve_table_add_mac(f->table, v->entry.vni, &v->entry.mac,
				  v->owner))
		f->n_refused++;
}

static void fill_flood(void *ctx, vni_t vni, bool is_unknown, peer_id_t peer_id)
{
	struct filling *f = ctx;

	if (!sleeve_table_add_flood(f->table, vni, false, peer_id) ||
	    (is_unknown &&
	     !sleeve_table_add_flood(f->table, vni, true, peer_id)))
		f->n_refused++;
}

/* False: there is no memory for it, and the table is as it was. */
static bool publish(struct carrier *c)
{
	struct daemon *d = c->daemon;
	struct filling f = { .daemon = d };
	struct sleeve_place place;
	struct sleeve_peer peer;
	uint64_t seed;
	size_t pos = 0;

	c->mtu = d->underlay.mtu;
	if (clock_random(&seed, sizeof(seed)))
		return false;
	f.table = sleeve_table_new(seed);
	if (!f.table)
		return false;
	while (engine_each_place(d->engine, &pos, &place)) {
		if (!place.rx_token)
			continue;
		fill_peer(c, &place, &peer);
		if (!sleeve_table_add_peer(f.table, &peer))
			f.n_refused++;
	}
	engine_all_entries(d->engine, fill_entry, &f);
	engine_all_floods(d->engine, fill_flood, &f);
	if (!sleeve_table_is_whole(f.table)) {
		sleeve_table_free(f.table);
		return false;
	}
	sleeve_publish(c->sleeve, f.table);
	return true;
}

static void on_publish(void *ctx)
{
	struct carrier *c = ctx;
	const usec_t had = clock_thread_us();

	if (!publish(c)) {
		if (log_allows(LOG_WARN, &c->table_limit))
			log_warn("out of memory: what changed is not on the "
				 "user-space path yet; it is tried again");
		loop_timer_set(c->publish,
			       clock_monotonic_us() + PUBLISH_RETRY_US);
		return;
	}
	pace_ran(&c->pace, clock_monotonic_us(), clock_thread_us() - had);
}

/* Not at once in any case: who asked for the change has its answer first. */
void carrier_publish(struct carrier *c)
{
	loop_timer_set(c->publish, pace_next(&c->pace, clock_monotonic_us()));
}

void carrier_look(struct carrier *c)
{
	if (!c)
		return;
	daemon_mtu(c->daemon);
	if (c->daemon->underlay.mtu != c->mtu)
		carrier_publish(c);
}

static void take_event(struct carrier *c, const struct sleeve_event *in)
{
	char endpoint[ADDR_ENDPOINT_SIZE];
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	switch (in->type) {
	case SLEEVE_EVENT_REPLY:
		ev.type = EVENT_SLEEVE_REPLY;
		ev.beat.peer_id = in->peer;
		ev.beat.cookie = in->beat.cookie;
		ev.beat.seq = in->beat.number;
		break;
	case SLEEVE_EVENT_MOVED:
		ev.type = EVENT_SLEEVE_MOVED;
		ev.moved.peer_id = in->peer;
		ev.moved.endpoint = in->endpoint;
		log_info("datagrams of a peer come from %s now",
			 addr_print_endpoint(&in->endpoint, endpoint));
		break;
	case SLEEVE_EVENT_SEND_REFUSED:
		ev.type = EVENT_SLEEVE_REFUSED;
		ev.peer_id = in->peer;
		break;
	case SLEEVE_EVENT_TOO_BIG:
		ev.type = EVENT_TOO_BIG;
		ev.too_big.vni = in->vni;
		ev.too_big.mtu = in->max_size > ETH_HEADER_SIZE
					 ? in->max_size - ETH_HEADER_SIZE
					 : 0;
		ev.too_big.frame = in->data;
		ev.too_big.size = in->n_data;
		break;
	case SLEEVE_EVENT_HINT_TOO_BIG:
	case SLEEVE_EVENT_HINT_UNREACHABLE:
		ev.type = in->type == SLEEVE_EVENT_HINT_TOO_BIG
				  ? EVENT_HINT_TOO_BIG
				  : EVENT_HINT_UNREACHABLE;
		ev.hint.ip = in->endpoint.ip;
		ev.hint.path = PATH_SLEEVE;
		ev.hint.mtu = in->mtu;
		break;
	case SLEEVE_EVENT_REQUEST:
		return;
	}
	daemon_event(c->daemon, &ev);
}

static void on_events(void *ctx, int fd, unsigned int events)
{
	struct carrier *c = ctx;
	struct sleeve_event ev;
	unsigned int n;

	(void)fd;
	(void)events;
	for (n = 0; n < EVENTS_AT_ONCE && sleeve_next_event(c->sleeve, &ev);
	     n++)
		take_event(c, &ev);
	c->turn(c->daemon);
}

bool carrier_is_possible(struct error *e)
{
	CLEAN_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return true;
	switch (errno) {
	case EAGAIN:
	case EINTR:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		/* It passes, and a TAP that fails is tried again. */
		return true;
	default:
		break;
	}
	error_set(e, error_code_of(errno), "cannot open /dev/net/tun: %s",
		  strerror(errno));
	return false;
}

struct carrier *carrier_open(struct daemon *d, void (*turn)(struct daemon *d),
			     struct error *e)
{
	struct sleeve_config config = {
		.local = d->settings.local_address,
		.port = d->settings.sleeve_port,
		.has_lasting_taps = d->choice.type == DATAPATH_TYPE_BRIDGE,
	};
	struct carrier *c = core_alloc(sizeof(*c));

	c->daemon = d;
	c->turn = turn;
	c->pace = (struct pace){ .share = PUBLISH_SHARE,
				 .pause_max_us = PUBLISH_PAUSE_MAX_US };
	if (sleeve_new(&config, &c->sleeve, e)) {
		free(c);
		return NULL;
	}
	c->retry = loop_timer_new(d->loop, on_retry, c);
	c->publish = loop_timer_new(d->loop, on_publish, c);
	c->io = loop_io_new(d->loop, sleeve_fd(c->sleeve), LOOP_READ, on_events,
			    c);
	return c;
}

void carrier_close(struct carrier *c)
{
	if (!c)
		return;
	loop_io_free(c->io);
	loop_timer_free(c->retry);
	loop_timer_free(c->publish);
	sleeve_free(c->sleeve);
	free(c);
}

void carrier_metrics(const struct carrier *c, json_t *metrics)
{
	uint64_t values[SLEEVE_N_COUNTERS];
	char name[64], *p;
	int i;

	if (!c)
		return;
	sleeve_counters(c->sleeve, values);
	for (i = 0; i < SLEEVE_N_COUNTERS; i++) {
		snprintf(name, sizeof(name), "sleeve_%s",
			 sleeve_counter_name((enum sleeve_counter)i));
		while ((p = strchr(name, '-')))
			*p = '_';
		json_object_set_new(metrics, name,
				    json_integer((json_int_t)values[i]));
	}
}
