/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: status, peers, ports, directory, flows, metrics. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "carrier.h"
#include "config.h"
#include "egress.h"
#include "flow_text.h"
#include "hearsay.h"
#include "mtu.h"
#include "notes.h"
#include "peer_json.h"
#include "state.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/clock.h"
#include "sys/ovs_dp.h"

static json_t *peers_json(struct daemon *d)
{
	const uint32_t mtu = daemon_mtu(d);
	json_t *list = json_array();
	struct peer_view p;
	size_t pos = 0;

	while (engine_each_peer(d->engine, &pos, &p))
		json_array_append_new(list, peer_json(&p, mtu));
	return list;
}

/* @container_id NULL: of all. */
static json_t *ports_json(const struct daemon *d, const char *container_id)
{
	json_t *list = json_array();

	EACH_RECORD(&d->ports, node)
	{
		const struct port_record *r = RECORD_OF(node);

		if (!container_id || strcmp(r->container_id, container_id) == 0)
			json_array_append_new(list, port_record_json(r));
	}
	return list;
}

static json_t *warnings_json(const struct daemon *d)
{
	json_t *list = json_array();
	json_t *datapath = datapath_json(d->datapath);
	char text[MTU_TEXT_SIZE];

	if (d->settings.is_insecure)
		json_array_append_new(
			list,
			json_string("insecure: peers are not authenticated and "
				    "packets not encrypted (--insecure)"));
	if (error_is_set(&d->capped))
		json_array_append_new(list, json_string(d->capped.message));
	if (!d->has_sleeve)
		json_array_append_new(
			list, json_string("no user-space path: /dev/net/tun "
					  "cannot be opened ('modprobe tun')"));
	if (!d->underlay.ifname[0])
		json_array_append_new(
			list, json_string("no link to other hosts was found: "
					  "the MTU is a guess"));
	if (mtu_warning(d, text))
		json_array_append_new(list, json_string(text));
	json_array_extend(list, json_object_get(datapath, "missing"));
	json_decref(datapath);
	api_ipam_warnings(d, list);
	return list;
}

json_t *api_status(struct daemon *d, const json_t *request, struct error *e)
{
	const usec_t uptime = clock_monotonic_us() - d->started_at;

	(void)request;
	(void)e;
	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:b, s:I, s:o, s:o, "
			 "s:o, s:o}",
			 "version", PACKAGE_VERSION, "name", d->name,
			 "nickname", d->settings.nickname, "datapath",
			 datapath_json(d->datapath), "mtu",
			 (json_int_t)daemon_mtu(d), "encryption", 0, "uptime_s",
			 (json_int_t)(uptime / USEC_PER_SEC), "peers",
			 peers_json(d), "ports", ports_json(d, NULL), "blocks",
			 api_ipam_blocks(d), "warnings", warnings_json(d));
}

static json_t *target_json(const struct daemon *d, const struct target_view *t)
{
	const usec_t now = clock_monotonic_us();
	char address[MAX_HOST + 8], peer[NOTES_PEER_SIZE];
	const char *kind = t->is_discovered   ? "discovered"
			   : t->is_configured ? "configured"
					      : "added";
	json_t *next = json_null();

	if (t->next_dial != USEC_NEVER)
		next = json_real(t->next_dial > now
					 ? (double)(t->next_dial - now) / 1e6
					 : 0.);
	snprintf(address, sizeof(address),
		 strchr(t->host, ':') ? "[%s]:%u" : "%s:%u", t->host, t->port);
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:I, s:s, s:s}", "address", address,
		"kind", kind, "state", t->has_session ? "connected" : "waiting",
		"next_dial_s", next, "failures", (json_int_t)t->n_failures,
		"reason", reason_text(t->reason), "peer",
		t->peer_id == PEER_ID_NONE ? ""
					   : notes_peer(d, t->peer_id, peer));
}

json_t *api_peers(struct daemon *d, const json_t *request, struct error *e)
{
	json_t *targets = json_array(), *removed = json_array();
	struct target_view t;
	peer_id_t id;
	size_t pos = 0;
	char text[20];

	(void)request;
	(void)e;
	while (engine_each_target(d->engine, &pos, &t))
		json_array_append_new(targets, target_json(d, &t));
	pos = 0;
	while (engine_each_removed(d->engine, &pos, &id)) {
		snprintf(text, sizeof(text), "%016" PRIx64, id);
		json_array_append_new(removed, json_string(text));
	}
	return json_pack("{s:o, s:o, s:o}", "peers", peers_json(d), "targets",
			 targets, "removed", removed);
}

json_t *api_ports(struct daemon *d, const json_t *request, struct error *e)
{
	(void)e;
	return json_pack("{s:o}", "ports",
			 ports_json(d, api_text(request, "container_id")));
}

struct listing {
	const struct daemon *daemon;
	json_t *list;
};

static json_t *flags_json(const struct entry *entry)
{
	json_t *flags = json_array();

	json_array_append_new(flags, json_string(entry->flags & ENTRY_LEARNT
							 ? "learnt"
							 : "declared"));
	if (entry->flags & ENTRY_TRUSTED)
		json_array_append_new(flags, json_string("trusted"));
	return flags;
}

static void list_entry(void *ctx, const struct entry_view *v)
{
	struct listing *l = ctx;
	const struct daemon *d = l->daemon;
	const bool is_local = v->owner == d->id;
	struct peer_view p = { .name = "?", .nickname = "?" };
	json_t *addresses = json_array();
	char mac[ADDR_MAC_SIZE], ip[ADDR_IP_SIZE], network[MAX_NAME];
	const struct port_record *r = portbook_find(&d->ports, v->port_no);
	size_t i;

	if (!is_local)
		engine_find_peer(d->engine, v->owner, &p);
	for (i = 0; i < v->entry.n_ips; i++)
		json_array_append_new(
			addresses,
			json_string(addr_print_ip(&v->entry.ips[i], ip)));
	json_array_append_new(
		l->list,
		json_pack("{s:s, s:I, s:s, s:o, s:s, s:s, s:b, s:s, s:I, s:o, "
			  "s:o, s:b}",
			  "network",
			  daemon_network_name(d, v->entry.vni, network), "vni",
			  (json_int_t)v->entry.vni, "mac",
			  addr_print_mac(&v->entry.mac, mac), "addresses",
			  addresses, "owner", is_local ? d->name : p.name,
			  "owner_nickname",
			  is_local ? d->settings.nickname : p.nickname, "local",
			  is_local, "port", r ? r->host_ifname : "", "revision",
			  (json_int_t)v->entry.revision, "flags",
			  flags_json(&v->entry), "since",
			  peer_json_moment(v->since), "wins", v->is_winner));
}

json_t *api_directory(struct daemon *d, const json_t *request, struct error *e)
{
	struct listing l = { .daemon = d, .list = json_array() };

	(void)request;
	(void)e;
	engine_all_entries(d->engine, list_entry, &l);
	return json_pack("{s:o}", "entries", l.list);
}

static int list_flow(void *ctx, const struct ovs_flow *flow)
{
	struct listing *l = ctx;
	char match[FLOW_TEXT_MATCH_SIZE], *actions;
	json_t *used = json_null();

	if (flow->idle_us != USEC_NEVER)
		used = json_integer((json_int_t)(flow->idle_us / USEC_PER_MS));
	if (flow->is_foreign) {
		json_array_append_new(
			l->list,
			json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:b}",
				  "stage", "?", "match", "not ours", "actions",
				  "not ours", "packets",
				  (json_int_t)flow->n_packets, "bytes",
				  (json_int_t)flow->n_bytes, "used_ms", used,
				  "wanted", 0));
		return 0;
	}
	actions = flow_text_actions(&flow->actions);
	json_array_append_new(
		l->list,
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:b}", "stage",
			  flow_text_stage(&flow->match), "match",
			  flow_text_match(&flow->match, match), "actions",
			  actions, "packets", (json_int_t)flow->n_packets,
			  "bytes", (json_int_t)flow->n_bytes, "used_ms", used,
			  "wanted",
			  engine_find_flow(l->daemon->engine, &flow->match) !=
				  NULL));
	free(actions);
	return 0;
}

/* A bridge counts no packets by entry. */
static json_t *bridge_flows(struct daemon *d)
{
	json_t *list = json_array();

	datapath_flows(d->datapath, list);
	return json_pack("{s:o, s:n}", "flows", list, "datapath");
}

static json_t *ovs_flows(struct daemon *d, struct error *e)
{
	struct listing l = { .daemon = d, .list = json_array() };
	struct ovs_datapath dp = { .n_hit = 0 };
	struct ovs_dp *ovs = datapath_ovs(d->datapath);
	int error = ovs_dp_flow_dump(ovs, list_flow, &l);

	if (!error)
		error = ovs_dp_read(ovs, &dp);
	if (error) {
		json_decref(l.list);
		error_set(e, "system", "cannot read the kernel's flows: %s",
			  strerror(-error));
		return NULL;
	}
	return json_pack("{s:o, s:{s:I, s:I, s:I, s:I}}", "flows", l.list,
			 "datapath", "lookups",
			 (json_int_t)(dp.n_hit + dp.n_missed), "hit",
			 (json_int_t)dp.n_hit, "missed",
			 (json_int_t)dp.n_missed, "lost",
			 (json_int_t)dp.n_lost);
}

json_t *api_flows(struct daemon *d, const json_t *request, struct error *e)
{
	(void)request;
	return datapath_is_bridge(d->datapath) ? bridge_flows(d)
					       : ovs_flows(d, e);
}

static void put(json_t *metrics, const char *name, uint64_t value)
{
	json_object_set_new(metrics, name, json_integer((json_int_t)value));
}

static uint64_t resident_bytes(void)
{
	CLEAN_FILE FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void engine_metrics(const struct daemon *d, json_t *m)
{
	struct engine_counters c;

	engine_counters(d->engine, &c);
	put(m, "flow_puts", c.n_flow_puts);
	put(m, "flow_dels", c.n_flow_dels);
	put(m, "flow_refused", c.n_flow_refused);
	put(m, "flows_adopted", c.n_flows_adopted);
	put(m, "flows", c.n_flows);
	put(m, "lazy_flows", c.n_lazy_flows);
	put(m, "upcalls", c.n_upcalls);
	put(m, "upcalls_dropped", c.n_upcalls_dropped);
	put(m, "foreign_macs", c.n_foreign_macs);
	put(m, "unknown_macs", c.n_unknown_macs);
	put(m, "mac_moves", c.n_mac_moves);
	put(m, "ip_moves", c.n_ip_moves);
	put(m, "announcements", c.n_announcements);
	put(m, "probes_sent", c.n_probes_sent);
	put(m, "probes_acked", c.n_probes_acked);
	put(m, "bad_probes", c.n_bad_probes);
	put(m, "mtu_probes_sent", c.n_mtu_probes_sent);
	put(m, "mtu_probes_acked", c.n_mtu_probes_acked);
	put(m, "messages_in", c.n_messages_in);
	put(m, "messages_out", c.n_messages_out);
	put(m, "entries", c.n_entries);
	put(m, "entries_refused", c.n_entries_refused);
	put(m, "bindings", c.n_bindings);
	put(m, "limit_hits", c.n_limit_hits);
	put(m, "too_big_answered", c.n_too_big_answered);
	put(m, "too_big_unanswered", c.n_too_big_unanswered);
	put(m, "too_big_groups_lost", c.n_groups_lost);
	put(m, "peers", c.n_peers);
	put(m, "targets", c.n_targets);
	put(m, "sessions", c.n_sessions);
	put(m, "ports", c.n_ports);
	put(m, "routes_forgotten", egress_n_forgotten(d->egress));
	put(m, "too_big_heard", hearsay_n_heard(d->hearsay));
}

json_t *api_metrics(struct daemon *d, const json_t *request, struct error *e)
{
	json_t *m = json_object();
	struct control_counters c;

	(void)request;
	(void)e;
	engine_metrics(d, m);
	control_counters(d->control, &c);
	put(m, "connections_accepted", c.n_accepted);
	put(m, "connections_dialled", c.n_dialled);
	put(m, "connections_refused", c.n_refused_limit);
	put(m, "connections", c.n_connections);
	put(m, "handshakes_failed", c.n_handshake_failed);
	put(m, "bad_messages", c.n_bad_messages);
	put(m, "ignored_messages", c.n_ignored_messages);
	put(m, "control_bytes_in", c.n_bytes_in);
	put(m, "control_bytes_out", c.n_bytes_out);
	datapath_metrics(d->datapath, m);
	carrier_metrics(d->carrier, m);
	put(m, "resident_bytes", resident_bytes());
	put(m, "uptime_seconds",
	    (clock_monotonic_us() - d->started_at) / USEC_PER_SEC);
	return json_pack("{s:o}", "metrics", m);
}
