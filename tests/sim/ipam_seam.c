/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What src/daemon/ipam*.c and store*.c stand on, made up: linked instead of
 * loop.c, files.c, log.c, store_http.c, settings.c and portbook.c of the
 * daemon, the clocks of sys and the sessions of control.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/control.h"
#include "daemon/files.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/portbook.h"
#include "daemon/store_http.h"
#include "ipam_world.h"
#include "session.h"
#include "settings/settings.h"
#include "sys/clock.h"
#include "sys/error.h"
#include "sys/textfile.h"

/* Whose code runs; there is one thread. */
static struct ipam_host *self;

void ipam_enter(struct ipam_host *ih)
{
	self = ih;
}

/* ---- clocks, which do not run alike; log */

usec_t clock_boottime_us(void)
{
	const int64_t now = (int64_t)self->w->sim->now;

	return (usec_t)(now + now / 1000000 * self->ppm);
}

usec_t ipam_monotonic(const struct ipam_host *ih)
{
	const int64_t now = (int64_t)ih->w->sim->now;
	const usec_t woken = ih->asleep_until < (usec_t)now ? ih->asleep_until
							    : (usec_t)now;

	return (usec_t)(now + now / 1000000 * ih->ppm) - ih->slept_us -
	       (woken - ih->asleep_since);
}

usec_t clock_monotonic_us(void)
{
	return ipam_monotonic(self);
}

int textfile_read(const char *root, const char *path, char *ret, size_t size)
{
	(void)root;
	(void)path;
	snprintf(ret, size, "boot-%u-%u", self->h->index, self->n_boots);
	return 0;
}

void log_print(enum log_level level, const char *format, ...)
{
	char text[512];
	va_list args;

	if (level == LOG_DEBUG)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sim_log(self->w->sim, "host %u: %s", self->h->index, text);
}

bool log_allows(enum log_level level, struct log_limit *limit)
{
	(void)level;
	(void)limit;
	return true;
}

/* ---- timers, by CLOCK_MONOTONIC */

struct loop_timer {
	struct ipam_host *ih;
	loop_fn *fn;
	void *ctx;
	uint64_t serial;
	usec_t at;
};

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *ctx)
{
	struct loop_timer *t = sim_alloc(sizeof(*t));
	uint32_t i = 0;

	t->ih = (struct ipam_host *)(void *)l;
	t->fn = fn;
	t->ctx = ctx;
	t->at = USEC_NEVER;
	while (i < IPAM_MAX_TIMERS && t->ih->timers[i])
		i++;
	if (i == IPAM_MAX_TIMERS)
		abort();
	t->ih->timers[i] = t;
	return t;
}

void loop_timer_free(struct loop_timer *t)
{
	uint32_t i;

	for (i = 0; t && i < IPAM_MAX_TIMERS; i++) {
		if (t->ih->timers[i] == t)
			t->ih->timers[i] = NULL;
	}
	free(t);
}

static void post_timer(const struct loop_timer *t);

static void on_timer(struct sim *sim, void *ctx, uint64_t arg)
{
	struct ipam_host *ih = sim->ipam->hosts[arg % SIM_MAX_HOSTS];
	uint32_t i;

	(void)ctx;
	for (i = 0; i < IPAM_MAX_TIMERS; i++) {
		struct loop_timer *t = ih->timers[i];

		if (!t || t->serial != arg / SIM_MAX_HOSTS)
			continue;
		if (ipam_monotonic(ih) < t->at) { /* it slept, or is slow */
			post_timer(t);
			return;
		}
		t->at = USEC_NEVER;
		t->serial = 0;
		ipam_enter(ih);
		t->fn(t->ctx);
		ipam_enter(NULL);
		return;
	}
}

static void post_timer(const struct loop_timer *t)
{
	struct sim *sim = t->ih->w->sim;
	const usec_t now = ipam_monotonic(t->ih);
	usec_t at = sim->now + (t->at > now ? t->at - now : 0);

	if (at < t->ih->asleep_until)
		at = t->ih->asleep_until;
	sim_post(sim, at, on_timer, NULL,
		 t->serial * SIM_MAX_HOSTS + t->ih->h->index);
}

void loop_timer_set(struct loop_timer *t, usec_t at)
{
	t->at = at;
	t->serial = ++t->ih->w->last_serial;
	if (at != USEC_NEVER)
		post_timer(t);
}

/* ---- files */

static struct disk *disk_of(const char *path)
{
	return strncmp(path, "/run/", 5) == 0 ? &self->run : &self->state;
}

int files_make_directory(const char *path, struct error *e)
{
	(void)path;
	(void)e;
	return 0;
}

int files_write(const char *path, const json_t *json, struct error *e)
{
	char *text = json_dumps(json, 0);
	bool is_written;

	if (!text)
		return error_set(e, "system", "cannot write %s as JSON", path);
	is_written = self->is_dead || disk_write(disk_of(path), path, text);
	free(text);
	return is_written ? 0
			  : error_set(e, "system",
				      "cannot write %s: no space left", path);
}

json_t *files_read(const char *path, struct error *e)
{
	const char *text = disk_read(disk_of(path), path);
	json_t *json = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL)
			    : NULL;

	if (text && !json)
		error_set(e, "invalid", "%s is damaged", path);
	return json;
}

int files_remove(const char *path, struct error *e)
{
	if (disk_of(path)->is_full) /* it is read-only, say */
		return error_set(e, "system", "cannot remove %s", path);
	disk_remove(disk_of(path), path);
	return 0;
}

bool files_put_aside(const char *path)
{
	char aside[PATH_MAX];

	snprintf(aside, sizeof(aside), "%s.bad", path);
	return disk_rename(disk_of(path), path, aside);
}

int files_sync_directory(const char *path, struct error *e)
{
	(void)path;
	(void)e;
	return 0;
}

int files_each(const char *directory, files_fn *fn, void *ctx, struct error *e)
{
	struct disk *d = disk_of(directory);
	size_t i;

	(void)e;
	for (i = 0; i < d->n; i++) {
		char path[PATH_MAX];
		const char *dot = strrchr(d->files[i].path, '.');

		if (strncmp(d->files[i].path, directory, strlen(directory)) ||
		    !dot || strcmp(dot, ".json") != 0)
			continue;
		snprintf(path, sizeof(path), "%s", d->files[i].path);
		fn(ctx, path);
	}
	return 0;
}

/* ---- peers, ports, settings */

bool control_send(struct control *c, session_t session,
		  const struct message *message, usec_t now)
{
	const struct ipam_host *ih = (const struct ipam_host *)(void *)c;

	(void)now;
	session_send(ih->w->sim, ih->h, session, message);
	return true;
}

struct port_record *portbook_find_ip(const struct portbook *b, vni_t vni,
				     const struct ip *ip)
{
	size_t i;

	EACH_RECORD(b, node)
	{
		struct port_record *r = RECORD_OF(node);

		for (i = 0; r->vni == vni && i < r->n_addresses; i++) {
			if (ip_equal(&r->ips[i], ip))
				return r;
		}
	}
	return NULL;
}

vni_t settings_vni(const struct settings *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n_networks; i++) {
		if (strcmp(s->networks[i].name, name) == 0)
			return s->networks[i].vni;
	}
	return 0;
}

/* ---- HTTP */

struct store_http {
	struct ipam_host *ih;
	store_http_fn *fn;
	void *ctx;
	uint64_t serial; /* of the request under way; 0: none */
};

/* A request, or its reply, on the way. */
struct parcel {
	struct ipam_host *ih;
	uint64_t serial;
	uint32_t generation;
	char path[24];
	char text[];
};

struct store_http *store_http_new(struct loop *loop,
				  const struct ipam_settings *s,
				  store_http_fn *fn, void *ctx)
{
	struct store_http *h = sim_alloc(sizeof(*h));

	(void)s;
	h->ih = (struct ipam_host *)(void *)loop;
	h->ih->http = h;
	h->fn = fn;
	h->ctx = ctx;
	return h;
}

void store_http_free(struct store_http *h)
{
	if (h)
		h->ih->http = NULL;
	free(h);
}

const char *store_http_endpoint(const struct store_http *h)
{
	(void)h;
	return "http://192.0.2.1:2379";
}

static bool is_current(const struct ipam_host *ih, uint64_t serial)
{
	return ih->http && ih->http->serial == serial;
}

static void answer(struct ipam_host *ih, const json_t *reply)
{
	struct store_http *h = ih->http;

	h->serial = 0;
	ipam_enter(ih);
	h->fn(h->ctx, reply, reply ? 200 : 0,
	      reply ? "" : "no etcd answers: timed out");
	ipam_enter(NULL);
}

static struct parcel *pack(struct ipam_host *ih, uint64_t serial,
			   const char *path, const char *text)
{
	struct parcel *p = sim_alloc(sizeof(*p) + strlen(text) + 1);

	p->ih = ih;
	p->serial = serial;
	p->generation = ih->w->generation;
	snprintf(p->path, sizeof(p->path), "%s", path);
	strcpy(p->text, text);
	return p;
}

/* A host that sleeps takes it when it wakes up. True: it does sleep. */
static bool is_for_later(struct sim *sim, const struct parcel *p, sim_fn *fn)
{
	struct parcel *again;

	if (p->ih->asleep_until <= sim->now)
		return false;
	again = pack(p->ih, p->serial, p->path, p->text);
	again->generation = p->generation;
	sim_post(sim, p->ih->asleep_until, fn, again, 0);
	return true;
}

static void on_timeout(struct sim *sim, void *ctx, uint64_t arg)
{
	const struct parcel *p = ctx;

	(void)arg;
	if (is_current(p->ih, p->serial) && !is_for_later(sim, p, on_timeout))
		answer(p->ih, NULL);
}

static void on_reply(struct sim *sim, void *ctx, uint64_t arg)
{
	const struct parcel *p = ctx;
	json_t *json;

	(void)arg;
	if (!is_current(p->ih, p->serial) || is_for_later(sim, p, on_reply))
		return;
	json = json_loads(p->text, 0, NULL);
	if (strcmp(p->path, "/v3/kv/range") == 0)
		p->ih->seen_generation = p->generation;
	answer(p->ih, json);
	json_decref(json);
}

/* Some take longer than anybody waits for them. */
static usec_t delay(struct sim *sim)
{
	return sim->ipam->is_slow && sim_chance(sim, 3)
		       ? sim_random(sim, 8 * USEC_PER_SEC)
		       : 100 + sim_random(sim, 20 * USEC_PER_MS);
}

static bool is_lost(const struct ipam_host *ih)
{
	return ih->way == IPAM_WAY_CUT || !ih->h->has_power ||
	       (ih->way == IPAM_WAY_LOSSY && sim_chance(ih->w->sim, 40));
}

static void on_request(struct sim *sim, void *ctx, uint64_t arg)
{
	const struct parcel *p = ctx;
	json_t *body, *reply;
	char *text;

	(void)arg;
	if (p->ih->w->is_store_down || is_lost(p->ih))
		return;
	body = json_loads(p->text, 0, NULL);
	reply = etcd_ask(p->ih->w->etcd, p->path, body);
	if (strcmp(p->path, "/v3/kv/txn") == 0)
		ipam_note_told(p->ih->w);
	if (p->ih->w->forge)
		reply = p->ih->w->forge(p->ih->w->forge_ctx, reply);
	text = json_dumps(reply, 0);
	if (!is_lost(p->ih))
		sim_post(sim, sim->now + delay(sim), on_reply,
			 pack(p->ih, p->serial, p->path, text), 0);
	free(text);
	json_decref(reply);
	json_decref(body);
}

void store_http_post(struct store_http *h, const char *path, json_t *body,
		     usec_t timeout)
{
	struct sim *sim = h->ih->w->sim;
	char *text = json_dumps(body, 0);

	h->serial = ++h->ih->w->last_serial;
	h->ih->n_requests++;
	sim_post(sim, sim->now + delay(sim), on_request,
		 pack(h->ih, h->serial, path, text), 0);
	sim_post(sim, sim->now + timeout, on_timeout,
		 pack(h->ih, h->serial, path, ""), 0);
	free(text);
	json_decref(body);
}
