/* SPDX-License-Identifier: Apache-2.0 */

/* Whose the ports are, and whether the VXLAN device lives. */

#include <stdio.h>
#include <string.h>

#include "judges.h"

static bool is_tcp(const struct facts_socket *s)
{
	return strncmp(s->protocol, "tcp", 3) == 0;
}

static bool is_kernels(const struct facts_socket *s)
{
	return strcmp(s->owner, "kernel") == 0;
}

/* The datapath of a daemon that is away goes on; its device says whose. */
static bool is_left_by_us(const struct facts_link *link)
{
	const size_t n = strlen(link->ifname);

	return n > 3 && strcmp(link->ifname + n - 3, "-vx") == 0;
}

static const struct facts_link *vxlan_on(const struct facts *f, uint32_t port)
{
	size_t i;

	for (i = 0; i < f->n_links; i++) {
		if (f->links[i].vxlan_port == port && port)
			return &f->links[i];
	}
	return NULL;
}

static void say_taken(const struct facts *f, const struct facts_socket *s,
		      struct findings *ret)
{
	const char *option = is_tcp(s)			? "--control-port"
			     : s->port == f->vxlan_port ? "--vxlan-port"
							: "--sleeve-port";
	const char *kind = is_tcp(s) ? "TCP" : "UDP";
	const struct facts_link *vxlan = vxlan_on(f, s->port);
	struct finding *item;
	char subject[FACTS_WORD];

	snprintf(subject, sizeof(subject), "%s %u", kind, s->port);
	item = findings_add(ret, GROUP_PORTS, SEVERITY_ERROR, "port-taken",
			    subject);
	finding_title(item, "%s port %u is taken", kind, s->port);
	finding_evidence(item, "%s of %s: ", s->protocol, s->address);
	if (is_kernels(s) && vxlan)
		finding_evidence(item, "the VXLAN device %s", vxlan->ifname);
	else
		finding_evidence(item, "%s",
				 s->owner[0] ? s->owner
					     : "by whom is not "
					       "to be seen");
	finding_consequence(item, "fastdpd does not start, or has no path of "
				  "that kind");
	if (is_kernels(s) && vxlan)
		finding_remedy(item,
			       "ip link delete %s, if nobody needs it, "
			       "or another %s for fastdpd, on all hosts",
			       vxlan->ifname, option);
	else
		finding_remedy(item,
			       "stop that program ('ss -%slnp sport = "
			       ":%u' shows it), or give fastdpd another "
			       "%s",
			       is_tcp(s) ? "t" : "u", s->port, option);
}

/* One of @port and the protocol before @i? Sockets of v4 and v6 are two. */
static bool is_told(const struct facts *f, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++) {
		if (f->sockets[j].port == f->sockets[i].port &&
		    is_tcp(&f->sockets[j]) == is_tcp(&f->sockets[i]) &&
		    strcmp(f->sockets[j].owner, f->sockets[i].owner) == 0)
			return true;
	}
	return false;
}

/* The daemon is up: what would a stranger's socket look like? */
static bool is_stranger(const struct facts *f, const struct facts_socket *s)
{
	const struct facts_link *vxlan = vxlan_on(f, s->port);

	if (s->is_ours)
		return false;
	if (is_kernels(s) && vxlan)
		return !is_left_by_us(vxlan);
	return !facts_is_up(f) || (s->owner[0] && !is_kernels(s));
}

static void say_free(const struct facts *f, size_t n_ours, struct findings *ret)
{
	const struct facts_link *vxlan = vxlan_on(f, f->vxlan_port);
	struct finding *item;

	item = findings_add(ret, GROUP_PORTS, SEVERITY_OK, "ports", NULL);
	finding_title(item, "TCP %u, UDP %u and %u are %s", f->control_port,
		      f->sleeve_port, f->vxlan_port,
		      n_ours ? "fastdpd's" : "free for fastdpd");
	if (!facts_is_up(f) && vxlan)
		finding_evidence(item,
				 "%s forwards on; the daemon adopts it when it "
				 "starts",
				 vxlan->ifname);
}

static void judge_sockets(const struct facts *f, struct findings *ret)
{
	size_t i, n_bad = 0, n_ours = 0;

	for (i = 0; i < f->n_sockets; i++) {
		n_ours += f->sockets[i].is_ours;
		if (!is_stranger(f, &f->sockets[i]))
			continue;
		n_bad++;
		if (!is_told(f, i))
			say_taken(f, &f->sockets[i], ret);
	}
	if (!n_bad && !f->is_elsewhere && f->control_port)
		say_free(f, facts_is_up(f) ? 1 : n_ours, ret);
}

static void say_vxlan_down(const struct facts_link *link, struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_PORTS, SEVERITY_ERROR, "vxlan-down",
			    link->ifname);
	finding_title(item, "the VXLAN device %s is down", link->ifname);
	finding_evidence(item, "UDP port %u, flag UP is missing",
			 link->vxlan_port);
	finding_consequence(item,
			    "no packet leaves or arrives by fastdp, while "
			    "the kernel reports success; on old kernels "
			    "so a port that is taken shows itself");
	finding_remedy(item,
		       "'ip link set %s up'; if it is refused, the port "
		       "is taken: see 'ss -ulnp sport = :%u'",
		       link->ifname, link->vxlan_port);
}

static void say_vxlan_other(const struct facts *f,
			    const struct facts_link *link, struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_PORTS, SEVERITY_WARNING, "vxlan-other",
			    link->ifname);
	finding_title(item, "another VXLAN device has our port: %s",
		      link->ifname);
	finding_evidence(item, "%s has UDP port %u, and is %s", link->ifname,
			 link->vxlan_port, link->is_up ? "up" : "down");
	finding_consequence(item, "%s",
			    facts_is_up(f)
				    ? "packets of its VNIs do not come "
				      "to us, nor ours to it"
				    : "as soon as it is up the port is "
				      "taken, and fastdpd has no fastdp");
	finding_remedy(item,
		       "ip link delete %s, if nobody needs it, or another "
		       "--vxlan-port for fastdpd, on all hosts",
		       link->ifname);
}

static void judge_vxlan(const struct facts *f, struct findings *ret)
{
	bool has_ours = false;
	struct finding *item;
	size_t i;

	for (i = 0; i < f->n_links; i++) {
		const struct facts_link *link = &f->links[i];

		if (!link->vxlan_port || link->vxlan_port != f->vxlan_port)
			continue;
		if (is_left_by_us(link)) {
			has_ours = true;
			if (!link->is_up)
				say_vxlan_down(link, ret);
		} else if (facts_is_up(f) || !link->is_up) {
			/* One that is up has a socket: "port-taken". */
			say_vxlan_other(f, link, ret);
		}
	}
	if (has_ours || !facts_is_up(f) || f->is_elsewhere ||
	    strcmp(f->daemon.datapath_type, "ovs") != 0 || !f->n_links)
		return;
	item = findings_add(ret, GROUP_PORTS, SEVERITY_ERROR, "vxlan-absent",
			    NULL);
	finding_title(item, "there is no VXLAN device on UDP port %u",
		      f->vxlan_port);
	finding_evidence(item,
			 "no link has it in 'ip -d link show type vxlan'");
	finding_consequence(item, "no packet leaves or arrives by fastdp");
	finding_remedy(item, "systemctl restart fastdpd, and see its log");
}

static bool is_our_port(const struct facts *f, const struct facts_link *link)
{
	size_t i;

	if (f->daemon.datapath_name[0] &&
	    strcmp(link->master, f->daemon.datapath_name) == 0)
		return true;
	for (i = 0; i < f->n_ports; i++) {
		if (strcmp(f->ports[i].host_ifname, link->ifname) == 0)
			return true;
	}
	return false;
}

static void judge_hairpin(const struct facts *f, struct findings *ret)
{
	struct finding *item;
	size_t i;

	for (i = 0; i < f->n_links; i++) {
		if (!f->links[i].is_hairpin || !is_our_port(f, &f->links[i]))
			continue;
		item = findings_add(ret, GROUP_PORTS, SEVERITY_WARNING,
				    "hairpin", f->links[i].ifname);
		finding_title(item,
			      "%s sends packets back where they came "
			      "from (hairpin)",
			      f->links[i].ifname);
		finding_evidence(item, "hairpin is on for the bridge's port");
		finding_consequence(item, "containers see their own broadcasts "
					  "and give up their IPv6 addresses as "
					  "duplicates");
		finding_remedy(item, "bridge link set dev %s hairpin off",
			       f->links[i].ifname);
	}
}

void rules_ports(const struct facts *f, struct findings *ret)
{
	judge_sockets(f, ret);
	judge_vxlan(f, ret);
	judge_hairpin(f, ret);
}
