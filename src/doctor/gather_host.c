/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gatherers.h"
#include "sys/addr.h"
#include "sys/procfd.h"
#include "sys/procnet.h"
#include "sys/sysctl.h"

static void add_sysctl(const char *root, const char *name, struct facts *ret)
{
	struct facts_sysctl *sysctl;
	int64_t value;

	if (sysctl_read(root, name, &value))
		return;
	sysctl = FACTS_ADD(ret, sysctls);
	if (!sysctl)
		return;
	FACTS_SET(sysctl->name, name);
	sysctl->value = value;
}

static bool has_sysctl(const struct facts *f, const char *name)
{
	int64_t value;

	return facts_sysctl(f, name, &value);
}

void gather_sysctls(const char *root, struct facts *ret)
{
	static const char *const names[] = {
		"net/ipv4/ip_forward",
		"net/ipv4/ip_no_pmtu_disc",
		"net/ipv4/ip_default_ttl",
		"net/ipv4/ipfrag_high_thresh",
		"net/ipv4/ipfrag_low_thresh",
		"net/ipv4/ipfrag_time",
		"net/ipv6/ip6frag_high_thresh",
		"net/ipv6/ip6frag_low_thresh",
		"net/ipv6/ip6frag_time",
		"net/ipv6/conf/all/forwarding",
		"net/ipv4/conf/all/rp_filter",
		"net/ipv4/conf/default/rp_filter",
		"net/bridge/bridge-nf-call-iptables",
		"net/bridge/bridge-nf-call-ip6tables",
		"net/bridge/bridge-nf-call-arptables",
	};
	char name[96];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add_sysctl(root, names[i], ret);
	for (i = 0; i < ret->n_egress; i++) {
		if (!ret->egress[i].ifname[0])
			continue;
		snprintf(name, sizeof(name), "net/ipv4/conf/%s/rp_filter",
			 ret->egress[i].ifname);
		if (!has_sysctl(ret, name))
			add_sysctl(root, name, ret);
	}
}

static void take_counter(void *arg, const char *name, uint64_t value)
{
	static const char *const wanted[] = {
		"Ip.FragCreates",   "Ip.FragFails",	"Ip.FragOKs",
		"Ip.OutDiscards",   "Ip.ReasmFails",	"Ip.ReasmOKs",
		"Ip.ReasmReqds",    "Ip.ReasmTimeout",	"Ip6FragCreates",
		"Ip6FragFails",	    "Ip6ReasmFails",	"Ip6ReasmOKs",
		"Ip6ReasmTimeout",  "Udp.RcvbufErrors", "Udp.SndbufErrors",
		"Udp6RcvbufErrors", "Udp6SndbufErrors"
	};
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (strcmp(wanted[i], name) == 0)
			facts_count(arg, name, value);
	}
}

void gather_counters(const char *root, struct facts *ret)
{
	if (procnet_counters(root, take_counter, ret))
		return; /* not known */
}

struct socket_search {
	struct facts *facts;
	const char *table;
	uint64_t inodes[FACTS_MAX_LIST]; /* of the facts' sockets */
};

static bool is_our_port(const struct facts *f, const struct procnet_socket *s,
			bool is_tcp)
{
	if (is_tcp)
		return s->is_listening && s->port == f->control_port;
	return s->port == f->sleeve_port || s->port == f->vxlan_port;
}

static void take_socket(void *arg, const struct procnet_socket *socket)
{
	struct socket_search *search = arg;
	struct facts *f = search->facts;
	struct facts_socket *item;

	if (!is_our_port(f, socket, strncmp(search->table, "tcp", 3) == 0))
		return;
	item = FACTS_ADD(f, sockets);
	if (!item)
		return;
	FACTS_SET(item->protocol, search->table);
	addr_print_ip(&socket->ip, item->address);
	item->port = socket->port;
	search->inodes[f->n_sockets - 1] = socket->inode;
}

static void take_owner(void *arg, uint64_t inode, pid_t pid,
		       const char *command)
{
	const struct socket_search *search = arg;
	struct facts_socket *item;
	size_t i;

	for (i = 0; i < search->facts->n_sockets; i++) {
		item = &search->facts->sockets[i];
		if (search->inodes[i] != inode || item->owner[0])
			continue;
		snprintf(item->owner, sizeof(item->owner), "%.20s (pid %d)",
			 command, (int)pid);
		item->is_ours = strcmp(command, "fastdpd") == 0;
	}
}

/* No process has the socket of a VXLAN device. */
static void take_kernels(struct facts *f)
{
	size_t i, j;

	for (i = 0; i < f->n_sockets; i++) {
		for (j = 0; j < f->n_links; j++) {
			if (!f->sockets[i].owner[0] &&
			    f->links[j].vxlan_port == f->sockets[i].port &&
			    strncmp(f->sockets[i].protocol, "udp", 3) == 0)
				FACTS_SET(f->sockets[i].owner, "kernel");
		}
	}
}

void gather_sockets(const char *root, struct facts *ret)
{
	static const char *const tables[] = { "tcp", "tcp6", "udp", "udp6" };
	struct socket_search *search = calloc(1, sizeof(*search));
	size_t i;

	if (!search)
		abort();
	search->facts = ret;
	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		search->table = tables[i];
		if (procnet_sockets(root, tables[i], take_socket, search))
			continue; /* no such protocol here */
	}
	if (ret->n_sockets && procfd_sockets(root, take_owner, search))
		ret->sockets[0].is_ours = false; /* whose is not known */
	take_kernels(ret);
	free(search);
}
