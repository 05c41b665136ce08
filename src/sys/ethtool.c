/* SPDX-License-Identifier: Apache-2.0 */
#include "ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cleanup.h"

#define MAX_FEATURES 512U /* kernels have about 60 */
#define BITS_A_BLOCK 32U

int ethtool_open(int *ret_fd)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int ask(int fd, const char *ifname, void *command)
{
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	if (strlen(ifname) >= sizeof(request.ifr_name))
		return -ENODEV;
	strcpy(request.ifr_name, ifname);
	request.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

int ethtool_driver(int fd, const char *ifname, char ret[ETHTOOL_NAME_SIZE])
{
	struct ethtool_drvinfo info;
	int rc;

	memset(&info, 0, sizeof(info));
	info.cmd = ETHTOOL_GDRVINFO;
	rc = ask(fd, ifname, &info);
	if (rc)
		return rc;
	memcpy(ret, info.driver, sizeof(info.driver));
	ret[sizeof(info.driver)] = '\0';
	return 0;
}

static int count_features(int fd, const char *ifname, uint32_t *ret)
{
	union {
		struct ethtool_sset_info info;
		uint32_t room[sizeof(struct ethtool_sset_info) / 4 + 1];
	} set;
	uint32_t n;
	int rc;

	memset(&set, 0, sizeof(set));
	set.info.cmd = ETHTOOL_GSSET_INFO;
	set.info.sset_mask = 1ULL << ETH_SS_FEATURES;
	rc = ask(fd, ifname, &set);
	if (rc)
		return rc;
	/* One size behind the header for the one bit that was asked. */
	n = set.room[sizeof(struct ethtool_sset_info) / 4];
	if (!set.info.sset_mask || n == 0 || n > MAX_FEATURES)
		return -EOPNOTSUPP;
	*ret = n;
	return 0;
}

/* Both buffers are zeroed behind what the kernel may have left out. */
static int read_features(int fd, const char *ifname, uint32_t n,
			 struct ethtool_gstrings *names,
			 struct ethtool_gfeatures *states)
{
	int rc;

	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = n;
	states->cmd = ETHTOOL_GFEATURES;
	states->size = (n + BITS_A_BLOCK - 1) / BITS_A_BLOCK;
	rc = ask(fd, ifname, names);
	return rc ? rc : ask(fd, ifname, states);
}

static void take_feature(const struct ethtool_gstrings *names,
			 const struct ethtool_gfeatures *states, uint32_t i,
			 struct ethtool_feature *ret)
{
	const struct ethtool_get_features_block *block;
	const uint32_t bit = 1U << i % BITS_A_BLOCK;

	block = &states->features[i / BITS_A_BLOCK];
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->name, names->data + (size_t)i * ETH_GSTRING_LEN,
	       ETH_GSTRING_LEN);
	ret->is_on = block->active & bit;
	ret->is_fixed = !(block->available & bit) ||
			(block->never_changed & bit);
}

int ethtool_features(int fd, const char *ifname,
		     struct ethtool_feature **ret_list, size_t *ret_n)
{
	CLEAN_FREE struct ethtool_gstrings *names = NULL;
	CLEAN_FREE struct ethtool_gfeatures *states = NULL;
	CLEAN_FREE struct ethtool_feature *list = NULL;
	uint32_t i, n;
	size_t used = 0;
	int rc = count_features(fd, ifname, &n);

	if (rc)
		return rc;
	names = calloc(1, sizeof(*names) + (size_t)n * ETH_GSTRING_LEN);
	states = calloc(1, sizeof(*states) + ((size_t)n / BITS_A_BLOCK +
					      1) * sizeof(states->features[0]));
	list = calloc(n, sizeof(*list));
	if (!names || !states || !list)
		return -ENOMEM;
	rc = read_features(fd, ifname, n, names, states);
	if (rc)
		return rc;
	for (i = 0; i < n; i++) {
		take_feature(names, states, i, &list[used]);
		/* Bits that this kernel does not use have no name. */
		if (list[used].name[0])
			used++;
	}
	*ret_list = STEAL_PTR(list);
	*ret_n = used;
	return 0;
}
