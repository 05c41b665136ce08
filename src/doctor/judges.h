/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JUDGES_H
#define JUDGES_H

/*
 * One group of findings each, in the file of its name: rules.c asks them all.
 * As pure as it is.
 */

#include "data.h"
#include "facts.h"
#include "finding.h"

void rules_kernel(const struct facts *f, const struct doctor_data *data,
		  struct findings *ret);
void rules_nic(const struct facts *f, const struct doctor_data *data,
	       struct findings *ret);
void rules_wedged(const struct facts *f, struct findings *ret);
void rules_mtu(const struct facts *f, struct findings *ret);
void rules_veth(const struct facts *f, struct findings *ret);
void rules_peers(const struct facts *f, struct findings *ret);
void rules_daemon(const struct facts *f, struct findings *ret);
void rules_ports(const struct facts *f, struct findings *ret);
void rules_sysctl(const struct facts *f, struct findings *ret);
void rules_host(const struct facts *f, struct findings *ret);

/*
 * The daemon sent by @ifname between the samples, and no card below it did.
 * A driver may tell its counters late: look again before believing it.
 */
bool rules_is_wedged(const struct facts *f, const char *ifname);

#endif
