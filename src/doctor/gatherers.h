/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATHERERS_H
#define GATHERERS_H

/*
 * The parts of gather.h, each of a file of its own: gather.c calls them in
 * their order. What cannot be found out stays unknown.
 */

#include <jansson.h>

#include "facts.h"

/* gather_kernel.c: kernel, distribution, modules, what this process may do */
void gather_kernel(const char *root, struct facts *ret);
/* gather_host.c: settings, counters (the later sample too); sockets on our
 * ports, with whose they are, after the links */
void gather_sysctls(const char *root, struct facts *ret);
void gather_counters(const char *root, struct facts *ret);
void gather_sockets(const char *root, struct facts *ret);
/* gather_config.c: ports and MTU; what is not said has the default; why the
 * daemon would not start with the file */
void gather_config(const char *path, struct facts *ret);
/* gather_link.c */
void gather_links(struct facts *ret);
void gather_links_again(struct facts *ret);
/* gather_way.c: of peers and default routes; the cards of the ways, or of what
 * is below @ifname and of every card that is up */
void gather_ways(struct facts *ret);
void gather_nics(struct facts *ret);
void gather_nics_of(const char *ifname, struct facts *ret);
/* gather_daemon.c: replies of the daemon */
void gather_status(const json_t *reply, struct facts *ret);
void gather_status_again(const json_t *reply, struct facts *ret);
void gather_details(const json_t *reply, struct facts *ret);
void gather_blocks(const json_t *reply, struct facts *ret);
void gather_metrics(const json_t *reply, struct facts *ret);
/* Of an end in the namespace at @path, if that is still @id; 0: not seen. */
uint32_t gather_container_mtu(const char *path, const char *id,
			      const char *ifname);

#endif
