/*
 * watch.c - a set of tuples of a few ways (watch.h).
 */
#include "proxy/watch.h"

#include <string.h>

static uint32_t
set_of(const struct ip_addr *remote, uint16_t local_port, uint16_t remote_port)
{
	uint64_t part[2], v;

	_Static_assert(sizeof(*remote) == sizeof(part), "an address is two words");
	memcpy(part, remote, sizeof(part));
	v = part[0] ^ part[1] ^ ((uint64_t)remote_port << 16 | local_port);
	v *= 0x9e3779b97f4a7c15u;
	return (uint32_t)(v >> 40) & (WATCH_SETS - 1);
}

void
watch_begin(struct watch *w, const struct ask_filter *filter)
{
	memset(w, 0, sizeof(*w));
	w->filter = *filter;
	w->is_on = true;
}

struct watch_flow *
watch_find(struct watch *w, const struct ip_addr *local, uint16_t local_port,
	   const struct ip_addr *remote, uint16_t remote_port)
{
	struct watch_flow *set = w->flow[set_of(remote, local_port, remote_port)];

	for (uint32_t i = 0; i < WATCH_WAYS; i++) {
		if (set[i].is_there && set[i].remote_port == remote_port &&
		    set[i].local_port == local_port && ip_eq(&set[i].remote, remote) &&
		    ip_eq(&set[i].local, local))
			return &set[i];
	}
	return NULL;
}

void
watch_add(struct watch *w, const struct watch_flow *flow)
{
	uint32_t set = set_of(&flow->remote, flow->local_port, flow->remote_port), i = 0;
	struct watch_flow *at =
		watch_find(w, &flow->local, flow->local_port, &flow->remote, flow->remote_port);

	while (at == NULL && i < WATCH_WAYS) {
		if (!w->flow[set][i].is_there)
			at = &w->flow[set][i];
		i++;
	}
	if (at == NULL) {
		at = &w->flow[set][w->next[set]++ % WATCH_WAYS];
		w->evicted_n++;
	}
	*at = *flow;
	at->is_there = true;
}

void
watch_drop(struct watch *w, const struct watch_flow *flow)
{
	struct watch_flow *at =
		watch_find(w, &flow->local, flow->local_port, &flow->remote, flow->remote_port);

	if (at != NULL)
		at->is_there = false;
}
