/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hostile bytes as the configuration file. A refusal names a reason; what is
 * taken keeps what settings.h promises of it.
 */

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "settings/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_networks(const struct settings *s)
{
	size_t i, k;

	assert(s->n_networks <= MAX_NETWORKS);
	for (i = 0; i < s->n_networks; i++) {
		assert(name_is_valid(s->networks[i].name));
		assert(s->networks[i].vni && s->networks[i].vni < VNI_PROBE);
		for (k = 0; k < i; k++)
			assert(s->networks[i].vni != s->networks[k].vni);
	}
}

static void check(const struct settings *s)
{
	size_t i;

	assert(s->control_port && s->sleeve_port && s->vxlan_port);
	assert(s->sleeve_port != s->vxlan_port);
	assert(!s->name[0] || name_is_valid(s->name));
	assert(s->n_peers <= SETTINGS_MAX_PEERS);
	for (i = 0; i < s->n_peers; i++)
		assert(s->peers[i].host[0] &&
		       strlen(s->peers[i].host) < sizeof(s->peers[i].host));
	assert(strlen(s->socket) < sizeof(s->socket));
	assert(s->heartbeat_interval_ms && s->hold_time_s);
	check_networks(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings s;
	static int fd = -1;
	char name[] = "fastdpd", insecure[] = "--insecure";
	char option[] = "--config", path[64];
	char *argv[] = { name, insecure, option, path, NULL };
	struct error e = { .code = "" };

	if (fd < 0)
		fd = memfd_create("settings", MFD_CLOEXEC);
	assert(fd >= 0);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (settings_read(4, argv, &s, &e) == SETTINGS_OK)
		check(&s);
	else
		assert(e.code[0] && e.message[0]);
	return 0;
}
