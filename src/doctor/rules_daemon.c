/* SPDX-License-Identifier: Apache-2.0 */

/* What the daemon says of itself, or that it says nothing. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "judges.h"

static void say_silent(const struct facts *f, struct findings *ret)
{
	const bool is_down = strcmp(f->daemon.state, "down") == 0;
	struct finding *item;

	item = findings_add(ret, GROUP_DAEMON, SEVERITY_WARNING,
			    is_down ? "daemon-down" : "daemon-odd", NULL);
	finding_title(item, is_down ? "fastdpd does not run"
				    : "fastdpd does not answer as it should");
	finding_evidence(item, "%s", f->daemon.message);
	finding_consequence(item, is_down ? "this is the host alone, without "
					    "peers and paths; containers that "
					    "are known keep talking"
					  : "peers and paths were not looked "
					    "at");
	if (is_down && f->config_problem[0])
		finding_remedy(item, "first what is said of its configuration, "
				     "then systemctl start fastdpd");
	else
		finding_remedy(item, "%s",
			       f->daemon.hint[0] ? f->daemon.hint
						 : "systemctl status "
						   "fastdpd");
}

static void say_up(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	item = findings_add(ret, GROUP_DAEMON, SEVERITY_OK, "daemon", NULL);
	finding_title(item, "fastdpd %s answers", f->daemon.version);
	finding_evidence(item, "name %s, datapath %s %s (%s), MTU %u",
			 f->daemon.name, f->daemon.datapath_type,
			 f->daemon.datapath_name, f->daemon.datapath_reason,
			 f->daemon.mtu);
	if (f->daemon.has_details)
		return;
	item = findings_add(ret, GROUP_DAEMON, SEVERITY_NOTE, "daemon-old",
			    NULL);
	finding_title(item, "fastdpd is older than fastdpctl");
	finding_evidence(item, "it does not know what doctor asks");
	finding_consequence(item, "its ports and what its datapath can do are "
				  "guesses");
	finding_remedy(item, "systemctl restart fastdpd");
}

static void judge_datapath(const struct facts *f, struct findings *ret)
{
	const bool has_ovs = strcmp(f->has_ovs, "yes") == 0;
	struct finding *item;

	if (strcmp(f->daemon.datapath_type, "bridge") != 0)
		return;
	item = findings_add(ret, GROUP_DAEMON,
			    has_ovs ? SEVERITY_WARNING : SEVERITY_NOTE,
			    "datapath-bridge", NULL);
	finding_title(item, "the datapath is a Linux bridge, not openvswitch");
	finding_evidence(item, "%s", f->daemon.datapath_reason);
	finding_consequence(item, "the daemon carries all packets to peers, "
				  "which costs CPU, and stops when it does");
	finding_remedy(item, has_ovs ? "restart fastdpd without --datapath "
				       "bridge"
				     : "'modprobe openvswitch', then restart "
				       "fastdpd");
}

static void judge_missing(const struct facts *f, struct findings *ret)
{
	struct finding *item;
	size_t i;

	for (i = 0; i < f->daemon.n_missing; i++) {
		item = findings_add(ret, GROUP_DAEMON, SEVERITY_WARNING,
				    "datapath-missing", NULL);
		finding_title(item, "the %s datapath cannot do all here",
			      f->daemon.datapath_type);
		finding_evidence(item, "%s", f->daemon.missing[i].text);
		finding_consequence(item, "what is named there; the rest works "
					  "as elsewhere");
		finding_remedy(item, "'modprobe openvswitch' and restart "
				     "fastdpd, or install a kernel that has "
				     "what is missing");
	}
}

static void judge_capped(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	if (!f->daemon.is_capped)
		return;
	item = findings_add(ret, GROUP_DAEMON, SEVERITY_WARNING,
			    "daemon-capped", NULL);
	finding_title(item, "fastdpd probes no more than the base size");
	finding_evidence(item, "%s", f->daemon.capped);
	finding_consequence(item, "longer packets to peers are not found to "
				  "pass, so those of containers stay short");
	finding_remedy(item, "see the kernel's finding; then restart fastdpd");
}

/* The daemon says that nothing is encrypted because it was told to. */
static bool is_chosen(const char *warning)
{
	return strncmp(warning, "insecure:", strlen("insecure:")) == 0;
}

/* Of the store it is judged by its state; how long it is safe goes down. */
static bool is_of_store(const struct facts *f, const char *warning)
{
	return f->daemon.store_reason[0] &&
	       strncmp(warning, f->daemon.store_reason, 40) == 0;
}

static void pass_warnings_on(const struct facts *f, struct findings *ret)
{
	struct finding *item;
	size_t i;

	for (i = 0; i < f->daemon.n_warnings; i++) {
		const char *text = f->daemon.warnings[i].text;

		if (is_of_store(f, text))
			continue;
		item = findings_add(
			ret, GROUP_DAEMON,
			is_chosen(text) ? SEVERITY_NOTE : SEVERITY_WARNING,
			is_chosen(text) ? "daemon-insecure" : "daemon-warning",
			NULL);
		finding_title(item, "%s", text);
		finding_evidence(item, "fastdpctl status");
		if (is_chosen(text)) {
			finding_consequence(item, "who reaches the ports may "
						  "take part in the network");
			finding_remedy(item, "let nobody but the peers reach "
					     "the ports");
		} else {
			finding_consequence(item, "see what it says");
			finding_remedy(item, "see the log: journalctl -u "
					     "fastdpd");
		}
	}
}

static void judge_counters(const struct facts *f, struct findings *ret)
{
	static const struct {
		const char *name, *title;
	} counters[] = {
		{ "daemon.limit_hits", "a table is full, and refuses" },
		{ "daemon.flow_refused", "the kernel refuses flows" },
		{ "daemon.upcall_overruns", "packets that come up are lost" },
		{ "daemon.entries_refused", "entries of peers are refused" },
	};
	const struct facts_counter *c;
	struct finding *item;
	size_t i;

	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		c = facts_counter(f, counters[i].name);
		if (!c || c->after <= c->before)
			continue;
		item = findings_add(ret, GROUP_DAEMON, SEVERITY_WARNING,
				    counters[i].name, NULL);
		finding_title(item, "%s", counters[i].title);
		finding_evidence(item,
				 "%s grew from %" PRIu64 " to %" PRIu64
				 " in %u ms",
				 c->name, c->before, c->after, f->interval_ms);
		finding_consequence(item, "some addresses are reached slowly, "
					  "or not at all");
		finding_remedy(item, "see the log: journalctl -u fastdpd; "
				     "limits are in the operations document");
	}
}

/* What runs by options alone needs none. */
static void say_no_config(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	if (strcmp(f->daemon.state, "down") != 0)
		return;
	item = findings_add(ret, GROUP_DAEMON, SEVERITY_WARNING, "config-none",
			    NULL);
	finding_title(item, "there is no configuration file");
	finding_evidence(item, "%s", f->config_problem);
	finding_consequence(item, "the service fastdpd does not start without "
				  "it");
	finding_remedy(item, "%s; then systemctl start fastdpd",
		       f->config_hint);
}

static void judge_config(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	if (f->is_config_absent) {
		say_no_config(f, ret);
		return;
	}
	if (!f->config_problem[0])
		return;
	item = findings_add(ret, GROUP_DAEMON, SEVERITY_ERROR, "config", NULL);
	finding_title(item, "the configuration file cannot be used");
	finding_evidence(item, "%s", f->config_problem);
	finding_consequence(item, "fastdpd does not start with it; doctor took "
				  "the default for what it did not reach");
	finding_remedy(item, "%s; then systemctl restart fastdpd",
		       f->config_hint[0] ? f->config_hint
					 : "mend that line, see "
					   "fastdpd.conf(5)");
}

static void judge_namespace(const struct facts *f, struct findings *ret)
{
	struct finding *item;

	if (!f->is_elsewhere)
		return;
	item = findings_add(ret, GROUP_DAEMON, SEVERITY_NOTE,
			    "daemon-elsewhere", NULL);
	finding_title(item, "fastdpd runs in another network namespace");
	finding_evidence(item, "its namespace could not be entered");
	finding_consequence(item, "links, ports and settings are those of this "
				  "namespace, not of its own");
	finding_remedy(item, "run fastdpctl as root, or in its namespace");
}

void rules_daemon(const struct facts *f, struct findings *ret)
{
	judge_config(f, ret);
	judge_namespace(f, ret);
	if (facts_is_up(f)) {
		say_up(f, ret);
		judge_datapath(f, ret);
		judge_missing(f, ret);
		judge_capped(f, ret);
		pass_warnings_on(f, ret);
		judge_counters(f, ret);
	} else if (f->daemon.state[0]) {
		say_silent(f, ret);
	}
}
