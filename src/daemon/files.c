/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/cleanup.h"

int files_make_directory(const char *path, struct error *e)
{
	char part[PATH_MAX];
	char *slash;
	int error = 0;

	snprintf(part, sizeof(part), "%s", path);
	for (slash = part + 1; *slash; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			error = errno;
		*slash = '/';
	}
	if (mkdir(part, 0755) == 0 || errno == EEXIST)
		return 0;
	error = error ? error : errno;
	error_set(e, error_code_of(error), "cannot make the directory %s: %s",
		  path, strerror(error));
	return error_hint(e, "make it, or choose another with --state-dir or "
			     "--run-dir");
}

static int fail(const char *path, const char *what, struct error *e)
{
	const int error = errno;

	error_set(e, error_code_of(error), "cannot %s %s: %s", what, path,
		  strerror(error));
	if (error == ENOSPC || error == EDQUOT)
		error_hint(e, "make room on that file system ('df' shows what "
			      "it has), then do it again");
	return -1;
}

static bool write_all(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	for (; left > 0; text += n, left -= (size_t)n) {
		n = write(fd, text, left);
		if (n < 0 && errno != EINTR)
			return false;
		if (n < 0)
			n = 0;
	}
	return true;
}

int files_write(const char *path, const json_t *json, struct error *e)
{
	/* json_dumpfd() would make a system call of every word. */
	CLEAN_FREE char *text = json_dumps(json, JSON_INDENT(1));
	char temporary[PATH_MAX + 8];
	int fd;
	bool is_written;

	if (!text)
		return error_set(e, "system", "cannot write %s as JSON", path);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(temporary, "write", e);
	is_written = write_all(fd, text) && fsync(fd) == 0;
	if (close(fd) || !is_written) {
		fail(temporary, "write", e);
		unlink(temporary);
		return -1;
	}
	if (rename(temporary, path)) {
		fail(path, "replace", e);
		unlink(temporary);
		return -1;
	}
	return 0;
}

int files_lock(const char *path, struct error *e)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(path, "open", e);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (errno == EWOULDBLOCK)
		error_set(e, "in-use", "another process holds %s", path);
	else
		fail(path, "lock", e);
	close(fd);
	return -1;
}

json_t *files_read(const char *path, struct error *e)
{
	CLEAN_FILE FILE *f = fopen(path, "re");
	struct stat st;
	json_error_t error;
	json_t *json;

	if (!f) {
		if (errno != ENOENT)
			fail(path, "read", e);
		return NULL;
	}
	if (fstat(fileno(f), &st)) {
		fail(path, "read", e);
		return NULL;
	}
	if ((unsigned long)st.st_size > FILES_MAX_SIZE) {
		error_set(e, "invalid", "%s is too large", path);
		return NULL;
	}
	json = json_loadf(f, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		error_set(e, "invalid", "%s:%d: %s", path, error.line,
			  error.text);
		error_hint(e, "it was damaged; move it away and start again");
	}
	return json;
}

int files_remove(const char *path, struct error *e)
{
	return unlink(path) && errno != ENOENT ? fail(path, "remove", e) : 0;
}

bool files_put_aside(const char *path)
{
	char aside[PATH_MAX + 8];

	snprintf(aside, sizeof(aside), "%s.bad", path);
	return rename(path, aside) == 0;
}

int files_sync_directory(const char *path, struct error *e)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0 ? 0 : fail(path, "write", e);
}

int files_each(const char *directory, files_fn *fn, void *ctx, struct error *e)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(directory);

	if (!dir)
		return fail(directory, "read", e);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');
		const int n = snprintf(path, sizeof(path), "%s/%s", directory,
				       entry->d_name);

		if (dot && strcmp(dot, ".json") == 0 && n > 0 &&
		    (size_t)n < sizeof(path))
			fn(ctx, path);
	}
	closedir(dir);
	return 0;
}
