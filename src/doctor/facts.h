/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FACTS_H
#define FACTS_H

/*
 * What was found out about a host, before anybody judges it: plain values,
 * links by their names. Made by gather.h or read from JSON
 * (facts_json.h); rules (rules.h) only read it. Lists are bounded and owned
 * by the struct. "" and 0 say that it is not known, unless said otherwise.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACTS_WORD 48U /* names, addresses, states */
#define FACTS_TEXT 256U

struct facts_module {
	char name[FACTS_WORD];
	char state[FACTS_WORD]; /* "loaded", "available", "absent", "unknown" */
};

/* Of this kernel and namespace; those that it has not are left out. */
struct facts_sysctl {
	char name[96]; /* "net/ipv4/ip_forward" */
	int64_t value;
};

/* Two samples, about a second apart; the same number when there was one. */
struct facts_counter {
	char name[64]; /* "Ip.ReasmFails", "daemon.probes_sent" */
	uint64_t before, after;
};

struct facts_link {
	char ifname[FACTS_WORD], kind[FACTS_WORD]; /* kind "" of a NIC */
	char master[FACTS_WORD], lower[FACTS_WORD];
	char peer[FACTS_WORD];	 /* of a veth, when it is in this namespace */
	bool is_peer_elsewhere;	 /* it is in another one */
	bool is_lower_elsewhere; /* likewise */
	bool is_up, has_carrier, is_loopback, is_hairpin;
	uint32_t mtu;
	uint32_t vxlan_port;
	uint64_t tx_before, tx_after; /* packets */
	uint64_t tx_errors, tx_dropped;
};

struct facts_feature {
	char name[FACTS_WORD];
	bool is_on, is_fixed;
};

/* A link of the way to a peer, from the top down to the card. */
struct facts_nic {
	char ifname[FACTS_WORD], driver[FACTS_WORD];
	bool has_features; /* false: it does not tell */
	struct facts_feature *features;
	size_t n_features;
};

/* How packets to a place leave this host. */
struct facts_egress {
	char peer[128]; /* nickname; "" of the default route */
	char address[FACTS_WORD];
	char ifname[FACTS_WORD];
	uint32_t link_mtu, route_mtu; /* route_mtu 0: the link's counts */
	uint32_t kernel_mtu;	      /* IP_MTU of a connected socket */
	bool is_local;
	char error[FACTS_TEXT]; /* why there is no way */
};

struct facts_socket {
	char protocol[FACTS_WORD]; /* "tcp", "udp6" */
	char address[FACTS_WORD];
	uint32_t port;
	char owner[FACTS_WORD]; /* "fastdpd (42)", "kernel", "" */
	bool is_ours;		/* a fastdpd's */
};

struct facts_path {
	char state[FACTS_WORD]; /* "up", "probing", "down" */
	char reason[FACTS_TEXT], last_error[FACTS_TEXT];
	uint32_t plpmtu;
	char search[FACTS_WORD]; /* state of the search: "complete", … */
	char search_reason[FACTS_TEXT];
	char ladder[FACTS_TEXT]; /* of the last search: "1200 1500- 1400" */
	uint64_t sent_before, sent_after;
};

struct facts_peer {
	char name[128], nickname[128], address[FACTS_WORD];
	char state[FACTS_WORD], path[FACTS_WORD];
	char reason[FACTS_TEXT], control_reason[FACTS_TEXT];
	uint32_t mtu;
	struct facts_path fastdp, sleeve;
};

struct facts_prefix {
	char prefix[64];	 /* "10.32.0.1/24" */
	char ifname[FACTS_WORD]; /* of a route; else "" */
};

struct facts_port {
	char ifname[FACTS_WORD], host_ifname[FACTS_WORD], network[128];
	char container_id[128];
	uint32_t container_mtu; /* of the end in the container, when visible */
	struct facts_prefix *addresses;
	size_t n_addresses;
};

/* Of addresses that this host gives to containers. */
struct facts_block {
	char network[128], block[64];
	char state[FACTS_WORD]; /* "up", "full", "disputed", … */
	char reason[FACTS_TEXT];
	uint32_t size, used;
};

struct facts_note {
	char text[2 * FACTS_TEXT];
};

struct facts_daemon {
	char state[FACTS_WORD]; /* "up", "down", "odd"; "": not asked */
	char message[FACTS_TEXT], hint[FACTS_TEXT];
	char version[FACTS_WORD], name[128];
	char datapath_type[FACTS_WORD], datapath_name[FACTS_WORD];
	char datapath_reason[FACTS_TEXT];
	uint32_t mtu;
	bool is_encrypted;
	char store[FACTS_WORD]; /* of blocks: "declared", "etcd"; "": none */
	char store_state[FACTS_WORD]; /* "up", "expired", … */
	char store_reason[2 * FACTS_TEXT];
	struct facts_block *blocks;
	size_t n_blocks;
	bool has_details;	 /* it knows the verb "doctor" */
	bool is_capped;		 /* no probe is longer than the base */
	char capped[FACTS_TEXT]; /* why */
	/* "yes", "no", "unknown": forged "too big" is kept from the kernel */
	char has_guard[FACTS_WORD];
	char guard_missing[FACTS_TEXT]; /* why not */
	struct facts_note *warnings;
	struct facts_note *missing; /* what its datapath cannot do here */
	size_t n_warnings, n_missing;
};

struct facts {
	/* uname, /proc/version_signature, os-release */
	char release[FACTS_TEXT], version[FACTS_TEXT], machine[FACTS_WORD];
	char signature[FACTS_TEXT];
	char os_id[FACTS_WORD], os_like[128], os_version[FACTS_WORD];
	char os_name[FACTS_TEXT];
	char machine_id[16];		   /* its first eight digits */
	char machine_id_state[FACTS_WORD]; /* "valid", "absent", "malformed" */
	char container[FACTS_WORD]; /* what it runs in: "docker", "lxc", … */
	/* "yes", "no", "unknown" */
	char has_net_admin[FACTS_WORD], has_tun[FACTS_WORD];
	char has_ipv6[FACTS_WORD];
	char has_ovs[FACTS_WORD], has_check_len[FACTS_WORD];
	uint32_t control_port, sleeve_port, vxlan_port;
	uint32_t config_mtu; /* --mtu; 0: auto */
	/* What the daemon has against its file, and what to do; "": nothing */
	char config_problem[2 * FACTS_TEXT], config_hint[2 * FACTS_TEXT];
	bool is_config_absent; /* that there is none */
	uint32_t interval_ms;  /* between the two samples; 0: one */
	bool has_too_many_routes;
	bool is_elsewhere; /* the daemon's namespace is not the one seen */

	struct facts_daemon daemon;
	struct facts_module *modules;
	struct facts_sysctl *sysctls;
	struct facts_counter *counters;
	struct facts_link *links;
	struct facts_nic *nics;
	struct facts_egress *egress;
	struct facts_socket *sockets;
	struct facts_peer *peers;
	struct facts_port *ports;
	struct facts_prefix *routes;
	size_t n_modules, n_sysctls, n_counters, n_links, n_nics, n_egress;
	size_t n_sockets, n_peers, n_ports, n_routes;
};

#define FACTS_MAX_LIST 8192U

struct facts *facts_new(void);
void facts_destroy(struct facts *f); /* NULL is fine */

/*
 * One more, zeroed, at the end of a list: FACTS_ADD(f, links). NULL at
 * FACTS_MAX_LIST. Pointers into the list die.
 */
#define FACTS_ADD(owner, list)                                       \
	((__typeof__((owner)->list))facts_append(                    \
		(void **)(void *)&(owner)->list, &(owner)->n_##list, \
		sizeof(*(owner)->list)))
void *facts_append(void **list, size_t *n, size_t size);

/* A sample of a counter: the first time it is seen, and then the later one. */
void facts_count(struct facts *f, const char *name, uint64_t value);

/* Cut to what fits. */
#define FACTS_SET(array, text) facts_set((array), sizeof(array), (text))
void facts_set(char *ret, size_t size, const char *text); /* NULL: "" */

/* NULL: not there. Borrowed. */
const struct facts_link *facts_link(const struct facts *f, const char *ifname);
const struct facts_nic *facts_nic(const struct facts *f, const char *ifname);
const struct facts_counter *facts_counter(const struct facts *f,
					  const char *name);
/* False, and *ret as it was, when the kernel has no such parameter. */
bool facts_sysctl(const struct facts *f, const char *name, int64_t *ret);
const char *facts_module(const struct facts *f, const char *name);
bool facts_is_up(const struct facts *f); /* the daemon answers */

#endif
