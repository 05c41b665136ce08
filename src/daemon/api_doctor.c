/* SPDX-License-Identifier: Apache-2.0 */
/* What `fastdpctl doctor` cannot see from outside. */
#include "api.h"
#include "hearsay.h"
#include "state.h"

json_t *api_doctor(struct daemon *d, const json_t *request, struct error *e)
{
	const struct settings *s = &d->settings;
	const char *missing = hearsay_missing(d->hearsay);
	json_t *reply;

	(void)request;
	(void)e;
	reply = json_pack("{s:I, s:I, s:I, s:I, s:b, s:s, s:s, s:I}",
			  "control_port", (json_int_t)s->control_port,
			  "sleeve_port", (json_int_t)s->sleeve_port,
			  "vxlan_port", (json_int_t)s->vxlan_port, "mtu_wanted",
			  (json_int_t)s->mtu, "capped",
			  error_is_set(&d->capped), "capped_reason",
			  d->capped.message, "underlay", d->underlay.ifname,
			  "underlay_mtu", (json_int_t)d->underlay.mtu);
	json_object_set_new(reply, "icmp_guard", json_boolean(!missing));
	if (missing)
		json_object_set_new(reply, "icmp_guard_missing",
				    json_string(missing));
	/* Of flows: a bridge has none. */
	if (!datapath_is_bridge(d->datapath))
		json_object_set_new(reply, "check_pkt_len",
				    json_boolean(d->has_check_len));
	return reply;
}
