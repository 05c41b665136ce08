/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PATHMTU_H
#define PATHMTU_H

/*
 * What the kernel holds for the path MTU to an address: IP_MTU of a datagram
 * socket that is connected there. No packet is sent.
 */

#include "core/core.h"

/* 0 or -errno, as connect(2) fails: -ENETUNREACH and so on. */
int pathmtu_of(const struct ip *destination, uint32_t *ret) WARN_UNUSED;

#endif
