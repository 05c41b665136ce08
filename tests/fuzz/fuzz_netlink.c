/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hostile bytes from the kernel's side. The first octet says who reads them:
 * Open vSwitch's messages, rtnetlink's, or the waiting side of a request. A
 * flow that is one of ours must be one that we could have sent: it is encoded
 * and read again, and both must agree.
 */

#include <assert.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "sys/genl.h"
#include "sys/ovs_msg_flow.h"
#include "sys/rtnl_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS 100000U
#define FAMILY 30U

static void check_flow(const struct ovs_flow *f)
{
	static uint32_t buf[GENL_MAX_SIZE / 4];
	const struct ovs_address to = { .family = FAMILY, .dp_ifindex = 1 };
	const struct nlmsghdr *nlh = (const void *)buf;
	struct ovs_flow again = { 0 };

	if (ovs_flow_new_encode(buf, sizeof(buf), to, &f->match, &f->actions,
				f->pid))
		return; /* what was read may be more than is ever sent */
	assert(!ovs_flow_decode(buf, nlh->nlmsg_len, NOW_MS, &again));
	assert(!again.is_foreign);
	assert(flow_match_equal(&f->match, &again.match));
	assert(flow_actions_equal(&f->actions, &again.actions));
	flow_actions_free(&again.actions);
}

static void fuzz_flow(const void *buf, size_t size, bool is_stats)
{
	struct ovs_flow f = { 0 };
	int rc = is_stats ? ovs_flow_stats_decode(buf, size, NOW_MS, &f)
			  : ovs_flow_decode(buf, size, NOW_MS, &f);

	if (!rc && !is_stats && !f.is_foreign)
		check_flow(&f);
	flow_actions_free(&f.actions);
}

static void fuzz_packet(const uint8_t *buf, size_t size)
{
	struct ovs_upcall u;

	if (ovs_upcall_decode(buf, size, &u))
		return;
	assert(u.frame >= buf && u.frame + u.size <= buf + size);
}

static void fuzz_rtnl(unsigned int which, struct nlmsghdr *nlh, size_t size)
{
	struct rtnl_link link;
	struct rtnl_addr addr;
	struct rtnl_route route;

	/* What a receiver has checked before it looks inside. */
	if (size < sizeof(*nlh))
		return;
	nlh->nlmsg_len = (uint32_t)size;
	if (which == 0 && !rtnl_link_decode(nlh, &link))
		assert(memchr(link.ifname, 0, sizeof(link.ifname)));
	if (which == 1 && !rtnl_addr_decode(nlh, &addr))
		assert(addr.prefix_len <= 128);
	if (which == 2 && !rtnl_route_decode(nlh, &route))
		assert(route.ifindex || route.is_local || true);
}

static int on_reply(void *arg, uint32_t index, const struct nlmsghdr *nlh)
{
	(void)arg;
	assert(index < 4 && nlh->nlmsg_len >= sizeof(*nlh));
	return 0;
}

static void on_result(void *arg, uint32_t index, int error)
{
	unsigned int *seen = arg;

	assert(index < 4 && error < 0 && !(*seen >> index & 1));
	*seen |= 1U << index;
}

static void fuzz_exchange(bool is_dump, const void *buf, size_t size)
{
	char ext_ack[GENL_EXT_ACK_SIZE] = "";
	unsigned int seen = 0;
	struct genl_exchange x = { .first_seq = 1,
				   .n = is_dump ? 1 : 4,
				   .is_dump = is_dump,
				   .reply = on_reply,
				   .on_result = on_result,
				   .arg = &seen,
				   .ext_ack = ext_ack };

	if (!genl_exchange_take(&x, buf, size) && !x.is_done)
		(void)!genl_exchange_take(&x, buf, size);
	assert(memchr(ext_ack, 0, sizeof(ext_ack)));
}

static void fuzz(unsigned int which, void *buf, size_t size)
{
	struct ovs_datapath dp;
	struct ovs_vport vport;

	switch (which % 10) {
	case 0:
		if (!ovs_dp_decode(buf, size, &dp))
			assert(memchr(dp.name, 0, sizeof(dp.name)));
		break;
	case 1:
		if (!ovs_vport_decode(buf, size, &vport))
			assert(memchr(vport.name, 0, sizeof(vport.name)));
		break;
	case 2:
	case 3:
		fuzz_flow(buf, size, which % 10 == 3);
		break;
	case 4:
		fuzz_packet(buf, size);
		break;
	case 5:
	case 6:
	case 7:
		fuzz_rtnl(which % 10 - 5, buf, size);
		break;
	default:
		fuzz_exchange(which % 10 == 9, buf, size);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *buf;

	if (size < 2)
		return 0;
	/* Aligned as a receiver's buffer, and as long as what came. */
	buf = malloc(size - 1);
	assert(buf);
	memcpy(buf, data + 1, size - 1);
	fuzz(data[0], buf, size - 1);
	free(buf);
	return 0;
}
