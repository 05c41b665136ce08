/* SPDX-License-Identifier: Apache-2.0 */
#include "pathmtu.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "addr.h"
#include "cleanup.h"

#define DISCARD_PORT 9

int pathmtu_of(const struct ip *destination, uint32_t *ret)
{
	const struct endpoint to = { .ip = *destination, .port = DISCARD_PORT };
	struct sockaddr_storage address;
	socklen_t size = addr_to_sockaddr(&to, &address);
	bool is_v4 = ip_is_v4(destination);
	CLEAN_FD int fd = -1;
	int mtu = 0;
	socklen_t n = sizeof(mtu);

	fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0)
		return -errno;
	if (getsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
		       is_v4 ? IP_MTU : IPV6_MTU, &mtu, &n) < 0)
		return -errno;
	if (n != sizeof(mtu) || mtu <= 0)
		return -EBADMSG;
	*ret = (uint32_t)mtu;
	return 0;
}
