/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Addresses with the fuzzer as etcd's messenger, as a peer that lies, as the
 * disk of a host that is off, as operator and as clock: two hosts of the
 * simulator's, the daemon's own files. No address is given to two containers
 * of a host, no block twice; book and pools agree; etcd is not asked without
 * end. When the lies are over and the disk was let alone, all agree again.
 */

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "sim/ipam_check.h"
#include "sim/ipam_step.h"
#include "sim/scenario.h"

#define N_HOSTS 2U
#define MAX_STEPS 100U
#define MAX_RAW 255U
#define MAX_BLOCKS 4U
#define SESSIONS 1000U /* and up: those that the simulator does not have */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fuzzer's bytes, and what it did with them. */
struct liar {
	struct reader r;
	struct ipam_world *w;
	json_t *kept;	/* an earlier answer */
	uint8_t n_lies; /* of the next answers so many are lies */
	bool is_mesh;	/* the two talk, too: much slower */
	bool has_lied, has_edited;
};

static void *checked(void *p)
{
	if (!p)
		abort();
	return p;
}

static uint8_t choose(struct liar *l, uint8_t n)
{
	return (uint8_t)(read_u8(&l->r) % n);
}

/* Often one that is near to those that are in use. */
static uint64_t number(struct liar *l)
{
	const uint8_t n = read_u8(&l->r);

	return n < 0xf0 ? n : read_u64(&l->r);
}

/* ---- what etcd says */

static const char *id_of(struct liar *l)
{
	static char text[20];
	const uint8_t i = choose(l, N_HOSTS + 1);

	snprintf(text, sizeof(text), "%016" PRIx64,
		 i < N_HOSTS ? l->w->sim->hosts[i]->hello.id : 7);
	return text;
}

static json_t *decimal(uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return checked(json_string(text));
}

/* Of a daemon that runs, now and then. */
static json_t *instance_of(struct liar *l)
{
	const uint8_t i = choose(l, N_HOSTS + 1);
	char text[20];

	snprintf(text, sizeof(text), "%016" PRIx64,
		 i < N_HOSTS ? l->w->sim->hosts[i]->hello.instance : number(l));
	return checked(json_string(text));
}

static struct prefix prefix_of(struct liar *l)
{
	const uint8_t b[4] = { 10, 40, 0, read_u8(&l->r) };
	struct prefix p = { ip_from_v4(b), (uint8_t)(24 + choose(l, 9)) };

	if (choose(l, 4) == 0) {
		p.ip = (struct ip){ { 0xfd, 0x40, [15] = b[3] } };
		p.len = (uint8_t)(p.len + 96);
	}
	return p;
}

static json_t *value_of(struct liar *l, char *key)
{
	struct prefix p;

	switch (choose(l, 5)) {
	case 0:
		snprintf(key, STORE_MAX_KEY, "hosts/%s", id_of(l));
		return json_pack("{s:s, s:o}", "nickname", "host7", "serial",
				 decimal(number(l)));
	case 1:
		snprintf(key, STORE_MAX_KEY, "alive/%s", id_of(l));
		return json_pack("{s:o}", "instance", instance_of(l));
	case 2:
		snprintf(key, STORE_MAX_KEY, "%s",
			 choose(l, 2) ? "new" : "ready");
		return json_object();
	default:
		p = prefix_of(l);
		store_keys_block(choose(l, 2) ? "blue" : "red", &p, key);
		return json_pack("{s:s}", "id", id_of(l));
	}
}

/* One more key, as the gateway has it. */
static void add_key(struct liar *l, json_t *reply)
{
	json_t *txn = store_keys_txn(), *list = json_object_get(reply, "kvs");
	char key[STORE_MAX_KEY];
	json_t *value = checked(value_of(l, key)), *kv;

	store_keys_put(txn, "/fastdp", key, value, number(l));
	kv = json_object_get(json_array_get(json_object_get(txn, "success"), 0),
			     "request_put");
	json_object_set_new(kv, "mod_revision", decimal(number(l)));
	json_array_insert(list, choose(l, 8) % (json_array_size(list) + 1), kv);
	json_decref(txn);
}

static json_t *raw(struct liar *l)
{
	const size_t size = read_u8(&l->r);
	const char *text = (const char *)read_bytes(&l->r, size);
	json_t *json = text ? json_loadb(text, size, 0, NULL) : NULL;

	if (json_is_object(json))
		return json;
	json_decref(json);
	return checked(json_object());
}

static void edit(struct liar *l, json_t *reply)
{
	json_t *list = json_object_get(reply, "kvs");
	uint8_t n = choose(l, 8);

	if (list && n % 2)
		json_array_remove(list, choose(l, 16));
	for (; list && n > 1; n -= 2)
		add_key(l, reply);
	if (list)
		return;
	if (json_object_get(reply, "result"))
		reply = json_object_get(reply, "result");
	json_object_set_new(reply, n % 2 ? "TTL" : "ID", decimal(number(l)));
}

static json_t *forge(void *ctx, json_t *reply)
{
	struct liar *l = ctx;
	json_t *forged = reply;

	if (!l->n_lies)
		return reply;
	l->n_lies--;
	l->has_lied = true;
	switch (choose(l, 5)) {
	case 0:
		forged = raw(l);
		break;
	case 1:
		forged = json_pack("{s:s}", "error", "no quorum");
		break;
	case 2: /* of some time ago, or of another request */
		forged = l->kept ? json_deep_copy(l->kept) : json_object();
		json_decref(l->kept);
		l->kept = json_incref(reply);
		break;
	default:
		edit(l, reply);
		break;
	}
	if (forged != reply)
		json_decref(reply);
	return checked(forged);
}

/* ---- what peers say; they are known to no engine */

static bool talks(const struct ipam_host *ih, session_t session)
{
	uint32_t i = 0;

	while (i < IPAM_MAX_TALKS && ih->talks[i].session != session)
		i++;
	return i < IPAM_MAX_TALKS;
}

static void meet(struct liar *l, struct ipam_host *ih, session_t session)
{
	struct hello hello = { .id = 7 + choose(l, 3),
			       .instance = number(l),
			       .name = "host7" };
	struct event ev = { .type = EVENT_SESSION_UP };

	ev.session.session = session;
	ev.session.hello = &hello;
	l->w->sim->side->event(ih->h, &ev);
}

static void claim(struct liar *l, struct ipam_host *ih, session_t session)
{
	struct block list[MAX_BLOCKS];
	struct message m = { .type = MESSAGE_BLOCKS };
	struct event ev = { .type = EVENT_MESSAGE };
	const uint8_t n = choose(l, MAX_BLOCKS + 1);
	struct prefix p;

	m.blocks.revision = number(l);
	m.blocks.list = list;
	while (m.blocks.n < n) {
		p = prefix_of(l);
		if (!prefix_is_valid(&p))
			p.len = ip_is_v4(&p.ip) ? 32 : 128;
		list[m.blocks.n++] = (struct block){ choose(l, 2) ? IPAM_VNI_4
								  : IPAM_VNI_6,
						     p.ip, p.len };
	}
	ev.message.session = session;
	ev.message.message = &m;
	l->w->sim->side->event(ih->h, &ev);
}

static void peer(struct liar *l, struct ipam_host *ih)
{
	const session_t session = SESSIONS + choose(l, 3);
	const struct message leave = { .type = MESSAGE_LEAVE };
	struct event ev = { .type = EVENT_SESSION_DOWN };

	if (!ih->d)
		return;
	l->has_lied = true;
	if (!talks(ih, session)) {
		meet(l, ih, session);
	} else if (choose(l, 4)) {
		claim(l, ih, session);
	} else if (choose(l, 2)) {
		ev.down.session = session;
		l->w->sim->side->event(ih->h, &ev);
	} else {
		ev.type = EVENT_MESSAGE;
		ev.message.session = session;
		ev.message.message = &leave;
		l->w->sim->side->event(ih->h, &ev);
	}
}

/* ---- what stands on the disk of a host that is off */

static void edit_disk(struct liar *l, struct ipam_host *ih)
{
	struct disk *d = choose(l, 4) ? &ih->state : &ih->run;
	char text[MAX_RAW + 1], path[PATH_MAX], *old;
	const uint8_t *bytes;
	size_t at, size;

	if (ih->h->has_power || !d->n)
		return;
	at = choose(l, DISK_MAX_FILES - 1) % d->n;
	snprintf(path, sizeof(path), "%s", d->files[at].path);
	old = checked(strdup(d->files[at].text));
	l->has_lied = l->has_edited = d->is_damaged = true;
	if (choose(l, 2) && old[0]) { /* a bit of it is another */
		at = read_u16(&l->r) % strlen(old);
		old[at] = (char)(1 + choose(l, 127));
		disk_write(d, path, old);
	} else {
		size = read_u8(&l->r);
		bytes = read_bytes(&l->r, size);
		snprintf(text, sizeof(text), "%.*s", bytes ? (int)size : 0,
			 bytes ? (const char *)bytes : "");
		disk_write(d, path, text);
	}
	free(old);
}

/* ---- all of it */

static void step(struct liar *l)
{
	struct sim *sim = l->w->sim;
	const uint8_t what = read_u8(&l->r);
	struct ipam_step s = { .host = what >> 7, .other = 1U - (what >> 7) };

	switch (what & 0x7f) {
	case 0:
		l->n_lies = choose(l, 16);
		break;
	case 1:
		peer(l, l->w->hosts[s.host]);
		break;
	case 2:
		edit_disk(l, l->w->hosts[s.host]);
		break;
	case 3:
		sim_run(sim, read_u8(&l->r) * (USEC_PER_SEC / 8));
		break;
	default:
		s.kind = (enum ipam_kind)((what & 0x7f) % N_IPAM_KINDS);
		s.choice = read_u32(&l->r);
		/* Who was told a lie gives out what is another's: what is
		 * checked against etcd counts no more. */
		l->w->generation += l->has_lied;
		ipam_step_do(l->w, &s);
		break;
	}
	sim_run(sim, 100 * USEC_PER_MS);
}

static void check_recovers(struct liar *l)
{
	struct sim *sim = l->w->sim;
	uint32_t i;

	l->n_lies = 0;
	ipam_step_heal(l->w);
	/* What peers have said, and for how long a lease is, goes with them. */
	for (i = 0; i < N_HOSTS; i++) {
		host_kill(sim->hosts[i]);
		host_start(sim->hosts[i]);
	}
	sim_run(sim, 60 * USEC_PER_SEC);
	if (!sim->is_failed && ipam_step_rename(l->w))
		sim_run(sim, 40 * USEC_PER_SEC);
	if (!sim->is_failed)
		ipam_step_reclaim(l->w);
	sim_run(sim, 10 * USEC_PER_SEC);
	if (!sim->is_failed && l->is_mesh)
		ipam_check_agreed(l->w);
	else if (!sim->is_failed)
		ipam_check_store(l->w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sim_options options = { .name = "fuzz_ipam",
					     .seed = 1,
					     .n_hosts = N_HOSTS };
	struct liar l = { .r = reader_of(data, size) };
	const uint8_t how = read_u8(&l.r);
	struct sim *sim = sim_new(&options);
	unsigned int i;

	l.w = ipam_world_new(sim, how % 4 == 0);
	l.w->is_slow = how & 8;
	l.is_mesh = how >= 0xf0;
	l.w->forge = forge;
	l.w->forge_ctx = &l;
	if (l.is_mesh)
		build_mesh(sim);
	for (i = 0; i < N_HOSTS; i++)
		host_start(sim->hosts[i]);
	sim_run(sim, USEC_PER_SEC);
	for (i = 0; i < MAX_STEPS && l.r.left && !sim->is_failed; i++)
		step(&l);
	/* It takes a minute of theirs, and most of our time. */
	if (how % 32 < 4 && !l.has_edited && !sim->is_failed)
		check_recovers(&l);
	if (sim->is_failed)
		abort();
	json_decref(l.kept);
	ipam_world_free(l.w);
	sim_free(sim);
	return 0;
}
