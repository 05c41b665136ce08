/* SPDX-License-Identifier: Apache-2.0 */
#include "ovs_dp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/openvswitch.h>
#include <net/if.h>

#include "cleanup.h"
#include "ovs_dp_internal.h"

#define EVENTS_MAX 64
#define EVENT_SIZE 8192U

/* Replies to single requests; the last one counts. */

static int take_datapath(void *arg, uint32_t index, const struct nlmsghdr *nlh)
{
	(void)index;
	return ovs_dp_decode(nlh, nlh->nlmsg_len, arg);
}

static int take_vport(void *arg, uint32_t index, const struct nlmsghdr *nlh)
{
	(void)index;
	return ovs_vport_decode(nlh, nlh->nlmsg_len, arg);
}

static int get_datapath(struct ovs_dp *dp, const char *name,
			struct ovs_datapath *ret)
{
	struct ovs_datapath found = { 0 };
	union ovs_small m;
	int r;

	r = ovs_dp_get_encode(&m, sizeof(m), ovs_dp_address(dp, GENL_DATAPATH),
			      name);
	if (!r)
		r = genl_transact(&dp->genl, &m.nlh, take_datapath, &found);
	if (!r && !found.ifindex)
		r = -EPROTO;
	if (!r)
		*ret = found;
	return r;
}

static int make_datapath(struct ovs_dp *dp, const char *name,
			 struct ovs_datapath *ret)
{
	union ovs_small m;
	int made, r;

	r = ovs_dp_new_encode(&m, sizeof(m),
			      dp->genl.families.id[GENL_DATAPATH], name,
			      OVS_DP_F_UNALIGNED, 0);
	if (r)
		return r;
	made = genl_transact(&dp->genl, &m.nlh, NULL, NULL);
	if (made && made != -EEXIST)
		return made;
	/* The name may be a link's that is no datapath, or somebody was
	 * quicker. */
	r = get_datapath(dp, name, ret);
	return r == -ENODEV && made ? made : r;
}

int ovs_dp_open(struct ovs_dp *ret, const char *name, bool may_create,
		bool *ret_is_created)
{
	struct ovs_datapath found;
	struct ovs_dp dp = { 0 };
	bool is_created = false;
	int r;

	r = genl_open(&dp.genl);
	if (r)
		return r;
	r = get_datapath(&dp, name, &found);
	if (r == -ENODEV && may_create) {
		r = make_datapath(&dp, name, &found);
		is_created = r == 0;
	}
	if (!r) {
		dp.batch = malloc(OVS_BATCH_SIZE);
		r = dp.batch ? 0 : -ENOMEM;
	}
	if (r) {
		genl_close(&dp.genl);
		return r;
	}
	dp.ifindex = found.ifindex;
	dp.user_features = found.user_features;
	memcpy(dp.name, found.name, sizeof(dp.name));
	*ret = dp;
	if (ret_is_created)
		*ret_is_created = is_created;
	return 0;
}

void ovs_dp_close(struct ovs_dp *dp)
{
	if (!dp)
		return;
	genl_close(&dp->genl);
	free(dp->batch);
	memset(dp, 0, sizeof(*dp));
}

int ovs_dp_delete(struct ovs_dp *dp)
{
	union ovs_small m;
	int r;

	r = ovs_dp_del_encode(&m, sizeof(m), ovs_dp_address(dp, GENL_DATAPATH));
	return r ? r : genl_transact(&dp->genl, &m.nlh, NULL, NULL);
}

int ovs_dp_read(struct ovs_dp *dp, struct ovs_datapath *ret)
{
	return get_datapath(dp, NULL, ret);
}

void ovs_dp_set_pid(struct ovs_dp *dp, uint32_t pid)
{
	dp->pid = pid;
}

const char *ovs_dp_said(const struct ovs_dp *dp)
{
	return dp->genl.ext_ack;
}

/* Vports. */

int ovs_dp_vport_get(struct ovs_dp *dp, port_no_t port_no,
		     struct ovs_vport *ret)
{
	struct ovs_vport found = { .port_no = PORT_NO_NONE };
	union ovs_small m;
	int r;

	r = ovs_vport_get_encode(&m, sizeof(m), ovs_dp_address(dp, GENL_VPORT),
				 port_no);
	if (!r)
		r = genl_transact(&dp->genl, &m.nlh, take_vport, &found);
	if (!r && found.port_no != port_no)
		r = -EPROTO;
	if (!r)
		*ret = found;
	return r;
}

struct vport_dump {
	ovs_vport_fn *fn;
	void *arg;
};

static int take_dumped_vport(void *arg, uint32_t index,
			     const struct nlmsghdr *nlh)
{
	struct vport_dump *d = arg;
	struct ovs_vport v;
	int r;

	(void)index;
	r = ovs_vport_decode(nlh, nlh->nlmsg_len, &v);
	return r ? r : d->fn(d->arg, &v);
}

int ovs_dp_vports(struct ovs_dp *dp, ovs_vport_fn *fn, void *arg)
{
	struct vport_dump d = { .fn = fn, .arg = arg };
	int tries, r = -EINTR;
	union ovs_small m;

	for (tries = 0; tries < OVS_DUMP_TRIES && r == -EINTR; tries++) {
		r = ovs_vport_dump_encode(&m, sizeof(m),
					  ovs_dp_address(dp, GENL_VPORT));
		if (!r)
			r = genl_dump(&dp->genl, &m.nlh, take_dumped_vport, &d);
	}
	return r;
}

static int add_vport(struct ovs_dp *dp, const char *name, struct ovs_vport *v)
{
	size_t n = strnlen(name, sizeof(v->name));
	union ovs_small m;
	int r;

	if (n == sizeof(v->name))
		return -EINVAL;
	memcpy(v->name, name, n + 1);
	r = ovs_vport_new_encode(&m, sizeof(m), ovs_dp_address(dp, GENL_VPORT),
				 v);
	return r ? r : genl_transact(&dp->genl, &m.nlh, NULL, NULL);
}

int ovs_dp_vport_add(struct ovs_dp *dp, const char *name, port_no_t port_no,
		     uint32_t pid)
{
	struct ovs_vport v = { .port_no = port_no,
			       .type = OVS_VPORT_TYPE_NETDEV,
			       .upcall_pid = pid };

	return add_vport(dp, name, &v);
}

static int link_is_up(const char *name, bool *ret)
{
	struct ifreq request = { 0 };
	CLEAN_FD int fd = -1;

	memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return -errno;
	*ret = request.ifr_flags & IFF_UP;
	return 0;
}

int ovs_dp_vport_add_vxlan(struct ovs_dp *dp, const char *name,
			   port_no_t port_no, uint16_t udp_port, uint32_t pid)
{
	struct ovs_vport v = { .port_no = port_no,
			       .type = OVS_VPORT_TYPE_VXLAN,
			       .upcall_pid = pid,
			       .udp_port = udp_port };
	bool is_up = false;
	int r;

	r = add_vport(dp, name, &v);
	/* Another VXLAN device of this kind on that port counts as existing. */
	if (r == -EEXIST && !if_nametoindex(name))
		return -EADDRINUSE;
	if (r)
		return r;
	/* Some kernels swallow the busy port and leave the device down. */
	r = link_is_up(name, &is_up);
	if (!r && !is_up)
		r = -EADDRINUSE;
	if (r && ovs_dp_vport_del(dp, port_no) == 0)
		dp->genl.ext_ack[0] = '\0';
	return r;
}

int ovs_dp_vport_set_pid(struct ovs_dp *dp, port_no_t port_no, uint32_t pid)
{
	union ovs_small m;
	int r;

	r = ovs_vport_set_pid_encode(&m, sizeof(m),
				     ovs_dp_address(dp, GENL_VPORT), port_no,
				     pid);
	return r ? r : genl_transact(&dp->genl, &m.nlh, NULL, NULL);
}

int ovs_dp_vport_del(struct ovs_dp *dp, port_no_t port_no)
{
	union ovs_small m;
	int r;

	r = ovs_vport_del_encode(&m, sizeof(m), ovs_dp_address(dp, GENL_VPORT),
				 port_no);
	return r ? r : genl_transact(&dp->genl, &m.nlh, NULL, NULL);
}

/*
 * Lets the kernel check the action on a frame that is shorter than the limit
 * and goes nowhere.
 */
int ovs_dp_has_check_len(struct ovs_dp *dp, bool *ret)
{
	static const uint8_t frame[60] = { 0x02, 0, 0, 0, 0, 1,	   0x02,
					   0,	 0, 0, 0, 2, 0x88, 0xb5 };
	struct flow_action check = { .type = FLOW_CHECK_LEN,
				     .max_size = UINT16_MAX,
				     .longer = RECIRC_LONG(1) };
	const struct flow_actions actions = { .list = &check, .n = 1 };
	union ovs_small m;
	int r;

	r = ovs_execute_encode(&m, sizeof(m), ovs_dp_address(dp, GENL_PACKET),
			       frame, sizeof(frame), &actions, PORT_NO_NONE, 1);
	if (!r)
		r = genl_transact(&dp->genl, &m.nlh, NULL, NULL);
	if (r && r != -EINVAL && r != -EOPNOTSUPP)
		return r;
	*ret = r == 0;
	return 0;
}

/* Events. */

int ovs_vport_events_open(struct ovs_vport_events *ret)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK };
	struct genl_families families;
	CLEAN_FD int fd = -1;
	int r;

	r = genl_resolve(&families);
	if (r)
		return r;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    NETLINK_GENERIC);
	if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof(local)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
		       &families.vport_group,
		       sizeof(families.vport_group)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
		       &families.datapath_group,
		       sizeof(families.datapath_group)) < 0)
		return -errno;
	*ret = (struct ovs_vport_events){
		.fd = STEAL_FD(fd),
		.family = families.id[GENL_VPORT],
		.dp_family = families.id[GENL_DATAPATH],
	};
	return 0;
}

void ovs_vport_events_close(struct ovs_vport_events *ev)
{
	if (!ev || ev->fd < 0)
		return;
	close(ev->fd);
	ev->fd = -1;
}

static int decode_event(const struct ovs_vport_events *ev, const void *buf,
			size_t len, struct ovs_vport *ret)
{
	const struct nlmsghdr *nlh = buf;
	struct ovs_datapath dp;
	int r;

	if (len < sizeof(*nlh))
		return -EPROTO;
	if (nlh->nlmsg_type == ev->family)
		return ovs_vport_decode(buf, len, ret);
	if (nlh->nlmsg_type != ev->dp_family)
		return -EPROTO;
	r = ovs_dp_decode(buf, len, &dp);
	if (r)
		return r;
	memset(ret, 0, sizeof(*ret));
	ret->is_deleted = dp.is_deleted;
	ret->dp_ifindex = dp.ifindex;
	ret->port_no = OVSP_LOCAL;
	ret->type = OVS_VPORT_TYPE_INTERNAL;
	memcpy(ret->name, dp.name, sizeof(ret->name));
	return 0;
}

static int take_events(struct ovs_vport_events *ev, const void *buf, size_t len,
		       ovs_vport_fn *fn, void *arg)
{
	struct ovs_vport v;
	int r;

	/* The kernel sends one event a datagram. */
	if (decode_event(ev, buf, len, &v)) {
		ev->n_malformed++;
		return 0;
	}
	r = fn(arg, &v);
	return r < 0 ? r : 0;
}

int ovs_vport_events_read(struct ovs_vport_events *ev, ovs_vport_fn *fn,
			  void *arg)
{
	union {
		struct nlmsghdr nlh;
		uint8_t bytes[EVENT_SIZE];
	} m;
	struct sockaddr_nl from = { 0 };
	socklen_t from_size;
	ssize_t n;
	int i, r;

	for (i = 0; i < EVENTS_MAX; i++) {
		from_size = sizeof(from);
		n = recvfrom(ev->fd, &m, sizeof(m), 0, (struct sockaddr *)&from,
			     &from_size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (from.nl_pid != 0)
			continue;
		r = take_events(ev, &m, (size_t)n, fn, arg);
		if (r)
			return r;
	}
	return 0;
}
