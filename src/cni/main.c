/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CNI plugin: one verb a process, the environment and stdin in, JSON on
 * stdout out. Specification 0.3.0 to 1.1.0.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "config.h"
#include "fail.h"
#include "result.h"
#include "verbs.h"

static const struct {
	verb_fn *run;
	enum cni_version since;
} verbs[N_CNI_VERBS] = {
	[CNI_ADD] = { verb_add, CNI_0_3_0 },
	[CNI_DEL] = { verb_del, CNI_0_3_0 },
	[CNI_CHECK] = { verb_check, CNI_0_4_0 },
	[CNI_GC] = { verb_gc, CNI_1_1_0 },
	[CNI_STATUS] = { verb_status, CNI_1_1_0 },
};

/* A descriptor that is opened later must not become one of the first three. */
static void open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/*
 * Half done is worse than late: what asks the process to end waits for the end
 * of the verb, all of whose steps are bounded in time.
 */
static void set_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

static int run(struct cni_args *args, struct cni_config *config,
	       struct cni_error *e)
{
	struct cni_error later = { 0 };
	int rc;

	/* The version first, for the shape of all errors. */
	rc = config_parse(config, &later);
	if (args_read(args, e))
		return -1;
	if (rc) {
		*e = later;
		return -1;
	}
	if (config->version < verbs[args->verb].since)
		return cni_fail(e, CNI_VERSION,
				"%s is of specification %s and later, the "
				"configuration of %s",
				args_verb_name(args->verb),
				cni_version_text(verbs[args->verb].since),
				cni_version_text(config->version));
	return verbs[args->verb].run(args, config, e);
}

static int fail(const struct cni_args *args, const struct cni_config *config,
		const struct cni_error *e)
{
	json_t *json = result_error(config->version, e);

	cni_log("%s%s%s: %s", args_verb_name(args->verb),
		args->container_id ? " " : "",
		args->container_id ? args->container_id : "", e->message);
	if (cni_print(json))
		cni_log("cannot write to stdout");
	json_decref(json);
	return EXIT_FAILURE;
}

int main(void)
{
	struct cni_config config = { .version = CNI_NEWEST };
	struct cni_error e = { 0 };
	struct cni_args args;
	int rc, status;

	open_standard();
	set_signals();
	rc = args_verb(&args, &e);
	if (!rc)
		rc = config_read(STDIN_FILENO, &config, &e);
	if (!rc && args.verb == CNI_VERSION_VERB)
		rc = verb_version(&config, &e);
	else if (!rc)
		rc = run(&args, &config, &e);
	status = rc ? fail(&args, &config, &e) : EXIT_SUCCESS;
	config_release(&config);
	return status;
}
