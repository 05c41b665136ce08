/* SPDX-License-Identifier: Apache-2.0 */
#include "data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/cleanup.h"
#include "sys/textfile.h"

#define FORMAT 1

static void set_problem(struct doctor_data *d, const char *file,
			const char *what)
{
	snprintf(d->problem, sizeof(d->problem), "%.256s/%s: %.160s",
		 d->directory, file, what);
}

/* The array under @key of a document of our format; NULL: it is none. */
static json_t *take(const char *text, const char *key, const char **ret_why)
{
	static char why[JSON_ERROR_TEXT_LENGTH];
	json_error_t error;
	json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	json_t *list = json_object_get(document, key);

	*ret_why = why;
	if (!document)
		snprintf(why, sizeof(why), "line %d: %.100s", error.line,
			 error.text);
	else if (json_integer_value(json_object_get(document, "format")) !=
		 FORMAT)
		*ret_why = "\"format\" is not 1";
	else if (!json_is_array(list))
		*ret_why = "it has no list of what it should have";
	else
		*ret_why = NULL;
	json_incref(list);
	json_decref(document);
	if (!*ret_why)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *load(struct doctor_data *d, const char *file, const char *key,
		    const char *builtin)
{
	CLEAN_FREE char *text = malloc(DATA_MAX_FILE);
	json_t *list = NULL;
	const char *why;
	char path[300];
	int rc;

	if (!text)
		abort();
	snprintf(path, sizeof(path), "/%s", file);
	rc = textfile_read(d->directory, path, text, DATA_MAX_FILE);
	if (rc == 0)
		list = take(text, key, &why);
	else
		why = strerror(-rc);
	if (list)
		return list;
	if (rc != -ENOENT && rc != -ENOTDIR)
		set_problem(d, file, why);
	list = take(builtin, key, &why);
	return list ? list : json_array();
}

void data_load(const char *directory, struct doctor_data *ret)
{
	const char *variable = getenv(DATA_DIR_VARIABLE);

	memset(ret, 0, sizeof(*ret));
	if (!directory)
		directory = variable && variable[0] ? variable
						    : builtin_directory;
	snprintf(ret->directory, sizeof(ret->directory), "%s", directory);
	ret->kernels = load(ret, "kernels.json", "faults", builtin_kernels);
	ret->features = load(ret, "nic-features.json", "features",
			     builtin_nic_features);
}

void data_free(struct doctor_data *d)
{
	json_decref(d->kernels);
	json_decref(d->features);
	memset(d, 0, sizeof(*d));
}

const char *data_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

void data_remedy(const char *text, const char *nic, char *ret, size_t size)
{
	static const char place[] = "{nic}";
	const char *hole = strstr(text, place);

	if (hole)
		snprintf(ret, size, "%.*s%s%s", (int)(hole - text), text, nic,
			 hole + strlen(place));
	else
		snprintf(ret, size, "%s", text);
}
