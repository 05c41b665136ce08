/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_json.h"

#include <stdio.h>
#include <time.h>

#include "sys/addr.h"
#include "sys/clock.h"

json_t *peer_json_moment(usec_t at)
{
	const usec_t now = clock_monotonic_us();
	const uint64_t real = clock_realtime_us() - (now > at ? now - at : 0);
	const time_t seconds = (time_t)(real / USEC_PER_SEC);
	struct tm tm;
	char text[32], whole[40];

	if (!at)
		return json_null();
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(whole, sizeof(whole), "%s.%03uZ", text,
		 (unsigned int)(real % USEC_PER_SEC / USEC_PER_MS));
	return json_string(whole);
}

static json_t *size_or_null(uint32_t size)
{
	return size ? json_integer((json_int_t)size) : json_null();
}

static json_t *ladder_json(const struct path_view *p)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < p->n_rungs; i++) {
		const struct pmtu_rung *r = &p->rungs[i];

		json_array_append_new(
			list,
			json_pack("{s:i, s:i, s:i, s:b, s:o}", "size",
				  (int)r->size, "sent", (int)r->n_sent, "lost",
				  (int)r->n_lost, "acked", (int)r->is_acked,
				  "at", peer_json_moment(r->at)));
	}
	return list;
}

static json_t *pmtu_json(const struct path_view *p)
{
	return json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:o}",
			 "state", pmtu_state_text(p->pmtu_state), "since",
			 peer_json_moment(p->pmtu_since), "reason",
			 reason_text(p->pmtu_reason), "reason_code",
			 reason_code(p->pmtu_reason), "changed",
			 peer_json_moment(p->pmtu_changed_at), "link_mtu",
			 size_or_null(p->link_mtu), "kernel_mtu",
			 size_or_null(p->route_mtu), "probes",
			 (json_int_t)p->n_mtu_probes, "probes_acked",
			 (json_int_t)p->n_mtu_probes_acked, "ladder",
			 ladder_json(p));
}

static json_t *path_json(const struct path_view *p)
{
	const bool has_error = p->last_error != REASON_NONE;

	return json_pack(
		"{s:s, s:o, s:s, s:s, s:I, s:o, s:I, s:o, s:o, s:I, s:I, s:I}",
		"state", path_state_text(p->state), "since",
		peer_json_moment(p->since), "reason", reason_text(p->reason),
		"reason_code", reason_code(p->reason), "plpmtu",
		(json_int_t)p->plpmtu, "pmtu", pmtu_json(p), "rtt_us",
		(json_int_t)p->rtt_us, "last_error",
		has_error ? json_string(reason_text(p->last_error))
			  : json_null(),
		"last_error_at",
		peer_json_moment(has_error ? p->last_error_at : 0), "sent",
		(json_int_t)p->n_sent, "acked", (json_int_t)p->n_acked, "lost",
		(json_int_t)p->n_lost);
}

static json_t *oversize_json(const struct peer_view *p)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "answered",
			 (json_int_t)p->n_too_big, "fragmented",
			 (json_int_t)p->n_fragmented, "fragments",
			 (json_int_t)p->n_fragments, "groups_lost",
			 (json_int_t)p->n_groups_lost);
}

json_t *peer_json(const struct peer_view *p, uint32_t mtu)
{
	static const char *const names[] = { "fastdp", "sleeve" };
	char address[ADDR_IP_SIZE];

	if (p->mtu && p->mtu < mtu)
		mtu = p->mtu;
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:I, s:I, "
			 "s:o, s:{s:s, s:o, s:s}, s:{s:o, s:o}}",
			 "name", p->name, "nickname", p->nickname, "software",
			 p->software, "address",
			 addr_print_ip(&p->remote.ip, address), "state",
			 peer_state_text(p->state), "path",
			 p->has_path ? names[p->path] : "none", "since",
			 peer_json_moment(p->since), "reason",
			 reason_text(p->reason), "mtu", (json_int_t)mtu,
			 "entries", (json_int_t)p->n_entries, "too_big",
			 oversize_json(p), "control", "state",
			 p->has_session ? "up" : "down", "since",
			 peer_json_moment(p->session_since), "reason",
			 reason_text(p->session_reason), "paths", "fastdp",
			 path_json(&p->paths[PATH_FASTDP]), "sleeve",
			 path_json(&p->paths[PATH_SLEEVE]));
}
