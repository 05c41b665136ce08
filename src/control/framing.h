/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FRAMING_H
#define FRAMING_H

/*
 * Frames in a stream of bytes: four octets of size, big-endian, then so many
 * octets. A reader that puts frames together again, and a bounded queue of
 * bytes to be sent. Neither knows what is inside, nor any socket.
 */

#include "core/core.h"

#define FRAME_HEADER_SIZE 4U

enum frame_result {
	FRAME_MORE, /* all was taken, no frame is complete */
	FRAME_COMPLETE,
	FRAME_TOO_LONG, /* the size is above the limit: the stream is lost */
	FRAME_NO_MEMORY,
};

/* Zeroed is empty. Holds memory only while part of a frame is missing. */
struct frame_reader {
	uint8_t *buf;
	size_t size, capacity;
};

struct frame {
	const uint8_t *data;
	size_t size;
};

/*
 * Takes bytes of the stream up to the end of one frame; *ret_taken says how
 * many. @max_size limits a frame. @ret is set with FRAME_COMPLETE: borrowed
 * from @data or from the reader, until frame_reader_free(), which is due
 * before the next call.
 */
enum frame_result frame_read(struct frame_reader *r, size_t max_size,
			     const uint8_t *data, size_t size,
			     size_t *ret_taken, struct frame *ret) WARN_UNUSED;
void frame_reader_free(struct frame_reader *r);

/* Zeroed is empty. Holds no memory while empty. */
struct send_queue {
	uint8_t *buf;
	size_t start, end, capacity;
};

/* Appends header and frame; false: above @limit bytes in all, or no memory. */
bool send_queue_add(struct send_queue *q, size_t limit, const uint8_t *data,
		    size_t size) WARN_UNUSED;
size_t send_queue_size(const struct send_queue *q);
/* What is to be sent first; borrowed until the queue changes. */
const uint8_t *send_queue_data(const struct send_queue *q);
void send_queue_sent(struct send_queue *q, size_t size);
void send_queue_free(struct send_queue *q);

#endif
