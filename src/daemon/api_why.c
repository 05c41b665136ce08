/* SPDX-License-Identifier: Apache-2.0 */
/* Why MAC|IP|PEER: who has it, which path, which flow, since when. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "core/frame.h"
#include "flow_text.h"
#include "notes.h"
#include "state.h"
#include "sys/addr.h"
#include "sys/clock.h"
#include "sys/ovs_dp.h"

#define IPV6_MIN_MTU 1280U /* RFC 8200 section 5 */

static void say(json_t *lines, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(json_t *lines, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	json_array_append_new(lines, json_string(text));
}

static const char *ago(usec_t at, char ret[32])
{
	const usec_t now = clock_monotonic_us();
	const uint64_t s = (now > at ? now - at : 0) / USEC_PER_SEC;

	if (s < 60)
		snprintf(ret, 32, "%us", (unsigned int)s);
	else if (s < 3600)
		snprintf(ret, 32, "%um%us", (unsigned int)(s / 60),
			 (unsigned int)(s % 60));
	else
		snprintf(ret, 32, "%uh%um", (unsigned int)(s / 3600),
			 (unsigned int)(s % 3600 / 60));
	return ret;
}

static const char *path_name(const struct peer_view *p)
{
	static const char *const names[] = { "fastdp", "sleeve" };

	return p->has_path ? names[p->path] : "none";
}

/* The ladder, smallest first: "1200 arrived, 1500 lost 3 times". */
static void ladder_text(const struct path_view *p, char *ret, size_t size)
{
	unsigned int i, last = 0, n = 0;
	size_t used = 0;

	ret[0] = '\0';
	for (n = 0; n < p->n_rungs; n++) {
		const struct pmtu_rung *r = NULL;
		int w;

		for (i = 0; i < p->n_rungs; i++) {
			if (p->rungs[i].size > last &&
			    (!r || p->rungs[i].size < r->size))
				r = &p->rungs[i];
		}
		if (!r)
			return;
		last = r->size;
		w = snprintf(ret + used, size - used,
			     r->is_acked ? "%s%u arrived" : "%s%u lost (%u)",
			     used ? ", " : "", r->size, r->n_lost);
		if (w < 0 || (size_t)w >= size - used) {
			ret[used] = '\0';
			return;
		}
		used += (size_t)w;
	}
}

static void say_size(json_t *lines, const char *name, const struct path_view *p)
{
	char ladder[400], time[32];

	if (p->state != PATH_UP)
		return;
	say(lines,
	    "%s carries packets of %u bytes, since %s: %s (search: %s; link "
	    "%u, the kernel thinks %u)",
	    name, p->plpmtu, ago(p->pmtu_changed_at, time),
	    reason_text(p->pmtu_reason), pmtu_state_text(p->pmtu_state),
	    p->link_mtu, p->route_mtu);
	if (p->pmtu_state == PMTU_ERROR && !p->n_mtu_probes_acked)
		say(lines,
		    "none of %llu probes of its size was ever answered, though "
		    "heartbeats are: a firewall drops all longer packets, or "
		    "the peer runs a version that knows no such probes; then "
		    "upgrade it",
		    (unsigned long long)p->n_mtu_probes);
	ladder_text(p, ladder, sizeof(ladder));
	if (ladder[0])
		say(lines, "the last search of %s: %s", name, ladder);
}

static void say_path(json_t *lines, const char *name, const struct path_view *p)
{
	char time[32];

	if (p->state == PATH_UP)
		say(lines, "%s is up, since %s (round trip %u us)", name,
		    ago(p->since, time), (unsigned int)p->rtt_us);
	else
		say(lines, "%s is %s, since %s: %s", name,
		    path_state_text(p->state), ago(p->since, time),
		    reason_text(p->reason));
	say_size(lines, name, p);
	if (p->last_error != REASON_NONE)
		say(lines, "the last trouble of %s was %s ago: %s", name,
		    ago(p->last_error_at, time), reason_text(p->last_error));
}

static void say_session(const struct daemon *d, json_t *lines,
			const struct peer_view *p)
{
	char time[32];

	if (p->has_session)
		say(lines, "the control session is up, since %s",
		    ago(p->session_since, time));
	else
		say(lines,
		    "there is no control session, since %s: %s; what the peer "
		    "announced is kept for %us, or for as long as its kernel "
		    "answers",
		    ago(p->session_since, time), reason_text(p->session_reason),
		    d->settings.hold_time_s);
}

static void say_peer(const struct daemon *d, json_t *lines,
		     const struct peer_view *p)
{
	char address[ADDR_IP_SIZE], time[32];

	addr_print_ip(&p->remote.ip, address);
	if (p->has_path)
		say(lines, "packets to %s (%s, %s) take %s, since %s: %s",
		    p->nickname, p->name, address, path_name(p),
		    ago(p->since, time), reason_text(p->reason));
	else
		say(lines,
		    "no path to %s (%s, %s) works, since %s: %s; its flows "
		    "stay, for there is nothing better",
		    p->nickname, p->name, address, ago(p->since, time),
		    reason_text(p->reason));
	say_path(lines, "fastdp", &p->paths[PATH_FASTDP]);
	say_path(lines, "sleeve", &p->paths[PATH_SLEEVE]);
	if (p->mtu)
		say(lines,
		    "a container may put %u bytes in one packet to it; %llu "
		    "longer ones were answered, %llu cut into %llu",
		    p->mtu, (unsigned long long)p->n_too_big,
		    (unsigned long long)p->n_fragmented,
		    (unsigned long long)p->n_fragments);
	if (p->n_groups_lost)
		say(lines,
		    "%llu broadcasts and multicasts were too long for it and "
		    "might not be cut (DF, or IPv6): they are lost, for nobody "
		    "may be told",
		    (unsigned long long)p->n_groups_lost);
	if (p->mtu && p->mtu < IPV6_MIN_MTU)
		say(lines,
		    "IPv6 wants at least %u: its packets up to that are cut "
		    "by the daemon, which costs CPU, until the path carries "
		    "%u bytes",
		    IPV6_MIN_MTU,
		    IPV6_MIN_MTU + (ip_is_v4(&p->remote.ip)
					    ? VXLAN_OVERHEAD_V4
					    : VXLAN_OVERHEAD_V6));
	say_session(d, lines, p);
}

/* The kernel's flow of @match, said and as JSON. */
static json_t *say_flow(struct daemon *d, json_t *lines,
			const struct flow_match *match, const char *what)
{
	struct ovs_flow_op op = { .type = OVS_FLOW_GET, .match = match };
	char text[FLOW_TEXT_MATCH_SIZE], last[64] = "never used";
	struct ovs_dp *ovs = datapath_ovs(d->datapath);
	const struct flow_actions *actions;
	json_t *used = json_null(), *flow;
	char *doing;
	int error = ovs_dp_flows(ovs, &op, 1);

	flow_text_match(match, text);
	if (error || op.error) {
		json_decref(used);
		say(lines, "the kernel has no flow for %s (%s)", what, text);
		return json_null();
	}
	if (op.idle_us != USEC_NEVER) {
		snprintf(last, sizeof(last), "last used %u ms ago",
			 (unsigned int)(op.idle_us / USEC_PER_MS));
		used = json_integer((json_int_t)(op.idle_us / USEC_PER_MS));
	}
	actions = engine_find_flow(d->engine, match);
	doing = actions ? flow_text_actions(actions) : NULL;
	say(lines, "the kernel's flow for %s: %s -> %s, %llu packets, %s", what,
	    text, doing ? doing : "?", (unsigned long long)op.n_packets, last);
	flow = json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:b}", "stage",
			 flow_text_stage(match), "match", text, "actions",
			 doing ? doing : "?", "packets",
			 (json_int_t)op.n_packets, "bytes",
			 (json_int_t)op.n_bytes, "used_ms", used, "wanted",
			 actions != NULL);
	free(doing);
	return flow;
}

static void say_owner(const struct daemon *d, json_t *lines, const char *what,
		      const struct entry_view *v)
{
	const struct port_record *r = portbook_find(&d->ports, v->port_no);
	char owner[NOTES_PEER_SIZE], mac[ADDR_MAC_SIZE], time[32];
	char network[MAX_NAME];

	daemon_network_name(d, v->entry.vni, network);
	addr_print_mac(&v->entry.mac, mac);
	if (v->owner == d->id)
		say(lines,
		    "%s is %s in network %s (VNI %u), of this host: port %s "
		    "(%s of %s), since %s",
		    what, mac, network, v->entry.vni, r ? r->host_ifname : "?",
		    r ? r->ifname : "?", r ? r->netns_path : "?",
		    ago(v->since, time));
	else
		say(lines,
		    "%s is %s in network %s (VNI %u), of %s: it says so since "
		    "%s, revision %llu, %s",
		    what, mac, network, v->entry.vni,
		    notes_peer(d, v->owner, owner), ago(v->since, time),
		    (unsigned long long)v->entry.revision,
		    v->entry.flags & ENTRY_LEARNT ? "learnt" : "declared");
}

/* The bridge's entry, likewise. */
static json_t *say_bridge(struct daemon *d, json_t *lines,
			  const struct entry_view *v)
{
	json_t *flow = datapath_flow_to(d->datapath, v->entry.vni,
					&v->entry.mac);

	if (v->port_no == PORT_NO_HOST)
		say(lines, "the bridge %s itself is the host's port",
		    daemon_host_ifname(d));
	else if (json_is_null(flow))
		say(lines, "the bridge has no entry for frames to it");
	else
		say(lines, "the bridge's entry for frames to it: %s -> %s",
		    json_string_value(json_object_get(flow, "match")),
		    json_string_value(json_object_get(flow, "actions")));
	return flow;
}

static json_t *mac_flow(struct daemon *d, json_t *lines,
			const struct entry_view *v)
{
	struct flow_match match;

	if (datapath_is_bridge(d->datapath))
		return say_bridge(d, lines, v);
	memset(&match, 0, sizeof(match));
	match.fields = FLOW_ETH_DST;
	match.recirc_id = RECIRC_LOCAL(v->entry.vni);
	match.eth_dst = v->entry.mac;
	return say_flow(d, lines, &match, "frames to it");
}

static json_t *found(struct daemon *d, const char *kind, const char *what,
		     const struct entry_view *v)
{
	json_t *lines = json_array();
	char owner[NOTES_PEER_SIZE];
	struct peer_view p;
	const char *path = "local";
	json_t *flow;

	say_owner(d, lines, what, v);
	if (v->owner != d->id && engine_find_peer(d->engine, v->owner, &p)) {
		say_peer(d, lines, &p);
		path = path_name(&p);
	}
	flow = mac_flow(d, lines, v);
	return json_pack("{s:s, s:b, s:s, s:s, s:o, s:o}", "what", kind,
			 "found", 1, "owner", notes_peer(d, v->owner, owner),
			 "path", path, "flow", flow, "lines", lines);
}

static json_t *not_found(const char *kind, const char *what)
{
	json_t *lines = json_array();

	say(lines,
	    "%s is in no directory: no host has declared it, and it was not "
	    "learnt",
	    what);
	say(lines, "an unknown address is asked for in all of its network; "
		   "'fastdpctl directory' lists what is known");
	return json_pack("{s:s, s:b, s:o}", "what", kind, "found", 0, "lines",
			 lines);
}

struct search {
	const struct mac *mac;
	const struct ip *ip;
	bool is_found;
	struct entry_view view;
};

static void look(void *ctx, const struct entry_view *v)
{
	struct search *s = ctx;

	if (!v->is_winner || s->is_found)
		return;
	if (s->mac ? mac_equal(s->mac, &v->entry.mac)
		   : ip_is_among(s->ip, v->entry.ips, v->entry.n_ips)) {
		s->view = *v;
		s->is_found = true;
	}
}

static json_t *why_peer(struct daemon *d, const char *what)
{
	struct peer_view p;
	json_t *lines;
	char id[NOTES_PEER_SIZE], address[ADDR_IP_SIZE];
	size_t pos = 0;

	while (engine_each_peer(d->engine, &pos, &p)) {
		if (strcmp(p.name, what) && strcmp(p.nickname, what) &&
		    strcmp(addr_print_ip(&p.remote.ip, address), what))
			continue;
		lines = json_array();
		say_peer(d, lines, &p);
		say(lines, "it has announced %u entries", p.n_entries);
		return json_pack("{s:s, s:b, s:s, s:s, s:n, s:o}", "what",
				 "peer", "found", 1, "owner",
				 notes_peer(d, p.id, id), "path", path_name(&p),
				 "flow", "lines", lines);
	}
	return NULL;
}

json_t *api_why(struct daemon *d, const json_t *request, struct error *e)
{
	const char *what = api_text(request, "what");
	struct search s = { .is_found = false };
	struct mac mac;
	struct ip ip;
	json_t *reply;

	if (!what) {
		error_set(e, "invalid", "why what? A MAC, an IP or a peer");
		return NULL;
	}
	reply = why_peer(d, what);
	if (reply)
		return reply;
	if (addr_parse_mac(what, &mac))
		s.mac = &mac;
	else if (addr_parse_ip(what, &ip))
		s.ip = &ip;
	else
		return not_found("peer", what);
	engine_all_entries(d->engine, look, &s);
	return s.is_found ? found(d, s.mac ? "mac" : "ip", what, &s.view)
			  : not_found(s.mac ? "mac" : "ip", what);
}
