/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPORT_H
#define REPORT_H

/*
 * What the owner is told, in its own terms: the one place that calls its
 * event and note. It only tells; what changed was changed before. The owner
 * may dial, send and close from inside any of these.
 */

#include "conn.h"

struct message;

/* @target: that it was dialled for; 0: inbound. */
void report_up(const struct conn *conn, target_t target);
void report_message(const struct conn *conn, const struct message *message);
/* As conn->is_told_ready says. */
void report_ready(const struct conn *conn);
/*
 * An end, of a connection that the owner cannot reach any more: the note, and
 * the event that is owed to a session that was up or to a target.
 */
void report_end(const struct control_io *io, const struct control_note *note);

#endif
