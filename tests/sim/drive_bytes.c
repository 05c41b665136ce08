/* SPDX-License-Identifier: Apache-2.0 */
#include "drive_bytes.h"

#include <stdio.h>
#include <string.h>

#include "core/wire.h"

static void peer_name(uint32_t n, char ret[MAX_NAME])
{
	snprintf(ret, MAX_NAME, "peer%u", n);
}

peer_id_t bytes_peer_id(uint32_t n)
{
	char name[MAX_NAME];

	peer_name(n, name);
	return peer_id_of_name(name);
}

static struct mac some_mac(struct reader *r)
{
	return (struct mac){ { 2, 0, 0, 0, 0, read_u8(r) % 12U } };
}

static struct ip some_ip(struct reader *r)
{
	const uint8_t b = read_u8(r);
	const uint8_t v4[4] = { 10, 32, 0, b % 10U + 1U };

	if (b < 128)
		return ip_from_v4(v4);
	return (struct ip){ { 0xfd, [15] = b % 10U } };
}

struct ip bytes_place(struct reader *r)
{
	const uint8_t v4[4] = { 192, 0, 2, read_u8(r) % 6U + 1U };

	return ip_from_v4(v4);
}

vni_t bytes_vni(uint32_t i)
{
	return 100 + 100 * i;
}

uint32_t bytes_vni_index(vni_t vni)
{
	return vni / 100 - 1;
}

port_no_t bytes_tap(uint32_t i)
{
	return PORT_NO_FIRST + 100 + i;
}

static vni_t some_vni(struct reader *r)
{
	return bytes_vni(read_u8(r) % 3U);
}

static uint64_t some_revision(struct reader *r)
{
	const uint8_t b = read_u8(r);

	return b == 255 ? UINT64_MAX : b;
}

void bytes_port(struct reader *r, port_no_t port_no, struct port *ret)
{
	uint32_t i;

	memset(ret, 0, sizeof(*ret));
	ret->port_no = port_no;
	ret->vni = some_vni(r);
	ret->mac = some_mac(r);
	ret->is_trusted = read_u8(r) % 4 == 0;
	ret->revision = some_revision(r);
	ret->n_ips = read_u8(r) % 4;
	for (i = 0; i < ret->n_ips; i++)
		ret->ips[i] = some_ip(r);
}

void bytes_session(struct reader *r, struct hello *hello, struct event *ret)
{
	const uint8_t who = read_u8(r), what = read_u8(r);

	memset(hello, 0, sizeof(*hello));
	hello->version_min = hello->version_max = 1;
	peer_name(who % 8U, hello->name);
	hello->id = bytes_peer_id(who % 8U);
	hello->instance = 1 + who / 8 % 3U;
	hello->control_port = 6783;
	hello->vxlan_port = what & 1 ? 6784 : 4789;
	hello->can_fastdp = what & 14;
	hello->can_sleeve = what & 16;
	hello->sleeve_port = 6783;
	hello->has_discovery = true;
	ret->session.hello = hello;
	ret->session.remote.ip = bytes_place(r);
	ret->session.remote.port = 1000U + read_u8(r);
	ret->session.local.ip = ip_from_v4((const uint8_t[]){ 192, 0, 2, 99 });
	ret->session.local.port = 6783;
}

static void some_entry(struct reader *r, struct entry *ret)
{
	uint32_t i;

	memset(ret, 0, sizeof(*ret));
	ret->vni = some_vni(r);
	ret->mac = some_mac(r);
	ret->flags = read_u8(r) & 7;
	ret->revision = some_revision(r);
	ret->n_ips = read_u8(r) % (MAX_IPS_PER_ENTRY + 1);
	if (ret->n_ips > 3 && ret->n_ips < MAX_IPS_PER_ENTRY)
		ret->n_ips = 1;
	for (i = 0; i < ret->n_ips; i++)
		ret->ips[i] = some_ip(r);
}

void bytes_message(struct reader *r, struct message *ret, struct entry *entries,
		   struct peer_hint *hints, uint32_t max)
{
	const uint8_t what = read_u8(r), n = read_u8(r);
	uint32_t i;

	memset(ret, 0, sizeof(*ret));
	switch (what % 8) {
	default:
		ret->type = MESSAGE_ENTRIES;
		ret->entries.is_first = what & 8;
		ret->entries.is_last = what & 16;
		ret->entries.n = n % (max + 1);
		ret->entries.list = entries;
		for (i = 0; i < ret->entries.n; i++)
			some_entry(r, &entries[i]);
		break;
	case 1:
		ret->type = MESSAGE_PEERS;
		ret->peers.n = n % (max + 1);
		ret->peers.list = hints;
		for (i = 0; i < ret->peers.n; i++) {
			memset(&hints[i], 0, sizeof(hints[i]));
			hints[i].id = bytes_peer_id(read_u8(r) % 8U);
			hints[i].control.ip = bytes_place(r);
			hints[i].control.port = 6783;
		}
		break;
	case 2:
		ret->type = MESSAGE_HEARD;
		ret->heard.path = n & 1 ? PATH_SLEEVE : PATH_FASTDP;
		ret->heard.seq = read_u8(r);
		break;
	case 4:
		ret->type = MESSAGE_SLEEVE;
		ret->sleeve.token = 1U + n;
		break;
	case 3:
		ret->type = n == 7 ? MESSAGE_LEAVE : MESSAGE_HEARD;
		break;
	}
}

static void put_arp(struct reader *r, struct writer *w, struct mac src)
{
	struct ip tip = some_ip(r);

	write_number(w, 0x0806, 2);
	write_number(w, UINT64_C(0x000108000604), 6);
	write_number(w, read_u8(r) % 4, 2);
	write_bytes(w, src.b, 6);
	write_zeros(w, 10);
	write_bytes(w, tip.b + 12, 4);
}

static void put_nd(struct reader *r, struct writer *w)
{
	const struct ip target = some_ip(r);

	write_number(w, 0x86dd, 2);
	write_number(w, 0x60000000, 4);
	write_number(w, 24, 2);
	write_number(w, 58, 1);
	write_number(w, 255, 1);
	write_zeros(w, 32);
	write_number(w, 133U + read_u8(r) % 5U, 1);
	write_zeros(w, 7);
	write_bytes(w, target.b, 16);
}

static void put_probe(struct reader *r, struct writer *w)
{
	const struct mac reply = PROBE_REPLY_MAC;
	const struct probe probe = { .from = bytes_peer_id(read_u8(r) % 8U),
				     .to = bytes_peer_id(read_u8(r) % 8U),
				     .cookie = read_u8(r),
				     .seq = read_u8(r) };
	uint8_t frame[PROBE_MIN_SIZE];

	wire_put_probe(&probe, frame, sizeof(frame));
	if (probe.seq & 1)
		memcpy(frame, reply.b, 6);
	write_bytes(w, frame, sizeof(frame));
}

/* Whatever the bytes say, cut anywhere. */
static void put_raw(struct reader *r, struct writer *w)
{
	size_t n = read_u8(r) % 128U;

	while (n-- > 0)
		write_number(w, read_u8(r), 1);
}

static void put_frame(struct reader *r, struct writer *w)
{
	static const uint16_t types[] = { 0x0800, 0x8100, 0x88a8,
					  0x0026, 0x86dd, 0x88cc };
	const uint8_t kind = read_u8(r);
	struct mac dst = some_mac(r), src = some_mac(r);

	if (kind & 8)
		memset(dst.b, 0xff, sizeof(dst.b));
	if (kind % 8 == 5) {
		put_probe(r, w);
		return;
	}
	write_bytes(w, dst.b, 6);
	write_bytes(w, src.b, 6);
	switch (kind % 8) {
	case 0:
	case 1:
		put_arp(r, w, src);
		break;
	case 2:
		put_nd(r, w);
		break;
	case 3:
		put_raw(r, w);
		break;
	default:
		write_number(w, types[read_u8(r) % 6], 2);
		put_raw(r, w);
		break;
	}
}

void bytes_packet(struct reader *r, struct fake_packet *ret, uint8_t *frame,
		  size_t max)
{
	const uint8_t where = read_u8(r);
	struct writer w = writer_of(frame, max);

	ret->in_port = PORT_NO_FIRST + where % 9;
	ret->recirc_id = (uint32_t)(where / 16 % 8) << 24;
	if (ret->recirc_id)
		ret->recirc_id |= some_vni(r);
	if (where % 8 == 7)
		ret->in_port = bytes_tap(where / 16 % 3);
	if (where & 8) {
		ret->in_port = PORT_NO_VXLAN;
		ret->tun_src = bytes_place(r);
		ret->tun_id = where & 1 ? VNI_PROBE : some_vni(r);
	}
	put_frame(r, &w);
	ret->size = w.size;
}
