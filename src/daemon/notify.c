/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "log.h"

#define MAX_TRIES 5

static int fd = -1; /* for the life of the process */

void notify_open(void)
{
	if (fd < 0 && getenv("NOTIFY_SOCKET"))
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* Nobody there is no reason to stop. */
static int tell(const struct sockaddr_un *sa, socklen_t size, const char *state)
{
	ssize_t n = -1;

	notify_open();
	if (fd >= 0)
		n = sendto(fd, state, strlen(state), MSG_NOSIGNAL,
			   (const struct sockaddr *)sa, size);
	return n < 0 ? -errno : 0;
}

void notify(const char *state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	unsigned int n_tries = 0;
	size_t length;
	int error;

	if (!path || strlen(path) >= sizeof(sa.sun_path))
		return;
	length = strlen(path);
	memcpy(sa.sun_path, path, length);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';
	/* Unheard it would wait for us, and then end us. */
	do {
		error = tell(&sa,
			     (socklen_t)(offsetof(struct sockaddr_un,
						  sun_path) +
					 length),
			     state);
	} while (error && ++n_tries < MAX_TRIES);
	if (error)
		log_warn("systemd cannot be told %s: %s", state,
			 strerror(-error));
}
