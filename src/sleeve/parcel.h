/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARCEL_H
#define PARCEL_H

/*
 * How one frame goes to one peer: packed with others, a super-frame cut into
 * segments, in fragments where its sender allows that, or not at all because
 * it is too long.
 */

#include "drain.h"
#include "state.h"

/*
 * Puts @f into the batch, behind what batch_begin_peer() began for @peer; it
 * must stay in memory until all is sent. Small ones leave a datagram open.
 */
void parcel_add(struct worker *w, const struct fib_peer *peer,
		struct drain_frame *f);

#endif
