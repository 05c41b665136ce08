/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SETTINGS_H
#define SETTINGS_H

/*
 * What the operator wants: options and the configuration file, checked.
 *
 * Options win over the file, the file over the defaults. The file is INI:
 * [daemon] with the same names as the options, a section [network NAME] for
 * each network whose VNI or addresses are given, and [ipam].
 */

#include <limits.h>

#include "core/engine.h"
#include "ipam_settings.h"
#include "log_level.h"
#include "sys/error.h"

#define SETTINGS_MAX_PEERS 256U
#define DEFAULT_CONFIG "/etc/fastdp/fastdpd.conf"
#define DEFAULT_NETWORK "default"

enum datapath_wish { DATAPATH_AUTO, DATAPATH_OVS, DATAPATH_BRIDGE };

struct network {
	char name[MAX_NAME];
	vni_t vni;
};

struct settings {
	char config[PATH_MAX];
	bool is_config_given;
	char name[MAX_NAME]; /* "": from the state directory */
	char nickname[MAX_NAME];
	struct ip local_address; /* zero: all */
	uint16_t control_port, sleeve_port, vxlan_port;
	struct {
		char host[MAX_HOST];
		uint16_t port;
		bool is_default_port;
	} peers[SETTINGS_MAX_PEERS];
	size_t n_peers;
	enum datapath_wish datapath;
	char bridge_name[MAX_IFNAME];
	uint32_t mtu; /* 0: auto */
	bool has_discovery;
	char socket[108];
	char state_dir[PATH_MAX], run_dir[PATH_MAX];
	bool is_insecure;
	enum log_level log_level;
	uint32_t heartbeat_interval_ms;
	uint32_t hold_time_s;
	uint32_t pmtu_raise_s;
	struct network networks[MAX_NETWORKS];
	size_t n_networks;
	struct ipam_settings ipam;
};

enum settings_result {
	SETTINGS_OK,
	SETTINGS_DONE,	/* --help or --version were answered */
	SETTINGS_USAGE, /* wrong options: exit code 2 */
	SETTINGS_ERROR, /* the file, or what does not go together: 1 */
};

enum settings_result settings_read(int argc, char *argv[], struct settings *ret,
				   struct error *e);

/* The port of peers that are given without one. */
void settings_set_default_port(struct settings *s, uint16_t port);

/* The options that are other in @fresh than in @now, of those that only a start
 * takes: their names, parted by commas, into @ret. False: none. */
#define SETTINGS_NAMES_SIZE 512U
bool settings_ignored(const struct settings *now, const struct settings *fresh,
		      char ret[SETTINGS_NAMES_SIZE]);

/*
 * What the file says, without any option. 0; or -1, and @e says which line and
 * key are wrong; @ret has what is above that line, else the defaults. An @e of
 * the code "not-found": there is no such file.
 */
int settings_read_file(const char *path, struct settings *ret, struct error *e);

/* The VNI of @name: configured, or made of the name. 0: not a name. */
vni_t settings_vni(const struct settings *s, const char *name);
/* The configured name of @vni, or NULL. */
const char *settings_network_name(const struct settings *s, vni_t vni);

#endif
