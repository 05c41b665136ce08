/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config.h"
#include "fail.h"
#include "verbs.h"

int verb_version(const struct cni_config *config, struct cni_error *e)
{
	enum cni_version version = config_version(config);
	json_t *o = json_object();
	int rc;

	json_object_set_new(o, "cniVersion",
			    json_string(cni_version_text(version)));
	json_object_set_new(o, "supportedVersions", cni_version_list());
	rc = cni_print(o);
	json_decref(o);
	return rc ? cni_fail(e, CNI_IO, "cannot write to stdout: %s",
			     strerror(-rc))
		  : 0;
}
