/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PIPELINE_STATE_H
#define PIPELINE_STATE_H

/* What the pipeline looks at, and the flow set that it tells. */

#include "copied.h"
#include "directory.h"
#include "flowset.h"
#include "peer.h"
#include "port.h"
#include "regroup.h"
#include "tap_port.h"

struct pipeline {
	struct flowset *flows;
	const struct directory *directory;
	struct peers *peers;
	struct ports *ports;
	const struct tap_ports *taps;
	peer_id_t self;
	struct flow_actions scratch;
	struct copied copied;	/* of the last life */
	struct regroup regroup; /* whose copies are out of date */
	bool is_wide;		/* D: see arrival.h */
	bool is_bridge;	   /* there are no flows: a Linux bridge forwards */
	bool has_no_trunc; /* kernels before 4.9 cannot cut an echo */
};

#endif
