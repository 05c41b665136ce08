/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVE_BYTES_H
#define DRIVE_BYTES_H

/*
 * Bytes to values that meet each other often: few peers, MACs, addresses and
 * networks. Past the end every byte is 0.
 */

#include "core/bytes.h"
#include "core/engine.h"
#include "fake_dp.h"

/* 0 is the engine itself. */
peer_id_t bytes_peer_id(uint32_t n);

struct ip bytes_place(struct reader *r);
/* Networks by number, 0 … 2, and the port that sleeve's TAP gets there. */
vni_t bytes_vni(uint32_t i);
uint32_t bytes_vni_index(vni_t vni);
port_no_t bytes_tap(uint32_t i);

void bytes_port(struct reader *r, port_no_t port_no, struct port *ret);
/* Of @ret: hello (in *hello), local, remote. */
void bytes_session(struct reader *r, struct hello *hello, struct event *ret);
/* Lists of up to @max in @entries and @hints. */
void bytes_message(struct reader *r, struct message *ret, struct entry *entries,
		   struct peer_hint *hints, uint32_t max);
void bytes_packet(struct reader *r, struct fake_packet *ret, uint8_t *frame,
		  size_t max);

#endif
