/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hostile bytes on the plugin's stdin. The first octet says what they are:
 *
 *   even   a network configuration: what ADD takes is also what DEL took
 *   odd    the result of an IPAM plugin, from the second octet on: what was
 *          read is printed for a version, and read again as it was
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cni/args.h"
#include "cni/config.h"
#include "cni/fail.h"
#include "cni/result.h"
#include "sys/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_config(const struct cni_config *c,
			 const struct cni_args *args)
{
	const char *ip = config_asked_ip(c, args);
	struct mac mac;

	assert(c->name && strlen(c->name) <= CONFIG_MAX_NAME);
	assert(c->network && c->socket);
	assert(!c->mac || addr_parse_mac(c->mac, &mac));
	assert(!c->mtu || (c->mtu >= 68 && c->mtu <= 65535));
	assert(!ip || strlen(ip) < CONFIG_MAX_SIZE);
	if (c->previous) {
		struct cni_error e = { 0 };
		struct result r;

		if (result_parse(c->previous, -1, CNI_CONFIG, &r, &e))
			assert(e.code && e.message[0]);
	}
}

static void fuzz_config(const uint8_t *data, size_t size)
{
	struct cni_args args = { .verb = CNI_ADD,
				 .container_id = "c1",
				 .ifname = "eth0" };
	struct cni_config c = { .version = CNI_NEWEST };
	struct cni_error e = { 0 };

	c.text = malloc(size + 1);
	assert(c.text);
	memcpy(c.text, data, size);
	c.size = size;
	if (config_parse(&c, &e))
		assert(e.code && e.message[0]);
	else if (config_check(&c, &args, &e))
		assert(e.code && e.message[0]);
	else
		check_config(&c, &args);
	config_version(&c);
	config_release(&c);
}

static void check_result(const struct result *r, enum cni_version version)
{
	const struct result_interface outside = { .ifname = "fd0",
						  .mac = "02:00:00:00:00:01" };
	const struct result_interface inside = { .ifname = "eth0",
						 .mac = "02:00:00:00:00:02",
						 .sandbox = "/run/netns/a" };
	json_t *json = result_json(version, NULL, r, &outside, &inside, NULL);
	struct cni_error e = { 0 };
	const json_t *found;
	struct result again;

	assert(json);
	assert(result_find(json, "eth0", "/run/netns/a", &found) >= 0);
	assert(!result_parse(json, -1, CNI_CONFIG, &again, &e));
	assert(again.n_ips == r->n_ips && again.n_routes == r->n_routes);
	assert(!memcmp(again.ips, r->ips, r->n_ips * sizeof(r->ips[0])));
	json_decref(json);
}

static void fuzz_result(uint8_t version, const uint8_t *data, size_t size)
{
	struct cni_error e = { 0 };
	static struct result r;
	json_t *json = json_loadb((const char *)data, size, 0, NULL);

	memset(&r, 0, sizeof(r));
	if (!json)
		return;
	if (result_parse(json, -1, CNI_IPAM, &r, &e))
		assert(e.code && e.message[0]);
	else
		check_result(&r, (enum cni_version)(version % N_CNI_VERSIONS));
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (data[0] & 1)
		fuzz_result(data[1], data + 2, size - 2);
	else
		fuzz_config(data + 1, size - 1);
	return 0;
}
