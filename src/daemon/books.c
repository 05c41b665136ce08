/* SPDX-License-Identifier: Apache-2.0 */
#include "books.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "log.h"
#include "state.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/clock.h"

static void path_of(const char *directory, const char *file,
		    char ret[PATH_MAX + 32])
{
	snprintf(ret, PATH_MAX + 32, "%s/%s", directory, file);
}

static int new_identity(struct daemon *d, const char *path, struct error *e)
{
	CLEAN_FD int fd = -1;
	uint64_t id;
	int n;

	if (clock_random(&id, sizeof(id)))
		return error_set(e, "system", "no random numbers");
	snprintf(d->name, sizeof(d->name), "%016" PRIx64, id ? id : 1);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	n = fd < 0 ? -1 : dprintf(fd, "%s\n", d->name);
	if (n < 0 || fsync(fd)) {
		error_set(e, error_code_of(errno), "cannot write %s: %s", path,
			  strerror(errno));
		return error_hint(e, "check the directory, or choose another "
				     "with --state-dir");
	}
	return 0;
}

int books_identity(struct daemon *d, struct error *e)
{
	char path[PATH_MAX + 32], line[MAX_NAME + 2] = "";
	CLEAN_FILE FILE *f = NULL;

	strcpy(d->name, d->settings.name);
	path_of(d->settings.state_dir, "identity", path);
	if (!d->name[0]) {
		f = fopen(path, "re");
		if (!f && errno != ENOENT)
			return error_set(e, error_code_of(errno),
					 "cannot read %s: %s", path,
					 strerror(errno));
		if (f && fgets(line, sizeof(line), f)) {
			line[strcspn(line, "\n")] = '\0';
			if (!name_is_valid(line)) {
				error_set(e, "invalid",
					  "%s does not hold a name", path);
				return error_hint(e, "remove it to get a new "
						     "identity");
			}
			strcpy(d->name, line);
		} else if (new_identity(d, path, e)) {
			return -1;
		}
	}
	d->id = peer_id_of_name(d->name);
	return 0;
}

static void save(const char *directory, const char *file, json_t *json)
{
	char path[PATH_MAX + 32];
	struct error e = { .code = "" };

	path_of(directory, file, path);
	if (files_write(path, json, &e))
		log_warn("%s", e.message);
	json_decref(json);
}

static void id_text(peer_id_t id, char ret[20])
{
	snprintf(ret, 20, "%016" PRIx64, id);
}

void books_save_targets(struct daemon *d)
{
	json_t *targets = json_array(), *removed = json_array();
	struct target_view t;
	peer_id_t id;
	size_t pos = 0;
	char text[20];

	while (engine_each_target(d->engine, &pos, &t)) {
		if (t.is_configured || t.is_discovered)
			continue;
		json_array_append_new(targets,
				      json_pack("{s:s, s:I}", "host", t.host,
						"port", (json_int_t)t.port));
	}
	pos = 0;
	while (engine_each_removed(d->engine, &pos, &id)) {
		id_text(id, text);
		json_array_append_new(removed, json_string(text));
	}
	save(d->settings.state_dir, "targets.json",
	     json_pack("{s:o, s:o}", "targets", targets, "removed", removed));
}

void books_save_peers(struct daemon *d)
{
	json_t *peers = json_array();
	struct peer_view p;
	size_t pos = 0;
	char local[ADDR_IP_SIZE], remote[ADDR_IP_SIZE];

	while (engine_each_peer(d->engine, &pos, &p)) {
		json_array_append_new(
			peers,
			json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:b}", "name",
				  p.name, "nickname", p.nickname, "local",
				  addr_print_ip(&p.local.ip, local), "remote",
				  addr_print_ip(&p.remote.ip, remote),
				  "vxlan_port", (json_int_t)p.remote.port,
				  "control_port", (json_int_t)p.control_port,
				  "fastdp",
				  p.paths[PATH_FASTDP].reason !=
					  REASON_NO_FASTDP_THERE));
	}
	save(d->settings.run_dir, "peers.json",
	     json_pack("{s:o}", "peers", peers));
}

static uint16_t get_port(const json_t *json, const char *key)
{
	const json_int_t n = json_integer_value(json_object_get(json, key));

	return n > 0 && n <= UINT16_MAX ? (uint16_t)n : 0;
}

static const char *get_text(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static void remember(struct daemon *d, const json_t *json)
{
	struct hello hello;
	struct event ev;

	memset(&hello, 0, sizeof(hello));
	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_PEER_REMEMBERED;
	ev.session.hello = &hello;
	hello.vxlan_port = get_port(json, "vxlan_port");
	hello.control_port = get_port(json, "control_port");
	hello.can_fastdp = json_is_true(json_object_get(json, "fastdp"));
	hello.has_discovery = true;
	if (!name_is_valid(get_text(json, "name")) || !hello.vxlan_port ||
	    !addr_parse_ip(get_text(json, "local"), &ev.session.local.ip) ||
	    !addr_parse_ip(get_text(json, "remote"), &ev.session.remote.ip))
		return;
	snprintf(hello.name, sizeof(hello.name), "%s", get_text(json, "name"));
	snprintf(hello.nickname, sizeof(hello.nickname), "%s",
		 get_text(json, "nickname"));
	hello.id = peer_id_of_name(hello.name);
	daemon_event(d, &ev);
}

static void load_target(struct daemon *d, const json_t *json)
{
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_TARGET_ADDED;
	ev.target.host = get_text(json, "host");
	ev.target.port = get_port(json, "port");
	if (ev.target.host[0] && strlen(ev.target.host) < MAX_HOST &&
	    ev.target.port)
		daemon_event(d, &ev);
}

static void load_removed(struct daemon *d, const json_t *json)
{
	struct event ev;
	uint64_t id;
	int end = 0;
	const char *text = json_string_value(json);

	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_PEER_REMOVED;
	if (!text || sscanf(text, "%16" SCNx64 "%n", &id, &end) != 1 ||
	    text[end] || id == PEER_ID_NONE)
		return;
	ev.peer_id = id;
	daemon_event(d, &ev);
}

static void load(struct daemon *d, const char *directory, const char *file,
		 const char *key,
		 void (*each)(struct daemon *d, const json_t *json))
{
	char path[PATH_MAX + 32];
	struct error e = { .code = "" };
	json_t *json;
	const json_t *list;
	size_t i;

	path_of(directory, file, path);
	json = files_read(path, &e);
	if (error_is_set(&e))
		log_warn("%s (%s)", e.message, e.hint);
	list = json_object_get(json, key);
	if (json && !json_is_array(list))
		log_warn("%s has no list of %s, as fastdpd writes it: done "
			 "without",
			 path, key);
	for (i = 0; i < json_array_size(list); i++)
		each(d, json_array_get(list, i));
	json_decref(json);
}

void books_load(struct daemon *d)
{
	load(d, d->settings.run_dir, "peers.json", "peers", remember);
	load(d, d->settings.state_dir, "targets.json", "removed", load_removed);
	load(d, d->settings.state_dir, "targets.json", "targets", load_target);
}
