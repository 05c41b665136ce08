/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MASQ_H
#define MASQ_H

/*
 * Masquerading in a table of our own of the kernel's packet filter
 * (libnftables, family inet, of the current namespace): packets from certain
 * addresses that leave by any link but one get the address of that link.
 *
 * Functions with @e return 0, or -1 with *e set; a failed one has changed
 * nothing.
 */

#include "core/core.h"

struct error;
struct masq;

#define MASQ_MAX_IPS 32768U

/* @table may be any text: what nftables does not take in a name is replaced.
 * Nothing is made yet. NULL: out of memory. */
struct masq *masq_open(const char *table, const char *but_ifname);
void masq_close(struct masq *m); /* NULL is fine; the table stays */

/* The table, with these addresses in it and no others. */
int masq_replace(struct masq *m, const struct ip *ips, size_t n,
		 struct error *e) WARN_UNUSED;
int masq_add(struct masq *m, const struct ip *ip, struct error *e) WARN_UNUSED;
int masq_delete(struct masq *m, const struct ip *ip, struct error *e)
	WARN_UNUSED;
/*
 * Is the table there as masq_replace() makes it, with these addresses (sorted
 * as by memcmp(), each once) and no others? 0 and *@ret, or -errno: nobody
 * can say.
 */
int masq_check(struct masq *m, const struct ip *ips, size_t n, bool *ret)
	WARN_UNUSED;
/* There is no such table after this. */
int masq_remove(struct masq *m, struct error *e) WARN_UNUSED;

#endif
