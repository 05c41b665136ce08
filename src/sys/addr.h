/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADDR_H
#define ADDR_H

/*
 * Addresses: text, socket addresses and the core's values, each into the
 * other. No function here asks a name server or allocates.
 *
 * Parsers take the whole text or nothing: on false the output is untouched.
 * Printers write into the caller's buffer and return it.
 */

#include "core/core.h"
#include "core/message.h"

#include <sys/socket.h>

#define ADDR_IP_SIZE 46U /* with the zero, as INET6_ADDRSTRLEN */
#define ADDR_MAC_SIZE 18U
#define ADDR_PREFIX_SIZE 50U   /* "IP/LEN" */
#define ADDR_ENDPOINT_SIZE 54U /* "IP:PORT", "[IP6]:PORT" */

/* "192.0.2.1", "2001:db8::1"; v4-mapped text is IPv4. No scope ("%eth0"). */
bool addr_parse_ip(const char *text, struct ip *ret) WARN_UNUSED;

/* Six pairs of hexadecimal digits with colons. Any value: see mac_is_group. */
bool addr_parse_mac(const char *text, struct mac *ret) WARN_UNUSED;

/*
 * "192.0.2.1/24", "2001:db8::1/64". The length counts in the address's own
 * family: 0 to 32 or 0 to 128. Host bits are kept.
 */
bool addr_parse_prefix(const char *text, struct ip *ret_ip, uint8_t *ret_len)
	WARN_UNUSED;

/* Decimal, 1 to 65535, digits only. */
bool addr_parse_port(const char *text, uint16_t *ret) WARN_UNUSED;

/*
 * "host1", "host1:6783", "192.0.2.1:6783", "[2001:db8::1]:6783"; a bare IPv6
 * address ("2001:db8::1") too. A host name is letters, digits, '-', '_', '.'.
 * @default_port is used when the text has none.
 */
bool addr_parse_host_port(const char *text, uint16_t default_port,
			  char ret_host[MAX_HOST], uint16_t *ret_port)
	WARN_UNUSED;

const char *addr_print_ip(const struct ip *ip, char buf[ADDR_IP_SIZE]);
const char *addr_print_mac(const struct mac *mac, char buf[ADDR_MAC_SIZE]);
const char *addr_print_prefix(const struct ip *ip, uint8_t len,
			      char buf[ADDR_PREFIX_SIZE]);
const char *addr_print_endpoint(const struct endpoint *ep,
				char buf[ADDR_ENDPOINT_SIZE]);

/* The four octets of an IPv4 address in network order; @ip must be IPv4. */
void addr_ip_to_v4(const struct ip *ip, uint8_t ret[4]);

/* Multicast, either family. */
bool addr_ip_is_multicast(const struct ip *ip);

/* All zeroes, as IPv6 or as IPv4: "any address". */
bool addr_ip_is_any(const struct ip *ip);

/* AF_INET for IPv4, else AF_INET6; returns the size of the socket address. */
socklen_t addr_to_sockaddr(const struct endpoint *ep,
			   struct sockaddr_storage *ret);

/* False for other families. v4-mapped IPv6 becomes IPv4. */
bool addr_from_sockaddr(const struct sockaddr_storage *sa, struct endpoint *ret)
	WARN_UNUSED;

#endif
