/* SPDX-License-Identifier: Apache-2.0 */

/* status: what a person wants to know first, on one screen. */

#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "columns.h"
#include "peer_table.h"
#include "verbs.h"

static void print_line(const char *label, const char *text)
{
	printf("%-12s", label);
	text_print(text ? text : "-");
	putchar('\n');
}

static void print_name(const json_t *reply)
{
	const char *name = text_of(reply, "name");
	const char *nickname = text_of(reply, "nickname");

	printf("%-12s", "name");
	text_print(name ? name : "-");
	if (nickname && (!name || strcmp(name, nickname) != 0)) {
		fputs(" (", stdout);
		text_print(nickname);
		putchar(')');
	}
	putchar('\n');
}

static void print_datapath(const json_t *datapath)
{
	const char *type = text_of(datapath, "type");
	const char *name = text_of(datapath, "name");
	const char *reason = text_of(datapath, "reason");

	printf("%-12s", "datapath");
	text_print(type ? type : "-");
	if (name) {
		putchar(' ');
		text_print(name);
	}
	if (reason) {
		fputs(": ", stdout);
		text_print(reason);
	}
	putchar('\n');
}

static void print_head(const json_t *reply)
{
	const json_t *encryption = json_object_get(reply, "encryption");
	const char *version = text_of(reply, "version");
	char buf[TEXT_SIZE];
	const char *uptime;

	uptime = text_since(json_object_get(reply, "uptime_s"), buf);
	fputs("fastdpd ", stdout);
	text_print(version ? version : "-");
	if (uptime)
		printf(", up for %s", uptime);
	putchar('\n');
	print_name(reply);
	print_datapath(json_object_get(reply, "datapath"));
	print_line("mtu", text_integer(json_object_get(reply, "mtu"), buf));
	if (json_is_true(encryption))
		print_line("encryption", "on");
	else if (json_is_false(encryption))
		print_line("encryption", "none (--insecure)");
	else
		print_line("encryption", NULL);
}

static void print_ports(const json_t *ports)
{
	static const char *const headings[] = { "INTERFACE", "MAC",
						"ADDRESSES", "NETWORK",
						"CONTAINER", NULL };
	struct columns *t = columns_new(headings);
	json_t *port;
	size_t i;

	json_array_foreach(ports, i, port) {
		columns_add_text(t, port, "ifname");
		columns_add_text(t, port, "mac");
		columns_add_list(t, port, "addresses");
		columns_add_text(t, port, "network");
		columns_add_text(t, port, "container_id");
	}
	columns_print(t, "no ports");
	columns_free(t);
}

static void begin_problem(size_t *n)
{
	if ((*n)++ == 0)
		printf("%sproblems%s\n", text_colour(TEXT_BAD),
		       text_colour(TEXT_PLAIN));
	fputs("  ", stdout);
}

static void print_peer_problem(const json_t *peer)
{
	const char *label = peer_label(peer);
	const char *state = text_of(peer, "state");
	const char *reason = text_of(peer, "reason");
	const char *since;
	char buf[TEXT_SIZE];

	since = text_since(json_object_get(peer, "since"), buf);
	fputs("peer ", stdout);
	text_print(label ? label : "-");
	fputs(" is ", stdout);
	text_print(state ? state : "in no state that it tells");
	if (since)
		printf(" for %s", since);
	if (reason) {
		fputs(": ", stdout);
		text_print(reason);
	}
	putchar('\n');
}

static void print_problems(const json_t *reply)
{
	json_t *warning, *peer;
	size_t i, n = 0;

	json_array_foreach(json_object_get(reply, "warnings"), i, warning) {
		if (!json_is_string(warning))
			continue;
		begin_problem(&n);
		text_print(json_string_value(warning));
		putchar('\n');
	}
	json_array_foreach(json_object_get(reply, "peers"), i, peer) {
		const char *state = text_of(peer, "state");

		if (state && strcmp(state, "up") == 0)
			continue;
		begin_problem(&n);
		print_peer_problem(peer);
	}
	if (n == 0)
		puts("no problems");
}

static void print_status(const json_t *reply)
{
	print_head(reply);
	putchar('\n');
	peer_table_print(json_object_get(reply, "peers"));
	putchar('\n');
	print_ports(json_object_get(reply, "ports"));
	putchar('\n');
	print_problems(reply);
}

static enum cli_exit run_status(struct cli *cli, char **arguments)
{
	(void)arguments;
	return cli_show(cli, cli_request("status"), print_status);
}

const struct verb verb_status = {
	.name = "status",
	.arguments = "",
	.summary = "This host, its peers and ports, what is wrong",
	.help = "SINCE is how long the peer's traffic has taken the path it "
		"takes. MTU is what\na container may put in one packet to "
		"that peer.",
	.run = run_status,
};
