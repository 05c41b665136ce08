/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "files.h"
#include "log.h"
#include "state.h"
#include "store_http.h"
#include "store_plan.h"
#include "store_state.h"
#include "sys/addr.h"
#include "sys/clock.h"

/* In one go: what is left goes on with the next. */
#define MAX_WRITES 64U
#define RETRY_US (2 * USEC_PER_SEC)
/* Nobody asks for as much: lease-time is a day at most. */
#define MAX_TTL_S (2 * UINT64_C(86400))
/* Clocks of two hosts do not run alike. */
#define MARGIN_US (500 * USEC_PER_MS)

/* A host that slept has been silent all the same. */
static usec_t now_us(void)
{
	return clock_boottime_us();
}

/* ---- which life of this host it is */

static void load_instance(struct store *s)
{
	struct error quiet = { .code = "" };
	json_t *json = files_read(s->run_path, &quiet);
	const char *instance =
		json_string_value(json_object_get(json, "instance"));

	if (instance)
		s->old_instance = strtoull(instance, NULL, 16);
	json_decref(json);
}

static int save_instance(const struct store *s, struct error *e)
{
	char text[20];
	json_t *json;
	int rc;

	snprintf(text, sizeof(text), "%016" PRIx64, s->d->instance);
	json = json_pack("{s:s}", "instance", text);
	rc = files_write(s->run_path, json, e);
	json_decref(json);
	return rc;
}

/* ---- one round: lease, read, write, read again, until nothing is owed */

static void describe(struct store *s)
{
	const usec_t now = now_us();

	s->reason[0] = '\0';
	if (s->state == STORE_CLONED)
		snprintf(s->reason, sizeof(s->reason),
			 "another daemon with this host's identity %s holds "
			 "its blocks in etcd (a cloned host?), or did until a "
			 "moment ago: nothing is given out here",
			 s->d->name);
	else if (s->state == STORE_OLD)
		snprintf(s->reason, sizeof(s->reason),
			 "the state directory is older than what was given out "
			 "under this host's identity %s (a clone, or a "
			 "backup?): nothing is given out here",
			 s->d->name);
	else if (s->trouble[0] && s->safe_until > now + MARGIN_US)
		snprintf(s->reason, sizeof(s->reason),
			 "%.290s; addresses of leased blocks are given out for "
			 "%u s more",
			 s->trouble,
			 (unsigned int)((s->safe_until - now) / USEC_PER_SEC));
	else if (s->trouble[0])
		snprintf(s->reason, sizeof(s->reason),
			 "%.290s; nothing is given out until it does",
			 s->trouble);
	else if (s->state == STORE_NEW)
		snprintf(s->reason, sizeof(s->reason),
			 "etcd is new, or has lost its data: hosts tell it "
			 "which blocks they have before new ones are leased");
}

static void tell_changed(struct store *s)
{
	if (!s->is_changed)
		return;
	s->is_changed = false;
	s->changed(s->ctx);
}

static void rest(struct store *s, usec_t pause)
{
	char before[sizeof(s->reason)];

	strcpy(before, s->reason);
	s->step = STEP_IDLE;
	describe(s);
	if (s->reason[0] && strncmp(before, s->reason, 40) != 0)
		log_warn("%s", s->reason);
	else if (!s->reason[0] && before[0])
		log_info("leases of blocks are well again");
	if (s->is_asked_again)
		pause = 50 * USEC_PER_MS;
	s->is_asked_again = false;
	loop_timer_set(s->timer, clock_monotonic_us() + pause);
	tell_changed(s);
}

static usec_t request_timeout(const struct store *s)
{
	const usec_t third = s->lease_us / 3;

	return third < 5 * USEC_PER_SEC ? third : 5 * USEC_PER_SEC;
}

static void post(struct store *s, enum store_step step, const char *path,
		 json_t *body)
{
	s->step = step;
	store_http_post(s->http, path, body, request_timeout(s));
}

/* Asked for each time, whatever etcd made of it the last time: a lease that is
 * too long outlives its host, which comes back as a stranger. */
static uint32_t wanted_lease_s(const struct store *s)
{
	return s->settings->lease_s ? s->settings->lease_s : 60;
}

static void ask_lease(struct store *s)
{
	char id[24];

	s->asked_at = now_us();
	snprintf(id, sizeof(id), "%" PRIu64, s->lease);
	if (s->lease)
		post(s, STEP_LEASE, "/v3/lease/keepalive",
		     json_pack("{s:s}", "ID", id));
	else
		post(s, STEP_LEASE, "/v3/lease/grant",
		     json_pack("{s:I}", "TTL", (json_int_t)wanted_lease_s(s)));
}

static void ask_view(struct store *s)
{
	post(s, STEP_READ, "/v3/kv/range",
	     store_keys_range(s->settings->prefix[0] ? s->settings->prefix
						     : "/fastdp"));
}

static void fail(struct store *s, const char *why)
{
	snprintf(s->trouble, sizeof(s->trouble), "%s", why);
	rest(s, request_timeout(s) < RETRY_US ? request_timeout(s) : RETRY_US);
}

static void take_lease(struct store *s, const json_t *reply)
{
	const json_t *result = json_object_get(reply, "result");
	const json_t *lease = result ? result : reply;
	const uint64_t ttl = store_keys_number(lease, "TTL");
	const uint64_t id = store_keys_number(lease, "ID");

	if (json_object_get(reply, "error") || !id ||
	    (s->lease ? id != s->lease : !ttl) || ttl > MAX_TTL_S) {
		s->lease = 0;
		fail(s, "etcd gives no lease");
		return;
	}
	if (!ttl) { /* it ran out: the next one is another */
		s->lease = 0;
		s->is_registered = false;
		ask_lease(s);
		return;
	}
	s->lease = id;
	s->lease_us = (ttl < wanted_lease_s(s) ? ttl : wanted_lease_s(s)) *
		      USEC_PER_SEC;
	/* The proof is the key: without it the time does not count. */
	ask_view(s);
}

static void take_view(struct store *s, const json_t *reply)
{
	const char *prefix = s->settings->prefix[0] ? s->settings->prefix
						    : "/fastdp";
	struct store_view view;
	json_t *txn;

	if (!store_keys_read(reply, prefix, &view)) {
		fail(s, "etcd cannot be read");
		return;
	}
	store_keys_release(&s->view);
	s->view = view;
	s->trouble[0] = '\0';
	if (s->held.cluster != view.cluster) {
		s->held.cluster = view.cluster;
		store_held_save(&s->held);
	}
	txn = store_plan(s, now_us());
	/* Nothing is given out before those blocks are known to be off that
	 * somebody else has leased meanwhile. */
	tell_changed(s);
	if (s->is_registered && s->is_held_sure)
		s->safe_until = s->asked_at + s->lease_us;
	if (txn && s->n_writes++ < MAX_WRITES) {
		post(s, STEP_WRITE, "/v3/kv/txn", txn);
		return;
	}
	json_decref(txn);
	rest(s, s->state == STORE_NEW ? s->lease_us / 8 : s->lease_us / 3);
}

/* Whether the conditions held is seen when all is read again. */
static void on_reply(void *ctx, const json_t *reply, long status,
		     const char *why)
{
	struct store *s = ctx;

	(void)status;
	if (!reply) {
		fail(s, why);
		return;
	}
	switch (s->step) {
	case STEP_LEASE:
		take_lease(s, reply);
		break;
	case STEP_READ:
		take_view(s, reply);
		break;
	case STEP_WRITE:
		ask_view(s);
		break;
	case STEP_IDLE:
		break;
	}
}

static void on_timer(void *ctx)
{
	struct store *s = ctx;

	if (s->step != STEP_IDLE)
		return;
	s->is_round_soon = false;
	s->n_writes = 0;
	ask_lease(s);
}

/* Soon; several wishes are one round. */
static void ask_again(struct store *s)
{
	if (s->step != STEP_IDLE) {
		s->is_asked_again = true;
		return;
	}
	/* Who asks all the time does not put it off. */
	if (s->is_round_soon)
		return;
	s->is_round_soon = true;
	loop_timer_set(s->timer, clock_monotonic_us() + 20 * USEC_PER_MS);
}

/* ---- for others */

struct store *store_open(struct daemon *d, const struct claims *claims,
			 void (*changed)(void *ctx), void *ctx, struct error *e)
{
	struct store *s = core_alloc(sizeof(*s));

	s->d = d;
	s->settings = &d->settings.ipam;
	s->claims = claims;
	s->changed = changed;
	s->ctx = ctx;
	s->lease_us = wanted_lease_s(s) * USEC_PER_SEC;
	snprintf(s->run_path, sizeof(s->run_path), "%.4000s/store.json",
		 d->settings.run_dir);
	strcpy(s->trouble, "etcd has not been asked yet");
	if (store_held_load(&s->held, d->settings.state_dir, e)) {
		store_close(s);
		return NULL;
	}
	load_instance(s);
	if (save_instance(s, e)) {
		store_close(s);
		return NULL;
	}
	s->http = store_http_new(d->loop, s->settings, on_reply, s);
	if (!s->http) {
		error_set(e, "system", "libcurl cannot be used");
		store_close(s);
		return NULL;
	}
	s->timer = loop_timer_new(d->loop, on_timer, s);
	loop_timer_set(s->timer, clock_monotonic_us());
	return s;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_http_free(s->http);
	loop_timer_free(s->timer);
	store_keys_release(&s->view);
	free(s);
}

/* Wishes go by the place of a network in the settings. Whoever still waits for
 * a block asks again: when all was read once more, for one that was asked for
 * may be there by now. */
void store_reload(struct store *s)
{
	unsigned int i;

	memset(s->wishes, 0, sizeof(s->wishes));
	for (i = 0; i < IPAM_MAX_NETWORKS; i++)
		s->wishes[i][0].is_asked = s->wishes[i][1].is_asked = true;
	/* A new network has a block before anybody asks. */
	ask_again(s);
}

const struct store_held *store_each(const struct store *s, size_t *pos)
{
	return *pos < s->held.n ? &s->held.list[(*pos)++] : NULL;
}

static int say_reach(const struct store *s, struct error *e)
{
	return error_hint(e,
			  "see that etcd runs and is reached from here: "
			  "curl %s/health",
			  store_http_endpoint(s->http));
}

int store_check(struct store *s, struct error *e)
{
	describe(s);
	if (s->state == STORE_CLONED || s->state == STORE_OLD) {
		error_set(e, "cloned", "%s", s->reason);
		return error_hint(e,
				  "give this host an identity of its own: "
				  "stop fastdpd, empty its state directory "
				  "%s, and start it",
				  s->d->settings.state_dir);
	}
	if (s->safe_until > now_us() + MARGIN_US)
		return 0;
	if (s->state == STORE_STARTING && !s->safe_until)
		error_set(e, "not-yet", "%s", s->trouble);
	else if (!s->reason[0] && !s->trouble[0])
		error_set(e, "not-yet",
			  "etcd does not have this host's sign of life yet");
	else
		error_set(e, "no-store", "%s",
			  s->reason[0] ? s->reason : s->trouble);
	return say_reach(s, e);
}

static int wait_for_hosts(struct store *s, struct error *e)
{
	describe(s);
	error_set(e, "not-yet", "%s", s->reason);
	/* Nobody can tell for how long that will be. */
	if (s->trouble[0])
		return say_reach(s, e);
	return error_hint(e, "that takes %u s at most",
			  (unsigned int)(s->lease_us / 2 / USEC_PER_SEC));
}

static int out_of_reach(const struct store *s, const char *network,
			struct error *e)
{
	error_set(e, "no-store",
		  "the blocks of network %s that this host has are full, and "
		  "another cannot be leased: %.290s",
		  network, s->trouble);
	return error_hint(e, "see that etcd runs and is reached from here: "
			     "fastdpctl doctor");
}

int store_want(struct store *s, const char *network, bool is_v4,
	       struct error *e)
{
	unsigned int i;

	for (i = 0; i < s->settings->n_networks; i++) {
		struct store_wish *w = &s->wishes[i][is_v4 ? 0 : 1];

		if (strcmp(s->settings->networks[i].name, network) != 0)
			continue;
		/* If not now, then when one is free. */
		w->is_wanted = !w->is_asked;
		s->is_idle = false;
		ask_again(s);
		if (s->trouble[0])
			return out_of_reach(s, network, e);
		if (s->state == STORE_NEW)
			return wait_for_hosts(s, e);
		if (!w->is_full)
			return 0;
		error_set(e, "exhausted",
			  "all blocks of the range of network %s are leased, "
			  "and those of this host are full",
			  network);
		return error_hint(e, "'fastdpctl ipam list' has the hosts: one "
				     "that is gone for good can be reclaimed; "
				     "or widen the range on every host");
	}
	return error_set(e, "no-addresses", "network %s has no range", network);
}

void store_note(struct store *s, uint64_t serial)
{
	if (serial <= s->held.serial)
		return;
	s->held.serial = serial;
	ask_again(s);
}

uint64_t store_serial(const struct store *s)
{
	return s->held.serial;
}

int store_release(struct store *s, const char *network,
		  bool (*is_used)(void *ctx, const struct prefix *p), void *ctx,
		  struct error *e)
{
	char text[ADDR_PREFIX_SIZE];
	int n = 0, n_used = 0;
	size_t i;

	for (i = 0; i < s->held.n; i++) {
		struct store_held *h = &s->held.list[i];

		if (strcmp(h->network, network) != 0 || h->is_leaving)
			continue;
		if (is_used(ctx, &h->prefix)) {
			n_used++;
			continue;
		}
		h->is_leaving = true; /* nothing of it from here on */
		addr_print_prefix(&h->prefix.ip, h->prefix.len, text);
		snprintf(h->reason, sizeof(h->reason), "%s is being given back",
			 text);
		s->is_idle = true;
		n++;
	}
	if (!n && n_used) {
		error_set(e, "in-use",
			  "every block of network %s that this host has is in "
			  "use",
			  network);
		return error_hint(e, "'fastdpctl ipam list' shows by whom");
	}
	for (i = 0; n && i < s->settings->n_networks; i++) {
		if (strcmp(s->settings->networks[i].name, network) == 0)
			memset(s->wishes[i], 0, sizeof(s->wishes[i]));
	}
	if (n) {
		s->changed(s->ctx);
		ask_again(s);
	}
	return n;
}

int store_reclaim(struct store *s, const char *host, struct error *e)
{
	const struct store_host *found = NULL;
	char id[20];
	size_t i;

	for (i = 0; i < s->view.n_hosts; i++) {
		const struct store_host *h = &s->view.hosts[i];

		snprintf(id, sizeof(id), "%016" PRIx64, h->id);
		if (strcmp(h->nickname, host) != 0 && strcmp(id, host) != 0)
			continue;
		if (found)
			return error_set(e, "ambiguous",
					 "several hosts are called %.64s: give "
					 "the id",
					 host);
		found = h;
	}
	if (!found)
		return 0;
	if (found->id == s->d->id || found->is_alive) {
		error_set(e, "in-use",
			  "%s is there, or was until a moment ago: etcd has "
			  "its sign of life",
			  found->nickname);
		return error_hint(e, "stop it for good, and wait for %u s",
				  (unsigned int)(s->lease_us / USEC_PER_SEC));
	}
	if (s->trouble[0])
		return error_set(e, "no-store", "%s", s->trouble);
	s->reclaim = found->id;
	ask_again(s);
	return 1;
}

const char *store_reason(struct store *s)
{
	describe(s);
	return s->reason;
}

const char *store_condition(const struct store *s)
{
	if (s->state == STORE_CLONED)
		return "cloned";
	if (s->state == STORE_OLD)
		return "old";
	if (s->trouble[0] && !s->safe_until)
		return "starting";
	if (s->trouble[0])
		return s->safe_until > now_us() + MARGIN_US ? "unreachable"
							    : "expired";
	return s->state == STORE_NEW ? "new" : "up";
}
