/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RULES_H
#define RULES_H

/*
 * Judges facts. Pure: the same facts and data give the same findings, with
 * nothing asked and nothing read; so a saved report can be judged anywhere.
 *
 * What is not known makes no finding, unless it is itself worth telling.
 */

#include "data.h"
#include "facts.h"
#include "finding.h"

/* All of it, sorted. Findings borrow texts of @data. */
void rules_judge(const struct facts *f, const struct doctor_data *data,
		 struct findings *ret);

/* One group of findings each, in files of their names. */
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

struct error;

/*
 * Whether the kernel has a fault that a long datagram wakes up on one of
 * @f's NICs: then no probe is longer than the base. *why, which may be NULL,
 * says it and what to do.
 */
bool rules_is_capped(const struct facts *f, const struct doctor_data *data,
		     struct error *why);

#endif
