/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NOTES_H
#define NOTES_H

/* Notes of the engine -> lines of the log, each once, where it is decided. */

#include "core/engine.h"

struct daemon;

void notes_log(struct daemon *d, const struct note *n);

/* "nickname (name)" of a peer, or its id in hexadecimal. */
#define NOTES_PEER_SIZE (2 * MAX_NAME + 4)
const char *notes_peer(const struct daemon *d, peer_id_t id,
		       char ret[NOTES_PEER_SIZE]);

#endif
