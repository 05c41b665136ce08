/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Hostile lines on the local socket, for the verbs that ask or plan and so
 * change nothing outside of the daemon: a reply, or an error that says what
 * is wrong. The first octet may choose the verb for a line that names none.
 * Each line is read as the record of a port in the run directory as well.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine.h"
#include "core/list.h"
#include "daemon/api.h"
#include "daemon/log.h"
#include "daemon/portbook.h"
#include "daemon/state.h"
#include "sys/rtnl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *verb;
	api_fn *fn;
} verbs[] = {
	{ "peers", api_peers },		{ "ports", api_ports },
	{ "directory", api_directory }, { "why", api_why },
	{ "plan", api_plan },		{ "log-level", api_log_level },
	{ "ping", api_ping },
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static struct daemon d;

static void tell(const struct event *ev)
{
	engine_handle(d.engine, USEC_PER_SEC, ev);
}

/* With a peer, so that questions have answers; of a MAC that somebody has the
 * kernel would be asked as well. */
static void make_daemon(void)
{
	char name[] = "fastdpd", insecure[] = "--insecure", mtu[] = "--mtu",
	     size[] = "1400";
	char *argv[] = { name, insecure, mtu, size, NULL };
	struct engine_config config = { .id = 1,
					.instance = 1,
					.vxlan_port = 6784,
					.control_port = 6783,
					.has_fastdp = true,
					.heartbeat_interval_us = 300000,
					.hold_us = USEC_PER_SEC };
	struct hello hello = { .id = 2, .name = "host2", .vxlan_port = 6784 };
	struct event ev = { .type = EVENT_PEER_REMEMBERED };
	const uint8_t v4[4] = { 192, 0, 2, 2 };
	struct error e = { .code = "" };

	assert(settings_read(4, argv, &d.settings, &e) == SETTINGS_OK);
	d.engine = engine_new(&config, USEC_PER_SEC);
	list_init(&d.ports.all);
	assert(!rtnl_open(&d.rtnl));
	ev.session.hello = &hello;
	ev.session.remote.ip = ip_from_v4(v4);
	tell(&ev);
	ev = (struct event){ .type = EVENT_STARTED };
	tell(&ev);
}

static api_fn *verb_of(const json_t *request, uint8_t choice)
{
	const char *verb = api_text(request, "verb");
	size_t i;

	for (i = 0; verb && i < N_VERBS; i++) {
		if (!strcmp(verb, verbs[i].verb))
			return verbs[i].fn;
	}
	return verb ? NULL : verbs[choice % N_VERBS].fn;
}

static void check_record(const json_t *json)
{
	struct port_record r, again;
	json_t *copy;

	if (!port_record_parse(json, &r))
		return;
	copy = port_record_json(&r);
	assert(copy && port_record_parse(copy, &again));
	assert(again.vni == r.vni && again.n_addresses == r.n_addresses);
	json_decref(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error e = { .code = "" };
	json_t *request, *reply;
	char *text;
	api_fn *fn;

	if (!d.engine)
		make_daemon();
	if (size < 2)
		return 0;
	request = json_loadb((const char *)data + 1, size - 1,
			     JSON_REJECT_DUPLICATES, NULL);
	fn = request ? verb_of(request, data[0]) : NULL;
	if (request)
		check_record(request);
	if (fn) {
		reply = fn(&d, request, &e);
		assert(reply ? json_is_object(reply) : e.code[0] != 0);
		assert(reply || (e.message[0] && !strchr(e.message, '\n')));
		text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
		assert(!reply || text);
		free(text);
		json_decref(reply);
	}
	json_decref(request);
	return 0;
}
