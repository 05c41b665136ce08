/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include <assert.h>

#include "alloc.h"

#define UFID_SEED_HIGH UINT64_C(0x66617374647075f1)
#define UFID_SEED_LOW UINT64_C(0x75f1666173746470)

/* Equal matches are equal bytes: there must be no padding. */
_Static_assert(sizeof(struct flow_match) == 72, "flow_match has padding");

uint64_t flow_match_hash(const struct flow_match *m, uint64_t seed)
{
	return core_hash(m, sizeof(*m), seed);
}

bool flow_match_equal(const struct flow_match *a, const struct flow_match *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool eth_dst_differs(const struct flow_match *a,
			    const struct flow_match *b)
{
	const uint32_t any = FLOW_ETH_DST | FLOW_ETH_GROUP;

	if (!(a->fields & any) || !(b->fields & any))
		return false;
	if ((a->fields & FLOW_ETH_DST) && (b->fields & FLOW_ETH_DST))
		return !mac_equal(&a->eth_dst, &b->eth_dst);
	if (a->fields & FLOW_ETH_DST)
		return !mac_is_group(&a->eth_dst);
	if (b->fields & FLOW_ETH_DST)
		return !mac_is_group(&b->eth_dst);
	return false;
}

/* The kernel lets a flow that does not ask for a tag match untagged only. */
static uint16_t tag_of(const struct flow_match *m)
{
	const uint16_t type = m->fields & FLOW_ETH_TYPE ? m->eth_type : 0;

	return type == FLOW_ETH_TYPE_VLAN || type == FLOW_ETH_TYPE_QINQ ? type
									: 0;
}

bool flow_match_overlap(const struct flow_match *a, const struct flow_match *b)
{
	const uint32_t both = a->fields & b->fields;

	if (a->recirc_id != b->recirc_id || flow_match_equal(a, b))
		return false;
	if ((both & FLOW_IN_PORT) && a->in_port != b->in_port)
		return false;
	if ((both & FLOW_TUN_ID) && a->tun_id != b->tun_id)
		return false;
	if ((both & FLOW_TUN_SRC) && !ip_equal(&a->tun_src, &b->tun_src))
		return false;
	if ((both & FLOW_ETH_SRC) && !mac_equal(&a->eth_src, &b->eth_src))
		return false;
	if (eth_dst_differs(a, b) || tag_of(a) != tag_of(b))
		return false;
	if ((both & FLOW_ETH_TYPE) && a->eth_type != b->eth_type)
		return false;
	if ((both & FLOW_ARP_OP) && a->arp_op != b->arp_op)
		return false;
	if ((both & FLOW_IP_PROTO) && a->ip_proto != b->ip_proto)
		return false;
	if ((both & FLOW_ICMP6_TYPE) && a->icmp6_type != b->icmp6_type)
		return false;
	if ((both & (FLOW_ARP_TIP | FLOW_ND_TARGET)) &&
	    !ip_equal(&a->ip, &b->ip))
		return false;
	return true;
}

static size_t put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return 4;
}

/* A byte string of its own, so that no compiler's layout is in the name. */
void flow_match_ufid(const struct flow_match *m, uint8_t ret_ufid[16])
{
	uint8_t text[80];
	size_t n = 0;
	uint64_t high, low;

	n += put_u32(text + n, m->fields);
	n += put_u32(text + n, m->recirc_id);
	n += put_u32(text + n, m->in_port);
	n += put_u32(text + n, m->tun_id);
	n += put_u32(text + n, (uint32_t)m->eth_type << 16 | m->arp_op);
	n += put_u32(text + n, (uint32_t)m->ip_proto << 8 | m->icmp6_type);
	memcpy(text + n, m->tun_src.b, 16);
	memcpy(text + n + 16, m->ip.b, 16);
	memcpy(text + n + 32, m->eth_src.b, 6);
	memcpy(text + n + 38, m->eth_dst.b, 6);
	n += 44;
	assert(n <= sizeof(text));
	high = core_hash(text, n, UFID_SEED_HIGH);
	low = core_hash(text, n, UFID_SEED_LOW);
	put_u32(ret_ufid, (uint32_t)(high >> 32));
	put_u32(ret_ufid + 4, (uint32_t)high);
	put_u32(ret_ufid + 8, (uint32_t)(low >> 32));
	put_u32(ret_ufid + 12, (uint32_t)low);
}

void flow_actions_free(struct flow_actions *a)
{
	if (!a)
		return;
	free(a->list);
	memset(a, 0, sizeof(*a));
}

void flow_actions_clear(struct flow_actions *a)
{
	a->n = 0;
}

void flow_actions_copy(struct flow_actions *dst, const struct flow_actions *src)
{
	if (dst->capacity < src->n) {
		dst->list = core_realloc(dst->list, src->n, sizeof(*dst->list));
		dst->capacity = src->n;
	}
	if (src->n) {
		assert(dst->list);
		memcpy(dst->list, src->list, src->n * sizeof(*src->list));
	}
	dst->n = src->n;
}

static bool tunnel_equal(const struct flow_tunnel *a,
			 const struct flow_tunnel *b)
{
	return a->tun_id == b->tun_id && ip_equal(&a->dst, &b->dst) &&
	       ip_equal(&a->src, &b->src) && a->dst_port == b->dst_port &&
	       a->ttl == b->ttl;
}

static bool action_equal(const struct flow_action *a,
			 const struct flow_action *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case FLOW_OUTPUT:
		return a->port == b->port;
	case FLOW_SET_TUNNEL:
		return tunnel_equal(&a->tunnel, &b->tunnel);
	case FLOW_RECIRC:
		return a->recirc_id == b->recirc_id;
	case FLOW_SET_ETH_DST:
		return mac_equal(&a->eth_dst, &b->eth_dst);
	case FLOW_USERSPACE:
		return true;
	case FLOW_TRUNC:
		return a->max_size == b->max_size;
	case FLOW_CHECK_LEN:
		return a->max_size == b->max_size && a->longer == b->longer;
	}
	return false;
}

bool flow_actions_equal(const struct flow_actions *a,
			const struct flow_actions *b)
{
	uint32_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++) {
		if (!action_equal(&a->list[i], &b->list[i]))
			return false;
	}
	return true;
}

static struct flow_action *append(struct flow_actions *a,
				  enum flow_action_type type)
{
	struct flow_action *action;

	if (a->n >= FLOW_MAX_ACTIONS)
		return NULL;
	if (a->n == a->capacity) {
		a->capacity = a->capacity ? a->capacity * 2 : 2;
		a->list = core_realloc(a->list, a->capacity, sizeof(*a->list));
	}
	action = &a->list[a->n++];
	memset(action, 0, sizeof(*action));
	action->type = type;
	return action;
}

bool flow_output(struct flow_actions *a, port_no_t port)
{
	struct flow_action *action = append(a, FLOW_OUTPUT);

	if (action)
		action->port = port;
	return action != NULL;
}

bool flow_set_tunnel(struct flow_actions *a, const struct flow_tunnel *t)
{
	struct flow_action *action = append(a, FLOW_SET_TUNNEL);

	if (action)
		action->tunnel = *t;
	return action != NULL;
}

bool flow_recirc(struct flow_actions *a, uint32_t recirc_id)
{
	struct flow_action *action = append(a, FLOW_RECIRC);

	if (action)
		action->recirc_id = recirc_id;
	return action != NULL;
}

bool flow_set_eth_dst(struct flow_actions *a, const struct mac *dst)
{
	struct flow_action *action = append(a, FLOW_SET_ETH_DST);

	if (action)
		action->eth_dst = *dst;
	return action != NULL;
}

bool flow_userspace(struct flow_actions *a)
{
	return append(a, FLOW_USERSPACE) != NULL;
}

bool flow_trunc(struct flow_actions *a, uint32_t max_size)
{
	struct flow_action *action = append(a, FLOW_TRUNC);

	if (action)
		action->max_size = max_size;
	return action != NULL;
}

bool flow_check_len(struct flow_actions *a, uint32_t max_size, uint32_t longer)
{
	struct flow_action *action = append(a, FLOW_CHECK_LEN);

	if (action) {
		action->max_size = max_size;
		action->longer = longer;
	}
	return action != NULL;
}
