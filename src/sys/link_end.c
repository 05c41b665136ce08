/* SPDX-License-Identifier: Apache-2.0 */
#include "link_end.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "core/alloc.h"

/* So many links may be on their way out; the next one is waited for. */
#define MAX_THREADS 4U
/* Until one of them has begun: a link that is seen for longer is deleted here. */
#define PAUSE_NS 100000
#define MAX_PAUSES 50U

struct link_end {
	pthread_t threads[MAX_THREADS];
	struct rtnl *rtnl[MAX_THREADS]; /* one a thread */
	unsigned int n;
	bool is_started;
	int in, out; /* a pipe of interface indices */
};

struct work {
	int in;
	struct rtnl *rtnl;
};

static void *run(void *arg)
{
	struct work w = *(struct work *)arg;
	uint32_t ifindex;

	free(arg);
	/* Whole numbers: a pipe does not part what is written at once. */
	while (read(w.in, &ifindex, sizeof(ifindex)) == sizeof(ifindex)) {
		/* It may have gone by itself; who asked looks. */
		if (rtnl_link_delete(w.rtnl, ifindex))
			continue;
	}
	return NULL;
}

static bool start_one(struct link_end *l)
{
	struct work *w;

	if (rtnl_open(&l->rtnl[l->n]))
		return false;
	w = core_alloc(sizeof(*w));
	w->in = l->in;
	w->rtnl = l->rtnl[l->n];
	if (pthread_create(&l->threads[l->n], NULL, run, w)) {
		free(w);
		rtnl_close(l->rtnl[l->n]);
		return false;
	}
	l->n++;
	return true;
}

/* Signals are for the thread that started these. */
static void start(struct link_end *l)
{
	sigset_t all, old;
	int fds[2];

	l->is_started = true;
	if (pipe2(fds, O_CLOEXEC))
		return;
	l->in = fds[0];
	l->out = fds[1];
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &old))
		return;
	while (l->n < MAX_THREADS && start_one(l))
		;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct link_end *link_end_new(void)
{
	struct link_end *l = core_alloc(sizeof(*l));

	l->in = l->out = -1;
	return l;
}

void link_end_free(struct link_end *l)
{
	unsigned int i;

	if (!l)
		return;
	/* The end of the pipe is theirs. */
	if (l->out >= 0)
		close(l->out);
	for (i = 0; i < l->n; i++) {
		pthread_join(l->threads[i], NULL);
		rtnl_close(l->rtnl[i]);
	}
	if (l->in >= 0)
		close(l->in);
	free(l);
}

static bool is_gone(struct rtnl *r, uint32_t ifindex)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct rtnl_link link;
	unsigned int i;

	for (i = 0; i < MAX_PAUSES; i++) {
		if (rtnl_link_by_index(r, ifindex, &link) == -ENODEV)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int link_end_delete(struct link_end *l, struct rtnl *r, uint32_t ifindex)
{
	int error;

	if (!l->is_started)
		start(l);
	if (l->n &&
	    write(l->out, &ifindex, sizeof(ifindex)) == sizeof(ifindex) &&
	    is_gone(r, ifindex))
		return 0;
	error = rtnl_link_delete(r, ifindex);
	return error == -ENODEV ? 0 : error;
}
