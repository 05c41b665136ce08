/* SPDX-License-Identifier: Apache-2.0 */
#include "timerq.h"

#include <assert.h>

#include "alloc.h"

void timer_init(struct timer *t, int kind)
{
	memset(t, 0, sizeof(*t));
	t->at = USEC_NEVER;
	t->kind = kind;
}

void timerq_free(struct timerq *q)
{
	free(q->heap);
	memset(q, 0, sizeof(*q));
}

static bool is_before(const struct timer *a, const struct timer *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void place(struct timerq *q, size_t i, struct timer *t)
{
	q->heap[i] = t;
	t->index = i + 1;
}

static void sift(struct timerq *q, size_t i, struct timer *t)
{
	size_t child;

	while (i > 0 && is_before(t, q->heap[(i - 1) / 2])) {
		place(q, i, q->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	while ((child = 2 * i + 1) < q->n) {
		if (child + 1 < q->n &&
		    is_before(q->heap[child + 1], q->heap[child]))
			child++;
		if (!is_before(q->heap[child], t))
			break;
		place(q, i, q->heap[child]);
		i = child;
	}
	place(q, i, t);
}

static void take_out(struct timerq *q, struct timer *t)
{
	size_t i = t->index - 1;
	struct timer *last = q->heap[--q->n];

	assert(q->heap[i] == t);
	t->index = 0;
	if (last != t)
		sift(q, i, last);
}

void timerq_set(struct timerq *q, struct timer *t, usec_t at)
{
	if (t->index) {
		if (t->at == at)
			return;
		take_out(q, t);
	}
	t->at = at;
	if (at == USEC_NEVER)
		return;
	if (q->n == q->capacity) {
		q->capacity = q->capacity ? q->capacity * 2 : 16;
		q->heap = core_realloc(q->heap, q->capacity, sizeof(*q->heap));
	}
	t->order = q->order++;
	q->n++;
	sift(q, q->n - 1, t);
}

usec_t timerq_deadline(const struct timerq *q)
{
	return q->n ? q->heap[0]->at : USEC_NEVER;
}

struct timer *timerq_expire(struct timerq *q, usec_t now)
{
	struct timer *t;

	if (!q->n || q->heap[0]->at > now)
		return NULL;
	t = q->heap[0];
	take_out(q, t);
	t->at = USEC_NEVER;
	return t;
}
