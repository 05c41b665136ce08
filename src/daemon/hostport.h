/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTPORT_H
#define HOSTPORT_H

/*
 * The host's own port: which addresses the host has in the network, because
 * somebody said so by hand, or because containers have them as gateways; these
 * go with the last container that does.
 */

#include "core/core.h"

struct daemon;
struct error;
struct port_record;

/* 1: it was there; 0: it is now; -1: @e says why not. */
int hostport_expose(struct daemon *d, const struct ip *ip, uint8_t len,
		    bool is_by_hand, struct error *e) WARN_UNUSED;
/* 1: it is hidden; 0: it was not exposed; -1: @e says why not. */
int hostport_hide(struct daemon *d, const struct ip *ip, uint8_t len,
		  struct error *e) WARN_UNUSED;

/*
 * What the record @r (NULL: none) asks for beside its port: gateways exposed;
 * addresses masqueraded; and what no record asks for any more taken away.
 * 0, or -1 with @e.
 */
int hostport_sync(struct daemon *d, const struct port_record *r,
		  struct error *e);
/*
 * After a start: addresses and gateways that are in the records, though the
 * link may have been made anew meanwhile; then as hostport_sync(). 0, or -1
 * with @e, and what could be done is.
 */
int hostport_restore(struct daemon *d, struct error *e);

#endif
