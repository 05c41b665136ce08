/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FACTS_JSON_H
#define FACTS_JSON_H

/*
 * Facts as JSON and back: what `fastdpctl doctor --json` has as "facts", what
 * a saved report is judged from, and what tests write down. The names are
 * those of facts.h; "format" tells them from other JSON.
 */

#include <jansson.h>

#include "core/core.h"
#include "facts.h"

struct error;

/* A new reference. */
json_t *facts_to_json(const struct facts *f);

/* @json says that it is facts, of a format that this program knows. */
bool facts_json_is(const json_t *json);

/*
 * 0; or -1 and *e names the value that is of the wrong type or does not fit.
 * What is absent stays unknown, what has an unknown name is passed over.
 */
int facts_from_json(const json_t *json, struct facts *ret, struct error *e)
	WARN_UNUSED;

#endif
