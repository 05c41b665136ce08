/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: claimed and given back, shown, and what hosts claim. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "core/alloc.h"
#include "ipam.h"
#include "ipam/claims.h"
#include "ipam_ask.h"
#include "ipam_block.h"
#include "ipam_lease.h"
#include "log.h"
#include "state.h"
#include "store.h"
#include "sys/addr.h"
#include "sys/rtnl.h"

/* ---- what there is */

static json_t *block_json(const struct ipam_block *b)
{
	const struct prefix *p = pool_block(b->pool);
	const bool is_full = pool_used(b->pool) == pool_size(b->pool);
	char text[ADDR_PREFIX_SIZE];

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "network",
			 b->network, "block",
			 addr_print_prefix(&p->ip, p->len, text), "state",
			 b->is_disputed ? "disputed"
			 : is_full	? "full"
					: "up",
			 "reason", b->reason, "size",
			 (json_int_t)pool_size(b->pool), "used",
			 (json_int_t)pool_used(b->pool));
}

json_t *api_ipam_blocks(const struct daemon *d)
{
	json_t *list = json_array();

	EACH_BLOCK(d->ipam, node)
	json_array_append_new(list, block_json(BLOCK_OF(node)));
	return list;
}

void api_ipam_warnings(const struct daemon *d, json_t *list)
{
	const struct ipam_book *book = ipam_leases(d->ipam);
	char text[160];

	EACH_BLOCK(d->ipam, node)
	{
		if (BLOCK_OF(node)->is_disputed)
			json_array_append_new(
				list, json_string(BLOCK_OF(node)->reason));
	}
	if (ipam_store(d->ipam) && store_reason(ipam_store(d->ipam))[0])
		json_array_append_new(list, json_string(store_reason(
						    ipam_store(d->ipam))));
	if (!book->n_damaged)
		return;
	snprintf(text, sizeof(text),
		 "%u files of addresses in use were damaged and put aside in "
		 "the state directory (leases/*.bad)",
		 book->n_damaged);
	json_array_append_new(list, json_string(text));
}

static json_t *leases_json(const struct daemon *d)
{
	json_t *list = json_array(), *json;

	EACH_LEASE(ipam_leases(d->ipam), node)
	{
		json = lease_json(LEASE_OF(node));
		json_object_set_new(json, "stale",
				    json_boolean(ipam_lease_is_stale(
					    d->ipam, LEASE_OF(node))));
		json_array_append_new(list, json);
	}
	return list;
}

static json_t *claims_json(const struct daemon *d)
{
	char id[20], text[ADDR_PREFIX_SIZE], network[MAX_NAME];
	json_t *list = json_array();
	struct claim c;
	size_t pos = 0;

	while (claims_each(ipam_claims(d->ipam), &pos, &c)) {
		snprintf(id, sizeof(id), "%016" PRIx64, c.id);
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:s}", "id", id, "nickname",
				  c.nickname, "network",
				  daemon_network_name(d, c.block.vni, network),
				  "block",
				  addr_print_prefix(&c.block.ip,
						    c.block.prefix_len, text)));
	}
	return list;
}

json_t *api_ipam(struct daemon *d, const json_t *request, struct error *e)
{
	struct store *store = ipam_store(d->ipam);

	(void)request;
	(void)e;
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "reason",
			 store ? store_reason(store) : "", "store_state",
			 store ? store_condition(store) : "up", "store",
			 d->settings.ipam.store == IPAM_ETCD ? "etcd"
							     : "declared",
			 "blocks", api_ipam_blocks(d), "leases", leases_json(d),
			 "claims", claims_json(d));
}

/* ---- giving out */

static int bad(const char *key, struct error *e)
{
	return error_set(e, "invalid",
			 "\"%s\" must be a text of less than %u bytes", key,
			 LEASE_MAX_TEXT);
}

static int get_text(const json_t *request, const char *key, const char *usual,
		    const char **ret, struct error *e)
{
	const json_t *value = json_object_get(request, key);

	*ret = value ? json_string_value(value) : usual;
	if (!*ret || strlen(*ret) >= LEASE_MAX_TEXT ||
	    (value && strlen(*ret) != json_string_length(value)))
		return bad(key, e);
	return 0;
}

static int get_network(const json_t *request, struct ipam_ask *ret,
		       struct error *e)
{
	if (get_text(request, "network", DEFAULT_NETWORK, &ret->network, e))
		return -1;
	if (name_is_valid(ret->network))
		return 0;
	error_set(e, "invalid", "\"%.64s\" is no name for a network",
		  ret->network);
	return error_hint(e, "1 to 63 letters, digits, '_', '.', ':' or '-'");
}

static int get_whose(const json_t *request, struct ipam_ask *ret,
		     struct error *e)
{
	if (get_text(request, "container_id", NULL, &ret->container_id, e) ||
	    get_text(request, "ifname", NULL, &ret->ifname, e) ||
	    get_text(request, "owner", "", &ret->owner, e))
		return -1;
	if (rtnl_ifname_is_valid(ret->ifname))
		return 0;
	return error_set(e, "invalid", "\"%.32s\" is no name for an interface",
			 ret->ifname);
}

static int get_asked(const json_t *request, struct ipam_ask *ret,
		     struct error *e)
{
	const json_t *list = json_object_get(request, "addresses");
	uint8_t len;
	size_t i;

	if (list && !json_is_array(list))
		return error_set(e, "invalid", "\"addresses\" must be a list");
	if (json_array_size(list) > IPAM_MAX_IPS)
		return error_set(e, "limit", "at most %u addresses at once",
				 IPAM_MAX_IPS);
	for (i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || (!addr_parse_ip(text, &ret->ips[i]) &&
			      !addr_parse_prefix(text, &ret->ips[i], &len)))
			return error_set(e, "invalid",
					 "'%.60s' is not an address",
					 text ? text : "?");
		ret->n_ips++;
	}
	return 0;
}

static json_t *address_json(const struct daemon *d, const struct lease *l,
			    bool is_host, size_t i)
{
	char text[ADDR_PREFIX_SIZE], gateway[ADDR_IP_SIZE];
	struct ip ip;
	json_t *json;

	json = json_pack("{s:s}", "address",
			 addr_print_prefix(&l->ips[i], l->prefix_lens[i],
					   text));
	if (ipam_ask_gateway(d->ipam, l->network, is_host, &l->ips[i], &ip))
		json_object_set_new(json, "gateway",
				    json_string(addr_print_ip(&ip, gateway)));
	return json;
}

json_t *api_ipam_claim(struct daemon *d, const json_t *request, struct error *e)
{
	struct ipam_ask ask = { .n_ips = 0 };
	const struct lease *l;
	json_t *list;
	size_t i;

	if (get_network(request, &ask, e) || get_whose(request, &ask, e) ||
	    get_asked(request, &ask, e))
		return NULL;
	ask.has_gateway = json_is_true(json_object_get(request, "gateway"));
	l = ipam_ask_claim(d->ipam, &ask, e);
	if (!l)
		return NULL;
	list = json_array();
	for (i = 0; i < l->n_ips; i++)
		json_array_append_new(list,
				      address_json(d, l, ask.has_gateway, i));
	return json_pack("{s:s, s:o}", "network", l->network, "ips", list);
}

json_t *api_ipam_free(struct daemon *d, const json_t *request, struct error *e)
{
	struct ipam_ask ask = { .n_ips = 0 };
	int n;

	if (get_whose(request, &ask, e))
		return NULL;
	n = ipam_ask_free(d->ipam, ask.container_id, ask.ifname, ask.owner, e);
	return n < 0 ? NULL : json_pack("{s:i}", "freed", n);
}

json_t *api_ipam_ready(struct daemon *d, const json_t *request, struct error *e)
{
	struct ipam_ask ask = { .n_ips = 0 };

	if (get_network(request, &ask, e) ||
	    ipam_ask_ready(d->ipam, ask.network, e))
		return NULL;
	return json_pack("{s:b}", "ready", 1);
}

/* ---- hosts that are gone */

static bool is_used(void *ctx, const struct prefix *p)
{
	struct daemon *d = ctx;
	size_t i;

	EACH_LEASE(ipam_leases(d->ipam), node)
	{
		const struct lease *l = LEASE_OF(node);

		for (i = 0; i < l->n_ips; i++) {
			if (prefix_contains(p, &l->ips[i]))
				return true;
		}
	}
	return false;
}

json_t *api_ipam_release(struct daemon *d, const json_t *request,
			 struct error *e)
{
	struct store *store = ipam_store(d->ipam);
	struct ipam_ask ask = { .n_ips = 0 };
	int n;

	if (get_network(request, &ask, e))
		return NULL;
	if (!store) {
		error_set(e, "not-supported",
			  "the blocks of this host are declared");
		error_hint(e, "take the block out of the configuration, and "
			      "'fastdpctl reload'");
		return NULL;
	}
	n = store_release(store, ask.network, is_used, d, e);
	if (n < 0)
		return NULL;
	return api_done("%d blocks of network %s are given back", n,
			ask.network);
}

/* Who claims blocks and is called so. 1: *ret_id and *ret_name; 0: nobody. */
static int find_claimant(const struct daemon *d, const char *host,
			 peer_id_t *ret_id, char ret_name[MAX_NAME],
			 struct error *e)
{
	char id[20];
	struct claim c;
	size_t pos = 0;
	int n = 0;

	while (claims_each(ipam_claims(d->ipam), &pos, &c)) {
		snprintf(id, sizeof(id), "%016" PRIx64, c.id);
		if (strcmp(c.nickname, host) != 0 && strcmp(id, host) != 0)
			continue;
		if (n && *ret_id != c.id) {
			error_set(e, "ambiguous",
				  "there are several hosts called %.64s", host);
			return error_hint(e, "give the id that 'fastdpctl "
					     "ipam list' shows");
		}
		*ret_id = c.id;
		snprintf(ret_name, MAX_NAME, "%s", c.nickname);
		n = 1;
	}
	return n;
}

static int is_there(const char *name, struct error *e)
{
	error_set(e, "in-use", "%s is there: this host has a session with it",
		  name);
	return error_hint(e, "take the block out of its configuration, or stop "
			     "it for good first");
}

json_t *api_ipam_reclaim(struct daemon *d, const json_t *request,
			 struct error *e)
{
	const char *host = api_text(request, "host");
	peer_id_t id = PEER_ID_NONE;
	char name[MAX_NAME] = "";
	int n, rc = 0;

	n = host ? find_claimant(d, host, &id, name, e) : 0;
	/* Heard by us, whatever etcd hears of it. */
	if (n < 0 || (n && ipam_talks(d->ipam, id) && is_there(name, e)))
		return NULL;
	if (host && ipam_store(d->ipam))
		rc = store_reclaim(ipam_store(d->ipam), host, e);
	if (rc < 0)
		return NULL;
	if (n && ipam_forget(d->ipam, id))
		log_info("what %s claimed counts no more", name);
	if (n || rc)
		return api_done("the blocks of %s are given back", host);
	error_set(e, "not-found", "no host %.64s claims addresses",
		  host ? host : "?");
	error_hint(e, "'fastdpctl ipam list' shows who does");
	return NULL;
}
