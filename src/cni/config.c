/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "client/socket.h"
#include "fail.h"
#include "sys/addr.h"
#include "sys/clock.h"

#define DEFAULT_NETWORK "default"
#define MIN_MTU 68
#define MAX_MTU 65535
#define MAX_NAMED 16 /* unknown keys: more are not told */

/* More bytes, 0 at the end of the file, or -errno. */
static ssize_t read_some(int fd, char *data, size_t size, usec_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	usec_t now = clock_monotonic_us();
	ssize_t n;

	if (now >= deadline)
		return -ETIMEDOUT;
	if (poll(&p, 1, (int)((deadline - now) / USEC_PER_MS) + 1) == 0)
		return -ETIMEDOUT;
	n = read(fd, data, size);
	if (n >= 0)
		return n;
	return errno == EINTR || errno == EAGAIN ? -EAGAIN : -errno;
}

static int too_long(struct cni_error *e)
{
	return cni_fail(e, CNI_IO,
			"the configuration is longer than %u bytes "
			"or than memory has room for",
			CONFIG_MAX_SIZE);
}

int config_read(int fd, struct cni_config *ret, struct cni_error *e)
{
	usec_t deadline = clock_monotonic_us() +
			  CONFIG_TIMEOUT_MS * USEC_PER_MS;
	size_t capacity = 0;
	ssize_t n = 1;

	memset(ret, 0, sizeof(*ret));
	ret->version = CNI_NEWEST;
	while (n) {
		if (ret->size == capacity) {
			size_t more = capacity ? capacity * 2 : 16384;
			char *text;

			if (more > CONFIG_MAX_SIZE)
				return too_long(e);
			text = realloc(ret->text, more);
			if (!text)
				return too_long(e);
			ret->text = text;
			capacity = more;
		}
		n = read_some(fd, ret->text + ret->size, capacity - ret->size,
			      deadline);
		if (n == -EAGAIN)
			continue;
		if (n < 0)
			return cni_fail(e, CNI_IO,
					"cannot read the configuration from "
					"stdin: %s",
					strerror((int)-n));
		ret->size += (size_t)n;
	}
	return 0;
}

void config_release(struct cni_config *c)
{
	json_decref(c->json);
	free(c->text);
	memset(c, 0, sizeof(*c));
}

static const json_t *member_or_null(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

enum cni_version config_version(const struct cni_config *c)
{
	enum cni_version version = CNI_NEWEST;
	json_t *json = json_loadb(c->text, c->size, 0, NULL);
	const char *text =
		json_string_value(json_object_get(json, "cniVersion"));

	if (text && !cni_version_parse(text, &version))
		version = CNI_NEWEST;
	json_decref(json);
	return version;
}

static int bad_type(struct cni_error *e, const char *key, const char *want)
{
	return cni_fail(e, CNI_CONFIG, "\"%s\" must be %s", key, want);
}

static int take_version(struct cni_config *c, struct cni_error *e)
{
	const json_t *value = member_or_null(c->json, "cniVersion");
	const char *text = json_string_value(value);

	if (value && !text)
		return cni_fail(e, CNI_DECODE, "\"cniVersion\" must be a text");
	if (text && cni_version_parse(text, &c->version))
		return 0;
	cni_fail(e, CNI_VERSION,
		 "the configuration's cniVersion %s%.32s is "
		 "not supported",
		 text ? "" : "is missing, and 0.1.0", text ? text : "");
	return cni_detail(e, "fastdp speaks 0.3.0, 0.3.1, 0.4.0, 1.0.0 and "
			     "1.1.0");
}

/* A text that may be absent; "" is absent too. */
static int take_text(const struct cni_config *c, const char *key,
		     const char **ret, struct cni_error *e)
{
	const json_t *value = member_or_null(c->json, key);

	if (value && !json_is_string(value))
		return bad_type(e, key, "a text");
	if (value && json_string_length(value) > 0)
		*ret = json_string_value(value);
	return 0;
}

static int take_name(struct cni_config *c, struct cni_error *e)
{
	if (take_text(c, "name", &c->name, e))
		return -1;
	if (!c->name)
		return cni_fail(e, CNI_CONFIG,
				"the configuration has no \"name\"");
	if (args_is_id(c->name) && strlen(c->name) <= CONFIG_MAX_NAME)
		return 0;
	cni_fail(e, CNI_CONFIG, "\"%.64s\" cannot be the name of a network",
		 c->name);
	return cni_detail(e,
			  "1 to %u letters, digits, '_', '.' or '-', the "
			  "first a letter or digit",
			  CONFIG_MAX_NAME);
}

static int take_ipam(struct cni_config *c, struct cni_error *e)
{
	const json_t *ipam = member_or_null(c->json, "ipam");
	const json_t *type;

	if (!ipam)
		return 0;
	if (!json_is_object(ipam))
		return bad_type(e, "ipam", "an object");
	type = member_or_null(ipam, "type");
	if (type && !json_is_string(type))
		return bad_type(e, "ipam.type", "a text");
	if (!type || json_string_length(type) == 0)
		return 0;
	c->ipam_type = json_string_value(type);
	/* A file's name: with a slash it would leave CNI_PATH. */
	if (!args_is_id(c->ipam_type) || strlen(c->ipam_type) > 255)
		return cni_fail(e, CNI_CONFIG,
				"\"%.64s\" cannot be the name of an IPAM "
				"plugin",
				c->ipam_type);
	return 0;
}

int config_parse(struct cni_config *c, struct cni_error *e)
{
	json_error_t why;

	c->json = json_loadb(c->text, c->size, 0, &why);
	if (!c->json) {
		cni_fail(e, CNI_DECODE,
			 "the configuration on stdin is no "
			 "JSON");
		return cni_detail(e, "line %d, column %d: %s", why.line,
				  why.column, why.text);
	}
	if (!json_is_object(c->json))
		return cni_fail(e, CNI_DECODE,
				"the configuration on stdin is no object");
	c->network = DEFAULT_NETWORK;
	c->socket = CLIENT_DEFAULT_SOCKET;
	if (take_version(c, e) || take_name(c, e) ||
	    take_text(c, "network", &c->network, e) ||
	    take_text(c, "socket", &c->socket, e) || take_ipam(c, e))
		return -1;
	c->previous = member_or_null(c->json, "prevResult");
	return 0;
}

static int take_bool(const struct cni_config *c, const char *key, bool *ret,
		     struct cni_error *e)
{
	const json_t *value = member_or_null(c->json, key);

	*ret = json_is_true(value);
	return !value || json_is_boolean(value)
		       ? 0
		       : bad_type(e, key, "true or false");
}

static int refuse_hairpin(const struct cni_config *c, struct cni_error *e)
{
	bool hairpin;

	if (take_bool(c, "hairpinMode", &hairpin, e))
		return -1;
	if (!hairpin)
		return 0;
	cni_fail(e, CNI_UNSUPPORTED, "\"hairpinMode\" makes no sense here");
	return cni_detail(e, "there is no bridge port to turn it on for: no "
			     "frame goes back to the interface that sent it");
}

static int take_mtu(struct cni_config *c, struct cni_error *e)
{
	const json_t *value = member_or_null(c->json, "mtu");
	json_int_t mtu = json_integer_value(value);

	if (value && (!json_is_integer(value) ||
		      (mtu != 0 && (mtu < MIN_MTU || mtu > MAX_MTU))))
		return bad_type(e, "mtu", "a number from 68 to 65535, or 0");
	c->mtu = (uint32_t)mtu;
	return 0;
}

static int take_gateway(struct cni_config *c, struct cni_error *e)
{
	if (take_bool(c, "isGateway", &c->is_gateway, e) ||
	    take_bool(c, "ipMasq", &c->masquerades, e))
		return -1;
	if (c->masquerades && !c->is_gateway) {
		cni_fail(e, CNI_CONFIG, "\"ipMasq\" needs \"isGateway\"");
		return cni_detail(e, "only what comes to this host can leave "
				     "it with the host's address");
	}
	if (!c->is_gateway || strcmp(c->network, DEFAULT_NETWORK) == 0)
		return 0;
	cni_fail(e, CNI_UNSUPPORTED,
		 "\"isGateway\" is for network %s only, "
		 "this is %.64s",
		 DEFAULT_NETWORK, c->network);
	return cni_detail(e, "the host's own port is in that network and in "
			     "no other");
}

/* The order of precedence: capability, args.cni, CNI_ARGS. */
static const json_t *asked(const struct cni_config *c, const char *key)
{
	const json_t *value;

	value = config_member(json_object_get(c->json, "runtimeConfig"), key);
	if (!value || json_is_null(value))
		value = config_member(json_object_get(json_object_get(c->json,
								      "args"),
						      "cni"),
				      key);
	return json_is_null(value) ? NULL : value;
}

static int take_mac(struct cni_config *c, const struct cni_args *args,
		    struct cni_error *e)
{
	const json_t *value = asked(c, "mac");
	struct mac mac;

	if (value && !json_is_string(value))
		return bad_type(e, "mac", "a text");
	c->mac = value ? json_string_value(value) : args->mac;
	if (c->mac && !c->mac[0])
		c->mac = NULL;
	if (!c->mac || (addr_parse_mac(c->mac, &mac) && !mac_is_group(&mac) &&
			!mac_is_zero(&mac)))
		return 0;
	return cni_fail(e, value ? CNI_CONFIG : CNI_ENVIRONMENT,
			"\"%.64s\" is no MAC for an interface", c->mac);
}

const json_t *config_asked_ips(const struct cni_config *c)
{
	return asked(c, "ips");
}

const json_t *config_asked_dns(const struct cni_config *c)
{
	return asked(c, "dns");
}

const char *config_asked_ip(const struct cni_config *c,
			    const struct cni_args *args)
{
	const json_t *list = asked(c, "ips");
	const char *first = json_string_value(json_array_get(list, 0));

	return first ? first : args->ip;
}

static bool is_known(const char *key)
{
	static const char *const known[] = {
		"cniVersion",	 "name",	"type",	       "ipam",
		"dns",		 "args",	"prevResult",  "capabilities",
		"runtimeConfig", "network",	"mtu",	       "socket",
		"isGateway",	 "ipMasq",	"hairpinMode", "disableCheck",
		"disableGC",	 "cniVersions",
	};
	size_t i;

	if (strncmp(key, "cni.dev/", 8) == 0)
		return true;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i], key) == 0)
			return true;
	}
	return false;
}

static void name_unknown(const struct cni_config *c)
{
	unsigned int n = 0;
	const char *key;
	json_t *value;

	json_object_foreach(c->json, key, value) {
		if (!is_known(key) && n++ < MAX_NAMED)
			cni_log("network %s: the key \"%.64s\" is not known "
				"and has no effect",
				c->name, key);
	}
}

int config_check(struct cni_config *c, const struct cni_args *args,
		 struct cni_error *e)
{
	name_unknown(c);
	if (c->previous && !json_is_object(c->previous))
		return bad_type(e, "prevResult", "an object");
	if (!name_is_valid(c->network)) {
		cni_fail(e, CNI_CONFIG, "\"%.64s\" is no name for a network",
			 c->network);
		return cni_detail(e,
				  "1 to %u letters, digits, '_', '.', ':' "
				  "or '-'",
				  MAX_NAME - 1);
	}
	if (!c->ipam_type) {
		cni_fail(e, CNI_CONFIG,
			 "the configuration has no "
			 "\"ipam\" with a \"type\"");
		return cni_detail(e, "name a plugin that gives addresses, "
				     "such as host-local");
	}
	return refuse_hairpin(c, e) || take_mtu(c, e) || take_gateway(c, e) ||
			       take_mac(c, args, e)
		       ? -1
		       : 0;
}

json_t *config_member(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	const char *name;
	json_t *other;

	if (value)
		return value;
	/* jansson's loop asks for an object that may be changed. */
	json_object_foreach((json_t *)object, name, other) {
		if (strcasecmp(name, key) == 0)
			return other;
	}
	return NULL;
}
