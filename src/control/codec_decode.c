/* SPDX-License-Identifier: Apache-2.0 */
#include "codec.h"

#include "check.h"
#include "codec_private.h"
#include "control.pb-c.h"

#include <assert.h>
#include <string.h>

/* False: longer than the field holds. */
static bool copy_text(const char *text, char ret[MAX_NAME])
{
	size_t size = strnlen(text, MAX_NAME);

	if (size == MAX_NAME)
		return false;
	memcpy(ret, text, size + 1);
	return true;
}

static bool copy_port(uint32_t port, uint16_t *ret)
{
	if (port > UINT16_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

/* A v4-mapped address in 16 octets is the same value as its 4 octets. */
static bool copy_ip(const ProtobufCBinaryData *bytes, struct ip *ret)
{
	if (bytes->len == 4)
		*ret = ip_from_v4(bytes->data);
	else if (bytes->len == 16)
		*ret = ip_from_v6(bytes->data);
	else
		return false;
	return true;
}

static enum codec_error decode_hello(const Fastdp__Hello *in, struct hello *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->version_min = in->version_min;
	ret->version_max = in->version_max;
	ret->id = in->id;
	ret->instance = in->instance;
	ret->can_fastdp = in->can_fastdp;
	ret->can_sleeve = in->can_sleeve;
	ret->has_discovery = in->has_discovery;
	if (!copy_text(in->name, ret->name))
		return CODEC_BAD_NAME;
	if (!copy_text(in->nickname, ret->nickname) ||
	    !copy_text(in->software, ret->software))
		return CODEC_BAD_TEXT;
	if (!copy_port(in->control_port, &ret->control_port) ||
	    !copy_port(in->sleeve_port, &ret->sleeve_port) ||
	    !copy_port(in->vxlan_port, &ret->vxlan_port))
		return CODEC_BAD_PORT;
	return check_hello(ret);
}

static enum reason reason_of_code(Fastdp__RefuseCode code)
{
	switch (code) {
	case FASTDP__REFUSE_CODE__REFUSE_PROTOCOL:
		return REASON_PROTOCOL;
	case FASTDP__REFUSE_CODE__REFUSE_VERSION:
		return REASON_VERSION;
	case FASTDP__REFUSE_CODE__REFUSE_OURSELVES:
		return REASON_OURSELVES;
	case FASTDP__REFUSE_CODE__REFUSE_CLONED:
		return REASON_CLONED;
	case FASTDP__REFUSE_CODE__REFUSE_DUPLICATE:
		return REASON_DUPLICATE;
	case FASTDP__REFUSE_CODE__REFUSE_REMOVED:
		return REASON_REMOVED;
	case FASTDP__REFUSE_CODE__REFUSE_LIMIT:
		return REASON_LIMIT;
	case FASTDP__REFUSE_CODE__REFUSE_TIMED_OUT:
		return REASON_TIMED_OUT;
	case FASTDP__REFUSE_CODE__REFUSE_LEFT:
		return REASON_LEFT;
	default: /* any number can come in */
		return REASON_CLOSED;
	}
}

/* Cut and made printable, not refused: it ends the session anyway. */
static void decode_refusal(const Fastdp__Refuse *in, struct refusal *ret)
{
	size_t size = strnlen(in->message, sizeof(ret->text) - 1);

	ret->reason = reason_of_code(in->code);
	for (size_t i = 0; i < size; i++) {
		char c = in->message[i];

		ret->text[i] = c >= 0x20 && c <= 0x7e ? c : '?';
	}
	ret->text[size] = '\0';
}

static enum codec_error decode_entry(const Fastdp__Entry *in, struct entry *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->vni = in->vni;
	ret->revision = in->revision;
	if (in->is_withdrawn)
		ret->flags |= ENTRY_WITHDRAWN;
	if (in->is_learnt)
		ret->flags |= ENTRY_LEARNT;
	if (in->is_trusted)
		ret->flags |= ENTRY_TRUSTED;
	if (in->mac.len != sizeof(ret->mac.b))
		return CODEC_BAD_MAC;
	memcpy(ret->mac.b, in->mac.data, sizeof(ret->mac.b));
	if (in->n_ips > MAX_IPS_PER_ENTRY)
		return CODEC_TOO_MANY_IPS;
	for (size_t i = 0; i < in->n_ips; i++) {
		if (!copy_ip(&in->ips[i], &ret->ips[i]))
			return CODEC_BAD_IP;
	}
	ret->n_ips = (uint8_t)in->n_ips;
	return check_entry(ret);
}

static enum codec_error decode_entries(struct codec *c,
				       const Fastdp__Entries *in,
				       struct message *ret)
{
	ret->type = MESSAGE_ENTRIES;
	ret->entries.is_first = in->is_first;
	ret->entries.is_last = in->is_last;
	ret->entries.list = c->entries;
	if (in->n_entries > MESSAGE_MAX_ENTRIES)
		return CODEC_TOO_MANY;
	for (size_t i = 0; i < in->n_entries; i++) {
		enum codec_error r = decode_entry(in->entries[i],
						  &c->entries[i]);

		if (r != CODEC_OK)
			return r;
	}
	ret->entries.n = (uint32_t)in->n_entries;
	return CODEC_OK;
}

static enum codec_error decode_peers(struct codec *c, const Fastdp__Peers *in,
				     struct message *ret)
{
	ret->type = MESSAGE_PEERS;
	ret->peers.list = c->hints;
	if (in->n_peers > MESSAGE_MAX_PEERS)
		return CODEC_TOO_MANY;
	for (size_t i = 0; i < in->n_peers; i++) {
		struct peer_hint *hint = &c->hints[i];
		enum codec_error r;

		memset(hint, 0, sizeof(*hint));
		hint->id = in->peers[i]->id;
		if (!copy_ip(&in->peers[i]->ip, &hint->control.ip))
			return CODEC_BAD_IP;
		if (!copy_port(in->peers[i]->port, &hint->control.port))
			return CODEC_BAD_PORT;
		r = check_peer_hint(hint);
		if (r != CODEC_OK)
			return r;
	}
	ret->peers.n = (uint32_t)in->n_peers;
	return CODEC_OK;
}

static enum codec_error decode_blocks(struct codec *c, const Fastdp__Blocks *in,
				      struct message *ret)
{
	ret->type = MESSAGE_BLOCKS;
	ret->blocks.revision = in->revision;
	ret->blocks.list = c->blocks;
	if (in->n_blocks > MESSAGE_MAX_BLOCKS)
		return CODEC_TOO_MANY;
	for (size_t i = 0; i < in->n_blocks; i++) {
		struct block *block = &c->blocks[i];
		enum codec_error r;

		memset(block, 0, sizeof(*block));
		block->vni = in->blocks[i]->vni;
		if (!copy_ip(&in->blocks[i]->ip, &block->ip))
			return CODEC_BAD_IP;
		if (in->blocks[i]->prefix_len > 128)
			return CODEC_BAD_PREFIX;
		block->prefix_len = (uint8_t)in->blocks[i]->prefix_len;
		r = check_block(block);
		if (r != CODEC_OK)
			return r;
	}
	ret->blocks.n = (uint32_t)in->n_blocks;
	return CODEC_OK;
}

static enum codec_error decode_heard(const Fastdp__Heard *in,
				     struct message *ret)
{
	ret->type = MESSAGE_HEARD;
	ret->heard.seq = in->seq;
	if (in->path == FASTDP__PATH__PATH_FASTDP)
		ret->heard.path = PATH_FASTDP;
	else if (in->path == FASTDP__PATH__PATH_SLEEVE)
		ret->heard.path = PATH_SLEEVE;
	else
		return CODEC_BAD_PATH;
	return CODEC_OK;
}

static enum codec_error decode_body(struct codec *c, const Fastdp__Envelope *in,
				    struct codec_decoded *ret)
{
	ret->kind = CODEC_MESSAGE;
	switch (in->body_case) {
	case FASTDP__ENVELOPE__BODY_HELLO:
		ret->kind = CODEC_HELLO;
		return decode_hello(in->hello, &ret->hello);
	case FASTDP__ENVELOPE__BODY_REFUSE:
		ret->kind = CODEC_REFUSE;
		decode_refusal(in->refuse, &ret->refusal);
		return CODEC_OK;
	case FASTDP__ENVELOPE__BODY_ENTRIES:
		return decode_entries(c, in->entries, &ret->message);
	case FASTDP__ENVELOPE__BODY_PEERS:
		return decode_peers(c, in->peers, &ret->message);
	case FASTDP__ENVELOPE__BODY_HEARD:
		return decode_heard(in->heard, &ret->message);
	case FASTDP__ENVELOPE__BODY_LEAVE:
		ret->message.type = MESSAGE_LEAVE;
		return CODEC_OK;
	case FASTDP__ENVELOPE__BODY_SLEEVE:
		ret->message.type = MESSAGE_SLEEVE;
		ret->message.sleeve.token = in->sleeve->token;
		return in->sleeve->token ? CODEC_OK : CODEC_MALFORMED;
	case FASTDP__ENVELOPE__BODY_BLOCKS:
		return decode_blocks(c, in->blocks, &ret->message);
	case FASTDP__ENVELOPE__BODY_PING:
		ret->kind = CODEC_PING;
		ret->seq = in->ping->seq;
		return CODEC_OK;
	case FASTDP__ENVELOPE__BODY_PONG:
		ret->kind = CODEC_PONG;
		ret->seq = in->pong->seq;
		return CODEC_OK;
	default:
		ret->kind = CODEC_UNKNOWN;
		return CODEC_OK;
	}
}

enum codec_error codec_decode(struct codec *c, const uint8_t *data, size_t size,
			      struct codec_decoded *ret)
{
	struct codec_decoded decoded;
	Fastdp__Envelope *envelope;
	enum codec_error r;

	if (size > CODEC_MAX_SIZE)
		return CODEC_TOO_LARGE;
	codec_arena_reset(c);
	envelope = fastdp__envelope__unpack(&c->allocator, size, data);
	if (!envelope)
		return c->is_exhausted ? CODEC_TOO_COMPLEX : CODEC_MALFORMED;
	memset(&decoded, 0, sizeof(decoded));
	r = decode_body(c, envelope, &decoded);
	if (r == CODEC_OK)
		*ret = decoded;
	return r;
}
