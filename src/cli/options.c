/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/socket.h"
#include "sys/utf8.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define MAX_WORD 64

enum { OPTION_SOCKET, OPTION_JSON, OPTION_HELP, OPTION_VERSION, N_GLOBAL };

static const struct cli_option global_options[N_GLOBAL + 1] = {
	[OPTION_SOCKET] = { "socket", "PATH",
			    "the daemon's socket (default: $FASTDP_SOCKET, "
			    "else\n" CLIENT_DEFAULT_SOCKET ")" },
	[OPTION_JSON] = { "json", NULL, "print the daemon's reply as JSON" },
	[OPTION_HELP] = { "help", NULL, "what this verb does and takes" },
	[OPTION_VERSION] = { "version", NULL, "the version of fastdpctl" },
};

static size_t count_options(const struct cli_option *list)
{
	size_t n = 0;

	while (list && list[n].name)
		n++;
	return n;
}

static void print_options(const struct cli_option *list)
{
	char left[MAX_WORD];

	for (; list && list->name; list++) {
		const char *text = list->help;
		const char *end = strchr(text, '\n');

		snprintf(left, sizeof(left), "--%s%s%s", list->name,
			 list->value ? " " : "",
			 list->value ? list->value : "");
		printf("  %-20s  ", left);
		for (; end; end = strchr(text, '\n')) {
			printf("%.*s\n%24s", (int)(end - text), text, "");
			text = end + 1;
		}
		printf("%s\n", text);
	}
}

static void print_help(const struct verb *const *verbs)
{
	char left[MAX_WORD];

	printf("usage: fastdpctl [OPTION …] VERB [ARGUMENT …]\n\n"
	       "Asks and tells the fastdp daemon of this host.\n\nverbs:\n");
	for (; *verbs; verbs++) {
		const struct verb *v = *verbs;

		snprintf(left, sizeof(left), "%s%s%s", v->name,
			 v->arguments[0] ? " " : "", v->arguments);
		printf("  %-27s  %s\n", left, v->summary);
	}
	printf("\noptions, before the verb or after it:\n");
	print_options(global_options);
	printf("\n`fastdpctl VERB --help` tells more of each. Exit codes: 0 "
	       "done, 1 refused or\nfailed, 2 wrong usage, 3 no daemon.\n");
}

static void print_verb_help(const struct verb *v)
{
	printf("usage: fastdpctl %s%s%s%s\n\n%s.\n", v->name,
	       v->options ? " [OPTION …]" : "", v->arguments[0] ? " " : "",
	       v->arguments, v->summary);
	if (v->help[0])
		printf("\n%s\n", v->help);
	printf("\noptions:\n");
	print_options(v->options);
	print_options(global_options);
}

/* Levenshtein's distance, of words shorter than MAX_WORD. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(b), row[MAX_WORD + 1], i, j;

	for (j = 0; j <= n; j++)
		row[j] = j;
	for (i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (j = 0; j < n; j++) {
			size_t best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (best > row[j] + 1)
				best = row[j] + 1;
			if (best > diagonal + 1)
				best = diagonal + 1;
			row[j + 1] = best;
		}
	}
	return row[n];
}

/* NULL: nothing is near enough to be what was meant. */
static const char *nearest(const struct verb *const *verbs, const char *word)
{
	const char *best = NULL;
	size_t d, limit;

	if (strlen(word) >= MAX_WORD)
		return NULL;
	limit = strlen(word) / 3 + 2; /* exclusive */
	for (; *verbs; verbs++) {
		d = distance(word, (*verbs)->name);
		if (d < limit) {
			limit = d;
			best = (*verbs)->name;
		}
	}
	return best;
}

static size_t count_words(const char *name)
{
	return strchr(name, ' ') ? 2 : 1;
}

/* Whether argv begins with the verb's one or two words. */
static bool is_verb(const struct verb *v, int argc, char **argv)
{
	const char *blank = strchr(v->name, ' ');
	size_t n;

	if (!blank)
		return strcmp(argv[0], v->name) == 0;
	n = (size_t)(blank - v->name);
	return argc > 1 && strncmp(argv[0], v->name, n) == 0 &&
	       argv[0][n] == '\0' && strcmp(argv[1], blank + 1) == 0;
}

static bool is_first_of_two(const struct verb *const *verbs, const char *word)
{
	size_t n = strlen(word);

	for (; *verbs; verbs++) {
		if (strncmp((*verbs)->name, word, n) == 0 &&
		    (*verbs)->name[n] == ' ')
			return true;
	}
	return false;
}

static enum options_result say_unknown_verb(const struct cli *cli, int argc,
					    char **argv)
{
	char typed[2 * MAX_WORD];
	const char *meant;

	if (argc > 1 && is_first_of_two(cli->verbs, argv[0]) &&
	    argv[1][0] != '-')
		snprintf(typed, sizeof(typed), "%.60s %.60s", argv[0], argv[1]);
	else
		snprintf(typed, sizeof(typed), "%.60s", argv[0]);
	meant = nearest(cli->verbs, typed);
	fprintf(stderr, "fastdpctl: there is no verb \"%s\"\n", typed);
	if (meant)
		fprintf(stderr, "  did you mean `fastdpctl %s`?\n", meant);
	else
		fprintf(stderr, "  see `fastdpctl --help`\n");
	return OPTIONS_BAD;
}

static enum options_result say_bad_option(const struct cli *cli, char **argv,
					  int result)
{
	const char *word = argv[optind > 0 ? optind - 1 : 0];
	char letter[] = { '-', (char)optopt, '\0' };

	/* A letter inside a cluster leaves optind on the cluster. */
	if (result == '?' && optopt > ' ' && strncmp(word, "--", 2) != 0)
		word = letter;
	if (result == ':')
		cli_usage(cli, "the option %.64s wants a value", word);
	else
		cli_usage(cli,
			  "the option %.64s is unknown, ambiguous, or "
			  "takes no value",
			  word);
	return OPTIONS_BAD;
}

static void to_getopt(struct option *ret, const struct cli_option *list,
		      size_t n, int first)
{
	size_t i;

	for (i = 0; i < n; i++)
		ret[i] = (struct option){
			.name = list[i].name,
			.has_arg = list[i].value ? required_argument
						 : no_argument,
			.val = first + (int)i,
		};
}

static bool take_global(struct cli *cli, int which)
{
	switch (which) {
	case OPTION_SOCKET:
		cli->socket_path = optarg;
		return false;
	case OPTION_JSON:
		cli->is_json = true;
		return false;
	case OPTION_VERSION:
		printf("fastdpctl %s\n", PACKAGE_VERSION);
		return true;
	default:
		if (cli->verb)
			print_verb_help(cli->verb);
		else
			print_help(cli->verbs);
		return true;
	}
}

static bool take_own(struct cli *cli, const char *name)
{
	if (cli->n_options == CLI_MAX_OPTIONS) {
		cli_usage(cli, "more than %d options", CLI_MAX_OPTIONS);
		return false;
	}
	cli->options[cli->n_options].name = name;
	cli->options[cli->n_options++].value = optarg ? optarg : "";
	return true;
}

/*
 * The options of argv from 1 on, the verb's too when it is known. @letters
 * begins with '+' when the first argument ends them.
 */
static enum options_result take_options(struct cli *cli, int argc, char **argv,
					const char *letters)
{
	enum { FIRST = 1000, FIRST_OF_VERB = 2000 };
	struct option list[N_GLOBAL + CLI_MAX_OPTIONS + 1] = { 0 };
	const struct cli_option *own = cli->verb ? cli->verb->options : NULL;
	int c;

	to_getopt(list, global_options, N_GLOBAL, FIRST);
	to_getopt(list + N_GLOBAL, own, count_options(own), FIRST_OF_VERB);
	opterr = 0;
	optind = 0; /* glibc: begin anew */
	while ((c = getopt_long(argc, argv, letters, list, NULL)) != -1) {
		if (c == '?' || c == ':')
			return say_bad_option(cli, argv, c);
		if (c >= FIRST_OF_VERB && own) {
			if (!take_own(cli, own[c - FIRST_OF_VERB].name))
				return OPTIONS_BAD;
		} else if (take_global(cli,
				       c == 'h' ? OPTION_HELP : c - FIRST)) {
			return OPTIONS_DONE;
		}
	}
	return OPTIONS_RUN;
}

static enum options_result find_verb(struct cli *cli, int argc, char **argv)
{
	const struct verb *const *v;

	if (argc == 0) {
		fprintf(stderr, "fastdpctl: what shall it do?\n"
				"  see `fastdpctl --help`, or begin with "
				"`fastdpctl status`\n");
		return OPTIONS_BAD;
	}
	if (strcmp(argv[0], "help") == 0) {
		print_help(cli->verbs);
		return OPTIONS_DONE;
	}
	for (v = cli->verbs; *v; v++) {
		if (is_verb(*v, argc, argv)) {
			cli->verb = *v;
			return OPTIONS_RUN;
		}
	}
	return say_unknown_verb(cli, argc, argv);
}

/* A request would leave out what is no UTF-8, as if it had not been said. */
static bool are_texts(const struct cli *cli, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!utf8_is_valid(argv[i])) {
			cli_usage(cli, "word %d of the command is not UTF-8",
				  i);
			return false;
		}
	}
	return true;
}

enum options_result options_parse(struct cli *cli, int argc, char **argv,
				  char ***ret_arguments)
{
	enum options_result result;

	if (!are_texts(cli, argc, argv))
		return OPTIONS_BAD;
	result = take_options(cli, argc, argv, "+:h");
	if (result != OPTIONS_RUN)
		return result;
	argc -= optind;
	argv += optind;
	result = find_verb(cli, argc, argv);
	if (result != OPTIONS_RUN)
		return result;
	/* Its last word stands where getopt wants the program's name. */
	argc -= (int)count_words(cli->verb->name) - 1;
	argv += count_words(cli->verb->name) - 1;
	result = take_options(cli, argc, argv, ":h");
	if (result != OPTIONS_RUN)
		return result;
	if ((size_t)(argc - optind) != cli->verb->n_arguments) {
		if (cli->verb->n_arguments)
			cli_usage(cli, "`%s` takes %s", cli->verb->name,
				  cli->verb->arguments);
		else
			cli_usage(cli, "`%s` takes no argument \"%.64s\"",
				  cli->verb->name, argv[optind]);
		return OPTIONS_BAD;
	}
	*ret_arguments = argv + optind;
	return OPTIONS_RUN;
}
