/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FINDING_H
#define FINDING_H

/*
 * What doctor has to say: a growing list of findings, bounded. It knows how
 * they are ordered and written as JSON, and nothing of what they are about.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum severity {
	SEVERITY_OK,	  /* was looked at, is as it should be */
	SEVERITY_NOTE,	  /* good to know */
	SEVERITY_WARNING, /* works, but not as well or as safely as it could */
	SEVERITY_ERROR,	  /* does not work, or hurts the host */
};

/* In the order in which groups are shown when they are equally bad. */
enum finding_group {
	GROUP_KERNEL,
	GROUP_NIC,
	GROUP_MTU,
	GROUP_PEERS,
	GROUP_DAEMON,
	GROUP_PORTS,
	GROUP_SYSCTL,
	GROUP_HOST,
	N_GROUPS
};

struct finding {
	enum severity severity;
	enum finding_group group;
	const char *id;	    /* stable, for programs: "nic-lro"; borrowed */
	char subject[128];  /* which NIC, peer, …; "" is this host */
	char title[192];    /* one line, no full stop */
	char evidence[640]; /* what was seen */
	char consequence[512];
	char remedy[512]; /* the command, or what to do; "" if OK */
};

#define FINDINGS_MAX 1024U
/* Of one id; more are counted. */
#define FINDINGS_MAX_SAME 32U

struct findings {
	struct finding *list;
	size_t n, n_left_out;
	enum severity worst; /* of those left out, too */
	struct finding spare;
};

void findings_free(struct findings *f);

/*
 * One more, never NULL: a spare beyond the limits, which is counted only.
 * @subject NULL: this host. It dies with the next. Out of memory aborts.
 */
struct finding *findings_add(struct findings *f, enum finding_group group,
			     enum severity severity, const char *id,
			     const char *subject);

#define FINDING_PRINTF __attribute__((format(printf, 2, 3)))
void finding_title(struct finding *f, const char *format, ...) FINDING_PRINTF;
/* This one adds to what is there. */
void finding_evidence(struct finding *f, const char *format,
		      ...) FINDING_PRINTF;
void finding_consequence(struct finding *f, const char *format,
			 ...) FINDING_PRINTF;
void finding_remedy(struct finding *f, const char *format, ...) FINDING_PRINTF;

/* Groups with the worst first, in each the worst first, else as they came. */
void findings_sort(struct findings *f);

const char *severity_text(enum severity s); /* "ok", "note", … Static. */
/* False: no such word. */
bool severity_parse(const char *text, enum severity *ret);
const char *finding_group_text(enum finding_group g);  /* for programs */
const char *finding_group_title(enum finding_group g); /* for people */

/* A new array. */
json_t *findings_to_json(const struct findings *f);

#endif
