/* SPDX-License-Identifier: Apache-2.0 */
#include "merge.h"

#include <string.h>

#define MAX_IP_SIZE 65535U

uint32_t merge_slot(const uint8_t *frame, const struct inner *in)
{
	const uint8_t *ip = frame + in->l3;
	uint32_t h = inner_get32(frame + in->l4); /* both ports */

	h ^= in->is_v6 ? inner_get32(ip + 20) ^ inner_get32(ip + 36)
		       : inner_get32(ip + 12) ^ inner_get32(ip + 16);
	h *= UINT32_C(0x9e3779b1);
	return h >> 28;
}

static uint8_t csum_offset_of(const struct inner *in)
{
	return in->is_tcp ? INNER_TCP_SUM : INNER_UDP_SUM;
}

static uint32_t payload_of(const struct inner *in, const struct sleeve_frame *f)
{
	return (uint32_t)f->size - in->payload;
}

/* Without the segment's length, which is part of the partial sum. */
static uint16_t l4_sum_of(const uint8_t *frame, const struct inner *in,
			  const struct sleeve_frame *f)
{
	const uint8_t *l4 = frame + in->l4;

	return inner_less(inner_get16(l4 + csum_offset_of(in)),
			  (uint16_t)(f->size - in->l4));
}

static bool is_v4_sum_right(const uint8_t *frame, const struct inner *in)
{
	return inner_sum(frame + in->l3, (size_t)(in->l4 - in->l3)) == 0xffff;
}

/* Can it be part of a super-frame at all? */
static bool is_suitable(const uint8_t *frame, const struct inner *in,
			const struct sleeve_frame *f)
{
	uint8_t flags;

	if (!(f->flags & SLEEVE_PARTIAL) || f->csum_start != in->l4 ||
	    f->csum_offset != csum_offset_of(in) || payload_of(in, f) == 0)
		return false;
	if (!in->is_v6 && !is_v4_sum_right(frame, in))
		return false;
	if (!in->is_tcp)
		return true;
	flags = frame[in->l4 + INNER_TCP_FLAGS];
	return !(f->flags & SLEEVE_CUT_UDP) &&
	       !(flags & (INNER_TCP_SYN | INNER_TCP_RST | INNER_TCP_URG));
}

/* After FIN and PSH nothing follows, as in the kernel's own merging. */
static uint8_t last_flags_of(const uint8_t *frame, const struct inner *in)
{
	if (!in->is_tcp)
		return 0;
	return frame[in->l4 + INNER_TCP_FLAGS] &
	       (INNER_TCP_FIN | INNER_TCP_PSH);
}

static void take(struct merge *m, uint8_t *data, uint32_t size)
{
	m->iov[1 + m->n].iov_base = data;
	m->iov[1 + m->n].iov_len = size;
	m->n++;
}

bool merge_start(struct merge *m, uint16_t network, uint8_t *frame,
		 const struct inner *in, const struct sleeve_frame *f)
{
	if (!is_suitable(frame, in, f))
		return false;
	m->network = network;
	m->flags = f->flags;
	m->in = *in;
	m->frame = frame;
	m->unit = m->n_payload = payload_of(in, f);
	m->next_seq = inner_get32(frame + in->l4 + INNER_TCP_SEQ) + m->unit;
	m->next_id = (uint16_t)(inner_get16(frame + in->l3 + INNER_IP_ID) + 1);
	m->l4_sum = l4_sum_of(frame, in, f);
	m->last_flags = last_flags_of(frame, in);
	m->is_complete = m->last_flags != 0;
	m->n = 0;
	take(m, frame, f->size);
	return true;
}

static bool is_ip_alike(const struct merge *m, const uint8_t *frame)
{
	const struct inner *in = &m->in;
	const uint8_t *a = m->frame + in->l3, *b = frame + in->l3;
	const size_t size = (size_t)(in->l4 - in->l3);

	if (in->is_v6) /* all but the length */
		return !memcmp(a, b, 4) && !memcmp(a + 6, b + 6, size - 6);
	/* All but length, id and checksum. */
	return !memcmp(a, b, 2) && inner_get16(b + INNER_IP_ID) == m->next_id &&
	       !memcmp(a + INNER_IP_FRAGMENT, b + INNER_IP_FRAGMENT, 4) &&
	       !memcmp(a + 12, b + 12, size - 12);
}

static bool is_tcp_alike(const struct merge *m, const uint8_t *frame)
{
	const struct inner *in = &m->in;
	const uint8_t *a = m->frame + in->l4, *b = frame + in->l4;
	const size_t size = (size_t)(in->payload - in->l4);
	const uint8_t last = INNER_TCP_FIN | INNER_TCP_PSH;
	/* CWR is the first one's alone. */
	const uint8_t expected = a[INNER_TCP_FLAGS] &
				 (uint8_t) ~(last | INNER_TCP_CWR);

	return !memcmp(a, b, 4) &&
	       inner_get32(b + INNER_TCP_SEQ) == m->next_seq &&
	       !memcmp(a + 8, b + 8, 5) && /* acknowledgement, data offset */
	       (b[INNER_TCP_FLAGS] & (uint8_t)~last) == expected &&
	       !memcmp(a + 14, b + 14, 2) && /* window */
	       !memcmp(a + 18, b + 18, size - 18);
}

static bool is_alike(const struct merge *m, const uint8_t *frame,
		     const struct inner *in)
{
	if (in->l3 != m->in.l3 || in->l4 != m->in.l4 ||
	    in->payload != m->in.payload || in->is_v6 != m->in.is_v6 ||
	    in->is_tcp != m->in.is_tcp)
		return false;
	if (memcmp(m->frame, frame, in->l3) || !is_ip_alike(m, frame))
		return false;
	if (in->is_tcp)
		return is_tcp_alike(m, frame);
	return !memcmp(m->frame + in->l4, frame + in->l4, 4); /* ports */
}

/* One's complement has two zeros. */
static bool is_sum_equal(uint16_t a, uint16_t b)
{
	return a == b || (uint16_t)(a + 1) + (uint16_t)(b + 1) == 1;
}

bool merge_add(struct merge *m, uint16_t network, uint8_t *frame,
	       const struct inner *in, const struct sleeve_frame *f)
{
	const uint32_t size = payload_of(in, f);

	if (m->is_complete || m->network != network || m->flags != f->flags ||
	    m->n == (in->is_tcp ? MERGE_MAX : MERGE_MAX_UDP))
		return false;
	if (size > m->unit ||
	    m->in.payload - m->in.l3 + m->n_payload + size > MAX_IP_SIZE)
		return false;
	if (!is_suitable(frame, in, f) || !is_alike(m, frame, in) ||
	    !is_sum_equal(l4_sum_of(frame, in, f), m->l4_sum))
		return false;
	m->last_flags = last_flags_of(frame, in);
	m->is_complete = m->last_flags != 0 || size < m->unit;
	m->next_seq += size;
	m->next_id++;
	m->n_payload += size;
	take(m, frame + in->payload, size);
	return true;
}

/* The header in m->expected, of the segment after it. */
static void advance(struct merge *m)
{
	uint8_t *ip = m->expected + m->in.l3, *l4 = m->expected + m->in.l4;

	inner_put32(l4 + INNER_TCP_SEQ, m->next_seq);
	if (m->in.is_v6)
		return;
	/* RFC 1624: the id is one of the sum's terms. */
	inner_put16(ip + INNER_IP_SUM,
		    (uint16_t)~inner_fold(
			    (uint64_t)inner_less((uint16_t)~inner_get16(
							 ip + INNER_IP_SUM),
						 (uint16_t)(m->next_id - 1)) +
			    m->next_id));
	inner_put16(ip + INNER_IP_ID, m->next_id);
}

bool merge_expect(struct merge *m, const uint8_t *last, uint32_t size)
{
	if (m->n == 0 || m->is_complete || !m->in.is_tcp ||
	    size != m->in.payload + m->unit)
		return false;
	memcpy(m->expected, last, m->in.payload);
	m->expected[m->in.l4 + INNER_TCP_FLAGS] &= (uint8_t)~INNER_TCP_CWR;
	advance(m);
	return true;
}

bool merge_follow(struct merge *m, uint8_t *frame, uint32_t size)
{
	if (m->n == MERGE_MAX || size != m->in.payload + m->unit ||
	    size - m->in.l3 + m->n_payload > MAX_IP_SIZE ||
	    memcmp(frame, m->expected, m->in.payload))
		return false;
	m->last_flags = 0;
	m->next_seq += m->unit;
	m->next_id++;
	m->n_payload += m->unit;
	take(m, frame + m->in.payload, m->unit);
	advance(m);
	return true;
}

static void rewrite(struct merge *m)
{
	const struct inner *in = &m->in;
	uint8_t *ip = m->frame + in->l3, *l4 = m->frame + in->l4;
	const uint32_t size = in->payload + m->n_payload;
	const uint16_t l4_size = (uint16_t)(size - in->l4);

	if (in->is_v6)
		inner_put16(ip + 4, (uint16_t)(size - in->l3 - 40U));
	else
		inner_set_v4_length(ip, (uint16_t)(size - in->l3));
	if (in->is_tcp)
		l4[INNER_TCP_FLAGS] |= m->last_flags;
	else
		inner_put16(l4 + INNER_UDP_LEN, l4_size);
	inner_put16(l4 + csum_offset_of(in),
		    inner_fold((uint64_t)m->l4_sum + l4_size));
}

void merge_finish(struct merge *m, struct tap_header *ret, uint32_t *ret_size)
{
	const struct inner *in = &m->in;

	*ret = (struct tap_header){
		.flags = TAP_NEEDS_CSUM,
		.gso_type = TAP_GSO_NONE,
		.csum_start = in->l4,
		.csum_offset = csum_offset_of(in),
	};
	*ret_size = in->payload + m->n_payload;
	if (m->n == 1)
		return;
	rewrite(m);
	ret->hdr_len = in->payload;
	ret->gso_size = (uint16_t)m->unit;
	if (!in->is_tcp) {
		ret->gso_type = TAP_GSO_UDP;
		return;
	}
	ret->gso_type = in->is_v6 ? TAP_GSO_TCP6 : TAP_GSO_TCP4;
	if (m->frame[in->l4 + INNER_TCP_FLAGS] & INNER_TCP_CWR)
		ret->gso_type |= TAP_GSO_ECN;
}
