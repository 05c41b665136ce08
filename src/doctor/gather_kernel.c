/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "gatherers.h"
#include "sys/genl_names.h"
#include "sys/kmodule.h"
#include "sys/osrelease.h"
#include "sys/textfile.h"

static void take_release(const char *root, struct facts *ret)
{
	char text[FACTS_TEXT];
	struct utsname u;

	if (uname(&u) == 0) {
		FACTS_SET(ret->release, u.release);
		FACTS_SET(ret->version, u.version);
		FACTS_SET(ret->machine, u.machine);
	}
	/* Ubuntu's: the upstream version that its build is made of. */
	if (!textfile_read(root, "/proc/version_signature", text, sizeof(text)))
		FACTS_SET(ret->signature, text);
}

static void take_os(const char *root, struct facts *ret)
{
	if (osrelease_get(root, "ID", ret->os_id, sizeof(ret->os_id)) ||
	    osrelease_get(root, "ID_LIKE", ret->os_like,
			  sizeof(ret->os_like)) ||
	    osrelease_get(root, "VERSION_ID", ret->os_version,
			  sizeof(ret->os_version)) ||
	    osrelease_get(root, "PRETTY_NAME", ret->os_name,
			  sizeof(ret->os_name)))
		return; /* no such file: not known */
}

static void take_machine_id(const char *root, struct facts *ret)
{
	char text[64];
	size_t n;

	if (textfile_read(root, "/etc/machine-id", text, sizeof(text))) {
		FACTS_SET(ret->machine_id_state, "absent");
		return;
	}
	n = strspn(text, "0123456789abcdef");
	if (n != 32 || text[n] || strspn(text, "0") == 32) {
		FACTS_SET(ret->machine_id_state, "malformed");
		return;
	}
	/* The rest is nobody's business: see machine-id(5). */
	text[8] = '\0';
	FACTS_SET(ret->machine_id, text);
	FACTS_SET(ret->machine_id_state, "valid");
}

static void take_container(const char *root, struct facts *ret)
{
	char text[FACTS_WORD];

	if (!textfile_read(root, "/run/systemd/container", text,
			   sizeof(text)) &&
	    text[0])
		FACTS_SET(ret->container, text);
	else if (!textfile_read(root, "/.dockerenv", text, sizeof(text)))
		FACTS_SET(ret->container, "docker");
	else if (!textfile_read(root, "/run/.containerenv", text, sizeof(text)))
		FACTS_SET(ret->container, "podman");
}

static int take_capabilities(void *arg, char *line)
{
	static const char key[] = "CapEff:";
	struct facts *ret = arg;
	unsigned long long set;

	if (strncmp(line, key, strlen(key)) != 0)
		return 0;
	set = strtoull(line + strlen(key), NULL, 16);
	FACTS_SET(ret->has_net_admin,
		  set & 1ULL << CAP_NET_ADMIN ? "yes" : "no");
	return 1;
}

static void take_abilities(const char *root, struct facts *ret)
{
	char line[8];
	bool has;

	FACTS_SET(ret->has_ipv6,
		  textfile_read(root, "/proc/thread-self/net/if_inet6", line,
				sizeof(line))
			  ? "no"
			  : "yes");
	FACTS_SET(ret->has_net_admin, "unknown");
	if (textfile_lines(root, "/proc/self/status", take_capabilities, ret) <
	    0)
		FACTS_SET(ret->has_net_admin, "unknown");
	FACTS_SET(ret->has_tun,
		  access("/dev/net/tun", R_OK | W_OK) == 0 ? "yes" : "no");
	FACTS_SET(ret->has_check_len, "unknown");
	FACTS_SET(ret->has_ovs, "unknown");
	if (genl_names_has("ovs_datapath", &has) == 0)
		FACTS_SET(ret->has_ovs, has ? "yes" : "no");
}

static void take_modules(const char *root, struct facts *ret)
{
	static const char *const names[] = { "openvswitch", "vport-vxlan",
					     "vxlan",	    "veth",
					     "bridge",	    "tun",
					     "nf_tables",   "br_netfilter" };
	struct facts_module *module;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		module = FACTS_ADD(ret, modules);
		if (!module)
			return;
		FACTS_SET(module->name, names[i]);
		FACTS_SET(module->state,
			  kmodule_state_text(
				  kmodule_find(root, ret->release, names[i])));
	}
}

void gather_kernel(const char *root, struct facts *ret)
{
	take_release(root, ret);
	take_os(root, ret);
	take_machine_id(root, ret);
	take_container(root, ret);
	take_abilities(root, ret);
	take_modules(root, ret);
}
