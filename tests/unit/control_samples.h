/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_SAMPLES_H
#define CONTROL_SAMPLES_H

/* Valid values of the control protocol, for the tests to bend. */

#include <stdio.h>
#include <string.h>

#include "core/message.h"

static inline struct hello hello_of(const char *name, uint64_t instance)
{
	struct hello h = {
		.version_min = 1,
		.version_max = 1,
		.id = peer_id_of_name(name),
		.instance = instance,
		.control_port = 6783,
		.sleeve_port = 6783,
		.vxlan_port = 6784,
		.can_fastdp = true,
		.has_discovery = true,
	};

	snprintf(h.name, sizeof(h.name), "%s", name);
	snprintf(h.nickname, sizeof(h.nickname), "%s-nick", name);
	snprintf(h.software, sizeof(h.software), "fastdp 0.1.0");
	return h;
}

static inline struct ip v4(uint8_t last)
{
	const uint8_t raw[4] = { 10, 32, 0, last };

	return ip_from_v4(raw);
}

static inline struct ip v6(uint8_t last)
{
	const uint8_t raw[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = last };

	return ip_from_v6(raw);
}

static inline struct entry entry_of(uint8_t last, uint8_t n_ips)
{
	struct entry e = {
		.vni = 0x1000,
		.mac = { { 2, 0, 0, 0, 0, last } },
		.n_ips = n_ips,
		.revision = (UINT64_C(1) << 62) - 1 - last,
	};

	for (uint8_t i = 0; i < n_ips; i++)
		e.ips[i] = i % 2 ? v6((uint8_t)(i + 1)) : v4((uint8_t)(i + 1));
	return e;
}

static inline struct message entries_message(struct entry *list, uint32_t n)
{
	struct message m = { .type = MESSAGE_ENTRIES };

	m.entries.n = n;
	m.entries.list = list;
	return m;
}

#endif
