/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CNI_VERSION_H
#define CNI_VERSION_H

/* The versions of the CNI specification that the plugin speaks, in order. */

#include <jansson.h>
#include <stdbool.h>

enum cni_version {
	CNI_0_3_0,
	CNI_0_3_1,
	CNI_0_4_0,
	CNI_1_0_0,
	CNI_1_1_0,
	N_CNI_VERSIONS,
};

#define CNI_NEWEST CNI_1_1_0

const char *cni_version_text(enum cni_version version);
/* False: not one of them; *ret is untouched. */
bool cni_version_parse(const char *text, enum cni_version *ret);
/* A new list of all. */
json_t *cni_version_list(void);

#endif
