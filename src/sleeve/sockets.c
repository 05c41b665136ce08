/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets.h"

#include <errno.h>
#include <unistd.h>

#include "core/sleeve_wire.h"
#include "sys/addr.h"
#include "sys/udp.h"

#define DATA_BUFFER \
	(4 << 20) /* of a socket, in bytes; the kernel doubles it  \
                               */
#define CONTROL_BUFFER (1 << 20)
#define TYPE_OFFSET 1U /* of the type in a datagram */

static void close_family(struct sockets *k)
{
	if (k->data >= 0)
		close(k->data);
	if (k->control >= 0 && k->control != k->data)
		close(k->control);
	if (k->send >= 0 && k->send != k->data)
		close(k->send);
}

/* Without them heartbeats share the fate of data: worse, not wrong. */
static void open_beside(struct sockets *k)
{
	k->control = k->send = -1;
	if (udp_open_beside(k->data, CONTROL_BUFFER, &k->control) == 0 &&
	    udp_open_beside(k->data, DATA_BUFFER, &k->send) == 0 &&
	    udp_divide(k->data, TYPE_OFFSET, SLEEVE_DATA) == 0)
		return;
	if (k->control >= 0)
		close(k->control);
	if (k->send >= 0)
		close(k->send);
	k->control = k->send = k->data;
}

/* The thread looks at each datagram itself: without it is slower. */
static void require_first(const struct sockets *k)
{
	if (udp_require(k->data, SLEEVE_FIRST_MASK, SLEEVE_FIRST) < 0 ||
	    udp_require(k->control, SLEEVE_FIRST_MASK, SLEEVE_FIRST) < 0)
		return;
}

static int open_family(struct sockets *k, const struct ip *local,
		       uint16_t *port, struct udp_abilities *abilities)
{
	const struct endpoint ep = { .ip = *local, .port = *port };
	struct endpoint bound;
	int r = udp_open(&ep, DATA_BUFFER, &k->data, abilities);

	if (r == 0)
		r = udp_endpoint(k->data, &bound);
	if (r < 0)
		return r;
	*port = bound.port;
	open_beside(k);
	require_first(k);
	return 0;
}

int sockets_open(struct sockets *k, const struct ip *local, uint16_t *port,
		 struct udp_abilities *ret)
{
	static const uint8_t any_v4[4];
	const struct ip v4 = ip_from_v4(any_v4), v6 = { { 0 } };
	int r;

	if (!addr_ip_is_any(local))
		return open_family(&k[ip_is_v4(local) ? SOCKET_V4 : SOCKET_V6],
				   local, port, ret);
	r = open_family(&k[SOCKET_V4], &v4, port, ret);
	if (r < 0)
		return r;
	r = open_family(&k[SOCKET_V6], &v6, port, ret);
	/* A kernel without IPv6, or with none on any link. */
	return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL ? 0 : r;
}

void sockets_close(struct sockets *k)
{
	int i;

	for (i = 0; i < N_FAMILIES; i++)
		close_family(&k[i]);
}

/*
 * Of all three: which of them the kernel asks whether to coalesce is its own
 * choice. Without the ability there is nothing to switch.
 */
static void set_gro(const struct sockets *k, bool is_on)
{
	(void)!udp_set_gro(k->data, is_on);
	(void)!udp_set_gro(k->control, is_on);
	(void)!udp_set_gro(k->send, is_on);
}

int sockets_shield(const struct sockets *k, struct sock_filter *code,
		   uint16_t n)
{
	int i, r = 0;

	for (i = 0; i < N_FAMILIES && r == 0; i++) {
		if (k[i].data < 0)
			continue;
		set_gro(&k[i], false);
		r = udp_filter(k[i].data, code, n);
		if (r == 0 && sockets_are_divided(&k[i]))
			r = udp_filter(k[i].control, code, n);
	}
	return r;
}

void sockets_unshield(const struct sockets *k)
{
	int i;

	for (i = 0; i < N_FAMILIES; i++) {
		if (k[i].data < 0)
			continue;
		require_first(&k[i]);
		set_gro(&k[i], true);
	}
}

uint64_t sockets_n_dropped(const struct sockets *k)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < N_FAMILIES; i++) {
		if (k[i].data >= 0)
			n += udp_n_dropped(k[i].data);
		if (sockets_are_divided(&k[i]))
			n += udp_n_dropped(k[i].control);
	}
	return n;
}
