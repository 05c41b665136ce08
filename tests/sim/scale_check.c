/* SPDX-License-Identifier: Apache-2.0 */
#include "core/view.h"
#include "scale.h"

struct census {
	const struct real *r;
	uint32_t n, n_missing;
};

static void count_flow(void *ctx, const struct flow_match *match,
		       const struct flow_actions *actions)
{
	struct census *c = ctx;
	const struct fake_flow *f = fake_dp_find(&c->r->dp, match);

	c->n++;
	c->n_missing += !f || !flow_actions_equal(&f->actions, actions);
}

/* The kernel has what is wanted, and nothing else. */
static void check_flows(const struct real *r)
{
	struct census c = { .r = r };

	engine_all_flows(r->engine, count_flow, &c);
	if (c.n_missing || c.n != r->dp.n_flows)
		sim_fail(scale->sim,
			 "host %u: %u flows are wanted, %u of them are not "
			 "there, %u are",
			 r->host, c.n, c.n_missing, r->dp.n_flows);
}

static void check_peers(const struct real *r)
{
	struct peer_view v;
	uint32_t i;

	for (i = 0; i < scale->n; i++) {
		const enum path_kind best = scale->places[i].nat_port
						    ? PATH_SLEEVE
						    : PATH_FASTDP;

		if (i == r->host)
			continue;
		if (!engine_find_peer(r->engine, i + 1, &v))
			sim_fail(scale->sim, "host %u does not know host %u",
				 r->host, i);
		else if (!v.has_session || v.state != PEER_UP || v.path != best)
			sim_fail(scale->sim,
				 "host %u has no session or not the best path "
				 "to host %u: %s, %s",
				 r->host, i, reason_code(v.session_reason),
				 reason_code(v.reason));
		else if (v.paths[best].plpmtu != SCALE_LINK_MTU)
			sim_fail(scale->sim,
				 "host %u takes the way to host %u for %u wide",
				 r->host, i, v.paths[best].plpmtu);
	}
}

static void check_directory(const struct real *r)
{
	const uint32_t n = scale->n * scale->n_containers;
	struct entry_view v;
	uint32_t c;

	for (c = 0; c < n; c++) {
		const struct mac mac = container_mac(c);
		const bool is_there =
			engine_find_mac(r->engine, container_vni(c), &mac, &v);
		const uint32_t owner = scale->owners[c];

		if (is_there != (owner != SCALE_NONE) ||
		    (is_there && v.owner != owner + 1))
			sim_fail(scale->sim,
				 "host %u takes container %u for that of host "
				 "%d, and it is of host %d",
				 r->host, c, is_there ? (int)(v.owner - 1) : -1,
				 (int)owner);
	}
}

bool scale_check(void)
{
	uint32_t i;

	for (i = 0; i < scale->n_reals; i++) {
		const struct real *r = &scale->reals[i];

		check_peers(r);
		check_directory(r);
		if (scale->has_kernel)
			check_flows(r);
	}
	return !scale->sim->is_failed;
}
