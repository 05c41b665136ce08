/* SPDX-License-Identifier: Apache-2.0 */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/utf8.h"

static const struct {
	const char *text, *title;
} groups[N_GROUPS] = {
	[GROUP_KERNEL] = { "kernel", "kernel and modules" },
	[GROUP_NIC] = { "nic", "network cards" },
	[GROUP_MTU] = { "mtu", "packet sizes" },
	[GROUP_PEERS] = { "peers", "peers and paths" },
	[GROUP_DAEMON] = { "daemon", "daemon" },
	[GROUP_PORTS] = { "ports", "ports and tunnel devices" },
	[GROUP_SYSCTL] = { "sysctl", "kernel settings" },
	[GROUP_HOST] = { "host", "identity and addresses" },
};

static const char *const severities[] = {
	[SEVERITY_OK] = "ok",
	[SEVERITY_NOTE] = "note",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_ERROR] = "error",
};

void findings_free(struct findings *f)
{
	free(f->list);
	memset(f, 0, sizeof(*f));
}

static bool is_full(const struct findings *f, const char *id)
{
	size_t i, n = 0;

	for (i = 0; i < f->n; i++)
		n += strcmp(f->list[i].id, id) == 0;
	return f->n >= FINDINGS_MAX || n >= FINDINGS_MAX_SAME;
}

struct finding *findings_add(struct findings *f, enum finding_group group,
			     enum severity severity, const char *id,
			     const char *subject)
{
	struct finding *item = &f->spare;

	if (severity > f->worst)
		f->worst = severity;
	if (is_full(f, id)) {
		f->n_left_out++;
	} else {
		if (!f->list)
			f->list = calloc(FINDINGS_MAX, sizeof(*f->list));
		if (!f->list)
			abort();
		item = &f->list[f->n++];
	}
	memset(item, 0, sizeof(*item));
	item->group = group;
	item->severity = severity;
	item->id = id;
	snprintf(item->subject, sizeof(item->subject), "%s",
		 subject ? subject : "");
	return item;
}

void finding_title(struct finding *f, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(f->title, sizeof(f->title), format, ap);
	va_end(ap);
}

void finding_evidence(struct finding *f, const char *format, ...)
{
	const size_t n = strlen(f->evidence);
	va_list ap;

	va_start(ap, format);
	vsnprintf(f->evidence + n, sizeof(f->evidence) - n, format, ap);
	va_end(ap);
}

void finding_consequence(struct finding *f, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(f->consequence, sizeof(f->consequence), format, ap);
	va_end(ap);
}

void finding_remedy(struct finding *f, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(f->remedy, sizeof(f->remedy), format, ap);
	va_end(ap);
}

static void find_worst(const struct findings *f, enum severity ret[N_GROUPS])
{
	size_t i;

	memset(ret, 0, N_GROUPS * sizeof(*ret));
	for (i = 0; i < f->n; i++) {
		if (f->list[i].severity > ret[f->list[i].group])
			ret[f->list[i].group] = f->list[i].severity;
	}
}

static bool is_before(const struct finding *a, const struct finding *b,
		      const enum severity worst[N_GROUPS])
{
	if (a->group == b->group)
		return a->severity > b->severity;
	if (worst[a->group] != worst[b->group])
		return worst[a->group] > worst[b->group];
	return a->group < b->group;
}

/* By insertion: stable, and the list is short. */
void findings_sort(struct findings *f)
{
	enum severity worst[N_GROUPS];
	size_t i, j;

	find_worst(f, worst);
	for (i = 1; i < f->n; i++) {
		f->spare = f->list[i];
		for (j = i; j && is_before(&f->spare, &f->list[j - 1], worst);
		     j--)
			f->list[j] = f->list[j - 1];
		f->list[j] = f->spare;
	}
}

const char *severity_text(enum severity s)
{
	return severities[s];
}

bool severity_parse(const char *text, enum severity *ret)
{
	enum severity s;

	for (s = SEVERITY_OK; text && s <= SEVERITY_ERROR; s++) {
		if (strcmp(text, severities[s]) == 0) {
			*ret = s;
			return true;
		}
	}
	return false;
}

const char *finding_group_text(enum finding_group g)
{
	return groups[g].text;
}

const char *finding_group_title(enum finding_group g)
{
	return groups[g].title;
}

static void set_text(json_t *json, const char *key, const char *text)
{
	json_object_set_new(json, key, utf8_to_json(text));
}

json_t *findings_to_json(const struct findings *f)
{
	json_t *list = json_array(), *json;
	size_t i;

	for (i = 0; i < f->n; i++) {
		const struct finding *item = &f->list[i];

		json = json_object();
		set_text(json, "id", item->id);
		set_text(json, "group", groups[item->group].text);
		set_text(json, "severity", severities[item->severity]);
		set_text(json, "subject", item->subject);
		set_text(json, "title", item->title);
		set_text(json, "evidence", item->evidence);
		set_text(json, "consequence", item->consequence);
		set_text(json, "remedy", item->remedy);
		json_array_append_new(list, json);
	}
	return list;
}
