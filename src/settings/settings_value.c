/* SPDX-License-Identifier: Apache-2.0 */
#include "settings_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/addr.h"

int value_bad(struct error *e, const char *key, const char *value,
	      const char *wanted)
{
	error_set(e, "invalid", "%s: '%.100s' is not %s", key, value, wanted);
	return error_hint(e, "see fastdpd --help, or fastdpd.conf(5)");
}

int value_copy(char *dst, size_t size, const char *key, const char *value,
	       struct error *e)
{
	if (!*value || strlen(value) >= size)
		return value_bad(e, key, value, "a text of usable length");
	strcpy(dst, value);
	return 0;
}

int value_number(const char *key, const char *value, unsigned long min,
		 unsigned long max, uint32_t *ret, struct error *e)
{
	char *end, wanted[64];
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || end == value || *end || *value == '-' || n < min ||
	    n > max) {
		snprintf(wanted, sizeof(wanted), "a number from %lu to %lu",
			 min, max);
		return value_bad(e, key, value, wanted);
	}
	*ret = (uint32_t)n;
	return 0;
}

int value_port(const char *key, const char *value, uint16_t *ret,
	       struct error *e)
{
	return addr_parse_port(value, ret)
		       ? 0
		       : value_bad(e, key, value, "a port from 1 to 65535");
}

int value_boolean(const char *key, const char *value, bool *ret,
		  struct error *e)
{
	static const char *const yes[] = { "", "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(value, yes[i]) == 0) {
			*ret = true;
			return 0;
		}
	}
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (strcmp(value, no[i]) == 0) {
			*ret = false;
			return 0;
		}
	}
	return value_bad(e, key, value, "yes or no");
}
