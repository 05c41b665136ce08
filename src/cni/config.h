/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_CONFIG_H
#define CNI_CONFIG_H

/*
 * The network configuration on stdin. config_parse() takes what every verb
 * needs; config_check() what ADD, CHECK and STATUS are strict about, and DEL
 * and GC are not, so that what was made can always be taken away.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "version.h"

struct cni_args;
struct cni_error;

#define CONFIG_MAX_SIZE (8U * 1024 * 1024)
#define CONFIG_TIMEOUT_MS 30000
#define CONFIG_MAX_NAME 200U

struct cni_config {
	char *text; /* as it came, for the IPAM plugin */
	size_t size;
	json_t *json;
	enum cni_version version; /* CNI_NEWEST until it is known */
	/* Borrowed from json: */
	const char *name;
	const char *network;
	const char *socket;
	const char *ipam_type;	/* NULL: none */
	const json_t *previous; /* prevResult; NULL: none */
	/* By the verb: the daemon is there and has let us wait in vain. */
	bool is_daemon_silent;
	/* By config_check(): */
	uint32_t mtu;	  /* 0: what the network carries */
	bool is_gateway;  /* the host is, for this network */
	bool masquerades; /* what leaves the host */
	const char *mac;  /* NULL: the daemon's choice */
};

/* All of @fd, without looking into it. */
int config_read(int fd, struct cni_config *ret, struct cni_error *e)
	WARN_UNUSED;
void config_release(struct cni_config *c);

int config_parse(struct cni_config *c, struct cni_error *e) WARN_UNUSED;
int config_check(struct cni_config *c, const struct cni_args *args,
		 struct cni_error *e) WARN_UNUSED;
/* For VERSION: the configuration's, if it is one of ours, else CNI_NEWEST. */
enum cni_version config_version(const struct cni_config *c);

/* A member whose name is @key in any case; an exact one goes first. */
json_t *config_member(const json_t *object, const char *key);

/* The list of addresses that were asked for; NULL: none, or in CNI_ARGS. */
const json_t *config_asked_ips(const struct cni_config *c);
/* What the runtime asks for in the words of its capability; NULL: nothing. */
const json_t *config_asked_dns(const struct cni_config *c);
/* The first of the addresses that were asked for, or NULL. */
const char *config_asked_ip(const struct cni_config *c,
			    const struct cni_args *args);

#endif
