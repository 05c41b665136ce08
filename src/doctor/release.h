/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RELEASE_H
#define RELEASE_H

/* Names of kernels: "3.10.0-123.4.4.el7.x86_64", "5.15.0-91-generic". */

/*
 * Number by number, as far as both have numbers; a longer one is later:
 * "3.10.0-123.el7" < "3.10.0-229", "3.13.0-24-generic" > "3.13". What begins
 * with "-rc" behind the numbers is before them. -1, 0, 1.
 */
int release_compare(const char *a, const char *b);

#endif
