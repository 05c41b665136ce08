/* SPDX-License-Identifier: Apache-2.0 */
#include "nat.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"

void nat_put(struct host *h)
{
	const uint8_t v4[4] = { 192, 0, 2, (uint8_t)(h->index + 1) };

	h->nat.is_there = true;
	h->nat.ip = ip_from_v4(v4);
	h->nat.port = 20000;
	h->nat.has_sent = sim_alloc(h->sim->n_hosts);
}

void nat_share(struct host *h, const struct host *with)
{
	nat_put(h);
	h->nat.ip = with->nat.ip;
	h->nat.port = (uint16_t)(with->nat.port + 1);
}

void nat_free(struct host *h)
{
	free(h->nat.has_sent);
	h->nat.has_sent = NULL;
}

void nat_rebind(struct host *h)
{
	h->nat.port += 1 + (uint16_t)sim_random(h->sim, 1000);
	memset(h->nat.has_sent, 0, h->sim->n_hosts);
	sim_log(h->sim, "host %u: the NAT forgets, port %u", h->index,
		h->nat.port);
}

bool nat_is_behind(const struct host *h)
{
	return h->nat.is_there;
}

const struct ip *nat_seen_ip(const struct host *h)
{
	return h->nat.is_there ? &h->nat.ip : &h->ip;
}

struct endpoint nat_source(const struct host *h)
{
	return (struct endpoint){ .ip = *nat_seen_ip(h),
				  .port = h->nat.is_there ? h->nat.port
							  : HOST_SLEEVE_PORT };
}

static bool takes(const struct host *h, uint32_t from,
		  const struct endpoint *to)
{
	const struct endpoint place = nat_source(h);

	if (place.port != to->port || !ip_equal(&place.ip, &to->ip))
		return false;
	return !h->nat.is_there || h->nat.has_sent[from];
}

struct host *nat_route(struct host *from, const struct endpoint *to)
{
	const struct sim *sim = from->sim;
	uint32_t i;

	for (i = 0; i < sim->n_hosts; i++) {
		struct host *h = sim->hosts[i];

		if (from->nat.is_there && ip_equal(nat_seen_ip(h), &to->ip))
			from->nat.has_sent[i] = true;
		if (takes(h, from->index, to))
			return h;
	}
	return NULL;
}
