/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "release.h"
#include "sys/error.h"

/* Whether @word is one of the words of @text. */
static bool has_word(const char *text, const char *word)
{
	const size_t n = strlen(word);

	while (*text) {
		size_t len = strcspn(text, " ");

		if (len == n && strncmp(text, word, n) == 0)
			return true;
		text += len;
		text += strspn(text, " ");
	}
	return false;
}

static bool is_of_os(const json_t *list, const struct faults_kernel *k)
{
	json_t *item;
	size_t i;

	if (!json_is_array(list))
		return true; /* of any */
	json_array_foreach(list, i, item) {
		const char *id = json_string_value(item);

		if (id &&
		    (strcmp(id, k->os_id) == 0 || has_word(k->os_like, id)))
			return true;
	}
	return false;
}

static bool is_build(const json_t *build, const struct faults_kernel *k)
{
	const char *pattern = data_text(build, "release");

	if (pattern[0] && fnmatch(pattern, k->release, 0) != 0)
		return false;
	return is_of_os(json_object_get(build, "os"), k);
}

static bool is_in_range(const json_t *build, const char *release)
{
	const char *since = data_text(build, "since");
	const char *fixed = data_text(build, "fixed");

	if (since[0] && release_compare(release, since) < 0)
		return false;
	return !fixed[0] || release_compare(release, fixed) < 0;
}

/* The first that fits decides. NULL: the kernel has not this fault. */
static const json_t *find_build(const json_t *fault,
				const struct faults_kernel *k)
{
	json_t *build;
	size_t i;

	json_array_foreach(json_object_get(fault, "builds"), i, build) {
		if (is_build(build, k))
			return is_in_range(build, k->release) ? build : NULL;
	}
	return NULL;
}

static enum severity severity_of(const json_t *json, const char *key,
				 enum severity otherwise)
{
	severity_parse(data_text(json, key), &otherwise);
	return otherwise;
}

static void take_fault(const json_t *json, const json_t *build,
		       struct fault *ret)
{
	*ret = (struct fault){
		.id = data_text(json, "id"),
		.title = data_text(json, "title"),
		.build = data_text(build, "name"),
		.consequence = data_text(json, "consequence"),
		.feature = data_text(json, "feature"),
		.remedy = data_text(json, "remedy"),
		.remedy_on = data_text(json, "remedy_on"),
		.caps_probes = json_is_true(json_object_get(json, "caps_"
								  "probes")),
		.severity = {
			[FEATURE_OFF] = severity_of(json, "severity_off",
						    SEVERITY_NOTE),
			[FEATURE_UNKNOWN] = severity_of(json,
							"severity_unknown",
							SEVERITY_WARNING),
			[FEATURE_ON] = severity_of(json, "severity_on",
						   SEVERITY_ERROR),
		},
	};
}

enum faults_feature faults_feature_of(const struct facts_nic *nic,
				      const char *name)
{
	size_t i;

	if (!nic->has_features)
		return FEATURE_UNKNOWN;
	for (i = 0; i < nic->n_features; i++) {
		if (strcmp(nic->features[i].name, name) == 0)
			return nic->features[i].is_on ? FEATURE_ON
						      : FEATURE_OFF;
	}
	return FEATURE_OFF;
}

void faults_each(const struct doctor_data *data, const struct faults_kernel *k,
		 faults_fn *fn, void *arg)
{
	const json_t *build;
	struct fault fault;
	json_t *json;
	size_t i;

	if (!k->release[0])
		return;
	json_array_foreach(data->kernels, i, json) {
		build = find_build(json, k);
		if (!build)
			continue;
		take_fault(json, build, &fault);
		fn(arg, &fault);
	}
}

struct capping {
	const struct facts_nic *nic;
	enum faults_feature state;
	struct fault fault;
	bool is_found;
};

static void find_capping(void *arg, const struct fault *fault)
{
	struct capping *c = arg;

	if (c->is_found || !fault->caps_probes)
		return;
	c->state = FEATURE_UNKNOWN;
	if (!fault->feature[0])
		c->state = FEATURE_ON;
	else if (c->nic)
		c->state = faults_feature_of(c->nic, fault->feature);
	c->fault = *fault;
	c->is_found = c->state != FEATURE_OFF;
}

static void say_why(const struct faults_kernel *k, const struct capping *c,
		    struct error *why)
{
	const char *ifname = c->nic ? c->nic->ifname : "the network card";
	char remedy[256];

	if (c->fault.feature[0])
		error_set(why, "unsafe-kernel",
			  "kernel %s: %s, and %s of %s %s: no probe is longer "
			  "than the base size",
			  k->release, c->fault.title, c->fault.feature, ifname,
			  c->state == FEATURE_ON ? "is on" : "cannot be read");
	else
		error_set(why, "unsafe-kernel",
			  "kernel %s: %s: no probe is longer than the base "
			  "size",
			  k->release, c->fault.title);
	data_remedy(c->fault.remedy_on, ifname, remedy, sizeof(remedy));
	error_hint(why, "%s%s%s", remedy,
		   remedy[0] ? ", and restart fastdpd; or " : "",
		   c->fault.remedy);
}

bool faults_capping(const struct doctor_data *data,
		    const struct faults_kernel *k, const struct facts_nic *nic,
		    struct error *why)
{
	struct capping c = { .nic = nic };

	faults_each(data, k, find_capping, &c);
	if (c.is_found)
		say_why(k, &c, why);
	return c.is_found;
}
