/* SPDX-License-Identifier: Apache-2.0 */
#include "iface.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mark.h"
#include "socket.h"
#include "sys/addr.h"
#include "sys/cleanup.h"
#include "sys/error.h"
#include "sys/netns.h"
#include "sys/rtnl.h"
#include "sys/rtnl_bridge.h"

#define MIN_MTU 68 /* RFC 791: what every link must carry */
#define MAX_MTU 65535

/* An interface between two namespaces, half way there. */
struct job {
	struct client *client;
	const char *netns, *ifname;
	char path[PATH_MAX];
	char id[NETNS_ID_SIZE];
	int netns_fd, daemon_fd;
	struct rtnl *inside;
	/* of the plan */
	char host_ifname[IF_NAMESIZE];
	struct mac mac;
	uint32_t mtu;
	uint32_t ifindex; /* inside; 0: not made yet */
	bool is_attached;
};

struct prefix {
	struct ip ip;
	uint8_t len;
};

static void job_init(struct job *job, struct client *c, const char *netns,
		     const char *ifname)
{
	memset(job, 0, sizeof(*job));
	job->client = c;
	job->netns = netns;
	job->ifname = ifname;
	job->netns_fd = -1;
	job->daemon_fd = -1;
}

static void job_release(struct job *job)
{
	rtnl_close(job->inside);
	if (job->netns_fd >= 0)
		close(job->netns_fd);
	if (job->daemon_fd >= 0)
		close(job->daemon_fd);
}

static int say(struct error *e, int rc, const char *what, const char *whom)
{
	error_set(e, error_code_of(-rc), "cannot %s %s: %s", what, whom,
		  strerror(-rc));
	if (rc == -EPERM || rc == -EACCES)
		error_hint(e, "run it as root");
	return -1;
}

static int check_ifname(const char *ifname, struct error *e)
{
	if (rtnl_ifname_is_valid(ifname) && strcmp(ifname, "lo") != 0)
		return 0;
	error_set(e, "invalid", "\"%.32s\" cannot be the name of an interface",
		  ifname);
	return error_hint(e, "take 1 to %d letters and digits, such as eth0",
			  IF_NAMESIZE - 1);
}

static int parse_prefixes(const struct iface_request *request,
			  struct prefix *ret, struct error *e)
{
	size_t i;

	if (request->n_addresses < 1 ||
	    request->n_addresses > MAX_IPS_PER_ENTRY) {
		error_set(e, "invalid", "an interface has 1 to %u addresses",
			  MAX_IPS_PER_ENTRY);
		return error_hint(e, "give --address ADDR/LEN, as in "
				     "10.32.0.1/24");
	}
	for (i = 0; i < request->n_addresses; i++) {
		const char *text = request->addresses[i];

		if (addr_parse_prefix(text, &ret[i].ip, &ret[i].len) &&
		    !addr_ip_is_multicast(&ret[i].ip) &&
		    !addr_ip_is_any(&ret[i].ip))
			continue;
		error_set(e, "invalid",
			  "\"%.64s\" is no address with a prefix "
			  "length",
			  text);
		return error_hint(e, "write ADDR/LEN, as in 10.32.0.1/24 or "
				     "2001:db8::1/64");
	}
	return 0;
}

/* Both namespaces, told apart, and a way to work in the container's. */
static int enter(struct job *job, struct error *e)
{
	char daemon_id[NETNS_ID_SIZE];
	int rc;

	if (netns_open(job->netns, &job->netns_fd, e))
		return -1;
	if (client_netns(job->client, &job->daemon_fd, e))
		return -1;
	rc = netns_path(job->netns, job->path);
	if (!rc)
		rc = netns_id(job->netns_fd, job->id);
	if (!rc)
		rc = netns_id(job->daemon_fd, daemon_id);
	if (!rc)
		rc = rtnl_open_at(job->netns_fd, &job->inside);
	if (rc)
		return say(e, rc, "work in the namespace", job->netns);
	if (strcmp(job->id, daemon_id) == 0) {
		error_set(e, "invalid",
			  "%s is the network namespace of the "
			  "daemon itself",
			  job->path);
		return error_hint(e, "give the host an address with `fastdpctl "
				     "expose ADDR/LEN`");
	}
	return 0;
}

static json_t *text_list(const char *const *list, size_t n)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(array, json_string(list[i]));
	return array;
}

/* What plan and attach have in common. */
static json_t *interface_request(const char *verb, const struct job *job,
				 const struct iface_request *request)
{
	json_t *o = json_object();

	json_object_set_new(o, "verb", json_string(verb));
	json_object_set_new(o, "netns", json_string(job->id));
	json_object_set_new(o, "netns_path", json_string(job->path));
	json_object_set_new(o, "ifname", json_string(request->ifname));
	json_object_set_new(o, "addresses",
			    text_list(request->addresses,
				      request->n_addresses));
	if (request->network)
		json_object_set_new(o, "network",
				    json_string(request->network));
	if (request->container_id)
		json_object_set_new(o, "container_id",
				    json_string(request->container_id));
	return o;
}

static int call(struct client *c, json_t *request, json_t **ret_reply,
		struct error *e)
{
	int rc = client_call(c, request, ret_reply, e);

	json_decref(request);
	return rc;
}

/* The daemon runs as another process with other rights: believe little. */
static int read_plan(struct job *job, const json_t *plan, struct error *e)
{
	const char *host_ifname, *mac;
	json_int_t mtu;

	host_ifname = json_string_value(json_object_get(plan, "host_ifname"));
	mac = json_string_value(json_object_get(plan, "mac"));
	mtu = json_integer_value(json_object_get(plan, "mtu"));
	if (!host_ifname || !rtnl_ifname_is_valid(host_ifname) || !mac ||
	    !addr_parse_mac(mac, &job->mac) || mac_is_group(&job->mac) ||
	    mac_is_zero(&job->mac) || mtu < MIN_MTU || mtu > MAX_MTU) {
		error_set(e, "bad-reply",
			  "the daemon's plan for the interface "
			  "makes no sense");
		return error_hint(e, "check that the daemon and this program "
				     "are of the same version");
	}
	strcpy(job->host_ifname, host_ifname);
	job->mtu = (uint32_t)mtu;
	return 0;
}

static int ask_plan(struct job *job, const struct iface_request *request,
		    struct error *e)
{
	json_t *o = interface_request("plan", job, request);
	json_t *plan = NULL;
	int rc;

	if (request->mac)
		json_object_set_new(o, "mac", json_string(request->mac));
	if (call(job->client, o, &plan, e))
		return -1;
	rc = read_plan(job, plan, e);
	json_decref(plan);
	return rc;
}

static int make_pair(struct job *job, struct error *e)
{
	struct rtnl_veth veth = { .ifname = job->ifname,
				  .mac = job->mac,
				  .peer_ifname = job->host_ifname,
				  .peer_netns_fd = job->daemon_fd,
				  .mtu = job->mtu };
	struct rtnl_link link;
	int rc;

	rc = rtnl_link_by_name(job->inside, job->ifname, &link);
	if (rc == 0) {
		error_set(e, "in-use", "%s has an interface %s already",
			  job->path, job->ifname);
		return error_hint(e, "detach it first, or choose another name "
				     "with --ifname");
	}
	if (rc == -ENODEV)
		rc = rtnl_veth_create(job->inside, &veth);
	if (rc == -EOPNOTSUPP) {
		error_set(e, "not-supported", "this kernel has no veth");
		return error_hint(e, "load it with `modprobe veth`");
	}
	if (rc)
		return say(e, rc, "make the interface", job->ifname);
	rc = rtnl_link_by_name(job->inside, job->ifname, &link);
	if (rc)
		return say(e, rc, "find the new interface", job->ifname);
	job->ifindex = link.ifindex;
	return 0;
}

/* Nothing comes before it: what an interrupted attach leaves has its mark. */
static int set_mark(struct job *job, const struct iface_request *request,
		    struct error *e)
{
	char mark[MARK_SIZE];
	int rc;

	if (!request->container_id || !request->owner)
		return 0;
	rc = rtnl_link_set_alias(job->inside, job->ifindex,
				 mark_of(request->owner, request->container_id,
					 request->ifname, mark));
	return rc ? say(e, rc, "name the interface", job->ifname) : 0;
}

static int add_addresses(struct job *job, const struct iface_request *request,
			 const struct prefix *prefixes, struct error *e)
{
	size_t i;
	int rc;

	for (i = 0; i < request->n_addresses; i++) {
		/*
		 * No duplicate address detection: the directory tells of
		 * duplicates, and the first second is the container's.
		 */
		rc = rtnl_addr_add(job->inside, job->ifindex, &prefixes[i].ip,
				   prefixes[i].len, true);
		if (rc == 0)
			continue;
		say(e, rc, "add the address", request->addresses[i]);
		if (rc == -EEXIST)
			error_hint(e, "give each address once");
		else if (!ip_is_v4(&prefixes[i].ip))
			error_hint(e,
				   "IPv6 may be off in that namespace: see "
				   "the sysctls net.ipv6.conf.*.disable_ipv6 "
				   "there");
		return -1;
	}
	return 0;
}

static int ask_attach(struct job *job, const struct iface_request *request,
		      json_t **ret_reply, struct error *e)
{
	json_t *o = interface_request("attach", job, request);
	char mac[ADDR_MAC_SIZE];
	int rc;

	json_object_set_new(o, "host_ifname", json_string(job->host_ifname));
	json_object_set_new(o, "mac",
			    json_string(addr_print_mac(&job->mac, mac)));
	json_object_set_new(o, "trust", json_boolean(request->is_trusted));
	if (request->n_gateways)
		json_object_set_new(o, "gateways",
				    text_list(request->gateways,
					      request->n_gateways));
	if (request->is_masqueraded)
		json_object_set_new(o, "masquerade", json_true());
	if (request->owner)
		json_object_set_new(o, "owner", json_string(request->owner));
	rc = client_call_with(job->client, o, job->netns_fd, ret_reply, e);
	json_decref(o);
	if (rc)
		return -1;
	job->is_attached = true;
	return 0;
}

/* Of the interface that we made, in the container. */
static int announce_v6(void *arg)
{
	char path[128];
	CLEAN_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/ndisc_notify",
		 (const char *)arg);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* Where /proc is read-only the directory alone tells of us. */
	if (fd >= 0 && write(fd, "1", 1) < 0)
		return 0;
	return 0;
}

static bool has_v6(const struct iface_request *request)
{
	size_t i;

	for (i = 0; i < request->n_addresses; i++) {
		if (strchr(request->addresses[i], ':'))
			return true;
	}
	return false;
}

/* The kernel itself says the addresses to all when the interface comes up: a
 * gratuitous ARP for each of IPv4, an unsolicited advertisement of IPv6. */
static int set_up(struct job *job, const struct iface_request *request,
		  struct error *e)
{
	char ifname[IF_NAMESIZE];
	int rc;

	strcpy(ifname, job->ifname);
	rc = rtnl_link_set_announced(job->inside, job->ifindex);
	if (!rc && has_v6(request))
		rc = netns_run(job->netns_fd, announce_v6, ifname);
	if (!rc)
		rc = rtnl_link_set_up(job->inside, job->ifindex, true);

	return rc ? say(e, rc, "set up the interface", job->ifname) : 0;
}

static int ask_detach(struct job *job, const char *host_ifname,
		      unsigned int *ret_n, struct error *e)
{
	json_t *o = json_object();
	json_t *reply = NULL;
	json_int_t n;

	json_object_set_new(o, "verb", json_string("detach"));
	json_object_set_new(o, "ifname", json_string(job->ifname));
	json_object_set_new(o, "netns_path", json_string(job->path));
	if (job->id[0])
		json_object_set_new(o, "netns", json_string(job->id));
	if (host_ifname)
		json_object_set_new(o, "host_ifname", json_string(host_ifname));
	if (call(job->client, o, &reply, e))
		return -1;
	n = json_integer_value(json_object_get(reply, "detached"));
	json_decref(reply);
	*ret_n = n < 0 || n > (json_int_t)MAX_PORTS ? 0 : (unsigned int)n;
	return 0;
}

/* The first error is the one to tell: what undoing says is dropped. */
static void undo(struct job *job)
{
	unsigned int n;
	int rc = 0;

	if (job->is_attached)
		rc = ask_detach(job, job->host_ifname, &n, NULL);
	/* The daemon sees its end go, should it not have heard of it. */
	if (job->ifindex)
		rc = rtnl_link_delete(job->inside, job->ifindex);
	(void)rc;
}

int iface_attach(struct client *c, const struct iface_request *request,
		 json_t **ret_reply, struct error *e)
{
	struct prefix prefixes[MAX_IPS_PER_ENTRY];
	json_t *reply = NULL;
	struct job job;
	int rc;

	job_init(&job, c, request->netns, request->ifname);
	rc = check_ifname(request->ifname, e);
	if (!rc)
		rc = parse_prefixes(request, prefixes, e);
	if (!rc)
		rc = enter(&job, e);
	if (!rc)
		rc = ask_plan(&job, request, e);
	if (!rc)
		rc = make_pair(&job, e);
	if (!rc)
		rc = set_mark(&job, request, e);
	if (!rc)
		rc = add_addresses(&job, request, prefixes, e);
	if (!rc)
		rc = ask_attach(&job, request, &reply, e);
	if (!rc)
		rc = set_up(&job, request, e);
	if (rc) {
		undo(&job);
		json_decref(reply);
	} else {
		*ret_reply = reply;
	}
	job_release(&job);
	return rc;
}

/* "fd" and ten hexadecimal digits: a host end that the daemon named. */
static bool is_host_ifname(const char *ifname)
{
	return strncmp(ifname, "fd", 2) == 0 && strlen(ifname) == 12 &&
	       strspn(ifname + 2, "0123456789abcdef") == 10;
}

/*
 * An attach that was killed half way leaves a pair that the daemon knows
 * nothing of. It is ours only if both ends say so.
 */
static int remove_orphan(struct job *job, unsigned int *ret_n)
{
	struct rtnl_link link, peer;
	struct rtnl *outside;
	int rc;

	rc = rtnl_link_by_name(job->inside, job->ifname, &link);
	if (rc)
		return rc == -ENODEV ? 0 : rc;
	if (strcmp(link.kind, "veth") != 0 || link.peer_ifindex == 0)
		return 0;
	rc = rtnl_open_at(job->daemon_fd, &outside);
	if (rc)
		return rc;
	rc = rtnl_link_by_index(outside, link.peer_ifindex, &peer);
	rtnl_close(outside);
	if (rc)
		return rc == -ENODEV ? 0 : rc;
	if (strcmp(peer.kind, "veth") != 0 ||
	    peer.peer_ifindex != link.ifindex || !is_host_ifname(peer.ifname))
		return 0;
	rc = rtnl_link_delete(job->inside, link.ifindex);
	if (rc == 0)
		*ret_n = 1;
	return rc == -ENODEV ? 0 : rc;
}

/* A namespace that has gone has still a path by which the daemon knows it. */
static int enter_if_there(struct job *job, struct error *e)
{
	struct error why = { 0 };
	int fd, rc;

	rc = netns_open(job->netns, &fd, &why);
	if (rc == -ENOENT || rc == -ESRCH) {
		rc = netns_path(job->netns, job->path);
		return rc ? say(e, rc, "find", job->netns) : 0;
	}
	if (rc) {
		if (e)
			*e = why;
		return -1;
	}
	close(fd);
	return enter(job, e);
}

int iface_detach(struct client *c, const char *netns, const char *ifname,
		 unsigned int *ret_n, struct error *e)
{
	unsigned int n = 0;
	struct job job;
	int rc, err = 0;

	job_init(&job, c, netns, ifname);
	rc = check_ifname(ifname, e);
	if (!rc)
		rc = enter_if_there(&job, e);
	if (!rc)
		rc = ask_detach(&job, NULL, &n, e);
	if (!rc && n == 0 && job.inside)
		err = remove_orphan(&job, &n);
	if (err)
		rc = say(e, err, "delete the interface", ifname);
	if (!rc)
		*ret_n = n;
	job_release(&job);
	return rc;
}
