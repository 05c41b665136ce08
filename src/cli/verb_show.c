/* SPDX-License-Identifier: Apache-2.0 */

/* ports, directory, flows, why: what the daemon and the kernel hold. */

#include <stdio.h>

#include "cli.h"
#include "columns.h"
#include "verbs.h"

static void print_ports(const json_t *reply)
{
	static const char *const headings[] = {
		"INTERFACE", "MAC",   "ADDRESSES", "NETWORK",	"TRUST",
		"HOST END",  ">PORT", "CONTAINER", "NAMESPACE", NULL
	};
	struct columns *t = columns_new(headings);
	json_t *port;
	size_t i;

	json_array_foreach(json_object_get(reply, "ports"), i, port) {
		columns_add_text(t, port, "ifname");
		columns_add_text(t, port, "mac");
		columns_add_list(t, port, "addresses");
		columns_add_text(t, port, "network");
		columns_add(t, json_is_true(json_object_get(port, "trust"))
				       ? "yes"
				       : "no");
		columns_add_text(t, port, "host_ifname");
		columns_add_integer(t, port, "port_no");
		columns_add_text(t, port, "container_id");
		columns_add_text(t, port, "netns");
	}
	columns_print(t, "no ports");
	columns_free(t);
}

static enum cli_exit run_ports(struct cli *cli, char **arguments)
{
	(void)arguments;
	return cli_show(cli, cli_request("ports"), print_ports);
}

static const char *owner_of(const json_t *entry)
{
	const char *owner = text_of(entry, "owner_nickname");

	if (json_is_true(json_object_get(entry, "local")))
		return "this host";
	return owner ? owner : text_of(entry, "owner");
}

static void print_directory(const json_t *reply)
{
	static const char *const headings[] = { "NETWORK",   ">VNI",  "MAC",
						"ADDRESSES", "OWNER", ">SINCE",
						">REVISION", "FLAGS", NULL };
	const json_t *entries = json_object_get(reply, "entries");
	struct columns *t = columns_new(headings);
	json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry) {
		const json_t *wins = json_object_get(entry, "wins");

		columns_add_text(t, entry, "network");
		columns_add_integer(t, entry, "vni");
		columns_add_text(t, entry, "mac");
		columns_add_list(t, entry, "addresses");
		columns_add(t, owner_of(entry));
		columns_add_since(t, entry, "since");
		columns_add_integer(t, entry, "revision");
		/* Another owner's claim of the MAC is newer. */
		if (json_is_false(wins))
			columns_add_colour(t, "superseded", TEXT_WAITING);
		else
			columns_add_list(t, entry, "flags");
	}
	columns_print(t, "the directory is empty");
	if (columns_rows(t))
		printf("\n%zu entries\n", columns_rows(t));
	columns_free(t);
}

static enum cli_exit run_directory(struct cli *cli, char **arguments)
{
	(void)arguments;
	return cli_show(cli, cli_request("directory"), print_directory);
}

static void add_flow(struct columns *t, const json_t *flow)
{
	const json_t *wanted = json_object_get(flow, "wanted");
	const char *actions = text_of(flow, "actions");
	char buf[TEXT_SIZE];

	columns_add_text(t, flow, "stage");
	columns_add_text(t, flow, "match");
	columns_add(t, actions ? actions : "drop");
	columns_add_integer(t, flow, "packets");
	columns_add_integer(t, flow, "bytes");
	columns_add(t, text_used(json_object_get(flow, "used_ms"), buf));
	if (json_is_false(wanted))
		columns_add_colour(t, "not ours any more", TEXT_WAITING);
	else
		columns_add(t, "");
}

static struct columns *new_flow_table(void)
{
	static const char *const headings[] = { "STAGE",    "MATCH",  "ACTIONS",
						">PACKETS", ">BYTES", ">USED",
						"NOTE",	    NULL };

	return columns_new(headings);
}

static void print_counters(const json_t *datapath)
{
	static const char *const names[] = { "lookups", "hit", "missed",
					     "lost" };
	char buf[TEXT_SIZE];
	const char *value;
	size_t i, n = 0;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = text_integer(json_object_get(datapath, names[i]), buf);
		if (!value)
			continue;
		fputs(n++ ? ", " : "\ndatapath: ", stdout);
		printf("%s %s", names[i], value);
	}
	if (n)
		putchar('\n');
}

static void print_flows(const json_t *reply)
{
	struct columns *t = new_flow_table();
	json_t *flow;
	size_t i;

	json_array_foreach(json_object_get(reply, "flows"), i, flow)
		add_flow(t, flow);
	columns_print(t, "no flows");
	columns_free(t);
	print_counters(json_object_get(reply, "datapath"));
}

static enum cli_exit run_flows(struct cli *cli, char **arguments)
{
	(void)arguments;
	return cli_show(cli, cli_request("flows"), print_flows);
}

static void print_why(const json_t *reply)
{
	const json_t *flow = json_object_get(reply, "flow");
	struct columns *t = NULL;
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(reply, "lines"), i, line) {
		if (!json_is_string(line))
			continue;
		text_print(json_string_value(line));
		putchar('\n');
	}
	if (!json_is_object(flow) || json_object_size(flow) == 0)
		return;
	putchar('\n');
	t = new_flow_table();
	add_flow(t, flow);
	columns_print(t, NULL);
	columns_free(t);
}

static enum cli_exit run_why(struct cli *cli, char **arguments)
{
	json_t *request = cli_request("why");
	json_t *reply;
	enum cli_exit rc;

	json_object_set_new(request, "what", json_string(arguments[0]));
	rc = cli_ask(cli, request, &reply);
	if (rc != CLI_DONE)
		return rc;
	if (cli->is_json)
		cli_print_json(reply);
	else
		print_why(reply);
	/* As with grep: a script sees whether there was such a thing. */
	if (json_is_false(json_object_get(reply, "found")))
		rc = CLI_FAILED;
	json_decref(reply);
	return rc;
}

const struct verb verb_ports = {
	.name = "ports",
	.arguments = "",
	.summary = "Interfaces of this host's containers",
	.help = "INTERFACE is the name in the container, HOST END the name of "
		"the other end on this\nhost, PORT its number in the "
		"datapath. A trusted port may send from any MAC.",
	.run = run_ports,
};

const struct verb verb_directory = {
	.name = "directory",
	.arguments = "",
	.summary = "Which host has which MAC and which addresses",
	.help = "An entry that is superseded is claimed by another host with "
		"a newer revision.",
	.run = run_directory,
};

const struct verb verb_flows = {
	.name = "flows",
	.arguments = "",
	.summary = "Flows in the kernel, with their counters",
	.help = "STAGE is the step of the pipeline as in the architecture "
		"document: A and D decide the\nnetwork, B and C forward to "
		"peers and local ports, E delivers what came from peers,\n"
		"F answers address resolution, G is other broadcast and "
		"multicast, H probes.",
	.run = run_flows,
};

const struct verb verb_why = {
	.name = "why",
	.arguments = "MAC|IP|PEER",
	.n_arguments = 1,
	.summary = "Who has it, which way packets take, and why",
	.help = "Exits with 1 when nobody is known to have it.",
	.run = run_why,
};
