/* SPDX-License-Identifier: Apache-2.0 */
#include "reload.h"

#include <string.h>

#include "ipam.h"
#include "log.h"

static bool has_peer(const struct settings *s, const char *host, uint16_t port)
{
	size_t i;

	for (i = 0; i < s->n_peers; i++) {
		if (s->peers[i].port == port &&
		    strcmp(s->peers[i].host, host) == 0)
			return true;
	}
	return false;
}

static void change_target(struct daemon *d, enum event_type type,
			  const char *host, uint16_t port)
{
	struct event ev;

	memset(&ev, 0, sizeof(ev));
	ev.type = type;
	ev.target.host = host;
	ev.target.port = port;
	ev.target.is_configured = true;
	daemon_event(d, &ev);
}

static void reload_peers(struct daemon *d, const struct settings *old)
{
	const struct settings *s = &d->settings;
	size_t i;

	for (i = 0; i < old->n_peers; i++) {
		if (!has_peer(s, old->peers[i].host, old->peers[i].port))
			change_target(d, EVENT_TARGET_REMOVED,
				      old->peers[i].host, old->peers[i].port);
	}
	for (i = 0; i < s->n_peers; i++) {
		if (!has_peer(old, s->peers[i].host, s->peers[i].port))
			change_target(d, EVENT_TARGET_ADDED, s->peers[i].host,
				      s->peers[i].port);
	}
}

static const char *key_prefix(const struct ipam_settings *s)
{
	return s->prefix[0] ? s->prefix : "/fastdp";
}

/*
 * The store that was opened goes on with these settings: without endpoints it
 * has nobody to ask, and below another prefix it would not see what is leased.
 */
static int check_store(const struct ipam_settings *old,
		       const struct ipam_settings *fresh, struct error *e)
{
	if (old->store == fresh->store &&
	    (old->store != IPAM_ETCD ||
	     strcmp(key_prefix(old), key_prefix(fresh)) == 0))
		return 0;
	error_set(
		e, "invalid",
		"[ipam] store and key-prefix change with the next start only");
	return error_hint(e, "start fastdpd again, or put them back");
}

int daemon_reload(struct daemon *d, struct error *e)
{
	struct settings fresh, old = d->settings;
	char names[SETTINGS_NAMES_SIZE];

	if (settings_read(d->argc, d->argv, &fresh, e) != SETTINGS_OK ||
	    check_store(&old.ipam, &fresh.ipam, e))
		return error_prefix(e, "nothing was changed");
	/* Peers without a port are where this daemon was told at its start. */
	settings_set_default_port(&fresh, old.control_port);
	memcpy(d->settings.peers, fresh.peers, sizeof(fresh.peers));
	d->settings.n_peers = fresh.n_peers;
	memcpy(d->settings.networks, fresh.networks, sizeof(fresh.networks));
	d->settings.n_networks = fresh.n_networks;
	d->settings.ipam = fresh.ipam;
	d->settings.mtu = fresh.mtu;
	d->settings.log_level = fresh.log_level;
	log_set_level(fresh.log_level);
	if (datapath_reload(d->datapath, e))
		log_error("the default network has no bridge: %s", e->message);
	error_clear(e);
	reload_peers(d, &old);
	ipam_reload(d->ipam);
	if (settings_ignored(&old, &fresh, names))
		log_warn("changed, but taken with the next start only: %s",
			 names);
	log_info("configuration read again");
	return 0;
}
