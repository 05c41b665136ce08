/* SPDX-License-Identifier: Apache-2.0 */
#include "store_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "loop.h"
#include "settings/ipam_settings.h"
#include "sys/clock.h"

/* libcurl has a handful of sockets for one transfer. */
#define MAX_SOCKETS 16U

struct watched {
	curl_socket_t fd;
	struct loop_io *io; /* NULL: free */
};

struct store_http {
	struct loop *loop;
	const struct ipam_settings *settings;
	store_http_fn *fn;
	void *ctx;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct loop_timer *timer;
	struct watched watched[MAX_SOCKETS];
	unsigned int endpoint;
	bool is_busy;
	char *body;
	char *reply;
	size_t size, capacity;
	char why[CURL_ERROR_SIZE];
};

static size_t on_data(char *data, size_t unit, size_t n, void *ctx)
{
	struct store_http *h = ctx;

	n *= unit;
	if (h->size + n > STORE_HTTP_MAX_REPLY)
		return 0;
	if (h->size + n > h->capacity) {
		h->capacity = (h->size + n) * 2;
		h->reply = core_realloc(h->reply, h->capacity, 1);
	}
	memcpy(h->reply + h->size, data, n);
	h->size += n;
	return n;
}

static void drop(struct store_http *h)
{
	if (h->is_busy)
		curl_multi_remove_handle(h->multi, h->easy);
	h->is_busy = false;
	free(h->body);
	h->body = NULL;
}

static void done(struct store_http *h, CURLcode result)
{
	const char *endpoint = store_http_endpoint(h);
	char why[CURL_ERROR_SIZE + 300] = "";
	json_t *reply = NULL;
	long status = 0;

	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	if (result == CURLE_OK)
		reply = json_loadb(h->reply, h->size, 0, NULL);
	if (result != CURLE_OK)
		snprintf(why, sizeof(why), "%.200s does not answer: %s",
			 endpoint,
			 h->why[0] ? h->why : curl_easy_strerror(result));
	else if (!json_is_object(reply))
		snprintf(why, sizeof(why), "%.200s answers no JSON (HTTP %ld)",
			 endpoint, status);
	if (why[0]) {
		json_decref(reply);
		reply = NULL;
		h->endpoint = (h->endpoint + 1) % h->settings->n_endpoints;
	}
	drop(h);
	h->fn(h->ctx, reply, status, why);
	json_decref(reply);
}

static void look_for_end(struct store_http *h)
{
	CURLMsg *m;
	int n;

	while ((m = curl_multi_info_read(h->multi, &n))) {
		if (m->msg != CURLMSG_DONE || !h->is_busy)
			continue;
		done(h, m->data.result);
		return; /* what was read has gone with the handle */
	}
}

static void on_socket_ready(void *ctx, int fd, unsigned int events)
{
	struct store_http *h = ctx;
	int n, flags = 0;

	if (events & LOOP_READ)
		flags |= CURL_CSELECT_IN;
	if (events & LOOP_WRITE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(h->multi, fd, flags, &n);
	look_for_end(h);
}

static struct watched *find_watched(struct store_http *h, curl_socket_t fd)
{
	struct watched *free_one = NULL;
	unsigned int i;

	for (i = 0; i < MAX_SOCKETS; i++) {
		if (h->watched[i].io && h->watched[i].fd == fd)
			return &h->watched[i];
		if (!h->watched[i].io)
			free_one = &h->watched[i];
	}
	return free_one;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
		     void *unused)
{
	const unsigned int events = (what & CURL_POLL_IN ? LOOP_READ : 0) |
				    (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
	struct store_http *h = ctx;
	struct watched *w = find_watched(h, fd);

	(void)easy;
	(void)unused;
	if (!w)
		return -1;
	if (what == CURL_POLL_REMOVE) {
		loop_io_free(w->io);
		w->io = NULL;
	} else if (w->io) {
		loop_io_set(w->io, events);
	} else {
		w->fd = fd;
		w->io = loop_io_new(h->loop, fd, events, on_socket_ready, h);
	}
	return 0;
}

static void on_timer(void *ctx)
{
	struct store_http *h = ctx;
	int n;

	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &n);
	look_for_end(h);
}

static int on_timeout(CURLM *multi, long ms, void *ctx)
{
	struct store_http *h = ctx;

	(void)multi;
	loop_timer_set(h->timer, ms < 0 ? USEC_NEVER
					: clock_monotonic_us() +
						  (usec_t)ms * USEC_PER_MS);
	return 0;
}

/* Each time: a reload may name other files. Connections stay. */
static void set_options(struct store_http *h)
{
	const struct ipam_settings *s = h->settings;

	curl_easy_reset(h->easy);
	curl_easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h->easy, CURLOPT_NOPROXY, "*");
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A thread that looks a name up is left alone when the time is over:
	 * it ends by itself. Else all would wait for it here. */
	curl_easy_setopt(h->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
	curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->why);
	if (s->ca_file[0])
		curl_easy_setopt(h->easy, CURLOPT_CAINFO, s->ca_file);
	if (s->cert_file[0])
		curl_easy_setopt(h->easy, CURLOPT_SSLCERT, s->cert_file);
	if (s->key_file[0])
		curl_easy_setopt(h->easy, CURLOPT_SSLKEY, s->key_file);
}

struct store_http *store_http_new(struct loop *loop,
				  const struct ipam_settings *s,
				  store_http_fn *fn, void *ctx)
{
	struct store_http *h = core_alloc(sizeof(*h));

	h->loop = loop;
	h->settings = s;
	h->fn = fn;
	h->ctx = ctx;
	h->timer = loop_timer_new(loop, on_timer, h);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
		h->multi = curl_multi_init();
		h->easy = curl_easy_init();
		h->headers = curl_slist_append(
			NULL, "Content-Type: application/json");
	}
	if (!h->multi || !h->easy || !h->headers) {
		store_http_free(h);
		return NULL;
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	return h;
}

void store_http_free(struct store_http *h)
{
	if (!h)
		return;
	if (h->multi)
		drop(h);
	curl_easy_cleanup(h->easy);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	curl_slist_free_all(h->headers);
	loop_timer_free(h->timer);
	free(h->reply);
	free(h);
}

void store_http_post(struct store_http *h, const char *path, json_t *body,
		     usec_t timeout)
{
	char url[IPAM_MAX_URL + 64];

	drop(h);
	h->size = 0;
	h->why[0] = '\0';
	h->body = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	snprintf(url, sizeof(url), "%s%s", store_http_endpoint(h), path);
	set_options(h);
	curl_easy_setopt(h->easy, CURLOPT_URL, url);
	curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, h->body ? h->body : "{}");
	curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS,
			 (long)(timeout / USEC_PER_MS));
	h->is_busy = true;
	curl_multi_add_handle(h->multi, h->easy);
}

const char *store_http_endpoint(const struct store_http *h)
{
	return h->settings->endpoints[h->endpoint % h->settings->n_endpoints];
}
