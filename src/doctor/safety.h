/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAFETY_H
#define SAFETY_H

/*
 * For the daemon, before it sends anything: can a long probe hurt this host?
 * Kernel, distribution and offloads are read; nothing is sent or changed.
 */

#include <stdbool.h>

struct error;

/*
 * @ifname is the link that packets to peers leave by, "" when it is not
 * known; every other card that is up is looked at, too. True: no probe may be
 * longer than the base; *why says it, with the remedy. May be NULL.
 */
bool safety_is_capped(const char *ifname, struct error *why);

#endif
