/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam_memory.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "files.h"
#include "log.h"
#include "loop.h"
#include "sys/addr.h"
#include "sys/clock.h"
#include "sys/textfile.h"

/* A cluster that starts brings many changes at once. */
#define WRITE_AFTER_US USEC_PER_SEC

struct ipam_memory {
	struct claims *claims;
	struct loop_timer *timer;
	bool is_changed;
	char path[PATH_MAX];
};

static json_t *to_json(const struct claims *c)
{
	char id[20], text[ADDR_PREFIX_SIZE];
	json_t *list = json_array();
	struct claim claim;
	size_t pos = 0;

	while (claims_each(c, &pos, &claim)) {
		snprintf(id, sizeof(id), "%016" PRIx64, claim.id);
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:I, s:s}", "id", id, "nickname",
				  claim.nickname, "vni",
				  (json_int_t)claim.block.vni, "block",
				  addr_print_prefix(&claim.block.ip,
						    claim.block.prefix_len,
						    text)));
	}
	return list;
}

void ipam_memory_save(struct ipam_memory *m)
{
	struct error e = { .code = "" };
	json_t *json = to_json(m->claims);

	m->is_changed = false;
	if (files_write(m->path, json, &e))
		log_warn("%s: after a restart it is not known what hosts "
			 "claim that are not there then",
			 e.message);
	json_decref(json);
}

static void on_timer(void *ctx)
{
	ipam_memory_save(ctx);
}

static bool parse(const json_t *json, peer_id_t *ret_id, const char **ret_name,
		  struct block *ret)
{
	const char *id = json_string_value(json_object_get(json, "id"));
	const char *text = json_string_value(json_object_get(json, "block"));
	const json_int_t vni = json_integer_value(json_object_get(json, "vni"));
	struct prefix p;

	memset(ret, 0, sizeof(*ret));
	*ret_name = json_string_value(json_object_get(json, "nickname"));
	if (!id || !*ret_name || !text || sscanf(id, "%" SCNx64, ret_id) != 1 ||
	    vni < 1 || vni > (json_int_t)VNI_MAX ||
	    !addr_parse_prefix(text, &p.ip, &p.len) || !prefix_is_valid(&p))
		return false;
	ret->vni = (vni_t)vni;
	ret->ip = p.ip;
	ret->prefix_len = p.len;
	return true;
}

/* Those of one host stand together. The first word of a host that lives is
 * later than this: it has an instance. */
static void take(struct claims *c, const json_t *list)
{
	struct block blocks[MESSAGE_MAX_BLOCKS], block;
	struct claimant who = { .id = PEER_ID_NONE };
	const json_t *json;
	peer_id_t id;
	const char *name;
	uint32_t n = 0;
	size_t i;

	json_array_foreach(list, i, json) {
		if (!parse(json, &id, &name, &block))
			continue;
		if (id != who.id)
			n = 0;
		if (n == MESSAGE_MAX_BLOCKS)
			continue;
		who.id = id;
		who.nickname = name;
		blocks[n++] = block;
		if (!claims_set(c, &who, blocks, n))
			return;
	}
}

struct ipam_memory *ipam_memory_open(struct loop *loop, struct claims *c,
				     const char *state_dir)
{
	struct ipam_memory *m = core_alloc(sizeof(*m));
	struct error e = { .code = "" };
	json_t *json;

	m->claims = c;
	snprintf(m->path, sizeof(m->path), "%.4000s/claims.json", state_dir);
	json = files_read(m->path, &e);
	if (error_is_set(&e))
		log_warn("%s: what other hosts claim is known when they say it",
			 e.message);
	take(c, json);
	json_decref(json);
	m->timer = loop_timer_new(loop, on_timer, m);
	return m;
}

void ipam_memory_close(struct ipam_memory *m)
{
	if (!m)
		return;
	if (m->is_changed)
		ipam_memory_save(m);
	loop_timer_free(m->timer);
	free(m);
}

void ipam_memory_changed(struct ipam_memory *m)
{
	if (m->is_changed)
		return;
	m->is_changed = true;
	loop_timer_set(m->timer, clock_monotonic_us() + WRITE_AFTER_US);
}

void ipam_memory_boot(char ret[IPAM_MAX_BOOT])
{
	if (textfile_read("", "/proc/sys/kernel/random/boot_id", ret,
			  IPAM_MAX_BOOT))
		ret[0] = '\0';
}
