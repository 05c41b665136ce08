/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_AUDIT_H
#define FLOW_AUDIT_H

/*
 * The kernel's flows against those that should be, both ways. The engine knows
 * what it asked for; when the kernel's answer was lost, nobody knows what of it
 * was done. Then all flows are read: what is missing, or does something else,
 * is put; what nobody wants is deleted, but for flows that no version of ours
 * would make.
 */

#include "core/core.h"

struct daemon;

/*
 * False: it has to be done again. The kernel did not answer, or there was too
 * much for one time, or an earlier life has left what may be wanted yet: that
 * is not deleted.
 */
bool flow_audit(struct daemon *d) WARN_UNUSED;

#endif
