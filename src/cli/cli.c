/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/socket.h"
#include "sys/error.h"
#include "text.h"

enum cli_exit cli_failed(const struct error *e)
{
	fprintf(stderr, "fastdpctl: %s\n", e->message);
	if (e->hint[0])
		fprintf(stderr, "  %s\n", e->hint);
	return strcmp(e->code, CLIENT_NO_DAEMON) == 0 ? CLI_NO_DAEMON
						      : CLI_FAILED;
}

enum cli_exit cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list ap;

	fputs("fastdpctl: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\n  see `fastdpctl %s%s--help`\n",
		cli->verb ? cli->verb->name : "", cli->verb ? " " : "");
	return CLI_USAGE;
}

const char *cli_option(const struct cli *cli, const char *name)
{
	const char *value = NULL;
	size_t i;

	for (i = 0; i < cli->n_options; i++) {
		if (strcmp(cli->options[i].name, name) == 0)
			value = cli->options[i].value;
	}
	return value;
}

enum cli_exit cli_connect(const struct cli *cli, struct client **ret)
{
	struct error e = { 0 };

	if (client_open(cli->socket_path, ret, &e))
		return cli_failed(&e);
	return CLI_DONE;
}

json_t *cli_request(const char *verb)
{
	json_t *request = json_object();

	json_object_set_new(request, "verb", json_string(verb));
	return request;
}

enum cli_exit cli_ask(const struct cli *cli, json_t *request,
		      json_t **ret_reply)
{
	struct error e = { 0 };
	struct client *client;
	enum cli_exit rc;

	rc = cli_connect(cli, &client);
	if (rc == CLI_DONE) {
		if (client_call(client, request, ret_reply, &e))
			rc = cli_failed(&e);
		client_close(client);
	}
	json_decref(request);
	return rc;
}

enum cli_exit cli_show(const struct cli *cli, json_t *request,
		       void (*print)(const json_t *reply))
{
	json_t *reply;
	enum cli_exit rc = cli_ask(cli, request, &reply);

	if (rc != CLI_DONE)
		return rc;
	if (cli->is_json)
		cli_print_json(reply);
	else
		print(reply);
	json_decref(reply);
	return CLI_DONE;
}

void cli_print_done(const json_t *reply)
{
	const char *done = text_of(reply, "done");

	text_print(done ? done : "done");
	putchar('\n');
}

void cli_print_json(const json_t *reply)
{
	/* ASCII: no terminal takes a name for a command. */
	json_dumpf(reply, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	putchar('\n');
}
