/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMBER_H
#define MEMBER_H

/*
 * Who takes part: sessions become peers, and who is gone is forgotten.
 */

#include "engine_state.h"

void member_session_up(struct engine *e, usec_t now, const struct event *ev);
void member_session_down(struct engine *e, usec_t now, const struct event *ev);
void member_remembered(struct engine *e, usec_t now, const struct event *ev);
void member_removed(struct engine *e, usec_t now, peer_id_t id);
void member_allowed(struct engine *e, peer_id_t id);
bool member_is_removed(const struct engine *e, peer_id_t id);
void member_timer(struct engine *e, usec_t now, struct peer *p);
void member_leave_all(struct engine *e);

/* With all that it has: flows, entries, what it is owed. @p is freed. */
void member_forget(struct engine *e, usec_t now, struct peer *p,
		   enum reason reason);
/* Flows of the last life that served the peer at @ip, and are not wanted. */
void member_release(struct engine *e, usec_t now, const struct ip *ip);

#endif
