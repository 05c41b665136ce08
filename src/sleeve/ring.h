/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RING_H
#define RING_H

/*
 * Events from the thread to its owner: one writer, one reader, no lock. The
 * writer never waits: what finds no room is for the caller to count.
 */

#include <stdatomic.h>

#include "sleeve_event.h"

#define RING_SIZE 128U /* a power of two */

struct ring {
	int fd;	       /* eventfd, readable while there may be something */
	bool has_news; /* the writer's */
	_Atomic uint32_t head, tail; /* written so far, read so far */
	struct sleeve_event events[RING_SIZE];
};

/* 0 or -errno. */
int ring_init(struct ring *r) WARN_UNUSED;
void ring_close(struct ring *r);

/* Of the writer; false: full. Only n_data bytes of the data are taken. */
bool ring_push(struct ring *r, const struct sleeve_event *event);
/* After some pushes: wakes the reader. */
void ring_flush(struct ring *r);

/* Of the reader; false: empty. */
bool ring_pop(struct ring *r, struct sleeve_event *ret);

#endif
