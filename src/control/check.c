/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "core/directory.h"

static bool is_text(const char text[MAX_NAME])
{
	size_t size = strnlen(text, MAX_NAME);

	if (size == MAX_NAME)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	return true;
}

static bool is_ip(const struct ip *ip)
{
	static const uint8_t zero[4];
	struct ip any_v4 = ip_from_v4(zero);

	return !ip_is_zero(ip) && !ip_equal(ip, &any_v4);
}

enum codec_error check_hello(const struct hello *h)
{
	if (h->version_min == 0 || h->version_min > h->version_max)
		return CODEC_BAD_VERSION;
	if (strnlen(h->name, sizeof(h->name)) == sizeof(h->name) ||
	    !name_is_valid(h->name))
		return CODEC_BAD_NAME;
	/* Else a peer could take the place of any other by its id alone. */
	if (h->id == PEER_ID_NONE || h->id != peer_id_of_name(h->name))
		return CODEC_BAD_ID;
	if (!is_text(h->nickname) || !is_text(h->software))
		return CODEC_BAD_TEXT;
	if (h->control_port == 0 || (h->can_sleeve && h->sleeve_port == 0) ||
	    (h->can_fastdp && h->vxlan_port == 0))
		return CODEC_BAD_PORT;
	return CODEC_OK;
}

enum codec_error check_entry(const struct entry *e)
{
	if (e->vni == VNI_NONE || e->vni > VNI_MAX)
		return CODEC_BAD_VNI;
	if (mac_is_zero(&e->mac) || mac_is_group(&e->mac))
		return CODEC_BAD_MAC;
	/* It would win for ever: nobody's clock gets there. */
	if (e->revision >= MAX_REVISION)
		return CODEC_BAD_REVISION;
	if (e->n_ips > MAX_IPS_PER_ENTRY)
		return CODEC_TOO_MANY_IPS;
	for (uint32_t i = 0; i < e->n_ips; i++) {
		if (!is_ip(&e->ips[i]))
			return CODEC_BAD_IP;
	}
	return CODEC_OK;
}

enum codec_error check_peer_hint(const struct peer_hint *h)
{
	if (h->id == PEER_ID_NONE)
		return CODEC_BAD_ID;
	if (!is_ip(&h->control.ip))
		return CODEC_BAD_IP;
	if (h->control.port == 0)
		return CODEC_BAD_PORT;
	return CODEC_OK;
}

enum codec_error check_block(const struct block *b)
{
	const bool is_v4 = ip_is_v4(&b->ip);
	const unsigned int bits = b->prefix_len + (is_v4 ? 96U : 0U);

	if (b->vni == VNI_NONE || b->vni > VNI_MAX)
		return CODEC_BAD_VNI;
	if (!is_ip(&b->ip))
		return CODEC_BAD_IP;
	if (b->prefix_len == 0 || bits > 128)
		return CODEC_BAD_PREFIX;
	for (unsigned int i = bits; i < 128; i++) {
		if (b->ip.b[i / 8] & 0x80 >> i % 8)
			return CODEC_BAD_PREFIX;
	}
	return CODEC_OK;
}
