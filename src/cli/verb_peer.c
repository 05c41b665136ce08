/* SPDX-License-Identifier: Apache-2.0 */

/* peers, peer add, peer remove: who is there and who should be. */

#include <stdint.h>
#include <stdio.h>

#include "cli.h"
#include "columns.h"
#include "peer_table.h"
#include "sys/addr.h"
#include "verbs.h"

#define CONTROL_PORT 6783 /* only to see whether an address has the form */

static void print_control(const json_t *peers)
{
	static const char *const headings[] = { "PEER",	  "NAME",   "CONTROL",
						">SINCE", "REASON", NULL };
	struct columns *t = columns_new(headings);
	json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer) {
		const json_t *control = json_object_get(peer, "control");

		columns_add(t, peer_label(peer));
		columns_add_text(t, peer, "name");
		columns_add_state(t, control, "state");
		columns_add_since(t, control, "since");
		columns_add_text(t, control, "reason");
	}
	if (columns_rows(t))
		putchar('\n');
	columns_print(t, NULL);
	columns_free(t);
}

static void print_paths(const json_t *peers)
{
	static const char *const headings[] = {
		"PEER", "PATH",	  "STATE",	">PLPMTU", "SEARCH",
		">RTT", "REASON", "LAST ERROR", NULL
	};
	struct columns *t = columns_new(headings);
	json_t *peer, *path;
	const char *name;
	char buf[TEXT_SIZE];
	size_t i;

	json_array_foreach(peers, i, peer) {
		json_object_foreach(json_object_get(peer, "paths"), name,
				    path) {
			columns_add(t, peer_label(peer));
			columns_add(t, name);
			columns_add_state(t, path, "state");
			columns_add_integer(t, path, "plpmtu");
			columns_add_text(t, json_object_get(path, "pmtu"),
					 "state");
			columns_add(t, text_microseconds(
					       json_object_get(path, "rtt_us"),
					       buf));
			columns_add_text(t, path, "reason");
			columns_add_text(t, path, "last_error");
		}
	}
	if (columns_rows(t))
		putchar('\n');
	columns_print(t, NULL);
	columns_free(t);
}

static void print_targets(const json_t *targets)
{
	static const char *const headings[] = { "TARGET",    "KIND",
						"STATE",     "PEER",
						">NEXT TRY", ">FAILURES",
						"REASON",    NULL };
	struct columns *t = columns_new(headings);
	char buf[TEXT_SIZE];
	json_t *target;
	size_t i;

	json_array_foreach(targets, i, target) {
		const json_t *next = json_object_get(target, "next_dial_s");
		double seconds = json_number_value(next);

		columns_add_text(t, target, "address");
		columns_add_text(t, target, "kind");
		columns_add_state(t, target, "state");
		columns_add_text(t, target, "peer");
		columns_add(t, json_is_number(next) && seconds >= 0 &&
					       seconds < 1e9
				       ? text_duration((uint64_t)seconds, buf)
				       : NULL);
		columns_add_integer(t, target, "failures");
		columns_add_text(t, target, "reason");
	}
	putchar('\n');
	columns_print(t, "no targets: this host dials nobody");
	columns_free(t);
}

static void print_peers(const json_t *reply)
{
	const json_t *peers = json_object_get(reply, "peers");
	char *removed = text_join(json_object_get(reply, "removed"));

	peer_table_print(peers);
	print_control(peers);
	print_paths(peers);
	print_targets(json_object_get(reply, "targets"));
	if (removed[0]) {
		fputs("\nremoved, and not taken back: ", stdout);
		text_print(removed);
		putchar('\n');
	}
	free(removed);
}

static enum cli_exit run_peers(struct cli *cli, char **arguments)
{
	(void)arguments;
	return cli_show(cli, cli_request("peers"), print_peers);
}

static enum cli_exit run_peer_add(struct cli *cli, char **arguments)
{
	json_t *request;
	char host[MAX_HOST];
	uint16_t port;

	if (!addr_parse_host_port(arguments[0], CONTROL_PORT, host, &port))
		return cli_usage(cli, "\"%.64s\" is no HOST[:PORT]",
				 arguments[0]);
	request = cli_request("peer-add");
	json_object_set_new(request, "address", json_string(arguments[0]));
	return cli_show(cli, request, cli_print_done);
}

static enum cli_exit run_peer_remove(struct cli *cli, char **arguments)
{
	json_t *request = cli_request("peer-remove");

	json_object_set_new(request, "peer", json_string(arguments[0]));
	return cli_show(cli, request, cli_print_done);
}

const struct verb verb_peers = {
	.name = "peers",
	.arguments = "",
	.summary = "Peers, their paths, the addresses dialled",
	.help = "PLPMTU is the size of the outer IP packet that a path "
		"carries. The kinds of targets\nare configured (option or "
		"file), added (`peer add`) and discovered (told by a peer).",
	.run = run_peers,
};

const struct verb verb_peer_add = {
	.name = "peer add",
	.arguments = "HOST[:PORT]",
	.n_arguments = 1,
	.summary = "Dial an address, from now on and for ever",
	.help = "HOST is a name or an address; an IPv6 address with a port is "
		"written\n[2001:db8::1]:6783. A peer that was removed is "
		"taken back.",
	.run = run_peer_add,
};

const struct verb verb_peer_remove = {
	.name = "peer remove",
	.arguments = "HOST[:PORT]|ID",
	.n_arguments = 1,
	.summary = "Leave a peer and do not take it back",
	.help = "Takes an address that was configured or added, or a peer's "
		"name or nickname as\n`peers` shows them.",
	.run = run_peer_remove,
};
