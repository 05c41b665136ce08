/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SETTINGS_VALUE_H
#define SETTINGS_VALUE_H

/*
 * The values that options and lines of the configuration file may have.
 *
 * Every function takes the @key for its messages. 0 is success; else -1 is
 * returned, @e says what was wanted, and @ret is as before.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/error.h"

/* The error of them all: @value is not what is @wanted. Returns -1. */
int value_bad(struct error *e, const char *key, const char *value,
	      const char *wanted);

/* A text of 1 to @size - 1 bytes, copied to @dst. */
int value_copy(char *dst, size_t size, const char *key, const char *value,
	       struct error *e);

/* Decimal, @min to @max. */
int value_number(const char *key, const char *value, unsigned long min,
		 unsigned long max, uint32_t *ret, struct error *e);

/* 1 to 65535; @ret in host order. */
int value_port(const char *key, const char *value, uint16_t *ret,
	       struct error *e);

/* "" (an option without argument), yes, true, on, 1; no, false, off, 0. */
int value_boolean(const char *key, const char *value, bool *ret,
		  struct error *e);

#endif
