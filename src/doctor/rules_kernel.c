/* SPDX-License-Identifier: Apache-2.0 */

/* The kernel's build, its modules, and what this process may do with it. */

#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "faults.h"
#include "judges.h"

struct judging {
	const struct facts *facts;
	struct findings *findings;
	size_t n;
};

static void set_remedy(struct finding *item, const struct fault *fault,
		       const char *ifname)
{
	char remedy[256];

	if (!ifname || !fault->remedy_on[0]) {
		finding_remedy(item, "%s", fault->remedy);
		return;
	}
	data_remedy(fault->remedy_on, ifname, remedy, sizeof(remedy));
	finding_remedy(item, "%s; or %s", remedy, fault->remedy);
}

static void add_fault(struct judging *j, const struct fault *fault,
		      const struct facts_nic *nic, enum faults_feature state)
{
	static const char *const states[] = {
		[FEATURE_UNKNOWN] = "cannot be read",
		[FEATURE_OFF] = "is off, so it sleeps",
		[FEATURE_ON] = "is on",
	};
	const struct facts *f = j->facts;
	const char *ifname = nic ? nic->ifname : NULL;
	struct finding *item;

	item = findings_add(j->findings, GROUP_KERNEL, fault->severity[state],
			    fault->id, ifname);
	finding_title(item, "this kernel's fault: %s", fault->title);
	finding_evidence(item, "kernel %s (%s)", f->release, fault->build);
	if (f->os_name[0])
		finding_evidence(item, " of %s", f->os_name);
	if (nic)
		finding_evidence(item, "; %s of %s%s%s%s %s", fault->feature,
				 nic->ifname, nic->driver[0] ? " (" : "",
				 nic->driver, nic->driver[0] ? ")" : "",
				 states[state]);
	finding_consequence(item, "%s", fault->consequence);
	set_remedy(item, fault, state == FEATURE_OFF ? NULL : ifname);
}

/* What the daemon has tried is not guessed from the version. */
static bool is_known_better(const struct facts *f, const struct fault *fault)
{
	return strcmp(fault->id, "no-check-len") == 0 &&
	       (strcmp(f->has_check_len, "yes") == 0 ||
		strcmp(f->has_check_len, "no") == 0);
}

static void judge_fault(void *arg, const struct fault *fault)
{
	struct judging *j = arg;
	const struct facts *f = j->facts;
	size_t i;

	if (is_known_better(f, fault))
		return;
	j->n++;
	if (!fault->feature[0]) {
		add_fault(j, fault, NULL, FEATURE_OFF);
		return;
	}
	for (i = 0; i < f->n_nics; i++)
		add_fault(j, fault, &f->nics[i],
			  faults_feature_of(&f->nics[i], fault->feature));
	if (!f->n_nics)
		add_fault(j, fault, NULL, FEATURE_UNKNOWN);
}

static void judge_build(const struct facts *f, const struct doctor_data *data,
			struct findings *ret)
{
	const struct faults_kernel kernel = {
		.release = f->release,
		.os_id = f->os_id,
		.os_like = f->os_like,
	};
	struct judging j = { .facts = f, .findings = ret };
	struct finding *item;

	if (!f->release[0])
		return;
	faults_each(data, &kernel, judge_fault, &j);
	if (j.n)
		return;
	item = findings_add(ret, GROUP_KERNEL, SEVERITY_OK, "kernel", NULL);
	finding_title(item, "kernel %s has none of the known faults",
		      f->release);
	finding_evidence(item, "%s%s%s", f->os_name, f->os_name[0] ? ", " : "",
			 f->version);
}

static bool is(const char *word, const char *value)
{
	return strcmp(word, value) == 0;
}

static bool is_absent(const struct facts *f, const char *module)
{
	return is(facts_module(f, module), "absent");
}

static void judge_ovs(const struct facts *f, struct findings *ret)
{
	const char *state = facts_module(f, "openvswitch");
	struct finding *item;

	if (is(f->has_ovs, "yes") || is(state, "loaded")) {
		item = findings_add(ret, GROUP_KERNEL, SEVERITY_OK,
				    "openvswitch", NULL);
		finding_title(item, "openvswitch is loaded");
	} else if (is(state, "available")) {
		item = findings_add(ret, GROUP_KERNEL, SEVERITY_OK,
				    "openvswitch", NULL);
		finding_title(item, "openvswitch can be loaded");
		finding_evidence(item, "on the disk, for kernel %s",
				 f->release);
	} else if (is(f->has_ovs, "no")) {
		item = findings_add(ret, GROUP_KERNEL, SEVERITY_WARNING,
				    "openvswitch", NULL);
		finding_title(item, "this kernel has no openvswitch");
		finding_evidence(item, "no family ovs_datapath; module %s",
				 state);
		finding_consequence(item, "no fastdp: the daemon itself "
					  "carries all packets to peers, which "
					  "costs CPU, and stops when it does");
		finding_remedy(item, "install the package with the kernel's "
				     "network modules, then 'modprobe "
				     "openvswitch' and restart fastdpd");
	}
}

static void judge_vxlan(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	/* Without openvswitch that is the finding. */
	if (!is_absent(f, "vport-vxlan") || is_absent(f, "openvswitch"))
		return;
	item = findings_add(ret, GROUP_KERNEL, SEVERITY_ERROR, "vport-vxlan",
			    NULL);
	finding_title(item, "openvswitch is there without its VXLAN ports");
	finding_evidence(item, "module vport-vxlan is absent");
	finding_consequence(item, "the datapath cannot reach peers in the "
				  "kernel (EAFNOSUPPORT)");
	finding_remedy(item, "install the whole package of the kernel's "
			     "network modules");
}

static void judge_tun(const struct facts *f, struct findings *ret)
{
	const bool has_none = is(f->has_tun, "no");
	struct finding *item;

	if (is(f->has_tun, "yes")) {
		item = findings_add(ret, GROUP_KERNEL, SEVERITY_OK, "tun",
				    NULL);
		finding_title(item, "/dev/net/tun can be opened");
	}
	if (!has_none)
		return;
	item = findings_add(ret, GROUP_KERNEL,
			    is(f->has_ovs, "yes") ? SEVERITY_WARNING
						  : SEVERITY_ERROR,
			    "tun", NULL);
	finding_title(item, "/dev/net/tun cannot be opened");
	finding_evidence(item, "module tun: %s", facts_module(f, "tun"));
	finding_consequence(item, "no sleeve: peers that VXLAN does not reach "
				  "are cut off");
	finding_remedy(item, "'modprobe tun'; in a container, pass /dev/net/"
			     "tun in");
}

static void judge_veth(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	if (!is_absent(f, "veth"))
		return;
	item = findings_add(ret, GROUP_KERNEL, SEVERITY_ERROR, "veth", NULL);
	finding_title(item, "this kernel has no veth");
	finding_evidence(item, "module veth is absent");
	finding_consequence(item, "no container can be attached");
	finding_remedy(item, "install the package with the kernel's network "
			     "modules");
}

static void judge_check_len(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	if (!is(f->has_check_len, "no"))
		return;
	item = findings_add(ret, GROUP_KERNEL, SEVERITY_NOTE, "check-pkt-len",
			    NULL);
	finding_title(item, "the datapath cannot tell long packets from short "
			    "ones");
	finding_evidence(item, "the daemon tried: no check_pkt_len");
	finding_consequence(item, "all containers get the MTU of the narrowest "
				  "path, not an answer for each peer");
	finding_remedy(item, "install kernel 5.2 or later");
}

static void judge_ipv6(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	if (!is(f->has_ipv6, "no"))
		return;
	item = findings_add(ret, GROUP_KERNEL, SEVERITY_NOTE, "ipv6", NULL);
	finding_title(item, "this kernel has no IPv6");
	finding_evidence(item, "no /proc/net/if_inet6");
	finding_consequence(item, "no tunnel to peers on IPv6");
	finding_remedy(item, "nothing, when all peers are on IPv4; else "
			     "'modprobe ipv6'");
}

static void judge_sandbox(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	if (is(f->has_net_admin, "no")) {
		item = findings_add(ret, GROUP_KERNEL, SEVERITY_NOTE,
				    "privilege", NULL);
		finding_title(item, "fastdpctl runs without CAP_NET_ADMIN");
		finding_evidence(item, "/proc/self/status");
		finding_consequence(item, "whose sockets ports are, and what "
					  "containers see, stays unknown");
		finding_remedy(item, "run it as root");
	}
	if (f->container[0]) {
		item = findings_add(ret, GROUP_KERNEL, SEVERITY_NOTE,
				    "container", NULL);
		finding_title(item, "this is a container (%s)", f->container);
		finding_evidence(item, "files of the container's manager");
		finding_consequence(item, "cards and settings are those that "
					  "the container sees; the host may "
					  "have others");
		finding_remedy(item, "run it on the host, too");
	}
}

void rules_kernel(const struct facts *f, const struct doctor_data *data,
		  struct findings *ret)
{
	judge_build(f, data, ret);
	judge_ovs(f, ret);
	judge_vxlan(f, ret);
	judge_tun(f, ret);
	judge_veth(f, ret);
	judge_check_len(f, ret);
	judge_ipv6(f, ret);
	judge_sandbox(f, ret);
}
