/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_peers.h"

#include <assert.h>
#include <string.h>

#include "core/alloc.h"
#include "core/list.h"
#include "log.h"
#include "state.h"
#include "sys/clock.h"

/* A session that is up, and who is at its other end. */
struct talk {
	struct list all;
	session_t session;
	peer_id_t id;
	uint64_t instance;
	char nickname[MAX_NAME];
	bool has_said; /* which blocks it has */
};

struct ipam_peers {
	struct daemon *d;
	struct list talks;
	struct claims *claims;
	struct block *ours;
	uint32_t n_ours;
	uint64_t revision;
};

struct ipam_peers *ipam_peers_new(struct daemon *d)
{
	struct ipam_peers *p = core_alloc(sizeof(*p));

	p->d = d;
	list_init(&p->talks);
	p->claims = claims_new();
	p->revision = 1;
	return p;
}

void ipam_peers_free(struct ipam_peers *p)
{
	if (!p)
		return;
	while (!list_is_empty(&p->talks)) {
		struct talk *t = CONTAINER_OF(p->talks.next, struct talk, all);

		list_remove(&t->all);
		free(t);
	}
	claims_free(p->claims);
	free(p->ours);
	free(p);
}

struct claims *ipam_peers_claims(struct ipam_peers *p)
{
	return p->claims;
}

static struct talk *find_talk(struct ipam_peers *p, session_t session)
{
	struct list *node;

	for (node = p->talks.next; node != &p->talks; node = node->next) {
		struct talk *t = CONTAINER_OF(node, struct talk, all);

		if (t->session == session)
			return t;
	}
	return NULL;
}

/*
 * The control layer bounds what waits for a peer that does not read. False
 * says that it had better be sent no more, which this message is not worth:
 * the session goes down if it does not arrive.
 */
static void tell(struct ipam_peers *p, session_t session)
{
	struct message m = { .type = MESSAGE_BLOCKS };

	m.blocks.revision = p->revision;
	m.blocks.n = p->n_ours;
	m.blocks.list = p->ours;
	if (!control_send(p->d->control, session, &m, clock_monotonic_us()))
		log_debug("session %u is slow to take our blocks", session);
}

static void session_up(struct ipam_peers *p, const struct event *ev)
{
	const struct hello *hello = ev->session.hello;
	struct talk *t = core_alloc(sizeof(*t));

	t->session = ev->session.session;
	t->id = hello->id;
	t->instance = hello->instance;
	memcpy(t->nickname, hello->nickname[0] ? hello->nickname : hello->name,
	       sizeof(t->nickname));
	list_init(&t->all);
	list_append(&p->talks, &t->all);
	/* Who has none says that, too: others wait for the word. */
	tell(p, t->session);
}

static bool take_blocks(struct ipam_peers *p, struct talk *t,
			const struct message *m)
{
	static struct log_limit limit;
	const struct claimant who = { .id = t->id,
				      .instance = t->instance,
				      .revision = m->blocks.revision,
				      .nickname = t->nickname };

	t->has_said = true;
	if (claims_set(p->claims, &who, m->blocks.list, m->blocks.n))
		return true;
	if (log_allows(LOG_WARN, &limit))
		log_warn("the blocks of addresses of %s are not kept: the "
			 "table is full",
			 t->nickname);
	return false;
}

static bool take_message(struct ipam_peers *p, const struct event *ev)
{
	const struct message *m = ev->message.message;
	struct talk *t;

	if (m->type != MESSAGE_BLOCKS && m->type != MESSAGE_LEAVE)
		return false;
	t = find_talk(p, ev->message.session);
	if (!t)
		return false;
	if (m->type == MESSAGE_BLOCKS)
		return take_blocks(p, t, m);
	claims_forget(p->claims, t->id);
	return true;
}

/* What a peer claims stays when its session ends: its containers do, too. */
static void session_down(struct ipam_peers *p, session_t session)
{
	struct talk *t = find_talk(p, session);

	if (!t)
		return;
	list_remove(&t->all);
	free(t);
}

bool ipam_peers_event(struct ipam_peers *p, const struct event *ev)
{
	switch (ev->type) {
	case EVENT_SESSION_UP:
		session_up(p, ev);
		return false;
	case EVENT_SESSION_DOWN:
		session_down(p, ev->down.session);
		return false;
	case EVENT_MESSAGE:
		return take_message(p, ev);
	default:
		return false;
	}
}

void ipam_peers_announce(struct ipam_peers *p, const struct block *list,
			 uint32_t n)
{
	struct list *node;

	assert(n <= MESSAGE_MAX_BLOCKS);
	if (n == p->n_ours &&
	    (n == 0 || memcmp(list, p->ours, n * sizeof(*list)) == 0))
		return;
	if (n) {
		p->ours = core_realloc(p->ours, n, sizeof(*list));
		memcpy(p->ours, list, n * sizeof(*list));
	}
	p->n_ours = n;
	p->revision++;
	for (node = p->talks.next; node != &p->talks; node = node->next)
		tell(p, CONTAINER_OF(node, struct talk, all)->session);
}

bool ipam_peers_have_said(const struct ipam_peers *p)
{
	struct target_view target;
	struct list *node;
	size_t pos = 0;

	for (node = p->talks.next; node != &p->talks; node = node->next) {
		if (!CONTAINER_OF(node, struct talk, all)->has_said)
			return false;
	}
	while (engine_each_target(p->d->engine, &pos, &target)) {
		if (!target.has_session && target.n_failures == 0 &&
		    target.peer_id != p->d->id)
			return false;
	}
	return true;
}

bool ipam_peers_talk(const struct ipam_peers *p, peer_id_t id)
{
	struct list *node;

	for (node = p->talks.next; node != &p->talks; node = node->next) {
		if (CONTAINER_OF(node, struct talk, all)->id == id)
			return true;
	}
	return false;
}
