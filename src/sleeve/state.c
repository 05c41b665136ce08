/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>

#include "sys/udp.h"

#define MAX_ERRORS 64 /* read at a time */

int worker_watch(struct worker *w, int op, int fd, uint32_t events,
		 uint64_t source)
{
	struct epoll_event e = { .events = events, .data.u64 = source };

	return epoll_ctl(w->epoll_fd, op, fd, &e) ? -errno : 0;
}

static uint32_t words_between(uint64_t from, uint64_t to)
{
	const uint64_t n = to / 64 - from / 64;

	return n < WINDOW_BITS / 64 ? (uint32_t)n : WINDOW_BITS / 64;
}

bool window_accept(struct window *w, uint64_t seq)
{
	const uint32_t n_words = WINDOW_BITS / 64;
	uint64_t *word = &w->words[seq / 64 % n_words];
	const uint64_t bit = UINT64_C(1) << (seq % 64);
	uint32_t i;

	if (seq > w->top) {
		const uint32_t n = words_between(w->top, seq);

		for (i = 0; i < n; i++)
			w->words[(seq / 64 - i) % n_words] = 0;
		w->top = seq;
	} else if (w->top / 64 - seq / 64 >= n_words || *word & bit) {
		return false;
	}
	*word |= bit;
	return true;
}

void window_mark(struct window *w)
{
	w->marks[1] = w->marks[0];
	w->marks[0] = w->top;
}

uint64_t window_edge(const struct window *w)
{
	const uint64_t word = w->top / 64, n_words = WINDOW_BITS / 64;
	const uint64_t low = word < n_words ? 0 : (word - n_words + 1) * 64;

	return low > w->marks[1] ? low : w->marks[1];
}

void worker_tell(struct worker *w, const struct sleeve_event *event,
		 bool is_cheap)
{
	if (is_cheap) {
		if (w->now - w->events_since >= USEC_PER_SEC) {
			w->events_since = w->now;
			w->n_events = 0;
		}
		if (w->n_events == EVENTS_PER_SECOND) {
			w->n[SLEEVE_DROP_EVENTS]++;
			return;
		}
		w->n_events++;
	}
	if (!ring_push(&w->shared->ring, event))
		w->n[SLEEVE_DROP_EVENTS]++;
}

void worker_hint(const struct udp_error *e, struct sleeve_event *ret)
{
	memset(ret, 0, offsetof(struct sleeve_event, data));
	ret->type = e->error == EMSGSIZE ? SLEEVE_EVENT_HINT_TOO_BIG
					 : SLEEVE_EVENT_HINT_UNREACHABLE;
	ret->endpoint = e->to;
	ret->error = e->error;
	ret->mtu = e->mtu;
}

void worker_read_errors(struct worker *w, int fd)
{
	struct sleeve_event event;
	struct udp_error e;
	int i;

	for (i = 0; i < MAX_ERRORS && udp_next_error(fd, &e) > 0; i++) {
		if (e.error == 0)
			continue;
		worker_hint(&e, &event);
		worker_tell(w, &event, true);
	}
}
