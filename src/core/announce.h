/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H

/*
 * What we tell peers of our own entries: first all of them (a snapshot), then
 * each that changes. A log of keys in the order of their last change; every
 * session has a place in it (its feed). The values are read from the directory
 * when they are sent, so that an entry which changes often is sent once.
 */

#include "directory.h"
#include "list.h"
#include "message.h"
#include "table.h"

struct feed {
	struct list all;
	struct list *next; /* in the log; its head: everything was sent */
	bool is_started;   /* the first part of the snapshot was sent */
	bool is_complete;  /* the last part too: deltas from now on */
};

struct announce {
	uint64_t seed;
	struct table table; /* by (VNI, MAC) */
	struct list log;    /* oldest change first */
	struct list feeds;
	uint32_t n_withdrawn;
};

void announce_init(struct announce *a, uint64_t seed);
void announce_free(struct announce *a);

/* (@vni, @mac) of ours has changed, or is there no longer. */
void announce_changed(struct announce *a, vni_t vni, const struct mac *mac,
		      bool is_withdrawn);

/* A session begins (at the beginning) or ends. */
void feed_open(struct announce *a, struct feed *f);
void feed_close(struct announce *a, struct feed *f);

/*
 * The next message of entries for this session; @list has room for
 * MESSAGE_MAX_ENTRIES and is what ret->entries.list points to. False: nothing
 * is owed.
 */
bool feed_poll(struct announce *a, struct feed *f, const struct directory *d,
	       peer_id_t self, struct entry *list, struct message *ret);

#endif
