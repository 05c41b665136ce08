/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_H
#define ENGINE_H

/*
 * The only door of the core: events and time in, actions out.
 *
 * engine_handle() only changes state; engine_poll() derives what is owed from
 * that state, until it returns false; then engine_deadline() is in the future.
 * Refusals of the world (a full table in the kernel, a name that does not
 * resolve) come back in as events. The engine knows no socket, netlink, JSON
 * or log; the caller owns all I/O. One engine is one daemon; any number run
 * in one process.
 *
 *   start:  engine_new
 *           EVENT_FLOW_FOUND for each flow in the kernel, EVENT_PORT_ADDED for
 *           each port, EVENT_PEER_REMEMBERED for each peer of the last life,
 *           EVENT_TARGET_ADDED for each address to dial
 *           EVENT_STARTED              from here on actions are owed
 */

#include "core.h"
#include "flow.h"
#include "message.h"

#define MAX_ADDRESSES 16U /* addresses a port, an interface name's length */
#define MAX_IFNAME 16U

/* Datapath attachment of a container (or of the host: PORT_NO_HOST). */
struct port {
	port_no_t port_no;
	char ifname[MAX_IFNAME]; /* the host end */
	vni_t vni;
	struct mac mac;
	bool is_trusted;
	uint8_t n_ips;
	struct ip ips[MAX_ADDRESSES];
	uint64_t revision; /* 0: the engine gives one; kept across restarts */
};

struct engine_config {
	peer_id_t id;
	uint64_t instance;
	uint64_t seed; /* jitter, sequence numbers, hash tables */
	uint16_t vxlan_port;
	uint16_t control_port;
	bool has_fastdp; /* the datapath can carry VXLAN */
	bool has_discovery;
	usec_t heartbeat_interval_us; /* three missed: down */
	usec_t hold_us;		      /* entries of a lost peer live on for this */
};

/* Why a session, a dial or a path ended or is as it is. */
enum reason {
	REASON_NONE,
	REASON_STARTING,       /* nothing was tried yet */
	REASON_ACKNOWLEDGED,   /* the peer answers */
	REASON_NO_ANSWER,      /* so many heartbeats in a row without one */
	REASON_NO_FASTDP_HERE, /* this host has no kernel datapath */
	REASON_NO_FASTDP_THERE,
	REASON_NO_SESSION,     /* never had one: addresses unknown */
	REASON_SEND_REFUSED,   /* the kernel refused to send */
	REASON_REFUSED,	       /* TCP: nobody listens */
	REASON_UNREACHABLE,    /* no route, or a router said so */
	REASON_TIMED_OUT,
	REASON_NAME_UNKNOWN,   /* host name does not resolve */
	REASON_CLOSED,	       /* by the other side */
	REASON_PROTOCOL,       /* it sent what it must not */
	REASON_VERSION,	       /* no common protocol version */
	REASON_OURSELVES,      /* the other end is this daemon */
	REASON_CLONED,	       /* the other end has our, or a third's, identity */
	REASON_DUPLICATE,      /* the other session of the pair was kept */
	REASON_REMOVED,	       /* by the operator */
	REASON_LEFT,	       /* the peer said that it goes */
	REASON_LIMIT,	       /* a table is full */
	N_REASONS
};

/* A sentence for people, lower case, no full stop. Static. */
const char *reason_text(enum reason r);
/* A stable code for programs: "no-answer". Static. */
const char *reason_code(enum reason r);

typedef uint32_t session_t; /* chosen by the caller, never reused; not 0 */
typedef uint32_t target_t;  /* chosen by the engine, never reused; not 0 */

enum event_type {
	EVENT_STARTED,
	/* peers */
	EVENT_TARGET_ADDED,    /* target: dial this address, now and for ever */
	EVENT_TARGET_REMOVED,  /* target.host, target.port */
	EVENT_PEER_REMEMBERED, /* session: hello, local, remote */
	EVENT_PEER_REMOVED,    /* peer_id: close, forget, and do not take back */
	EVENT_PEER_ALLOWED,    /* peer_id: take it back */
	EVENT_DIAL_FAILED,     /* dial: target, reason */
	EVENT_SESSION_UP,      /* session: after both hellos */
	EVENT_SESSION_DOWN,    /* down: session, reason */
	EVENT_SESSION_READY,   /* ready: may (or may not) be sent to */
	EVENT_MESSAGE,	       /* message: session, the message */
	/* datapath */
	EVENT_PORT_ADDED,   /* port */
	EVENT_PORT_REMOVED, /* port_no */
	EVENT_FLOW_FOUND,   /* flow: in the kernel before we started */
	EVENT_FLOW_REFUSED, /* flow.match: a put that failed */
	EVENT_FLOW_USED,    /* used: answer to ACTION_FLOW_QUERY */
	EVENT_UPCALL,	    /* upcall: a packet no flow wanted */
	EVENT_FLOWS_LOST,   /* somebody flushed the kernel: all is to be put again */
	EVENT_EXECUTE_REFUSED, /* execute: a probe the kernel did not take */
	EVENT_LEAVING, /* we go for good: tell all peers to forget us */
};

enum flow_refusal { FLOW_REFUSED_FULL, FLOW_REFUSED_OVERLAP, FLOW_REFUSED_OTHER };

struct event {
	enum event_type type;
	union {
		struct {
			const char *host; /* borrowed; numeric or a name */
			uint16_t port;
			bool is_configured; /* false: added at run time */
		} target;
		struct {
			session_t session;  /* 0 with PEER_REMEMBERED */
			target_t target;    /* 0: the other side dialled */
			const struct hello *hello; /* borrowed */
			struct endpoint local, remote;
		} session;
		struct {
			session_t session;
			enum reason reason;
		} down;
		struct {
			session_t session;
			bool is_ready;
		} ready;
		struct {
			target_t target;
			enum reason reason;
		} dial;
		struct {
			session_t session;
			const struct message *message; /* borrowed */
		} message;
		peer_id_t peer_id;
		struct port port;
		port_no_t port_no;
		struct {
			struct flow_match match;
			const struct flow_actions *actions; /* borrowed */
			enum flow_refusal refusal;
		} flow;
		struct {
			struct flow_match match;
			bool is_known;	  /* false: the kernel has it no longer */
			usec_t idle_us;	  /* USEC_NEVER: not one packet yet */
		} used;
		struct {
			port_no_t in_port;
			uint32_t recirc_id;
			vni_t tun_id;
			struct ip tun_src; /* zero: not from a tunnel */
			const uint8_t *frame; /* borrowed */
			size_t size;
		} upcall;
		struct {
			peer_id_t peer_id;
		} execute;
	};
};

enum action_type {
	ACTION_DIAL,	   /* dial */
	ACTION_CLOSE,	   /* close: session */
	ACTION_SEND,	   /* send: session, message */
	ACTION_FLOW_PUT,   /* flow: create or replace */
	ACTION_FLOW_DEL,   /* flow.match */
	ACTION_FLOW_QUERY, /* flow.match: when was it last used */
	ACTION_EXECUTE,	   /* execute: this frame, these actions */
	ACTION_NOTE,	   /* note: for the log */
	ACTION_PORT_REVISION, /* port_revision: to keep with the port */
	ACTION_TARGETS_CHANGED, /* keep the list of targets */
	ACTION_PEERS_CHANGED,	/* keep the list of peers */
};

enum note_type {
	NOTE_PEER_UP,	    /* peer_id */
	NOTE_PEER_DOWN,	    /* peer_id, reason */
	NOTE_PATH_UP,	    /* peer_id, path */
	NOTE_PATH_DOWN,	    /* peer_id, path, reason */
	NOTE_DIAL_FAILED,   /* target, reason; once per change of the reason */
	NOTE_CLONED,	    /* peer_id, endpoint: same identity, two hosts */
	NOTE_OURSELVES,	    /* target */
	NOTE_MAC_MOVED,	    /* vni, mac, peer_id: the new owner, PEER_ID_NONE us */
	NOTE_MAC_CONFLICT,  /* vni, mac, peer_id: declared twice, who else has it */
	NOTE_IP_MOVED,	    /* vni, mac (new), ip */
	NOTE_FOREIGN_MAC,   /* port_no, mac: refused by port security */
	NOTE_LIMIT,	    /* what: which table is full */
	NOTE_FLOW_REFUSED,  /* refusal */
	NOTE_SETTLED,	    /* count: flows adopted from the last life */
};

struct note {
	enum note_type type;
	peer_id_t peer_id;
	enum path_kind path;
	enum reason reason;
	target_t target;
	vni_t vni;
	port_no_t port_no;
	struct mac mac;
	struct ip ip;
	struct endpoint endpoint;
	enum flow_refusal refusal;
	uint64_t count;
	const char *what; /* static text */
};

/* Pointers in an action are borrowed and die at the next call of the engine. */
struct action {
	enum action_type type;
	union {
		struct {
			target_t target;
			const char *host;
			uint16_t port;
		} dial;
		struct {
			session_t session;
			enum reason reason;
		} close;
		struct {
			session_t session;
			struct message message;
		} send;
		struct {
			struct flow_match match;
			const struct flow_actions *actions; /* of PUT */
		} flow;
		struct {
			const uint8_t *frame;
			size_t size;
			const struct flow_actions *actions;
			port_no_t in_port;  /* PORT_NO_NONE: leave it out */
			peer_id_t peer_id;  /* of a probe, for EXECUTE_REFUSED */
		} execute;
		struct {
			port_no_t port_no;
			uint64_t revision;
		} port_revision;
		struct note note;
	};
};

struct engine *engine_new(const struct engine_config *config, usec_t now);
void engine_free(struct engine *e);

void engine_handle(struct engine *e, usec_t now, const struct event *ev);
bool engine_poll(struct engine *e, usec_t now, struct action *ret);
usec_t engine_deadline(const struct engine *e);

#endif
