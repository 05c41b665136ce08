/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Verdicts over hosts that are written down: tests/unit/doctor/cases.json says
 * what differs from host.json, and each finding that this must make.
 */

#include "doctor/rules.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/chain.h"
#include "doctor/facts_json.h"
#include "sys/error.h"

static json_t *host, *cases;
static json_t *made; /* ids of the findings of all cases */
static struct doctor_data data;

static json_t *load(const char *name)
{
	const char *top = getenv("FASTDP_SRCDIR");
	json_error_t error;
	char path[512];
	json_t *json;

	snprintf(path, sizeof(path), "%s/tests/unit/doctor/%s", top ? top : ".",
		 name);
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		fail_msg("%s, line %d: %s", path, error.line, error.text);
	return json;
}

/* What @token names in @at: of a list one more, when it is as long as that. */
static json_t *step(json_t *at, const char *token)
{
	size_t i = strtoul(token, NULL, 10);
	json_t *next;

	if (json_is_array(at)) {
		if (json_array_size(at) == i)
			json_array_append_new(at, json_object());
		next = json_array_get(at, i);
	} else {
		next = json_object_get(at, token);
		if (!next)
			json_object_set_new(at, token, json_object());
		next = json_object_get(at, token);
	}
	assert_non_null(next);
	return next;
}

/* "links.1.mtu" */
static void set_value(json_t *facts, const char *path, json_t *value)
{
	char copy[128], *rest, *token, *next;
	json_t *at = facts;

	snprintf(copy, sizeof(copy), "%s", path);
	token = strtok_r(copy, ".", &rest);
	while ((next = strtok_r(NULL, ".", &rest))) {
		at = step(at, token);
		token = next;
	}
	if (json_is_array(at)) {
		step(at, token);
		json_array_set(at, strtoul(token, NULL, 10), value);
	} else {
		json_object_set(at, token, value);
	}
}

static struct facts *facts_of(const json_t *json)
{
	const bool is_bare = json_object_get(json, "base");
	json_t *facts = is_bare ? json_object() : json_deep_copy(host);
	struct error e = { .code = "" };
	struct facts *f = facts_new();
	const char *path;
	json_t *value;

	json_object_foreach(json_object_get(json, "set"), path, value)
		set_value(facts, path, value);
	if (facts_from_json(facts, f, &e))
		fail_msg("%s: %s", data_text(json, "name"), e.message);
	json_decref(facts);
	return f;
}

/* "error nic-lro eth0": those that are worse than "ok". */
static json_t *brief(const struct findings *f)
{
	json_t *list = json_array();
	char text[256];
	size_t i;

	for (i = 0; i < f->n; i++) {
		const struct finding *item = &f->list[i];

		if (item->severity == SEVERITY_OK)
			continue;
		snprintf(text, sizeof(text), "%s %s%s%s",
			 severity_text(item->severity), item->id,
			 item->subject[0] ? " " : "", item->subject);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static bool has_line(const json_t *list, const char *line)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		if (strcmp(json_string_value(item), line) == 0)
			return true;
	}
	return false;
}

static void check_all_in(const json_t *these, const json_t *those,
			 const char *name, const char *why)
{
	json_t *item;
	size_t i;

	json_array_foreach(these, i, item) {
		if (!has_line(those, json_string_value(item)))
			fail_msg("%s: \"%s\" %s", name, json_string_value(item),
				 why);
	}
}

static void check_finding(const struct finding *f, const char *name)
{
	if (!f->id[0] || !f->title[0])
		fail_msg("%s: a finding without a name", name);
	if (f->severity != SEVERITY_OK &&
	    (!f->evidence[0] || !f->consequence[0] || !f->remedy[0]))
		fail_msg("%s: %s %s lacks a part", name, f->id, f->subject);
	if (strchr(f->remedy, '{') || strchr(f->title, '\n'))
		fail_msg("%s: %s: \"%s\"", name, f->id, f->remedy);
	/* Whoever does as he is told must still reach the host. */
	if (strstr(f->remedy, "route del") || strstr(f->remedy, "addr del"))
		fail_msg("%s: %s cuts off: \"%s\"", name, f->id, f->remedy);
}

static void check_case(const json_t *json)
{
	const json_t *expected = json_object_get(json, "expect");
	const json_t *capped = json_object_get(json, "capped");
	const char *name = data_text(json, "name");
	struct findings findings = { .n = 0 };
	struct facts *f = facts_of(json);
	struct error why = { .code = "" };
	json_t *found;
	size_t i;

	rules_judge(f, &data, &findings);
	found = brief(&findings);
	check_all_in(expected, found, name, "is missing");
	check_all_in(found, expected, name, "is too much");
	assert_int_equal(json_array_size(found), json_array_size(expected));
	for (i = 0; i < findings.n; i++) {
		check_finding(&findings.list[i], name);
		json_object_set_new(made, findings.list[i].id, json_true());
		assert_true(findings.list[i].severity <= findings.worst);
	}
	if (capped && rules_is_capped(f, &data, &why) != json_is_true(capped))
		fail_msg("%s: capped is not %d", name, json_is_true(capped));
	assert_int_equal(error_is_set(&why), json_is_true(capped));
	json_decref(found);
	findings_free(&findings);
	facts_destroy(f);
}

static void test_cases(void **state)
{
	json_t *json;
	size_t i;

	(void)state;
	assert_true(json_array_size(cases) > 60);
	json_array_foreach(cases, i, json)
		check_case(json);
}

/* Each word in quotes from @p up to one of @stops: of a call, say. */
static size_t check_words(const char *p, const char *stops, const char *path)
{
	const char *end = strpbrk(p, stops), *close;
	char id[64];
	size_t n = 0;

	assert_non_null(end);
	for (; (p = strchr(p, '"')) && p < end; p = close + 1) {
		close = strchr(p + 1, '"');
		assert_non_null(close);
		assert_true(close - p < (ptrdiff_t)sizeof(id));
		snprintf(id, sizeof(id), "%.*s", (int)(close - p - 1), p + 1);
		/* A word that is asked for, no id; and test_doctor.py's. */
		if (!strcmp(id, "yes") || !strcmp(id, "data"))
			continue;
		if (!json_object_get(made, id))
			fail_msg("%s: no case makes \"%s\"", path, id);
		n++;
	}
	return n;
}

static size_t check_source(const char *directory, const char *name)
{
	char path[768], *text, *p;
	size_t n = 0, size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "r");
	assert_non_null(f);
	text = calloc(1, 1 << 20);
	assert_non_null(text);
	size = fread(text, 1, (1 << 20) - 1, f);
	assert_true(size > 0 && feof(f));
	fclose(f);
	for (p = text; (p = strstr(p, "findings_add(")); p++)
		n += check_words(p, ";", path);
	/* Counters that are findings when they grow: a table. */
	p = strcmp(name, "rules_daemon.c") == 0 ? text : text + size;
	for (; (p = strstr(p, "{ \"daemon.")); p++)
		n += check_words(p, ",", path);
	free(text);
	return n;
}

/* What the code can find some case has: a new one needs a new case. */
static void test_every_finding(void **state)
{
	const char *top = getenv("FASTDP_SRCDIR");
	struct dirent *entry;
	char directory[400];
	json_t *rule;
	size_t i, n = 0;
	DIR *dir;

	(void)state;
	snprintf(directory, sizeof(directory), "%s/src/doctor",
		 top ? top : ".");
	dir = opendir(directory);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (dot && strcmp(dot, ".c") == 0 &&
		    strncmp(entry->d_name, "rules", 5) == 0)
			n += check_source(directory, entry->d_name);
	}
	closedir(dir);
	assert_true(n > 60);
	/* Those whose names are data. */
	json_array_foreach(data.kernels, i, rule)
		if (!json_object_get(made, data_text(rule, "id")))
			fail_msg("no case makes %s", data_text(rule, "id"));
	json_array_foreach(data.features, i, rule)
		if (json_is_true(json_object_get(rule, "want")) == 0 &&
		    !json_object_get(made, data_text(rule, "name")))
			fail_msg("no case makes %s", data_text(rule, "name"));
}

static const json_t *find_case(const char *name)
{
	json_t *json;
	size_t i;

	json_array_foreach(cases, i, json) {
		if (strcmp(data_text(json, "name"), name) == 0)
			return json;
	}
	fail_msg("no case %s", name);
	return NULL;
}

static const struct finding *find_finding(const struct findings *f,
					  const char *id)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		if (strcmp(f->list[i].id, id) == 0)
			return &f->list[i];
	}
	fail_msg("no finding %s", id);
	abort();
}

/* What the operator is to type names what is there. */
static const struct {
	const char *name, *id, *remedy, *evidence;
} remedies[] = {
	{ "centos-7.0-ufo-on", "ufo", "ethtool -K eth0 ufo off",
	  "3.10.0-123.el7.x86_64" },
	{ "linux-6.8-lro-on", "rx-lro", "ethtool -K eth0 lro off",
	  "virtio_net" },
	{ "bridge-above-nic", "mtu-step", "ip link set eth0 mtu 1500",
	  "bridge br0 1500 > eth0 1400" },
	{ "bridge-below-nic", "mtu-chain-narrow", "ip link set br0 mtu 9000",
	  "lowest is br0" },
	{ "veth-unequal", "mtu-veth", "ip -n NETNS link set eth0 mtu", "1450" },
	{ "veth-pair-here", "mtu-veth", "ip link set v", "va " },
	{ "peer-sleeve-back", "peer-sleeve", "wait", "fastdp is up" },
	{ "peer-bridge", "peer-bridge", "on host2: 'modprobe",
	  "the peer has no kernel datapath" },
	{ "peer-stale-v6", "mtu-kernel", "ip -6 route flush cache", "1280" },
	{ "fragments-lost-v6", "fragments-lost", "ip6[6] = 44", "80" },
	{ "vxlan-other-down", "vxlan-other", "ip link delete vx9", "is down" },
	{ "mtu-fixed-too-large", "mtu-overlay", "at most 1450",
	  "1500 (--mtu) and 50" },
	{ "mtu-v6", "mtu-overlay", "1520", "70 of headers" },
	{ "port-taken-vxlan", "port-taken", "ip link delete flannel.1",
	  "the VXLAN device flannel.1" },
	{ "port-taken-weave", "port-taken", "ss -tlnp sport = :6783",
	  "weaver (pid 12)" },
	{ "vxlan-down", "vxlan-down", "ip link set fastdp-vx up", "6784" },
	{ "fragments-limit", "fragments-limit",
	  "sysctl -w net/ipv4/ipfrag_high_thresh=4194304", "65536" },
	{ "fragments-lost", "fragments-lost", "tcpdump", "90, 80 of them" },
	{ "nic-wedged", "nic-wedged", "stop fastdpd", "sent 12 packets by it" },
	{ "peer-stale", "mtu-kernel", "ip route flush cache", "552" },
	{ "peer-narrow", "mtu-peer", "tracepath -n 192.0.2.2",
	  "tried: 1200 1500- 1400" },
	{ "peer-sleeve", "peer-sleeve", "open UDP 6784",
	  "heartbeats are not answered" },
	{ "block-leased-full", "block-full", "nothing; when",
	  "254 of 254 given, store etcd" },
	{ "store-unreachable", "block-store", "reached from here",
	  "for 20 s more" },
	{ "store-old", "block-store", "fastdpctl ipam reclaim",
	  "older than what was given out" },
	{ "block-declared-full", "block-full", "a further block",
	  "store declared" },
	{ "container-smaller", "mtu-smaller",
	  "ip -n NETNS link set eth0 mtu 1450", "container 1200" },
	{ "sandbox", "config", "fastdpd --help; then systemctl",
	  "fastdpd.conf:3: [daemon] has an unknown key" },
	{ "config-none", "config-none",
	  "install -D -m 644 /usr/share/doc/fastdp/fastdpd.conf ",
	  "there is no /etc" },
	{ "config-none", "daemon-down", "first what is said of its",
	  "listens" },
	{ "ranges", "range-route", "a route by eth0", "10.0.0.0/8" },
};

static void test_remedies(void **state)
{
	struct findings findings;
	const struct finding *item;
	struct facts *f;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
		memset(&findings, 0, sizeof(findings));
		f = facts_of(find_case(remedies[i].name));
		rules_judge(f, &data, &findings);
		item = find_finding(&findings, remedies[i].id);
		if (!strstr(item->remedy, remedies[i].remedy))
			fail_msg("%s: do \"%s\"", remedies[i].name,
				 item->remedy);
		if (!strstr(item->evidence, remedies[i].evidence))
			fail_msg("%s: seen \"%s\"", remedies[i].name,
				 item->evidence);
		findings_free(&findings);
		facts_destroy(f);
	}
}

static void test_capped_says_why(void **state)
{
	struct facts *f = facts_of(find_case("centos-7.0-ufo-on"));
	struct error why = { .code = "" };

	(void)state;
	assert_true(rules_is_capped(f, &data, &why));
	assert_string_equal(why.code, "unsafe-kernel");
	assert_non_null(strstr(why.message, "3.10.0-123.el7.x86_64"));
	assert_non_null(strstr(why.message, "eth0"));
	assert_non_null(strstr(why.hint, "ethtool -K eth0 ufo off"));
	assert_true(rules_is_capped(f, &data, NULL));
	facts_destroy(f);
}

/* No card is known: of a kernel with the fault the worst is believed. */
static void test_capped_without_cards(void **state)
{
	struct facts *f = facts_of(find_case("centos-7.0-ufo-off"));
	const size_t n = f->n_nics;

	(void)state;
	assert_false(rules_is_capped(f, &data, NULL));
	f->n_nics = 0;
	assert_true(rules_is_capped(f, &data, NULL));
	FACTS_SET(f->release, "6.1.0");
	assert_false(rules_is_capped(f, &data, NULL));
	FACTS_SET(f->release, "");
	assert_false(rules_is_capped(f, &data, NULL));
	f->n_nics = n;
	facts_destroy(f);
}

/* A second card, not the first, has it on. */
static void test_capped_by_any_card(void **state)
{
	struct facts *f = facts_of(find_case("centos-7.0-ufo-off"));
	struct error why = { .code = "" };
	struct facts_nic *nic = FACTS_ADD(f, nics);
	struct facts_feature *feature;

	(void)state;
	FACTS_SET(nic->ifname, "eth1");
	nic->has_features = true;
	feature = FACTS_ADD(nic, features);
	FACTS_SET(feature->name, "tx-udp-fragmentation");
	assert_false(rules_is_capped(f, &data, NULL));
	feature->is_on = true;
	assert_true(rules_is_capped(f, &data, &why));
	assert_non_null(strstr(why.hint, "eth1"));
	facts_destroy(f);
}

static void test_chain(void **state)
{
	struct facts *f = facts_of(find_case("vlan-bond"));
	struct chain c;
	char text[128];

	(void)state;
	chain_of(f, "vlan7", &c);
	assert_string_equal(chain_print(&c, text, sizeof(text)),
			    "vlan vlan7 1500 > bond bond0 1500 > eth0 1500 > "
			    "eth1 1400");
	assert_string_equal(chain_lowest(&c)->ifname, "eth1");
	assert_false(chain_is_nic(&c, 0));
	assert_false(chain_is_nic(&c, 1));
	assert_true(chain_is_nic(&c, 2));
	assert_true(chain_is_nic(&c, 3));
	chain_print(&c, text, 12);
	assert_string_equal(text, "vlan vlan7 ");
	chain_of(f, "nothing", &c);
	assert_int_equal(c.n, 0);
	assert_null(chain_lowest(&c));
	/* Links that are below each other end somewhere. */
	FACTS_SET(f->links[1].lower, "vlan7");
	chain_of(f, "vlan7", &c);
	assert_int_equal(c.n, 4);
	facts_destroy(f);
}

static void test_order(void **state)
{
	struct facts *f = facts_of(find_case("port-taken-weave"));
	struct findings findings = { .n = 0 };
	size_t i;

	(void)state;
	rules_judge(f, &data, &findings);
	assert_int_equal(findings.worst, SEVERITY_ERROR);
	assert_int_equal(findings.list[0].group, GROUP_PORTS);
	for (i = 1; i < findings.n; i++) {
		if (findings.list[i].group == findings.list[i - 1].group)
			assert_true(findings.list[i].severity <=
				    findings.list[i - 1].severity);
	}
	findings_free(&findings);
	facts_destroy(f);
}

/* A thousand bad peers: bounded, counted, and the worst is not forgotten. */
static void test_many(void **state)
{
	struct facts *f = facts_of(find_case("healthy"));
	struct findings findings = { .n = 0 };
	struct facts_peer *peer;
	size_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		peer = FACTS_ADD(f, peers);
		snprintf(peer->name, sizeof(peer->name), "id%zu", i + 10);
		FACTS_SET(peer->state, i == 999 ? "down" : "connecting");
		FACTS_SET(peer->path, i == 999 ? "none" : "fastdp");
	}
	rules_judge(f, &data, &findings);
	assert_int_equal(findings.worst, SEVERITY_ERROR);
	assert_true(findings.n < 100);
	assert_int_equal(findings.n_left_out, 999 - FINDINGS_MAX_SAME);
	findings_free(&findings);
	facts_destroy(f);
}

static int set_up(void **state)
{
	(void)state;
	host = load("host.json");
	cases = load("cases.json");
	made = json_object();
	unsetenv(DATA_DIR_VARIABLE);
	data_load("/nonexistent", &data); /* the program's own */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	json_decref(host);
	json_decref(cases);
	json_decref(made);
	data_free(&data);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_finding),
		cmocka_unit_test(test_remedies),
		cmocka_unit_test(test_capped_says_why),
		cmocka_unit_test(test_capped_without_cards),
		cmocka_unit_test(test_capped_by_any_card),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
