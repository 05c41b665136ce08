/* SPDX-License-Identifier: Apache-2.0 */
/* STATUS: could ADD be served now? */
#include <string.h>

#include "client/socket.h"
#include "config.h"
#include "fail.h"
#include "ipam.h"
#include "own.h"
#include "port.h"
#include "sys/error.h"
#include "verbs.h"

/* Containers that are there do not need the daemon: 50, and never 51. */
static int ask_daemon(const struct cni_config *config, struct cni_error *e)
{
	struct client *client;
	struct error why = { 0 };
	uint32_t mtu = 0;
	int rc;

	rc = port_connect(config->socket, &client, &why);
	if (rc == 0) {
		/* Any name that is one: no container is meant. */
		rc = port_plan(client, config, NULL, "eth0", &mtu, &why);
		client_close(client);
	}
	if (rc) {
		cni_fail_from(e, &why);
		e->code = CNI_NOT_READY;
		return -1;
	}
	if (config->mtu <= mtu)
		return 0;
	return cni_fail(e, CNI_NOT_READY,
			"\"mtu\" is %u, and the network "
			"carries no more than %u",
			config->mtu, mtu);
}

int verb_status(const struct cni_args *args, struct cni_config *config,
		struct cni_error *e)
{
	if (config_check(config, args, e) || ask_daemon(config, e))
		return -1;
	if (ipam_run(args, config, "STATUS", NULL, NULL, e) == 0)
		return 0;
	/* Its own code where it gave one; the daemon has none for this. */
	if (e->code == CNI_IPAM || strcmp(config->ipam_type, OWN_TYPE) == 0)
		e->code = CNI_NOT_READY;
	return -1;
}
