/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_H
#define STORE_H

/*
 * Blocks of addresses that this host leases from an etcd that is there
 * already: taken by compare-and-set, and this host's for ever, until it gives
 * one back or the operator says that the host is gone for good. What must be
 * kept alive is the proof that the host can be heard: while it lasts, nobody may
 * reclaim its blocks, and it may give out addresses. docs/protocol.md,
 * "Addresses", has the rules.
 */

#include "ipam/prefix.h"

struct claims;
struct daemon;
struct error;
struct store;
struct store_held;

/* @changed: the blocks are others now. NULL: @e says why. */
struct store *store_open(struct daemon *d, const struct claims *claims,
			 void (*changed)(void *ctx), void *ctx,
			 struct error *e);
void store_close(struct store *s); /* NULL is fine */

/* The networks of the settings are others than before. */
void store_reload(struct store *s);

/* All blocks of this host: start with *pos = 0. */
const struct store_held *store_each(const struct store *s, size_t *pos);

/* May addresses be given out now? -1: @e says why not. */
int store_check(struct store *s, struct error *e) WARN_UNUSED;
/*
 * A further block for the family in @network, please. 0: it is under way; -1:
 * there is none to be had, or etcd is out of reach, and @e says so.
 */
int store_want(struct store *s, const char *network, bool is_v4,
	       struct error *e) WARN_UNUSED;
/* @serial counts the changes of this host's book. Of an earlier life it was at
 * least what store_serial() says. */
void store_note(struct store *s, uint64_t serial);
uint64_t store_serial(const struct store *s);

/* Gives back blocks of @network in which @is_used() finds nothing in use. The
 * number of them, or -1. */
int store_release(struct store *s, const char *network,
		  bool (*is_used)(void *ctx, const struct prefix *p), void *ctx,
		  struct error *e) WARN_UNUSED;
/* 1: under way. 0: etcd knows no such host. -1: @e says why not. */
int store_reclaim(struct store *s, const char *host, struct error *e)
	WARN_UNUSED;

/* What is the matter; "": all is well. */
const char *store_reason(struct store *s);
/*
 * A word for it: "up"; "starting" (it has not answered yet); "unreachable"
 * (what is leased is given out still), "expired" (no more); "new" (it has just
 * been made, or lost its data); "cloned", "old" (this host is a copy).
 */
const char *store_condition(const struct store *s);

#endif
