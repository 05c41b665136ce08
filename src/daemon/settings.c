/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/rtnl.h"

struct key {
	const char *name;
	int (*set)(struct settings *s, const char *value, struct error *e);
	bool has_argument;
	const char *argument, *help;
};

static int bad(struct error *e, const char *key, const char *value,
	       const char *wanted)
{
	error_set(e, "invalid", "%s: '%.100s' is not %s", key, value, wanted);
	return error_hint(e, "see fastdpd --help, or fastdpd.conf(5)");
}

static int copy(char *dst, size_t size, const char *key, const char *value,
		struct error *e)
{
	if (!*value || strlen(value) >= size)
		return bad(e, key, value, "a text of usable length");
	strcpy(dst, value);
	return 0;
}

static int number(const char *key, const char *value, unsigned long min,
		  unsigned long max, uint32_t *ret, struct error *e)
{
	char *end, wanted[64];
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || end == value || *end || *value == '-' || n < min ||
	    n > max) {
		snprintf(wanted, sizeof(wanted), "a number from %lu to %lu",
			 min, max);
		return bad(e, key, value, wanted);
	}
	*ret = (uint32_t)n;
	return 0;
}

static int port(const char *key, const char *value, uint16_t *ret,
		struct error *e)
{
	return addr_parse_port(value, ret)
		       ? 0
		       : bad(e, key, value, "a port from 1 to 65535");
}

static int boolean(const char *key, const char *value, bool *ret,
		   struct error *e)
{
	static const char *const yes[] = { "", "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(value, yes[i]) == 0) {
			*ret = true;
			return 0;
		}
	}
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (strcmp(value, no[i]) == 0) {
			*ret = false;
			return 0;
		}
	}
	return bad(e, key, value, "yes or no");
}

static int set_config(struct settings *s, const char *v, struct error *e)
{
	s->is_config_given = true;
	return copy(s->config, sizeof(s->config), "config", v, e);
}

static int set_name(struct settings *s, const char *v, struct error *e)
{
	if (!name_is_valid(v))
		return bad(e, "name", v,
			   "1 to 63 letters, digits, '_', '.', ':' or '-'");
	return copy(s->name, sizeof(s->name), "name", v, e);
}

static int set_nickname(struct settings *s, const char *v, struct error *e)
{
	if (!name_is_valid(v))
		return bad(e, "nickname", v,
			   "1 to 63 letters, digits, '_', '.', ':' or '-'");
	return copy(s->nickname, sizeof(s->nickname), "nickname", v, e);
}

static int set_local(struct settings *s, const char *v, struct error *e)
{
	struct ip ip;

	if (!addr_parse_ip(v, &ip) || addr_ip_is_multicast(&ip) ||
	    addr_ip_is_any(&ip))
		return bad(e, "local-address", v, "an address of this host");
	s->local_address = ip;
	return 0;
}

static int set_control_port(struct settings *s, const char *v, struct error *e)
{
	return port("control-port", v, &s->control_port, e);
}

static int set_sleeve_port(struct settings *s, const char *v, struct error *e)
{
	return port("sleeve-port", v, &s->sleeve_port, e);
}

static int set_vxlan_port(struct settings *s, const char *v, struct error *e)
{
	return port("vxlan-port", v, &s->vxlan_port, e);
}

static int set_peer(struct settings *s, const char *v, struct error *e)
{
	if (s->n_peers == SETTINGS_MAX_PEERS)
		return error_set(e, "limit", "more than %u peers are given",
				 SETTINGS_MAX_PEERS);
	if (!addr_parse_host_port(v, 0, s->peers[s->n_peers].host,
				  &s->peers[s->n_peers].port))
		return bad(e, "peer", v, "HOST[:PORT] or [ADDRESS]:PORT");
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
		return bad(e, "datapath", v, "'auto', 'ovs' or 'bridge'");
	return 0;
}

static int set_bridge(struct settings *s, const char *v, struct error *e)
{
	if (!rtnl_ifname_is_valid(v))
		return bad(e, "bridge-name", v,
			   "an interface name of 1 to 15 characters");
	return copy(s->bridge_name, sizeof(s->bridge_name), "bridge-name", v,
		    e);
}

static int set_mtu(struct settings *s, const char *v, struct error *e)
{
	if (strcmp(v, "auto") == 0) {
		s->mtu = 0;
		return 0;
	}
	return number("mtu", v, 576, 65485, &s->mtu, e);
}

static int set_no_discovery(struct settings *s, const char *v, struct error *e)
{
	bool off = false;

	if (boolean("no-discovery", v, &off, e))
		return -1;
	s->has_discovery = !off;
	return 0;
}

static int set_socket(struct settings *s, const char *v, struct error *e)
{
	return copy(s->socket, sizeof(s->socket), "socket", v, e);
}

static int set_state_dir(struct settings *s, const char *v, struct error *e)
{
	return copy(s->state_dir, sizeof(s->state_dir) - 64, "state-dir", v, e);
}

static int set_run_dir(struct settings *s, const char *v, struct error *e)
{
	return copy(s->run_dir, sizeof(s->run_dir) - 64, "run-dir", v, e);
}

static int set_insecure(struct settings *s, const char *v, struct error *e)
{
	return boolean("insecure", v, &s->is_insecure, e);
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
		       : bad(e, "log-level", v, "error, warn, info or debug");
}

static int set_heartbeat(struct settings *s, const char *v, struct error *e)
{
	return number("heartbeat-interval", v, 20, 60000,
		      &s->heartbeat_interval_ms, e);
}

static int set_hold(struct settings *s, const char *v, struct error *e)
{
	return number("hold-time", v, 1, 86400, &s->hold_time_s, e);
}

static int set_pmtu_raise(struct settings *s, const char *v, struct error *e)
{
	return number("pmtu-raise-time", v, 1, 86400, &s->pmtu_raise_s, e);
}

static const struct key keys[] = {
	{ "config", set_config, true, "FILE",
	  "configuration file (" DEFAULT_CONFIG ")" },
	{ "name", set_name, true, "ID", "identity, kept for ever (random)" },
	{ "nickname", set_nickname, true, "NAME",
	  "what people call this host (its host name)" },
	{ "local-address", set_local, true, "ADDR",
	  "underlay address to listen on and send from (all)" },
	{ "control-port", set_control_port, true, "N",
	  "TCP port of peers' sessions (6783)" },
	{ "sleeve-port", set_sleeve_port, true, "N",
	  "UDP port of the user-space path (6783)" },
	{ "vxlan-port", set_vxlan_port, true, "N",
	  "UDP port of the kernel's path (6784)" },
	{ "peer", set_peer, true, "HOST[:PORT]",
	  "a host to join; one is enough; repeatable" },
	{ "datapath", set_datapath, true, "auto|ovs|bridge",
	  "what carries the packets (auto)" },
	{ "bridge-name", set_bridge, true, "NAME",
	  "name of datapath and host interface (fastdp)" },
	{ "mtu", set_mtu, true, "auto|N", "MTU of the containers (auto)" },
	{ "no-discovery", set_no_discovery, false, NULL,
	  "use no peers but those given, tell of none" },
	{ "socket", set_socket, true, "PATH",
	  "socket for fastdpctl (/run/fastdp/fastdpd.sock)" },
	{ "state-dir", set_state_dir, true, "DIR",
	  "what outlives a reboot (/var/lib/fastdp)" },
	{ "run-dir", set_run_dir, true, "DIR",
	  "what outlives a restart (/run/fastdp)" },
	{ "insecure", set_insecure, false, NULL,
	  "start without keys: nothing is authenticated" },
	{ "key-file", set_key_file, true, "FILE", "not in this version" },
	{ "log-level", set_log_level, true, "LEVEL",
	  "error, warn, info or debug (info)" },
	{ "heartbeat-interval", set_heartbeat, true, "MS",
	  "between heartbeats to a peer (300)" },
	{ "hold-time", set_hold, true, "SECONDS",
	  "a lost peer's entries are kept for (300)" },
	{ "pmtu-raise-time", set_pmtu_raise, true, "SECONDS",
	  "larger packets are tried again after (600)" },
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static void print_help(void)
{
	size_t i;
	char left[64];

	printf("Usage: fastdpd [OPTION]...\n"
	       "Joins the containers of all hosts into one layer-2 network.\n\n");
	for (i = 0; i < N_KEYS; i++) {
		snprintf(left, sizeof(left), "--%s%s%s", keys[i].name,
			 keys[i].argument ? " " : "",
			 keys[i].argument ? keys[i].argument : "");
		printf("  %-26s %s\n", left, keys[i].help);
	}
	printf("  %-26s %s\n  %-26s %s\n\n"
	       "Example: fastdpd --insecure --peer host1\n"
	       "Manual: fastdpd(8), fastdpd.conf(5), fastdpctl(8)\n",
	       "--help", "this text", "--version", "the version");
}

static void set_defaults(struct settings *s)
{
	char *p;

	memset(s, 0, sizeof(*s));
	strcpy(s->config, DEFAULT_CONFIG);
	s->control_port = 6783;
	s->sleeve_port = 6783;
	s->vxlan_port = 6784;
	s->has_discovery = true;
	strcpy(s->bridge_name, "fastdp");
	strcpy(s->socket, "/run/fastdp/fastdpd.sock");
	strcpy(s->state_dir, "/var/lib/fastdp");
	strcpy(s->run_dir, "/run/fastdp");
	s->log_level = LOG_INFO;
	s->heartbeat_interval_ms = 300;
	s->hold_time_s = 300;
	s->pmtu_raise_s = 600;
	if (gethostname(s->nickname, sizeof(s->nickname) - 1))
		s->nickname[0] = '\0';
	p = strchr(s->nickname, '.');
	if (p)
		*p = '\0';
	if (!name_is_valid(s->nickname))
		strcpy(s->nickname, "host");
}

struct file_context {
	struct settings *s;
	struct settings *overruled; /* what options win over: only checked */
	struct error *e;
	bool has_failed;
	bool seen[N_KEYS];    /* given as an option: that wins */
	bool in_file[N_KEYS]; /* met in the file */
};

static int set_network(struct file_context *c, const char *network,
		       const char *key, const char *value)
{
	struct settings *s = c->s;
	uint32_t vni;
	size_t i;
	int rc;

	if (!name_is_valid(network))
		return bad(c->e, "network", network,
			   "1 to 63 letters, digits, '_', '.', ':' or '-'");
	rc = ipam_settings_network(&s->ipam, network, key, value, c->e);
	if (rc <= 0)
		return rc;
	if (strcmp(key, "vni") != 0)
		return error_set(c->e, "invalid",
				 "[network %s] has an unknown key '%.50s'",
				 network, key);
	if (number("vni", value, 1, VNI_MAX, &vni, c->e))
		return -1;
	for (i = 0; i < s->n_networks; i++) {
		if (s->networks[i].vni == vni ||
		    strcmp(s->networks[i].name, network) == 0)
			return error_set(c->e, "invalid",
					 "[network %s] repeats the name or VNI "
					 "of [network %s]",
					 network, s->networks[i].name);
	}
	if (s->n_networks == MAX_NETWORKS)
		return error_set(c->e, "limit", "more than %u networks",
				 MAX_NETWORKS);
	strcpy(s->networks[s->n_networks].name, network);
	s->networks[s->n_networks++].vni = vni;
	return 0;
}

static int set_daemon(struct file_context *c, const char *key,
		      const char *value)
{
	size_t i;

	for (i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].name, key) != 0 || keys[i].set == set_config)
			continue;
		if (c->in_file[i] && keys[i].set != set_peer)
			return error_set(c->e, "invalid", "%s is given twice",
					 key);
		c->in_file[i] = true;
		return keys[i].set(c->seen[i] ? c->overruled : c->s, value,
				   c->e);
	}
	error_set(c->e, "invalid", "[daemon] has an unknown key '%.50s'", key);
	return error_hint(c->e, "the keys are the options of fastdpd --help");
}

/* inih's callback: 0 is failure. */
static int on_line(void *ctx, const char *section, const char *key,
		   const char *value)
{
	struct file_context *c = ctx;
	static const char network[] = "network ";

	if (c->has_failed)
		return 0;
	if (strcmp(section, "daemon") == 0)
		c->has_failed = set_daemon(c, key, value) != 0;
	else if (strncmp(section, network, strlen(network)) == 0)
		c->has_failed = set_network(c, section + strlen(network), key,
					    value) != 0;
	else if (strcmp(section, "ipam") == 0)
		c->has_failed = ipam_settings_line(&c->s->ipam, key, value,
						   c->e) != 0;
	else
		c->has_failed =
			error_set(c->e, "invalid",
				  "unknown section '[%.50s]' (or a key before "
				  "any section)",
				  section) != 0;
	return !c->has_failed;
}

/* As fgets(); but a zero byte, which would hide the rest of its line, makes
 * the line one that is refused. */
static char *read_line(char *ret, int size, void *stream)
{
	FILE *f = stream;
	int c, n = 0;

	while (n < size - 1 && (c = getc(f)) != EOF) {
		ret[n++] = c ? (char)c : '\1';
		if (c == '\n')
			break;
	}
	ret[n] = '\0';
	return n ? ret : NULL;
}

static int read_file(struct file_context *c)
{
	CLEAN_FILE FILE *f = NULL;
	struct settings *s = c->s;
	int line = 0;

	f = fopen(s->config, "re");
	if (!f && errno == ENOENT && !s->is_config_given)
		return 0;
	if (f)
		line = ini_parse_stream(read_line, f, on_line, c);
	if (!f || ferror(f)) {
		error_set(c->e, error_code_of(errno), "cannot read %s: %s",
			  s->config, strerror(errno));
		return error_hint(c->e, "check the path and its permissions");
	}
	if (line == 0 && !c->has_failed)
		return 0;
	if (!c->has_failed)
		error_set(c->e, "invalid", "not of the form 'key = value'");
	return error_prefix(c->e, "%s:%d", s->config, line);
}

static int read_options(int argc, char *argv[], struct file_context *c,
			enum settings_result *ret)
{
	struct option options[N_KEYS + 3];
	int i, which;

	memset(options, 0, sizeof(options));
	for (i = 0; i < (int)N_KEYS; i++) {
		options[i].name = keys[i].name;
		options[i].has_arg = keys[i].has_argument;
		options[i].val = 0;
	}
	options[N_KEYS].name = "help";
	options[N_KEYS].val = 'h';
	options[N_KEYS + 1].name = "version";
	options[N_KEYS + 1].val = 'V';
	*ret = SETTINGS_USAGE;
	optind = 0; /* tests read options more than once in a process */
	opterr = 0;
	while ((i = getopt_long(argc, argv, "hV", options, &which)) != -1) {
		if (i == 'h' || i == 'V') {
			*ret = SETTINGS_DONE;
			if (i == 'h')
				print_help();
			else
				printf("fastdpd %s\n", PACKAGE_VERSION);
			return -1;
		}
		if (i == '?') {
			error_set(c->e, "usage",
				  "unknown option, or its argument is missing: "
				  "%.100s",
				  argv[optind - 1]);
			return error_hint(c->e, "see fastdpd --help");
		}
		c->seen[which] = true;
		if (keys[which].set(c->s, optarg ? optarg : "", c->e))
			return error_prefix(c->e, "option --%s",
					    keys[which].name);
	}
	if (optind < argc) {
		error_set(c->e, "usage", "what is '%.100s'?", argv[optind]);
		return error_hint(c->e, "peers are given with --peer HOST");
	}
	return 0;
}

static int check(const struct settings *s, struct error *e)
{
	if (s->sleeve_port == s->vxlan_port)
		return error_set(e, "invalid",
				 "sleeve-port and vxlan-port are both %u: each "
				 "needs a UDP port of its own",
				 s->vxlan_port);
	if (!s->is_insecure) {
		error_set(e, "insecure",
			  "without keys (--key-file, not in this version) "
			  "nothing on the network is authenticated or "
			  "encrypted");
		return error_hint(e, "if every host on the underlay is yours, "
				     "say so with --insecure (or insecure = "
				     "yes)");
	}
	return 0;
}

enum settings_result settings_read(int argc, char *argv[], struct settings *ret,
				   struct error *e)
{
	struct settings overruled;
	struct file_context c = { .s = ret, .overruled = &overruled, .e = e };
	enum settings_result result;
	size_t i;

	set_defaults(ret);
	set_defaults(&overruled);
	if (read_options(argc, argv, &c, &result))
		return result;
	if (read_file(&c) || check(ret, e) ||
	    ipam_settings_check(&ret->ipam, e))
		return SETTINGS_ERROR;
	for (i = 0; i < ret->n_peers; i++) {
		if (!ret->peers[i].port)
			ret->peers[i].port = ret->control_port;
	}
	return SETTINGS_OK;
}

vni_t settings_vni(const struct settings *s, const char *name)
{
	size_t i;

	if (!name_is_valid(name))
		return VNI_NONE;
	for (i = 0; i < s->n_networks; i++) {
		if (strcmp(s->networks[i].name, name) == 0)
			return s->networks[i].vni;
	}
	return vni_of_name(name);
}

const char *settings_network_name(const struct settings *s, vni_t vni)
{
	size_t i;

	for (i = 0; i < s->n_networks; i++) {
		if (s->networks[i].vni == vni)
			return s->networks[i].name;
	}
	return vni == settings_vni(s, DEFAULT_NETWORK) ? DEFAULT_NETWORK : NULL;
}
