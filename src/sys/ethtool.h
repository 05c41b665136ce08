/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ETHTOOL_H
#define ETHTOOL_H

/*
 * Driver and offload features of a link, by the ioctl that kernels have had
 * since 2.6.39. It reads, and never sets anything.
 *
 * Functions return 0 or -errno; -EOPNOTSUPP: the link tells nothing.
 */

#include <stddef.h>

#include "core/core.h"

#define ETHTOOL_NAME_SIZE 33U /* with the zero */

struct ethtool_feature {
	char name[ETHTOOL_NAME_SIZE]; /* "tx-udp-fragmentation" */
	bool is_on;
	bool is_fixed; /* cannot be changed */
};

/* A socket to ask with, of the calling thread's network namespace. */
int ethtool_open(int *ret_fd) WARN_UNUSED;

/* The driver's name; the caller's buffer. */
int ethtool_driver(int fd, const char *ifname, char ret[ETHTOOL_NAME_SIZE])
	WARN_UNUSED;

/* All features of the kernel, on and off; the caller frees *ret_list. */
int ethtool_features(int fd, const char *ifname,
		     struct ethtool_feature **ret_list, size_t *ret_n)
	WARN_UNUSED;

#endif
