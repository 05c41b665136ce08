/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ipam.h"
#include "daemon/ipam_ask.h"
#include "daemon/ipam_state.h"
#include "daemon/state.h"
#include "daemon/store.h"
#include "ipam_check.h"
#include "scenario.h"

#define IFNAME "eth0"
#define OWNER "cni:sim"

/* ---- settings */

static const char *network_of(vni_t vni)
{
	return vni == IPAM_VNI_4 ? "blue" : "red";
}

static void set(struct ipam_host *ih, vni_t vni, const char *key,
		const char *value)
{
	struct error e = { .code = "" };

	if (ipam_settings_network(&ih->d->settings.ipam, network_of(vni), key,
				  value, &e)) {
		fprintf(stderr, "sim: %s\n", e.message);
		abort();
	}
}

static void set_store(struct ipam_host *ih, const char *key, const char *value)
{
	struct error e = { .code = "" };

	if (ipam_settings_line(&ih->d->settings.ipam, key, value, &e))
		abort();
}

/* Eight blocks of six addresses, four of six: less than hosts may want. */
static void configure_store(struct ipam_host *ih)
{
	char text[8];

	snprintf(text, sizeof(text), "%u", IPAM_LEASE_S);
	set_store(ih, "store", "etcd");
	set_store(ih, "endpoints", "http://192.0.2.1:2379");
	set_store(ih, "lease-time", text);
	set(ih, IPAM_VNI_4, "range", "10.40.0.0/26");
	set(ih, IPAM_VNI_4, "block-length", "29");
	set(ih, IPAM_VNI_6, "range", "fd40::/123");
	set(ih, IPAM_VNI_6, "block-length", "125");
}

static void configure(struct ipam_host *ih)
{
	char text[64];

	memset(&ih->d->settings.ipam, 0, sizeof(ih->d->settings.ipam));
	if (ih->w->etcd) {
		configure_store(ih);
		return;
	}
	set(ih, IPAM_VNI_4, "range", "10.40.0.0/16");
	snprintf(text, sizeof(text), "10.40.%u.0/28", ih->block);
	set(ih, IPAM_VNI_4, "block", text);
	snprintf(text, sizeof(text), "fd40::%x:0/124", ih->block);
	set(ih, IPAM_VNI_6, "block", text);
}

void ipam_declare(struct ipam_host *ih, uint32_t block)
{
	ih->block = block;
	if (!ih->d)
		return;
	ipam_enter(ih);
	configure(ih);
	ipam_reload(ih->d->ipam);
	ipam_enter(NULL);
	ipam_check_host(ih);
}

/* ---- the daemon */

static void add_record(struct ipam_host *ih, const struct container *c)
{
	struct port_record *r = sim_alloc(sizeof(*r));

	r->vni = c->vni;
	r->n_addresses = 1;
	r->ips[0] = c->ip;
	strcpy(r->container_id, c->id);
	strcpy(r->ifname, IFNAME);
	strcpy(r->owner, OWNER);
	list_init(&r->all);
	list_append(&ih->d->ports.all, &r->all);
}

static void drop_record(struct ipam_host *ih, const struct container *c)
{
	struct list *node, *next;

	for (node = ih->d->ports.all.next; node != &ih->d->ports.all;
	     node = next) {
		struct port_record *r = RECORD_OF(node);

		next = node->next;
		if (c && strcmp(r->container_id, c->id) != 0)
			continue;
		list_remove(&r->all);
		free(r);
	}
}

static void start(struct host *h)
{
	struct ipam_host *ih = h->sim->ipam->hosts[h->index];
	struct error e = { .code = "" };
	struct daemon *d = ih->d = sim_alloc(sizeof(*d));
	uint32_t i;

	ih->seen_generation = 0;
	ih->state.is_full = false; /* or it would not start */
	d->id = h->hello.id;
	d->instance = h->hello.instance;
	snprintf(d->name, sizeof(d->name), "%s", h->hello.name);
	strcpy(d->settings.nickname, d->name);
	strcpy(d->settings.state_dir, "/state");
	strcpy(d->settings.run_dir, "/run");
	d->settings.n_networks = 2;
	d->settings.networks[0] = (struct network){ "blue", IPAM_VNI_4 };
	d->settings.networks[1] = (struct network){ "red", IPAM_VNI_6 };
	configure(ih);
	d->engine = h->engine;
	d->loop = (struct loop *)(void *)ih;
	d->control = (struct control *)(void *)ih;
	list_init(&d->ports.all);
	for (i = 0; i < IPAM_MAX_CONTAINERS; i++) {
		if (ih->containers[i].is_alive)
			add_record(ih, &ih->containers[i]);
	}
	ipam_enter(ih);
	d->started_at = ipam_monotonic(ih);
	d->ipam = ipam_open(d, &e);
	ipam_enter(NULL);
	if (d->ipam)
		return;
	if (!ih->state.is_damaged)
		sim_fail(h->sim, "host %u: %s", h->index, e.message);
	drop_record(ih, NULL);
	free(d);
	ih->d = NULL;
}

/* Killed: what it would write on its way out is not written. */
static void stop(struct host *h)
{
	struct ipam_host *ih = h->sim->ipam->hosts[h->index];

	if (!ih->d)
		return;
	ipam_enter(ih);
	ih->is_dead = true;
	ipam_close(ih->d->ipam);
	ih->is_dead = false;
	ipam_enter(NULL);
	ipam_check_killed(ih);
	drop_record(ih, NULL);
	free(ih->d);
	ih->d = NULL;
}

void ipam_stop(struct ipam_host *ih)
{
	if (!ih->d)
		return;
	ipam_enter(ih);
	ipam_close(ih->d->ipam);
	ih->d->ipam = NULL;
	ipam_enter(NULL);
	host_kill(ih->h);
}

static void take_event(struct host *h, const struct event *ev)
{
	struct ipam_host *ih = h->sim->ipam->hosts[h->index];

	if (!ih->d)
		return;
	ipam_enter(ih);
	ipam_event(ih->d->ipam, ev);
	ipam_enter(NULL);
	ipam_check_event(ih, ev);
	ipam_check_host(ih);
}

static const struct host_side side = { start, stop, take_event };

/* ---- power and sleep */

void ipam_power_off(struct ipam_host *ih)
{
	uint32_t i;

	host_power_off(ih->h);
	for (i = 0; i < IPAM_MAX_CONTAINERS; i++)
		ih->containers[i].is_alive = false;
	disk_wipe(&ih->run);
	ih->n_boots++;
}

void ipam_power_on(struct ipam_host *ih, const struct disk *disk,
		   const char *name)
{
	if (disk)
		disk_copy(&ih->state, disk);
	host_power_on(ih->h, !disk);
	host_rename(ih->h, name);
	ipam_check_disk(ih);
}

void ipam_sleep(struct ipam_host *ih, usec_t for_us)
{
	struct sim *sim = ih->w->sim;

	if (ih->asleep_until > sim->now)
		return;
	/* The last sleep is over: its time is lost for good. */
	ih->slept_us += ih->asleep_until - ih->asleep_since;
	ih->asleep_since = sim->now;
	ih->asleep_until = sim->now + for_us;
}

const char *ipam_condition(struct ipam_host *ih)
{
	const char *text;

	ipam_enter(ih);
	text = store_condition(ipam_store(ih->d->ipam));
	ipam_enter(NULL);
	return text;
}

/* ---- containers */

static struct container *free_container(struct ipam_host *ih)
{
	uint32_t i;

	for (i = 0; i < IPAM_MAX_CONTAINERS; i++) {
		if (!ih->containers[i].is_alive)
			return &ih->containers[i];
	}
	return NULL;
}

static struct container *find_container(struct ipam_host *ih, const char *id)
{
	uint32_t i;

	for (i = 0; i < IPAM_MAX_CONTAINERS; i++) {
		if (ih->containers[i].is_alive &&
		    strcmp(ih->containers[i].id, id) == 0)
			return &ih->containers[i];
	}
	return NULL;
}

static void attach(struct ipam_host *ih, struct container *c)
{
	const struct mac mac = build_mac(ih->h->index + 1,
					 1 + ih->n_containers_ever % 250);
	struct sim_port *p = host_attach(ih->h, c->vni, &mac, &c->ip, 1, false);

	if (!p)
		return; /* it has its address, and no port yet */
	c->port_no = p->port.port_no;
	add_record(ih, c);
}

bool ipam_add(struct ipam_host *ih, vni_t vni, const char *id, bool has_gateway,
	      const char **ret_code)
{
	static struct error e;
	struct ipam_ask ask = { .network = network_of(vni),
				.ifname = IFNAME,
				.owner = OWNER,
				.has_gateway = has_gateway };
	struct container *c = free_container(ih);
	char made[24];
	const struct lease *l;
	bool is_kept;

	*ret_code = "none";
	if (!ih->d || !c || ih->asleep_until > ih->w->sim->now ||
	    (id && find_container(ih, id)))
		return false;
	snprintf(made, sizeof(made), "c%u-%u", ih->h->index,
		 ih->n_containers_ever + 1);
	ask.container_id = id ? id : made;
	ih->n_asked++;
	e = (struct error){ .code = "" };
	ipam_enter(ih);
	l = ipam_book_find(&ih->d->ipam->book, ask.container_id, IFNAME, OWNER);
	is_kept = l && strcmp(l->boot, ih->d->ipam->boot) == 0;
	l = ipam_ask_claim(ih->d->ipam, &ask, &e);
	ipam_enter(NULL);
	if (!l) {
		ih->w->n_refused++;
		*ret_code = e.code;
		ipam_check_refused(ih, &e);
		sim_log(ih->w->sim, "host %u: no address: %s: %s", ih->h->index,
			e.code, e.message);
		ipam_check_host(ih);
		return false;
	}
	ih->w->n_given++;
	ih->n_containers_ever++;
	*c = (struct container){ .is_alive = true,
				 .vni = vni,
				 .ip = l->ips[0],
				 .owner = ih->h->hello.id };
	snprintf(c->id, sizeof(c->id), "%.23s", ask.container_id);
	ipam_check_given(ih, c, is_kept);
	ipam_check_host(ih);
	attach(ih, c);
	return true;
}

static void give_back(struct ipam_host *ih, const char *id)
{
	struct error e = { .code = "" };

	ipam_enter(ih);
	if (ipam_ask_free(ih->d->ipam, id, IFNAME, OWNER, &e) < 0)
		sim_log(ih->w->sim, "host %u: %s", ih->h->index, e.message);
	ipam_enter(NULL);
	ipam_check_host(ih);
}

void ipam_del(struct ipam_host *ih, struct container *c)
{
	struct sim_port *p = c->port_no ? host_port(ih->h, c->port_no) : NULL;

	c->is_alive = false;
	if (p && p->is_alive)
		host_detach(ih->h, p);
	if (!ih->d)
		return;
	drop_record(ih, c);
	give_back(ih, c->id);
}

void ipam_collect(struct ipam_host *ih)
{
	char ids[IPAM_MAX_CONTAINERS][24];
	uint32_t n = 0;

	if (!ih->d)
		return;
	EACH_LEASE(&ih->d->ipam->book, node)
	{
		const struct lease *l = LEASE_OF(node);

		if (l->container_id[0] && n < IPAM_MAX_CONTAINERS &&
		    !find_container(ih, l->container_id))
			snprintf(ids[n++], sizeof(ids[0]), "%.23s",
				 l->container_id);
	}
	while (n)
		give_back(ih, ids[--n]);
}

/* ---- all of it */

struct ipam_world *ipam_world_new(struct sim *sim, bool is_declared)
{
	struct ipam_world *w = sim_alloc(sizeof(*w));
	uint32_t i;

	w->sim = sim;
	w->generation = 1;
	w->is_slow = true;
	w->etcd = is_declared ? NULL : etcd_new(sim);
	for (i = 0; i < sim->n_hosts; i++) {
		struct ipam_host *ih = sim_alloc(sizeof(*ih));

		ih->w = w;
		ih->h = sim->hosts[i];
		ih->block = i;
		strcpy(ih->own_name, ih->h->hello.name);
		/* Up to one in a thousand. */
		ih->ppm = (int32_t)sim_random(sim, 2001) - 1000;
		w->hosts[i] = ih;
	}
	sim->ipam = w;
	sim->side = &side;
	return w;
}

void ipam_world_free(struct ipam_world *w)
{
	uint32_t i;

	for (i = 0; i < w->sim->n_hosts; i++) {
		struct ipam_host *ih = w->hosts[i];

		stop(ih->h);
		disk_wipe(&ih->state);
		disk_wipe(&ih->run);
		disk_wipe(&ih->own);
		disk_wipe(&ih->backup);
		free(ih);
	}
	etcd_free(w->etcd);
	w->sim->side = NULL;
	w->sim->ipam = NULL;
	free(w);
}
