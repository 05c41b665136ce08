/* SPDX-License-Identifier: Apache-2.0 */
#include "kmodule.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "textfile.h"

#define FOUND 1

/* '-' and '_' are one letter in names of modules. */
static bool is_same_name(const char *a, size_t n, const char *name)
{
	size_t i;

	if (strlen(name) != n)
		return false;
	for (i = 0; i < n; i++) {
		if (a[i] != name[i] &&
		    !(strchr("-_", a[i]) && strchr("-_", name[i])))
			return false;
	}
	return true;
}

/* "openvswitch 176128 0 - Live 0x0" */
static int match_loaded(void *arg, char *line)
{
	return is_same_name(line, strcspn(line, " "), arg) ? FOUND : 0;
}

/* "kernel/net/openvswitch/openvswitch.ko.xz: kernel/…" */
static int match_file(void *arg, char *line)
{
	const char *base, *end;

	line[strcspn(line, ":")] = '\0';
	base = strrchr(line, '/');
	base = base ? base + 1 : line;
	end = strstr(base, ".ko");
	return end && is_same_name(base, (size_t)(end - base), arg) ? FOUND : 0;
}

static bool is_in_sys(const char *root, const char *name)
{
	char path[PATH_MAX], *p;
	int n;

	n = snprintf(path, sizeof(path), "%s/sys/module/%s", root, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return false;
	for (p = strrchr(path, '/'); *p; p++) {
		if (*p == '-')
			*p = '_';
	}
	return access(path, F_OK) == 0;
}

enum kmodule_state kmodule_find(const char *root, const char *release,
				const char *name)
{
	union {
		const char *name;
		void *arg;
	} wanted = { .name = name };
	char path[160];
	int rc;

	if (is_in_sys(root, name) ||
	    textfile_lines(root, "/proc/modules", match_loaded, wanted.arg) ==
		    FOUND)
		return KMODULE_LOADED;
	snprintf(path, sizeof(path), "/lib/modules/%.100s/modules.builtin",
		 release);
	if (textfile_lines(root, path, match_file, wanted.arg) == FOUND)
		return KMODULE_LOADED;
	snprintf(path, sizeof(path), "/lib/modules/%.100s/modules.dep",
		 release);
	rc = textfile_lines(root, path, match_file, wanted.arg);
	if (rc == FOUND)
		return KMODULE_AVAILABLE;
	return rc ? KMODULE_UNKNOWN : KMODULE_ABSENT;
}

const char *kmodule_state_text(enum kmodule_state state)
{
	switch (state) {
	case KMODULE_LOADED:
		return "loaded";
	case KMODULE_AVAILABLE:
		return "available";
	case KMODULE_ABSENT:
		return "absent";
	case KMODULE_UNKNOWN:
		break;
	}
	return "unknown";
}
