/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_RESULT_H
#define CNI_RESULT_H

/*
 * Results: what the IPAM plugin gives, what ADD prints, and what CHECK is
 * handed back. Knows the fields of each version of the specification; does
 * nothing.
 */

#include <jansson.h>

#include "core/core.h"
#include "sys/route.h"
#include "version.h"

struct cni_error;

#define RESULT_MAX_ROUTES 256U

struct result_ip {
	struct ip ip;
	uint8_t prefix_len;
	bool has_gateway;
	struct ip gateway;
};

struct result {
	struct result_ip ips[MAX_IPS_PER_ENTRY];
	size_t n_ips;
	struct route routes[RESULT_MAX_ROUTES];
	size_t n_routes;
};

/* One end of the pair. */
struct result_interface {
	const char *ifname;
	const char *mac;
	uint32_t mtu;
	const char *sandbox; /* NULL: it is on the host */
};

/*
 * "ips" and "routes" of @json. @interface: only addresses whose "interface"
 * is that number; -1: all, as IPAM plugins give them. @code is for *e.
 */
int result_parse(const json_t *json, int interface, int code,
		 struct result *ret, struct cni_error *e) WARN_UNUSED;

/* The gateway for routes that name none. NULL: there is none. */
const struct ip *result_gateway(const struct result *r, bool is_v4);

/*
 * The result of ADD: @previous (or NULL) with ours added to it. ips of @r are
 * those of @inside. @dns is borrowed and may be NULL.
 */
json_t *result_json(enum cni_version version, const json_t *previous,
		    const struct result *r,
		    const struct result_interface *outside,
		    const struct result_interface *inside, const json_t *dns);

/*
 * The number of the interface with this name and sandbox (NULL: any) in a
 * result's "interfaces", and the object; -1: it has none.
 */
int result_find(const json_t *json, const char *ifname, const char *sandbox,
		const json_t **ret);

/* {cniVersion, code, msg, details} */
json_t *result_error(enum cni_version version, const struct cni_error *e);

#endif
