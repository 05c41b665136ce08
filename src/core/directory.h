/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIRECTORY_H
#define DIRECTORY_H

/*
 * Who owns which MAC and IP of which network.
 *
 * Every peer claims entries (a MAC and its addresses); so do we, for our own
 * ports. Where several claim the same, one wins: declared beats learnt, then
 * the higher revision, then the lower peer id. Claims that lose are kept and
 * take over when the winner goes. Within one owner the newest word counts.
 *
 * The directory knows no flow and no path: it lists what changed
 * (directory_next_change), and others draw their conclusions.
 */

#include "core.h"
#include "list.h"
#include "message.h"
#include "table.h"

/* Above it a revision says nothing: no honest clock gets there. */
#define MAX_REVISION (UINT64_C(1) << 62)

struct claim;

/* One address of a claim; found by (VNI, address). */
struct ip_claim {
	struct table_node node;
	struct claim *claim;
	struct ip ip;
};

struct claim {
	struct table_node node; /* by (VNI, MAC) */
	struct list of_owner;
	peer_id_t owner;
	port_no_t port_no; /* ours: the port; else PORT_NO_NONE */
	vni_t vni;
	struct mac mac;
	uint8_t flags; /* of enum entry_flag */
	uint8_t n_ips;
	uint32_t round; /* of the snapshot that named it last */
	uint64_t revision;
	usec_t since;
	struct ip_claim ips[];
};

enum change_type {
	CHANGE_MAC,	  /* vni, mac: look again who has it */
	CHANGE_IP,	  /* vni, ip */
	CHANGE_MEMBERS,	  /* vni: who takes part in it */
	CHANGE_MAC_MOVED, /* vni, mac, owner: from another owner to this */
	CHANGE_IP_MOVED,  /* vni, ip, mac: it is now at this MAC */
};

struct change {
	enum change_type type;
	vni_t vni;
	struct mac mac;
	struct ip ip;
	peer_id_t owner;
};

enum directory_result {
	DIRECTORY_CHANGED,
	DIRECTORY_SAME,	  /* nothing new */
	DIRECTORY_FULL,	  /* refused: a limit of all together */
	DIRECTORY_EXCESS, /* refused: more than one owner may have */
};

struct directory *directory_new(uint64_t seed);
void directory_free(struct directory *d);

/*
 * @entry is the caller's; @port_no is PORT_NO_NONE unless the owner is us: what
 * others may not fill is for ours. What was there is kept when it is refused.
 */
enum directory_result directory_put(struct directory *d, usec_t now,
				    peer_id_t owner, const struct entry *entry,
				    port_no_t port_no);
/* False: @owner did not claim it. */
bool directory_withdraw(struct directory *d, usec_t now, peer_id_t owner,
			vni_t vni, const struct mac *mac);

/* What @owner does not put again between the two is withdrawn at the end. */
void directory_snapshot_begin(struct directory *d, peer_id_t owner);
void directory_snapshot_end(struct directory *d, usec_t now, peer_id_t owner);

void directory_drop_owner(struct directory *d, usec_t now, peer_id_t owner);

/* The winning claim, or NULL. */
const struct claim *directory_find_mac(const struct directory *d, vni_t vni,
				       const struct mac *mac);
const struct claim *directory_find_ip(const struct directory *d, vni_t vni,
				      const struct ip *ip);
const struct claim *directory_find_claim(const struct directory *d, vni_t vni,
					 const struct mac *mac,
					 peer_id_t owner);

/* Does @owner claim anything in @vni (anything with @flags, unless 0)? */
bool directory_is_member(const struct directory *d, peer_id_t owner, vni_t vni,
			 uint8_t flags);

/* The highest revision seen anywhere: the cluster's Lamport clock. */
uint64_t directory_clock(const struct directory *d);

/* Takes the oldest change off the list. */
bool directory_next_change(struct directory *d, struct change *ret);

void directory_entry(const struct claim *c, struct entry *ret);
uint32_t directory_n_claims(const struct directory *d);
uint32_t directory_n_owned(const struct directory *d, peer_id_t owner);
uint32_t directory_n_bindings(const struct directory *d);

/* The networks that @owner claims anything in: start with *last NULL. They must
 * not change meanwhile. */
bool directory_walk_networks(const struct directory *d, peer_id_t owner,
			     const struct list **last, vni_t *ret_vni);

/* All claims, as table_walk does. */
const struct claim *directory_walk(const struct directory *d, size_t *pos,
				   const struct claim *last);
/* All claims of @owner: start with NULL. */
const struct claim *directory_walk_owner(const struct directory *d,
					 peer_id_t owner,
					 const struct claim *last);

#endif
