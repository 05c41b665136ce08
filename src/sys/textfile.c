/* SPDX-License-Identifier: Apache-2.0 */
#include "textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

int textfile_open(const char *root, const char *path)
{
	char whole[PATH_MAX];
	CLEAN_FD int fd = -1;
	struct stat st;
	int n;

	n = snprintf(whole, sizeof(whole), "%s%s", root, path);
	if (n < 0 || (size_t)n >= sizeof(whole))
		return -ENAMETOOLONG;
	/* A pipe in the place of a file holds nobody up. */
	fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return STEAL_FD(fd);
}

static void mend(char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (text[i] == '\0')
			text[i] = '?';
	}
	text[n] = '\0';
}

int textfile_read(const char *root, const char *path, char *ret, size_t size)
{
	CLEAN_FD int fd = textfile_open(root, path);
	size_t got = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (size == 0)
		return -EINVAL;
	do {
		n = read(fd, ret + got, size - 1 - got);
		if (n > 0)
			got += (size_t)n;
	} while (got < size - 1 && (n > 0 || (n < 0 && errno == EINTR)));
	if (n < 0) {
		n = -errno;
		ret[0] = '\0';
		return (int)n;
	}
	if (got && ret[got - 1] == '\n')
		got--;
	mend(ret, got);
	return 0;
}

/* The rest of a line that did not fit. */
static void skip_line(FILE *f)
{
	int c;

	do {
		c = fgetc(f);
	} while (c != EOF && c != '\n');
}

static int each_line(FILE *f, textfile_line_fn *line, void *arg)
{
	char buf[TEXTFILE_MAX_LINE];
	size_t n_lines, n;
	int rc = 0;

	for (n_lines = 0; !rc && n_lines < TEXTFILE_MAX_LINES; n_lines++) {
		if (!fgets(buf, sizeof(buf), f))
			return ferror(f) ? -EIO : 0;
		n = strlen(buf);
		if (n && buf[n - 1] == '\n')
			buf[n - 1] = '\0';
		else
			skip_line(f);
		rc = line(arg, buf);
	}
	return rc;
}

int textfile_lines(const char *root, const char *path, textfile_line_fn *line,
		   void *arg)
{
	CLEAN_FD int fd = textfile_open(root, path);
	CLEAN_FILE FILE *f = NULL;

	if (fd < 0)
		return fd;
	f = fdopen(fd, "re");
	if (!f)
		return -errno;
	(void)STEAL_FD(fd);
	return each_line(f, line, arg);
}
