/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_FACTS_H
#define BRIDGE_FACTS_H

/*
 * What the kernel is told of bridges, piece by piece: forwarding entries and
 * elements of the guard's sets (bridge_guard.h). A fact is a key and, for some
 * kinds, a value; a list of them is sorted, so that what should be and what is
 * are compared in one walk.
 */

#include "core/core.h"

enum fact_kind {
	FACT_FDB,     /* bridge, MAC: port and FACT_IS_STICKY */
	FACT_PORT,    /* port: VNI */
	FACT_GUARDED, /* port: its sources are checked */
	FACT_CLOSED,  /* port: nothing from it is for the host */
	FACT_SOURCE,  /* port, MAC: may be sent from there */
	FACT_KNOWN4,  /* VNI, IPv4: has an owner */
	FACT_KNOWN6,
	FACT_OWNER4, /* port, IPv4: there it is */
	FACT_OWNER6,
	FACT_HOST4, /* VNI, IPv4: it is the host's own */
	FACT_HOST6,
	N_FACT_KINDS
};

#define FACT_KEY_SIZE 20U
#define FACT_IS_STICKY UINT32_C(0x80000000) /* in the value of FACT_FDB */

struct fact {
	uint8_t kind;
	bool is_inherited; /* found at the start, and nobody wanted it yet */
	uint8_t reserved[2];
	uint32_t value;
	uint8_t key[FACT_KEY_SIZE]; /* zeros behind what its kind has */
};

struct facts {
	struct fact *list;
	uint32_t n, capacity;
};

void facts_free(struct facts *f);
void facts_clear(struct facts *f);
void facts_add(struct facts *f, const struct fact *fact);
/* Of two with the same key one stays. */
void facts_sort(struct facts *f);
/* Into a sorted list, which stays so; in the place of one with its key. */
void facts_put(struct facts *f, const struct fact *fact);
/* In a sorted list; by kind and key. NULL: not there. */
struct fact *facts_find(const struct facts *f, const struct fact *key);
int facts_compare(const struct fact *a, const struct fact *b);

/* Ports and bridges are the kernel's interface indices. */
struct fact fact_fdb(uint32_t bridge, const struct mac *mac, uint32_t value);
struct fact fact_of_port(enum fact_kind kind, uint32_t port, uint32_t value);
struct fact fact_source(uint32_t port, const struct mac *mac);
/* KNOWN, OWNER or HOST; @kind4 is the one of IPv4. */
struct fact fact_of_ip(enum fact_kind kind4, uint32_t place,
		       const struct ip *ip);

/* The first number of a key, and what is behind it. */
uint32_t fact_place(const struct fact *f);
struct mac fact_mac(const struct fact *f);
struct ip fact_ip(const struct fact *f);

#endif
