/* SPDX-License-Identifier: Apache-2.0 */
/* Running the daemon: peers added and removed, log level, reload, reset. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "hostport.h"
#include "log.h"
#include "reload.h"
#include "state.h"
#include "sys/addr.h"
#include "turn.h"

json_t *api_ping(struct daemon *d, const json_t *request, struct error *e)
{
	(void)d;
	(void)request;
	(void)e;
	return json_pack("{s:b}", "pong", 1);
}

static void target_event(struct daemon *d, enum event_type type,
			 const char *host, uint16_t port)
{
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = type;
	ev.target.host = host;
	ev.target.port = port;
	daemon_event(d, &ev);
}

static void peer_event(struct daemon *d, enum event_type type, peer_id_t id)
{
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = type;
	ev.peer_id = id;
	daemon_event(d, &ev);
}

static bool has_target(const struct daemon *d, const char *host, uint16_t port)
{
	struct target_view t;
	size_t pos = 0;

	while (engine_each_target(d->engine, &pos, &t)) {
		if (t.port == port && strcmp(t.host, host) == 0)
			return true;
	}
	return false;
}

/* A removed peer is known by its id alone: adding any address lifts all bans
 * that could stand in its way. */
static unsigned int allow_removed(struct daemon *d)
{
	peer_id_t id;
	size_t pos = 0;
	unsigned int n = 0;

	while (engine_each_removed(d->engine, &pos, &id)) {
		peer_event(d, EVENT_PEER_ALLOWED, id);
		pos = 0;
		n++;
	}
	return n;
}

json_t *api_peer_add(struct daemon *d, const json_t *request, struct error *e)
{
	const char *text = api_text(request, "address");
	char host[MAX_HOST];
	uint16_t port;
	unsigned int n;

	if (!text || !addr_parse_host_port(text, d->settings.control_port, host,
					   &port)) {
		error_set(e, "invalid", "'%.100s' is no HOST[:PORT]",
			  text ? text : "?");
		error_hint(e, "write it as host1, 192.0.2.1:6783 or "
			      "[2001:db8::1]:6783");
		return NULL;
	}
	n = allow_removed(d);
	target_event(d, EVENT_TARGET_ADDED, host, port);
	daemon_turn(d);
	if (!has_target(d, host, port)) {
		error_set(e, "limit", "the table of %u addresses is full",
			  MAX_TARGETS);
		error_hint(e, "remove some: fastdpctl peer remove HOST");
		return NULL;
	}
	return api_done(n ? "%s port %u is dialled from now on; removed peers "
			    "are let in again"
			  : "%s port %u is dialled from now on",
			host, port);
}

static bool is_peer(const struct peer_view *p, const char *text)
{
	char address[ADDR_IP_SIZE], id[20];

	snprintf(id, sizeof(id), "%016" PRIx64, p->id);
	return strcmp(p->name, text) == 0 || strcmp(p->nickname, text) == 0 ||
	       strcmp(id, text) == 0 ||
	       strcmp(addr_print_ip(&p->remote.ip, address), text) == 0;
}

static bool find_peer(const struct daemon *d, const char *text, peer_id_t *ret,
		      unsigned int *ret_n)
{
	struct peer_view p;
	size_t pos = 0;

	*ret_n = 0;
	while (engine_each_peer(d->engine, &pos, &p)) {
		if (!is_peer(&p, text))
			continue;
		*ret = p.id;
		(*ret_n)++;
	}
	return *ret_n > 0;
}

/* Its targets that were added at run time, or discovered. */
static unsigned int remove_targets_of(struct daemon *d, peer_id_t id)
{
	struct target_view t;
	char host[MAX_HOST];
	size_t pos = 0;
	unsigned int n = 0;

	while (engine_each_target(d->engine, &pos, &t)) {
		if (t.peer_id != id)
			continue;
		snprintf(host, sizeof(host), "%s", t.host);
		target_event(d, EVENT_TARGET_REMOVED, host, t.port);
		pos = 0;
		n++;
	}
	return n;
}

static bool find_target(const struct daemon *d, const char *host, uint16_t port,
			peer_id_t *ret_id)
{
	struct target_view t;
	size_t pos = 0;

	while (engine_each_target(d->engine, &pos, &t)) {
		if (t.port != port || strcmp(t.host, host))
			continue;
		*ret_id = t.peer_id;
		return true;
	}
	return false;
}

json_t *api_peer_remove(struct daemon *d, const json_t *request,
			struct error *e)
{
	const char *text = api_text(request, "peer");
	char host[MAX_HOST];
	peer_id_t id = PEER_ID_NONE;
	uint16_t port;
	unsigned int n = 0;
	bool is_target = false;

	if (!text) {
		error_set(e, "invalid", "which peer?");
		return NULL;
	}
	if (find_peer(d, text, &id, &n) && n > 1) {
		error_set(e, "ambiguous", "%u peers are called '%.100s'", n,
			  text);
		error_hint(e, "use the name: 'fastdpctl peers' lists them");
		return NULL;
	}
	if (!n &&
	    addr_parse_host_port(text, d->settings.control_port, host, &port)) {
		is_target = find_target(d, host, port, &id);
		if (is_target)
			target_event(d, EVENT_TARGET_REMOVED, host, port);
	}
	if (!n && !is_target) {
		error_set(e, "not-found", "no peer '%.100s'", text);
		error_hint(e, "'fastdpctl peers' lists them");
		return NULL;
	}
	if (id != PEER_ID_NONE) {
		remove_targets_of(d, id);
		peer_event(d, EVENT_PEER_REMOVED, id);
	}
	return api_done("%s is removed from this host, and not let in until "
			"'fastdpctl peer add'",
			text);
}

json_t *api_log_level(struct daemon *d, const json_t *request, struct error *e)
{
	const char *text = api_text(request, "level");
	enum log_level level;

	if (!text || !log_parse_level(text, &level)) {
		error_set(e, "invalid", "'%.20s' is no log level",
			  text ? text : "?");
		error_hint(e, "error, warn, info or debug");
		return NULL;
	}
	d->settings.log_level = level;
	log_set_level(level);
	return api_done("the log level is %s", text);
}

json_t *api_reload(struct daemon *d, const json_t *request, struct error *e)
{
	(void)request;
	return daemon_reload(d, e) ? NULL
				   : api_done("configuration read again");
}

static void remove_links(struct daemon *d)
{
	struct rtnl_link link;

	while (!list_is_empty(&d->ports.all)) {
		struct port_record *r = RECORD_OF(d->ports.all.next);

		if (r->port_no != PORT_NO_HOST &&
		    rtnl_link_by_name(d->rtnl, r->host_ifname, &link) == 0 &&
		    rtnl_link_delete(d->rtnl, link.ifindex))
			log_warn("cannot delete %s", r->host_ifname);
		portbook_remove(&d->ports, r);
	}
}

json_t *api_reset(struct daemon *d, const json_t *request, struct error *e)
{
	const struct event leaving = { .type = EVENT_LEAVING };
	const unsigned int n = d->ports.n;

	if (!json_is_true(json_object_get(request, "force"))) {
		error_set(e, "refused", "reset cuts off every container here");
		error_hint(e, "say --force if that is meant");
		return NULL;
	}
	daemon_event(d, &leaving);
	daemon_turn(d);
	d->is_stopping = true;
	if (datapath_delete(d->datapath, e)) {
		d->is_stopping = false;
		return NULL;
	}
	remove_links(d);
	if (hostport_sync(d, NULL, e))
		log_warn("%s", e->message);
	log_info("reset: datapath, ports and links are gone; stopping");
	daemon_stop(d, 0);
	return api_done("the datapath %s and %u ports are gone; fastdpd stops",
			d->settings.bridge_name, n);
}
