/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *program = "sim";

uint64_t sim_options_number(const char *name, const char *text, uint64_t min,
			    uint64_t max)
{
	char *end;
	const unsigned long long n = strtoull(text, &end, 0);

	if (!*text || *end || *text == '-' || n < min || n > max) {
		fprintf(stderr,
			"%s: %s %s: a number from %" PRIu64 " to %" PRIu64 "\n",
			program, name, text, min, max);
		exit(2);
	}
	return n;
}

static void print_help(const struct sim_option *o, const char *about)
{
	char left[40];

	printf("usage: %s [OPTION]...\n\n%s\n\n", program, about);
	for (; o->name; o++) {
		snprintf(left, sizeof(left), "--%s %s", o->name,
			 o->value ? o->value : "");
		printf("  %-20s %s\n", left, o->help);
	}
	printf("  %-20s %s\n", "--help", "this text");
}

static const struct sim_option *find(const struct sim_option *o,
				     const char *word)
{
	if (strcmp(word, "-v") == 0)
		word = "--verbose";
	if (strncmp(word, "--", 2) != 0)
		return NULL;
	while (o->name && strcmp(o->name, word + 2) != 0)
		o++;
	return o->name ? o : NULL;
}

static void take(const struct sim_option *o, const char *value)
{
	if (o->text)
		*o->text = value;
	else
		*o->number = sim_options_number(o->name, value, o->min, o->max);
}

void sim_options_parse(const struct sim_option *table, const char *about,
		       void (*after)(void), int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const struct sim_option *o;
	int i;

	program = slash ? slash + 1 : argv[0];
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			print_help(table, about);
			if (after)
				after();
			exit(0);
		}
		o = find(table, argv[i]);
		if (!o || (!o->flag && i + 1 == argc)) {
			fprintf(stderr, "%s: %s: see %s --help\n", program,
				argv[i], program);
			exit(2);
		}
		if (o->flag)
			*o->flag = true;
		else
			take(o, argv[++i]);
	}
}
