/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GENL_H
#define GENL_H

/*
 * A blocking generic-netlink socket: request and reply, dump, batch.
 *
 * It knows families, sequence numbers and acknowledgements, and nothing of
 * what the messages say. Every wait is bounded (GENL_TIMEOUT_MS). A socket
 * stays in the network namespace it was opened in, and keeps that alive.
 *
 * All functions that return int return 0 or -errno.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

#define GENL_TIMEOUT_MS 5000
/* Largest message sent or taken: an attribute's 64 KiB and its frame. */
#define GENL_MAX_SIZE (66U * 1024U)
#define GENL_EXT_ACK_SIZE 160U

enum genl_ovs_family {
	GENL_DATAPATH,
	GENL_VPORT,
	GENL_FLOW,
	GENL_PACKET,
	N_GENL_FAMILIES
};

struct genl_families {
	uint16_t id[N_GENL_FAMILIES]; /* nlmsg_type */
	uint32_t vport_group;	      /* multicast: vports come and go, */
	uint32_t datapath_group;      /* and datapaths */
};

struct genl {
	int fd;
	uint32_t seq; /* of the next message */
	struct genl_families families;
	uint8_t *buf; /* GENL_MAX_SIZE, for replies */
	/* What the kernel said of the last request that failed, or "". */
	char ext_ack[GENL_EXT_ACK_SIZE];
};

/*
 * Gets one reply of request @index; @nlh lies in the socket's buffer and dies
 * at return. A negative return ends the request with that error.
 */
typedef int genl_reply_fn(void *arg, uint32_t index,
			  const struct nlmsghdr *nlh);
/* Result of one message of a batch: 0 or -errno. */
typedef void genl_result_fn(void *arg, uint32_t index, int error);

/*
 * Ids of the Open vSwitch families in this namespace. Asking makes the kernel
 * try to load the module. -ENOENT: no openvswitch here.
 */
int genl_resolve(struct genl_families *ret) __attribute__((warn_unused_result));

/* Opens and resolves; -ENOENT as above. */
int genl_open(struct genl *ret) __attribute__((warn_unused_result));
/* A zeroed struct (fd 0, buf NULL) and a closed one are fine. */
void genl_close(struct genl *g);

/*
 * Sends @request (its sequence number is set and NLM_F_REQUEST|NLM_F_ACK are
 * added to its flags here) and waits for the acknowledgement. @reply may be NULL: what comes
 * besides the acknowledgement is then skipped. -ETIMEDOUT after
 * GENL_TIMEOUT_MS of silence; -EPROTO for a reply that is none.
 */
int genl_transact(struct genl *g, struct nlmsghdr *request,
		  genl_reply_fn *reply, void *arg)
	__attribute__((warn_unused_result));

/*
 * As genl_transact, for NLM_F_DUMP. -EINTR: the table changed meanwhile and
 * the dump may be incomplete; dump again. When @reply fails, the rest of the
 * dump is read and thrown away.
 */
int genl_dump(struct genl *g, struct nlmsghdr *request, genl_reply_fn *reply,
	      void *arg) __attribute__((warn_unused_result));

/*
 * Sends @n messages, one after another at @messages (@size bytes in all,
 * nlmsg_len set and aligned), in one call. Sequence numbers are set and flags
 * added here; only the last asks for an acknowledgement, a failure is told
 * anyhow.
 * @on_result is called for each failed message, at most once each, before the
 * function returns; a message it is not called for has succeeded if the
 * function returns 0. A negative return says that the results of the others
 * are unknown. @reply as above, may be NULL.
 */
int genl_batch(struct genl *g, void *messages, size_t size, uint32_t n,
	       genl_reply_fn *reply, genl_result_fn *on_result, void *arg)
	__attribute__((warn_unused_result));

/*
 * The waiting side without a socket: feed it datagrams until it is done.
 * Exported so that replies of any shape can be tried on it.
 */
struct genl_exchange {
	uint32_t first_seq;
	uint32_t n; /* messages sent, first_seq onwards */
	bool is_dump;
	genl_reply_fn *reply;
	genl_result_fn *on_result;
	void *arg;
	char *ext_ack; /* GENL_EXT_ACK_SIZE, or NULL */
	/* out */
	bool is_done;
	bool is_interrupted;
	int reply_error; /* first negative return of @reply */
	uint32_t next;	 /* errors of messages before it were told */
	int last_error;	 /* of the last message, once it is done */
};

/*
 * Takes one datagram. 0, or -EPROTO when it is not well-formed netlink.
 * Messages of other sequence numbers are skipped.
 */
int genl_exchange_take(struct genl_exchange *x, const void *buf, size_t len)
	__attribute__((warn_unused_result));

#endif
