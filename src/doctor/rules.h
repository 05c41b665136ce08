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

struct error;

/*
 * Whether the kernel has a fault that a long datagram wakes up on one of
 * @f's NICs: then no probe is longer than the base. *why, which may be NULL,
 * says it and what to do.
 */
bool rules_is_capped(const struct facts *f, const struct doctor_data *data,
		     struct error *why);

#endif
