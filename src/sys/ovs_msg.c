/* SPDX-License-Identifier: Apache-2.0 */
#include "ovs_msg.h"

#include <errno.h>
#include <string.h>

#include <linux/openvswitch.h>

#include "ovs_msg_internal.h"

_Static_assert(OVS_NAME_SIZE == 16, "IFNAMSIZ");

void ovs_msg_begin(struct nl_builder *b, void *buf, size_t size,
		   struct ovs_address to, uint8_t cmd, uint8_t version)
{
	struct ovs_prefix *p;

	p = nl_begin(b, buf, size, to.family, sizeof(*p));
	if (!p)
		return;
	p->genl.cmd = cmd;
	p->genl.version = version;
	p->ovs.dp_ifindex = to.dp_ifindex;
}

/* -EINVAL rather than a name that the kernel would cut or misread. */
static int put_name(struct nl_builder *b, unsigned int type, const char *name)
{
	size_t n = strnlen(name, OVS_NAME_SIZE);

	if (n == 0 || n == OVS_NAME_SIZE)
		return -EINVAL;
	nl_put(b, type, name, n + 1);
	return 0;
}

/* Splits a message into prefix and attributes. */
static int split(const void *buf, size_t len, struct ovs_prefix *ret_prefix,
		 const void **ret_attrs, size_t *ret_size)
{
	const size_t start = sizeof(struct nlmsghdr) + sizeof(*ret_prefix);
	const struct nlmsghdr *nlh = buf;

	if (len < start || nlh->nlmsg_len < start || nlh->nlmsg_len > len ||
	    nlh->nlmsg_type < NLMSG_MIN_TYPE)
		return -EPROTO;
	memcpy(ret_prefix, mnl_nlmsg_get_payload(nlh), sizeof(*ret_prefix));
	*ret_attrs = (const char *)buf + start;
	*ret_size = nlh->nlmsg_len - start;
	return 0;
}

int ovs_msg_parse(const void *buf, size_t len, const struct nl_rule *rules,
		  unsigned int max, struct ovs_prefix *ret_prefix,
		  const struct nlattr **ret)
{
	const void *attrs;
	size_t size;
	int r;

	r = split(buf, len, ret_prefix, &attrs, &size);
	return r ? r : nl_parse(attrs, size, rules, max, ret, NULL);
}

static int read_name(const struct nlattr *attr, char ret[OVS_NAME_SIZE])
{
	size_t n = strnlen(nl_data(attr), nl_size(attr));

	if (n == 0 || n >= OVS_NAME_SIZE || n == nl_size(attr))
		return -EPROTO;
	memset(ret, 0, OVS_NAME_SIZE);
	memcpy(ret, nl_data(attr), n);
	return 0;
}

/* Datapath. */

int ovs_dp_new_encode(void *buf, size_t size, uint16_t family, const char *name,
		      uint32_t user_features, uint32_t pid)
{
	const struct ovs_address to = { .family = family };
	struct nl_builder b;
	int r;

	ovs_msg_begin(&b, buf, size, to, OVS_DP_CMD_NEW, OVS_DATAPATH_VERSION);
	r = put_name(&b, OVS_DP_ATTR_NAME, name);
	nl_put_u32(&b, OVS_DP_ATTR_UPCALL_PID, pid);
	nl_put_u32(&b, OVS_DP_ATTR_USER_FEATURES, user_features);
	return r ? r : b.error;
}

int ovs_dp_get_encode(void *buf, size_t size, struct ovs_address to,
		      const char *name)
{
	struct nl_builder b;
	int r = 0;

	ovs_msg_begin(&b, buf, size, to, OVS_DP_CMD_GET, OVS_DATAPATH_VERSION);
	if (name)
		r = put_name(&b, OVS_DP_ATTR_NAME, name);
	return r ? r : b.error;
}

int ovs_dp_del_encode(void *buf, size_t size, struct ovs_address to)
{
	struct nl_builder b;

	if (!to.dp_ifindex)
		return -EINVAL;
	ovs_msg_begin(&b, buf, size, to, OVS_DP_CMD_DEL, OVS_DATAPATH_VERSION);
	return b.error;
}

int ovs_dp_decode(const void *buf, size_t len, struct ovs_datapath *ret)
{
	static const struct nl_rule rules[OVS_DP_ATTR_MAX + 1] = {
		RULE(OVS_DP_ATTR_NAME, 1),
		RULE(OVS_DP_ATTR_STATS, sizeof(struct ovs_dp_stats)),
		RULE(OVS_DP_ATTR_MEGAFLOW_STATS, 12),
		RULE(OVS_DP_ATTR_USER_FEATURES, 4),
	};
	const struct nlattr *tb[OVS_DP_ATTR_MAX + 1];
	struct ovs_dp_megaflow_stats masks = { 0 };
	struct ovs_datapath dp = { 0 };
	struct ovs_dp_stats stats = { 0 };
	struct ovs_prefix p;
	int r;

	r = ovs_msg_parse(buf, len, rules, OVS_DP_ATTR_MAX, &p, tb);
	if (r)
		return r;
	if (p.ovs.dp_ifindex <= 0 || !tb[OVS_DP_ATTR_NAME] ||
	    read_name(tb[OVS_DP_ATTR_NAME], dp.name))
		return -EPROTO;
	dp.ifindex = p.ovs.dp_ifindex;
	dp.is_deleted = p.genl.cmd == OVS_DP_CMD_DEL;
	if (tb[OVS_DP_ATTR_STATS])
		memcpy(&stats, nl_data(tb[OVS_DP_ATTR_STATS]), sizeof(stats));
	if (tb[OVS_DP_ATTR_MEGAFLOW_STATS])
		memcpy(&masks, nl_data(tb[OVS_DP_ATTR_MEGAFLOW_STATS]), 12);
	if (tb[OVS_DP_ATTR_USER_FEATURES])
		dp.user_features = nl_u32(tb[OVS_DP_ATTR_USER_FEATURES]);
	dp.n_hit = stats.n_hit;
	dp.n_missed = stats.n_missed;
	dp.n_lost = stats.n_lost;
	dp.n_flows = stats.n_flows;
	dp.n_masks = masks.n_masks;
	*ret = dp;
	return 0;
}

/* Vports. */

int ovs_vport_new_encode(void *buf, size_t size, struct ovs_address to,
			 const struct ovs_vport *vport)
{
	struct nl_builder b;
	size_t nest;
	int r;

	ovs_msg_begin(&b, buf, size, to, OVS_VPORT_CMD_NEW, OVS_VPORT_VERSION);
	nl_put_u32(&b, OVS_VPORT_ATTR_PORT_NO, vport->port_no);
	nl_put_u32(&b, OVS_VPORT_ATTR_TYPE, vport->type);
	r = put_name(&b, OVS_VPORT_ATTR_NAME, vport->name);
	nl_put_u32(&b, OVS_VPORT_ATTR_UPCALL_PID, vport->upcall_pid);
	if (vport->type == OVS_VPORT_TYPE_VXLAN) {
		nl_nest_start(&b, OVS_VPORT_ATTR_OPTIONS, &nest);
		nl_put_u16(&b, OVS_TUNNEL_ATTR_DST_PORT, vport->udp_port);
		nl_nest_end(&b, nest);
	}
	return r ? r : b.error;
}

static int encode_for_port(struct nl_builder *b, void *buf, size_t size,
			   struct ovs_address to, uint8_t cmd,
			   port_no_t port_no)
{
	if (!to.dp_ifindex)
		return -EINVAL;
	ovs_msg_begin(b, buf, size, to, cmd, OVS_VPORT_VERSION);
	nl_put_u32(b, OVS_VPORT_ATTR_PORT_NO, port_no);
	return b->error;
}

int ovs_vport_set_pid_encode(void *buf, size_t size, struct ovs_address to,
			     port_no_t port_no, uint32_t pid)
{
	struct nl_builder b;
	int r;

	r = encode_for_port(&b, buf, size, to, OVS_VPORT_CMD_SET, port_no);
	if (r)
		return r;
	nl_put_u32(&b, OVS_VPORT_ATTR_UPCALL_PID, pid);
	return b.error;
}

int ovs_vport_get_encode(void *buf, size_t size, struct ovs_address to,
			 port_no_t port_no)
{
	struct nl_builder b;

	return encode_for_port(&b, buf, size, to, OVS_VPORT_CMD_GET, port_no);
}

int ovs_vport_del_encode(void *buf, size_t size, struct ovs_address to,
			 port_no_t port_no)
{
	struct nl_builder b;

	return encode_for_port(&b, buf, size, to, OVS_VPORT_CMD_DEL, port_no);
}

int ovs_vport_dump_encode(void *buf, size_t size, struct ovs_address to)
{
	struct nl_builder b;

	ovs_msg_begin(&b, buf, size, to, OVS_VPORT_CMD_GET, OVS_VPORT_VERSION);
	return b.error;
}

static int read_udp_port(const struct nlattr *options, uint16_t *ret)
{
	static const struct nl_rule rules[OVS_TUNNEL_ATTR_MAX + 1] = {
		RULE(OVS_TUNNEL_ATTR_DST_PORT, 2),
	};
	const struct nlattr *tb[OVS_TUNNEL_ATTR_MAX + 1];

	if (nl_parse(nl_data(options), nl_size(options), rules,
		     OVS_TUNNEL_ATTR_MAX, tb, NULL) < 0)
		return -EPROTO;
	if (tb[OVS_TUNNEL_ATTR_DST_PORT])
		*ret = nl_u16(tb[OVS_TUNNEL_ATTR_DST_PORT]);
	return 0;
}

int ovs_vport_decode(const void *buf, size_t len, struct ovs_vport *ret)
{
	static const struct nl_rule rules[OVS_VPORT_ATTR_MAX + 1] = {
		RULE(OVS_VPORT_ATTR_PORT_NO, 4),
		RULE(OVS_VPORT_ATTR_TYPE, 4),
		RULE(OVS_VPORT_ATTR_NAME, 1),
		RULE(OVS_VPORT_ATTR_OPTIONS, 0),
		RULE(OVS_VPORT_ATTR_UPCALL_PID, 4),
		RULE(OVS_VPORT_ATTR_IFINDEX, 4),
		RULE(OVS_VPORT_ATTR_NETNSID, 4),
	};
	const struct nlattr *tb[OVS_VPORT_ATTR_MAX + 1];
	struct ovs_vport v = { 0 };
	struct ovs_prefix p;
	int r;

	r = ovs_msg_parse(buf, len, rules, OVS_VPORT_ATTR_MAX, &p, tb);
	if (r)
		return r;
	if (p.ovs.dp_ifindex <= 0 || !tb[OVS_VPORT_ATTR_PORT_NO] ||
	    !tb[OVS_VPORT_ATTR_TYPE] || !tb[OVS_VPORT_ATTR_NAME] ||
	    read_name(tb[OVS_VPORT_ATTR_NAME], v.name))
		return -EPROTO;
	v.dp_ifindex = p.ovs.dp_ifindex;
	v.is_deleted = p.genl.cmd == OVS_VPORT_CMD_DEL;
	v.port_no = nl_u32(tb[OVS_VPORT_ATTR_PORT_NO]);
	v.type = nl_u32(tb[OVS_VPORT_ATTR_TYPE]);
	if (tb[OVS_VPORT_ATTR_UPCALL_PID])
		v.upcall_pid = nl_u32(tb[OVS_VPORT_ATTR_UPCALL_PID]);
	/* With a namespace id, the index is one of that namespace. */
	if (tb[OVS_VPORT_ATTR_IFINDEX] && !tb[OVS_VPORT_ATTR_NETNSID])
		v.ifindex = (int)nl_u32(tb[OVS_VPORT_ATTR_IFINDEX]);
	if (v.type == OVS_VPORT_TYPE_VXLAN && tb[OVS_VPORT_ATTR_OPTIONS] &&
	    read_udp_port(tb[OVS_VPORT_ATTR_OPTIONS], &v.udp_port))
		return -EPROTO;
	*ret = v;
	return 0;
}
