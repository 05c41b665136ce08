/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * argv into one of cli->verbs, its options and its arguments; and the help
 * texts, which come from the same tables.
 */

#include "cli.h"

enum options_result {
	OPTIONS_RUN,  /* cli->verb, with *ret_arguments */
	OPTIONS_DONE, /* help or version was printed */
	OPTIONS_BAD,  /* it was told what is wrong */
};

enum options_result options_parse(struct cli *cli, int argc, char **argv,
				  char ***ret_arguments);

#endif
