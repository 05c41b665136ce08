/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "sys/addr.h"

const char *flow_text_stage(const struct flow_match *m)
{
	const uint32_t stage = RECIRC_STAGE(m->recirc_id);
	const bool is_request = (m->fields & (FLOW_ARP_TIP | FLOW_ND_TARGET)) !=
					0 &&
				!(m->fields & FLOW_IN_PORT);

	if (stage == STAGE_FIRST) {
		if (m->fields & FLOW_ETH_SRC)
			return "A";
		return m->tun_id == VNI_PROBE ? "H" : "D";
	}
	if (stage >= STAGE_FLOOD)
		return "G";
	if (m->fields & FLOW_ETH_DST)
		return stage == STAGE_LOCAL ? "B/C" : "E";
	return is_request ? "F" : "G";
}

struct text {
	char *p;
	size_t left;
};

static void add(struct text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(t->p, t->left, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->left)
		n = t->left ? (int)t->left - 1 : 0;
	t->p += n;
	t->left -= (size_t)n;
}

static void add_recirc(struct text *t, uint32_t id)
{
	const uint32_t stage = RECIRC_STAGE(id);

	if (stage == STAGE_LOCAL)
		add(t, "local(%u)", RECIRC_VNI(id));
	else if (stage == STAGE_REMOTE)
		add(t, "remote(%u)", RECIRC_VNI(id));
	else if (stage == STAGE_FLOOD)
		add(t, "flood(%u)", RECIRC_VNI(id));
	else
		add(t, "peers(%u,%u)", RECIRC_VNI(id), stage - STAGE_PEERS);
}

static void add_port(struct text *t, port_no_t port)
{
	if (port == PORT_NO_VXLAN)
		add(t, "vxlan");
	else if (port == PORT_NO_HOST)
		add(t, "host");
	else
		add(t, "%u", port);
}

static void add_ethernet(struct text *t, const struct flow_match *m)
{
	char mac[ADDR_MAC_SIZE];

	if (m->fields & FLOW_ETH_SRC)
		add(t, ",src=%s", addr_print_mac(&m->eth_src, mac));
	if (m->fields & FLOW_ETH_DST)
		add(t, ",dst=%s", addr_print_mac(&m->eth_dst, mac));
	if (m->fields & FLOW_ETH_GROUP)
		add(t, ",dst=group");
	if (m->fields & FLOW_ETH_TYPE)
		add(t, ",type=0x%04x", m->eth_type);
}

static void add_upper(struct text *t, const struct flow_match *m)
{
	char ip[ADDR_IP_SIZE];

	if (m->fields & FLOW_ARP_OP)
		add(t, ",arp_op=%u", m->arp_op);
	if (m->fields & FLOW_ARP_TIP)
		add(t, ",arp_tip=%s", addr_print_ip(&m->ip, ip));
	if (m->fields & FLOW_IP_PROTO)
		add(t, ",proto=%u", m->ip_proto);
	if (m->fields & FLOW_ICMP6_TYPE)
		add(t, ",icmp6_type=%u", m->icmp6_type);
	if (m->fields & FLOW_ND_TARGET)
		add(t, ",nd_target=%s", addr_print_ip(&m->ip, ip));
}

const char *flow_text_match(const struct flow_match *m,
			    char ret[FLOW_TEXT_MATCH_SIZE])
{
	struct text t = { .p = ret, .left = FLOW_TEXT_MATCH_SIZE };
	char ip[ADDR_IP_SIZE];
	char *from = ret;

	ret[0] = '\0';
	if (m->recirc_id)
		add_recirc(&t, m->recirc_id);
	if (m->fields & FLOW_IN_PORT) {
		add(&t, ",in=");
		add_port(&t, m->in_port);
	}
	if (m->fields & FLOW_TUN_SRC)
		add(&t, ",peer=%s", addr_print_ip(&m->tun_src, ip));
	if (m->fields & FLOW_TUN_ID)
		add(&t, m->tun_id == VNI_PROBE ? ",vni=probe" : ",vni=%u",
		    m->tun_id);
	add_ethernet(&t, m);
	add_upper(&t, m);
	if (ret[0] == ',')
		from++;
	memmove(ret, from, strlen(from) + 1);
	return ret;
}

static void add_action(struct text *t, const struct flow_action *a)
{
	char ip[ADDR_IP_SIZE], mac[ADDR_MAC_SIZE];

	switch (a->type) {
	case FLOW_OUTPUT:
		add(t, "output(");
		add_port(t, a->port);
		add(t, ")");
		break;
	case FLOW_SET_TUNNEL:
		add(t,
		    a->tunnel.tun_id == VNI_PROBE ? "tunnel(%s,probe)"
						  : "tunnel(%s,%u)",
		    addr_print_ip(&a->tunnel.dst, ip), a->tunnel.tun_id);
		break;
	case FLOW_RECIRC:
		add(t, "go ");
		add_recirc(t, a->recirc_id);
		break;
	case FLOW_SET_ETH_DST:
		add(t, "set_dst(%s)", addr_print_mac(&a->eth_dst, mac));
		break;
	case FLOW_USERSPACE:
		add(t, "daemon");
		break;
	case FLOW_TRUNC:
		add(t, "first(%u)", a->max_size);
		break;
	case FLOW_CHECK_LEN:
		add(t, "longer_than(%u)?daemon", a->max_size);
		break;
	}
}

char *flow_text_actions(const struct flow_actions *a)
{
	const size_t size = 16 + (size_t)a->n * 96;
	char *text = core_alloc(size);
	struct text t = { .p = text, .left = size };
	uint32_t i;

	if (!a->n)
		add(&t, "drop");
	for (i = 0; i < a->n; i++) {
		if (i)
			add(&t, ",");
		add_action(&t, &a->list[i]);
	}
	return text;
}
