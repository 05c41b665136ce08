/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUDIT_H
#define AUDIT_H

/*
 * What is looked at every few seconds.
 *
 * Does the kernel still have the datapath and the flows that were put there? It
 * tells nobody of a flush ("ovs-dpctl del-flows"), so that they are counted; if
 * some are missing the engine puts all that should be. Where an answer of the
 * kernel's was lost, they are compared one by one (flow_audit.h). Links and
 * routes tell of their changes; they are looked at all the same. So are rules
 * of nf_tables, but for the guard against forged ICMP, which nobody else can
 * change. And the memory of a peak in the number of entries and flows is given
 * back.
 */

struct audit;
struct daemon;

struct audit *audit_new(struct daemon *d);
void audit_free(struct audit *a);

#endif
