/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FLOW_TEXT_H
#define FLOW_TEXT_H

/* Flows as people read them. */

#include "core/flow.h"

#define FLOW_TEXT_MATCH_SIZE 512U

/* The letter of docs/architecture.md: "A" to "H", or "?". */
const char *flow_text_stage(const struct flow_match *m);
const char *flow_text_match(const struct flow_match *m,
			    char ret[FLOW_TEXT_MATCH_SIZE]);
/* The caller frees; no action is "drop". */
char *flow_text_actions(const struct flow_actions *a);

#endif
