/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_step.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "churn_step.h"
#include "daemon/ipam.h"
#include "daemon/ipam_state.h"
#include "daemon/state.h"
#include "daemon/store.h"
#include "ipam_check.h"
#include "net.h"

/* How often each comes, and how it is called. */
static const struct {
	const char *text;
	unsigned int weight;
} kinds[N_IPAM_KINDS] = {
	[IPAM_ADD] = { "a container comes", 45 },
	[IPAM_ADD_LOST] = { "one comes, and the daemon is killed", 2 },
	[IPAM_AGAIN] = { "a container of the book comes again", 8 },
	[IPAM_DEL] = { "a container goes", 16 },
	[IPAM_COLLECT] = { "what no container has is given back", 2 },
	[IPAM_KILL] = { "the daemon is killed", 4 },
	[IPAM_STOP] = { "the daemon is stopped", 2 },
	[IPAM_START] = { "the daemon is started", 10 },
	[IPAM_POWER] = { "power off, or on again", 6 },
	[IPAM_RENEW] = { "a new disk, and a new identity", 1 },
	[IPAM_BACKUP] = { "a copy of the disk is made", 2 },
	[IPAM_RESTORE] = { "it has the copy of its disk", 1 },
	[IPAM_CLONE] = { "it has the other's disk, or its own", 2 },
	[IPAM_SLEEP] = { "the host sleeps", 2 },
	[IPAM_DISK] = { "the disk is full, or no more", 2 },
	[IPAM_WAY] = { "its way to the store is another", 8 },
	[IPAM_STORE_DOWN] = { "the store is down, or up", 2 },
	[IPAM_STORE_EMPTY] = { "the store has lost its data", 1 },
	[IPAM_CUT] = { "the link is cut", 3 },
	[IPAM_HEAL] = { "the link is healed", 5 },
	[IPAM_RECLAIM] = { "the other's blocks are reclaimed", 5 },
	[IPAM_RELEASE] = { "its blocks are given back", 3 },
	[IPAM_DECLARE] = { "another block is declared", 4 },
};

static enum ipam_kind choose(uint64_t r)
{
	unsigned int i, sum = 0;

	for (i = 0; i < N_IPAM_KINDS; i++)
		sum += kinds[i].weight;
	r %= sum;
	for (i = 0; r >= kinds[i].weight; i++)
		r -= kinds[i].weight;
	return (enum ipam_kind)i;
}

/* Leases last ten seconds: some pauses are longer. */
static usec_t pause_of(uint64_t r)
{
	const uint64_t what = r % 10;

	r /= 10;
	if (what < 5)
		return r % (100 * USEC_PER_MS);
	return r % ((what < 9 ? 3 : 25) * USEC_PER_SEC);
}

void ipam_step_make(const struct sim *sim, uint32_t number,
		    struct ipam_step *ret)
{
	uint64_t state = sim->seed * UINT64_C(0x100000003) + number;

	churn_draw(&state);
	ret->kind = choose(churn_draw(&state) >> 8);
	ret->host = (uint32_t)(churn_draw(&state) % sim->n_hosts);
	ret->other = (ret->host + 1 +
		      (uint32_t)(churn_draw(&state) % (sim->n_hosts - 1))) %
		     sim->n_hosts;
	ret->choice = churn_draw(&state) >> 8;
	ret->pause_us = pause_of(churn_draw(&state) >> 8);
}

const char *ipam_step_text(const struct sim *sim, uint32_t number, char *buf,
			   size_t size)
{
	struct ipam_step s;

	ipam_step_make(sim, number, &s);
	snprintf(buf, size,
		 "host %u (and %u): %s, by %#" PRIx64 "; then %" PRIu64
		 ".%03" PRIu64 " ms",
		 s.host, s.other, kinds[s.kind].text, s.choice & 0xffffff,
		 s.pause_us / 1000, s.pause_us % 1000);
	return buf;
}

/* 0 … @range - 1, and the rest for the next question. */
static uint32_t take(uint64_t *choice, uint32_t range)
{
	const uint32_t r = (uint32_t)(*choice % range);

	*choice /= range;
	return r;
}

/* ---- containers */

static bool add(struct ipam_host *ih, uint64_t c)
{
	const vni_t vni = take(&c, 4) ? IPAM_VNI_4 : IPAM_VNI_6;
	const bool has_gateway = take(&c, 6) == 0;
	const char *code;

	return ipam_add(ih, vni, NULL, has_gateway, &code);
}

static void again(struct ipam_host *ih, uint64_t c)
{
	const struct ipam_book *book = ih->d ? &ih->d->ipam->book : NULL;
	uint32_t n = book && book->n ? take(&c, book->n) : 0;
	const char *code;
	char id[24];
	vni_t vni;

	if (!book || !book->n)
		return;
	EACH_LEASE(book, node)
	{
		const struct lease *l = LEASE_OF(node);

		if (n-- > 0 || !l->container_id[0])
			continue;
		snprintf(id, sizeof(id), "%.23s", l->container_id);
		vni = ip_is_v4(&l->ips[0]) ? IPAM_VNI_4 : IPAM_VNI_6;
		ipam_add(ih, vni, id, false, &code);
		return;
	}
}

static void del(struct ipam_host *ih, uint64_t c)
{
	const uint32_t first = take(&c, IPAM_MAX_CONTAINERS);
	uint32_t i;

	for (i = 0; i < IPAM_MAX_CONTAINERS; i++) {
		struct container *one =
			&ih->containers[(first + i) % IPAM_MAX_CONTAINERS];

		if (!one->is_alive)
			continue;
		ipam_del(ih, one);
		return;
	}
}

/* ---- hosts */

static void retire(struct ipam_host *ih)
{
	snprintf(ih->w->gone[ih->w->n_gone++ % IPAM_MAX_GONE], MAX_NAME, "%s",
		 ih->own_name);
}

/* A clone gives back the disk that it has not. */
static void own_disk(struct ipam_host *ih)
{
	if (ih->h->has_power)
		ipam_power_off(ih);
	ipam_power_on(ih, ih->h->is_clone ? &ih->own : NULL, ih->own_name);
	ih->h->is_clone = false;
}

static void renew(struct ipam_host *ih)
{
	static const struct disk empty;

	if (ih->h->has_power)
		ipam_power_off(ih);
	ih->h->is_clone = false;
	retire(ih);
	snprintf(ih->own_name, sizeof(ih->own_name), "host%u-%u",
		 ih->h->index + 1, ih->n_boots);
	ipam_power_on(ih, &empty, ih->own_name);
	host_start(ih->h);
}

static void clone(struct ipam_host *ih, struct ipam_host *other)
{
	if (ih->h->is_clone) {
		own_disk(ih);
		host_start(ih->h);
		return;
	}
	if (other->h->is_clone)
		return;
	if (ih->h->has_power)
		ipam_power_off(ih);
	disk_copy(&ih->own, &ih->state);
	ih->h->is_clone = true;
	ipam_power_on(ih, &other->state, other->own_name);
	host_start(ih->h);
}

static void back_up(struct ipam_host *ih)
{
	if (ih->h->is_clone)
		return;
	disk_copy(&ih->backup, &ih->state);
	strcpy(ih->backup_name, ih->own_name);
}

static void restore(struct ipam_host *ih)
{
	if (ih->h->is_clone || !ih->backup_name[0])
		return;
	if (ih->h->has_power)
		ipam_power_off(ih);
	if (strcmp(ih->own_name, ih->backup_name) != 0)
		retire(ih);
	strcpy(ih->own_name, ih->backup_name);
	ipam_power_on(ih, &ih->backup, ih->own_name);
	host_start(ih->h);
}

static void power(struct ipam_host *ih)
{
	char name[MAX_NAME];

	if (ih->h->has_power) {
		ipam_power_off(ih);
		return;
	}
	strcpy(name, ih->h->hello.name);
	ipam_power_on(ih, NULL, name);
	host_start(ih->h);
}

/* ---- the operator */

static bool is_used(void *ctx, const struct prefix *p)
{
	const struct ipam *i = ctx;
	size_t k;

	EACH_LEASE(&i->book, node)
	{
		for (k = 0; k < LEASE_OF(node)->n_ips; k++) {
			if (prefix_contains(p, &LEASE_OF(node)->ips[k]))
				return true;
		}
	}
	return false;
}

static void release(struct ipam_host *ih, uint64_t c)
{
	struct error e = { .code = "" };

	if (!ih->d || !ih->w->etcd)
		return;
	ipam_enter(ih);
	if (store_release(ipam_store(ih->d->ipam), take(&c, 2) ? "blue" : "red",
			  is_used, ih->d->ipam, &e) < 0)
		sim_log(ih->w->sim, "host %u: %s", ih->h->index, e.message);
	ipam_enter(NULL);
	ipam_check_host(ih);
}

/* Nobody runs with that identity: the operator has looked. */
static bool is_gone(const struct ipam_world *w, const char *name)
{
	uint32_t i;

	for (i = 0; i < w->sim->n_hosts; i++) {
		if (w->sim->hosts[i]->has_power &&
		    strcmp(w->sim->hosts[i]->hello.name, name) == 0)
			return false;
	}
	return name[0] != '\0';
}

static void reclaim(struct ipam_host *ih, const char *name)
{
	const peer_id_t id = peer_id_of_name(name);
	struct error e = { .code = "" };

	if (!ih->d || !is_gone(ih->w, name) || ipam_talks(ih->d->ipam, id))
		return;
	ipam_enter(ih);
	if (ih->w->etcd && store_reclaim(ipam_store(ih->d->ipam), name, &e) < 0)
		sim_log(ih->w->sim, "host %u: %s", ih->h->index, e.message);
	else if (ipam_forget(ih->d->ipam, id))
		ipam_check_forget(ih, id);
	ipam_enter(NULL);
	ipam_check_host(ih);
}

/* ---- all of it */

static void do_host(struct ipam_host *ih, struct ipam_host *other,
		    const struct ipam_step *s)
{
	switch (s->kind) {
	case IPAM_KILL:
		host_kill(ih->h);
		break;
	case IPAM_STOP:
		ipam_stop(ih);
		break;
	case IPAM_START:
		host_start(ih->h);
		break;
	case IPAM_POWER:
		power(ih);
		break;
	case IPAM_RENEW:
		renew(ih);
		break;
	case IPAM_BACKUP:
		back_up(ih);
		break;
	case IPAM_RESTORE:
		restore(ih);
		break;
	case IPAM_CLONE:
		clone(ih, other);
		break;
	case IPAM_SLEEP:
		ipam_sleep(ih, s->choice % (20 * USEC_PER_SEC));
		break;
	default:
		ih->state.is_full = !ih->state.is_full && ih->d;
		break;
	}
}

static void do_store(struct ipam_world *w, struct ipam_host *ih,
		     const struct ipam_step *s)
{
	uint64_t c = s->choice;

	if (!w->etcd)
		return;
	if (s->kind == IPAM_WAY) {
		ih->way = (enum ipam_way)(take(&c, 2) * (1 + take(&c, 2)));
	} else if (s->kind == IPAM_STORE_DOWN) {
		w->is_store_down = !w->is_store_down;
	} else {
		etcd_lose_data(w->etcd);
		w->generation++;
	}
}

static void do_operator(struct ipam_world *w, const struct ipam_step *s)
{
	struct ipam_host *ih = w->hosts[s->host], *other = w->hosts[s->other];
	uint64_t c = s->choice;

	switch (s->kind) {
	case IPAM_CUT:
	case IPAM_HEAL:
		net_cut(w->sim, s->host, s->other, s->kind == IPAM_CUT);
		break;
	case IPAM_RECLAIM:
		reclaim(ih, take(&c, 3) ? other->h->hello.name
					: w->gone[take(&c, IPAM_MAX_GONE)]);
		break;
	case IPAM_RELEASE:
		release(ih, c);
		break;
	default:
		if (!w->etcd)
			ipam_declare(ih, take(&c, w->sim->n_hosts + 2));
		break;
	}
}

void ipam_step_do(struct ipam_world *w, const struct ipam_step *s)
{
	struct ipam_host *ih = w->hosts[s->host];

	switch (s->kind) {
	case IPAM_ADD:
		add(ih, s->choice);
		break;
	case IPAM_ADD_LOST:
		if (add(ih, s->choice))
			host_kill(ih->h);
		break;
	case IPAM_AGAIN:
		again(ih, s->choice);
		break;
	case IPAM_DEL:
		del(ih, s->choice);
		break;
	case IPAM_COLLECT:
		ipam_collect(ih);
		break;
	case IPAM_WAY:
	case IPAM_STORE_DOWN:
	case IPAM_STORE_EMPTY:
		do_store(w, ih, s);
		break;
	default:
		if (s->kind < IPAM_WAY)
			do_host(ih, w->hosts[s->other], s);
		else
			do_operator(w, s);
		break;
	}
}

void ipam_step_heal(struct ipam_world *w)
{
	uint32_t i;

	net_heal(w->sim);
	w->is_store_down = false;
	w->is_slow = false;
	for (i = 0; i < w->sim->n_hosts; i++) {
		struct ipam_host *ih = w->hosts[i];

		ih->way = IPAM_WAY_OPEN;
		ih->state.is_full = false;
		if (!ih->h->has_power || ih->h->is_clone)
			own_disk(ih);
		if (!w->etcd)
			ipam_declare(ih, i);
		host_start(ih->h);
	}
}

void ipam_step_reclaim(struct ipam_world *w)
{
	uint32_t i, k;

	for (k = 0; k < IPAM_MAX_GONE; k++) {
		for (i = 0; i < w->sim->n_hosts; i++)
			reclaim(w->hosts[i], w->gone[k]);
		if (w->gone[k][0])
			sim_run(w->sim, USEC_PER_SEC);
	}
}

bool ipam_step_rename(struct ipam_world *w)
{
	bool is_one = false;
	uint32_t i;

	for (i = 0; w->etcd && i < w->sim->n_hosts; i++) {
		struct ipam_host *ih = w->hosts[i];

		if (strcmp(ipam_condition(ih), "old") != 0)
			continue;
		renew(ih);
		is_one = true;
	}
	return is_one;
}
