/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "config.h"
#include "fail.h"
#include "sys/clock.h"

/* Equal names of two are harmless: one waits for the other. */
static socklen_t name_of(const struct cni_args *args,
			 const struct cni_config *config,
			 struct sockaddr_un *ret)
{
	char key[CNI_MAX_ID + CONFIG_MAX_NAME + 32];
	int n;

	snprintf(key, sizeof(key), "%s/%s/%s", config->name, args->container_id,
		 args->ifname);
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	n = snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1,
		     "fastdp-cni-%016" PRIx64, core_hash(key, strlen(key), 0));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)n);
}

int lock_take(const struct cni_args *args, const struct cni_config *config)
{
	static const struct timespec pause = { .tv_nsec = 10000000 };
	usec_t deadline = clock_monotonic_us() + LOCK_WAIT_US;
	struct sockaddr_un name;
	socklen_t size = name_of(args, config, &name);
	int fd;

	/* Inherited on purpose: no SOCK_CLOEXEC. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return -1;
	while (bind(fd, (struct sockaddr *)&name, size) < 0) {
		if (errno != EADDRINUSE || clock_monotonic_us() >= deadline) {
			cni_log("%s %s: went on without the lock: %s",
				args->container_id, args->ifname,
				strerror(errno));
			close(fd);
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return fd;
}
