/* SPDX-License-Identifier: Apache-2.0 */
#include "settings_keys.h"

#include <stddef.h>
#include <string.h>

#include "settings_value.h"
#include "sys/addr.h"
#include "sys/rtnl.h"

static int set_config(struct settings *s, const char *v, struct error *e)
{
	s->is_config_given = true;
	return value_copy(s->config, sizeof(s->config), "config", v, e);
}

static int set_name(struct settings *s, const char *v, struct error *e)
{
	if (!name_is_valid(v))
		return value_bad(
			e, "name", v,
			"1 to 63 letters, digits, '_', '.', ':' or '-'");
	return value_copy(s->name, sizeof(s->name), "name", v, e);
}

static int set_nickname(struct settings *s, const char *v, struct error *e)
{
	if (!name_is_valid(v))
		return value_bad(
			e, "nickname", v,
			"1 to 63 letters, digits, '_', '.', ':' or '-'");
	return value_copy(s->nickname, sizeof(s->nickname), "nickname", v, e);
}

static int set_local(struct settings *s, const char *v, struct error *e)
{
	struct ip ip;

	if (!addr_parse_ip(v, &ip) || addr_ip_is_multicast(&ip) ||
	    addr_ip_is_any(&ip))
		return value_bad(e, "local-address", v,
				 "an address of this host");
	s->local_address = ip;
	return 0;
}

static int set_control_port(struct settings *s, const char *v, struct error *e)
{
	return value_port("control-port", v, &s->control_port, e);
}

static int set_sleeve_port(struct settings *s, const char *v, struct error *e)
{
	return value_port("sleeve-port", v, &s->sleeve_port, e);
}

static int set_vxlan_port(struct settings *s, const char *v, struct error *e)
{
	return value_port("vxlan-port", v, &s->vxlan_port, e);
}

static int set_peer(struct settings *s, const char *v, struct error *e)
{
	if (s->n_peers == SETTINGS_MAX_PEERS)
		return error_set(e, "limit", "more than %u peers are given",
				 SETTINGS_MAX_PEERS);
	if (!addr_parse_host_port(v, 0, s->peers[s->n_peers].host,
				  &s->peers[s->n_peers].port))
		return value_bad(e, "peer", v, "HOST[:PORT] or [ADDRESS]:PORT");
	s->n_peers++;
	return 0;
}

static int set_datapath(struct settings *s, const char *v, struct error *e)
{
	if (strcmp(v, "auto") == 0)
		s->datapath = DATAPATH_AUTO;
	else if (strcmp(v, "ovs") == 0)
		s->datapath = DATAPATH_OVS;
	else if (strcmp(v, "bridge") == 0)
		s->datapath = DATAPATH_BRIDGE;
	else
		return value_bad(e, "datapath", v, "'auto', 'ovs' or 'bridge'");
	return 0;
}

static int set_bridge(struct settings *s, const char *v, struct error *e)
{
	if (!rtnl_ifname_is_valid(v))
		return value_bad(e, "bridge-name", v,
				 "an interface name of 1 to 15 characters");
	return value_copy(s->bridge_name, sizeof(s->bridge_name), "bridge-name",
			  v, e);
}

static int set_mtu(struct settings *s, const char *v, struct error *e)
{
	if (strcmp(v, "auto") == 0) {
		s->mtu = 0;
		return 0;
	}
	return value_number("mtu", v, 576, 65485, &s->mtu, e);
}

static int set_no_discovery(struct settings *s, const char *v, struct error *e)
{
	bool off = false;

	if (value_boolean("no-discovery", v, &off, e))
		return -1;
	s->has_discovery = !off;
	return 0;
}

static int set_socket(struct settings *s, const char *v, struct error *e)
{
	return value_copy(s->socket, sizeof(s->socket), "socket", v, e);
}

static int set_state_dir(struct settings *s, const char *v, struct error *e)
{
	return value_copy(s->state_dir, sizeof(s->state_dir) - 64, "state-dir",
			  v, e);
}

static int set_run_dir(struct settings *s, const char *v, struct error *e)
{
	return value_copy(s->run_dir, sizeof(s->run_dir) - 64, "run-dir", v, e);
}

static int set_insecure(struct settings *s, const char *v, struct error *e)
{
	return value_boolean("insecure", v, &s->is_insecure, e);
}

static int set_key_file(struct settings *s, const char *v, struct error *e)
{
	(void)s;
	error_set(e, "unsupported",
		  "key-file %.200s: this version cannot encrypt yet", v);
	return error_hint(e, "on an underlay that you trust, say --insecure");
}

static int set_log_level(struct settings *s, const char *v, struct error *e)
{
	return log_parse_level(v, &s->log_level)
		       ? 0
		       : value_bad(e, "log-level", v,
				   "error, warn, info or debug");
}

static int set_heartbeat(struct settings *s, const char *v, struct error *e)
{
	return value_number("heartbeat-interval", v, 20, 60000,
			    &s->heartbeat_interval_ms, e);
}

static int set_hold(struct settings *s, const char *v, struct error *e)
{
	return value_number("hold-time", v, 1, 86400, &s->hold_time_s, e);
}

static int set_pmtu_raise(struct settings *s, const char *v, struct error *e)
{
	return value_number("pmtu-raise-time", v, 1, 86400, &s->pmtu_raise_s,
			    e);
}

#define KEPT(field)                       \
	offsetof(struct settings, field), \
		sizeof(((struct settings *)0)->field), false
#define KEPT_TEXT(field)                  \
	offsetof(struct settings, field), \
		sizeof(((struct settings *)0)->field), true
#define LIVE 0, 0, false

const struct settings_key settings_keys[SETTINGS_N_KEYS] = {
	{ "config", set_config, "FILE",
	  "configuration file (" DEFAULT_CONFIG ")", LIVE },
	{ "name", set_name, "ID", "identity, kept for ever (random)",
	  KEPT_TEXT(name) },
	{ "nickname", set_nickname, "NAME",
	  "what people call this host (its host name)", KEPT_TEXT(nickname) },
	{ "local-address", set_local, "ADDR",
	  "underlay address to listen on and send from (all)",
	  KEPT(local_address) },
	{ "control-port", set_control_port, "N",
	  "TCP port of peers' sessions (6783)", KEPT(control_port) },
	{ "sleeve-port", set_sleeve_port, "N",
	  "UDP port of the user-space path (6783)", KEPT(sleeve_port) },
	{ "vxlan-port", set_vxlan_port, "N",
	  "UDP port of the kernel's path (6784)", KEPT(vxlan_port) },
	{ "peer", set_peer, "HOST[:PORT]",
	  "a host to join; one is enough; repeatable", LIVE },
	{ "datapath", set_datapath, "auto|ovs|bridge",
	  "what carries the packets (auto)", KEPT(datapath) },
	{ "bridge-name", set_bridge, "NAME",
	  "name of datapath and host interface (fastdp)",
	  KEPT_TEXT(bridge_name) },
	{ "mtu", set_mtu, "auto|N", "MTU of the containers (auto)", LIVE },
	{ "no-discovery", set_no_discovery, NULL,
	  "use no peers but those given, tell of none", KEPT(has_discovery) },
	{ "socket", set_socket, "PATH",
	  "socket for fastdpctl (/run/fastdp/fastdpd.sock)",
	  KEPT_TEXT(socket) },
	{ "state-dir", set_state_dir, "DIR",
	  "what outlives a reboot (/var/lib/fastdp)", KEPT_TEXT(state_dir) },
	{ "run-dir", set_run_dir, "DIR",
	  "what outlives a restart (/run/fastdp)", KEPT_TEXT(run_dir) },
	{ "insecure", set_insecure, NULL,
	  "start without keys: nothing is authenticated", KEPT(is_insecure) },
	{ "key-file", set_key_file, "FILE", "not in this version", LIVE },
	{ "log-level", set_log_level, "LEVEL",
	  "error, warn, info or debug (info)", LIVE },
	{ "heartbeat-interval", set_heartbeat, "MS",
	  "between heartbeats to a peer (300)", KEPT(heartbeat_interval_ms) },
	{ "hold-time", set_hold, "SECONDS",
	  "a lost peer's entries are kept for (300)", KEPT(hold_time_s) },
	{ "pmtu-raise-time", set_pmtu_raise, "SECONDS",
	  "larger packets are tried again after (600)", KEPT(pmtu_raise_s) },
};

bool settings_key_is_ignored(const struct settings_key *k,
			     const struct settings *a, const struct settings *b)
{
	const char *x = (const char *)a + k->at, *y = (const char *)b + k->at;

	/* Behind a text there may be the end of a longer one. */
	return k->is_text ? strcmp(x, y) != 0 : memcmp(x, y, k->size) != 0;
}
