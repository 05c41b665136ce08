/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_table.h"

#include "columns.h"

const char *peer_label(const json_t *peer)
{
	const char *label = text_of(peer, "nickname");

	if (!label)
		label = text_of(peer, "name");
	return label ? label : text_of(peer, "address");
}

/* Of the path that carries the traffic. */
static const json_t *rtt_of(const json_t *peer)
{
	const char *path = text_of(peer, "path");
	const json_t *paths = json_object_get(peer, "paths");

	if (!path)
		return NULL;
	return json_object_get(json_object_get(paths, path), "rtt_us");
}

void peer_table_print(const json_t *peers)
{
	static const char *const headings[] = { "PEER",	  "ADDRESS", "STATE",
						"PATH",	  ">MTU",    ">RTT",
						">SINCE", "REASON",  NULL };
	struct columns *t = columns_new(headings);
	char buf[TEXT_SIZE];
	json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer) {
		columns_add(t, peer_label(peer));
		columns_add_text(t, peer, "address");
		columns_add_state(t, peer, "state");
		columns_add_text(t, peer, "path");
		columns_add_integer(t, peer, "mtu");
		columns_add(t, text_microseconds(rtt_of(peer), buf));
		columns_add_since(t, peer, "since");
		columns_add_text(t, peer, "reason");
	}
	columns_print(t, "no peers");
	columns_free(t);
}
