/* SPDX-License-Identifier: Apache-2.0 */

/* ipam: blocks of addresses, who has which, what other hosts claim. */

#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "columns.h"
#include "sys/error.h"
#include "verbs.h"

static void print_blocks(const json_t *blocks)
{
	static const char *const headings[] = { "NETWORK", "BLOCK", "STATE",
						">USED",   ">OF",   "REASON",
						NULL };
	struct columns *t = columns_new(headings);
	json_t *block;
	size_t i;

	json_array_foreach(blocks, i, block) {
		columns_add_text(t, block, "network");
		columns_add_text(t, block, "block");
		columns_add_state(t, block, "state");
		columns_add_integer(t, block, "used");
		columns_add_integer(t, block, "size");
		columns_add_text(t, block, "reason");
	}
	columns_print(t, "this host has no block of addresses");
	columns_free(t);
}

static void print_leases(const json_t *leases)
{
	static const char *const headings[] = { "NETWORK",   "ADDRESSES",
						"CONTAINER", "INTERFACE",
						"OWNER",     NULL };
	struct columns *t = columns_new(headings);
	json_t *lease;
	size_t i;

	json_array_foreach(leases, i, lease) {
		columns_add_text(t, lease, "network");
		columns_add_list(t, lease, "addresses");
		columns_add_text(t, lease, "container_id");
		columns_add_text(t, lease, "ifname");
		columns_add_text(t, lease, "owner");
	}
	if (columns_rows(t))
		putchar('\n');
	columns_print(t, NULL);
	columns_free(t);
}

static void print_claims(const json_t *claims)
{
	static const char *const headings[] = { "HOST", "ID", "NETWORK",
						"BLOCK", NULL };
	struct columns *t = columns_new(headings);
	json_t *claim;
	size_t i;

	json_array_foreach(claims, i, claim) {
		columns_add_text(t, claim, "nickname");
		columns_add_text(t, claim, "id");
		columns_add_text(t, claim, "network");
		columns_add_text(t, claim, "block");
	}
	if (columns_rows(t))
		putchar('\n');
	columns_print(t, NULL);
	columns_free(t);
}

static void print_ipam(const json_t *reply)
{
	print_blocks(json_object_get(reply, "blocks"));
	print_leases(json_object_get(reply, "leases"));
	print_claims(json_object_get(reply, "claims"));
}

static enum cli_exit run_list(struct cli *cli, char **arguments)
{
	(void)arguments;
	return cli_show(cli, cli_request("ipam"), print_ipam);
}

static bool is_of(const json_t *lease, char **arguments)
{
	const char *id =
		json_string_value(json_object_get(lease, "container_id"));
	const char *ifname =
		json_string_value(json_object_get(lease, "ifname"));

	return id && ifname && strcmp(id, arguments[0]) == 0 &&
	       strcmp(ifname, arguments[1]) == 0;
}

/* Those that a container has are those of an owner. */
static enum cli_exit say_none(const struct cli *cli, char **arguments)
{
	struct error e = { .code = "" };
	const char *owner = NULL;
	json_t *reply, *lease;
	enum cli_exit rc;
	size_t i;

	rc = cli_ask(cli, cli_request("ipam"), &reply);
	if (rc != CLI_DONE)
		return rc;
	json_array_foreach(json_object_get(reply, "leases"), i, lease) {
		if (is_of(lease, arguments))
			owner = json_string_value(
				json_object_get(lease, "owner"));
	}
	error_set(&e, "not-found", "%.64s of %.128s has no addresses%s",
		  arguments[1], arguments[0], owner ? " of that owner" : "");
	if (owner)
		error_hint(&e, "it has some of another: give --owner '%s'",
			   owner);
	else
		error_hint(&e, "'fastdpctl ipam list' shows who has some");
	json_decref(reply);
	return cli_failed(&e);
}

static enum cli_exit run_free(struct cli *cli, char **arguments)
{
	const char *owner = cli_option(cli, "owner");
	json_t *request = cli_request("ipam-free"), *reply;
	enum cli_exit rc;
	bool is_freed;

	json_object_set_new(request, "container_id", json_string(arguments[0]));
	json_object_set_new(request, "ifname", json_string(arguments[1]));
	json_object_set_new(request, "owner", json_string(owner ? owner : ""));
	rc = cli_ask(cli, request, &reply);
	if (rc != CLI_DONE)
		return rc;
	is_freed = json_integer_value(json_object_get(reply, "freed")) > 0;
	if (cli->is_json)
		cli_print_json(reply);
	else if (is_freed)
		puts("its addresses are free");
	json_decref(reply);
	return is_freed ? CLI_DONE : say_none(cli, arguments);
}

static enum cli_exit run_release(struct cli *cli, char **arguments)
{
	json_t *request = cli_request("ipam-release");

	json_object_set_new(request, "network", json_string(arguments[0]));
	return cli_show(cli, request, cli_print_done);
}

static enum cli_exit run_reclaim(struct cli *cli, char **arguments)
{
	json_t *request = cli_request("ipam-reclaim");

	json_object_set_new(request, "host", json_string(arguments[0]));
	return cli_show(cli, request, cli_print_done);
}

const struct verb verb_ipam_list = {
	.name = "ipam list",
	.arguments = "",
	.summary = "Blocks of addresses, and who has which",
	.help = "Blocks are declared in fastdpd.conf(5). The last table "
		"has\nwhat other hosts claim.",
	.run = run_list,
};

static const struct cli_option free_options[] = {
	{ "owner", "OWNER", "as `ipam list` shows it; for plugins: cni:NAME" },
	{ NULL, NULL, NULL },
};

const struct verb verb_ipam_free = {
	.name = "ipam free",
	.arguments = "CONTAINER INTERFACE",
	.n_arguments = 2,
	.summary = "Give back what a container had",
	.help = "For what a runtime has forgotten. An interface that is "
		"attached keeps its\naddresses.",
	.options = free_options,
	.run = run_free,
};

const struct verb verb_ipam_release = {
	.name = "ipam release",
	.arguments = "NETWORK",
	.n_arguments = 1,
	.summary = "Give back leased blocks without a container",
	.help = "Another one is leased when the next container asks for an "
		"address.",
	.run = run_release,
};

const struct verb verb_ipam_reclaim = {
	.name = "ipam reclaim",
	.arguments = "HOST|ID",
	.n_arguments = 1,
	.summary = "A host is gone for good: its blocks are free",
	.help = "Only for a host that will not come back with containers that "
		"still have their\naddresses. One that this host has a session "
		"with is there, and is refused.",
	.run = run_reclaim,
};
