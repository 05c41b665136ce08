/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TAPS_H
#define TAPS_H

/* The TAPs of the thread: which is whose. */

#include "state.h"

void taps_init(struct worker *w);
void taps_close(struct worker *w);
/* 0 or -errno; on 0 the descriptor is the worker's. */
int taps_add(struct worker *w, vni_t vni, int fd, bool has_uso) WARN_UNUSED;
int taps_remove(struct worker *w, vni_t vni) WARN_UNUSED;
/* FIB_NONE: no TAP of this network. */
uint16_t taps_find(const struct worker *w, vni_t vni);
/* After another table: which of its networks is each TAP's? */
void taps_renumber(struct worker *w);
/* No more events of @tap: its device has gone. */
void taps_lost(struct worker *w, uint32_t tap);
void taps_pause(struct worker *w, bool is_paused);

#endif
