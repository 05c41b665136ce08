/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REASON_H
#define REASON_H

/* Why a session, a dial or a path ended or is as it is. */
enum reason {
	REASON_NONE,
	REASON_STARTING,       /* nothing was tried yet */
	REASON_ACKNOWLEDGED,   /* the peer answers */
	REASON_SETTLING,       /* up again, but not yet for long enough */
	REASON_NO_ANSWER,      /* so many heartbeats in a row without one */
	REASON_NO_FASTDP_HERE, /* this host has no kernel datapath */
	REASON_NO_FASTDP_THERE,
	REASON_NO_SLEEVE_HERE, /* this host does not carry packets itself */
	REASON_NO_SLEEVE_THERE,
	REASON_NO_SESSION,   /* never had one: addresses unknown */
	REASON_SEND_REFUSED, /* the kernel refused to send */
	REASON_REFUSED,	     /* TCP: nobody listens */
	REASON_UNREACHABLE,  /* no route, or a router said so */
	REASON_TIMED_OUT,
	REASON_NAME_UNKNOWN, /* host name does not resolve */
	REASON_CLOSED,	     /* by the other side */
	REASON_PROTOCOL,     /* it sent what it must not */
	REASON_VERSION,	     /* no common protocol version */
	REASON_OURSELVES,    /* the other end is this daemon */
	REASON_CLONED,	     /* the other end has our, or a third's, identity */
	REASON_DUPLICATE,    /* the other session of the pair was kept */
	REASON_REMOVED,	     /* by the operator */
	REASON_LEFT,	     /* the peer said that it goes */
	REASON_LIMIT,	     /* a table is full */
	/* why a path's PLPMTU is what it is */
	REASON_MTU_FOUND,  /* the search ended there */
	REASON_MTU_RAISED, /* larger packets have come to pass */
	REASON_MTU_HOLE,   /* what was in use got lost */
	REASON_MTU_LINK,   /* our own link carries no more */
	N_REASONS
};

/* A sentence for people, lower case, no full stop. Static. */
const char *reason_text(enum reason r);
/* A stable code for programs: "no-answer". Static. */
const char *reason_code(enum reason r);

#endif
