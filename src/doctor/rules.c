/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include "faults.h"
#include "judges.h"
#include "sys/error.h"

/* Where the daemon gave no reason, a finding says as much. */
static void fill(struct findings *f)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		if (f->list[i].severity != SEVERITY_OK &&
		    !f->list[i].evidence[0])
			finding_evidence(&f->list[i], "no reason is given");
	}
}

void rules_judge(const struct facts *f, const struct doctor_data *data,
		 struct findings *ret)
{
	struct finding *item;

	if (data->problem[0]) {
		item = findings_add(ret, GROUP_DAEMON, SEVERITY_WARNING, "data",
				    NULL);
		finding_title(item, "what doctor knows cannot be read");
		finding_evidence(item, "%s", data->problem);
		finding_consequence(item, "kernels and cards are judged by "
					  "what the program was built with");
		finding_remedy(item, "repair the file, or install fastdp "
				     "again");
	}
	rules_kernel(f, data, ret);
	rules_nic(f, data, ret);
	rules_wedged(f, ret);
	rules_mtu(f, ret);
	rules_veth(f, ret);
	rules_peers(f, ret);
	rules_daemon(f, ret);
	rules_ports(f, ret);
	rules_sysctl(f, ret);
	rules_host(f, ret);
	fill(ret);
	findings_sort(ret);
}

bool rules_is_capped(const struct facts *f, const struct doctor_data *data,
		     struct error *why)
{
	const struct faults_kernel kernel = {
		.release = f->release,
		.os_id = f->os_id,
		.os_like = f->os_like,
	};
	size_t i;

	for (i = 0; i < f->n_nics; i++) {
		if (faults_capping(data, &kernel, &f->nics[i], why))
			return true;
	}
	return !f->n_nics && faults_capping(data, &kernel, NULL, why);
}
