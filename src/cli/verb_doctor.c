/* SPDX-License-Identifier: Apache-2.0 */

/* doctor: what is wrong with this host, and what to do about it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "client/socket.h"
#include "doctor/facts_json.h"
#include "doctor/gather.h"
#include "doctor/rules.h"
#include "sys/cleanup.h"
#include "sys/error.h"
#include "sys/netns.h"
#include "text.h"
#include "verbs.h"

#define DEFAULT_CONFIG "/etc/fastdp/fastdpd.conf"
#define INTERVAL_MS 1200U /* two heartbeats and some */

struct visit {
	const struct cli *cli;
	struct client *client; /* NULL: none; then @error says why */
	struct error error;
	struct facts *facts;
};

static json_t *ask(void *arg, const char *verb, struct error *e)
{
	struct visit *v = arg;
	json_t *request, *reply = NULL;

	if (!v->client) {
		*e = v->error;
		return NULL;
	}
	request = cli_request(verb);
	if (client_call(v->client, request, &reply, e))
		reply = NULL;
	json_decref(request);
	return reply;
}

static void say(void *arg, const char *what)
{
	(void)arg;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%s ...\n", what);
}

static int look(void *arg)
{
	struct visit *v = arg;
	const char *config = cli_option(v->cli, "config");
	const struct gather g = {
		.root = "",
		.config = config ? config : DEFAULT_CONFIG,
		.interval_ms = cli_option(v->cli, "quick") ? 0 : INTERVAL_MS,
		.ask = ask,
		.say = say,
		.arg = v,
	};

	gather_facts(&g, v->facts);
	return 0;
}

/* In the daemon's namespace, which is what peers and paths are about. */
static void visit(struct visit *v)
{
	CLEAN_FD int fd = -1;
	bool is_seen = true;

	if (client_open(v->cli->socket_path, &v->client, &v->error))
		v->client = NULL;
	if (!v->client || client_netns(v->client, &fd, NULL) ||
	    netns_run(fd, look, v)) {
		is_seen = !v->client;
		look(v);
	}
	v->facts->is_elsewhere = !is_seen;
	client_close(v->client);
}

static int say_no_report(struct error *e)
{
	return error_hint(e, "give a file that 'fastdpctl doctor --json' "
			     "wrote, with a fastdpctl of this version");
}

/* A report that was saved, or the facts alone. */
static int load(const char *path, struct facts *ret, struct error *e)
{
	json_error_t why;
	json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	const json_t *facts = json_object_get(json, "facts");
	int rc;

	if (!json) {
		error_set(e, "invalid", "cannot read %.200s: %.120s", path,
			  why.text);
		return say_no_report(e);
	}
	if (!facts)
		facts = json;
	if (facts_json_is(facts)) {
		rc = facts_from_json(facts, ret, e);
		if (rc)
			error_prefix(e, "%.200s", path);
	} else {
		error_set(e, "invalid", "%.200s is no report of doctor", path);
		rc = say_no_report(e);
	}
	json_decref(json);
	return rc;
}

static void print_part(const char *label, const char *text)
{
	if (!text[0])
		return;
	printf("    %-12s", label);
	text_print(text);
	putchar('\n');
}

static const char *colour_of(enum severity s)
{
	if (s == SEVERITY_ERROR)
		return text_colour(TEXT_BAD);
	if (s == SEVERITY_WARNING)
		return text_colour(TEXT_WAITING);
	return text_colour(s == SEVERITY_OK ? TEXT_GOOD : TEXT_PLAIN);
}

static void print_finding(const struct finding *f)
{
	printf("  %s%-7s%s  ", colour_of(f->severity),
	       severity_text(f->severity), text_colour(TEXT_PLAIN));
	text_print(f->title);
	putchar('\n');
	if (f->severity == SEVERITY_OK)
		return;
	print_part("seen", f->evidence);
	print_part("so", f->consequence);
	print_part("do", f->remedy);
}

static void count(const struct findings *f, size_t ret[SEVERITY_ERROR + 1])
{
	size_t i;

	for (i = 0; i < f->n; i++)
		ret[f->list[i].severity]++;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_text(const struct findings *f)
{
	size_t n[SEVERITY_ERROR + 1] = { 0 };
	enum finding_group group = N_GROUPS;
	size_t i;

	for (i = 0; i < f->n; i++) {
		if (f->list[i].group != group) {
			group = f->list[i].group;
			printf("%s%s\n", i ? "\n" : "",
			       finding_group_title(group));
		}
		print_finding(&f->list[i]);
	}
	count(f, n);
	printf("\n%zu error%s, %zu warning%s, %zu note%s, %zu in order",
	       n[SEVERITY_ERROR], plural(n[SEVERITY_ERROR]),
	       n[SEVERITY_WARNING], plural(n[SEVERITY_WARNING]),
	       n[SEVERITY_NOTE], plural(n[SEVERITY_NOTE]), n[SEVERITY_OK]);
	if (f->n_left_out)
		printf("; not shown: %zu more", f->n_left_out);
	putchar('\n');
}

static void print_json(const struct findings *f, const struct facts *facts)
{
	json_t *json = json_object();

	json_object_set_new(json, "worst",
			    json_string(severity_text(f->worst)));
	json_object_set_new(json, "left_out",
			    json_integer((json_int_t)f->n_left_out));
	json_object_set_new(json, "findings", findings_to_json(f));
	json_object_set_new(json, "facts", facts_to_json(facts));
	cli_print_json(json);
	json_decref(json);
}

static enum cli_exit judge(const struct cli *cli, const struct facts *facts)
{
	struct findings findings = { .n = 0 };
	struct doctor_data data;
	enum severity worst;

	data_load(cli_option(cli, "data"), &data);
	rules_judge(facts, &data, &findings);
	if (cli->is_json)
		print_json(&findings, facts);
	else
		print_text(&findings);
	worst = findings.worst;
	findings_free(&findings);
	data_free(&data);
	return worst > SEVERITY_NOTE ? CLI_FAILED : CLI_DONE;
}

static enum cli_exit run_doctor(struct cli *cli, char **arguments)
{
	struct visit v = { .cli = cli, .facts = facts_new() };
	const char *saved = cli_option(cli, "facts");
	enum cli_exit rc;

	(void)arguments;
	if (!saved)
		visit(&v);
	if (saved && load(saved, v.facts, &v.error))
		rc = cli_failed(&v.error);
	else
		rc = judge(cli, v.facts);
	facts_destroy(v.facts);
	return rc;
}

static const struct cli_option doctor_options[] = {
	{ "config", "FILE",
	  "the daemon's configuration: would it start, with\n"
	  "which ports (default: " DEFAULT_CONFIG ")" },
	{ "data", "DIR", "kernels.json and nic-features.json of one's own" },
	{ "facts", "FILE", "judge a saved report of --json, not this host" },
	{ "quick", NULL, "one look only: no card is seen to stand still" },
	{ NULL, NULL, NULL },
};

const struct verb verb_doctor = {
	.name = "doctor",
	.arguments = "",
	.summary = "What is wrong with this host, and what to do",
	.help = "Looks at the kernel, cards, packet sizes, ports and settings "
		"of this host, and, when\nthe daemon runs, at its peers and "
		"paths. Changes nothing and sends nothing. Exits\nwith 0 when "
		"nothing is worse than a note, else with 1.",
	.options = doctor_options,
	.run = run_doctor,
};
