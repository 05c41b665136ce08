/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_H
#define VIEW_H

/*
 * What the engine lets others see (views.h): copies and iterators for the
 * command line and the tests. Nothing here changes state. Pointers are borrowed and die at
 * the next engine_handle() or engine_poll().
 */

#include "core.h"
#include "event.h"
#include "views.h"

struct engine;

const char *path_state_text(enum path_state s); /* "down", "probing", "up" */
const char *peer_state_text(enum peer_state s);

/* Iterators: start with *pos = 0; false at the end. Any change invalidates. */
bool engine_each_peer(const struct engine *e, size_t *pos,
		      struct peer_view *ret);
bool engine_each_target(const struct engine *e, size_t *pos,
			struct target_view *ret);
bool engine_each_port(const struct engine *e, size_t *pos,
		      const struct port **ret);
/* Peers as sleeve must know them. */
bool engine_each_place(const struct engine *e, size_t *pos,
		       struct sleeve_place *ret);
/*
 * To whom sleeve copies group frames of @vni (and, with @is_unknown, frames to
 * a MAC that nobody has): peers that take part in it and are on sleeve.
 */
void engine_all_floods(const struct engine *e,
		       void (*f)(void *ctx, vni_t vni, bool is_unknown,
				 peer_id_t peer_id),
		       void *ctx);
bool engine_each_removed(const struct engine *e, size_t *pos, peer_id_t *ret);

/* All, in no particular order; @f must not change the engine. */
void engine_all_entries(const struct engine *e,
			void (*f)(void *ctx, const struct entry_view *entry),
			void *ctx);
/* The flows that should be (lazy ones too). */
void engine_all_flows(const struct engine *e,
		      void (*f)(void *ctx, const struct flow_match *match,
				const struct flow_actions *actions),
		      void *ctx);
/* What @match should do; NULL: no such flow is wanted. Borrowed. */
const struct flow_actions *engine_find_flow(const struct engine *e,
					    const struct flow_match *match);

/*
 * All peers that are known, and who is to be found where we dial, have told
 * in this life what they have: what nobody has told of is nobody's. Never
 * before EVENT_STARTED, when it is known who is known.
 */
bool engine_is_complete(const struct engine *e);

/* What the narrowest peer with a path takes of a container; 0: not known. */
uint32_t engine_narrowest_mtu(const struct engine *e);

bool engine_find_peer(const struct engine *e, peer_id_t id,
		      struct peer_view *ret);
/* The winning claim; false: nobody has it. */
bool engine_find_mac(const struct engine *e, vni_t vni, const struct mac *mac,
		     struct entry_view *ret);
bool engine_find_ip(const struct engine *e, vni_t vni, const struct ip *ip,
		    struct entry_view *ret);

void engine_counters(const struct engine *e, struct engine_counters *ret);

#endif
