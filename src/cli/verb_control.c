/* SPDX-License-Identifier: Apache-2.0 */

/* metrics, log-level, reload, reset: running the daemon itself. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "verbs.h"

/* Prometheus' names: letters, digits, '_' and ':'. */
static void print_metric_name(const char *name)
{
	fputs("fastdp_", stdout);
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		putchar(c < 0x80 && (isalnum(c) || c == ':') ? c : '_');
	}
}

static void print_metrics(const json_t *reply)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(reply, "metrics"), name, value) {
		if (!json_is_number(value))
			continue;
		print_metric_name(name);
		if (json_is_integer(value))
			printf(" %" JSON_INTEGER_FORMAT "\n",
			       json_integer_value(value));
		else
			printf(" %.17g\n", json_real_value(value));
	}
}

static enum cli_exit run_metrics(struct cli *cli, char **arguments)
{
	(void)arguments;
	return cli_show(cli, cli_request("metrics"), print_metrics);
}

static enum cli_exit run_log_level(struct cli *cli, char **arguments)
{
	static const char *const levels[] = { "error", "warn", "info",
					      "debug" };
	json_t *request;
	size_t i;

	for (i = 0; i < 4; i++) {
		if (strcmp(arguments[0], levels[i]) == 0)
			break;
	}
	if (i == 4)
		return cli_usage(cli, "\"%.64s\" is no level", arguments[0]);
	request = cli_request("log-level");
	json_object_set_new(request, "level", json_string(levels[i]));
	return cli_show(cli, request, cli_print_done);
}

static enum cli_exit run_reload(struct cli *cli, char **arguments)
{
	(void)arguments;
	return cli_show(cli, cli_request("reload"), cli_print_done);
}

static enum cli_exit run_reset(struct cli *cli, char **arguments)
{
	json_t *request;

	(void)arguments;
	if (!cli_option(cli, "force"))
		return cli_usage(cli,
				 "`reset` cuts off every container of "
				 "this host: say --force if that is meant");
	request = cli_request("reset");
	json_object_set_new(request, "force", json_true());
	return cli_show(cli, request, cli_print_done);
}

static const struct cli_option reset_options[] = {
	{ "force", NULL, "yes, do it" },
	{ NULL, NULL, NULL },
};

const struct verb verb_metrics = {
	.name = "metrics",
	.arguments = "",
	.summary = "Counters, in the text format of Prometheus",
	.help = "",
	.run = run_metrics,
};

const struct verb verb_log_level = {
	.name = "log-level",
	.arguments = "LEVEL",
	.n_arguments = 1,
	.summary = "How much the daemon logs, until it restarts",
	.help = "The levels are error, warn, info and debug.",
	.run = run_log_level,
};

const struct verb verb_reload = {
	.name = "reload",
	.arguments = "",
	.summary = "Read the configuration file again",
	.help = "What can change without a restart takes effect; the daemon "
		"says what cannot. A\nfile with an error changes nothing.",
	.run = run_reload,
};

const struct verb verb_reset = {
	.name = "reset",
	.arguments = "",
	.summary = "Remove datapath, ports and memory of peers",
	.help = "Every container of this host loses its interface in the "
		"overlay.",
	.options = reset_options,
	.run = run_reset,
};
