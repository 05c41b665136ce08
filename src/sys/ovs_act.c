/* SPDX-License-Identifier: Apache-2.0 */
#include "ovs_act.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#define MAX_TUN_ID UINT32_C(0xffffff)

/* Writing. */

static int put_tunnel(struct nl_builder *b, const struct flow_tunnel *t)
{
	const uint64_t id = htobe64(t->tun_id);
	const bool is_v4 = ip_is_v4(&t->dst);
	const size_t size = is_v4 ? 4 : 16;
	size_t set, nest;

	if (t->tun_id > MAX_TUN_ID || ip_is_zero(&t->dst))
		return -EINVAL;
	if (!ip_is_zero(&t->src) && ip_is_v4(&t->src) != is_v4)
		return -EINVAL;
	nl_nest_start(b, OVS_ACTION_ATTR_SET, &set);
	nl_nest_start(b, OVS_KEY_ATTR_TUNNEL, &nest);
	nl_put(b, OVS_TUNNEL_KEY_ATTR_ID, &id, sizeof(id));
	if (!ip_is_zero(&t->src))
		nl_put(b,
		       is_v4 ? OVS_TUNNEL_KEY_ATTR_IPV4_SRC
			     : OVS_TUNNEL_KEY_ATTR_IPV6_SRC,
		       t->src.b + 16 - size, size);
	nl_put(b,
	       is_v4 ? OVS_TUNNEL_KEY_ATTR_IPV4_DST
		     : OVS_TUNNEL_KEY_ATTR_IPV6_DST,
	       t->dst.b + 16 - size, size);
	nl_put_u8(b, OVS_TUNNEL_KEY_ATTR_TTL, t->ttl);
	nl_put_flag(b, OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT);
	if (t->dst_port)
		nl_put_u16(b, OVS_TUNNEL_KEY_ATTR_TP_DST, htons(t->dst_port));
	nl_nest_end(b, nest);
	nl_nest_end(b, set);
	return 0;
}

/* Masked: the kernel dumps it as it was put. */
static void put_eth_dst(struct nl_builder *b, const struct mac *dst)
{
	struct ovs_key_ethernet key_and_mask[2] = { 0 };
	size_t nest;

	memcpy(key_and_mask[0].eth_dst, dst->b, sizeof(dst->b));
	memset(key_and_mask[1].eth_dst, 0xff, sizeof(dst->b));
	nl_nest_start(b, OVS_ACTION_ATTR_SET_MASKED, &nest);
	nl_put(b, OVS_KEY_ATTR_ETHERNET, key_and_mask, sizeof(key_and_mask));
	nl_nest_end(b, nest);
}

static int put_userspace(struct nl_builder *b, uint32_t pid)
{
	size_t nest;

	if (!pid)
		return -EINVAL;
	nl_nest_start(b, OVS_ACTION_ATTR_USERSPACE, &nest);
	nl_put_u32(b, OVS_USERSPACE_ATTR_PID, pid);
	nl_nest_end(b, nest);
	return 0;
}

static int put_trunc(struct nl_builder *b, uint32_t max_size)
{
	const struct ovs_action_trunc trunc = { .max_len = max_size };

	if (max_size < ETH_HLEN)
		return -EINVAL;
	nl_put(b, OVS_ACTION_ATTR_TRUNC, &trunc, sizeof(trunc));
	return 0;
}

/* Leaves two nests open, for the rest of the list. */
static int put_check_len(struct nl_builder *b, uint32_t max_size,
			 uint32_t longer, size_t ret_nests[2])
{
	size_t nest;

	if (max_size > UINT16_MAX || !longer)
		return -EINVAL;
	nl_nest_start(b, OVS_ACTION_ATTR_CHECK_PKT_LEN, &ret_nests[0]);
	nl_put_u16(b, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, (uint16_t)max_size);
	nl_nest_start(b, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER, &nest);
	nl_put_u32(b, OVS_ACTION_ATTR_RECIRC, longer);
	nl_nest_end(b, nest);
	nl_nest_start(b, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
		      &ret_nests[1]);
	return 0;
}

static int put_action(struct nl_builder *b, const struct flow_action *a,
		      uint32_t pid)
{
	switch (a->type) {
	case FLOW_OUTPUT:
		nl_put_u32(b, OVS_ACTION_ATTR_OUTPUT, a->port);
		return 0;
	case FLOW_SET_TUNNEL:
		return put_tunnel(b, &a->tunnel);
	case FLOW_RECIRC:
		nl_put_u32(b, OVS_ACTION_ATTR_RECIRC, a->recirc_id);
		/* Recirculation to 0 would be to where it came from. */
		return a->recirc_id ? 0 : -EINVAL;
	case FLOW_SET_ETH_DST:
		put_eth_dst(b, &a->eth_dst);
		return 0;
	case FLOW_USERSPACE:
		return put_userspace(b, pid);
	case FLOW_TRUNC:
		return put_trunc(b, a->max_size);
	case FLOW_CHECK_LEN:
		break;
	}
	return -EINVAL;
}

int ovs_act_put(struct nl_builder *b, unsigned int type,
		const struct flow_actions *actions, uint32_t pid)
{
	size_t nests[OVS_MAX_CHECK_LEN][2];
	unsigned int depth = 0;
	const struct flow_action *a;
	size_t list;
	uint32_t i;
	int r = 0;

	nl_nest_start(b, type, &list);
	for (i = 0; i < actions->n && !r && !b->error; i++) {
		a = &actions->list[i];
		if (a->type != FLOW_CHECK_LEN)
			r = put_action(b, a, pid);
		else if (depth == OVS_MAX_CHECK_LEN)
			r = -EINVAL;
		else
			r = put_check_len(b, a->max_size, a->longer,
					  nests[depth++]);
	}
	if (r)
		return r;
	while (depth-- > 0) {
		nl_nest_end(b, nests[depth][1]);
		nl_nest_end(b, nests[depth][0]);
	}
	nl_nest_end(b, list);
	return 0;
}

/* Reading. */

struct reader {
	struct flow_actions *actions;
	uint32_t pid;
	bool is_foreign;
	/* After a length check: its rest of the list, instead of ours. */
	const struct nlattr *rest;
};

#define RULE(type, size) [type] = { true, size }

static void read_address(const struct nlattr *v4, const struct nlattr *v6,
			 struct ip *ret)
{
	if (v4)
		*ret = ip_from_v4(nl_data(v4));
	else if (v6)
		*ret = ip_from_v6(nl_data(v6));
}

static int read_tunnel(struct reader *r, const struct nlattr *nest)
{
	static const struct nl_rule rules[OVS_TUNNEL_KEY_ATTR_MAX + 1] = {
		RULE(OVS_TUNNEL_KEY_ATTR_ID, 8),
		RULE(OVS_TUNNEL_KEY_ATTR_IPV4_SRC, 4),
		RULE(OVS_TUNNEL_KEY_ATTR_IPV4_DST, 4),
		RULE(OVS_TUNNEL_KEY_ATTR_TTL, 1),
		RULE(OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT, 0),
		RULE(OVS_TUNNEL_KEY_ATTR_TP_DST, 2),
		RULE(OVS_TUNNEL_KEY_ATTR_IPV6_SRC, 16),
		RULE(OVS_TUNNEL_KEY_ATTR_IPV6_DST, 16),
		RULE(OVS_TUNNEL_KEY_ATTR_PAD, 0),
	};
	const struct nlattr *tb[OVS_TUNNEL_KEY_ATTR_MAX + 1];
	struct flow_tunnel t = { 0 };
	uint64_t id;

	if (nl_parse(nl_data(nest), nl_size(nest), rules,
		     OVS_TUNNEL_KEY_ATTR_MAX, tb, &r->is_foreign) < 0)
		return -EPROTO;
	read_address(tb[OVS_TUNNEL_KEY_ATTR_IPV4_SRC],
		     tb[OVS_TUNNEL_KEY_ATTR_IPV6_SRC], &t.src);
	read_address(tb[OVS_TUNNEL_KEY_ATTR_IPV4_DST],
		     tb[OVS_TUNNEL_KEY_ATTR_IPV6_DST], &t.dst);
	if (ip_is_zero(&t.dst) || !tb[OVS_TUNNEL_KEY_ATTR_ID] ||
	    !tb[OVS_TUNNEL_KEY_ATTR_TTL] ||
	    !tb[OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT]) {
		r->is_foreign = true;
		return 0;
	}
	id = be64toh(nl_u64(tb[OVS_TUNNEL_KEY_ATTR_ID]));
	r->is_foreign |= id > MAX_TUN_ID;
	t.tun_id = (vni_t)id;
	memcpy(&t.ttl, nl_data(tb[OVS_TUNNEL_KEY_ATTR_TTL]), sizeof(t.ttl));
	if (tb[OVS_TUNNEL_KEY_ATTR_TP_DST])
		t.dst_port = ntohs(nl_u16(tb[OVS_TUNNEL_KEY_ATTR_TP_DST]));
	if (!r->is_foreign && !flow_set_tunnel(r->actions, &t))
		r->is_foreign = true;
	return 0;
}

/* The nest holds one attribute of type @type, or it is foreign: NULL. */
static int only_child(struct reader *r, const struct nlattr *nest,
		      unsigned int type, size_t min_size,
		      const struct nlattr **ret)
{
	const struct nlattr *attr = NULL;
	const struct nlattr *second;
	size_t offset = 0;
	int n;

	*ret = NULL;
	n = nl_next(nl_data(nest), nl_size(nest), &offset, &attr);
	if (n < 0)
		return n;
	if (n == 0 || mnl_attr_get_type(attr) != type) {
		r->is_foreign = true;
		return 0;
	}
	if (nl_size(attr) < min_size)
		return -EPROTO;
	n = nl_next(nl_data(nest), nl_size(nest), &offset, &second);
	if (n < 0)
		return n;
	if (n > 0)
		r->is_foreign = true;
	else
		*ret = attr;
	return 0;
}

static int read_set(struct reader *r, const struct nlattr *nest)
{
	const struct nlattr *tunnel;
	int n;

	n = only_child(r, nest, OVS_KEY_ATTR_TUNNEL, 0, &tunnel);
	return n || !tunnel ? n : read_tunnel(r, tunnel);
}

static int read_set_masked(struct reader *r, const struct nlattr *nest)
{
	struct ovs_key_ethernet key_and_mask[2];
	const struct nlattr *attr;
	struct mac dst;
	int n;

	n = only_child(r, nest, OVS_KEY_ATTR_ETHERNET, sizeof(key_and_mask),
		       &attr);
	if (n || !attr)
		return n;
	memcpy(key_and_mask, nl_data(attr), sizeof(key_and_mask));
	if (!nl_is_all(key_and_mask[1].eth_src, sizeof(dst.b), 0) ||
	    !nl_is_all(key_and_mask[1].eth_dst, sizeof(dst.b), 0xff))
		r->is_foreign = true;
	memcpy(dst.b, key_and_mask[0].eth_dst, sizeof(dst.b));
	if (!flow_set_eth_dst(r->actions, &dst))
		r->is_foreign = true;
	return 0;
}

static int read_userspace(struct reader *r, const struct nlattr *nest)
{
	const struct nlattr *attr;
	uint32_t pid;
	int n;

	n = only_child(r, nest, OVS_USERSPACE_ATTR_PID, sizeof(pid), &attr);
	if (n || !attr)
		return n;
	pid = nl_u32(attr);
	if (!pid || (r->pid && r->pid != pid))
		r->is_foreign = true;
	r->pid = pid;
	return 0;
}

static int read_check_len(struct reader *r, const struct nlattr *nest)
{
	static const struct nl_rule rules[OVS_CHECK_PKT_LEN_ATTR_MAX + 1] = {
		RULE(OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, 2),
		RULE(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER, 0),
		RULE(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL, 0),
	};
	const struct nlattr *tb[OVS_CHECK_PKT_LEN_ATTR_MAX + 1];
	const struct nlattr *recirc;
	int n;

	if (nl_parse(nl_data(nest), nl_size(nest), rules,
		     OVS_CHECK_PKT_LEN_ATTR_MAX, tb, &r->is_foreign) < 0)
		return -EPROTO;
	if (!tb[OVS_CHECK_PKT_LEN_ATTR_PKT_LEN] ||
	    !tb[OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER] ||
	    !tb[OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL])
		return -EPROTO;
	n = only_child(r, tb[OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER],
		       OVS_ACTION_ATTR_RECIRC, sizeof(uint32_t), &recirc);
	if (n || !recirc)
		return n;
	if (!nl_u32(recirc) ||
	    !flow_check_len(r->actions,
			    nl_u16(tb[OVS_CHECK_PKT_LEN_ATTR_PKT_LEN]),
			    nl_u32(recirc)))
		r->is_foreign = true;
	r->rest = tb[OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL];
	return 0;
}

static int read_trunc(struct reader *r, const struct nlattr *attr)
{
	struct ovs_action_trunc trunc;

	if (nl_size(attr) < sizeof(trunc))
		return -EPROTO;
	memcpy(&trunc, nl_data(attr), sizeof(trunc));
	if (!flow_trunc(r->actions, trunc.max_len))
		r->is_foreign = true;
	return 0;
}

static int read_u32(const struct nlattr *attr, uint32_t *ret)
{
	if (nl_size(attr) < sizeof(*ret))
		return -EPROTO;
	*ret = nl_u32(attr);
	return 0;
}

static int read_action(struct reader *r, const struct nlattr *attr)
{
	uint32_t value;
	int n;

	switch (mnl_attr_get_type(attr)) {
	case OVS_ACTION_ATTR_OUTPUT:
		n = read_u32(attr, &value);
		if (!n && !flow_output(r->actions, value))
			r->is_foreign = true;
		return n;
	case OVS_ACTION_ATTR_RECIRC:
		n = read_u32(attr, &value);
		if (!n && (!value || !flow_recirc(r->actions, value)))
			r->is_foreign = true;
		return n;
	case OVS_ACTION_ATTR_SET:
		return read_set(r, attr);
	case OVS_ACTION_ATTR_SET_MASKED:
		return read_set_masked(r, attr);
	case OVS_ACTION_ATTR_USERSPACE:
		n = read_userspace(r, attr);
		if (!n && !r->is_foreign && !flow_userspace(r->actions))
			r->is_foreign = true;
		return n;
	case OVS_ACTION_ATTR_TRUNC:
		return read_trunc(r, attr);
	case OVS_ACTION_ATTR_CHECK_PKT_LEN:
		return read_check_len(r, attr);
	default:
		r->is_foreign = true;
		return 0;
	}
}

/* One level; what a length check leaves for the next is in r->rest. */
static int read_list(struct reader *r, const struct nlattr *nest)
{
	const struct nlattr *attr;
	size_t offset = 0;
	int n;

	r->rest = NULL;
	while ((n = nl_next(nl_data(nest), nl_size(nest), &offset, &attr)) >
	       0) {
		/* Nothing of ours is behind a length check. */
		if (r->rest)
			r->is_foreign = true;
		if (r->is_foreign)
			continue;
		n = read_action(r, attr);
		if (n)
			return n;
	}
	return n;
}

int ovs_act_parse(const struct nlattr *nest, struct flow_actions *ret_actions,
		  uint32_t *ret_pid, bool *ret_is_ours)
{
	struct reader r = { .actions = ret_actions };
	unsigned int depth = 0;
	int n;

	flow_actions_clear(ret_actions);
	do {
		n = read_list(&r, nest);
		if (n)
			return n;
		nest = r.rest;
	} while (nest && !r.is_foreign && depth++ < OVS_MAX_CHECK_LEN);
	if (nest)
		r.is_foreign = true;
	if (!r.is_foreign)
		*ret_pid = r.pid;
	*ret_is_ours = !r.is_foreign;
	return 0;
}
