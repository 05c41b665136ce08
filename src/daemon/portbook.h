/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORTBOOK_H
#define PORTBOOK_H

/*
 * What the kernel cannot tell of a port (container, network, addresses), kept
 * in one file a port in the run directory, so that a restarted daemon knows
 * the ports it finds.
 */

#include <jansson.h>
#include <limits.h>

#include "core/alloc.h"
#include "core/engine.h"
#include "core/list.h"
#include "core/table.h"
#include "sys/error.h"

#define PORT_MAX_TEXT 256U
#define PORT_MAX_GATEWAYS 4U

struct port_record {
	struct list all;
	port_no_t port_no;
	vni_t vni;
	struct mac mac;
	bool is_trusted;
	bool is_masqueraded;
	bool is_awaited; /* not in the datapath again yet: adopt.h */
	uint8_t n_addresses;
	/* Of a container's: addresses that the host has because of it. */
	uint8_t n_gateways;
	char netns[64];		 /* "dev:ino" */
	char ifname[MAX_IFNAME]; /* in the container */
	char host_ifname[MAX_IFNAME];
	struct ip ips[MAX_ADDRESSES];
	uint8_t prefix_lens[MAX_ADDRESSES];
	char network[MAX_NAME];
	/* Of the host's own port: those that expose has set; a bit each. */
	uint32_t by_hand;
	struct ip gateways[PORT_MAX_GATEWAYS];
	uint8_t gateway_lens[PORT_MAX_GATEWAYS];
	char container_id[PORT_MAX_TEXT];
	char owner[PORT_MAX_TEXT]; /* who manages it: "cni:NETWORK", or "" */
	char netns_path[PORT_MAX_TEXT];
	uint64_t revision;
};

struct portbook {
	struct list all;
	struct table keys; /* of each record, all that it is found by */
	unsigned int n, n_masqueraded;
	char directory[PATH_MAX - 300];
};

/* Reads what is there; a damaged file is put aside, and said. -1: one could
 * not be read; @e says why. */
int portbook_open(struct portbook *b, const char *run_dir, struct error *e);
void portbook_close(struct portbook *b);

/* Copies @record, writes its file. NULL: could not be written; @e says why. */
struct port_record *portbook_add(struct portbook *b,
				 const struct port_record *record,
				 struct error *e);
/*
 * @record, one of the book's, becomes as @changed, a copy of it: in its file,
 * and then here. -1: it could not be written, and all is as before; @e says
 * why.
 */
int portbook_save(struct portbook *b, struct port_record *record,
		  const struct port_record *changed, struct error *e);
void portbook_remove(struct portbook *b, struct port_record *record);

struct port_record *portbook_find(const struct portbook *b, port_no_t port_no);
struct port_record *portbook_find_host(const struct portbook *b,
				       const char *host_ifname);
/* @ifname of a container. @netns "": none, for it may be any. */
struct port_record *portbook_find_interface(const struct portbook *b,
					    const char *netns,
					    const char *ifname);
struct port_record *portbook_find_mac(const struct portbook *b, vni_t vni,
				      const struct mac *mac);
struct port_record *portbook_find_ip(const struct portbook *b, vni_t vni,
				     const struct ip *ip);

/* To the engine's value, and to what clients see. */
void port_record_value(const struct port_record *r, struct port *ret);
json_t *port_record_json(const struct port_record *r);
/* False: something is missing or odd. */
bool port_record_parse(const json_t *json, struct port_record *ret);

#define EACH_RECORD(b, node)                                       \
	for (struct list *node = (b)->all.next; node != &(b)->all; \
	     node = node->next)
#define RECORD_OF(node) CONTAINER_OF(node, struct port_record, all)

#endif
