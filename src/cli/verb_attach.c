/* SPDX-License-Identifier: Apache-2.0 */

/* attach, detach, expose, hide: containers and this host, in and out. */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "client/iface.h"
#include "client/socket.h"
#include "sys/addr.h"
#include "sys/error.h"
#include "sys/rtnl.h"
#include "text.h"
#include "verbs.h"

/*
 * A pair of interfaces half made is worse than a key press that waits: from
 * here to signals_allow() an interrupt is kept for later.
 */
static void signals_hold(sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, ret_before);
}

static void signals_allow(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}

static bool is_prefix(const char *text)
{
	struct ip ip;
	uint8_t len;

	return addr_parse_prefix(text, &ip, &len);
}

/* CLI_DONE when the words have the form they should have. */
static enum cli_exit read_attach(const struct cli *cli,
				 struct iface_request *request,
				 const char **addresses)
{
	struct mac mac;
	size_t i;

	*request = (struct iface_request){
		.netns = cli_option(cli, "netns"),
		.ifname = cli_option(cli, "ifname"),
		.addresses = addresses,
		.mac = cli_option(cli, "mac"),
		.network = cli_option(cli, "network"),
		.container_id = cli_option(cli, "container-id"),
		.is_trusted = cli_option(cli, "trust") != NULL,
	};
	if (!request->netns)
		return cli_usage(cli, "--netns is missing");
	if (!request->ifname)
		request->ifname = "eth0";
	for (i = 0; i < cli->n_options; i++) {
		const char *value = cli->options[i].value;

		if (strcmp(cli->options[i].name, "address") != 0)
			continue;
		if (!is_prefix(value))
			return cli_usage(cli, "\"%.64s\" is no ADDR/LEN",
					 value);
		addresses[request->n_addresses++] = value;
	}
	if (request->n_addresses == 0)
		return cli_usage(cli, "--address is missing");
	if (request->n_addresses > MAX_IPS_PER_ENTRY)
		return cli_usage(cli, "more than %u addresses",
				 MAX_IPS_PER_ENTRY);
	if (request->mac && !addr_parse_mac(request->mac, &mac))
		return cli_usage(cli, "\"%.64s\" is no MAC", request->mac);
	if (!rtnl_ifname_is_valid(request->ifname))
		return cli_usage(cli, "\"%.64s\" cannot be an interface's name",
				 request->ifname);
	return CLI_DONE;
}

static void print_attached(const json_t *reply)
{
	const json_t *port = json_object_get(reply, "port");
	const char *mac = text_of(port, "mac");
	const char *network = text_of(port, "network");
	const char *ifname = text_of(port, "ifname");
	char *addresses = text_join(json_object_get(port, "addresses"));

	fputs("attached ", stdout);
	text_print(ifname ? ifname : "-");
	if (mac) {
		fputs(", MAC ", stdout);
		text_print(mac);
	}
	if (addresses[0]) {
		fputs(", ", stdout);
		text_print(addresses);
	}
	if (network) {
		fputs(", to network ", stdout);
		text_print(network);
	}
	putchar('\n');
	free(addresses);
}

static enum cli_exit run_attach(struct cli *cli, char **arguments)
{
	const char *addresses[CLI_MAX_OPTIONS];
	struct iface_request request;
	struct error e = { 0 };
	struct client *client;
	json_t *reply = NULL;
	enum cli_exit rc;
	sigset_t before;

	(void)arguments;
	rc = read_attach(cli, &request, addresses);
	if (rc == CLI_DONE)
		rc = cli_connect(cli, &client);
	if (rc != CLI_DONE)
		return rc;
	signals_hold(&before);
	if (iface_attach(client, &request, &reply, &e))
		rc = cli_failed(&e);
	client_close(client);
	signals_allow(&before);
	if (rc != CLI_DONE)
		return rc;
	if (cli->is_json)
		cli_print_json(reply);
	else
		print_attached(reply);
	json_decref(reply);
	return CLI_DONE;
}

static void print_detached(const struct cli *cli, const char *ifname,
			   unsigned int n)
{
	json_t *reply;

	if (cli->is_json) {
		reply = json_object();
		json_object_set_new(reply, "detached", json_integer(n));
		cli_print_json(reply);
		json_decref(reply);
	} else {
		printf("detached %s\n", ifname);
	}
}

static enum cli_exit run_detach(struct cli *cli, char **arguments)
{
	const char *netns = cli_option(cli, "netns");
	const char *ifname = cli_option(cli, "ifname");
	struct error e = { 0 };
	struct client *client;
	unsigned int n = 0;
	enum cli_exit rc;
	sigset_t before;

	(void)arguments;
	if (!netns)
		return cli_usage(cli, "--netns is missing");
	if (!ifname)
		ifname = "eth0";
	if (!rtnl_ifname_is_valid(ifname))
		return cli_usage(cli, "\"%.64s\" cannot be an interface's name",
				 ifname);
	rc = cli_connect(cli, &client);
	if (rc != CLI_DONE)
		return rc;
	signals_hold(&before);
	if (iface_detach(client, netns, ifname, &n, &e)) {
		rc = cli_failed(&e);
	} else if (n == 0) {
		error_set(&e, "not-found", "no interface %s of %s is attached",
			  ifname, netns);
		error_hint(&e, "see `fastdpctl ports` for those that are");
		rc = cli_failed(&e);
	}
	client_close(client);
	signals_allow(&before);
	if (rc == CLI_DONE)
		print_detached(cli, ifname, n);
	return rc;
}

static enum cli_exit run_address(struct cli *cli, char **arguments)
{
	json_t *request;

	if (!is_prefix(arguments[0]))
		return cli_usage(cli, "\"%.64s\" is no ADDR/LEN", arguments[0]);
	request = cli_request(cli->verb->name);
	json_object_set_new(request, "address", json_string(arguments[0]));
	return cli_show(cli, request, cli_print_done);
}

static const struct cli_option attach_options[] = {
	{ "netns", "PATH|PID",
	  "the container's network namespace: a path, a "
	  "process, or a\nname under /run/netns" },
	{ "ifname", "NAME", "the interface's name there (default: eth0)" },
	{ "address", "ADDR/LEN", "an address, IPv4 or IPv6; repeatable" },
	{ "mac", "MAC", "its MAC (default: random)" },
	{ "network", "NAME", "the network to join (default: default)" },
	{ "container-id", "ID", "a name for `ports` to show" },
	{ "trust", NULL,
	  "let it send from any MAC: for bridges and virtual "
	  "routers\nin the container" },
	{ NULL, NULL, NULL },
};

static const struct cli_option detach_options[] = {
	{ "netns", "PATH|PID", "as given to attach; it may have gone" },
	{ "ifname", "NAME", "the interface's name there (default: eth0)" },
	{ NULL, NULL, NULL },
};

const struct verb verb_attach = {
	.name = "attach",
	.arguments = "",
	.summary = "Give a container an interface in the overlay",
	.help = "Makes a pair of interfaces, one end in the container, sets "
		"its MAC, MTU and\naddresses, and announces them. A failure "
		"leaves nothing behind. Needs root.\n\n"
		"  fastdpctl attach --netns 1234 --address 10.32.0.1/24",
	.options = attach_options,
	.run = run_attach,
};

const struct verb verb_detach = {
	.name = "detach",
	.arguments = "",
	.summary = "Take that interface away again",
	.help = "Removes the interface and withdraws its addresses.",
	.options = detach_options,
	.run = run_detach,
};

const struct verb verb_expose = {
	.name = "expose",
	.arguments = "ADDR/LEN",
	.n_arguments = 1,
	.summary = "Give this host an address in the overlay",
	.help = "The host can then reach the containers, and be their "
		"gateway.",
	.run = run_address,
};

const struct verb verb_hide = {
	.name = "hide",
	.arguments = "ADDR/LEN",
	.n_arguments = 1,
	.summary = "Take that address away again",
	.help = "",
	.run = run_address,
};
