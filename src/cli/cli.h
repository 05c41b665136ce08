/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_H
#define CLI_H

/*
 * What a verb of the command line is, and what all verbs share: the command
 * as it was given, asking the daemon, and how errors are told. Verbs ask and
 * print; they decide nothing. Which verbs there are is not known here.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct client;
struct error;

/* The contract with scripts. */
enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1, /* refused or failed */
	CLI_USAGE = 2,
	CLI_NO_DAEMON = 3,
};

#define CLI_MAX_OPTIONS 64

struct cli_option {
	const char *name;  /* without the dashes */
	const char *value; /* NULL of a flag; for help: what it takes */
	const char *help;
};

struct cli {
	const struct verb *const *verbs; /* all there are; ends with NULL */
	const char *socket_path;
	bool is_json;
	const struct verb *verb;
	/* The verb's own options in the order given; values are argv's. */
	size_t n_options;
	struct {
		const char *name, *value;
	} options[CLI_MAX_OPTIONS];
};

struct verb {
	const char *name;      /* one word, or two: "peer add" */
	const char *arguments; /* "HOST[:PORT]", "" when there are none */
	size_t n_arguments;
	const char *summary;		  /* one line */
	const char *help;		  /* the rest of --help, or "" */
	const struct cli_option *options; /* ends with a NULL name; or NULL */
	enum cli_exit (*run)(struct cli *cli, char **arguments);
};

/* The last value given, or NULL; of a flag: "" when it was given. */
const char *cli_option(const struct cli *cli, const char *name);

/* To stderr: the sentence, and after it what to do. Returns the exit code. */
enum cli_exit cli_failed(const struct error *e);
enum cli_exit cli_usage(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* CLI_DONE and a connection that the caller closes; else it has been told. */
enum cli_exit cli_connect(const struct cli *cli, struct client **ret);

/* {"verb": @verb}, for arguments to be added. */
json_t *cli_request(const char *verb);

/*
 * Takes @request over and asks. CLI_DONE and a reply that the caller
 * json_decref()s; else it has been told.
 */
enum cli_exit cli_ask(const struct cli *cli, json_t *request,
		      json_t **ret_reply);

/* Asks, and prints the reply by @print, or as it is with --json. */
enum cli_exit cli_show(const struct cli *cli, json_t *request,
		       void (*print)(const json_t *reply));

/* Of a verb that changes something: prints the sentence "done". */
void cli_print_done(const json_t *reply);
void cli_print_json(const json_t *reply);

#endif
