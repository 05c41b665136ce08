/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACTION_H
#define ACTION_H

/* What an engine owes the world: values, to be carried out in their order. */

#include "event.h"

enum action_type {
	ACTION_DIAL,	      /* dial */
	ACTION_CLOSE,	      /* close: session */
	ACTION_SEND,	      /* send: session, message */
	ACTION_FLOW_PUT,      /* flow: create or replace */
	ACTION_FLOW_DEL,      /* flow.match */
	ACTION_FLOW_QUERY,    /* flow.match: when was it last used */
	ACTION_EXECUTE,	      /* execute: this frame, these actions */
	ACTION_NOTE,	      /* note: for the log */
	ACTION_PORT_REVISION, /* port_revision: to keep with the port */
	ACTION_NETWORK,	      /* network: make, or take away, its TAP */
	ACTION_SLEEVE_BEAT,   /* beat: send a heartbeat */
	ACTION_SLEEVE_TABLE,  /* sleeve's forwarding has changed: publish it */
	ACTION_TARGETS_CHANGED, /* keep the list of targets */
	ACTION_PEERS_CHANGED,	/* keep the list of peers */
};

enum note_type {
	NOTE_PEER_UP,	  /* peer_id */
	NOTE_PEER_DOWN,	  /* peer_id, reason */
	NOTE_PATH_UP,	  /* peer_id, path */
	NOTE_CHOICE,	  /* peer_id: its packets take another path */
	NOTE_PATH_DOWN,	  /* peer_id, path, reason */
	NOTE_DIAL_FAILED, /* target, reason; once per change of the reason */
	NOTE_CLONED,	  /* peer_id, endpoint: same identity, two hosts */
	NOTE_OURSELVES,	  /* target */
	NOTE_MAC_MOVED, /* vni, mac, peer_id: the new owner, PEER_ID_NONE us */
	NOTE_MAC_CONFLICT, /* vni, mac, peer_id: declared twice, who else has it */
	NOTE_IP_MOVED,	   /* vni, mac (new), ip */
	NOTE_FOREIGN_MAC,  /* port_no, mac: refused by port security */
	NOTE_LIMIT,	   /* what: which table is full */
	NOTE_FLOW_REFUSED, /* refusal */
	NOTE_PATH_MTU,	   /* peer_id, path, reason, count: PLPMTU found */
	NOTE_SETTLED,	   /* count: flows adopted from the last life */
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
			port_no_t in_port; /* PORT_NO_NONE: leave it out */
			vni_t vni; /* whose containers get it; NONE: a probe */
			peer_id_t peer_id; /* of a probe, for EXECUTE_REFUSED */
		} execute;
		struct {
			port_no_t port_no;
			uint64_t revision;
		} port_revision;
		struct {
			vni_t vni;
			bool is_wanted;
		} network;
		struct {
			struct sleeve_place place;
			uint64_t cookie, seq;
			uint32_t size; /* of the outer IP packet; 0: smallest */
		} beat;
		struct note note;
	};
};

#endif
