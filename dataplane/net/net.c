/*
 * net.c - one lane's network layer: memory, the doors for packets to send and for time, and
 * questions (see net.h). What is received is in input.c.
 *
 * Invariant: a neighbour that is taken from the pool is in its bucket and has its timer set.
 */
#include "net/net.h"

#include "base/ensure.h"
#include "base/hash.h"
#include "net/private.h"

enum {
	ALIGN = 64
};

/* Where the parts of a net lie in its memory. */
struct layout {
	uint32_t neighbours_n, buckets_n;
	size_t bucket, neighbours, waiters, wheel, end;
};

static size_t
round_up(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static struct layout
layout_of(const struct net_conf *conf)
{
	struct layout at = { .neighbours_n = NET_NEIGHBOURS_MAX, .buckets_n = 1 };

	if (conf->neighbours_max != 0)
		at.neighbours_n = conf->neighbours_max;
	while (at.buckets_n < at.neighbours_n)
		at.buckets_n *= 2;
	at.bucket = round_up(sizeof(struct net));
	at.neighbours = round_up(at.bucket + at.buckets_n * sizeof(uint32_t));
	at.waiters = at.neighbours + pool_size(at.neighbours_n, sizeof(struct neighbour));
	at.wheel = at.waiters + pool_size(NET_WAITING_MAX, sizeof(struct waiter));
	at.end = at.wheel + wheel_size(at.neighbours_n + OWN_TIMERS);
	return at;
}

size_t
net_size(const struct net_conf *conf)
{
	return layout_of(conf).end;
}

struct net *
net_init(void *mem, const struct net_conf *conf, uint64_t now)
{
	struct layout at = layout_of(conf);
	struct net *net = mem;

	ensure((uintptr_t)mem % ALIGN == 0);
	ensure(conf->path_n <= PORTS_MAX);
	memset(net, 0, sizeof(*net));
	for (uint16_t i = 0; i < conf->path_n; i++)
		net->path[i] = conf->path[i];
	net->path_n = conf->path_n;
	net->is_speaker = conf->is_speaker;
	net->pool = conf->pool;
	net->count = conf->count;
	prng_init(&net->prng, conf->seed);
	net->key[0] = prng_next(&net->prng);
	net->key[1] = prng_next(&net->prng);
	net->bucket = (uint32_t *)((uint8_t *)mem + at.bucket);
	net->bucket_mask = at.buckets_n - 1;
	for (uint32_t i = 0; i < at.buckets_n; i++)
		net->bucket[i] = POOL_NONE;
	pool_init(&net->neighbours, (uint8_t *)mem + at.neighbours, at.neighbours_n,
		  sizeof(struct neighbour));
	pool_init(&net->waiters, (uint8_t *)mem + at.waiters, NET_WAITING_MAX,
		  sizeof(struct waiter));
	reassembly_init(&net->reassembly, conf->fragment_bufs_max, conf->count);
	net->wheel = wheel_init((uint8_t *)mem + at.wheel, at.neighbours_n + OWN_TIMERS, now);
	return net;
}

void
net_fini(struct net *net)
{
	for (uint32_t i = 0; i < net->neighbours.n; i++)
		if (pool_is_taken(&net->neighbours, i))
			neighbour_forget(net, i);
	net_drop_fragments(net, FRAG_DROP_OFF);
	ensure(net->waiters.free_n == net->waiters.n);
}

void
net_configure(struct net *net, const struct net_address *address, uint32_t address_n,
	      const struct net_route *route, uint32_t route_n, uint64_t now)
{
	address_configure(net, address, address_n, now);
	route_configure(net, route, route_n);
	for (uint32_t i = 0; i < net->neighbours.n; i++) {
		const struct neighbour *nb = neighbour_at(net, i);

		if (pool_is_taken(&net->neighbours, i) && !route_is_on_link(net, nb->path, &nb->ip))
			neighbour_forget(net, i);
	}
}

/* ---- doors ---- */

/* The neighbour that a route leads to; a gateway's is remembered in the route. */
static uint32_t
hop_of(struct net *net, struct route *route, const struct ip_addr *dst, uint64_t now)
{
	uint32_t i;

	if (ip_is_none(&route->via))
		return neighbour_get(net, route->path, dst, now);
	i = pool_find(&net->neighbours, route->neighbour);
	if (i == POOL_NONE) {
		i = neighbour_get(net, route->path, &route->via, now);
		route->neighbour = pool_handle(&net->neighbours, i);
	}
	return i;
}

void
net_output(struct net *net, struct buf *packet, uint64_t now, struct net_out *out)
{
	struct ip_addr src, dst;
	uint32_t found, i;

	ensure(packet->path < net->path_n);
	ensure(net_out_has_room(out));
	if (net->own.lost_n > 0 && address_is_lost(net, packet)) {
		net->count->net_lost_sources++;
		buf_give(packet);
		return;
	}
	ip_ends(packet, &src, &dst);
	found = route_find(net, packet->path, &dst);
	if (found == ROUTE_NONE) {
		net->count->net_no_route++;
		news_unreachable(net, &dst, out);
		buf_give(packet);
		return;
	}
	i = hop_of(net, &net->route[found], &dst, now);
	neighbour_send(net, i, packet, now, out);
}

void
net_learn(struct net *net, const struct net_learned *learned, uint64_t now, struct net_out *out)
{
	const struct heard heard = {
		.ip = learned->ip,
		.path = learned->path,
		.has_mac = true,
		.mac = learned->mac,
		.is_solicited = learned->is_confirmed,
		.is_override = learned->is_override,
		.can_create = learned->can_create,
	};

	ensure(net_out_has_room(out));
	net->count->net_learned++;
	if (learned->path < net->path_n && route_is_on_link(net, learned->path, &learned->ip))
		neighbour_hear(net, &heard, now, out);
}

void
net_learn_conflict(struct net *net, const struct net_conflict *conflict, uint64_t now,
		   struct net_out *out)
{
	struct address *a = address_find(net, conflict->path, &conflict->ip);

	ensure(net_out_has_room(out));
	if (a != NULL)
		address_learn(net, a, conflict, now, out);
}

void
net_advance(struct net *net, uint64_t now, struct net_out *out)
{
	while (net_out_has_room(out)) {
		uint32_t i = wheel_next(net->wheel, now);

		if (i == WHEEL_NONE)
			return;
		if (i < net->neighbours.n)
			neighbour_on_timer(net, i, now, out);
		else if (i < net->neighbours.n + ADDRESSES_MAX)
			address_on_timer(net, i - net->neighbours.n, now, out);
		else if (i == net->neighbours.n + TELLING_TIMER)
			address_tell(net, now, out);
		else if (i < net->neighbours.n + TELLING_TIMER)
			listen_on_timer(net, (uint16_t)(i - net->neighbours.n - ADDRESSES_MAX), now,
					out);
		else
			fragments_on_timer(net, now, out);
	}
}

uint64_t
net_deadline(const struct net *net)
{
	return wheel_deadline(net->wheel);
}

/* ---- news ---- */

void
news_learned(struct net *net, const struct heard *heard, struct net_out *out)
{
	if (out->learned_n == NET_OUT_NEWS) {
		net->count->net_news_lost++;
		return;
	}
	out->learned[out->learned_n++] = (struct net_learned){
		.ip = heard->ip,
		.path = heard->path,
		.mac = heard->mac,
		.is_confirmed = heard->is_solicited,
		.is_override = heard->is_override,
		.can_create = heard->can_create,
	};
}

void
news_conflict(struct net *net, const struct net_conflict *conflict, struct net_out *out)
{
	if (out->conflict_n == NET_OUT_NEWS) {
		net->count->net_news_lost++;
		return;
	}
	out->conflict[out->conflict_n++] = *conflict;
}

void
news_unreachable(struct net *net, const struct ip_addr *ip, struct net_out *out)
{
	if (out->unreachable_n == NET_OUT_NEWS) {
		net->count->net_news_lost++;
		return;
	}
	out->unreachable[out->unreachable_n++] = (struct net_unreachable){ .ip = *ip };
}

void
news_lost(struct net *net, const struct address *a, struct net_out *out)
{
	if (out->lost_n == NET_OUT_NEWS) {
		net->count->net_news_lost++;
		return;
	}
	out->lost[out->lost_n++] = (struct net_lost){ .ip = a->ip, .path = a->path };
}

void
news_moved(struct net *net, const struct neighbour *nb, struct net_out *out)
{
	net->count->net_moved++;
	if (out->moved_n == NET_OUT_NEWS) {
		net->count->net_news_lost++;
		return;
	}
	out->moved[out->moved_n++] = (struct net_moved){
		.ip = nb->ip,
		.path = nb->path,
		.is_gateway = route_is_gateway(net, nb->path, &nb->ip),
	};
}

/* ---- facts ---- */

const char *
net_neighbour_name(enum net_neighbour_state state)
{
	static const char *const word[] = {
#define X(NAME, name) #name,
		NET_NEIGHBOUR_LIST(X)
#undef X
	};

	ensure(state < sizeof(word) / sizeof(word[0]));
	return word[state];
}

static void
describe(const struct net *net, uint32_t i, struct net_neighbour *ret_neighbour)
{
	const struct neighbour *nb = neighbour_at(net, i);

	*ret_neighbour = (struct net_neighbour){
		.ip = nb->ip,
		.path = nb->path,
		.mac = nb->mac,
		.state = nb->state,
		.waiting_n = nb->waiting_n,
	};
}

bool
net_neighbour_at(const struct net *net, uint32_t i, struct net_neighbour *ret_neighbour)
{
	for (uint32_t k = 0; k < net->neighbours.fresh; k++) {
		if (!pool_is_taken(&net->neighbours, k))
			continue;
		if (i-- == 0) {
			describe(net, k, ret_neighbour);
			return true;
		}
	}
	return false;
}

bool
net_find_neighbour(const struct net *net, uint16_t path, const struct ip_addr *ip,
		   struct net_neighbour *ret_neighbour)
{
	uint32_t i = neighbour_find(net, path, ip);

	if (i == POOL_NONE)
		return false;
	describe(net, i, ret_neighbour);
	return true;
}

uint32_t
net_waiting_n(const struct net *net)
{
	return net->waiters.n - net->waiters.free_n;
}
