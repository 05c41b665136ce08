/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MASQ_PORTS_H
#define MASQ_PORTS_H

/*
 * Which ports' addresses are masqueraded: what the port records say, made so
 * in the kernel by the difference. With the last such port the table goes.
 */

struct daemon;
struct error;
struct masq_ports;

struct masq_ports *masq_ports_new(struct daemon *d);
void masq_ports_free(struct masq_ports *m); /* NULL is fine; rules stay */

/*
 * The records have changed, or the daemon has just started: then what an
 * earlier life of it left goes, too. 0, or -1 with @e: the kernel has what it
 * had.
 */
int masq_ports_sync(struct masq_ports *m, struct error *e);

/*
 * At times: somebody may have taken the rules away ("nft flush ruleset"), or
 * changed them, or the last sync failed: then they are made again.
 */
void masq_ports_look(struct masq_ports *m);

#endif
