/* SPDX-License-Identifier: Apache-2.0 */
#include "api.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "core/alloc.h"
#include "core/list.h"
#include "ipam_freed.h"
#include "log.h"
#include "state.h"
#include "sys/clock.h"
#include "sys/netns.h"
#include "sys/unixsock.h"
#include "sys/utf8.h"
#include "turn.h"

struct client {
	struct list all;
	struct api *api;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer;
	char *in;
	size_t n_in;
	int passed_fd; /* came with the request; -1: none did */
	char *out;
	size_t n_out, sent;
};

struct api {
	struct daemon *daemon;
	struct unixsock socket;
	struct loop_io *io;
	struct loop_timer *resume;
	struct list clients;
	unsigned int n_clients;
	bool is_stuck; /* accept() failed, and that was said */
};

static const struct {
	const char *verb;
	api_fn *fn;
} verbs[] = {
	{ "status", api_status },
	{ "peers", api_peers },
	{ "peer-add", api_peer_add },
	{ "peer-remove", api_peer_remove },
	{ "ports", api_ports },
	{ "directory", api_directory },
	{ "flows", api_flows },
	{ "why", api_why },
	{ "plan", api_plan },
	{ "attach", api_attach },
	{ "detach", api_detach },
	{ "expose", api_expose },
	{ "hide", api_hide },
	{ "metrics", api_metrics },
	{ "log-level", api_log_level },
	{ "reload", api_reload },
	{ "reset", api_reset },
	{ "ping", api_ping },
	{ "ipam", api_ipam },
	{ "ipam-claim", api_ipam_claim },
	{ "ipam-free", api_ipam_free },
	{ "ipam-ready", api_ipam_ready },
	{ "ipam-reclaim", api_ipam_reclaim },
	{ "ipam-release", api_ipam_release },
	{ "doctor", api_doctor },
};

json_t *api_done(const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return json_pack("{s:o}", "done", utf8_to_json(text));
}

const char *api_text(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

static void client_close(struct client *c)
{
	list_remove(&c->all);
	c->api->n_clients--;
	loop_io_free(c->io);
	loop_timer_free(c->timer);
	close(c->fd);
	if (c->passed_fd >= 0)
		close(c->passed_fd);
	free(c->in);
	free(c->out);
	free(c);
}

static void on_timeout(void *ctx)
{
	client_close(ctx);
}

static json_t *error_reply(const struct error *e)
{
	return json_pack("{s:{s:o, s:o, s:o}}", "error", "code",
			 utf8_to_json(e->code), "message",
			 utf8_to_json(e->message), "hint",
			 utf8_to_json(e->hint));
}

/* Takes @reply, which may be NULL; the text is the caller's. */
static char *to_text(json_t *reply)
{
	static const char none[] =
		"{\"error\":{\"code\":\"system\",\"message\":"
		"\"out of memory for a reply\",\"hint\":\"\"}}";
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

	json_decref(reply);
	return text ? text
		    : memcpy(core_alloc(sizeof(none)), none, sizeof(none));
}

static json_t *answer(struct daemon *d, const json_t *request, struct error *e)
{
	const char *verb = api_text(request, "verb");
	json_t *reply;
	size_t i;

	if (!verb) {
		error_set(e, "invalid",
			  "a request is an object with a text \"verb\"");
		return NULL;
	}
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].verb, verb))
			continue;
		reply = verbs[i].fn(d, request, e);
		if (!reply && !error_is_set(e))
			error_set(e, "system", "%s: out of memory", verb);
		return reply;
	}
	error_set(e, "invalid", "unknown verb \"%.32s\"", verb);
	error_hint(e, "this is fastdpd %s; is fastdpctl newer?",
		   PACKAGE_VERSION);
	return NULL;
}

/*
 * A network namespace that came as a descriptor: what it is, and not what the
 * client says of it, counts. It is not kept, for that would keep it alive.
 */
static int name_passed(json_t *request, int fd, struct error *e)
{
	char id[NETNS_ID_SIZE];

	if (fd < 0)
		return 0;
	if (netns_check(fd) || netns_id(fd, id))
		return error_set(e, "invalid",
				 "the descriptor that came with the request is "
				 "no network namespace");
	json_object_set_new(request, "netns", json_string(id));
	return 0;
}

/* The reply as text, which the caller frees. */
static char *serve(struct daemon *d, const char *line, size_t size, int passed)
{
	struct error e = { .code = "" };
	json_error_t json_error;
	json_t *request, *reply = NULL;

	request = json_loadb(line, size, JSON_REJECT_DUPLICATES, &json_error);
	if (request && name_passed(request, passed, &e) == 0)
		reply = answer(d, request, &e);
	else if (!request)
		error_set(&e, "invalid", "not a JSON object: %s",
			  json_error.text);
	if (!reply)
		reply = error_reply(&e);
	json_decref(request);
	return to_text(reply);
}

/* False: the client is gone. */
static bool flush(struct client *c)
{
	ssize_t n;

	while (c->sent < c->n_out) {
		n = send(c->fd, c->out + c->sent, c->n_out - c->sent,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			client_close(c);
			return false;
		}
		c->sent += (size_t)n;
	}
	if (c->sent < c->n_out) {
		loop_io_set(c->io, LOOP_WRITE);
		return true;
	}
	free(c->out);
	c->out = NULL;
	c->n_out = 0;
	c->sent = 0;
	loop_io_set(c->io, LOOP_READ);
	return true;
}

static bool reply_text(struct client *c, char *text)
{
	const size_t size = strlen(text);

	c->out = core_realloc(text, size + 2, 1);
	c->out[size] = '\n';
	c->n_out = size + 1;
	return flush(c);
}

static bool too_long(struct client *c)
{
	struct error e = { .code = "" };

	error_set(&e, "limit", "a request is at most %lu bytes", API_MAX_LINE);
	if (reply_text(c, to_text(error_reply(&e))) && !c->n_out)
		client_close(c);
	return false;
}

/* Whole lines, one after another; a reply must be out before the next. */
static bool serve_lines(struct client *c)
{
	struct daemon *d = c->api->daemon;
	char *end;
	size_t used;

	while (!c->n_out && (end = memchr(c->in, '\n', c->n_in))) {
		char *text = serve(d, c->in, (size_t)(end - c->in),
				   c->passed_fd);

		if (c->passed_fd >= 0)
			close(c->passed_fd);
		c->passed_fd = -1;
		used = (size_t)(end - c->in) + 1;
		memmove(c->in, c->in + used, c->n_in - used);
		c->n_in -= used;
		if (!reply_text(c, text))
			return false;
	}
	return c->n_in < API_MAX_LINE || c->n_out || too_long(c);
}

/* The last descriptor that came counts. */
static ssize_t receive(struct client *c)
{
	int fd = -1;
	ssize_t n = unixsock_receive(c->fd, c->in + c->n_in,
				     API_MAX_LINE - c->n_in, &fd);

	if (fd < 0)
		return n;
	if (c->passed_fd >= 0)
		close(c->passed_fd);
	c->passed_fd = fd;
	return n;
}

static void on_client(void *ctx, int fd, unsigned int events)
{
	struct client *c = ctx;
	struct daemon *d = c->api->daemon;
	ssize_t n;

	(void)fd;
	loop_timer_set(c->timer, clock_monotonic_us() + API_TIMEOUT_US);
	if ((events & LOOP_WRITE) && !flush(c))
		return;
	if ((events & LOOP_READ) && !c->n_out) {
		n = receive(c);
		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n <= 0) {
			client_close(c);
			return;
		}
		c->n_in += (size_t)n;
	}
	serve_lines(c);
	daemon_turn(d);
}

static void on_resume(void *ctx)
{
	struct api *a = ctx;

	loop_io_set(a->io, LOOP_READ);
}

static void on_accept(void *ctx, int fd, unsigned int events)
{
	struct api *a = ctx;
	struct unixsock_peer peer;
	struct client *c;
	int client_fd;
	int error = unixsock_accept(&a->socket, &client_fd, &peer);

	(void)fd;
	(void)events;
	if (!error)
		a->is_stuck = false;
	if (error && error != -EAGAIN) {
		if (!a->is_stuck)
			log_warn("local clients have to wait: %s",
				 strerror(-error));
		a->is_stuck = true;
		/* Out of descriptors: let those who have one finish. */
		loop_io_set(a->io, 0);
		loop_timer_set(a->resume,
			       clock_monotonic_us() + 100 * USEC_PER_MS);
	}
	if (error)
		return;
	if (a->n_clients >= API_MAX_CLIENTS) {
		close(client_fd);
		return;
	}
	ipam_freed_read(a->daemon->ipam, a->daemon->settings.socket);
	c = core_alloc(sizeof(*c));
	c->api = a;
	c->fd = client_fd;
	c->passed_fd = -1;
	c->in = core_alloc(API_MAX_LINE);
	list_init(&c->all);
	list_append(&a->clients, &c->all);
	a->n_clients++;
	c->timer = loop_timer_new(a->daemon->loop, on_timeout, c);
	loop_timer_set(c->timer, clock_monotonic_us() + API_TIMEOUT_US);
	c->io = loop_io_new(a->daemon->loop, client_fd, LOOP_READ, on_client,
			    c);
}

static int listen_failed(const char *path, int error, struct error *e)
{
	switch (-error) {
	case EADDRINUSE:
		error_set(e, "in-use", "another fastdpd is running: it has %s",
			  path);
		return error_hint(e, "stop it, or give this one its own "
				     "--socket, --state-dir and --run-dir");
	case EEXIST:
		error_set(e, "in-use", "%s exists and is not a socket", path);
		return error_hint(e, "move it away, or choose another with "
				     "--socket");
	default:
		error_set(e, error_code_of(-error), "cannot listen at %s: %s",
			  path, strerror(-error));
		return error_hint(e, "choose another path with --socket");
	}
}

struct api *api_open(struct daemon *d, struct error *e)
{
	struct unixsock socket = UNIXSOCK_NONE;
	struct api *a;
	int error = unixsock_listen(d->settings.socket, &socket);

	if (error) {
		listen_failed(d->settings.socket, error, e);
		return NULL;
	}
	a = core_alloc(sizeof(*a));
	a->daemon = d;
	a->socket = socket;
	list_init(&a->clients);
	a->resume = loop_timer_new(d->loop, on_resume, a);
	/* Clients wait in the backlog until the loop runs. */
	a->io = loop_io_new(d->loop, socket.fd, LOOP_READ, on_accept, a);
	return a;
}

void api_close(struct api *a)
{
	if (!a)
		return;
	while (!list_is_empty(&a->clients))
		client_close(CONTAINER_OF(a->clients.next, struct client, all));
	loop_io_free(a->io);
	loop_timer_free(a->resume);
	unixsock_close(&a->socket);
	free(a);
}
