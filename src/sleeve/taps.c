/* SPDX-License-Identifier: Apache-2.0 */
#include "taps.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

void taps_init(struct worker *w)
{
	uint32_t i;

	for (i = 0; i < MAX_NETWORKS; i++)
		w->taps[i].fd = -1;
	for (i = 0; i < TAP_PLACES; i++)
		w->tap_of_vni[i] = FIB_NONE;
}

void taps_close(struct worker *w)
{
	uint32_t i;

	for (i = 0; i < w->n_taps; i++) {
		if (w->taps[i].fd >= 0)
			close(w->taps[i].fd);
	}
}

/* Where @vni is, or the empty place where it would be. */
static uint32_t place_of(const struct worker *w, vni_t vni)
{
	uint32_t i = (vni * UINT32_C(0x9e3779b1)) >> 23; /* 9 bits */

	while (w->tap_of_vni[i] != FIB_NONE &&
	       w->taps[w->tap_of_vni[i]].vni != vni)
		i = (i + 1) & (TAP_PLACES - 1);
	return i;
}

uint16_t taps_find(const struct worker *w, vni_t vni)
{
	return w->tap_of_vni[place_of(w, vni)];
}

/* Places cannot be emptied one by one without breaking a search. */
static void rebuild_map(struct worker *w)
{
	uint32_t i;

	for (i = 0; i < TAP_PLACES; i++)
		w->tap_of_vni[i] = FIB_NONE;
	for (i = 0; i < w->n_taps; i++) {
		if (w->taps[i].fd >= 0)
			w->tap_of_vni[place_of(w, w->taps[i].vni)] =
				(uint16_t)i;
	}
}

int taps_add(struct worker *w, vni_t vni, int fd, bool has_uso)
{
	uint32_t i = 0;
	int r;

	if (taps_find(w, vni) != FIB_NONE)
		return -EEXIST;
	while (i < MAX_NETWORKS && w->taps[i].fd >= 0)
		i++;
	if (i == MAX_NETWORKS)
		return -ENOSPC;
	r = worker_watch(w, EPOLL_CTL_ADD, fd, EPOLLIN,
			 source_of(SOURCE_TAP, i));
	if (r < 0)
		return r;
	w->taps[i].fd = fd;
	w->taps[i].vni = vni;
	w->taps[i].has_uso = has_uso;
	w->taps[i].network = fib_find_vni(w->table, vni);
	if (i >= w->n_taps)
		w->n_taps = i + 1;
	rebuild_map(w);
	return 0;
}

int taps_remove(struct worker *w, vni_t vni)
{
	const uint16_t i = taps_find(w, vni);

	if (i == FIB_NONE)
		return -ENOENT;
	close(w->taps[i].fd); /* which takes it out of the epoll set */
	w->taps[i].fd = -1;
	rebuild_map(w);
	return 0;
}

void taps_renumber(struct worker *w)
{
	uint32_t i;

	for (i = 0; i < w->n_taps; i++)
		w->taps[i].network = fib_find_vni(w->table, w->taps[i].vni);
}

void taps_lost(struct worker *w, uint32_t tap)
{
	/* Else its error would be reported for ever. */
	if (worker_watch(w, EPOLL_CTL_DEL, w->taps[tap].fd, 0, 0) < 0)
		return;
}

void taps_pause(struct worker *w, bool is_paused)
{
	uint32_t i;

	for (i = 0; i < w->n_taps; i++) {
		/* -ENOENT: its device has gone, it is watched no more. */
		if (w->taps[i].fd >= 0 &&
		    worker_watch(w, EPOLL_CTL_MOD, w->taps[i].fd,
				 is_paused ? 0 : EPOLLIN,
				 source_of(SOURCE_TAP, i)) < 0)
			continue;
	}
}
