/* SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

#include <string.h>

static const uint8_t v4_prefix[12] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
};

bool mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool mac_is_group(const struct mac *m)
{
	return (m->b[0] & 1) != 0;
}

bool mac_is_zero(const struct mac *m)
{
	static const struct mac zero;

	return mac_equal(m, &zero);
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool ip_is_among(const struct ip *ip, const struct ip *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (ip_equal(&list[i], ip))
			return true;
	}
	return false;
}

bool ip_is_zero(const struct ip *ip)
{
	static const struct ip zero;

	return ip_equal(ip, &zero);
}

bool ip_is_v4(const struct ip *ip)
{
	return memcmp(ip->b, v4_prefix, sizeof(v4_prefix)) == 0;
}

struct ip ip_from_v4(const uint8_t v4[4])
{
	struct ip ip;

	memcpy(ip.b, v4_prefix, sizeof(v4_prefix));
	memcpy(ip.b + sizeof(v4_prefix), v4, 4);
	return ip;
}

struct ip ip_from_v6(const uint8_t v6[16])
{
	struct ip ip;

	memcpy(ip.b, v6, sizeof(ip.b));
	return ip;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	return x;
}

uint64_t core_hash(const void *data, size_t size, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t h = mix(seed ^ UINT64_C(0x9e3779b97f4a7c15) ^ size);
	uint64_t word;

	for (; size >= sizeof(word); size -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = mix(h ^ word);
	}
	if (size) {
		word = 0;
		memcpy(&word, p, size);
		h = mix(h ^ word);
	}
	return h;
}

/* FNV-1a: the same on every host, whatever its byte order. */
static uint64_t text_hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++) {
		h ^= (uint8_t)*text;
		h *= UINT64_C(0x100000001b3);
	}
	return mix(h);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

peer_id_t peer_id_of_name(const char *name)
{
	uint64_t id = 0;
	size_t i;

	for (i = 0; i < 16 && hex_digit(name[i]) >= 0; i++)
		id = id << 4 | (uint64_t)hex_digit(name[i]);
	if (i < 16 || name[16] != '\0')
		id = text_hash(name);
	return id == PEER_ID_NONE ? 1 : id;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

bool name_is_valid(const char *name)
{
	size_t i;

	if (!is_alnum(name[0]))
		return false;
	for (i = 1; name[i]; i++) {
		if (i >= MAX_NAME - 1)
			return false;
		if (!is_alnum(name[i]) && !strchr("_.:-", name[i]))
			return false;
	}
	return true;
}

vni_t vni_of_name(const char *name)
{
	const uint64_t first = 0x1000;

	return (vni_t)(first + text_hash(name) % (VNI_MAX + 1 - first));
}
