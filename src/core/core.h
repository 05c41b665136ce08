/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_H
#define CORE_H

/*
 * What the whole core shares: time, limits and small value types.
 *
 * The core is pure: it knows no socket, clock, log or errno. Time comes in as
 * an argument, in microseconds of a clock that never goes backwards.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t usec_t;

#define USEC_NEVER UINT64_MAX
#define USEC_PER_MS UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)

/* Every table has a limit; at the limit it refuses, counts and says so. */
#define MAX_PEERS 1024U
#define MAX_TARGETS 2048U
#define MAX_SESSIONS 1280U
#define MAX_PORTS 1024U
#define MAX_NETWORKS 256U
#define MAX_ENTRIES 262144U
#define MAX_ENTRIES_PER_PEER 65536U
#define MAX_IPS_PER_ENTRY 16U
#define MAX_BINDINGS 524288U
#define MAX_BINDINGS_PER_PEER 131072U
#define MAX_CLAIMS_PER_IP 64U  /* of one peer, in one network */
#define ENTRIES_FOR_US 16384U  /* which peers may not take */
#define BINDINGS_FOR_US 16384U /* MAX_PORTS * MAX_IPS_PER_ENTRY */
#define MAX_LEARNT_PER_PORT 256U
#define MAX_LAZY_FLOWS 4096U
#define MAX_LAZY_FLOWS_PER_PORT 256U
#define MAX_FRAME_SIZE 65549U
#define MAX_NAME 64U /* with the terminating zero: names, nicknames */

#define WARN_UNUSED __attribute__((warn_unused_result))

/* Identity of a peer: derived from its name, see peer_id_of_name(). */
typedef uint64_t peer_id_t;
#define PEER_ID_NONE UINT64_C(0)

/* Virtual network identifier, 24 bits (RFC 7348 section 5). */
typedef uint32_t vni_t;
#define VNI_NONE UINT32_C(0)
#define VNI_MAX UINT32_C(0xfffffe)
#define VNI_PROBE \
	UINT32_C(0xffffff) /* heartbeats and probes, never a network */

/* Port number in the datapath (OVS_VPORT_ATTR_PORT_NO). */
typedef uint32_t port_no_t;
#define PORT_NO_HOST UINT32_C(0) /* the datapath's internal port */
#define PORT_NO_VXLAN UINT32_C(1)
#define PORT_NO_FIRST UINT32_C(16) /* containers, from here up */
#define PORT_NO_LAST UINT32_C(65000)
#define PORT_NO_TAP UINT32_C(65001) /* sleeve, one a network, from here up */
#define PORT_NO_NONE UINT32_MAX

struct mac {
	uint8_t b[6];
};

/* IPv4 is kept as the v4-mapped form ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
struct ip {
	uint8_t b[16];
};

/* A UDP or TCP endpoint; the port in host byte order. */
struct endpoint {
	struct ip ip;
	uint16_t port;
};

enum path_kind { PATH_FASTDP, PATH_SLEEVE, N_PATHS };

bool mac_equal(const struct mac *a, const struct mac *b);
bool mac_is_group(const struct mac *m);
bool mac_is_zero(const struct mac *m);

bool ip_equal(const struct ip *a, const struct ip *b);
bool ip_is_zero(const struct ip *ip);
bool ip_is_v4(const struct ip *ip);
/* One of the @n of @list is equal to @ip. */
bool ip_is_among(const struct ip *ip, const struct ip *list, size_t n);

/* @v4: 4 bytes in network order. */
struct ip ip_from_v4(const uint8_t v4[4]);
struct ip ip_from_v6(const uint8_t v6[16]);

/*
 * A name that is 16 lower-case hexadecimal digits is its own id; of any other
 * the id is a 64-bit hash. Never PEER_ID_NONE.
 */
peer_id_t peer_id_of_name(const char *name);

/* 1 to MAX_NAME - 1 of [A-Za-z0-9_.:-], the first a letter or digit. */
bool name_is_valid(const char *name);

/* The VNI of a network nobody gave one: 0x1000 … VNI_MAX, from its name. */
vni_t vni_of_name(const char *name);

/* 64-bit hash for tables; @seed makes it unpredictable to peers. */
uint64_t core_hash(const void *data, size_t size, uint64_t seed);

#endif
