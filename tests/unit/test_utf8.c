/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "sys/utf8.h"

static void check(const char *text, const char *expected)
{
	json_t *json = utf8_to_json(text);

	assert_non_null(json);
	assert_string_equal(json_string_value(json), expected);
	json_decref(json);
}

static void test_valid(void **state)
{
	static const char *const texts[] = {
		"",	    "eth0",	    "a\x01",
		"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xa7",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(utf8_is_valid(texts[i]));
		check(texts[i], texts[i]);
	}
}

static void test_invalid(void **state)
{
	static const char *const texts[][2] = {
		{ "eth\xff", "eth?" },
		/* Cut in its last letter. */
		{ "5 \xe2\x82\xac, 6 \xe2\x82", "5 \xe2\x82\xac, 6 ??" },
		/* Whole letters around stay. */
		{ "\xc3\xa9\x80\xc3\xa9", "\xc3\xa9?\xc3\xa9" },
		/* A '/' in two bytes; half a pair; above the last one. */
		{ "\xc0\xaf", "??" },
		{ "\xed\xa0\x80", "???" },
		{ "\xf4\x90\x80\x80", "????" },
		{ "\xc3", "?" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_false(utf8_is_valid(texts[i][0]));
		check(texts[i][0], texts[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
