/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct facts *facts_new(void)
{
	struct facts *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	return f;
}

void facts_destroy(struct facts *f)
{
	size_t i;

	if (!f)
		return;
	for (i = 0; i < f->n_nics; i++)
		free(f->nics[i].features);
	for (i = 0; i < f->n_ports; i++)
		free(f->ports[i].addresses);
	free(f->daemon.warnings);
	free(f->daemon.missing);
	free(f->daemon.blocks);
	free(f->modules);
	free(f->sysctls);
	free(f->counters);
	free(f->links);
	free(f->nics);
	free(f->egress);
	free(f->sockets);
	free(f->peers);
	free(f->ports);
	free(f->routes);
	free(f);
}

/* Grows by doubling: at every power of two there is no room left. */
void *facts_append(void **list, size_t *n, size_t size)
{
	char *items = *list;

	if (*n >= FACTS_MAX_LIST)
		return NULL;
	if ((*n & (*n - 1)) == 0) {
		items = realloc(items, (*n ? *n * 2 : 1) * size);
		if (!items)
			abort();
		*list = items;
	}
	items += *n * size;
	memset(items, 0, size);
	(*n)++;
	return items;
}

void facts_count(struct facts *f, const char *name, uint64_t value)
{
	struct facts_counter *counter;
	size_t i;

	for (i = 0; i < f->n_counters; i++) {
		if (strcmp(f->counters[i].name, name) == 0) {
			f->counters[i].after = value;
			return;
		}
	}
	counter = FACTS_ADD(f, counters);
	if (!counter)
		return;
	FACTS_SET(counter->name, name);
	counter->before = counter->after = value;
}

void facts_set(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text ? text : "");
}

const struct facts_link *facts_link(const struct facts *f, const char *ifname)
{
	size_t i;

	for (i = 0; i < f->n_links && ifname[0]; i++) {
		if (strcmp(f->links[i].ifname, ifname) == 0)
			return &f->links[i];
	}
	return NULL;
}

const struct facts_nic *facts_nic(const struct facts *f, const char *ifname)
{
	size_t i;

	for (i = 0; i < f->n_nics; i++) {
		if (strcmp(f->nics[i].ifname, ifname) == 0)
			return &f->nics[i];
	}
	return NULL;
}

const struct facts_counter *facts_counter(const struct facts *f,
					  const char *name)
{
	size_t i;

	for (i = 0; i < f->n_counters; i++) {
		if (strcmp(f->counters[i].name, name) == 0)
			return &f->counters[i];
	}
	return NULL;
}

bool facts_sysctl(const struct facts *f, const char *name, int64_t *ret)
{
	size_t i;

	for (i = 0; i < f->n_sysctls; i++) {
		if (strcmp(f->sysctls[i].name, name) == 0) {
			*ret = f->sysctls[i].value;
			return true;
		}
	}
	return false;
}

const char *facts_module(const struct facts *f, const char *name)
{
	size_t i;

	for (i = 0; i < f->n_modules; i++) {
		if (strcmp(f->modules[i].name, name) == 0)
			return f->modules[i].state;
	}
	return "unknown";
}

bool facts_is_up(const struct facts *f)
{
	return strcmp(f->daemon.state, "up") == 0;
}
