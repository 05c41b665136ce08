/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NFLOG_H
#define NFLOG_H

/*
 * Packets that a rule of nf_tables hands over (NFT_STEP_LOG), from their IP
 * header on: one group of nfnetlink_log in the current namespace. It belongs to
 * one socket alone. Functions return 0 or -errno.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/core.h"

/* Of a packet no more than this is handed over. */
#define NFLOG_SNAP_SIZE 256U

struct nflog;

/* -EPERM: somebody else has the group. */
int nflog_open(uint16_t group, struct nflog **ret) WARN_UNUSED;
void nflog_close(struct nflog *n); /* NULL is fine */
int nflog_fd(const struct nflog *n);

/*
 * The next packet: 1, and *ret is valid until the next call; 0 when there is
 * none now; -ENOBUFS when some were lost; or -errno.
 */
int nflog_next(struct nflog *n, const uint8_t **ret, size_t *ret_size)
	WARN_UNUSED;

/* A message's packet, or NULL: the message is another one, or damaged. */
struct nlmsghdr;
const uint8_t *nflog_packet(const struct nlmsghdr *nlh, size_t *ret_size);

#endif
