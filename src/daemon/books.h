/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOKS_H
#define BOOKS_H

/*
 * What the daemon remembers: its identity and the peers added or removed at
 * run time (state directory), the peers of this life (run directory).
 */

#include "sys/error.h"

struct daemon;

/* Settings' name, else the kept one, else a new one, which is then kept. */
int books_identity(struct daemon *d, struct error *e);

/* Into the engine, before it starts. What does not read is said and left. */
void books_load(struct daemon *d);

void books_save_targets(struct daemon *d);
void books_save_peers(struct daemon *d);

#endif
