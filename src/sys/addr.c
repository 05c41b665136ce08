/* SPDX-License-Identifier: Apache-2.0 */
#include "addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool addr_parse_ip(const char *text, struct ip *ret)
{
	uint8_t raw[16];

	if (inet_pton(AF_INET, text, raw) == 1) {
		*ret = ip_from_v4(raw);
		return true;
	}
	if (inet_pton(AF_INET6, text, raw) == 1) {
		*ret = ip_from_v6(raw);
		return true;
	}
	return false;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool addr_parse_mac(const char *text, struct mac *ret)
{
	struct mac mac;

	if (strnlen(text, ADDR_MAC_SIZE) != ADDR_MAC_SIZE - 1)
		return false;
	for (size_t i = 0; i < sizeof(mac.b); i++) {
		int high = hex_digit(text[3 * i]);
		int low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		if (i < 5 && text[3 * i + 2] != ':')
			return false;
		mac.b[i] = (uint8_t)(high << 4 | low);
	}
	*ret = mac;
	return true;
}

/* Decimal without sign or leading zeroes, at most @max (below 10^9). */
static bool parse_number(const char *text, uint32_t max, uint32_t *ret)
{
	uint32_t value = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint32_t)(*text - '0');
		if (value > max)
			return false;
	}
	*ret = value;
	return true;
}

bool addr_parse_prefix(const char *text, struct ip *ret_ip, uint8_t *ret_len)
{
	const char *slash = strchr(text, '/');
	char address[ADDR_IP_SIZE];
	uint32_t len;
	struct ip ip;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!addr_parse_ip(address, &ip))
		return false;
	if (!parse_number(slash + 1, ip_is_v4(&ip) ? 32 : 128, &len))
		return false;
	*ret_ip = ip;
	*ret_len = (uint8_t)len;
	return true;
}

bool addr_parse_port(const char *text, uint16_t *ret)
{
	uint32_t port;

	if (!parse_number(text, UINT16_MAX, &port) || port == 0)
		return false;
	*ret = (uint16_t)port;
	return true;
}

static bool is_host_name(const char *host)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";

	/* A leading '-' or '.' is no name, and looks like an option. */
	return *host && *host != '-' && *host != '.' &&
	       host[strspn(host, allowed)] == '\0';
}

bool addr_parse_host_port(const char *text, uint16_t default_port,
			  char ret_host[MAX_HOST], uint16_t *ret_port)
{
	const char *host = text, *port = NULL, *colon = strrchr(text, ':');
	char copy[MAX_HOST];
	uint16_t number = default_port;
	size_t size = strlen(text);
	struct ip ip;
	bool is_bracketed = text[0] == '[';

	if (is_bracketed) {
		const char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return false;
		host = text + 1;
		size = (size_t)(end - host);
		port = end[1] ? end + 2 : NULL;
	} else if (colon && strchr(text, ':') == colon) {
		size = (size_t)(colon - text);
		port = colon + 1;
	}
	if (size == 0 || size >= sizeof(copy))
		return false;
	memcpy(copy, host, size);
	copy[size] = '\0';
	if (port && !addr_parse_port(port, &number))
		return false;
	if (!addr_parse_ip(copy, &ip) && (is_bracketed || !is_host_name(copy)))
		return false;
	memcpy(ret_host, copy, size + 1);
	*ret_port = number;
	return true;
}

const char *addr_print_ip(const struct ip *ip, char buf[ADDR_IP_SIZE])
{
	const void *raw = ip_is_v4(ip) ? ip->b + 12 : ip->b;
	const char *ret;

	ret = inet_ntop(ip_is_v4(ip) ? AF_INET : AF_INET6, raw, buf,
			ADDR_IP_SIZE);
	assert(ret);
	return ret;
}

const char *addr_print_mac(const struct mac *mac, char buf[ADDR_MAC_SIZE])
{
	snprintf(buf, ADDR_MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac->b[0],
		 mac->b[1], mac->b[2], mac->b[3], mac->b[4], mac->b[5]);
	return buf;
}

const char *addr_print_prefix(const struct ip *ip, uint8_t len,
			      char buf[ADDR_PREFIX_SIZE])
{
	char text[ADDR_IP_SIZE];

	snprintf(buf, ADDR_PREFIX_SIZE, "%s/%u", addr_print_ip(ip, text), len);
	return buf;
}

const char *addr_print_endpoint(const struct endpoint *ep,
				char buf[ADDR_ENDPOINT_SIZE])
{
	char text[ADDR_IP_SIZE];

	snprintf(buf, ADDR_ENDPOINT_SIZE,
		 ip_is_v4(&ep->ip) ? "%s:%u" : "[%s]:%u",
		 addr_print_ip(&ep->ip, text), ep->port);
	return buf;
}

void addr_ip_to_v4(const struct ip *ip, uint8_t ret[4])
{
	assert(ip_is_v4(ip));
	memcpy(ret, ip->b + 12, 4);
}

bool addr_ip_is_multicast(const struct ip *ip)
{
	if (ip_is_v4(ip))
		return (ip->b[12] & 0xf0) == 0xe0;
	return ip->b[0] == 0xff;
}

bool addr_ip_is_any(const struct ip *ip)
{
	static const uint8_t zero[4];

	if (ip_is_v4(ip))
		return !memcmp(ip->b + 12, zero, sizeof(zero));
	return ip_is_zero(ip);
}

socklen_t addr_to_sockaddr(const struct endpoint *ep,
			   struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (ip_is_v4(&ep->ip)) {
		struct sockaddr_in in = { .sin_family = AF_INET };

		in.sin_port = htons(ep->port);
		addr_ip_to_v4(&ep->ip, (uint8_t *)&in.sin_addr);
		memcpy(ret, &in, sizeof(in));
		return sizeof(in);
	} else {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

		in6.sin6_port = htons(ep->port);
		memcpy(&in6.sin6_addr, ep->ip.b, sizeof(ep->ip.b));
		memcpy(ret, &in6, sizeof(in6));
		return sizeof(in6);
	}
}

bool addr_from_sockaddr(const struct sockaddr_storage *sa, struct endpoint *ret)
{
	if (sa->ss_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		ret->ip = ip_from_v4((const uint8_t *)&in.sin_addr);
		ret->port = ntohs(in.sin_port);
		return true;
	}
	if (sa->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		ret->ip = ip_from_v6(in6.sin6_addr.s6_addr);
		ret->port = ntohs(in6.sin6_port);
		return true;
	}
	return false;
}
