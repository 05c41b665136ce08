/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gatherers.h"
#include "sys/addr.h"

/* As the daemon has them; Weave Net's. */
#define CONTROL_PORT 6783U
#define SLEEVE_PORT 6783U
#define VXLAN_PORT 6784U

static int take_port(const char *value, uint32_t *ret)
{
	uint16_t port;

	if (!addr_parse_port(value, &port))
		return 0;
	*ret = port;
	return 1;
}

/* 0: the value is of no use, which ends nothing but is told. */
static int take(void *user, const char *section, const char *name,
		const char *value)
{
	struct facts *ret = user;

	if (strcmp(section, "daemon") != 0)
		return 1;
	if (strcmp(name, "control-port") == 0)
		return take_port(value, &ret->control_port);
	if (strcmp(name, "sleeve-port") == 0)
		return take_port(value, &ret->sleeve_port);
	if (strcmp(name, "vxlan-port") == 0)
		return take_port(value, &ret->vxlan_port);
	if (strcmp(name, "mtu") == 0 && strcmp(value, "auto") != 0)
		ret->config_mtu = (uint32_t)strtoul(value, NULL, 10);
	return 1;
}

void gather_config(const char *path, struct facts *ret)
{
	int line;

	ret->control_port = CONTROL_PORT;
	ret->sleeve_port = SLEEVE_PORT;
	ret->vxlan_port = VXLAN_PORT;
	errno = 0;
	line = ini_parse(path, take, ret);
	if (line > 0)
		snprintf(ret->config_problem, sizeof(ret->config_problem),
			 "%.160s, line %d is not what fastdpd.conf(5) says",
			 path, line);
	else if (line < 0 && errno != ENOENT && errno != ENOTDIR)
		snprintf(ret->config_problem, sizeof(ret->config_problem),
			 "%.160s: %.60s", path, strerror(errno));
}
