/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TURN_H
#define TURN_H

/*
 * One turn: what the engine owes is carried out, until it owes nothing more,
 * and the timer is set to the next deadline. Every callback of the loop ends
 * with one.
 */

#include "state.h"

void daemon_turn(struct daemon *d);

#endif
