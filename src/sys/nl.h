/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NL_H
#define NL_H

/*
 * Netlink attributes: a builder that stays within its buffer and a parser
 * that believes nothing.
 *
 * It knows the format (length, type, padding to 4 bytes, nests) and no
 * family. On top of libmnl, which checks neither a nest's 16 bits of length
 * nor what is left over behind the last attribute.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

/* MNL_ALIGN, without its signed arithmetic. */
#define NL_ALIGN(n) (((size_t)(n) + 3U) & ~(size_t)3U)

/*
 * A message under construction. The first thing that does not fit sets
 * `error` to -EMSGSIZE, and everything after it does nothing.
 */
struct nl_builder {
	struct nlmsghdr *nlh;
	size_t size; /* of the buffer */
	int error;
};

/* Header of type @type and @n zeroed bytes behind it; returns these or NULL. */
void *nl_begin(struct nl_builder *b, void *buf, size_t size, uint16_t type,
	       size_t n);

/* Returns where the payload lies, to be filled in; NULL when full. */
void *nl_put_room(struct nl_builder *b, unsigned int type, size_t size);
void nl_put(struct nl_builder *b, unsigned int type, const void *data,
	    size_t size);
void nl_put_u8(struct nl_builder *b, unsigned int type, uint8_t value);
void nl_put_u16(struct nl_builder *b, unsigned int type, uint16_t value);
void nl_put_u32(struct nl_builder *b, unsigned int type, uint32_t value);
void nl_put_flag(struct nl_builder *b, unsigned int type);

/* @ret_nest is for nl_nest_end(); nests end in reverse order. */
void nl_nest_start(struct nl_builder *b, unsigned int type, size_t *ret_nest);
void nl_nest_end(struct nl_builder *b, size_t nest);

/*
 * Steps through attributes: *offset starts at 0. 1: *ret is the next one and
 * lies within @size; 0: the end; -EPROTO: malformed.
 */
int nl_next(const void *buf, size_t size, size_t *offset,
	    const struct nlattr **ret);

/*
 * Is there a whole message in @left bytes? mnl_nlmsg_ok() says so too of one
 * that claims 2 GiB and more.
 */
bool nl_is_message(const struct nlmsghdr *nlh, int left);

/* What an attribute must be to be taken. Absent from the table: unknown. */
struct nl_rule {
	bool is_known;
	uint16_t min_size; /* of the payload; more is fine */
};

/*
 * Attributes by type: @ret[0 … @max] are set, NULL when absent. -EPROTO:
 * malformed, too short, or twice the same. Unknown ones are passed over;
 * *ret_has_unknown (may be NULL) becomes true then and else is left alone.
 */
int nl_parse(const void *buf, size_t size, const struct nl_rule *rules,
	     unsigned int max, const struct nlattr **ret,
	     bool *ret_has_unknown);

const void *nl_data(const struct nlattr *attr);
size_t nl_size(const struct nlattr *attr);
/* The payload must be long enough (see nl_rule). */
uint16_t nl_u16(const struct nlattr *attr);
uint32_t nl_u32(const struct nlattr *attr);
uint64_t nl_u64(const struct nlattr *attr);

/* Every byte is @byte; true of none. */
bool nl_is_all(const void *data, size_t size, uint8_t byte);

#endif
