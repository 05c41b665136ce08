/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Readers of the system and the gathering of facts: over a directory that
 * stands for a host, over what a daemon says, and on this machine as it is.
 */

#include "doctor/gather.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "doctor/facts_json.h"
#include "doctor/gatherers.h"
#include "doctor/rules.h"
#include "sys/error.h"
#include "sys/ethtool.h"
#include "sys/genl_names.h"
#include "sys/kmodule.h"
#include "sys/osrelease.h"
#include "sys/procfd.h"
#include "sys/procnet.h"
#include "sys/sysctl.h"
#include "sys/textfile.h"

static char root[] = "/tmp/test_doctor_host.XXXXXX";

static void put(const char *path, const char *text)
{
	char whole[512], *slash;
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (slash = strchr(whole + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(whole, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	f = fopen(whole, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_textfile(void **state)
{
	char text[16], pipe[64];

	(void)state;
	put("/etc/short", "word\n");
	put("/etc/long", "a line that does not fit into sixteen\n");
	assert_int_equal(textfile_read(root, "/etc/short", text, sizeof(text)),
			 0);
	assert_string_equal(text, "word");
	assert_int_equal(textfile_read(root, "/etc/long", text, sizeof(text)),
			 0);
	assert_string_equal(text, "a line that doe");
	assert_int_equal(textfile_read(root, "/etc/none", text, sizeof(text)),
			 -ENOENT);
	assert_int_equal(textfile_read(root, "/etc", text, sizeof(text)),
			 -EINVAL);
	/* Nobody writes into it: a reader that waited would wait for ever. */
	snprintf(pipe, sizeof(pipe), "%s/etc/pipe", root);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(textfile_read(root, "/etc/pipe", text, sizeof(text)),
			 -EINVAL);
}

static int count_lines(void *arg, char *line)
{
	size_t *n = arg;

	assert_true(strlen(line) < TEXTFILE_MAX_LINE);
	return ++*n == 3 ? 77 : 0;
}

static void test_lines(void **state)
{
	char *text = calloc(1, 3 * TEXTFILE_MAX_LINE);
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 2 * TEXTFILE_MAX_LINE);
	strcat(text, "\nshort");
	put("/etc/lines", text);
	free(text);
	assert_int_equal(textfile_lines(root, "/etc/lines", count_lines, &n),
			 0);
	assert_int_equal(n, 2);
	put("/etc/lines", "1\n2\n3\n4\n");
	n = 0;
	assert_int_equal(textfile_lines(root, "/etc/lines", count_lines, &n),
			 77);
}

static void test_osrelease(void **state)
{
	char text[64];

	(void)state;
	put("/usr/lib/os-release", "ID=other\n");
	assert_int_equal(osrelease_get(root, "ID", text, sizeof(text)), 0);
	assert_string_equal(text, "other");
	put("/etc/os-release", "# comment\nID=centos\nID_LIKE=\"rhel fedora\"\n"
			       "VERSION_ID='7'\nODD\n");
	assert_int_equal(osrelease_get(root, "ID", text, sizeof(text)), 0);
	assert_string_equal(text, "centos");
	assert_int_equal(osrelease_get(root, "ID_LIKE", text, 5), 0);
	assert_string_equal(text, "rhel");
	assert_int_equal(osrelease_get(root, "VERSION_ID", text, sizeof(text)),
			 0);
	assert_string_equal(text, "7");
	assert_int_equal(osrelease_get(root, "NONE", text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(osrelease_get("/nonexistent", "ID", text,
				       sizeof(text)),
			 -ENOENT);
}

static void test_sysctl(void **state)
{
	int64_t value = 7;

	(void)state;
	put("/proc/sys/net/a", "1\n");
	put("/proc/sys/net/b", "-1\t4\n");
	put("/proc/sys/net/c", "cubic\n");
	assert_int_equal(sysctl_read(root, "net/none", &value), -ENOENT);
	assert_int_equal(sysctl_read(root, "net/c", &value), -EBADMSG);
	assert_int_equal(value, 7);
	assert_int_equal(sysctl_read(root, "net/a", &value), 0);
	assert_int_equal(value, 1);
	assert_int_equal(sysctl_read(root, "net/b", &value), 0);
	assert_int_equal(value, -1);
}

static void test_kmodule(void **state)
{
	static const char *const r = "6.1.0-18-amd64";

	(void)state;
	assert_int_equal(kmodule_find(root, r, "veth"), KMODULE_UNKNOWN);
	put("/proc/modules", "veth 32768 0 - Live 0x0\n");
	put("/lib/modules/6.1.0-18-amd64/modules.builtin",
	    "kernel/net/bridge/bridge.ko\n");
	put("/lib/modules/6.1.0-18-amd64/modules.dep",
	    "kernel/net/openvswitch/vport-vxlan.ko.xz: kernel/x.ko\n"
	    "kernel/net/openvswitch/openvswitch.ko:\n");
	assert_int_equal(kmodule_find(root, r, "veth"), KMODULE_LOADED);
	assert_int_equal(kmodule_find(root, r, "bridge"), KMODULE_LOADED);
	assert_int_equal(kmodule_find(root, r, "openvswitch"),
			 KMODULE_AVAILABLE);
	assert_int_equal(kmodule_find(root, r, "vport_vxlan"),
			 KMODULE_AVAILABLE);
	assert_int_equal(kmodule_find(root, r, "vport"), KMODULE_ABSENT);
	put("/sys/module/br_netfilter/refcnt", "1\n");
	assert_int_equal(kmodule_find(root, r, "br-netfilter"), KMODULE_LOADED);
	assert_int_equal(kmodule_find(root, "../../x", "wireguard"),
			 KMODULE_UNKNOWN);
}

static const char snmp[] =
	"Ip: Forwarding ReasmFails FragFails\nIp: 1 80 3\n"
	"Udp: InDatagrams SndbufErrors\nUdp: 5\n"
	"Odd: a b\nOther: 1 2\nIcmp: InMsgs\nIcmp: x\nTcp: A\n";

static void test_counters(void **state)
{
	struct facts *f = facts_new();

	(void)state;
	put("/proc/thread-self/net/snmp", snmp);
	gather_counters(root, f);
	assert_int_equal(facts_counter(f, "Ip.ReasmFails")->after, 80);
	assert_int_equal(facts_counter(f, "Ip.FragFails")->before, 3);
	assert_null(facts_counter(f, "Udp.SndbufErrors"));
	assert_null(facts_counter(f, "Ip.Forwarding"));
	put("/proc/thread-self/net/snmp", "Ip: ReasmFails\nIp: 90\n");
	put("/proc/thread-self/net/snmp6",
	    "Ip6ReasmFails \t 4\nIp6FragFails\n");
	gather_counters(root, f);
	assert_int_equal(facts_counter(f, "Ip.ReasmFails")->before, 80);
	assert_int_equal(facts_counter(f, "Ip.ReasmFails")->after, 90);
	assert_int_equal(facts_counter(f, "Ip.FragFails")->after, 3);
	assert_int_equal(facts_counter(f, "Ip6ReasmFails")->after, 4);
	facts_destroy(f);
}

static void link_fd(const char *fd, const char *to)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", root, fd);
	assert_int_equal(symlink(to, path), 0);
}

static void test_sockets(void **state)
{
	struct facts *f = facts_new();
	struct facts_link *link;

	(void)state;
	put("/proc/thread-self/net/tcp",
	    "  sl  local_address rem_address   st\n"
	    "   0: 0100007F:1A7F 00000000:0000 0A 00000000:00000000 00:00000000"
	    " 00000000     0        0 4711 1 0 100 0 0 10 0\n"
	    "   1: 0100007F:1A7F 0100007F:0050 01 00000000:00000000 00:00000000"
	    " 00000000     0        0 4712 1 0 100 0 0 10 0\n"
	    "   2: 0100007F:0016 00000000:0000 0A 0:0 0:0 0 0 0 1\n");
	put("/proc/thread-self/net/udp6",
	    "  sl  local_address\n"
	    "   0: 00000000000000000000000000000000:1A80 "
	    "00000000000000000000000000000000:0000 07 0:0 00:0 0 0 0 0\n"
	    "garbage\n   1: 0:1A80 0:0 07\n   2: XX00007F:1A80 0:0000 07\n");
	put("/proc/42/comm", "fastdpd\n");
	put("/proc/42/fd/keep", "");
	put("/proc/4x/fd/keep", "");
	link_fd("/proc/42/fd/5", "socket:[4711]");
	link_fd("/proc/42/fd/6", "/dev/null");
	link_fd("/proc/4x/fd/6", "socket:[4711]");
	f->control_port = 6783;
	f->sleeve_port = 6783;
	f->vxlan_port = 6784;
	link = FACTS_ADD(f, links);
	link->vxlan_port = 6784;
	gather_sockets(root, f);
	assert_int_equal(f->n_sockets, 2);
	assert_string_equal(f->sockets[0].protocol, "tcp");
	assert_string_equal(f->sockets[0].address, "127.0.0.1");
	assert_string_equal(f->sockets[0].owner, "fastdpd (pid 42)");
	assert_true(f->sockets[0].is_ours);
	assert_string_equal(f->sockets[1].protocol, "udp6");
	assert_string_equal(f->sockets[1].owner, "kernel");
	assert_int_equal(f->sockets[1].port, 6784);
	facts_destroy(f);
}

static void test_kernel(void **state)
{
	struct facts *f = facts_new();

	(void)state;
	put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	put("/proc/self/status", "Name:\tx\nCapEff:\t0000000000001000\n");
	put("/run/systemd/container", "lxc\n");
	gather_kernel(root, f);
	assert_string_equal(f->os_id, "centos");
	assert_string_equal(f->machine_id, "01234567");
	assert_string_equal(f->machine_id_state, "valid");
	assert_string_equal(f->has_net_admin, "yes");
	assert_string_equal(f->container, "lxc");
	assert_true(f->release[0]);
	facts_destroy(f);
	f = facts_new();
	put("/etc/machine-id", "uninitialized\n");
	put("/proc/self/status", "CapEff:\t0000000000000400\n");
	gather_kernel(root, f);
	assert_string_equal(f->machine_id, "");
	assert_string_equal(f->machine_id_state, "malformed");
	assert_string_equal(f->has_net_admin, "no");
	facts_destroy(f);
}

static void gather_config_of(const char *text, struct facts *ret)
{
	char path[256];

	put("/etc/fastdpd.conf", text);
	snprintf(path, sizeof(path), "%s/etc/fastdpd.conf", root);
	gather_config(path, ret);
}

static void test_config(void **state)
{
	struct facts *f = facts_new();

	(void)state;
	gather_config("/nonexistent/fastdpd.conf", f);
	assert_int_equal(f->control_port, 6783);
	assert_int_equal(f->vxlan_port, 6784);
	assert_true(f->is_config_absent);
	assert_non_null(strstr(f->config_problem, "/nonexistent"));
	assert_non_null(strstr(f->config_hint, "fastdpd.conf "
					       "/nonexistent/fastdpd.conf"));
	facts_destroy(f);
	f = facts_new();
	gather_config_of("[daemon]\ncontrol-port = 7000\nsleeve-port = 7001\n"
			 "vxlan-port = 7002\nmtu = 1300\n[network x]\nvni=2\n",
			 f);
	assert_int_equal(f->control_port, 7000);
	assert_int_equal(f->sleeve_port, 7001);
	assert_int_equal(f->vxlan_port, 7002);
	assert_int_equal(f->config_mtu, 1300);
	assert_string_equal(f->config_problem, "");
	gather_config_of("[daemon]\nmtu = auto\nvxlan-port = 70000\n", f);
	assert_int_equal(f->vxlan_port, 6784);
	assert_int_equal(f->config_mtu, 0);
	assert_non_null(strstr(f->config_problem, "/etc/fastdpd.conf:3: "));
	assert_non_null(strstr(f->config_problem, "vxlan-port"));
	assert_false(f->is_config_absent);
	facts_destroy(f);
}

static json_t *from_text(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	return json;
}

static const char status[] =
	"{\"version\": \"1.0\", \"name\": \"id1\", \"mtu\": 1450, \"datapath\":"
	" {\"type\": \"ovs\", \"name\": \"fastdp\", \"reason\": \"r\","
	" \"missing\": [\"m\"]}, \"encryption\": false, \"warnings\": [\"w\","
	" 3], \"peers\": [{\"name\": \"id2\", \"nickname\": \"host2\","
	" \"address\": \"192.0.2.2\", \"state\": \"up\", \"path\":"
	" \"fastdp\", \"mtu\": 1400, \"control\": {\"reason\": \"c\"},"
	" \"paths\": {\"fastdp\": {\"state\": \"up\", \"plpmtu\": 1450,"
	" \"sent\": 10, \"last_error\": null, \"pmtu\": {\"state\":"
	" \"complete\", \"ladder\": [{\"size\": 1200, \"acked\": true},"
	" {\"size\": 1500}, 4]}}, \"sleeve\": {\"state\": \"down\","
	" \"sent\": -1}}}, 7], \"ports\": [{\"ifname\": \"eth0\","
	" \"host_ifname\": \"v1\", \"addresses\": [\"10.32.0.1/24\"],"
	" \"netns_path\": \"/nonexistent\", \"netns\": \"4:1\"}]}";

static void test_status(void **state)
{
	json_t *reply = from_text(status);
	struct facts *f = facts_new();

	(void)state;
	gather_status(reply, f);
	assert_true(facts_is_up(f));
	assert_int_equal(f->n_peers, 1);
	assert_string_equal(f->peers[0].address, "192.0.2.2");
	assert_int_equal(f->peers[0].fastdp.plpmtu, 1450);
	assert_int_equal(f->peers[0].fastdp.sent_before, 10);
	assert_string_equal(f->peers[0].fastdp.last_error, "");
	assert_string_equal(f->peers[0].fastdp.search, "complete");
	assert_string_equal(f->peers[0].fastdp.ladder, "1200 1500- 0-");
	assert_int_equal(f->daemon.n_missing, 1);
	assert_int_equal(f->peers[0].sleeve.sent_before, 0);
	assert_string_equal(f->peers[0].control_reason, "c");
	assert_string_equal(f->ports[0].addresses[0].prefix, "10.32.0.1/24");
	assert_int_equal(f->ports[0].container_mtu, 0);
	assert_string_equal(f->daemon.warnings[0].text, "w");
	json_object_set_new(
		json_object_get(
			json_object_get(json_array_get(json_object_get(reply,
								       "peers"),
						       0),
					"paths"),
			"fastdp"),
		"sent", json_integer(13));
	gather_status_again(reply, f);
	assert_int_equal(f->peers[0].fastdp.sent_before, 10);
	assert_int_equal(f->peers[0].fastdp.sent_after, 13);
	json_decref(reply);
	facts_destroy(f);
}

static void test_details(void **state)
{
	json_t *reply = from_text(
		"{\"control_port\": 7000, \"sleeve_port\": 7001, "
		"\"vxlan_port\": 7002, \"mtu_wanted\": 0, \"check_pkt_len\": "
		"true, \"capped\": true, "
		"\"capped_reason\": \"ufo\"}");
	json_t *metrics = from_text(
		"{\"metrics\": {\"limit_hits\": 4, \"odd\": \"x\", "
		"\"below\": -1}}");
	struct facts *f = facts_new();

	(void)state;
	gather_details(NULL, f);
	assert_false(f->daemon.has_details);
	gather_details(reply, f);
	assert_true(f->daemon.has_details);
	assert_int_equal(f->vxlan_port, 7002);
	assert_string_equal(f->has_check_len, "yes");
	assert_true(f->daemon.is_capped);
	assert_string_equal(f->daemon.capped, "ufo");
	gather_metrics(metrics, f);
	assert_int_equal(f->n_counters, 1);
	assert_int_equal(facts_counter(f, "daemon.limit_hits")->before, 4);
	json_decref(metrics);
	json_decref(reply);
	facts_destroy(f);
}

static void test_this_machine(void **state)
{
	const struct gather g = { .root = "", .config = "/nonexistent" };
	struct findings findings = { .n = 0 };
	struct facts *f = facts_new(), *copy = facts_new();
	struct error e = { .code = "" };
	struct doctor_data data;
	json_t *json, *again;

	(void)state;
	gather_facts(&g, f);
	assert_true(f->release[0]);
	assert_non_null(facts_link(f, "lo"));
	assert_true(facts_link(f, "lo")->is_loopback);
	assert_string_equal(f->daemon.state, "");
	json = facts_to_json(f);
	assert_int_equal(facts_from_json(json, copy, &e), 0);
	again = facts_to_json(copy);
	assert_true(json_equal(json, again));
	data_load("/nonexistent", &data);
	rules_judge(f, &data, &findings);
	assert_true(findings.n > 0);
	findings_free(&findings);
	data_free(&data);
	json_decref(again);
	json_decref(json);
	facts_destroy(copy);
	facts_destroy(f);
}

static void test_loopback_features(void **state)
{
	struct ethtool_feature *list = NULL;
	char driver[ETHTOOL_NAME_SIZE];
	bool has_lo = false;
	size_t i, n = 0;
	int fd;

	(void)state;
	assert_int_equal(ethtool_open(&fd), 0);
	assert_int_equal(ethtool_features(fd, "lo", &list, &n), 0);
	for (i = 0; i < n; i++) {
		if (strcmp(list[i].name, "loopback") == 0)
			has_lo = list[i].is_on && list[i].is_fixed;
	}
	assert_true(has_lo);
	free(list);
	assert_int_equal(ethtool_driver(fd, "no-such-link", driver), -ENODEV);
	assert_int_equal(ethtool_driver(fd, "a-much-too-long-name", driver),
			 -ENODEV);
	close(fd);
}

static void test_families(void **state)
{
	bool has = false;

	(void)state;
	assert_int_equal(genl_names_has("nlctrl", &has), 0);
	assert_true(has);
	assert_int_equal(genl_names_has("nlctr", &has), 0);
	assert_false(has);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_textfile),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_osrelease),
		cmocka_unit_test(test_sysctl),
		cmocka_unit_test(test_kmodule),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_this_machine),
		cmocka_unit_test(test_loopback_features),
		cmocka_unit_test(test_families),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
