/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "gatherers.h"
#include "settings/settings.h"
#include "sys/error.h"

/* As the daemon reads it: what it would refuse is a problem here. */
void gather_config(const char *path, struct facts *ret)
{
	struct settings *settings = calloc(1, sizeof(*settings));
	struct error e = { .code = "" };

	if (!settings)
		abort();
	if (settings_read_file(path, settings, &e)) {
		ret->is_config_absent = strcmp(e.code, "not-found") == 0;
		FACTS_SET(ret->config_problem, e.message);
		FACTS_SET(ret->config_hint, e.hint);
	}
	ret->control_port = settings->control_port;
	ret->sleeve_port = settings->sleeve_port;
	ret->vxlan_port = settings->vxlan_port;
	ret->config_mtu = settings->mtu;
	free(settings);
}
