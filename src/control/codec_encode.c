/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include "check.h"
#include "codec_private.h"
#include "control.pb-c.h"

#include <assert.h>
#include <string.h>

static enum codec_error pack(struct codec *c, const Fastdp__Envelope *envelope,
			     struct codec_bytes *ret)
{
	size_t size = fastdp__envelope__get_packed_size(envelope);

	if (size > sizeof(c->out))
		return CODEC_TOO_LARGE;
	ret->data = c->out;
	ret->size = fastdp__envelope__pack(envelope, c->out);
	assert(ret->size == size);
	return CODEC_OK;
}

/*
 * The library's structures point into ours, and have no const; packing does
 * not write to them.
 */
static char *as_text(const char *text)
{
	return (char *)(uintptr_t)text;
}

static ProtobufCBinaryData as_bytes(const uint8_t *data, size_t size)
{
	ProtobufCBinaryData ret = {
		.len = size,
		.data = (uint8_t *)(uintptr_t)data,
	};

	return ret;
}

static ProtobufCBinaryData as_ip(const struct ip *ip)
{
	return ip_is_v4(ip) ? as_bytes(ip->b + 12, 4) : as_bytes(ip->b, 16);
}

enum codec_error codec_encode_hello(struct codec *c, const struct hello *h,
				    struct codec_bytes *ret)
{
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Hello out = FASTDP__HELLO__INIT;
	enum codec_error r = check_hello(h);

	if (r != CODEC_OK)
		return r;
	out.version_min = h->version_min;
	out.version_max = h->version_max;
	out.id = h->id;
	out.instance = h->instance;
	out.name = as_text(h->name);
	out.nickname = as_text(h->nickname);
	out.software = as_text(h->software);
	out.control_port = h->control_port;
	out.sleeve_port = h->sleeve_port;
	out.vxlan_port = h->vxlan_port;
	out.can_fastdp = h->can_fastdp;
	out.can_sleeve = h->can_sleeve;
	out.has_discovery = h->has_discovery;
	envelope.body_case = FASTDP__ENVELOPE__BODY_HELLO;
	envelope.hello = &out;
	return pack(c, &envelope, ret);
}

static Fastdp__RefuseCode code_of_reason(enum reason reason)
{
	switch (reason) {
	case REASON_PROTOCOL:
		return FASTDP__REFUSE_CODE__REFUSE_PROTOCOL;
	case REASON_VERSION:
		return FASTDP__REFUSE_CODE__REFUSE_VERSION;
	case REASON_OURSELVES:
		return FASTDP__REFUSE_CODE__REFUSE_OURSELVES;
	case REASON_CLONED:
		return FASTDP__REFUSE_CODE__REFUSE_CLONED;
	case REASON_DUPLICATE:
		return FASTDP__REFUSE_CODE__REFUSE_DUPLICATE;
	case REASON_REMOVED:
		return FASTDP__REFUSE_CODE__REFUSE_REMOVED;
	case REASON_LIMIT:
		return FASTDP__REFUSE_CODE__REFUSE_LIMIT;
	case REASON_TIMED_OUT:
		return FASTDP__REFUSE_CODE__REFUSE_TIMED_OUT;
	case REASON_LEFT:
		return FASTDP__REFUSE_CODE__REFUSE_LEFT;
	default:
		return FASTDP__REFUSE_CODE__REFUSE_UNSPECIFIED;
	}
}

enum codec_error codec_encode_refusal(struct codec *c, const struct refusal *in,
				      struct codec_bytes *ret)
{
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Refuse out = FASTDP__REFUSE__INIT;

	if (strnlen(in->text, sizeof(in->text)) == sizeof(in->text))
		return CODEC_BAD_TEXT;
	out.code = code_of_reason(in->reason);
	out.message = as_text(in->text);
	envelope.body_case = FASTDP__ENVELOPE__BODY_REFUSE;
	envelope.refuse = &out;
	return pack(c, &envelope, ret);
}

/* What the structures of one message take; the arena holds it (see there). */
struct entry_out {
	Fastdp__Entry entry;
	ProtobufCBinaryData ips[MAX_IPS_PER_ENTRY];
};

struct entries_out {
	Fastdp__Entry *pointers[MESSAGE_MAX_ENTRIES];
	struct entry_out list[MESSAGE_MAX_ENTRIES];
};

static_assert(sizeof(struct entries_out) <= CODEC_ARENA_SIZE, "arena");

static void encode_entry(const struct entry *in, struct entry_out *ret)
{
	Fastdp__Entry *out = &ret->entry;

	fastdp__entry__init(out);
	out->vni = in->vni;
	out->mac = as_bytes(in->mac.b, sizeof(in->mac.b));
	out->is_withdrawn = in->flags & ENTRY_WITHDRAWN;
	out->is_learnt = in->flags & ENTRY_LEARNT;
	out->is_trusted = in->flags & ENTRY_TRUSTED;
	out->revision = in->revision;
	for (uint32_t i = 0; i < in->n_ips; i++)
		ret->ips[i] = as_ip(&in->ips[i]);
	out->n_ips = in->n_ips;
	out->ips = ret->ips;
}

static enum codec_error encode_entries(struct codec *c,
				       const struct message *in,
				       struct codec_bytes *ret)
{
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Entries out = FASTDP__ENTRIES__INIT;
	struct entries_out *memory = codec_arena_take(c, sizeof(*memory));

	assert(memory);
	if (in->entries.n > MESSAGE_MAX_ENTRIES)
		return CODEC_TOO_MANY;
	for (uint32_t i = 0; i < in->entries.n; i++) {
		enum codec_error r = check_entry(&in->entries.list[i]);

		if (r != CODEC_OK)
			return r;
		encode_entry(&in->entries.list[i], &memory->list[i]);
		memory->pointers[i] = &memory->list[i].entry;
	}
	out.is_first = in->entries.is_first;
	out.is_last = in->entries.is_last;
	out.n_entries = in->entries.n;
	out.entries = memory->pointers;
	envelope.body_case = FASTDP__ENVELOPE__BODY_ENTRIES;
	envelope.entries = &out;
	return pack(c, &envelope, ret);
}

static enum codec_error encode_peers(struct codec *c, const struct message *in,
				     struct codec_bytes *ret)
{
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Peers out = FASTDP__PEERS__INIT;
	Fastdp__PeerHint list[MESSAGE_MAX_PEERS];
	Fastdp__PeerHint *pointers[MESSAGE_MAX_PEERS];

	if (in->peers.n > MESSAGE_MAX_PEERS)
		return CODEC_TOO_MANY;
	for (uint32_t i = 0; i < in->peers.n; i++) {
		const struct peer_hint *hint = &in->peers.list[i];
		enum codec_error r = check_peer_hint(hint);

		if (r != CODEC_OK)
			return r;
		fastdp__peer_hint__init(&list[i]);
		list[i].id = hint->id;
		list[i].ip = as_ip(&hint->control.ip);
		list[i].port = hint->control.port;
		pointers[i] = &list[i];
	}
	out.n_peers = in->peers.n;
	out.peers = pointers;
	envelope.body_case = FASTDP__ENVELOPE__BODY_PEERS;
	envelope.peers = &out;
	return pack(c, &envelope, ret);
}

static enum codec_error encode_heard(struct codec *c, const struct message *in,
				     struct codec_bytes *ret)
{
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Heard out = FASTDP__HEARD__INIT;

	if (in->heard.path == PATH_FASTDP)
		out.path = FASTDP__PATH__PATH_FASTDP;
	else if (in->heard.path == PATH_SLEEVE)
		out.path = FASTDP__PATH__PATH_SLEEVE;
	else
		return CODEC_BAD_PATH;
	out.seq = in->heard.seq;
	envelope.body_case = FASTDP__ENVELOPE__BODY_HEARD;
	envelope.heard = &out;
	return pack(c, &envelope, ret);
}

static enum codec_error encode_leave(struct codec *c, struct codec_bytes *ret)
{
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Leave out = FASTDP__LEAVE__INIT;

	envelope.body_case = FASTDP__ENVELOPE__BODY_LEAVE;
	envelope.leave = &out;
	return pack(c, &envelope, ret);
}

static enum codec_error encode_sleeve(struct codec *c, const struct message *in,
				      struct codec_bytes *ret)
{
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Sleeve out = FASTDP__SLEEVE__INIT;

	if (!in->sleeve.token)
		return CODEC_MALFORMED;
	out.token = in->sleeve.token;
	envelope.body_case = FASTDP__ENVELOPE__BODY_SLEEVE;
	envelope.sleeve = &out;
	return pack(c, &envelope, ret);
}

struct blocks_out {
	Fastdp__Block *pointers[MESSAGE_MAX_BLOCKS];
	Fastdp__Block list[MESSAGE_MAX_BLOCKS];
};

static_assert(sizeof(struct blocks_out) <= CODEC_ARENA_SIZE, "arena");

static enum codec_error encode_blocks(struct codec *c, const struct message *in,
				      struct codec_bytes *ret)
{
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Blocks out = FASTDP__BLOCKS__INIT;
	struct blocks_out *memory = codec_arena_take(c, sizeof(*memory));

	assert(memory);
	if (in->blocks.n > MESSAGE_MAX_BLOCKS)
		return CODEC_TOO_MANY;
	for (uint32_t i = 0; i < in->blocks.n; i++) {
		const struct block *block = &in->blocks.list[i];
		enum codec_error r = check_block(block);

		if (r != CODEC_OK)
			return r;
		fastdp__block__init(&memory->list[i]);
		memory->list[i].vni = block->vni;
		memory->list[i].ip = as_ip(&block->ip);
		memory->list[i].prefix_len = block->prefix_len;
		memory->pointers[i] = &memory->list[i];
	}
	out.revision = in->blocks.revision;
	out.n_blocks = in->blocks.n;
	out.blocks = memory->pointers;
	envelope.body_case = FASTDP__ENVELOPE__BODY_BLOCKS;
	envelope.blocks = &out;
	return pack(c, &envelope, ret);
}

enum codec_error codec_encode_message(struct codec *c,
				      const struct message *message,
				      struct codec_bytes *ret)
{
	codec_arena_reset(c);
	switch (message->type) {
	case MESSAGE_ENTRIES:
		return encode_entries(c, message, ret);
	case MESSAGE_PEERS:
		return encode_peers(c, message, ret);
	case MESSAGE_HEARD:
		return encode_heard(c, message, ret);
	case MESSAGE_LEAVE:
		return encode_leave(c, ret);
	case MESSAGE_SLEEVE:
		return encode_sleeve(c, message, ret);
	case MESSAGE_BLOCKS:
		return encode_blocks(c, message, ret);
	}
	return CODEC_MALFORMED;
}

enum codec_error codec_encode_ping(struct codec *c, enum codec_kind kind,
				   uint64_t seq, struct codec_bytes *ret)
{
	Fastdp__Envelope envelope = FASTDP__ENVELOPE__INIT;
	Fastdp__Ping ping = FASTDP__PING__INIT;
	Fastdp__Pong pong = FASTDP__PONG__INIT;

	assert(kind == CODEC_PING || kind == CODEC_PONG);
	ping.seq = seq;
	pong.seq = seq;
	if (kind == CODEC_PING) {
		envelope.body_case = FASTDP__ENVELOPE__BODY_PING;
		envelope.ping = &ping;
	} else {
		envelope.body_case = FASTDP__ENVELOPE__BODY_PONG;
		envelope.pong = &pong;
	}
	return pack(c, &envelope, ret);
}
