/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "datapath_kind.h"
#include "sys/ovs_dp.h"

static void chosen(struct datapath_choice *c, enum datapath_type type,
		   const char *reason)
{
	c->type = type;
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
}

/* Asking for its families makes the kernel load the module. */
static bool has_openvswitch(void)
{
	struct ovs_dp probe;
	int error = ovs_dp_open(&probe, "fastdp-none", false, NULL);

	if (!error)
		ovs_dp_close(&probe);
	return error != -ENOENT;
}

void datapath_choose(const struct settings *s, struct rtnl *r,
		     struct datapath_choice *ret)
{
	if (s->datapath == DATAPATH_OVS)
		chosen(ret, DATAPATH_TYPE_OVS, "asked for");
	else if (s->datapath == DATAPATH_BRIDGE)
		chosen(ret, DATAPATH_TYPE_BRIDGE, "asked for");
	else if (datapath_bridge_is_there(r))
		chosen(ret, DATAPATH_TYPE_BRIDGE,
		       "this host's containers are on a bridge since an "
		       "earlier start");
	else if (has_openvswitch())
		chosen(ret, DATAPATH_TYPE_OVS, "this kernel has openvswitch");
	else
		chosen(ret, DATAPATH_TYPE_BRIDGE,
		       "this kernel has no openvswitch.ko");
}

struct datapath *datapath_open(const struct datapath_config *config,
			       struct error *e)
{
	const bool is_ovs = config->choice->type == DATAPATH_TYPE_OVS;
	struct datapath *d = is_ovs ? datapath_ovs_open(config, e)
				    : datapath_bridge_open(config, e);

	if (d)
		snprintf(d->reason, sizeof(d->reason), "%s",
			 config->choice->reason);
	return d;
}

void datapath_close(struct datapath *d)
{
	if (d)
		d->kind->close(d);
}

int datapath_delete(struct datapath *d, struct error *e)
{
	return d->kind->delete (d, e);
}

bool datapath_is_bridge(const struct datapath *d)
{
	return d->kind != &datapath_ovs_kind;
}

struct ovs_dp *datapath_ovs(struct datapath *d)
{
	return datapath_is_bridge(d) ? NULL : datapath_ovs_of(d);
}

bool datapath_is_adopted(const struct datapath *d)
{
	return d->is_adopted;
}

const char *datapath_type(const struct datapath *d)
{
	return d->kind->type;
}

const char *datapath_reason(const struct datapath *d)
{
	return d->reason;
}

const char *datapath_name(const struct datapath *d)
{
	return d->kind->name(d);
}

json_t *datapath_json(const struct datapath *d)
{
	json_t *missing = json_array();

	if (d->kind->missing)
		d->kind->missing(d, missing);
	return json_pack("{s:s, s:s, s:s, s:o}", "type", d->kind->type, "name",
			 d->kind->name(d), "reason", d->reason, "missing",
			 missing);
}

int datapath_add_port(struct datapath *d, const struct port *port,
		      struct error *e)
{
	return d->kind->add_port(d, port, e);
}

int datapath_add_tap(struct datapath *d, const char *ifname, vni_t vni,
		     port_no_t port_no, struct error *e)
{
	return d->kind->add_tap(d, ifname, vni, port_no, e);
}

void datapath_remove_port(struct datapath *d, port_no_t port_no)
{
	d->kind->remove_port(d, port_no);
}

int datapath_prune(struct datapath *d, datapath_known_fn *is_known, void *ctx)
{
	return d->kind->prune(d, is_known, ctx);
}

void datapath_follow(struct datapath *d, const struct engine *engine)
{
	if (d->kind->follow)
		d->kind->follow(d, engine);
}

void datapath_changed(struct datapath *d)
{
	if (d->kind->changed)
		d->kind->changed(d);
}

int datapath_reload(struct datapath *d, struct error *e)
{
	return d->kind->reload ? d->kind->reload(d, e) : 0;
}

int datapath_host_link(struct datapath *d, vni_t vni, char ret[MAX_IFNAME],
		       struct error *e)
{
	if (d->kind->host_link)
		return d->kind->host_link(d, vni, ret, e);
	snprintf(ret, MAX_IFNAME, "%s", d->kind->name(d));
	return 0;
}

void datapath_look(struct datapath *d)
{
	if (d->kind->look)
		d->kind->look(d);
}

void datapath_flows(struct datapath *d, json_t *list)
{
	if (d->kind->flows)
		d->kind->flows(d, list);
}

json_t *datapath_flow_to(struct datapath *d, vni_t vni, const struct mac *mac)
{
	return d->kind->flow_to ? d->kind->flow_to(d, vni, mac) : json_null();
}

void datapath_metrics(struct datapath *d, json_t *metrics)
{
	d->kind->metrics(d, metrics);
}
