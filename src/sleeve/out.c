/* SPDX-License-Identifier: Apache-2.0 */
#include "out.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define FEW_SEGMENTS 64U /* what kernels before 6.9 take */

static void clear(struct out *o)
{
	o->is_open = false;
	o->n_pieces = o->n_messages = o->n_sent = o->n_header = 0;
	o->must_begin = true;
}

void out_init(struct out *o, bool has_segment)
{
	memset(o, 0, offsetof(struct out, pieces));
	/* What pads them goes to the kernel, too. */
	memset(o->control, 0, sizeof(o->control));
	o->fd = -1;
	o->max_segments = has_segment ? OUT_MAX_SEGMENTS : 1;
	o->max_bytes = OUT_MAX_BYTES;
	clear(o);
}

struct out *out_new(bool has_segment)
{
	struct out *o = malloc(sizeof(*o));

	if (o)
		out_init(o, has_segment);
	return o;
}

void out_free(struct out *o)
{
	free(o);
}

bool out_has_room(const struct out *o, uint32_t n_pieces, uint32_t n_header)
{
	return o->n_pieces + n_pieces <= OUT_PIECES &&
	       o->n_header + n_header <= OUT_HEADERS &&
	       o->n_messages < OUT_MESSAGES;
}

void out_address(struct out *o, const struct sockaddr_storage *address,
		 socklen_t size, const void *to)
{
	assert(!o->is_open);
	o->address = address;
	o->address_size = size;
	o->open.to = to;
	o->must_begin = true;
}

void out_open(struct out *o)
{
	assert(!o->is_open);
	o->is_open = true;
	o->open.size = 0;
	o->open.first_piece = o->n_pieces;
}

void out_put(struct out *o, const void *p, uint32_t size)
{
	struct iovec *last = &o->pieces[o->n_pieces];

	assert(o->is_open);
	o->open.size += size;
	if (o->n_pieces > o->open.first_piece) {
		last--;
		if ((const uint8_t *)last->iov_base + last->iov_len == p) {
			last->iov_len += size;
			return;
		}
	}
	assert(o->n_pieces < OUT_PIECES);
	o->pieces[o->n_pieces].iov_base = (void *)(uintptr_t)p;
	o->pieces[o->n_pieces].iov_len = size;
	o->n_pieces++;
}

uint8_t *out_header(struct out *o, uint32_t size)
{
	uint8_t *p = o->header + o->n_header;

	assert(size <= OUT_HEADERS - o->n_header);
	o->n_header += size;
	out_put(o, p, size);
	return p;
}

uint32_t out_open_size(const struct out *o)
{
	return o->is_open ? o->open.size : 0;
}

uint32_t out_open_pieces(const struct out *o)
{
	return o->is_open ? o->n_pieces - o->open.first_piece : 0;
}

/* Does the open datagram go with the message before it? */
static bool is_joinable(const struct out *o, const struct out_message *m,
			uint32_t n_pieces)
{
	return !o->must_begin && !m->is_complete && o->open.size <= m->unit &&
	       m->n_segments < o->max_segments &&
	       m->size + o->open.size <= o->max_bytes &&
	       m->n_pieces + n_pieces <= OUT_MESSAGE_PIECES;
}

static void begin_message(struct out *o, uint32_t n_pieces)
{
	struct out_message *m = &o->messages[o->n_messages];
	struct msghdr *h = &o->headers[o->n_messages].msg_hdr;

	assert(o->n_messages < OUT_MESSAGES);
	*m = o->open;
	m->unit = m->size;
	m->n_segments = 1;
	m->n_pieces = n_pieces;
	m->is_complete = false;
	memset(h, 0, sizeof(*h));
	h->msg_name = (void *)(uintptr_t)o->address;
	h->msg_namelen = o->address_size;
	h->msg_iov = &o->pieces[m->first_piece];
	h->msg_iovlen = n_pieces;
	o->n_messages++;
	o->must_begin = false;
}

static void set_unit(struct out *o, uint32_t i)
{
	struct msghdr *h = &o->headers[i].msg_hdr;
	const uint16_t unit = (uint16_t)o->messages[i].unit;
	struct cmsghdr *c;

	if (h->msg_controllen)
		return;
	h->msg_control = o->control[i];
	h->msg_controllen = sizeof(o->control[i]);
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(unit));
	memcpy(CMSG_DATA(c), &unit, sizeof(unit));
}

void out_close(struct out *o)
{
	const uint32_t n_pieces = o->n_pieces - o->open.first_piece;
	struct out_message *m;

	assert(o->is_open);
	o->is_open = false;
	if (o->n_messages == 0 ||
	    !is_joinable(o, &o->messages[o->n_messages - 1], n_pieces)) {
		begin_message(o, n_pieces);
		return;
	}
	m = &o->messages[o->n_messages - 1];
	m->n_segments++;
	m->size += o->open.size;
	m->n_pieces += n_pieces;
	m->is_complete = o->open.size < m->unit;
	o->headers[o->n_messages - 1].msg_hdr.msg_iovlen = m->n_pieces;
	set_unit(o, o->n_messages - 1);
}

uint8_t *out_segment(struct out *o, uint32_t n_header, const void *payload,
		     uint32_t n_payload)
{
	uint8_t *p = o->header + o->n_header;
	struct iovec *piece = &o->pieces[o->n_pieces];

	assert(!o->is_open && n_header <= OUT_HEADERS - o->n_header &&
	       o->n_pieces + 2 <= OUT_PIECES);
	o->is_open = true;
	o->open.size = n_header + n_payload;
	o->open.first_piece = o->n_pieces;
	piece[0].iov_base = p;
	piece[0].iov_len = n_header;
	piece[1].iov_base = (void *)(uintptr_t)payload;
	piece[1].iov_len = n_payload;
	o->n_header += n_header;
	o->n_pieces += 2;
	out_close(o);
	return p;
}

/* What a kernel says to a message that has too many segments or bytes. */
static bool is_worth_splitting(const struct out_message *m, int error)
{
	return m->n_segments > 1 &&
	       (error == EMSGSIZE || error == EINVAL || error == EIO ||
		error == EOPNOTSUPP || error == ENOPROTOOPT);
}

/* One by one they went: so the message was too much for this kernel. */
static void lower_limits(struct out *o, const struct out_message *m, int error)
{
	if (error == EMSGSIZE && m->size > OUT_MAX_BYTES / 4)
		o->max_bytes = m->size - m->unit;
	else if (error == EINVAL && m->n_segments > FEW_SEGMENTS)
		o->max_segments = FEW_SEGMENTS;
	else
		o->max_segments = 1; /* no checksum offload, IPsec, … */
}

/* The @size bytes from byte @at of a message, as pieces of their own. */
static size_t slice(const struct iovec *from, uint32_t at, uint32_t size,
		    struct iovec *ret)
{
	size_t n = 0;

	for (; size > 0; from++) {
		size_t left;

		if (at >= from->iov_len) {
			at -= (uint32_t)from->iov_len;
			continue;
		}
		left = from->iov_len - at;
		ret[n].iov_base = (uint8_t *)from->iov_base + at;
		ret[n].iov_len = left < size ? left : size;
		size -= (uint32_t)ret[n].iov_len;
		n++;
		at = 0;
	}
	return n;
}

/* One by one, as kernels without UDP_SEGMENT do it. 0 or the last errno. */
static int send_one_by_one(struct out *o, uint32_t i)
{
	const struct out_message *m = &o->messages[i];
	static _Thread_local struct iovec pieces[OUT_MESSAGE_PIECES];
	struct msghdr h = o->headers[i].msg_hdr;
	uint32_t at;
	int error = 0;

	h.msg_control = NULL;
	h.msg_controllen = 0;
	h.msg_iov = pieces;
	for (at = 0; at < m->size; at += m->unit) {
		const uint32_t left = m->size - at;

		h.msg_iovlen = slice(&o->pieces[m->first_piece], at,
				     left < m->unit ? left : m->unit, pieces);
		o->n_calls++;
		if (sendmsg(o->fd, &h, MSG_DONTWAIT) < 0)
			error = errno;
		else
			o->n_datagrams++;
	}
	return error;
}

static void count_sent(struct out *o, uint32_t n)
{
	for (; n > 0; n--)
		o->n_datagrams += o->messages[o->n_sent++].n_segments;
}

enum out_result out_send(struct out *o, const struct out_message **ret,
			 int *ret_error)
{
	bool is_second = false;

	assert(!o->is_open);
	while (o->n_sent < o->n_messages) {
		const struct out_message *m = &o->messages[o->n_sent];
		const int n = sendmmsg(o->fd, &o->headers[o->n_sent],
				       o->n_messages - o->n_sent, MSG_DONTWAIT);
		int error = errno;

		o->n_calls++;
		if (n > 0) {
			count_sent(o, (uint32_t)n);
			is_second = false;
			continue;
		}
		if (error == EINTR)
			continue;
		if (error == EAGAIN)
			return OUT_FULL;
		o->has_errors = true;
		/* The first may be about a datagram that was sent before. */
		if (!is_second && error != ENOBUFS && error != ENOMEM) {
			is_second = true;
			continue;
		}
		is_second = false;
		if (is_worth_splitting(m, error)) {
			const int first = error;

			error = send_one_by_one(o, o->n_sent);
			if (error == 0)
				lower_limits(o, m, first);
		}
		o->n_sent++;
		if (error) {
			*ret = m;
			*ret_error = error;
			return OUT_REFUSED;
		}
	}
	clear(o);
	return OUT_SENT;
}

uint32_t out_drop(struct out *o)
{
	uint32_t n = 0;

	for (; o->n_sent < o->n_messages; o->n_sent++)
		n += o->messages[o->n_sent].n_segments;
	clear(o);
	return n;
}
