/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_H
#define DATA_H

/*
 * What doctor knows of kernels and NIC features: two JSON files, installed
 * below $(datadir)/fastdp, that an operator or a test may replace. A copy of
 * them is in the program, for hosts where they are not installed.
 *
 *   kernels.json       faults, and the builds of kernels that have them
 *   nic-features.json  offloads, and how they should be
 */

#include <jansson.h>

#define DATA_DIR_VARIABLE "FASTDP_DATA_DIR"
#define DATA_MAX_FILE (1024U * 1024U)

struct doctor_data {
	json_t *kernels; /* arrays; owned */
	json_t *features;
	char directory[256];
	char problem[512]; /* a file that is there cannot be used: why; or "" */
};

/*
 * From @directory; NULL: where the environment says, else where they were
 * installed. It always gives something: what is absent or not usable is taken
 * from the program.
 */
void data_load(const char *directory, struct doctor_data *ret);
void data_free(struct doctor_data *d);

/* The string of an object's member, borrowed; "" when there is none. */
const char *data_text(const json_t *object, const char *key);

/* @text with @nic in the place of "{nic}", cut to @size. */
void data_remedy(const char *text, const char *nic, char *ret, size_t size);

/* Made of the files by the makefile; and where it installs them. */
extern const char builtin_kernels[], builtin_nic_features[];
extern const char builtin_directory[];

#endif
