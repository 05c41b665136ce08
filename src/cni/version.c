/* SPDX-License-Identifier: Apache-2.0 */
#include "version.h"

#include <string.h>

static const char *const texts[N_CNI_VERSIONS] = {
	[CNI_0_3_0] = "0.3.0", [CNI_0_3_1] = "0.3.1", [CNI_0_4_0] = "0.4.0",
	[CNI_1_0_0] = "1.0.0", [CNI_1_1_0] = "1.1.0",
};

const char *cni_version_text(enum cni_version version)
{
	return texts[version];
}

bool cni_version_parse(const char *text, enum cni_version *ret)
{
	enum cni_version v;

	for (v = 0; v < N_CNI_VERSIONS; v++) {
		if (strcmp(texts[v], text) == 0) {
			*ret = v;
			return true;
		}
	}
	return false;
}

json_t *cni_version_list(void)
{
	json_t *list = json_array();
	enum cni_version v;

	for (v = 0; v < N_CNI_VERSIONS; v++)
		json_array_append_new(list, json_string(texts[v]));
	return list;
}
