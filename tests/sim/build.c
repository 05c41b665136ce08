/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "scenario.h"

struct mac build_mac(unsigned int host, unsigned int n)
{
	return (struct mac){ { 0x02, 0xaa, 0, (uint8_t)host, 0, (uint8_t)n } };
}

struct ip build_ip4(unsigned int host, unsigned int n)
{
	const uint8_t b[4] = { 10, 32, (uint8_t)host, (uint8_t)n };

	return ip_from_v4(b);
}

struct ip build_ip6(unsigned int host, unsigned int n)
{
	return (struct ip){ { 0xfd, 0x32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			      (uint8_t)host, 0, (uint8_t)n } };
}

struct sim_port *build_port(struct host *h, unsigned int n, bool is_trusted)
{
	const struct mac mac = build_mac(h->index + 1, n);
	const struct ip ips[2] = { build_ip4(h->index + 1, n),
				   build_ip6(h->index + 1, n) };

	return host_attach(h, n % 2 ? 100 : 200, &mac, ips, 2, is_trusted);
}

static void start_all(struct sim *sim)
{
	uint32_t i;

	for (i = 0; i < sim->n_hosts; i++)
		host_start(sim->hosts[i]);
}

void build_mesh(struct sim *sim)
{
	uint32_t i, k;

	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 0; k < sim->n_hosts; k++) {
			if (i != k)
				host_add_target(sim->hosts[i], sim->hosts[k]);
		}
	}
	start_all(sim);
}

void build_chain(struct sim *sim)
{
	uint32_t i;

	for (i = 1; i < sim->n_hosts; i++)
		host_add_target(sim->hosts[i], sim->hosts[i - 1]);
	start_all(sim);
}

void build_cluster(struct sim *sim, unsigned int n_ports)
{
	unsigned int i, k;

	build_mesh(sim);
	for (i = 0; i < sim->n_hosts; i++) {
		for (k = 1; k <= n_ports; k++)
			build_port(sim->hosts[i], k, false);
	}
	sim_run(sim, 5 * USEC_PER_SEC);
	check_settled(sim);
}
