/* SPDX-License-Identifier: Apache-2.0 */
#include "masq_ports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "log.h"
#include "state.h"
#include "sys/cleanup.h"
#include "sys/error.h"
#include "sys/masq.h"

#define FORWARD "/proc/sys/net/ipv4/ip_forward"

struct ips {
	struct ip *list; /* sorted */
	size_t n, capacity;
};

struct masq_ports {
	struct daemon *d;
	struct masq *masq; /* NULL: not needed so far */
	char but_ifname[MAX_IFNAME];
	struct ips there;
	bool is_known; /* what the kernel has */
	bool has_failed;
	struct log_limit limit;
};

struct masq_ports *masq_ports_new(struct daemon *d)
{
	struct masq_ports *m = core_alloc(sizeof(*m));

	m->d = d;
	return m;
}

void masq_ports_free(struct masq_ports *m)
{
	if (!m)
		return;
	masq_close(m->masq);
	free(m->there.list);
	free(m);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip));
}

/* Two networks may have the same address; the kernel's set has it once. */
static void drop_doubles(struct ips *ips)
{
	size_t i, n = 0;

	for (i = 0; i < ips->n; i++) {
		if (n == 0 || compare(&ips->list[n - 1], &ips->list[i]) != 0)
			ips->list[n++] = ips->list[i];
	}
	ips->n = n;
}

static void collect(const struct daemon *d, struct ips *ret)
{
	size_t i;

	if (d->ports.n_masqueraded == 0)
		return;
	EACH_RECORD(&d->ports, node)
	{
		const struct port_record *r = RECORD_OF(node);

		for (i = 0; r->is_masqueraded && i < r->n_addresses; i++) {
			if (ret->n == ret->capacity) {
				ret->capacity = ret->capacity * 2 + 16;
				ret->list = core_realloc(ret->list,
							 ret->capacity,
							 sizeof(*ret->list));
			}
			ret->list[ret->n++] = r->ips[i];
		}
	}
	if (ret->n)
		qsort(ret->list, ret->n, sizeof(*ret->list), compare);
	drop_doubles(ret);
}

/* What is masqueraded is to be forwarded: who asks for one asks for both. */
static void let_forward(void)
{
	CLEAN_FD int fd = open(FORWARD, O_RDWR | O_CLOEXEC);
	char now;

	if (fd >= 0 && read(fd, &now, 1) == 1 && now != '0')
		return;
	if (fd >= 0 && pwrite(fd, "1", 1, 0) == 1)
		log_info("IPv4 is forwarded from now on (" FORWARD "), "
			 "because containers are masqueraded");
	else
		log_warn("cannot set " FORWARD " to 1: masqueraded containers "
			 "do not get beyond this host");
}

static int apply_difference(struct masq_ports *m, const struct ips *want,
			    struct error *e)
{
	size_t i = 0, k = 0;

	while (i < want->n || k < m->there.n) {
		const int order = i == want->n ? 1
				  : k == m->there.n
					  ? -1
					  : compare(&want->list[i],
						    &m->there.list[k]);

		if (order < 0 && masq_add(m->masq, &want->list[i], e))
			return -1;
		if (order > 0 && masq_delete(m->masq, &m->there.list[k], e))
			return -1;
		i += order <= 0;
		k += order >= 0;
	}
	return 0;
}

/* Another link may be the host's port now: then all rules are made anew. */
static int open_table(struct masq_ports *m)
{
	const char *but_ifname = daemon_host_ifname(m->d);

	if (m->masq && strcmp(m->but_ifname, but_ifname) == 0)
		return 0;
	masq_close(m->masq);
	m->masq = masq_open(m->d->settings.bridge_name, but_ifname);
	snprintf(m->but_ifname, sizeof(m->but_ifname), "%s", but_ifname);
	m->there.n = 0;
	m->is_known = false;
	return m->masq ? 0 : -1;
}

static int apply(struct masq_ports *m, const struct ips *want, struct error *e)
{
	struct error quiet = { .code = "" };

	if (m->is_known && m->there.n == 0 && want->n == 0)
		return 0;
	if (open_table(m))
		return error_set(e, "system", "libnftables cannot be used");
	if (want->n == 0 && !m->is_known) {
		/* Most hosts never had one, and some kernels cannot. */
		if (masq_remove(m->masq, &quiet))
			log_debug("%s", quiet.message);
		return 0;
	}
	if (want->n == 0)
		return masq_remove(m->masq, e);
	if (m->there.n && apply_difference(m, want, &quiet) == 0)
		return 0;
	if (!m->there.n)
		let_forward();
	return masq_replace(m->masq, want->list, want->n, e);
}

int masq_ports_sync(struct masq_ports *m, struct error *e)
{
	struct ips want = { .n = 0 };

	collect(m->d, &want);
	if (apply(m, &want, e)) {
		m->is_known = false;
		free(want.list);
		return -1;
	}
	free(m->there.list);
	m->there = want;
	m->is_known = true;
	m->has_failed = false;
	return 0;
}

/* The rules are those that were made, or nobody can say. */
static bool is_there(struct masq_ports *m)
{
	bool is_right = false;
	int error;

	if (m->there.n == 0)
		return true;
	error = masq_check(m->masq, m->there.list, m->there.n, &is_right);
	if (error)
		log_debug("cannot look at the rules for masquerading: %s",
			  strerror(-error));
	return error || is_right;
}

void masq_ports_look(struct masq_ports *m)
{
	struct error e = { .code = "" };

	if (m->is_known) {
		if (is_there(m))
			return;
		if (log_allows(LOG_WARN, &m->limit))
			log_warn("somebody deleted or changed the rules for "
				 "masquerading: they are made again");
	}
	m->there.n = 0;
	m->is_known = false;
	if (masq_ports_sync(m, &e) == 0)
		return;
	/* It is tried again and again, and said once. */
	if (!m->has_failed)
		log_warn("%s", e.message);
	m->has_failed = true;
}
