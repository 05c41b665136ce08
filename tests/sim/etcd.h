/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ETCD_H
#define ETCD_H

/*
 * An etcd as its JSON gateway shows it, as far as src/daemon/store*.c asks:
 * keys with revisions, transactions, leases that run out. It answers at once;
 * what is slow or lost on the way is made up by those who carry requests.
 */

#include <jansson.h>

#include "daemon/store_keys.h"
#include "sim.h"

struct etcd;

struct etcd *etcd_new(struct sim *sim);
void etcd_free(struct etcd *e); /* NULL is fine */

/* The reply to a request, the caller's. @body is borrowed. */
json_t *etcd_ask(struct etcd *e, const char *path, const json_t *body);

/* Another cluster at the same address, without any data. */
void etcd_lose_data(struct etcd *e);

/* What is there now, for those who check; store_keys_release() it. */
void etcd_view(struct etcd *e, struct store_view *ret);
uint64_t etcd_n_requests(const struct etcd *e);
size_t etcd_n_keys(const struct etcd *e);

#endif
