/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TX_H
#define TX_H

/* From TAPs to sockets. */

#include "state.h"

struct tx *tx_new(void); /* NULL: out of memory */
void tx_free(struct tx *tx);
/* Reads @tap until it is empty or the turn's share is used up. */
void tx_read(struct worker *w, uint32_t tap);
/* Packs and sends what was read. */
void tx_flush(struct worker *w);
/* Something read could not be sent yet: read no TAP, change no table. */
bool tx_is_waiting(const struct tx *tx);
void tx_resume(struct worker *w);

#endif
