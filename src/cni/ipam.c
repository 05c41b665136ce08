/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "config.h"
#include "fail.h"
#include "own.h"
#include "sys/cleanup.h"
#include "sys/clock.h"

#define TICK_MS 100

/* A plugin that runs. */
struct child {
	pid_t pid;
	int in, out; /* its stdin and stdout; -1: closed */
	const char *text;
	size_t size, sent;
	char *answer;
	size_t n_answer;
	usec_t deadline;
	int status; /* waitpid(2)'s */
	bool is_over;
	const char *fault; /* why it was given up; NULL: it was not */
};

static int find(const char *path, const char *name, char ret[PATH_MAX],
		struct cni_error *e)
{
	const char *at = path, *end;
	struct stat st;

	while (at) {
		size_t size = strcspn(at, ":");

		end = at[size] ? at + size + 1 : NULL;
		if (size > 0 && size + strlen(name) + 2 < PATH_MAX) {
			snprintf(ret, PATH_MAX, "%.*s/%s", (int)size, at, name);
			if (stat(ret, &st) == 0 && S_ISREG(st.st_mode) &&
			    access(ret, X_OK) == 0)
				return 0;
		}
		at = end;
	}
	cni_fail(e, CNI_IPAM, "there is no IPAM plugin %s", name);
	return cni_detail(e, path ? "CNI_PATH is %s" : "CNI_PATH is not set",
			  path);
}

/* The environment with another verb; the caller frees the list alone. */
static char **environment(char *command)
{
	size_t i, n = 0, n_out = 0;
	char **list;

	while (environ[n])
		n++;
	list = calloc(n + 2, sizeof(*list));
	if (!list)
		return NULL;
	for (i = 0; i < n; i++) {
		if (strncmp(environ[i], "CNI_COMMAND=", 12) != 0)
			list[n_out++] = environ[i];
	}
	list[n_out] = command;
	return list;
}

static int spawn_with(const char *path, const char *name, char **env, int in,
		      int out, pid_t *ret)
{
	char *argv[] = { (char *)name, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int rc;

	sigemptyset(&none);
	/* What this process ignores, its children would too. */
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_init(&attr);
	/* A group of its own, so that what it starts ends with it. */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
						POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	rc = posix_spawn(ret, path, &actions, &attr, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -rc;
}

static int start(struct child *c, const char *path, const char *name,
		 const char *verb)
{
	char command[32];
	CLEAN_FREE char **env = NULL;
	CLEAN_FD int in = -1;
	CLEAN_FD int out = -1;
	int fds[2];
	int rc;

	snprintf(command, sizeof(command), "CNI_COMMAND=%s", verb);
	env = environment(command);
	if (!env)
		return -ENOMEM;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	in = fds[0];
	c->in = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	c->out = fds[0];
	out = fds[1];
	if (fcntl(c->in, F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(c->out, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	rc = spawn_with(path, name, env, in, out, &c->pid);
	return rc;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* It need not read: what it leaves is dropped. */
static void send_more(struct child *c)
{
	ssize_t n = write(c->in, c->text + c->sent, c->size - c->sent);

	if (n > 0)
		c->sent += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->sent = c->size;
	if (c->sent == c->size)
		shut(&c->in);
}

static void receive_more(struct child *c)
{
	ssize_t n;

	for (;;) {
		if (c->n_answer == IPAM_MAX_OUTPUT) {
			c->fault = "wrote too much";
			return;
		}
		n = read(c->out, c->answer + c->n_answer,
			 IPAM_MAX_OUTPUT - c->n_answer);
		if (n > 0) {
			c->n_answer += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || errno != EAGAIN)
			shut(&c->out);
		return;
	}
}

static void reap(struct child *c)
{
	pid_t pid;

	do
		pid = waitpid(c->pid, &c->status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		c->fault = "could not be waited for";
	c->is_over = pid != 0;
}

/* Until it has ended; what it started may hold its stdout open longer. */
static void attend(struct child *c)
{
	static const struct timespec moment = { .tv_nsec = 200000 };

	while (!c->is_over && !c->fault) {
		struct pollfd p[2] = { { .fd = c->in, .events = POLLOUT },
				       { .fd = c->out, .events = POLLIN } };

		if (clock_monotonic_us() >= c->deadline) {
			c->fault = "did not end in time";
			break;
		}
		if (c->out < 0) /* it is about to end */
			nanosleep(&moment, NULL);
		else if (poll(p, 2, TICK_MS) < 0 && errno != EINTR)
			c->fault = "could not be waited for";
		if (c->in >= 0 && p[0].revents)
			send_more(c);
		/* In this order: what it wrote before its end is there. */
		if (c->out < 0 || !p[1].revents)
			reap(c);
		if (c->out >= 0)
			receive_more(c);
	}
	if (c->fault && !c->is_over) {
		kill(-c->pid, SIGKILL);
		while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
			;
	}
}

/* An error object that it wrote, in its words and with its code. */
static int its_error(const struct child *c, const char *name,
		     const json_t *reply, struct cni_error *e)
{
	const char *text = json_string_value(json_object_get(reply, "msg"));
	const char *details;
	json_int_t code;

	if (!text) {
		cni_fail(e, CNI_IPAM,
			 "IPAM plugin %s failed and did not say "
			 "why in a way that can be read",
			 name);
		return cni_detail(e,
				  WIFSIGNALED(c->status)
					  ? "signal %d ended it"
					  : "its exit status was %d",
				  WIFSIGNALED(c->status)
					  ? WTERMSIG(c->status)
					  : WEXITSTATUS(c->status));
	}
	code = json_integer_value(json_object_get(reply, "code"));
	details = json_string_value(json_object_get(reply, "details"));
	cni_fail(e, code > 0 && code <= INT_MAX ? (int)code : CNI_IPAM,
		 "IPAM plugin %s: %s", name, text);
	return cni_detail(e, "%s", details ? details : "");
}

static int judge(const struct child *c, const char *name, json_t **ret_reply,
		 bool *ret_is_unsure, struct cni_error *e)
{
	bool is_good = WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0;
	json_t *reply;

	if (c->fault) {
		*ret_is_unsure = true;
		return cni_fail(e, CNI_IPAM, "IPAM plugin %s %s", name,
				c->fault);
	}
	if (is_good && !ret_reply)
		return 0;
	reply = json_loadb(c->answer, c->n_answer, 0, NULL);
	if (is_good && json_is_object(reply)) {
		*ret_reply = reply;
		return 0;
	}
	*ret_is_unsure = is_good || !WIFEXITED(c->status);
	if (is_good)
		cni_fail(e, CNI_IPAM,
			 "IPAM plugin %s gave a result that is "
			 "no JSON object",
			 name);
	else
		its_error(c, name, reply, e);
	json_decref(reply);
	return -1;
}

static int run_other(const struct cni_args *args,
		     const struct cni_config *config, const char *verb,
		     json_t **ret_reply, bool *ret_is_unsure,
		     struct cni_error *e)
{
	struct child c = {
		.in = -1, .out = -1, .text = config->text, .size = config->size
	};
	const char *name = config->ipam_type;
	char path[PATH_MAX];
	bool is_unsure = false;
	int rc;

	if (find(args->path, name, path, e))
		return -1;
	c.answer = malloc(IPAM_MAX_OUTPUT);
	rc = c.answer ? start(&c, path, name, verb) : -ENOMEM;
	if (rc) {
		cni_fail(e, CNI_IPAM, "cannot run the IPAM plugin %s: %s", path,
			 strerror(-rc));
	} else {
		c.deadline = clock_monotonic_us() + IPAM_TIMEOUT_US;
		attend(&c);
		rc = judge(&c, name, ret_reply, &is_unsure, e);
	}
	shut(&c.in);
	shut(&c.out);
	free(c.answer);
	if (ret_is_unsure)
		*ret_is_unsure = is_unsure;
	return rc ? -1 : 0;
}

int ipam_run(const struct cni_args *args, const struct cni_config *config,
	     const char *verb, json_t **ret_reply, bool *ret_is_unsure,
	     struct cni_error *e)
{
	if (strcmp(config->ipam_type, OWN_TYPE) != 0)
		return run_other(args, config, verb, ret_reply, ret_is_unsure,
				 e);
	if (ret_is_unsure)
		*ret_is_unsure = true;
	return own_run(args, config, verb, ret_reply, e);
}
