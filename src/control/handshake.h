/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

/*
 * Whether two daemons that said hello can talk: the same answer at both ends,
 * for it follows from the two hellos alone. Knows no session and no bytes.
 */

#include "core/core.h"
#include "core/message.h"
#include "core/reason.h"

#define HANDSHAKE_MAX_TEXT 256U /* with the zero */

/*
 * REASON_NONE and the protocol version to speak, the highest of both; or why
 * not: REASON_OURSELVES, _CLONED, _VERSION, and a sentence that names both
 * hosts. Of the two outputs only the one that belongs to the answer is set.
 */
enum reason handshake_agree(const struct hello *ours,
			    const struct hello *theirs, uint32_t *ret_version,
			    char ret_text[HANDSHAKE_MAX_TEXT]) WARN_UNUSED;

#endif
