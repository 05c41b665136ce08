/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RX_H
#define RX_H

/* From sockets to TAPs. */

#include "state.h"

struct rx *rx_new(void);
void rx_free(struct rx *rx);
void rx_read(struct worker *w, int fd);

#endif
