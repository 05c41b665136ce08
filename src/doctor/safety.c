/* SPDX-License-Identifier: Apache-2.0 */
#include "safety.h"

#include "gatherers.h"
#include "rules.h"

bool safety_is_capped(const char *ifname, struct error *why)
{
	struct facts *f = facts_new();
	struct doctor_data data;
	bool is_capped;

	gather_kernel("", f);
	gather_links(f);
	gather_nics_of(ifname, f);
	data_load(NULL, &data);
	is_capped = rules_is_capped(f, &data, why);
	data_free(&data);
	facts_destroy(f);
	return is_capped;
}
