/* SPDX-License-Identifier: Apache-2.0 */
#include "procnet.h"

#include <errno.h>
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

	rc = textfile_lines(root, "/proc/thread-self/net/snmp", take_snmp, &c);
	rc6 = textfile_lines(root, "/proc/thread-self/net/snmp6", take_snmp6,
			     &c);
	return rc && rc6 ? rc : 0;
}

struct sockets {
	procnet_socket_fn *fn;
	void *arg;
};

/* Hexadecimal digits alone. */
static bool parse_hex(const char *text, size_t n, uint32_t *ret)
{
	uint32_t value = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		const char c = text[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint32_t)(c - '0');
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*ret = value;
	return n > 0 && n <= 8;
}

/* "0100007F:1A7F": words of 32 bits as the machine has them, and the port. */
static bool parse_place(const char *text, struct ip *ret_ip, uint32_t *ret_port)
{
	const char *colon = strchr(text, ':');
	const size_t n = colon ? (size_t)(colon - text) : 0;
	uint8_t b[16];
	uint32_t word;
	size_t i;

	if ((n != 8 && n != 32) || strlen(colon + 1) != 4)
		return false;
	for (i = 0; i < n / 8; i++) {
		if (!parse_hex(text + 8 * i, 8, &word))
			return false;
		memcpy(b + 4 * i, &word, 4);
	}
	*ret_ip = n == 8 ? ip_from_v4(b) : ip_from_v6(b);
	return parse_hex(colon + 1, 4, ret_port);
}

/* sl local remote st queues timer retransmissions uid timeout inode ... */
enum { LOCAL = 1, REMOTE, STATE, INODE = 9, N_WORDS };

static bool parse_socket(char *line, struct procnet_socket *ret)
{
	char *words[N_WORDS] = { NULL }, *rest;
	uint32_t port, remote_port, state;
	struct ip remote;
	size_t i;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; i < N_WORDS; i++)
		words[i] = strtok_r(i ? NULL : line, " ", &rest);
	if (!words[STATE] || !parse_place(words[LOCAL], &ret->ip, &port) ||
	    !parse_place(words[REMOTE], &remote, &remote_port) ||
	    !parse_hex(words[STATE], strlen(words[STATE]), &state))
		return false;
	ret->port = (uint16_t)port;
	ret->is_connected = remote_port != 0;
	ret->is_listening = state == TCP_LISTENING;
	if (words[INODE] && !is_number(words[INODE], &ret->inode))
		ret->inode = 0;
	return true;
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

	snprintf(path, sizeof(path), "/proc/thread-self/net/%.8s", table);
	return textfile_lines(root, path, take_socket, &s);
}
