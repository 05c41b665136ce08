/* SPDX-License-Identifier: Apache-2.0 */

/* fastdpctl: the verbs there are, and the way of one command through them. */

#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "client/socket.h"
#include "options.h"
#include "verbs.h"

static const struct verb *const verbs[] = {
	&verb_status,	    &verb_peers,
	&verb_peer_add,	    &verb_peer_remove,
	&verb_ports,	    &verb_directory,
	&verb_flows,	    &verb_why,
	&verb_attach,	    &verb_detach,
	&verb_expose,	    &verb_hide,
	&verb_metrics,	    &verb_log_level,
	&verb_reload,	    &verb_reset,
	&verb_ipam_list,    &verb_ipam_free,
	&verb_ipam_release, &verb_ipam_reclaim,
	&verb_doctor,	    NULL,
};

int main(int argc, char **argv)
{
	struct cli cli = {
		.verbs = verbs,
		.socket_path = getenv("FASTDP_SOCKET"),
	};
	char **arguments = NULL;
	enum cli_exit rc = CLI_DONE;

	if (!cli.socket_path || !cli.socket_path[0])
		cli.socket_path = CLIENT_DEFAULT_SOCKET;
	switch (options_parse(&cli, argc, argv, &arguments)) {
	case OPTIONS_BAD:
		return CLI_USAGE;
	case OPTIONS_DONE:
		break;
	case OPTIONS_RUN:
		rc = cli.verb->run(&cli, arguments);
		break;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "fastdpctl: cannot write the output\n"
				"  see whether the disk is full\n");
		return rc == CLI_DONE ? CLI_FAILED : (int)rc;
	}
	return (int)rc;
}
