/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_show.h"

#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

#include "bridge_net.h"
#include "bridge_port.h"
#include "sys/addr.h"

#define TEXT_SIZE 128

struct text {
	char stage[4], match[TEXT_SIZE], actions[TEXT_SIZE];
};

static const char *port_name(struct bridges *b, uint32_t ifindex, char ret[24])
{
	const struct bridge_port *p = bridge_port_by_index(b, ifindex);

	if (p)
		return p->ifname;
	snprintf(ret, 24, "link %u", ifindex);
	return ret;
}

static void write_fdb(struct bridges *b, const struct fact *f, struct text *ret)
{
	const struct bridge_net *net = bridge_net_by_index(b, fact_place(f));
	const uint32_t ifindex = f->value & ~FACT_IS_STICKY;
	const struct bridge_port *p = bridge_port_by_index(b, ifindex);
	const struct mac mac = fact_mac(f);
	char text[ADDR_MAC_SIZE], name[24];

	strcpy(ret->stage, p && p->is_tap ? "B'" : "C");
	snprintf(ret->match, TEXT_SIZE, "vni=%u eth_dst=%s", net ? net->vni : 0,
		 addr_print_mac(&mac, text));
	snprintf(ret->actions, TEXT_SIZE, "output:%s",
		 port_name(b, ifindex, name));
}

static void write_source(struct bridges *b, const struct fact *f,
			 struct text *ret)
{
	const struct mac mac = fact_mac(f);
	char text[ADDR_MAC_SIZE], name[24];

	strcpy(ret->stage, "A");
	snprintf(ret->match, TEXT_SIZE, "in_port=%s eth_src=%s",
		 port_name(b, fact_place(f), name), addr_print_mac(&mac, text));
	snprintf(ret->actions, TEXT_SIZE, "accept");
}

static void write_ip(struct bridges *b, const struct fact *f, bool is_host,
		     struct text *ret)
{
	const struct ip ip = fact_ip(f);
	const struct bridge_port *p =
		is_host ? NULL : bridge_port_by_index(b, fact_place(f));
	const vni_t vni = is_host ? fact_place(f) : p ? p->net->vni : 0;
	char text[ADDR_IP_SIZE], name[24];

	strcpy(ret->stage, "F");
	snprintf(ret->match, TEXT_SIZE, "vni=%u %s asks for %s", vni,
		 ip_is_v4(&ip) ? "arp" : "nd", addr_print_ip(&ip, text));
	snprintf(ret->actions, TEXT_SIZE, "output:%s",
		 is_host ? "the host" : port_name(b, fact_place(f), name));
}

/* False: not of use to people. */
static bool write_fact(struct bridges *b, const struct fact *f,
		       struct text *ret)
{
	switch (f->kind) {
	case FACT_FDB:
		write_fdb(b, f, ret);
		return true;
	case FACT_SOURCE:
		write_source(b, f, ret);
		return true;
	case FACT_OWNER4:
	case FACT_OWNER6:
		write_ip(b, f, false, ret);
		return true;
	case FACT_HOST4:
	case FACT_HOST6:
		write_ip(b, f, true, ret);
		return true;
	default:
		return false;
	}
}

/* The bridge counts no packets by entry: nothing is said of them. */
static json_t *flow_json(const struct fact *f, const struct text *t)
{
	return json_pack("{s:s, s:s, s:s, s:n, s:n, s:n, s:b}", "stage",
			 t->stage, "match", t->match, "actions", t->actions,
			 "packets", "bytes", "used_ms", "wanted",
			 !f->is_inherited);
}

void bridge_show_flows(struct datapath *d, json_t *list)
{
	struct bridges *b = bridges_of(d);
	struct text t;
	uint32_t i;

	for (i = 0; i < b->is.n; i++) {
		if (write_fact(b, &b->is.list[i], &t))
			json_array_append_new(list,
					      flow_json(&b->is.list[i], &t));
	}
}

json_t *bridge_show_flow_to(struct datapath *d, vni_t vni,
			    const struct mac *mac)
{
	struct bridges *b = bridges_of(d);
	const struct bridge_net *net = bridge_net_find(b, vni);
	const struct fact *f = NULL;
	struct fact key;
	struct text t;

	if (net) {
		key = fact_fdb(net->ifindex, mac, 0);
		f = facts_find(&b->is, &key);
	}
	if (!f)
		return json_null();
	write_fdb(b, f, &t);
	return flow_json(f, &t);
}

static void say(json_t *list, const char *text)
{
	json_array_append_new(list, json_string(text));
}

void bridge_show_missing(const struct datapath *d, json_t *list)
{
	const struct bridges *b = bridges_of((struct datapath *)(uintptr_t)d);
	const int error = guard_error(b->guard);
	char text[400];

	if (guard_is_there(b->guard))
		return;
	snprintf(text, sizeof(text),
		 "%s (%s): requests for known addresses reach every container "
		 "of the network on this host; senders in ARP and neighbour "
		 "discovery are not checked; frames with a VLAN tag pass; "
		 "containers reach the host at the bridge's MAC",
		 guard_is_awaited(b->guard)
			 ? "the bridges' rules could not be made, which is "
			   "tried again"
			 : "this kernel takes no rules of nf_tables for "
			   "bridges, see CONFIG_NF_TABLES_BRIDGE",
		 strerror(-error));
	say(list, text);
	if (!b->has_lock)
		say(list, "this kernel cannot lock ports of a bridge (before "
			  "5.18): a container can send from any MAC");
}

static void put(json_t *metrics, const char *name, uint64_t value)
{
	json_object_set_new(metrics, name, json_integer((json_int_t)value));
}

void bridge_show_metrics(struct datapath *d, json_t *metrics)
{
	struct bridges *b = bridges_of(d);
	struct guard_counters c;
	uint32_t i, n = 0;

	while (n < b->is.n && b->is.list[n].kind == FACT_FDB)
		n++;
	guard_counters(b->guard, &c);
	put(metrics, "datapath_flows", b->is.n);
	put(metrics, "bridge_fdb_entries", n);
	put(metrics, "bridge_refused", b->n_errors);
	put(metrics, "bridge_news_lost", b->n_news_lost);
	put(metrics, "bridge_tagged", c.n_tagged);
	put(metrics, "bridge_foreign_macs", c.n_foreign_macs);
	put(metrics, "bridge_foreign_senders", c.n_foreign_senders);
	for (i = 0, n = 0; i < b->n_ports; i++)
		n += b->ports[i].n_learnt;
	put(metrics, "bridge_learnt", n);
}
