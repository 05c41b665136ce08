/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MTU_H
#define MTU_H

/*
 * The MTU of containers, which follows the link.
 *
 * With `--mtu auto` it is what the local link carries less the tunnel's
 * overhead. When that changes, the host's own port, the host ends of containers
 * and, by the visitor, the ends inside get the new one: the host end first
 * when it grows, the inner end first when it shrinks, so that the way out is
 * never narrower than what comes. An interface that somebody gave another MTU
 * keeps it, unless it is above what fits.
 *
 * Where flows cannot tell long packets it is no more than the narrowest peer
 * takes. A fixed MTU is obeyed, and compared with the link.
 */

#include "core/action.h"

struct daemon;
struct mtu;
struct visitor;

/* @v: NULL: containers that run keep their MTU. Borrowed. */
struct mtu *mtu_new(struct daemon *d, struct visitor *v);
void mtu_free(struct mtu *m);

/* Links or peers may have changed; a turn must follow. NULL is fine. */
void mtu_look(struct mtu *m);
/* The engine said something of paths: a narrower one counts at once. */
void mtu_noted(struct mtu *m, const struct note *note);
/* And from time to time, whether every port has it. */
void mtu_check_ports(struct mtu *m);

#define MTU_TEXT_SIZE 256
/* What is wrong with the MTU, as a sentence into @ret; NULL: nothing. */
const char *mtu_warning(const struct daemon *d, char ret[MTU_TEXT_SIZE]);

#endif
