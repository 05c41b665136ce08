/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CARRIER_TABLE_H
#define CARRIER_TABLE_H

/* Sleeve's forwarding table: a copy of what the engine's views said once. */

#include "core/view.h"

struct carrier_table;

struct carrier_table *carrier_table_new(const struct engine *e);
void carrier_table_free(struct carrier_table *t); /* NULL is fine */

/* NULL: a stranger's, or of another life. */
const struct sleeve_place *carrier_table_find(const struct carrier_table *t,
					      uint64_t rx_token);

/* Whom a frame goes to, one after the other from *pos = 0; NULL: no more. */
const struct sleeve_place *carrier_table_next(const struct carrier_table *t,
					      vni_t vni, const uint8_t *frame,
					      size_t size, size_t *pos);

#endif
