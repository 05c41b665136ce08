/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/socket.h"
#include "config.h"
#include "result.h"
#include "sys/addr.h"
#include "sys/clock.h"
#include "sys/error.h"

int port_call(struct client *c, json_t *request, json_t **ret_reply,
	      struct error *e)
{
	json_t *reply = NULL;
	int rc = client_call(c, request, &reply, e);

	json_decref(request);
	if (rc == 0 && ret_reply)
		*ret_reply = reply;
	else
		json_decref(reply);
	return rc;
}

json_t *port_request(const char *verb)
{
	json_t *o = json_object();

	json_object_set_new(o, "verb", json_string(verb));
	return o;
}

/* A daemon with as many clients as it serves closes a further connection. */
int port_connect(const char *socket, struct client **ret, struct error *e)
{
	static const struct timespec pause = { .tv_nsec = 30000000 };
	usec_t deadline = clock_monotonic_us() + PORT_CONNECT_US;
	struct error why = { 0 };
	struct client *c;

	for (;;) {
		if (client_open(socket, &c, &why))
			break;
		if (port_call(c, port_request("ping"), NULL, &why) == 0) {
			*ret = c;
			return 0;
		}
		client_close(c);
		if (strcmp(why.code, "closed") != 0 ||
		    clock_monotonic_us() >= deadline)
			break;
		nanosleep(&pause, NULL);
	}
	*e = why;
	return -1;
}

const char *port_owner(const char *name, char buf[PORT_OWNER_SIZE])
{
	snprintf(buf, PORT_OWNER_SIZE, "cni:%s", name);
	return buf;
}

int port_list(struct client *c, const char *container_id, json_t **ret,
	      struct error *e)
{
	json_t *o = port_request("ports"), *reply, *list;

	if (container_id)
		json_object_set_new(o, "container_id",
				    json_string(container_id));
	if (port_call(c, o, &reply, e))
		return -1;
	list = json_incref(json_object_get(reply, "ports"));
	json_decref(reply);
	if (!json_is_array(list)) {
		json_decref(list);
		return error_set(e, "bad-reply",
				 "the daemon's list of ports is no list");
	}
	*ret = list;
	return 0;
}

static bool has(const json_t *port, const char *key, const char *want)
{
	const char *text = json_string_value(json_object_get(port, key));

	return text && strcmp(text, want) == 0;
}

const json_t *port_find(const json_t *ports, const struct cni_config *config,
			const char *container_id, const char *ifname)
{
	char owner[PORT_OWNER_SIZE];
	const json_t *port;
	size_t i;

	port_owner(config->name, owner);
	json_array_foreach(ports, i, port) {
		if (has(port, "container_id", container_id) &&
		    has(port, "ifname", ifname) && has(port, "owner", owner))
			return port;
	}
	return NULL;
}

int port_plan(struct client *c, const struct cni_config *config,
	      const char *netns, const char *ifname, uint32_t *ret_mtu,
	      struct error *e)
{
	json_t *o = port_request("plan"), *reply = NULL;
	json_int_t mtu;

	json_object_set_new(o, "network", json_string(config->network));
	json_object_set_new(o, "ifname", json_string(ifname));
	if (netns)
		json_object_set_new(o, "netns", json_string(netns));
	if (config->mac)
		json_object_set_new(o, "mac", json_string(config->mac));
	if (port_call(c, o, &reply, e))
		return -1;
	mtu = json_integer_value(json_object_get(reply, "mtu"));
	json_decref(reply);
	if (mtu < 68 || mtu > 65535)
		return error_set(e, "bad-reply",
				 "the daemon's plan has no MTU that makes "
				 "sense");
	*ret_mtu = (uint32_t)mtu;
	return 0;
}

int port_detach(struct client *c, const json_t *port, struct error *e)
{
	static const char *const keys[] = { "ifname", "host_ifname",
					    "network" };
	json_t *o = port_request("detach");
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_object_set(o, keys[i], json_object_get(port, keys[i]));
	return port_call(c, o, NULL, e);
}
