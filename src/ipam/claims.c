/* SPDX-License-Identifier: Apache-2.0 */
#include "claims.h"

#include <assert.h>
#include <string.h>

#include "core/alloc.h"

struct host {
	peer_id_t id;
	uint64_t instance, revision;
	char nickname[MAX_NAME];
	struct block *list;
	uint32_t n;
};

struct claims {
	struct host *hosts;
	size_t n, capacity;
};

struct claims *claims_new(void)
{
	return core_alloc(sizeof(struct claims));
}

void claims_free(struct claims *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->n; i++)
		free(c->hosts[i].list);
	free(c->hosts);
	free(c);
}

static struct host *find_host(const struct claims *c, peer_id_t id)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (c->hosts[i].id == id)
			return &c->hosts[i];
	}
	return NULL;
}

/* Who claims nothing is only kept for its revision. */
static struct host *find_idle(const struct claims *c)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (c->hosts[i].n == 0)
			return &c->hosts[i];
	}
	return NULL;
}

static struct host *add_host(struct claims *c, peer_id_t id)
{
	struct host *h = NULL;

	if (c->n == MAX_PEERS) {
		h = find_idle(c);
		if (!h)
			return NULL;
		free(h->list);
	} else if (c->n == c->capacity) {
		c->capacity = c->capacity ? c->capacity * 2 : 16;
		c->hosts = core_realloc(c->hosts, c->capacity,
					sizeof(*c->hosts));
	}
	if (!h)
		h = &c->hosts[c->n++];
	memset(h, 0, sizeof(*h));
	h->id = id;
	return h;
}

bool claims_set(struct claims *c, const struct claimant *who,
		const struct block *list, uint32_t n)
{
	struct host *h = find_host(c, who->id);

	if (n > MESSAGE_MAX_BLOCKS)
		return false;
	if (h && h->instance == who->instance && who->revision < h->revision)
		return true;
	if (!h)
		h = add_host(c, who->id);
	if (!h)
		return false;
	h->instance = who->instance;
	h->revision = who->revision;
	memset(h->nickname, 0, sizeof(h->nickname));
	strncpy(h->nickname, who->nickname, sizeof(h->nickname) - 1);
	h->n = n;
	if (n == 0)
		return true;
	h->list = core_realloc(h->list, n, sizeof(*list));
	memcpy(h->list, list, n * sizeof(*list));
	return true;
}

void claims_forget(struct claims *c, peer_id_t id)
{
	struct host *h = find_host(c, id);

	if (!h)
		return;
	free(h->list);
	*h = c->hosts[--c->n];
}

static void tell(const struct host *h, uint32_t i, struct claim *ret)
{
	assert(i < h->n);
	ret->id = h->id;
	ret->nickname = h->nickname;
	ret->block = h->list[i];
}

bool claims_find(const struct claims *c, vni_t vni, const struct prefix *prefix,
		 struct claim *ret)
{
	size_t i;
	uint32_t k;

	for (i = 0; i < c->n; i++) {
		for (k = 0; k < c->hosts[i].n; k++) {
			const struct block *b = &c->hosts[i].list[k];
			const struct prefix theirs = { b->ip, b->prefix_len };

			if (b->vni != vni || !prefix_overlaps(&theirs, prefix))
				continue;
			tell(&c->hosts[i], k, ret);
			return true;
		}
	}
	return false;
}

bool claims_each(const struct claims *c, size_t *pos, struct claim *ret)
{
	size_t i, left = *pos;

	for (i = 0; i < c->n; i++) {
		if (left < c->hosts[i].n) {
			tell(&c->hosts[i], (uint32_t)left, ret);
			(*pos)++;
			return true;
		}
		left -= c->hosts[i].n;
	}
	return false;
}
