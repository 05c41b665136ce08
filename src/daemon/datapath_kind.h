/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPATH_KIND_H
#define DATAPATH_KIND_H

/*
 * What a kind of datapath is to datapath.c, which is all that uses it: each
 * has a struct datapath inside its own. The functions are those of datapath.h;
 * a kind leaves out (NULL) what has no meaning for it.
 */

#include "datapath.h"

struct datapath_kind {
	const char *type;
	void (*close)(struct datapath *d);
	int (*delete)(struct datapath *d, struct error *e);
	const char *(*name)(const struct datapath *d);
	int (*add_port)(struct datapath *d, const struct port *port,
			struct error *e);
	int (*add_tap)(struct datapath *d, const char *ifname, vni_t vni,
		       port_no_t port_no, struct error *e);
	void (*remove_port)(struct datapath *d, port_no_t port_no);
	int (*prune)(struct datapath *d, datapath_known_fn *is_known,
		     void *ctx);
	void (*follow)(struct datapath *d, const struct engine *engine);
	void (*changed)(struct datapath *d);
	int (*reload)(struct datapath *d, struct error *e);
	int (*host_link)(struct datapath *d, vni_t vni, char ret[MAX_IFNAME],
			 struct error *e);
	void (*look)(struct datapath *d);
	void (*flows)(struct datapath *d, json_t *list);
	json_t *(*flow_to)(struct datapath *d, vni_t vni,
			   const struct mac *mac);
	void (*missing)(const struct datapath *d, json_t *list);
	void (*metrics)(struct datapath *d, json_t *metrics);
};

struct datapath {
	const struct datapath_kind *kind;
	bool is_adopted;
	char reason[128];
};

struct datapath *datapath_ovs_open(const struct datapath_config *config,
				   struct error *e);
struct datapath *datapath_bridge_open(const struct datapath_config *config,
				      struct error *e);

/* Is there a bridge of ours, of the last life? */
bool datapath_bridge_is_there(struct rtnl *r);

extern const struct datapath_kind datapath_ovs_kind;
struct ovs_dp *datapath_ovs_of(struct datapath *d);

#endif
