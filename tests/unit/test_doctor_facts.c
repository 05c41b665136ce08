/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Facts as JSON, right and wrong; data files and what replaces them; releases
 * of kernels in order; findings within their limits.
 */

#include "doctor/facts_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "doctor/faults.h"
#include "doctor/release.h"
#include "doctor/rules.h"
#include "sys/error.h"

static void put(const char *directory, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_release(void **state)
{
	static const char *const order[] = {
		"2.6.15",
		"2.6.32-431.el6.x86_64",
		"3.10",
		"3.10.0",
		"3.10.0-123.el7.x86_64",
		"3.10.0-123.20.1.el7.x86_64",
		"3.10.0-229",
		"3.10.0-229.el7.x86_64",
		"3.10.0-1160.el7.x86_64",
		"3.13-rc1",
		"3.13",
		"3.13.0-24-generic",
		"4.18.0-477.el8",
		"5.2",
		"6.12.1",
		"10.0",
	};
	const size_t n = sizeof(order) / sizeof(order[0]);
	size_t i, j;

	(void)state;
	for (i = 0; i < n; i++) {
		for (j = i + 1; j < n; j++) {
			/* Words behind the numbers do not count. */
			if (strcmp(order[j], "3.10.0-229.el7.x86_64") == 0 &&
			    j == i + 1)
				continue;
			if (release_compare(order[i], order[j]) >= 0 ||
			    release_compare(order[j], order[i]) <= 0)
				fail_msg("%s < %s", order[i], order[j]);
		}
	}
	assert_int_equal(release_compare("3.10.0-229", "3.10.0-229.el7"), 0);
	assert_int_equal(release_compare("", ""), 0);
	assert_int_equal(release_compare("", "1"), -1);
	assert_int_equal(release_compare("x", "y"), 0);
	assert_int_equal(release_compare("99999999999999999999999", "2"), 1);
}

static int read_facts(const char *text, struct error *e)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	struct facts *f = facts_new();
	int rc;

	assert_non_null(json);
	error_clear(e);
	rc = facts_from_json(json, f, e);
	json_decref(json);
	facts_destroy(f);
	return rc;
}

static void test_wrong_facts(void **state)
{
	static const struct {
		const char *json, *word;
	} bad[] = {
		{ "[]", "object" },
		{ "7", "object" },
		{ "{\"release\": 5}", "release" },
		{ "{\"is_elsewhere\": 1}", "is_elsewhere" },
		{ "{\"vxlan_port\": -1}", "vxlan_port" },
		{ "{\"vxlan_port\": 4294967296}", "vxlan_port" },
		{ "{\"vxlan_port\": 1.5}", "vxlan_port" },
		{ "{\"links\": {}}", "links" },
		{ "{\"links\": [5]}", "links[0]" },
		{ "{\"links\": [{}, {\"mtu\": \"x\"}]}", "links[1]" },
		{ "{\"nics\": [{\"features\": [{\"name\": 1}]}]}", "name" },
		{ "{\"daemon\": []}", "object" },
		{ "{\"links\": [{\"ifname\": \"0123456789012345678901234567890"
		  "1234567890123456789\"}]}",
		  "too long" },
	};
	struct error e = { .code = "" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_facts(bad[i].json, &e), -1);
		if (!strstr(e.message, bad[i].word))
			fail_msg("%s: %s", bad[i].json, e.message);
	}
	assert_int_equal(read_facts("{}", &e), 0);
	assert_int_equal(read_facts("{\"of_later\": [1], \"links\": []}", &e),
			 0);
}

static void test_long_list(void **state)
{
	json_t *json = json_object(), *list = json_array();
	struct error e = { .code = "" };
	struct facts *f = facts_new();
	struct facts_prefix *prefix;
	size_t i;

	(void)state;
	for (i = 0; i <= FACTS_MAX_LIST; i++)
		json_array_append_new(list, json_object());
	json_object_set_new(json, "routes", list);
	assert_int_equal(facts_from_json(json, f, &e), -1);
	assert_non_null(strstr(e.message, "too long a list"));
	assert_int_equal(f->n_routes, FACTS_MAX_LIST);
	prefix = FACTS_ADD(f, routes);
	assert_null(prefix);
	json_decref(json);
	facts_destroy(f);
}

/* A name of bytes that are no UTF-8 is written all the same. */
static void test_odd_bytes(void **state)
{
	struct facts *f = facts_new();
	struct facts_link *link = FACTS_ADD(f, links);
	struct findings findings = { .n = 0 };
	struct finding *item;
	json_t *json;

	(void)state;
	FACTS_SET(link->ifname, "eth\xff");
	json = facts_to_json(f);
	assert_non_null(json);
	assert_string_equal(
		data_text(json_array_get(json_object_get(json, "links"), 0),
			  "ifname"),
		"eth?");
	json_decref(json);
	item = findings_add(&findings, GROUP_NIC, SEVERITY_NOTE, "x", "\xc3");
	finding_title(item, "%s", link->ifname);
	json = findings_to_json(&findings);
	assert_string_equal(data_text(json_array_get(json, 0), "subject"), "?");
	assert_string_equal(data_text(json_array_get(json, 0), "title"),
			    "eth?");
	json_decref(json);
	findings_free(&findings);
	facts_destroy(f);
}

static void test_findings_are_bounded(void **state)
{
	struct findings f = { .n = 0 };
	struct finding *item;
	char id[FINDINGS_MAX][8];
	size_t i;

	(void)state;
	for (i = 0; i < 2 * FINDINGS_MAX; i++) {
		snprintf(id[i % FINDINGS_MAX], sizeof(id[0]), "%zu",
			 i % FINDINGS_MAX);
		item = findings_add(&f, GROUP_NIC, SEVERITY_NOTE,
				    id[i % FINDINGS_MAX], NULL);
		finding_title(item, "%0300d", 7);
		finding_evidence(item, "%0900d", 7);
		finding_evidence(item, "more");
	}
	assert_int_equal(f.n, FINDINGS_MAX);
	assert_int_equal(f.n_left_out, FINDINGS_MAX);
	assert_int_equal(f.worst, SEVERITY_NOTE);
	findings_add(&f, GROUP_KERNEL, SEVERITY_ERROR, "one", NULL);
	assert_int_equal(f.worst, SEVERITY_ERROR);
	findings_sort(&f);
	findings_free(&f);
}

static void test_severities(void **state)
{
	enum severity s = SEVERITY_OK;

	(void)state;
	assert_true(severity_parse("note", &s));
	assert_int_equal(s, SEVERITY_NOTE);
	assert_false(severity_parse("info", &s));
	assert_false(severity_parse(NULL, &s));
	assert_int_equal(s, SEVERITY_NOTE);
	assert_string_equal(severity_text(SEVERITY_WARNING), "warning");
}

static void judge_6_1(const struct doctor_data *data, struct findings *ret)
{
	struct facts *f = facts_new();

	FACTS_SET(f->release, "6.1.0-18-amd64");
	memset(ret, 0, sizeof(*ret));
	rules_judge(f, data, ret);
	facts_destroy(f);
}

/* An operator's file says that 6.1 has a fault, and of no other. */
static void test_replaced_data(void **state)
{
	char directory[] = "/tmp/test_doctor_facts.XXXXXX";
	struct findings findings;
	struct doctor_data data;

	(void)state;
	assert_non_null(mkdtemp(directory));
	put(directory, "kernels.json",
	    "{\"format\": 1, \"faults\": [{\"id\": \"mine\", \"title\": \"t\","
	    " \"severity_off\": \"error\", \"consequence\": \"c\", \"remedy\":"
	    " \"r\", \"builds\": [{\"name\": \"n\", \"release\": \"6.1.*\"}]}"
	    "]}");
	data_load(directory, &data);
	assert_string_equal(data.problem, "");
	judge_6_1(&data, &findings);
	assert_int_equal(findings.worst, SEVERITY_ERROR);
	assert_string_equal(findings.list[0].id, "mine");
	findings_free(&findings);
	data_free(&data);
	assert_int_equal(setenv(DATA_DIR_VARIABLE, directory, 1), 0);
	data_load(NULL, &data);
	assert_string_equal(data.directory, directory);
	assert_int_equal(json_array_size(data.kernels), 1);
	data_free(&data);
	assert_int_equal(unsetenv(DATA_DIR_VARIABLE), 0);
	put(directory, "kernels.json", "");
	assert_int_equal(chdir(directory), 0);
	assert_int_equal(unlink("kernels.json"), 0);
	assert_int_equal(rmdir(directory), 0);
}

/* What cannot be used is told, and what was built in stands in for it. */
static void test_broken_data(void **state)
{
	static const char *const broken[] = {
		"",
		"{",
		"[]",
		"{\"format\": 2, \"faults\": []}",
		"{\"format\": 1, \"faults\": {}}",
		"{\"format\": 1, \"format\": 1, \"faults\": []}",
	};
	char directory[] = "/tmp/test_doctor_facts.XXXXXX";
	struct findings findings;
	struct doctor_data data;
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(directory));
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		put(directory, "kernels.json", broken[i]);
		data_load(directory, &data);
		assert_non_null(strstr(data.problem, "kernels.json"));
		assert_int_equal(json_array_size(data.kernels), 3);
		judge_6_1(&data, &findings);
		assert_int_equal(findings.worst, SEVERITY_WARNING);
		findings_free(&findings);
		data_free(&data);
	}
	assert_int_equal(chdir(directory), 0);
	assert_int_equal(unlink("kernels.json"), 0);
	assert_int_equal(rmdir(directory), 0);
}

/* Parts that are absent or of another type hurt nobody. */
static void test_odd_data(void **state)
{
	struct facts *f = facts_new();
	struct facts_nic *nic = FACTS_ADD(f, nics);
	struct findings findings = { .n = 0 };
	struct doctor_data data = { .problem = "" };
	struct facts_feature *feature;

	(void)state;
	FACTS_SET(f->release, "6.1");
	FACTS_SET(nic->ifname, "eth0");
	nic->has_features = true;
	feature = FACTS_ADD(nic, features);
	FACTS_SET(feature->name, "x");
	data.kernels = json_loads("[5, {}, {\"builds\": {}}, {\"builds\": [7, "
				  "{\"release\": 5, \"os\": [4]}, {\"since\": "
				  "[]}]}]",
				  0, NULL);
	data.features = json_loads("[5, {}, {\"name\": \"x\", \"want\": true, "
				   "\"or\": [5], \"severity\": \"?\"}]",
				   0, NULL);
	assert_non_null(data.kernels);
	assert_non_null(data.features);
	rules_judge(f, &data, &findings);
	assert_true(findings.worst <= SEVERITY_NOTE);
	findings_free(&findings);
	data_free(&data);
	facts_destroy(f);
}

/* The files of the tree are what the program has built in. */
static void test_data_of_the_tree(void **state)
{
	const char *top = getenv("FASTDP_SRCDIR");
	struct doctor_data built_in, tree;
	char directory[512];

	(void)state;
	snprintf(directory, sizeof(directory), "%s/data/doctor",
		 top ? top : ".");
	assert_int_equal(access(directory, R_OK), 0);
	data_load("/nonexistent", &built_in);
	data_load(directory, &tree);
	assert_string_equal(built_in.problem, "");
	assert_string_equal(tree.problem, "");
	assert_true(json_equal(built_in.kernels, tree.kernels));
	assert_true(json_equal(built_in.features, tree.features));
	assert_true(json_array_size(tree.features) > 5);
	data_free(&built_in);
	data_free(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_of_the_tree),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_wrong_facts),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_odd_bytes),
		cmocka_unit_test(test_findings_are_bounded),
		cmocka_unit_test(test_severities),
		cmocka_unit_test(test_replaced_data),
		cmocka_unit_test(test_broken_data),
		cmocka_unit_test(test_odd_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
