/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * Options of the simulator's programs: a table says what there is; of it comes
 * --help as well. One that is wrong ends the program with status 2.
 */

#include <stdbool.h>
#include <stdint.h>

/* Exactly one of number, text and flag says where it goes. */
struct sim_option {
	const char *name;  /* NULL: the end */
	const char *value; /* as --help shows it; of a flag NULL */
	const char *help;
	uint64_t *number, min, max;
	const char **text;
	bool *flag;
};

/* "-v" is --verbose. @about: what the program does, for --help, which is
 * answered by @after (NULL: by nothing) as well. */
void sim_options_parse(const struct sim_option *table, const char *about,
		       void (*after)(void), int argc, char **argv);

/* @text as a number, or the end of the program. */
uint64_t sim_options_number(const char *name, const char *text, uint64_t min,
			    uint64_t max);

#endif
