/* SPDX-License-Identifier: Apache-2.0 */
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

int thread_set_nice(int nice)
{
	/* POSIX says of the process; Linux means the thread. */
	return setpriority(PRIO_PROCESS, 0, nice) ? -errno : 0;
}

int thread_set_session_nice(int nice)
{
	CLEAN_FD int fd = -1;
	char text[16];
	const int n = snprintf(text, sizeof(text), "%d", nice);

	if (getsid(0) != getpid())
		return -EPERM;
	fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return write(fd, text, (size_t)n) == n ? 0 : -errno;
}

int thread_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}
