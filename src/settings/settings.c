/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "settings_keys.h"
#include "settings_value.h"
#include "sys/cleanup.h"

#define SAMPLE SAMPLE_DIR "/fastdpd.conf"

static void print_help(void)
{
	size_t i;
	char left[64];

	printf("Usage: fastdpd [OPTION]...\n"
	       "Joins the containers of all hosts into one layer-2 network.\n\n");
	for (i = 0; i < SETTINGS_N_KEYS; i++) {
		const struct settings_key *k = &settings_keys[i];

		snprintf(left, sizeof(left), "--%s%s%s", k->name,
			 k->argument ? " " : "",
			 k->argument ? k->argument : "");
		printf("  %-26s %s\n", left, k->help);
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
	bool seen[SETTINGS_N_KEYS];    /* given as an option: that wins */
	bool in_file[SETTINGS_N_KEYS]; /* met in the file */
};

static int set_network(struct file_context *c, const char *network,
		       const char *key, const char *value)
{
	struct settings *s = c->s;
	uint32_t vni;
	size_t i;
	int rc;

	if (!name_is_valid(network))
		return value_bad(
			c->e, "network", network,
			"1 to 63 letters, digits, '_', '.', ':' or '-'");
	rc = ipam_settings_network(&s->ipam, network, key, value, c->e);
	if (rc <= 0)
		return rc;
	if (strcmp(key, "vni") != 0)
		return error_set(c->e, "invalid",
				 "[network %s] has an unknown key '%.50s'",
				 network, key);
	if (value_number("vni", value, 1, VNI_MAX, &vni, c->e))
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

	for (i = 0; i < SETTINGS_N_KEYS; i++) {
		const struct settings_key *k = &settings_keys[i];

		/* A file does not name another. */
		if (strcmp(k->name, key) != 0 || strcmp(key, "config") == 0)
			continue;
		if (c->in_file[i] && strcmp(key, "peer") != 0)
			return error_set(c->e, "invalid", "%s is given twice",
					 key);
		c->in_file[i] = true;
		return k->set(c->seen[i] ? c->overruled : c->s, value, c->e);
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

static int say_unread(const char *path, int error, struct error *e)
{
	if (error != ENOENT && error != ENOTDIR) {
		error_set(e, error_code_of(error), "cannot read %.300s: %s",
			  path, strerror(error));
		return error_hint(e, "check the path and its permissions");
	}
	error_set(e, "not-found", "there is no %.400s", path);
	return error_hint(e,
			  "begin with the sample: install -D -m 644 " SAMPLE
			  " %.200s",
			  path);
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
	if (!f || ferror(f))
		return say_unread(s->config, errno, c->e);
	if (line == 0 && !c->has_failed)
		return 0;
	if (!c->has_failed)
		error_set(c->e, "invalid", "not of the form 'key = value'");
	return error_prefix(c->e, "%s:%d", s->config, line);
}

static int read_options(int argc, char *argv[], struct file_context *c,
			enum settings_result *ret)
{
	struct option options[SETTINGS_N_KEYS + 3];
	int i, which;

	memset(options, 0, sizeof(options));
	for (i = 0; i < (int)SETTINGS_N_KEYS; i++) {
		options[i].name = settings_keys[i].name;
		options[i].has_arg = settings_keys[i].argument != NULL;
		options[i].val = 0;
	}
	options[SETTINGS_N_KEYS].name = "help";
	options[SETTINGS_N_KEYS].val = 'h';
	options[SETTINGS_N_KEYS + 1].name = "version";
	options[SETTINGS_N_KEYS + 1].val = 'V';
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
		if (settings_keys[which].set(c->s, optarg ? optarg : "", c->e))
			return error_prefix(c->e, "option --%s",
					    settings_keys[which].name);
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

	set_defaults(ret);
	set_defaults(&overruled);
	if (read_options(argc, argv, &c, &result))
		return result;
	if (read_file(&c) || check(ret, e) ||
	    ipam_settings_check(&ret->ipam, e))
		return SETTINGS_ERROR;
	settings_set_default_port(ret, ret->control_port);
	return SETTINGS_OK;
}

void settings_set_default_port(struct settings *s, uint16_t port)
{
	size_t i;

	for (i = 0; i < s->n_peers; i++) {
		s->peers[i].is_default_port |= !s->peers[i].port;
		if (s->peers[i].is_default_port)
			s->peers[i].port = port;
	}
}

bool settings_ignored(const struct settings *now, const struct settings *fresh,
		      char ret[SETTINGS_NAMES_SIZE])
{
	size_t i, n = 0;

	ret[0] = '\0';
	for (i = 0; i < SETTINGS_N_KEYS; i++) {
		if (settings_key_is_ignored(&settings_keys[i], now, fresh) &&
		    n < SETTINGS_NAMES_SIZE)
			n += (size_t)snprintf(ret + n, SETTINGS_NAMES_SIZE - n,
					      "%s%s", n ? ", " : "",
					      settings_keys[i].name);
	}
	return n > 0;
}

int settings_read_file(const char *path, struct settings *ret, struct error *e)
{
	struct file_context c = { .s = ret, .e = e };

	set_defaults(ret);
	ret->is_config_given = true;
	if (value_copy(ret->config, sizeof(ret->config), "config", path, e) ||
	    read_file(&c))
		return -1;
	return ipam_settings_check(&ret->ipam, e);
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
