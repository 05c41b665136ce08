/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_DATAPATH_H
#define OVS_DATAPATH_H

/*
 * A datapath and two pairs of links (fda0 - fda1, fdb0 - fdb1) for each test,
 * in a network namespace of the process's own.
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "sys/ovs_dp.h"

#define SKIPPED 77
#define NAME "fdtest"
#define VXLAN_NAME "fdtest-vx"

static struct ovs_dp dp;

static inline void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static inline int make_datapath(void **state)
{
	bool is_created = false;

	(void)state;
	assert_int_equal(ovs_dp_open(&dp, NAME, true, &is_created), 0);
	assert_true(is_created);
	return 0;
}

static inline int delete_datapath(void **state)
{
	(void)state;
	assert_int_equal(ovs_dp_delete(&dp), 0);
	ovs_dp_close(&dp);
	return 0;
}

static inline int make_with_links(void **state)
{
	run("ip link add fda0 type veth peer name fda1 && "
	    "ip link add fdb0 type veth peer name fdb1 && "
	    "for i in fda0 fda1 fdb0 fdb1; do "
	    "ip link set $i up addrgenmode none || exit 1; done");
	return make_datapath(state);
}

static inline int delete_with_links(void **state)
{
	delete_datapath(state);
	run("ip link del fda0 && ip link del fdb0");
	return 0;
}

#define WITH_DATAPATH(f) \
	cmocka_unit_test_setup_teardown(f, make_datapath, delete_datapath)
#define WITH_LINKS(f) \
	cmocka_unit_test_setup_teardown(f, make_with_links, delete_with_links)

/* 0, or what main() returns. */
static inline int enter_namespace(void)
{
	struct genl_families families;
	int r;

	if (unshare(CLONE_NEWNET) < 0) {
		printf("skipped: needs CAP_SYS_ADMIN to make a network "
		       "namespace\n");
		return SKIPPED;
	}
	r = genl_resolve(&families);
	if (r == -ENOENT) {
		printf("skipped: this kernel has no openvswitch; run it with "
		       "tests/vm/run\n");
		return SKIPPED;
	}
	return r || system("ip link set lo up") != 0;
}

#endif
