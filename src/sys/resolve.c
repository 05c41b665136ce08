/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve.h"

#include "addr.h"
#include "cleanup.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>

struct request {
	STAILQ_ENTRY(request) link;
	struct resolve_result result;
	char host[MAX_HOST];
};

STAILQ_HEAD(request_list, request);

/*
 * Shared by the caller and the worker; whichever lets go last frees it. The
 * mutex guards all but event_fd and thread, which only the caller touches
 * while it has not let go.
 */
struct resolve {
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct request_list waiting, finished;
	uint32_t n_waiting;
	uint32_t n_finished;
	int event_fd;
	pthread_t thread;
	bool has_thread;
	bool is_abandoned; /* by the caller */
	bool is_busy;	   /* the worker is in getaddrinfo() */
	bool is_cancelled; /* what it works on is no longer wanted */
	uint32_t busy_id;
};

static void free_list(struct request_list *list)
{
	struct request *q;

	while ((q = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, link);
		free(q);
	}
}

static void destroy(struct resolve *r)
{
	free_list(&r->waiting);
	free_list(&r->finished);
	close(r->event_fd);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->mutex);
	free(r);
}

static void look_up(struct request *q)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct resolve_result *result = &q->result;
	struct addrinfo *list;

	if (getaddrinfo(q->host, NULL, &hints, &list) != 0)
		return;
	for (struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		struct sockaddr_storage sa = { 0 };
		struct endpoint ep;

		if (result->n == RESOLVE_MAX_ADDRESSES)
			break;
		memcpy(&sa, ai->ai_addr,
		       ai->ai_addrlen < sizeof(sa) ? ai->ai_addrlen
						   : sizeof(sa));
		if (addr_from_sockaddr(&sa, &ep))
			result->addresses[result->n++] = ep.ip;
	}
	freeaddrinfo(list);
}

static void signal_finished(struct resolve *r)
{
	uint64_t one = 1;

	/* Cannot fail: the counter is far from its end. */
	while (write(r->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* One request, with the mutex held except while it blocks. */
static void serve(struct resolve *r)
{
	struct request *q = STAILQ_FIRST(&r->waiting);

	STAILQ_REMOVE_HEAD(&r->waiting, link);
	r->n_waiting--;
	r->is_busy = true;
	r->is_cancelled = false;
	r->busy_id = q->result.id;
	pthread_mutex_unlock(&r->mutex);

	look_up(q);

	pthread_mutex_lock(&r->mutex);
	r->is_busy = false;
	if (r->is_abandoned || r->is_cancelled) {
		free(q);
		return;
	}
	STAILQ_INSERT_TAIL(&r->finished, q, link);
	r->n_finished++;
	signal_finished(r);
}

static void *work(void *arg)
{
	struct resolve *r = arg;
	bool is_last;

	pthread_mutex_lock(&r->mutex);
	while (!r->is_abandoned) {
		if (STAILQ_EMPTY(&r->waiting))
			pthread_cond_wait(&r->wake, &r->mutex);
		else
			serve(r);
	}
	/* Detached: the caller did not wait for us, so the rest is ours. */
	is_last = !r->has_thread;
	pthread_mutex_unlock(&r->mutex);
	if (is_last)
		destroy(r);
	return NULL;
}

int resolve_new(struct resolve **ret)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->event_fd < 0) {
		int error = errno;

		free(r);
		return -error;
	}
	/* With default attributes neither can fail on Linux. */
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->wake, NULL);
	STAILQ_INIT(&r->waiting);
	STAILQ_INIT(&r->finished);
	*ret = r;
	return 0;
}

void resolve_free(struct resolve *r)
{
	pthread_t thread;
	bool is_running, is_busy;

	if (!r)
		return;
	pthread_mutex_lock(&r->mutex);
	r->is_abandoned = true;
	is_running = r->has_thread;
	is_busy = r->is_busy;
	thread = r->thread;
	if (is_running && is_busy) {
		/* It may block for as long as a name server is silent. */
		r->has_thread = false;
		pthread_detach(thread);
	}
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->mutex);
	if (is_running && is_busy)
		return;
	if (is_running)
		pthread_join(thread, NULL);
	destroy(r);
}

int resolve_fd(const struct resolve *r)
{
	return r->event_fd;
}

/* The daemon's signals are for its own thread. */
static int start_thread(struct resolve *r)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	error = pthread_sigmask(SIG_SETMASK, &all, &old);
	if (error)
		return -error;
	error = pthread_create(&r->thread, NULL, work, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return -error;
	r->has_thread = true;
	return 0;
}

int resolve_start(struct resolve *r, uint32_t id, const char *host)
{
	size_t size = strlen(host);
	struct request *q;
	int ret = 0;

	if (size == 0 || size >= MAX_HOST)
		return -ENAMETOOLONG;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->result.id = id;
	memcpy(q->host, host, size + 1);
	pthread_mutex_lock(&r->mutex);
	/* Results that nobody fetches count too: the bound is on memory. */
	if (r->n_waiting + r->n_finished >= RESOLVE_MAX_WAITING)
		ret = -EAGAIN;
	else if (!r->has_thread)
		ret = start_thread(r);
	if (ret == 0) {
		STAILQ_INSERT_TAIL(&r->waiting, q, link);
		r->n_waiting++;
		pthread_cond_signal(&r->wake);
	}
	pthread_mutex_unlock(&r->mutex);
	if (ret < 0)
		free(q);
	return ret;
}

/* Takes the requests with @id out of @list; returns how many they were. */
static uint32_t drop(struct request_list *list, uint32_t id)
{
	struct request_list kept = STAILQ_HEAD_INITIALIZER(kept);
	struct request *q;
	uint32_t n = 0;

	while ((q = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, link);
		if (q->result.id == id) {
			free(q);
			n++;
		} else {
			STAILQ_INSERT_TAIL(&kept, q, link);
		}
	}
	STAILQ_CONCAT(list, &kept);
	return n;
}

void resolve_cancel(struct resolve *r, uint32_t id)
{
	pthread_mutex_lock(&r->mutex);
	r->n_waiting -= drop(&r->waiting, id);
	r->n_finished -= drop(&r->finished, id);
	if (r->is_busy && r->busy_id == id)
		r->is_cancelled = true;
	pthread_mutex_unlock(&r->mutex);
}

bool resolve_next(struct resolve *r, struct resolve_result *ret)
{
	struct request *q;
	uint64_t count;

	pthread_mutex_lock(&r->mutex);
	q = STAILQ_FIRST(&r->finished);
	if (q) {
		STAILQ_REMOVE_HEAD(&r->finished, link);
		r->n_finished--;
	} else {
		/* What fails is not taken back: there is a call for nothing. */
		while (read(r->event_fd, &count, sizeof(count)) < 0 &&
		       errno == EINTR)
			;
	}
	pthread_mutex_unlock(&r->mutex);
	if (!q)
		return false;
	*ret = q->result;
	free(q);
	return true;
}
