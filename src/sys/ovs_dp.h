/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OVS_DP_H
#define OVS_DP_H

/*
 * One Open vSwitch datapath of the kernel: its vports, flows and packets.
 *
 * Mechanism alone: it does not know which flows should be, whose datapath it
 * is or what to do about a refusal. All calls block, for GENL_TIMEOUT_MS at
 * most, and act in the network namespace in which the datapath was opened;
 * the calling thread must be in it when a VXLAN vport is added. Not for
 * several threads at once.
 *
 * Functions that return int return 0 or -errno; -EPROTO: the kernel said
 * something odd. The kernel's own words, if any: ovs_dp_said().
 */

#include "genl.h"
#include "ovs_msg_flow.h"

struct ovs_dp {
	struct genl genl;
	int ifindex;
	char name[OVS_NAME_SIZE];
	uint32_t user_features; /* OVS_DP_F_* */
	uint32_t pid;		/* see ovs_dp_set_pid() */
	uint8_t *batch;		/* buffer for messages */
};

/*
 * Opens the datapath @name, or makes it when there is none and @may_create.
 * @ret_is_created may be NULL. Its internal port is port 0 and gets upcalls
 * only after ovs_dp_vport_set_pid(). A datapath that was there is not changed.
 *
 * -ENOENT: no openvswitch in this kernel; -ENODEV: no such datapath, and
 * !@may_create; -EEXIST: the name is taken by a link that is no datapath;
 * -EPERM: CAP_NET_ADMIN is missing.
 */
int ovs_dp_open(struct ovs_dp *ret, const char *name, bool may_create,
		bool *ret_is_created) WARN_UNUSED;
/* Leaves the datapath as it is. Zeroed and closed ones are fine. */
void ovs_dp_close(struct ovs_dp *dp);
/* Deletes the datapath with vports and flows; then close it. */
int ovs_dp_delete(struct ovs_dp *dp) WARN_UNUSED;

/* Statistics and features, from the kernel. -ENODEV: it has gone. */
int ovs_dp_read(struct ovs_dp *dp, struct ovs_datapath *ret) WARN_UNUSED;

/* Netlink port (upcall_socket.portid) for FLOW_USERSPACE. */
void ovs_dp_set_pid(struct ovs_dp *dp, uint32_t pid);

/* What the kernel said of the last failure; "" mostly. Dies with the next. */
const char *ovs_dp_said(const struct ovs_dp *dp);

/* Can the kernel do FLOW_CHECK_LEN (5.2 and later)? Leaves no trace. */
int ovs_dp_has_check_len(struct ovs_dp *dp, bool *ret) WARN_UNUSED;

/* Vports. */

typedef int ovs_vport_fn(void *arg, const struct ovs_vport *vport);
/*
 * Calls @fn for each vport, port 0 too. A negative return of @fn ends it and
 * is returned. @fn must not use @dp. Dumps again by itself a few times when
 * vports change meanwhile, so @fn may see one twice; -EINTR: too many times.
 */
int ovs_dp_vports(struct ovs_dp *dp, ovs_vport_fn *fn, void *arg) WARN_UNUSED;
/* -ENODEV: no such port. */
int ovs_dp_vport_get(struct ovs_dp *dp, port_no_t port_no,
		     struct ovs_vport *ret) WARN_UNUSED;

/*
 * Makes link @name (of this namespace) port @port_no; misses go to @pid (0:
 * are dropped). -ENODEV: no such link; -EBUSY: the number is taken, or the link
 * is in a bridge or another datapath; -EEXIST: it is a port already.
 */
int ovs_dp_vport_add(struct ovs_dp *dp, const char *name, port_no_t port_no,
		     uint32_t pid) WARN_UNUSED;

/*
 * Makes a VXLAN device @name, bound to UDP port @udp_port (host order) of all
 * local addresses, as port @port_no. It goes with the vport. -EADDRINUSE: the
 * UDP port is taken; -EEXIST: the link name is; -EAFNOSUPPORT: the kernel has
 * no vport-vxlan.
 */
int ovs_dp_vport_add_vxlan(struct ovs_dp *dp, const char *name,
			   port_no_t port_no, uint16_t udp_port, uint32_t pid)
	WARN_UNUSED;
int ovs_dp_vport_set_pid(struct ovs_dp *dp, port_no_t port_no, uint32_t pid)
	WARN_UNUSED;
/* Flows that name the port stay. -ENODEV: no such port; -EINVAL: port 0. */
int ovs_dp_vport_del(struct ovs_dp *dp, port_no_t port_no) WARN_UNUSED;

/* Flows. */

enum ovs_flow_op_type {
	OVS_FLOW_PUT, /* create, or replace the actions */
	OVS_FLOW_DEL,
	OVS_FLOW_GET, /* statistics */
};

/* Pointers are borrowed for the call. */
struct ovs_flow_op {
	enum ovs_flow_op_type type;
	/*
	 * Out: 0 or -errno. PUT: -EINVAL cannot be expressed, or the kernel
	 * cannot do it; -EEXIST overlaps another flow; -EMSGSIZE the list of
	 * actions is too long; -ENOSPC, -ENOMEM, -EFBIG no room. DEL, GET:
	 * -ENOENT no such flow.
	 */
	int error;
	const struct flow_match *match;	    /* NULL (DEL, GET): see ufid */
	const struct flow_actions *actions; /* PUT */
	uint8_t ufid[OVS_UFID_SIZE];	    /* without match: which flow */
	/* Out, GET that succeeded. */
	uint64_t n_packets;
	uint64_t n_bytes;
	usec_t idle_us; /* USEC_NEVER: not one packet yet */
};

/*
 * Does all of @ops, many to a system call; one that fails does not stop the
 * others. DEL and GET come after every op before them, and before every op
 * behind them; among neighbouring PUTs, those that create a flow may come
 * before those that replace one. Each `error` is set. Returns 0 when the
 * kernel answered for every one, else the first -errno of the socket; those
 * ops whose result is unknown have it as their error then.
 */
int ovs_dp_flows(struct ovs_dp *dp, struct ovs_flow_op *ops, size_t n)
	WARN_UNUSED;

/* @flow is borrowed for the call. */
typedef int ovs_flow_fn(void *arg, const struct ovs_flow *flow);
/*
 * Calls @fn for each flow, foreign ones too; the rest as ovs_dp_vports(). A
 * flow with an action list that the kernel cannot dump (32 KB) is foreign.
 */
int ovs_dp_flow_dump(struct ovs_dp *dp, ovs_flow_fn *fn, void *arg) WARN_UNUSED;

/* Packets. Pointers are borrowed for the call. */
struct ovs_execute_op {
	const uint8_t *frame;
	size_t size; /* 14 to OVS_MAX_FRAME_SIZE */
	const struct flow_actions *actions;
	port_no_t in_port; /* PORT_NO_NONE: none */
	int error;	   /* out; 0 says only that the kernel took it */
};

/* In order; else as ovs_dp_flows(). */
int ovs_dp_execute(struct ovs_dp *dp, struct ovs_execute_op *ops, size_t n)
	WARN_UNUSED;

/*
 * Vports that come and go, of every datapath of this namespace. With a
 * datapath all of its vports go: that is told as the end of port 0.
 */
struct ovs_vport_events {
	int fd; /* non-blocking: wait until readable */
	uint16_t family, dp_family;
	uint64_t n_malformed; /* messages passed over */
};

/* -ENOENT: no openvswitch. */
int ovs_vport_events_open(struct ovs_vport_events *ret) WARN_UNUSED;
void ovs_vport_events_close(struct ovs_vport_events *ev);
/*
 * Calls @fn for each event that waits, 64 at most. 0: nothing more waits for
 * now, or 64 were read. -ENOBUFS: events were lost; list the vports. A
 * negative return of @fn ends it and is returned.
 */
int ovs_vport_events_read(struct ovs_vport_events *ev, ovs_vport_fn *fn,
			  void *arg) WARN_UNUSED;

#endif
