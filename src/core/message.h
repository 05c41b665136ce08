/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MESSAGE_H
#define MESSAGE_H

/*
 * What peers say to each other over a control session, as plain values.
 * control/ turns it into Protocol Buffers (control.proto) and back, and has
 * checked every length and limit before the engine sees one.
 */

#include "core.h"

#define PROTOCOL_VERSION_MIN 1U
#define PROTOCOL_VERSION_MAX 1U
#define MESSAGE_MAX_ENTRIES 128U
#define MESSAGE_MAX_PEERS 64U
#define MESSAGE_MAX_BLOCKS 1024U
#define MAX_HOST 256U /* host name or address as text, with the zero */

enum entry_flag {
	ENTRY_WITHDRAWN = 1 << 0, /* the owner no longer has it */
	ENTRY_LEARNT = 1 << 1,	  /* seen behind a trusted port, not declared */
	ENTRY_TRUSTED = 1 << 2,	  /* the port takes unknown destinations */
};

/* A MAC in a network, its addresses, and since which revision. */
struct entry {
	vni_t vni;
	struct mac mac;
	uint8_t flags; /* of enum entry_flag */
	uint8_t n_ips;
	uint64_t revision; /* of the whole cluster's Lamport clock */
	struct ip ips[MAX_IPS_PER_ENTRY];
};

/* The first message in both directions; identity and abilities. */
struct hello {
	uint32_t version_min, version_max;
	peer_id_t id;
	uint64_t instance; /* random, new at each start of the daemon */
	char name[MAX_NAME];
	char nickname[MAX_NAME];
	char software[MAX_NAME]; /* "fastdp 0.1.0" */
	uint16_t control_port, sleeve_port, vxlan_port;
	bool can_fastdp, can_sleeve;
	bool has_discovery; /* tells of and listens to other peers */
};

/* A peer that the sender has a session with. */
struct peer_hint {
	peer_id_t id;
	struct endpoint control; /* where the sender reaches it */
};

/* Addresses that a host gives out to its containers, and no other host may. */
struct block {
	vni_t vni;
	struct ip ip;	    /* no bits beyond the length */
	uint8_t prefix_len; /* in the address's own family */
};

enum message_type {
	MESSAGE_ENTRIES, /* directory entries of the sender */
	MESSAGE_PEERS,	 /* peers that the sender knows */
	MESSAGE_HEARD,	 /* answer to a probe whose echo found no way back */
	MESSAGE_LEAVE,	/* the sender goes for good: forget what it announced */
	MESSAGE_SLEEVE, /* what sleeve datagrams to the sender must bear */
	MESSAGE_BLOCKS, /* all blocks of the sender; no business of the engine's */
};

struct message {
	enum message_type type;
	union {
		struct {
			bool is_first; /* of a snapshot: the rest is stale */
			bool is_last; /* of a snapshot: drop what was not in it */
			uint32_t n;
			struct entry *list; /* borrowed */
		} entries;
		struct {
			uint32_t n;
			struct peer_hint *list; /* borrowed */
		} peers;
		struct {
			enum path_kind path;
			uint64_t seq;
		} heard;
		struct {
			uint64_t token; /* random, not 0; for this peer */
		} sleeve;
		struct {
			uint64_t revision; /* grows in one life of the sender */
			uint32_t n;
			struct block *list; /* borrowed */
		} blocks;
	};
};

#endif
