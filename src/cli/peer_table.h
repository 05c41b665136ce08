/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEER_TABLE_H
#define PEER_TABLE_H

/* Peers as `status` and `peers` both show them: a line each. */

#include <jansson.h>

/* What a person calls the peer: nickname, else name, else address; or NULL. */
const char *peer_label(const json_t *peer);

/* To stdout, or one line that says that there is none. */
void peer_table_print(const json_t *peers);

#endif
