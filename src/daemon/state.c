/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <stdio.h>

#include "sys/clock.h"

void daemon_event(struct daemon *d, const struct event *ev)
{
	engine_handle(d->engine, clock_monotonic_us(), ev);
}

void daemon_stop(struct daemon *d, int code)
{
	d->is_stopping = true;
	d->exit_code = code;
	loop_stop(d->loop);
}

const char *daemon_network_name(const struct daemon *d, vni_t vni,
				char ret[MAX_NAME])
{
	const char *name = settings_network_name(&d->settings, vni);

	if (name) {
		snprintf(ret, MAX_NAME, "%s", name);
		return ret;
	}
	EACH_RECORD(&d->ports, node)
	{
		if (RECORD_OF(node)->vni == vni) {
			snprintf(ret, MAX_NAME, "%s", RECORD_OF(node)->network);
			return ret;
		}
	}
	snprintf(ret, MAX_NAME, "vni-%u", vni);
	return ret;
}
