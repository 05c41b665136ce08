/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_H
#define CHECK_H

/*
 * The limits of control.proto, on the core's values: the same for what peers
 * sent and for what we are about to send. Lengths that only exist as bytes
 * (an address of five octets) are the codec's.
 */

#include "codec.h"

enum codec_error check_hello(const struct hello *hello) WARN_UNUSED;
enum codec_error check_entry(const struct entry *entry) WARN_UNUSED;
enum codec_error check_peer_hint(const struct peer_hint *hint) WARN_UNUSED;
enum codec_error check_block(const struct block *block) WARN_UNUSED;

#endif
