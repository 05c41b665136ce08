/* SPDX-License-Identifier: Apache-2.0 */
#include "procfd.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "textfile.h"

struct search {
	const char *root;
	procfd_socket_fn *fn;
	void *arg;
	pid_t pid;
	char command[64];
};

static bool to_pid(const char *name, pid_t *ret)
{
	char *end;
	long pid;

	if (*name < '1' || *name > '9')
		return false;
	pid = strtol(name, &end, 10);
	if (*end || pid > INT_MAX)
		return false;
	*ret = (pid_t)pid;
	return true;
}

static void look_at_file(struct search *s, int dir_fd, const char *name)
{
	static const char key[] = "socket:[";
	char target[64], *end;
	uint64_t inode;
	ssize_t n;

	n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	if (strncmp(target, key, strlen(key)) != 0)
		return;
	inode = strtoull(target + strlen(key), &end, 10);
	if (*end == ']')
		s->fn(s->arg, inode, s->pid, s->command);
}

static void look_at_process(struct search *s)
{
	char path[PATH_MAX], name[64];
	struct dirent *entry;
	unsigned int n;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/proc/%d/fd", s->root, (int)s->pid);
	dir = opendir(path);
	if (!dir)
		return; /* it has ended, or may not be looked at */
	snprintf(name, sizeof(name), "/proc/%d/comm", (int)s->pid);
	if (textfile_read(s->root, name, s->command, sizeof(s->command)))
		s->command[0] = '\0';
	for (n = 0; n < PROCFD_MAX_FILES && (entry = readdir(dir)); n++)
		look_at_file(s, dirfd(dir), entry->d_name);
	closedir(dir);
}

int procfd_sockets(const char *root, procfd_socket_fn *fn, void *arg)
{
	struct search s = { .root = root, .fn = fn, .arg = arg };
	char path[PATH_MAX];
	struct dirent *entry;
	unsigned int n;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/proc", root);
	dir = opendir(path);
	if (!dir)
		return -errno;
	for (n = 0; n < PROCFD_MAX_PROCESSES && (entry = readdir(dir)); n++) {
		if (to_pid(entry->d_name, &s.pid))
			look_at_process(&s);
	}
	closedir(dir);
	return 0;
}
