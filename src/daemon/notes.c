/* SPDX-License-Identifier: Apache-2.0 */
#include "notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "state.h"
#include "sys/addr.h"

const char *notes_peer(const struct daemon *d, peer_id_t id,
		       char ret[NOTES_PEER_SIZE])
{
	struct peer_view p;

	if (id == PEER_ID_NONE || id == d->id)
		snprintf(ret, NOTES_PEER_SIZE, "this host");
	else if (engine_find_peer(d->engine, id, &p))
		snprintf(ret, NOTES_PEER_SIZE, "%s (%s)", p.nickname, p.name);
	else
		snprintf(ret, NOTES_PEER_SIZE, "peer %016" PRIx64, id);
	return ret;
}

static const char *target_text(const struct daemon *d, target_t id,
			       char ret[MAX_HOST + 8])
{
	struct target_view t;
	size_t pos = 0;

	while (engine_each_target(d->engine, &pos, &t)) {
		if (t.id != id)
			continue;
		snprintf(ret, MAX_HOST + 8,
			 strchr(t.host, ':') ? "[%s]:%u" : "%s:%u", t.host,
			 t.port);
		return ret;
	}
	return "an address";
}

static void log_choice(struct daemon *d, peer_id_t id, const char *peer)
{
	struct peer_view p;

	if (!engine_find_peer(d->engine, id, &p))
		return;
	if (!p.has_path)
		log_warn("no path to %s works", peer);
	else
		log_info("packets to %s take %s: %s", peer,
			 p.path == PATH_FASTDP ? "fastdp" : "sleeve",
			 reason_text(p.reason));
}

static void log_peer(struct daemon *d, const struct note *n)
{
	char peer[NOTES_PEER_SIZE];
	const char *path = n->path == PATH_FASTDP ? "fastdp" : "sleeve";

	notes_peer(d, n->peer_id, peer);
	switch (n->type) {
	case NOTE_PEER_UP:
		log_info("session with %s is up", peer);
		break;
	case NOTE_PEER_DOWN:
		log_info("session with %s is down: %s", peer,
			 reason_text(n->reason));
		break;
	case NOTE_CHOICE:
		log_choice(d, n->peer_id, peer);
		break;
	case NOTE_PATH_UP:
		log_info("%s to %s is up", path, peer);
		break;
	case NOTE_PATH_MTU:
		log_info("%s to %s carries packets of %u bytes: %s", path, peer,
			 (unsigned int)n->count, reason_text(n->reason));
		break;
	default:
		log_warn("%s to %s is down: %s", path, peer,
			 reason_text(n->reason));
		break;
	}
}

static void log_address(struct daemon *d, const struct note *n)
{
	static struct log_limit limit;
	char peer[NOTES_PEER_SIZE], mac[ADDR_MAC_SIZE], ip[ADDR_IP_SIZE];
	char network[MAX_NAME];
	const struct port_record *r;
	const bool is_usual = n->type == NOTE_MAC_MOVED ||
			      n->type == NOTE_IP_MOVED;

	if (!log_allows(is_usual ? LOG_INFO : LOG_WARN, &limit))
		return;
	notes_peer(d, n->peer_id, peer);
	addr_print_mac(&n->mac, mac);
	daemon_network_name(d, n->vni, network);
	switch (n->type) {
	case NOTE_MAC_MOVED:
		log_info("%s of network %s is now at %s", mac, network, peer);
		break;
	case NOTE_MAC_CONFLICT:
		log_warn("%s of network %s is attached here and at %s, which "
			 "has it now: detach one of the two",
			 mac, network, peer);
		break;
	case NOTE_IP_MOVED:
		log_info("%s of network %s is now %s, at %s",
			 addr_print_ip(&n->ip, ip), network, mac, peer);
		break;
	default:
		r = portbook_find(&d->ports, n->port_no);
		log_warn("port %s (%s) sends as %s, which is not its own: "
			 "dropped; attach it with --trust if it bridges",
			 r ? r->host_ifname : "?", r ? r->ifname : "?", mac);
		break;
	}
}

static void log_clone(struct daemon *d, const struct note *n)
{
	char endpoint[ADDR_ENDPOINT_SIZE], ip[ADDR_IP_SIZE];
	char first[NOTES_PEER_SIZE + ADDR_IP_SIZE + 8];
	const char *name = d->name;
	struct peer_view p;

	if (n->peer_id == d->id) {
		snprintf(first, sizeof(first), "this host");
	} else {
		/* Forgotten meanwhile: then there is no clash any more. */
		if (!engine_find_peer(d->engine, n->peer_id, &p))
			return;
		snprintf(first, sizeof(first), "%s at %s", p.nickname,
			 addr_print_ip(&p.remote.ip, ip));
		name = p.name;
	}
	log_error("%s and the host at %s have the same identity '%s': on one "
		  "of the two stop fastdpd, remove the file identity of its "
		  "state directory and start it again",
		  first, addr_print_endpoint(&n->endpoint, endpoint), name);
}

static void log_dial(struct daemon *d, const struct note *n)
{
	char target[MAX_HOST + 8];

	switch (n->type) {
	case NOTE_DIAL_FAILED:
		log_warn("cannot reach a peer at %s: %s",
			 target_text(d, n->target, target),
			 reason_text(n->reason));
		break;
	case NOTE_CLONED:
		log_clone(d, n);
		break;
	default:
		log_warn("%s is this daemon itself: take it out of the peers",
			 target_text(d, n->target, target));
		break;
	}
}

void notes_log(struct daemon *d, const struct note *n)
{
	static const char *const refusals[] = {
		[FLOW_REFUSED_FULL] = "no room",
		[FLOW_REFUSED_OVERLAP] = "another flow is in the way",
		[FLOW_REFUSED_UNKNOWN] = "not understood",
		[FLOW_REFUSED_OTHER] = "no answer, or an odd one",
	};

	switch (n->type) {
	case NOTE_PEER_UP:
	case NOTE_PEER_DOWN:
	case NOTE_PATH_UP:
	case NOTE_CHOICE:
	case NOTE_PATH_DOWN:
	case NOTE_PATH_MTU:
		log_peer(d, n);
		break;
	case NOTE_DIAL_FAILED:
	case NOTE_OURSELVES:
	case NOTE_CLONED:
		log_dial(d, n);
		break;
	case NOTE_MAC_MOVED:
	case NOTE_MAC_CONFLICT:
	case NOTE_IP_MOVED:
	case NOTE_FOREIGN_MAC:
		log_address(d, n);
		break;
	case NOTE_LIMIT:
		log_warn("a table is full: %s", n->what);
		break;
	case NOTE_FLOW_REFUSED:
		log_warn("the kernel refused a flow (%s); %" PRIu64
			 " so far, each is tried again",
			 refusals[n->refusal], n->count);
		break;
	case NOTE_SETTLED:
		log_info("adopted %" PRIu64 " flows of the last life",
			 n->count);
		break;
	}
}
