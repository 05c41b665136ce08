/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPAM_FREED_H
#define IPAM_FREED_H

/*
 * Notes that the plugin left while there was no daemon: addresses that their
 * containers have no more, in the directory "freed" beside the socket.
 */

struct ipam;

/* Does what they say, and removes them; one that is refused stays for the next
 * start. The ports are known by now. */
void ipam_freed_read(struct ipam *i, const char *socket);

#endif
