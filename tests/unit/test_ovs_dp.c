/* SPDX-License-Identifier: Apache-2.0 */

/*
 * src/sys/ovs_dp against the kernel's openvswitch. Everything happens in a
 * network namespace of this process's own.
 */

#include "sys/ovs_dp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/openvswitch.h>
#include <net/if.h>
#include <poll.h>

#include "ovs_datapath.h"

/* Datapath. */

static void test_open(void **state)
{
	struct ovs_datapath read;
	struct ovs_dp second;
	bool is_created = true;

	(void)state;
	assert_int_equal(ovs_dp_open(&dp, NAME, false, NULL), -ENODEV);
	make_datapath(NULL);
	assert_int_equal(dp.user_features, OVS_DP_F_UNALIGNED);
	assert_int_equal(dp.ifindex, if_nametoindex(NAME));
	assert_int_equal(ovs_dp_open(&second, NAME, true, &is_created), 0);
	assert_false(is_created);
	assert_int_equal(second.ifindex, dp.ifindex);
	assert_int_equal(second.user_features, dp.user_features);
	ovs_dp_close(&second);
	assert_int_equal(ovs_dp_read(&dp, &read), 0);
	assert_string_equal(read.name, NAME);
	assert_int_equal(read.n_flows, 0);
	assert_int_equal(ovs_dp_delete(&dp), 0);
	assert_int_equal(ovs_dp_read(&dp, &read), -ENODEV);
	assert_int_equal(ovs_dp_delete(&dp), -ENODEV);
	ovs_dp_close(&dp);
	ovs_dp_close(&dp);
}

static void test_name_taken(void **state)
{
	(void)state;
	run("ip link add " NAME " type dummy");
	assert_int_equal(ovs_dp_open(&dp, NAME, true, NULL), -EEXIST);
	run("ip link del " NAME);
	assert_int_equal(ovs_dp_open(&dp, "", true, NULL), -EINVAL);
	assert_int_equal(ovs_dp_open(&dp, "sixteen-letters-", true, NULL),
			 -EINVAL);
}

static void test_check_len(void **state)
{
	struct ovs_datapath read;
	bool has = false;

	(void)state;
	assert_int_equal(ovs_dp_has_check_len(&dp, &has), 0);
	assert_true(has);
	assert_int_equal(ovs_dp_read(&dp, &read), 0);
	assert_int_equal(read.n_flows, 0);
}

/* Vports. */

struct seen {
	struct ovs_vport list[16];
	unsigned int n;
	int error;
};

static int see(void *arg, const struct ovs_vport *v)
{
	struct seen *s = arg;

	assert_true(s->n < 16);
	s->list[s->n++] = *v;
	return s->error;
}

static const struct ovs_vport *find(const struct seen *s, port_no_t port_no)
{
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		if (s->list[i].port_no == port_no)
			return &s->list[i];
	}
	return NULL;
}

static void test_vports(void **state)
{
	const struct ovs_vport *v;
	struct ovs_vport got;
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 16, 77), 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fdb1", 65000, 0), 0);
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, VXLAN_NAME, PORT_NO_VXLAN,
						6784, 78),
			 0);
	assert_int_equal(ovs_dp_vports(&dp, see, &s), 0);
	assert_int_equal(s.n, 4);
	v = find(&s, PORT_NO_HOST);
	assert_non_null(v);
	assert_int_equal(v->type, OVS_VPORT_TYPE_INTERNAL);
	assert_string_equal(v->name, NAME);
	assert_int_equal(v->upcall_pid, 0);
	v = find(&s, 16);
	assert_non_null(v);
	assert_int_equal(v->type, OVS_VPORT_TYPE_NETDEV);
	assert_string_equal(v->name, "fda1");
	assert_int_equal(v->upcall_pid, 77);
	assert_int_equal(v->ifindex, if_nametoindex("fda1"));
	assert_int_equal(v->dp_ifindex, dp.ifindex);
	v = find(&s, PORT_NO_VXLAN);
	assert_non_null(v);
	assert_int_equal(v->type, OVS_VPORT_TYPE_VXLAN);
	assert_int_equal(v->udp_port, 6784);
	assert_int_equal(v->ifindex, if_nametoindex(VXLAN_NAME));
	assert_int_equal(ovs_dp_vport_set_pid(&dp, PORT_NO_HOST, 79), 0);
	assert_int_equal(ovs_dp_vport_set_pid(&dp, 16, 80), 0);
	assert_int_equal(ovs_dp_vport_get(&dp, 16, &got), 0);
	assert_int_equal(got.upcall_pid, 80);
	assert_int_equal(ovs_dp_vport_get(&dp, 0, &got), 0);
	assert_int_equal(got.upcall_pid, 79);
	/* A failing callback ends the dump, and the next one is not hurt. */
	s = (struct seen){ .error = -ECANCELED };
	assert_int_equal(ovs_dp_vports(&dp, see, &s), -ECANCELED);
	assert_int_equal(s.n, 1);
	s = (struct seen){ 0 };
	assert_int_equal(ovs_dp_vports(&dp, see, &s), 0);
	assert_int_equal(s.n, 4);
	assert_int_equal(ovs_dp_vport_del(&dp, 65000), 0);
	assert_int_equal(ovs_dp_vport_get(&dp, 65000, &got), -ENODEV);
}

static void test_vport_refusals(void **state)
{
	struct ovs_vport got;
	struct ovs_dp other;

	(void)state;
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 16, 0), 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 17, 0), -EEXIST);
	assert_int_equal(ovs_dp_vport_add(&dp, "fdb1", 16, 0), -EBUSY);
	assert_int_equal(ovs_dp_vport_add(&dp, "absent", 17, 0), -ENODEV);
	assert_int_equal(ovs_dp_vport_del(&dp, 18), -ENODEV);
	assert_int_equal(ovs_dp_vport_del(&dp, PORT_NO_HOST), -EINVAL);
	assert_int_equal(ovs_dp_vport_set_pid(&dp, 18, 1), -ENODEV);
	assert_int_equal(ovs_dp_vport_get(&dp, 18, &got), -ENODEV);
	run("ip link add fdbr type bridge && ip link set fdb1 master fdbr");
	assert_int_equal(ovs_dp_vport_add(&dp, "fdb1", 17, 0), -EBUSY);
	run("ip link del fdbr");
	assert_int_equal(ovs_dp_open(&other, "fdother", true, NULL), 0);
	assert_int_equal(ovs_dp_vport_add(&other, "fda1", 17, 0), -EBUSY);
	assert_int_equal(ovs_dp_delete(&other), 0);
	ovs_dp_close(&other);
}

static void test_vxlan_refusals(void **state)
{
	struct sockaddr_in busy = { .sin_family = AF_INET,
				    .sin_port = htons(6784) };
	int fd;

	(void)state;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&busy, sizeof(busy)), 0);
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, VXLAN_NAME, 1, 6784, 0),
			 -EADDRINUSE);
	assert_int_equal(if_nametoindex(VXLAN_NAME), 0);
	close(fd);
	run("ip link add fdvx type vxlan external dstport 6784 && "
	    "ip link set fdvx up");
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, VXLAN_NAME, 1, 6784, 0),
			 -EADDRINUSE);
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, "fdvx", 1, 6785, 0),
			 -EEXIST);
	run("ip link del fdvx");
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, VXLAN_NAME, 1, 6784, 0),
			 0);
	assert_int_equal(ovs_dp_vport_add_vxlan(&dp, "fdvx", 2, 6784, 0),
			 -EADDRINUSE);
}

static void test_events(void **state)
{
	struct ovs_vport_events ev;
	struct seen s = { 0 };
	struct ovs_dp other;

	(void)state;
	assert_int_equal(ovs_vport_events_open(&ev), 0);
	assert_int_equal(ovs_vport_events_read(&ev, see, &s), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(ovs_dp_vport_add(&dp, "fda1", 16, 0), 0);
	assert_int_equal(ovs_vport_events_read(&ev, see, &s), 0);
	assert_int_equal(s.n, 1);
	assert_false(s.list[0].is_deleted);
	assert_string_equal(s.list[0].name, "fda1");
	assert_int_equal(s.list[0].port_no, 16);
	assert_int_equal(s.list[0].dp_ifindex, dp.ifindex);
	/* The container goes: nobody asked for the vport's end. */
	run("ip link del fda0");
	assert_int_equal(poll(&(struct pollfd){ .fd = ev.fd, .events = POLLIN },
			      1, 3000),
			 1);
	s.n = 0;
	assert_int_equal(ovs_vport_events_read(&ev, see, &s), 0);
	assert_int_equal(s.n, 1);
	assert_true(s.list[0].is_deleted);
	assert_int_equal(s.list[0].port_no, 16);
	/* A datapath, with all that is in it. */
	assert_int_equal(ovs_dp_open(&other, "fdother", true, NULL), 0);
	s.n = 0;
	assert_int_equal(ovs_vport_events_read(&ev, see, &s), 0);
	assert_true(s.n > 0);
	while (s.n)
		assert_false(s.list[--s.n].is_deleted);
	assert_int_equal(ovs_dp_delete(&other), 0);
	assert_int_equal(ovs_vport_events_read(&ev, see, &s), 0);
	assert_int_equal(s.n, 1);
	assert_true(s.list[0].is_deleted);
	assert_int_equal(s.list[0].port_no, 0);
	assert_int_equal(s.list[0].dp_ifindex, other.ifindex);
	assert_string_equal(s.list[0].name, "fdother");
	ovs_dp_close(&other);
	assert_int_equal(ev.n_malformed, 0);
	ovs_vport_events_close(&ev);
	ovs_vport_events_close(&ev);
	run("ip link add fda0 type veth peer name fda1");
}

static void test_no_privilege(void **state)
{
	int status = 0;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		_exit(ovs_dp_open(&dp, NAME, true, NULL) == -EPERM ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_name_taken),
		WITH_DATAPATH(test_check_len),
		WITH_LINKS(test_vports),
		WITH_LINKS(test_vport_refusals),
		WITH_DATAPATH(test_vxlan_refusals),
		WITH_LINKS(test_events),
		cmocka_unit_test(test_no_privilege),
	};
	int r;

	r = enter_namespace();
	if (r)
		return r;
	return cmocka_run_group_tests_name("ovs_dp", tests, NULL, NULL);
}
