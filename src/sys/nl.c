/* SPDX-License-Identifier: Apache-2.0 */
#include "nl.h"

#include <errno.h>
#include <string.h>

void *nl_begin(struct nl_builder *b, void *buf, size_t size, uint16_t type,
	       size_t n)
{
	b->nlh = buf;
	b->size = size;
	b->error = 0;
	if (size < sizeof(struct nlmsghdr) + NL_ALIGN(n)) {
		b->error = -EMSGSIZE;
		return NULL;
	}
	mnl_nlmsg_put_header(buf);
	b->nlh->nlmsg_type = type;
	return mnl_nlmsg_put_extra_header(b->nlh, n);
}

void *nl_put_room(struct nl_builder *b, unsigned int type, size_t size)
{
	struct nlattr *attr;
	size_t left;

	if (b->error)
		return NULL;
	left = b->size - b->nlh->nlmsg_len;
	if (size > UINT16_MAX - sizeof(*attr) ||
	    sizeof(*attr) + NL_ALIGN(size) > left) {
		b->error = -EMSGSIZE;
		return NULL;
	}
	attr = mnl_nlmsg_get_payload_tail(b->nlh);
	memset(attr, 0, sizeof(*attr) + NL_ALIGN(size));
	attr->nla_type = (uint16_t)type;
	attr->nla_len = (uint16_t)(sizeof(*attr) + size);
	b->nlh->nlmsg_len += (uint32_t)(sizeof(*attr) + NL_ALIGN(size));
	return mnl_attr_get_payload(attr);
}

void nl_put(struct nl_builder *b, unsigned int type, const void *data,
	    size_t size)
{
	void *room = nl_put_room(b, type, size);

	if (room && size)
		memcpy(room, data, size);
}

void nl_put_u8(struct nl_builder *b, unsigned int type, uint8_t value)
{
	nl_put(b, type, &value, sizeof(value));
}

void nl_put_u16(struct nl_builder *b, unsigned int type, uint16_t value)
{
	nl_put(b, type, &value, sizeof(value));
}

void nl_put_u32(struct nl_builder *b, unsigned int type, uint32_t value)
{
	nl_put(b, type, &value, sizeof(value));
}

void nl_put_flag(struct nl_builder *b, unsigned int type)
{
	nl_put_room(b, type, 0);
}

void nl_nest_start(struct nl_builder *b, unsigned int type, size_t *ret_nest)
{
	*ret_nest = b->error ? 0 : b->nlh->nlmsg_len;
	nl_put_room(b, type | NLA_F_NESTED, 0);
}

void nl_nest_end(struct nl_builder *b, size_t nest)
{
	struct nlattr *attr;
	size_t size;

	if (b->error)
		return;
	size = b->nlh->nlmsg_len - nest;
	if (size > UINT16_MAX) {
		b->error = -EMSGSIZE;
		return;
	}
	attr = (struct nlattr *)(void *)((char *)b->nlh + nest);
	attr->nla_len = (uint16_t)size;
}

int nl_next(const void *buf, size_t size, size_t *offset,
	    const struct nlattr **ret)
{
	const struct nlattr *attr;
	size_t left = size - *offset;
	size_t step;

	if (!left)
		return 0;
	attr = (const void *)((const char *)buf + *offset);
	if (left < sizeof(*attr) || attr->nla_len < sizeof(*attr) ||
	    attr->nla_len > left)
		return -EPROTO;
	/* The last one may lack its padding (OVS_DP_F_UNALIGNED). */
	step = NL_ALIGN(attr->nla_len);
	*offset += step < left ? step : left;
	*ret = attr;
	return 1;
}

bool nl_is_message(const struct nlmsghdr *nlh, int left)
{
	return left >= (int)sizeof(*nlh) && nlh->nlmsg_len >= sizeof(*nlh) &&
	       nlh->nlmsg_len <= (uint32_t)left;
}

int nl_parse(const void *buf, size_t size, const struct nl_rule *rules,
	     unsigned int max, const struct nlattr **ret, bool *ret_has_unknown)
{
	const struct nlattr *attr;
	bool has_unknown = false;
	size_t offset = 0;
	unsigned int type;
	int r;

	memset(ret, 0, (max + 1) * sizeof(*ret));
	while ((r = nl_next(buf, size, &offset, &attr)) > 0) {
		type = mnl_attr_get_type(attr);
		if (type > max || !rules[type].is_known) {
			has_unknown = true;
			continue;
		}
		if (ret[type] || nl_size(attr) < rules[type].min_size)
			return -EPROTO;
		ret[type] = attr;
	}
	if (r < 0)
		return r;
	if (has_unknown && ret_has_unknown)
		*ret_has_unknown = true;
	return 0;
}

const void *nl_data(const struct nlattr *attr)
{
	return mnl_attr_get_payload(attr);
}

size_t nl_size(const struct nlattr *attr)
{
	return attr->nla_len - sizeof(*attr);
}

uint16_t nl_u16(const struct nlattr *attr)
{
	return mnl_attr_get_u16(attr);
}

uint32_t nl_u32(const struct nlattr *attr)
{
	return mnl_attr_get_u32(attr);
}

uint64_t nl_u64(const struct nlattr *attr)
{
	return mnl_attr_get_u64(attr);
}

bool nl_is_all(const void *data, size_t size, uint8_t byte)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i < size; i++) {
		if (p[i] != byte)
			return false;
	}
	return true;
}
