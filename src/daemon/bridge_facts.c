/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_facts.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

#define PLACE_SIZE sizeof(uint32_t)

void facts_free(struct facts *f)
{
	free(f->list);
	memset(f, 0, sizeof(*f));
}

void facts_clear(struct facts *f)
{
	f->n = 0;
}

void facts_add(struct facts *f, const struct fact *fact)
{
	if (f->n == f->capacity) {
		f->capacity = f->capacity ? f->capacity * 2 : 64;
		f->list = core_realloc(f->list, f->capacity, sizeof(*f->list));
	}
	f->list[f->n++] = *fact;
}

int facts_compare(const struct fact *a, const struct fact *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return memcmp(a->key, b->key, sizeof(a->key));
}

static int compare(const void *a, const void *b)
{
	return facts_compare(a, b);
}

void facts_sort(struct facts *f)
{
	uint32_t i, n = 0;

	if (!f->n)
		return;
	qsort(f->list, f->n, sizeof(*f->list), compare);
	for (i = 1; i < f->n; i++) {
		if (facts_compare(&f->list[n], &f->list[i]))
			f->list[++n] = f->list[i];
	}
	f->n = n + 1;
}

/* Of the first that is not before @key. */
static uint32_t place_of(const struct facts *f, const struct fact *key)
{
	uint32_t low = 0, high = f->n;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (facts_compare(&f->list[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct fact *facts_find(const struct facts *f, const struct fact *key)
{
	const uint32_t i = place_of(f, key);

	return i < f->n && !facts_compare(&f->list[i], key) ? &f->list[i]
							    : NULL;
}

void facts_put(struct facts *f, const struct fact *fact)
{
	const uint32_t i = place_of(f, fact);

	if (i < f->n && !facts_compare(&f->list[i], fact)) {
		f->list[i] = *fact;
		return;
	}
	facts_add(f, fact);
	memmove(&f->list[i + 1], &f->list[i],
		(f->n - 1 - i) * sizeof(*f->list));
	f->list[i] = *fact;
}

static struct fact make(enum fact_kind kind, uint32_t place, const void *rest,
			size_t size, uint32_t value)
{
	struct fact f;

	memset(&f, 0, sizeof(f));
	f.kind = (uint8_t)kind;
	f.value = value;
	memcpy(f.key, &place, PLACE_SIZE);
	if (size)
		memcpy(f.key + PLACE_SIZE, rest, size);
	return f;
}

struct fact fact_fdb(uint32_t bridge, const struct mac *mac, uint32_t value)
{
	return make(FACT_FDB, bridge, mac->b, sizeof(mac->b), value);
}

struct fact fact_of_port(enum fact_kind kind, uint32_t port, uint32_t value)
{
	return make(kind, port, NULL, 0, value);
}

struct fact fact_source(uint32_t port, const struct mac *mac)
{
	return make(FACT_SOURCE, port, mac->b, sizeof(mac->b), 0);
}

struct fact fact_of_ip(enum fact_kind kind4, uint32_t place,
		       const struct ip *ip)
{
	if (ip_is_v4(ip))
		return make(kind4, place, ip->b + 12, 4, 0);
	return make(kind4 + 1, place, ip->b, sizeof(ip->b), 0);
}

uint32_t fact_place(const struct fact *f)
{
	uint32_t place;

	memcpy(&place, f->key, sizeof(place));
	return place;
}

struct mac fact_mac(const struct fact *f)
{
	struct mac mac;

	memcpy(mac.b, f->key + PLACE_SIZE, sizeof(mac.b));
	return mac;
}

struct ip fact_ip(const struct fact *f)
{
	switch (f->kind) {
	case FACT_KNOWN4:
	case FACT_OWNER4:
	case FACT_HOST4:
		return ip_from_v4(f->key + PLACE_SIZE);
	default:
		return ip_from_v6(f->key + PLACE_SIZE);
	}
}
