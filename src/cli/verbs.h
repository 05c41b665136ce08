/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERBS_H
#define VERBS_H

/* The verbs that the verb_*.c define, for the one that lists them: main.c. */

#include "cli.h"

extern const struct verb verb_status, verb_peers, verb_ports, verb_directory,
	verb_flows, verb_why, verb_peer_add, verb_peer_remove, verb_attach,
	verb_detach, verb_expose, verb_hide, verb_metrics, verb_log_level,
	verb_reload, verb_reset, verb_doctor;
extern const struct verb verb_ipam_list, verb_ipam_free, verb_ipam_release,
	verb_ipam_reclaim;

#endif
