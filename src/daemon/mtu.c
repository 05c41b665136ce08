/* SPDX-License-Identifier: Apache-2.0 */
#include "mtu.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "log.h"
#include "state.h"
#include "sys/clock.h"
#include "visitor.h"

/* Requests that are under way; the rest waits for their answers. */
#define MAX_ASKED 32U

/* A port whose ends are to get another MTU. */
struct job {
	port_no_t port_no;
	uint32_t from;
	bool is_asked;
};

struct mtu {
	struct daemon *daemon;
	struct visitor *visitor; /* NULL: none, or it has gone */
	struct loop_io *io;
	uint32_t mtu; /* as told last; 0: never */
	struct job jobs[MAX_PORTS + 1];
	size_t n_jobs, n_asked;
	bool is_said;		     /* that containers keep theirs */
	char warning[MTU_TEXT_SIZE]; /* said last */
	struct log_limit log_limit;
};

static struct job *find_job(struct mtu *m, port_no_t port_no)
{
	size_t i;

	for (i = 0; i < m->n_jobs; i++) {
		if (m->jobs[i].port_no == port_no)
			return &m->jobs[i];
	}
	return NULL;
}

static void end_job(struct mtu *m, struct job *job)
{
	if (job->is_asked)
		m->n_asked--;
	*job = m->jobs[--m->n_jobs];
}

static void set_link(struct mtu *m, const char *ifname)
{
	struct rtnl_link link;
	int error = rtnl_link_by_name(m->daemon->rtnl, ifname, &link);

	if (!error && link.mtu != m->mtu)
		error = rtnl_link_set_mtu(m->daemon->rtnl, link.ifindex,
					  m->mtu);
	if (error && error != -ENODEV && log_allows(LOG_WARN, &m->log_limit))
		log_warn("%s cannot have the MTU %u: %s", ifname, m->mtu,
			 strerror(-error));
}

static bool ask(struct mtu *m, struct job *job, const struct port_record *r)
{
	struct visitor_request q;

	memset(&q, 0, sizeof(q));
	q.port_no = r->port_no;
	snprintf(q.netns_path, sizeof(q.netns_path), "%s", r->netns_path);
	snprintf(q.netns_id, sizeof(q.netns_id), "%s", r->netns);
	snprintf(q.ifname, sizeof(q.ifname), "%s", r->ifname);
	q.mac = r->mac;
	q.from = job->from;
	q.to = m->mtu;
	if (!visitor_ask(m->visitor, &q))
		return false;
	job->is_asked = true;
	m->n_asked++;
	return true;
}

/* As many as the visitor takes. */
static void ask_more(struct mtu *m)
{
	struct port_record *r;
	size_t i = 0;

	while (m->visitor && i < m->n_jobs && m->n_asked < MAX_ASKED) {
		struct job *job = &m->jobs[i];

		if (job->is_asked) {
			i++;
			continue;
		}
		r = portbook_find(&m->daemon->ports, job->port_no);
		if (!r) {
			end_job(m, job);
			continue;
		}
		if (!ask(m, job, r))
			return;
		i++;
	}
}

static void say_kept(struct mtu *m)
{
	if (m->is_said)
		return;
	m->is_said = true;
	log_warn("containers that run keep their MTU, for the daemon may not "
		 "enter their namespaces: give it CAP_SYS_ADMIN at its start, "
		 "or start them again");
}

static void want_port(struct mtu *m, const struct port_record *r)
{
	struct rtnl_link link;
	struct job *job = find_job(m, r->port_no);

	if (job) /* the answer of the one before will tell */
		return;
	if (rtnl_link_by_name(m->daemon->rtnl, r->host_ifname, &link) ||
	    link.mtu == m->mtu || m->n_jobs == MAX_PORTS + 1)
		return;
	if (link.mtu < m->mtu)
		set_link(m, r->host_ifname);
	if (!m->visitor || !r->netns[0]) {
		say_kept(m);
		return;
	}
	job = &m->jobs[m->n_jobs++];
	job->port_no = r->port_no;
	job->from = link.mtu;
	job->is_asked = false;
}

void mtu_check_ports(struct mtu *m)
{
	if (!m || !m->mtu)
		return;
	EACH_RECORD(&m->daemon->ports, node)
	{
		const struct port_record *r = RECORD_OF(node);

		if (r->port_no == PORT_NO_HOST)
			set_link(m, r->host_ifname);
		else
			want_port(m, r);
	}
	ask_more(m);
}

static void take_answer(struct mtu *m, const struct visitor_answer *a)
{
	struct job *job = find_job(m, a->port_no);
	const struct port_record *r = portbook_find(&m->daemon->ports,
						    a->port_no);

	if (!job || !job->is_asked)
		return;
	if (r && a->to != m->mtu) {
		/* It has changed again meanwhile. */
		job->is_asked = false;
		job->from = a->to;
		m->n_asked--;
		if (a->to < m->mtu)
			set_link(m, r->host_ifname);
		return;
	}
	end_job(m, job);
	if (!r || a->error == -ENOENT)
		return;
	if (a->error) {
		if (log_allows(LOG_WARN, &m->log_limit))
			log_warn("%s in %s keeps its MTU: %s", r->ifname,
				 r->netns_path, strerror(-a->error));
		return;
	}
	set_link(m, r->host_ifname);
}

static void on_answer(void *ctx, int fd, unsigned int events)
{
	struct mtu *m = ctx;
	struct visitor_answer answer;
	unsigned int n;
	int rc = 1;

	(void)fd;
	(void)events;
	for (n = 0; n < MAX_ASKED && rc == 1; n++) {
		rc = visitor_next(m->visitor, &answer);
		if (rc == 1)
			take_answer(m, &answer);
	}
	if (rc < 0) {
		log_error("the process that enters namespaces has ended: %s",
			  strerror(-rc));
		loop_io_free(m->io);
		m->io = NULL;
		m->visitor = NULL;
		m->n_jobs = 0;
		m->n_asked = 0;
		return;
	}
	ask_more(m);
}

/* While no peer has a path it stays as it was. */
static void follow_peers(struct daemon *d)
{
	const uint32_t narrowest = engine_narrowest_mtu(d->engine);

	if (d->has_check_len)
		d->mtu_limit = 0;
	else if (narrowest)
		d->mtu_limit = narrowest;
}

void mtu_noted(struct mtu *m, const struct note *note)
{
	const struct daemon *d;
	uint32_t narrowest;

	if (!m || m->daemon->has_check_len)
		return;
	d = m->daemon;
	narrowest = engine_narrowest_mtu(d->engine);
	/* Without its narrowest peer a host waits: it may be back at once. */
	if (narrowest &&
	    ((note->type == NOTE_PATH_MTU && narrowest != m->mtu) ||
	     (note->type == NOTE_CHOICE && narrowest < m->mtu)))
		mtu_look(m);
}

/* Once for each change of it. */
static void warn(struct mtu *m)
{
	char text[MTU_TEXT_SIZE] = "";

	if (mtu_warning(m->daemon, text) && strcmp(text, m->warning))
		log_warn("%s", text);
	memcpy(m->warning, text, sizeof(text));
}

void mtu_look(struct mtu *m)
{
	struct daemon *d;
	struct event ev;
	uint32_t mtu;

	if (!m)
		return;
	d = m->daemon;
	follow_peers(d);
	mtu = daemon_mtu(d);
	warn(m);
	if (mtu == m->mtu)
		return;
	if (m->mtu)
		log_info("MTU of containers: %u, was %u (%s has %u)", mtu,
			 m->mtu, d->underlay.ifname, d->underlay.mtu);
	m->mtu = mtu;
	memset(&ev, 0, sizeof(ev));
	ev.type = EVENT_OVERLAY_MTU;
	ev.mtu = mtu;
	daemon_event(d, &ev);
	mtu_check_ports(m);
}

const char *mtu_warning(const struct daemon *d, char ret[MTU_TEXT_SIZE])
{
	const uint32_t wish = d->settings.mtu;
	const uint32_t fits = underlay_overlay_mtu(&d->underlay, 0);
	const uint32_t overhead = underlay_overhead(&d->underlay);

	if (wish > fits) {
		snprintf(ret, MTU_TEXT_SIZE,
			 "--mtu %u is more than fits: %s has %u, less %u of "
			 "VXLAN over %s is %u; longer packets are answered "
			 "\"too big\" or fragmented",
			 wish,
			 d->underlay.ifname[0] ? d->underlay.ifname
					       : "the link",
			 d->underlay.mtu, overhead,
			 d->underlay.is_v6 ? "IPv6" : "IPv4", fits);
		return ret;
	}
	if (d->mtu_limit && d->mtu_limit < (wish ? wish : fits)) {
		snprintf(ret, MTU_TEXT_SIZE,
			 "this datapath cannot tell long packets: the MTU of "
			 "all containers is %u, as the narrowest peer takes "
			 "it",
			 d->mtu_limit);
		return ret;
	}
	return NULL;
}

struct mtu *mtu_new(struct daemon *d, struct visitor *v)
{
	struct mtu *m = core_alloc(sizeof(*m));

	m->daemon = d;
	m->visitor = v;
	if (v)
		m->io = loop_io_new(d->loop, visitor_fd(v), LOOP_READ,
				    on_answer, m);
	return m;
}

void mtu_free(struct mtu *m)
{
	if (!m)
		return;
	loop_io_free(m->io);
	free(m);
}
