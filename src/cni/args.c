/* SPDX-License-Identifier: Apache-2.0 */
#include "args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "sys/rtnl.h"
#include "sys/utf8.h"

static const char *const verb_names[N_CNI_VERBS] = {
	[CNI_ADD] = "ADD",	 [CNI_DEL] = "DEL",
	[CNI_CHECK] = "CHECK",	 [CNI_GC] = "GC",
	[CNI_STATUS] = "STATUS", [CNI_VERSION_VERB] = "VERSION",
};

const char *args_verb_name(enum cni_verb verb)
{
	return verb_names[verb];
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

int args_verb(struct cni_args *ret, struct cni_error *e)
{
	const char *text = variable("CNI_COMMAND");
	enum cni_verb v;

	memset(ret, 0, sizeof(*ret));
	if (!text) {
		cni_fail(e, CNI_ENVIRONMENT, "CNI_COMMAND is not set");
		return cni_detail(e, "this is a CNI plugin: container runtimes "
				     "run it; see fastdp(8)");
	}
	for (v = 0; v < N_CNI_VERBS; v++) {
		if (strcmp(verb_names[v], text) == 0) {
			ret->verb = v;
			return 0;
		}
	}
	return cni_fail(e, CNI_ENVIRONMENT,
			"CNI_COMMAND is \"%.32s\", which is no verb", text);
}

bool args_is_id(const char *text)
{
	static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789_.-";

	return text[0] && strspn(text, alnum) > 0 &&
	       strspn(text, all) == strlen(text);
}

static int check_present(const struct cni_args *args, struct cni_error *e)
{
	bool is_attachment = args->verb == CNI_ADD || args->verb == CNI_DEL ||
			     args->verb == CNI_CHECK;
	bool needs_netns = is_attachment && args->verb != CNI_DEL;
	char missing[64] = "";

	if (is_attachment && !args->container_id)
		strcat(missing, ", CNI_CONTAINERID");
	if (needs_netns && !args->netns)
		strcat(missing, ", CNI_NETNS");
	if (is_attachment && !args->ifname)
		strcat(missing, ", CNI_IFNAME");
	if (!missing[0])
		return 0;
	return cni_fail(e, CNI_ENVIRONMENT,
			"%s needs variables that are "
			"not set: %s",
			verb_names[args->verb], missing + 2);
}

static int check_values(const struct cni_args *args, struct cni_error *e)
{
	if (args->container_id && (!args_is_id(args->container_id) ||
				   strlen(args->container_id) > CNI_MAX_ID)) {
		cni_fail(e, CNI_ENVIRONMENT,
			 "CNI_CONTAINERID \"%.64s\" cannot be the id of a "
			 "container",
			 args->container_id);
		return cni_detail(e,
				  "1 to %u letters, digits, '_', '.' or "
				  "'-', the first a letter or digit",
				  CNI_MAX_ID);
	}
	if (args->ifname &&
	    (!rtnl_ifname_is_valid(args->ifname) ||
	     !utf8_is_valid(args->ifname) || strcmp(args->ifname, "lo") == 0))
		return cni_fail(e, CNI_ENVIRONMENT,
				"CNI_IFNAME \"%.64s\" cannot be the name of "
				"an interface",
				args->ifname);
	/* A name or number alone would be looked for in other places. */
	if (args->verb != CNI_DEL && args->netns && !strchr(args->netns, '/'))
		return cni_fail(e, CNI_ENVIRONMENT,
				"CNI_NETNS \"%.64s\" is no path", args->netns);
	if (args->verb != CNI_DEL && args->netns && !utf8_is_valid(args->netns))
		return cni_fail(e, CNI_ENVIRONMENT,
				"CNI_NETNS \"%.64s\" is not UTF-8",
				args->netns);
	return 0;
}

static bool is_true(const char *text)
{
	static const char *const yes[] = {
		"1", "t", "T", "true", "TRUE", "True"
	};
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(yes[i], text) == 0)
			return true;
	}
	return false;
}

/* "KEY=VALUE;KEY=VALUE". Keys of Kubernetes are for others. */
static int read_words(struct cni_args *args, const char *text,
		      struct cni_error *e)
{
	const char *unknown = NULL;
	bool ignores = false;
	char *word, *value, *rest;

	if (strlen(text) >= sizeof(args->words))
		return cni_fail(e, CNI_ENVIRONMENT,
				"CNI_ARGS is longer than %zu bytes",
				sizeof(args->words) - 1);
	strcpy(args->words, text);
	for (word = strtok_r(args->words, ";", &rest); word;
	     word = strtok_r(NULL, ";", &rest)) {
		value = strchr(word, '=');
		if (!value || value == word)
			return cni_fail(e, CNI_ENVIRONMENT,
					"CNI_ARGS has \"%.64s\", which is no "
					"KEY=VALUE",
					word);
		*value++ = '\0';
		if (strcasecmp(word, "IgnoreUnknown") == 0)
			ignores = is_true(value);
		else if (strcasecmp(word, "IP") == 0)
			args->ip = value[0] ? value : NULL;
		else if (strcasecmp(word, "MAC") == 0)
			args->mac = value[0] ? value : NULL;
		else if (strncmp(word, "K8S_", 4) != 0)
			unknown = word;
	}
	if (!unknown || ignores)
		return 0;
	cni_fail(e, CNI_ENVIRONMENT, "CNI_ARGS has the unknown key \"%.64s\"",
		 unknown);
	return cni_detail(e, "add IgnoreUnknown=1 to have it ignored");
}

int args_read(struct cni_args *args, struct cni_error *e)
{
	const char *words = variable("CNI_ARGS");

	args->container_id = variable("CNI_CONTAINERID");
	args->netns = variable("CNI_NETNS");
	args->ifname = variable("CNI_IFNAME");
	args->path = variable("CNI_PATH");
	/* These two are not about one container, whatever is set. */
	if (args->verb == CNI_GC || args->verb == CNI_STATUS)
		args->container_id = args->netns = args->ifname = NULL;
	if (check_present(args, e) || check_values(args, e))
		return -1;
	/* DEL takes away by id and name alone, and is not to fail on these. */
	if (words && (args->verb == CNI_ADD || args->verb == CNI_CHECK))
		return read_words(args, words, e);
	return 0;
}
