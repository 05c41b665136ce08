/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEER_JSON_H
#define PEER_JSON_H

/* A peer and its paths as `status`, `peers` and `why` show them. */

#include <jansson.h>

#include "core/view.h"

/* A moment of the monotonic clock as RFC 3339 text; 0: null. */
json_t *peer_json_moment(usec_t at);

/* @mtu: of containers here; what the peer takes may be less. */
json_t *peer_json(const struct peer_view *p, uint32_t mtu);

#endif
