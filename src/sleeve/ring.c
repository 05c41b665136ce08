/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int ring_init(struct ring *r)
{
	r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return r->fd < 0 ? -errno : 0;
}

void ring_close(struct ring *r)
{
	if (r->fd >= 0)
		close(r->fd);
}

static void copy(struct sleeve_event *to, const struct sleeve_event *from)
{
	memcpy(to, from, offsetof(struct sleeve_event, data) + from->n_data);
}

bool ring_push(struct ring *r, const struct sleeve_event *event)
{
	const uint32_t head = atomic_load_explicit(&r->head,
						   memory_order_relaxed);

	if (head - atomic_load_explicit(&r->tail, memory_order_acquire) ==
	    RING_SIZE)
		return false;
	copy(&r->events[head % RING_SIZE], event);
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	r->has_news = true;
	return true;
}

void ring_flush(struct ring *r)
{
	const uint64_t one = 1;

	if (!r->has_news)
		return;
	r->has_news = false;
	/* It fails only when the counter is full, which wakes as well. */
	if (write(r->fd, &one, sizeof(one)) < 0)
		return;
}

bool ring_pop(struct ring *r, struct sleeve_event *ret)
{
	const uint32_t tail = atomic_load_explicit(&r->tail,
						   memory_order_relaxed);
	uint64_t count;

	if (atomic_load_explicit(&r->head, memory_order_acquire) == tail) {
		/* What comes after this look makes it readable again. */
		if (read(r->fd, &count, sizeof(count)) < 0)
			return false;
		if (atomic_load_explicit(&r->head, memory_order_acquire) ==
		    tail)
			return false;
	}
	copy(ret, &r->events[tail % RING_SIZE]);
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}
