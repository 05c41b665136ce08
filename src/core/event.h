/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EVENT_H
#define EVENT_H

/*
 * What can happen to an engine: values, made by whoever does its I/O.
 * Pointers are borrowed for the call of engine_handle().
 */

#include "flow.h"
#include "message.h"
#include "reason.h"

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

/* Where and how datagrams of sleeve reach a peer, and how we know its own. */
struct sleeve_place {
	peer_id_t peer_id;
	struct endpoint endpoint;
	uint64_t tx_token; /* 0: not told yet, nothing can be sent */
	uint64_t rx_token;
	uint32_t plpmtu;   /* size of the outer IP packet that arrives */
	uint32_t link_mtu; /* of the egress link; 0: not known */
};

typedef uint32_t session_t; /* chosen by the caller, never reused; not 0 */
typedef uint32_t target_t;  /* chosen by the engine, never reused; not 0 */

enum flow_refusal {
	FLOW_REFUSED_FULL,
	FLOW_REFUSED_OVERLAP,
	FLOW_REFUSED_UNKNOWN, /* this kernel does not know such a flow */
	FLOW_REFUSED_OTHER    /* an answer that was lost, too */
};

enum event_type {
	EVENT_STARTED,
	/* peers */
	EVENT_TARGET_ADDED,    /* target: dial this address, now and for ever */
	EVENT_TARGET_REMOVED,  /* target.host, target.port */
	EVENT_PEER_REMEMBERED, /* session: hello, local, remote */
	EVENT_PEER_REMOVED,  /* peer_id: close, forget, and do not take back */
	EVENT_PEER_ALLOWED,  /* peer_id: take it back */
	EVENT_DIAL_FAILED,   /* dial: target, reason */
	EVENT_SESSION_UP,    /* session: after both hellos */
	EVENT_SESSION_DOWN,  /* down: session, reason */
	EVENT_SESSION_READY, /* ready: may (or may not) be sent to */
	EVENT_MESSAGE,	     /* message: session, the message */
	/* datapath */
	EVENT_PORT_ADDED,   /* port */
	EVENT_PORT_REMOVED, /* port_no */
	EVENT_FLOW_FOUND,   /* flow: in the kernel before we started */
	EVENT_FLOW_REFUSED, /* flow.match: a put that failed */
	EVENT_FLOW_USED,    /* used: answer to ACTION_FLOW_QUERY */
	EVENT_UPCALL,	    /* upcall: a packet no flow wanted */
	EVENT_FLOWS_LOST, /* somebody flushed the kernel: all is to be put again */
	EVENT_EXECUTE_REFUSED, /* execute: a probe the kernel did not take */
	EVENT_TAP,	       /* tap: sleeve's port of a network, or its end */
	/* sleeve */
	EVENT_SLEEVE_REPLY,   /* beat: a heartbeat was answered */
	EVENT_SLEEVE_MOVED,   /* moved: a peer's datagrams come from there */
	EVENT_TOO_BIG,	      /* too_big: a container's packet, dropped */
	EVENT_SLEEVE_REFUSED, /* peer_id: the kernel did not send */
	/* a bridge that learns by itself, on trusted ports */
	EVENT_MAC_SEEN, /* seen: it was there */
	EVENT_MAC_GONE, /* seen: it has not been there for long */
	/* the underlay */
	EVENT_EGRESS,	    /* egress: the link that leads to a peer */
	EVENT_OVERLAY_MTU,  /* mtu: what containers may send in one packet */
	EVENT_HINT_TOO_BIG, /* hint: a router's word, or the kernel's; forged? */
	EVENT_HINT_UNREACHABLE, /* hint: likewise */
	EVENT_LEAVING, /* we go for good: tell all peers to forget us */
};

struct event {
	enum event_type type;
	union {
		struct {
			const char *host; /* borrowed; numeric or a name */
			uint16_t port;
			bool is_configured; /* false: added at run time */
		} target;
		struct {
			session_t session; /* 0 with PEER_REMEMBERED */
			target_t target;   /* 0: the other side dialled */
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
			bool is_known;	/* false: the kernel has it no longer */
			usec_t idle_us; /* USEC_NEVER: not one packet yet */
		} used;
		struct {
			port_no_t in_port;
			uint32_t recirc_id;
			vni_t tun_id;
			struct ip tun_src;    /* zero: not from a tunnel */
			const uint8_t *frame; /* borrowed */
			size_t size;
		} upcall;
		struct {
			peer_id_t peer_id;
		} execute;
		struct {
			vni_t vni;
			port_no_t port_no; /* PORT_NO_NONE: it has gone */
		} tap;
		struct {
			peer_id_t peer_id;
			uint64_t cookie, seq;
		} beat;
		struct {
			peer_id_t peer_id;
			struct endpoint endpoint;
		} moved;
		struct {
			port_no_t port_no;
			struct mac mac;
		} seen;
		struct {
			peer_id_t peer_id;
			bool is_up;	    /* false: no route, or no carrier */
			uint32_t link_mtu;  /* nothing longer may be sent */
			uint32_t route_mtu; /* the kernel's idea of the path */
		} egress;
		uint32_t mtu;
		struct {
			struct ip ip; /* whom the packet was for */
			enum path_kind path;
			uint32_t mtu; /* 0: not said */
		} hint;
		struct {
			vni_t vni;
			uint32_t mtu; /* of IP, that would have fitted */
			const uint8_t *frame; /* borrowed; its beginning */
			size_t size;
		} too_big;
	};
};

#endif
