/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVE_H
#define DRIVE_H

/*
 * One engine and its datapath, driven by a string of bytes: what happens,
 * with which values, and when. Everything is within the engine's contract
 * (control has checked what peers say) and otherwise as odd as the bytes.
 *
 * After each step: the engine comes to rest, its deadline is in the future,
 * the datapath has the wanted flows and no others, none overlaps another (not
 * even for a moment), none was put as it was.
 *
 * A fault is reported on stderr and aborts: for fuzzers and tests alike.
 */

#include <stddef.h>
#include <stdint.h>

struct drive;

struct drive *drive_new(void);
void drive_free(struct drive *d);

/* One step with the next bytes; returns how many it took, at least 1. */
size_t drive_step(struct drive *d, const uint8_t *bytes, size_t size);

/* What was reached, so that a test sees that it tests something. */
struct drive_figures {
	uint64_t n_steps, n_puts, n_deletes, n_upcalls, n_executed, n_restarts;
	uint32_t max_flows;
};
void drive_figures(const struct drive *d, struct drive_figures *ret);

#endif
