/* SPDX-License-Identifier: Apache-2.0 */
#include "chain.h"

#include <stdio.h>
#include <string.h>

static bool has_link(const struct chain *c, const struct facts_link *link)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (c->links[i] == link)
			return true;
	}
	return false;
}

static void append(struct chain *c, const struct facts_link *link, size_t above)
{
	if (!link || c->n == CHAIN_MAX || has_link(c, link))
		return;
	c->links[c->n] = link;
	c->above[c->n++] = above;
}

static bool leads_to_nic(const struct facts_link *member)
{
	static const char *const not_on_the_way[] = { "veth",	"tun",
						      "vxlan",	"gretap",
						      "geneve", "wireguard" };
	size_t i;

	for (i = 0; i < sizeof(not_on_the_way) / sizeof(char *); i++) {
		if (strcmp(member->kind, not_on_the_way[i]) == 0)
			return false;
	}
	return true;
}

static void append_members(const struct facts *f, struct chain *c, size_t i)
{
	const struct facts_link *link = c->links[i];
	size_t j;

	for (j = 0; j < f->n_links; j++) {
		if (strcmp(f->links[j].master, link->ifname) == 0 &&
		    leads_to_nic(&f->links[j]))
			append(c, &f->links[j], i);
	}
}

void chain_of(const struct facts *f, const char *ifname, struct chain *ret)
{
	size_t i;

	memset(ret, 0, sizeof(*ret));
	append(ret, facts_link(f, ifname), 0);
	/* A VRF's members are not below it: packets leave by one of them. */
	for (i = 0; i < ret->n; i++) {
		if (ret->links[i]->lower[0])
			append(ret, facts_link(f, ret->links[i]->lower), i);
		if (strcmp(ret->links[i]->kind, "vrf") != 0)
			append_members(f, ret, i);
	}
}

bool chain_is_nic(const struct chain *c, size_t i)
{
	size_t j;

	for (j = i + 1; j < c->n; j++) {
		if (c->above[j] == i)
			return false;
	}
	return true;
}

const struct facts_link *chain_lowest(const struct chain *c)
{
	const struct facts_link *lowest = NULL;
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (c->links[i]->mtu &&
		    (!lowest || c->links[i]->mtu < lowest->mtu))
			lowest = c->links[i];
	}
	return lowest;
}

const char *chain_print(const struct chain *c, char *ret, size_t size)
{
	size_t i, n = 0;
	int more;

	ret[0] = '\0';
	for (i = 0; i < c->n && n < size; i++) {
		more = snprintf(ret + n, size - n, "%s%s%s%s %u",
				i ? " > " : "", c->links[i]->kind,
				c->links[i]->kind[0] ? " " : "",
				c->links[i]->ifname, c->links[i]->mtu);
		n += more > 0 ? (size_t)more : 0;
	}
	return ret;
}
