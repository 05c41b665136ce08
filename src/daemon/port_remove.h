/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PORT_REMOVE_H
#define PORT_REMOVE_H

/*
 * A container's port taken away: its record, its links, and what the host had
 * because of it.
 */

struct daemon;
struct port_record;

/* Of the port book; the host's own port may go with it. Takes a turn. */
void port_remove(struct daemon *d, struct port_record *r);
/* Those of @ifname of a container of @owner, whatever its namespace. */
void port_remove_of(struct daemon *d, const char *container_id,
		    const char *ifname, const char *owner);

#endif
