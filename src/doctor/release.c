/* SPDX-License-Identifier: Apache-2.0 */
#include "release.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The next number, and behind it. False: there is none. */
static bool next_number(const char **text, unsigned long *ret)
{
	const char *p = *text;
	char *end;

	if (*p == '.' || *p == '-')
		p++;
	if (!is_digit(*p))
		return false;
	*ret = strtoul(p, &end, 10);
	*text = end;
	return true;
}

int release_compare(const char *a, const char *b)
{
	unsigned long x = 0, y = 0;
	bool has_a, has_b;

	do {
		has_a = next_number(&a, &x);
		has_b = next_number(&b, &y);
		if (has_a && has_b && x != y)
			return x < y ? -1 : 1;
	} while (has_a && has_b);
	if (has_a != has_b)
		return has_a ? 1 : -1;
	return (strncmp(b, "-rc", 3) == 0) - (strncmp(a, "-rc", 3) == 0);
}
