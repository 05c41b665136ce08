/* SPDX-License-Identifier: Apache-2.0 */
#include "gossip.h"

#include <string.h>

#include "carry.h"
#include "group.h"
#include "health.h"
#include "member.h"

static void take_entry(struct engine *e, usec_t now, struct peer *p,
		       const struct entry *entry)
{
	enum directory_result result;

	if (entry->flags & ENTRY_WITHDRAWN) {
		directory_withdraw(e->directory, now, p->hello.id, entry->vni,
				   &entry->mac);
		return;
	}
	result = directory_put(e->directory, now, p->hello.id, entry,
			       PORT_NO_NONE);
	if (result == DIRECTORY_CHANGED || result == DIRECTORY_SAME)
		return;
	if (result == DIRECTORY_FULL)
		p->was_refused = true;
	e->counters.n_entries_refused++;
	engine_limit(e, "directory");
}

static void take_entries(struct engine *e, usec_t now, struct peer *p,
			 const struct message *m)
{
	uint32_t i;

	if (m->entries.is_first)
		directory_snapshot_begin(e->directory, p->hello.id);
	for (i = 0; i < m->entries.n; i++)
		take_entry(e, now, p, &m->entries.list[i]);
	if (!m->entries.is_last)
		return;
	directory_snapshot_end(e->directory, now, p->hello.id);
	engine_refresh(e, now);
	if (p->has_snapshot)
		return;
	/* Now it is known what of the last life's flows it still stands for. */
	p->has_snapshot = true;
	group_told(&e->pipeline, &p->remote.ip);
	member_release(e, now, &p->remote.ip);
}

/* False: who is known to answer there has its session from there. */
static bool is_open(const struct engine *e, const struct target *t,
		    const struct peer_hint *hint)
{
	const struct peer *p = peers_find(&e->peers, t->peer_id);

	return t->state != TARGET_CONNECTED ||
	       (p && !ip_equal(&p->remote.ip, &hint->control.ip));
}

static void take_hint(struct engine *e, usec_t now,
		      const struct peer_hint *hint)
{
	struct target *t = targets_discover(&e->targets, now, hint->id,
					    &hint->control);

	if (!t)
		engine_limit(e, "targets");
	else if (t->peer_id != hint->id && is_open(e, t, hint))
		targets_say(&e->targets, now, t, hint->id);
}

static void take_hints(struct engine *e, usec_t now, const struct message *m)
{
	uint32_t i;

	if (!e->config.has_discovery)
		return;
	for (i = 0; i < m->peers.n; i++) {
		const struct peer_hint *hint = &m->peers.list[i];
		const struct peer *p = peers_find(&e->peers, hint->id);

		if (hint->id == e->config.id || (p && p->session) ||
		    member_is_removed(e, hint->id))
			continue;
		take_hint(e, now, hint);
	}
}

void gossip_message(struct engine *e, usec_t now, const struct event *ev)
{
	struct peer *p = peers_find_session(&e->peers, ev->message.session);
	const struct message *m = ev->message.message;

	if (!p)
		return;
	e->counters.n_messages_in++;
	switch (m->type) {
	case MESSAGE_ENTRIES:
		take_entries(e, now, p, m);
		break;
	case MESSAGE_PEERS:
		take_hints(e, now, m);
		break;
	case MESSAGE_HEARD:
		if (m->heard.path < N_PATHS)
			health_answered(e, now, p, m->heard.path, m->heard.seq);
		break;
	case MESSAGE_SLEEVE:
		if (carry_token(e, p, m->sleeve.token)) {
			path_stop(&p->paths[PATH_SLEEVE], now, REASON_STARTING);
			health_start(e, now, p);
		}
		break;
	case MESSAGE_LEAVE:
		engine_close(e, p->session, REASON_LEFT);
		member_forget(e, now, p, REASON_LEFT);
		break;
	case MESSAGE_BLOCKS: /* the daemon's */
		break;
	}
}

static bool owed_message(struct engine *e, struct peer *p, struct message *m)
{
	memset(m, 0, sizeof(*m));
	if (p->n_heard) {
		m->type = MESSAGE_HEARD;
		m->heard.path = PATH_FASTDP;
		m->heard.seq = p->heard[--p->n_heard];
		return true;
	}
	if (p->owes_token) {
		p->owes_token = false;
		m->type = MESSAGE_SLEEVE;
		m->sleeve.token = p->sleeve.rx_token;
		return true;
	}
	if (feed_poll(&e->announce, &p->feed, e->directory, e->config.id,
		      e->entries, m))
		return true;
	if (e->config.has_discovery) {
		m->type = MESSAGE_PEERS;
		m->peers.list = e->hints;
		m->peers.n = peers_next_hints(&e->peers, p, e->hints,
					      MESSAGE_MAX_PEERS);
		if (m->peers.n)
			return true;
	}
	if (!p->owes_leave)
		return false;
	p->owes_leave = false;
	m->type = MESSAGE_LEAVE;
	return true;
}

bool gossip_poll(struct engine *e, struct action *ret)
{
	struct peer *p;

	while ((p = peers_turn(&e->peers))) {
		if (!p->session || !p->is_ready ||
		    !owed_message(e, p, &ret->send.message)) {
			peers_quiet(&e->peers, p);
			continue;
		}
		ret->type = ACTION_SEND;
		ret->send.session = p->session;
		e->counters.n_messages_out++;
		return true;
	}
	return false;
}
