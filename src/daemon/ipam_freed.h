/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_FREED_H
#define IPAM_FREED_H

/*
 * Notes that the plugin left while the daemon was away, or did not answer:
 * containers that are gone, in the directory "freed" beside the socket.
 */

struct ipam;

/*
 * Does what they say, and removes them: the port goes, and the addresses are
 * free. One that is refused stays for the next time. To be asked before a
 * client is served, for the container may come again; and now and then, for
 * its port may have been on its way out. Costs next to nothing when there are
 * none. The ports are known by now.
 */
void ipam_freed_read(struct ipam *i, const char *socket);

#endif
