/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static_assert(sizeof(struct tap_header) == sizeof(struct virtio_net_hdr),
	      "the kernel's layout");
static_assert(TAP_GSO_TCP4 == VIRTIO_NET_HDR_GSO_TCPV4 &&
		      TAP_GSO_TCP6 == VIRTIO_NET_HDR_GSO_TCPV6 &&
		      TAP_GSO_ECN == VIRTIO_NET_HDR_GSO_ECN &&
		      TAP_NEEDS_CSUM == VIRTIO_NET_HDR_F_NEEDS_CSUM,
	      "the kernel's numbers");

/* The best first: what a kernel does not know it refuses as a whole. */
static struct tap_offloads set_offloads(int fd)
{
	static const struct {
		unsigned int bits;
		struct tap_offloads what;
	} tries[] = {
		{ TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN |
			  TUN_F_USO4 | TUN_F_USO6,
		  { true, true, true, true } },
		{ TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
		  { true, true, true, false } },
		{ TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
		  { true, true, false, false } },
		{ TUN_F_CSUM, { true, false, false, false } },
	};
	size_t i;

	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)tries[i].bits) == 0)
			return tries[i].what;
	}
	ioctl(fd, TUNSETOFFLOAD, 0UL);
	return (struct tap_offloads){ false, false, false, false };
}

static int set_mtu(const char *ifname, uint32_t mtu)
{
	CLEAN_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr;

	if (fd < 0)
		return -errno;
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	ifr.ifr_mtu = (int)mtu;
	return ioctl(fd, SIOCSIFMTU, &ifr) ? -errno : 0;
}

/*
 * The host must not speak on the overlay by itself. A kernel without IPv6 has
 * no such file, and nothing to silence.
 */
static void silence(const char *ifname)
{
	char path[64 + IF_NAMESIZE];
	CLEAN_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode",
		 ifname);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) != 1)
		return;
}

int tap_end(int fd)
{
	return ioctl(fd, TUNSETPERSIST, 0UL) ? -errno : 0;
}

int tap_open(const char *ifname, uint32_t mtu, bool is_lasting, int *ret_fd,
	     struct tap_offloads *ret)
{
	CLEAN_FD int fd = -1;
	int size = sizeof(struct tap_header), r;
	struct tap_offloads offloads;
	struct ifreq ifr;

	if (ifname[0] == '\0' || strlen(ifname) >= IF_NAMESIZE ||
	    strchr(ifname, '%') || mtu > INT32_MAX)
		return -EINVAL;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	/* Else it would take over a persistent TAP of that name. */
	if (!is_lasting)
		ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_TUN_EXCL);
	if (ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETVNETHDRSZ, &size))
		return -errno;
	r = set_mtu(ifname, mtu);
	if (r < 0)
		return r;
	silence(ifname);
	offloads = set_offloads(fd);
	if (is_lasting && ioctl(fd, TUNSETPERSIST, 1UL))
		return -errno;
	*ret_fd = STEAL_FD(fd);
	*ret = offloads;
	return 0;
}

int tap_read(int fd, uint8_t *frame, size_t size, struct tap_header *ret)
{
	uint8_t *p = frame - sizeof(*ret), before[sizeof(*ret)];
	ssize_t n;

	memcpy(before, p, sizeof(before));
	n = read(fd, p, size + sizeof(*ret));
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(*ret)) {
		memcpy(p, before, sizeof(before));
		return -EIO;
	}
	memcpy(ret, p, sizeof(*ret));
	memcpy(p, before, sizeof(before));
	return (int)((size_t)n - sizeof(*ret));
}

int tap_write(int fd, uint8_t *frame, size_t size, const struct tap_header *h)
{
	uint8_t *p = frame - sizeof(*h), before[sizeof(*h)];
	ssize_t n;

	memcpy(before, p, sizeof(before));
	memcpy(p, h, sizeof(*h));
	n = write(fd, p, size + sizeof(*h));
	memcpy(p, before, sizeof(before));
	return n < 0 ? -errno : 0;
}
