/* SPDX-License-Identifier: Apache-2.0 */
#include "procnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "textfile.h"

#define MAX_COUNTER_NAME 64
#define TCP_LISTENING 0x0aU /* TCP_LISTEN, as the kernel prints it */

struct counters {
	procnet_counter_fn *fn;
	void *arg;
	char names[TEXTFILE_MAX_LINE]; /* the line of names; "" while none */
};

static bool is_number(const char *text, uint64_t *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && !*end;
}

/* "Ip:" of "Ip: Forwarding DefaultTTL", or NULL. */
static char *take_prefix(char *line, char **ret_rest)
{
	char *colon = strchr(line, ':');

	if (!colon)
		return NULL;
	*colon = '\0';
	*ret_rest = colon + 1;
	return line;
}

static void tell_pairs(const struct counters *c, const char *prefix,
		       char *names, char *values)
{
	char name[MAX_COUNTER_NAME], *n_rest, *v_rest, *n, *v;
	uint64_t value;

	n = strtok_r(names, " ", &n_rest);
	v = strtok_r(values, " ", &v_rest);
	while (n && v) {
		if (is_number(v, &value)) {
			snprintf(name, sizeof(name), "%s.%s", prefix, n);
			c->fn(c->arg, name, value);
		}
		n = strtok_r(NULL, " ", &n_rest);
		v = strtok_r(NULL, " ", &v_rest);
	}
}

/* Two lines of one prefix: the names, and below them the values. */
static int take_snmp(void *arg, char *line)
{
	struct counters *c = arg;
	char *names_rest, *rest, *prefix;

	if (!c->names[0]) {
		snprintf(c->names, sizeof(c->names), "%s", line);
		return 0;
	}
	prefix = take_prefix(line, &rest);
	if (prefix && take_prefix(c->names, &names_rest) &&
	    strcmp(prefix, c->names) == 0)
		tell_pairs(c, prefix, names_rest, rest);
	c->names[0] = '\0';
	return 0;
}

/* "Ip6ReasmFails      0" */
static int take_snmp6(void *arg, char *line)
{
	struct counters *c = arg;
	char *rest, *name = strtok_r(line, " \t", &rest);
	char *text = name ? strtok_r(NULL, " \t", &rest) : NULL;
	uint64_t value;

	if (text && strlen(name) < MAX_COUNTER_NAME && is_number(text, &value))
		c->fn(c->arg, name, value);
	return 0;
}

int procnet_counters(const char *root, procnet_counter_fn *fn, void *arg)
{
	struct counters c = { .fn = fn, .arg = arg };
	int rc, rc6;

	rc = textfile_lines(root, "/proc/net/snmp", take_snmp, &c);
	rc6 = textfile_lines(root, "/proc/net/snmp6", take_snmp6, &c);
	return rc && rc6 ? rc : 0;
}

struct sockets {
	procnet_socket_fn *fn;
	void *arg;
};

/* Words of 32 bits as the machine has them, printed in hexadecimal. */
static bool parse_ip(const char *text, size_t n, struct ip *ret)
{
	uint8_t b[16];
	uint32_t word;
	char part[9];
	size_t i;

	if (n != 8 && n != 32)
		return false;
	for (i = 0; i < n / 8; i++) {
		memcpy(part, text + 8 * i, 8);
		part[8] = '\0';
		if (sscanf(part, "%8" SCNx32, &word) != 1)
			return false;
		memcpy(b + 4 * i, &word, 4);
	}
	*ret = n == 8 ? ip_from_v4(b) : ip_from_v6(b);
	return true;
}

static bool parse_socket(const char *line, struct procnet_socket *ret)
{
	char local[33], remote[33];
	unsigned int port, remote_port, state;
	uint64_t inode = 0;

	/* Behind the state: queues, timer, retransmissions, uid, timeout. */
	if (sscanf(line,
		   " %*u: %32[0-9A-Fa-f]:%4x %32[0-9A-Fa-f]:%4x %2x %*s %*s "
		   "%*s %*s %*s %" SCNu64,
		   local, &port, remote, &remote_port, &state, &inode) < 5)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->inode = inode;
	ret->port = (uint16_t)port;
	ret->is_connected = remote_port != 0;
	ret->is_listening = state == TCP_LISTENING;
	return parse_ip(local, strlen(local), &ret->ip);
}

static int take_socket(void *arg, char *line)
{
	const struct sockets *s = arg;
	struct procnet_socket socket;

	if (parse_socket(line, &socket))
		s->fn(s->arg, &socket);
	return 0;
}

int procnet_sockets(const char *root, const char *table, procnet_socket_fn *fn,
		    void *arg)
{
	struct sockets s = { .fn = fn, .arg = arg };
	char path[64];

	snprintf(path, sizeof(path), "/proc/net/%.8s", table);
	return textfile_lines(root, path, take_socket, &s);
}
