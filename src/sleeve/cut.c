/* SPDX-License-Identifier: Apache-2.0 */
#include "cut.h"

#include <string.h>

static bool is_kind_right(const struct inner *in, uint8_t gso_type)
{
	switch (gso_type & ~TAP_GSO_ECN) {
	case TAP_GSO_TCP4:
		return in->is_tcp && !in->is_v6;
	case TAP_GSO_TCP6:
		return in->is_tcp && in->is_v6;
	case TAP_GSO_UDP:
		return !in->is_tcp;
	default:
		return false;
	}
}

bool cut_init(struct cut *c, const uint8_t *frame, size_t size,
	      const struct tap_header *h)
{
	const uint8_t *ip, *l4;

	if (!inner_parse(frame, size, &c->in) ||
	    !is_kind_right(&c->in, h->gso_type))
		return false;
	if (!(h->flags & TAP_NEEDS_CSUM) || h->csum_start != c->in.l4 ||
	    h->csum_offset != cut_csum_offset(c))
		return false;
	c->n_payload = (uint32_t)(size - c->in.payload);
	if (h->gso_size == 0 || c->n_payload == 0)
		return false;
	ip = frame + c->in.l3;
	l4 = frame + c->in.l4;
	c->frame = frame;
	c->unit = h->gso_size;
	c->n = (c->n_payload + c->unit - 1) / c->unit;
	c->seq = inner_get32(l4 + INNER_TCP_SEQ);
	c->id = inner_get16(ip + INNER_IP_ID);
	/* The sum of the whole is in the frame, with the whole's length. */
	c->l4_sum = inner_less(inner_get16(l4 + cut_csum_offset(c)),
			       (uint16_t)(size - c->in.l4));
	c->ip_sum = 0;
	if (!c->in.is_v6) {
		const uint16_t sum = inner_sum(ip,
					       (size_t)(c->in.l4 - c->in.l3));

		c->ip_sum = inner_less(sum, inner_get16(ip + 2));
		c->ip_sum = inner_less(c->ip_sum, c->id);
		c->ip_sum = inner_less(c->ip_sum,
				       inner_get16(ip + INNER_IP_SUM));
	}
	return true;
}

bool cut_limit(struct cut *c, uint32_t max_size)
{
	const uint32_t n_header = c->in.payload;
	const uint32_t longest = c->unit < c->n_payload ? c->unit
							: c->n_payload;

	if (n_header + longest <= max_size)
		return true;
	if (!c->in.is_tcp || max_size <= n_header)
		return false;
	c->unit = max_size - n_header;
	c->n = (c->n_payload + c->unit - 1) / c->unit;
	return true;
}

static void set_ip(const struct cut *c, uint32_t i, uint32_t n_payload,
		   uint8_t *ip)
{
	uint16_t length, id;

	if (c->in.is_v6) {
		length = (uint16_t)(c->in.payload - c->in.l3 - 40U + n_payload);
		inner_put16(ip + 4, length);
		return;
	}
	length = (uint16_t)(c->in.payload - c->in.l3 + n_payload);
	id = (uint16_t)(c->id + i);
	inner_put16(ip + 2, length);
	inner_put16(ip + INNER_IP_ID, id);
	inner_put16(ip + INNER_IP_SUM,
		    (uint16_t)~inner_fold((uint64_t)c->ip_sum + length + id));
}

/* FIN and PSH are the last one's, CWR is the first one's (RFC 3168 6.1.2). */
static uint8_t tcp_flags_of(const struct cut *c, uint32_t i, uint8_t flags)
{
	if (i + 1 < c->n)
		flags &= (uint8_t) ~(INNER_TCP_FIN | INNER_TCP_PSH);
	if (i > 0)
		flags &= (uint8_t)~INNER_TCP_CWR;
	return flags;
}

void cut_header(const struct cut *c, uint32_t i, uint8_t *ret)
{
	const uint8_t *unused;
	const uint32_t n_payload = cut_payload(c, i, &unused);
	const uint16_t l4_size =
		(uint16_t)(c->in.payload - c->in.l4 + n_payload);
	const uint16_t sum = inner_fold((uint64_t)c->l4_sum + l4_size);
	uint8_t *l4 = ret + c->in.l4;

	memcpy(ret, c->frame, c->in.payload);
	set_ip(c, i, n_payload, ret + c->in.l3);
	if (c->in.is_tcp) {
		inner_put32(l4 + INNER_TCP_SEQ, c->seq + i * c->unit);
		l4[INNER_TCP_FLAGS] = tcp_flags_of(c, i, l4[INNER_TCP_FLAGS]);
		inner_put16(l4 + INNER_TCP_SUM, sum);
	} else {
		inner_put16(l4 + INNER_UDP_LEN, l4_size);
		inner_put16(l4 + INNER_UDP_SUM, sum);
	}
}

void cut_move_header(const struct cut *c, uint32_t j, uint8_t *header)
{
	if (!c->in.is_v6)
		set_ip(c, j, c->unit, header + c->in.l3);
	if (c->in.is_tcp)
		inner_put32(header + c->in.l4 + INNER_TCP_SEQ,
			    c->seq + j * c->unit);
}
