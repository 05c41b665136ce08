/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULTS_H
#define FAULTS_H

/*
 * Which known faults a kernel has, by its distribution's build. Pure: names
 * and data in, verdicts out.
 */

#include "core/core.h"
#include "data.h"
#include "facts.h"
#include "finding.h"

struct error;

struct faults_kernel {
	const char *release;	     /* uname -r */
	const char *os_id, *os_like; /* of os-release; may be "" */
};

/* A NIC's feature that wakes a fault up. */
enum faults_feature { FEATURE_UNKNOWN, FEATURE_OFF, FEATURE_ON };

/* Strings are borrowed from the data, "" where it has none. */
struct fault {
	const char *id, *title, *build, *consequence;
	const char *feature;   /* that wakes it; "": it is always awake */
	const char *remedy;    /* of the kernel */
	const char *remedy_on; /* of the feature; has {nic} in it */
	bool caps_probes;
	enum severity severity[FEATURE_ON + 1]; /* by the feature's state */
};

/*
 * What @nic tells of @name. A NIC that tells of its features, but not of that
 * one, has it not: kernels since 4.14 know no UFO.
 */
enum faults_feature faults_feature_of(const struct facts_nic *nic,
				      const char *name);

/* Calls @fn for each fault that the kernel has. */
typedef void faults_fn(void *arg, const struct fault *fault);
void faults_each(const struct doctor_data *data, const struct faults_kernel *k,
		 faults_fn *fn, void *arg);

/*
 * Whether a fault of the kernel is awake that forbids long probes; @nic NULL:
 * no card is known, so the worst is believed. True: *why, which may be NULL,
 * says it, with the remedy.
 */
bool faults_capping(const struct doctor_data *data,
		    const struct faults_kernel *k, const struct facts_nic *nic,
		    struct error *why);

#endif
