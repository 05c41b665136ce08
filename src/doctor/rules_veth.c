/* SPDX-License-Identifier: Apache-2.0 */

/* The two ends of a container's interface, and what they are plugged into. */

#include <stdio.h>
#include <string.h>

#include "judges.h"

static struct finding *say_ends(const char *a, uint32_t mtu_a, const char *b,
				uint32_t mtu_b, enum severity severity,
				struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_MTU, severity, "mtu-veth", a);
	finding_title(item,
		      "the ends of a veth pair have unequal MTUs: %s %u, "
		      "%s %u",
		      a, mtu_a, b, mtu_b);
	finding_evidence(item, "%s %u, %s %u", a, mtu_a, b, mtu_b);
	finding_consequence(item,
			    "what is longer than %u bytes is dropped by "
			    "the narrower end without a word",
			    mtu_a < mtu_b ? mtu_a : mtu_b);
	return item;
}

/*
 * A container that was given less than its network carries, by "mtu" of the
 * plugin's configuration or by hand: it keeps that, and who is not told of it,
 * as TCP is, sends it more.
 */
static void say_smaller(const struct facts_link *host, const char *inside,
			const struct facts_port *port, struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_MTU, SEVERITY_NOTE, "mtu-smaller",
			    host->ifname);
	finding_title(item,
		      "a container was given an MTU of %u, its network carries "
		      "%u",
		      port->container_mtu, host->mtu);
	finding_evidence(item, "%s %u, %s %u", host->ifname, host->mtu, inside,
			 port->container_mtu);
	finding_consequence(item,
			    "longer packets that others send it are dropped "
			    "there without an answer; TCP knows the size and "
			    "sends none");
	finding_remedy(item,
		       "nothing, when it is meant; else take \"mtu\" out of "
		       "the plugin's configuration, or 'ip -n NETNS link set "
		       "%s mtu %u'",
		       port->ifname, host->mtu);
}

/* What the network carries is what both ends should have. */
static void say_port_remedy(const struct facts *f,
			    const struct facts_port *port, uint32_t host_mtu,
			    struct finding *item)
{
	const uint32_t mtu = f->daemon.mtu ? f->daemon.mtu : host_mtu;

	if (host_mtu == mtu)
		finding_remedy(item, "ip -n NETNS link set %s mtu %u",
			       port->ifname, mtu);
	else if (port->container_mtu == mtu)
		finding_remedy(item, "ip link set %s mtu %u", port->host_ifname,
			       mtu);
	else
		finding_remedy(item,
			       "ip link set %s mtu %u; ip -n NETNS link set %s "
			       "mtu %u",
			       port->host_ifname, mtu, port->ifname, mtu);
}

static void judge_port(const struct facts *f, const struct facts_port *port,
		       struct findings *ret)
{
	const struct facts_link *host = facts_link(f, port->host_ifname);
	char inside[FACTS_WORD + 32];
	struct finding *item;

	if (!port->container_mtu)
		return;
	snprintf(inside, sizeof(inside), "%s in the container", port->ifname);
	if (host && port->container_mtu < host->mtu &&
	    host->mtu == f->daemon.mtu) {
		say_smaller(host, inside, port, ret);
		return;
	}
	if (host && host->mtu && host->mtu != port->container_mtu) {
		item = say_ends(host->ifname, host->mtu, inside,
				port->container_mtu, SEVERITY_ERROR, ret);
		say_port_remedy(f, port, host->mtu, item);
		return;
	}
	if (!f->daemon.mtu || port->container_mtu <= f->daemon.mtu)
		return;
	item = findings_add(ret, GROUP_MTU, SEVERITY_WARNING, "mtu-container",
			    port->host_ifname);
	finding_title(item, "a container's MTU is %u, the network's is %u",
		      port->container_mtu, f->daemon.mtu);
	finding_evidence(item, "port %s, %s", port->host_ifname, inside);
	finding_consequence(item, "its full packets do not fit into the "
				  "tunnel and are answered one by one");
	finding_remedy(item,
		       "give both ends %u, the container's by 'ip -n "
		       "NETNS link set %s mtu %u'",
		       f->daemon.mtu, port->ifname, f->daemon.mtu);
}

/* Both ends here: each pair once, by the order of the list. */
static void judge_pair(const struct facts *f, const struct facts_link *link,
		       struct findings *ret)
{
	const struct facts_link *peer = facts_link(f, link->peer);
	const struct facts_link *narrow, *wide;
	struct finding *item;

	if (!peer || peer <= link || peer->mtu == link->mtu)
		return;
	narrow = peer->mtu < link->mtu ? peer : link;
	wide = narrow == peer ? link : peer;
	item = say_ends(link->ifname, link->mtu, peer->ifname, peer->mtu,
			SEVERITY_WARNING, ret);
	finding_remedy(item,
		       "ip link set %s mtu %u, if what it leads to takes that; "
		       "else ip link set %s mtu %u",
		       narrow->ifname, wide->mtu, wide->ifname, narrow->mtu);
}

static bool is_ours(const struct facts *f, const struct facts_link *link)
{
	return f->daemon.datapath_name[0] &&
	       strcmp(link->ifname, f->daemon.datapath_name) == 0;
}

/* A bridge without ports has an MTU that nobody chose. */
static bool is_in_use(const struct facts *f, const struct facts_link *link)
{
	return strcmp(link->kind, "bridge") != 0 || f->n_ports;
}

/* A device of the overlay itself that takes less than containers send. */
static void judge_device(const struct facts *f, const struct facts_link *link,
			 struct findings *ret)
{
	const bool is_vxlan = link->vxlan_port &&
			      link->vxlan_port == f->vxlan_port;
	struct finding *item;

	if (!f->daemon.mtu || !link->mtu || link->mtu >= f->daemon.mtu ||
	    (!is_vxlan && (!is_ours(f, link) || !is_in_use(f, link))))
		return;
	item = findings_add(ret, GROUP_MTU,
			    is_vxlan ? SEVERITY_ERROR : SEVERITY_WARNING,
			    "mtu-device", link->ifname);
	finding_title(item, "%s takes %u bytes, containers send %u",
		      link->ifname, link->mtu, f->daemon.mtu);
	finding_evidence(item, "MTU of %s", link->ifname);
	finding_consequence(item, is_vxlan ? "longer packets to peers are "
					     "dropped without a word"
					   : "the host's own packets in the "
					     "network are shorter than they "
					     "could be");
	finding_remedy(item, "ip link set %s mtu %u", link->ifname,
		       is_vxlan ? 65485U : f->daemon.mtu);
}

void rules_veth(const struct facts *f, struct findings *ret)
{
	size_t i;

	for (i = 0; i < f->n_ports; i++)
		judge_port(f, &f->ports[i], ret);
	for (i = 0; i < f->n_links; i++) {
		judge_pair(f, &f->links[i], ret);
		judge_device(f, &f->links[i], ret);
	}
}
