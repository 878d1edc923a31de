/*
 * neighbour.c - the neighbour cache: RFC 4861, 7.2 and 7.3, for IPv6 and, with ARP's messages,
 * for IPv4.
 *
 *	INCOMPLETE  asked, packets wait      -> REACHABLE or STALE by an answer, FAILED after three
 *	REACHABLE   lately confirmed	     -> STALE after 15 to 45 s, DELAY when it is doubted or
 *					its link has come up
 *	STALE	    known, not confirmed     -> DELAY when it is used, forgotten when it is not
 *	DELAY	    used; others may confirm -> PROBE after 5 s
 *	PROBE	    asked, then all are	     -> INCOMPLETE after three, if it is still used
 *	FAILED	    does not answer	     -> forgotten after 3 s; packets are dropped meanwhile
 *
 * Lanes that do not speak wait longer in DELAY: what the speaker finds out they learn.
 * Invariant: packets wait only in INCOMPLETE.
 */
#include "base/ensure.h"
#include "base/hash.h"
#include "net/private.h"
#include "wire/ip.h"

enum {
	PROBES_MAX = 3, /* RFC 4861, 10: MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT */
	EVICT_SAMPLES = 16,
	QUESTIONS_PER_S = 1000, /* to all, for neighbours that are new */
};

#define RETRANS_NS     S_NS
#define REACHABLE_NS   (30 * S_NS)
#define DELAY_NS       (5 * S_NS)
#define FAILED_NS      (3 * S_NS)
#define UNUSED_NS      (600 * S_NS) /* a STALE neighbour is forgotten */
#define BELIEVED_NS    S_NS	    /* who has answered since is not doubted */
#define LINK_SPREAD_NS (S_NS / 2)   /* questions after a link has come up */
#define IN_USE_NS      (15 * S_NS)  /* a neighbour used since is worth asking for again */

static uint32_t
bucket_of(const struct net *net, uint16_t path, const struct ip_addr *ip)
{
	uint64_t word[2];

	memcpy(word, ip->b, 16);
	return (uint32_t)hash_mix(word[1] ^ net->key[0] ^ hash_mix(word[0] ^ net->key[1] ^ path)) &
	       net->bucket_mask;
}

uint32_t
neighbour_find(const struct net *net, uint16_t path, const struct ip_addr *ip)
{
	uint32_t i = net->bucket[bucket_of(net, path, ip)];

	while (i != POOL_NONE) {
		const struct neighbour *nb = neighbour_at(net, i);

		if (nb->path == path && ip_eq(&nb->ip, ip))
			return i;
		i = nb->next;
	}
	return POOL_NONE;
}

static bool
is_in_use(const struct neighbour *nb, uint64_t now)
{
	return nb->used_ns != 0 && now - nb->used_ns < IN_USE_NS;
}

/* ---- packets that wait ---- */

static struct buf *
unwait(struct net *net, struct neighbour *nb)
{
	uint32_t w = nb->head;
	struct waiter *waiter = pool_at(&net->waiters, w);
	struct buf *packet = waiter->packet;

	nb->head = waiter->next;
	if (nb->head == POOL_NONE)
		nb->tail = POOL_NONE;
	nb->waiting_n--;
	pool_give(&net->waiters, w);
	return packet;
}

/* RFC 4861, 7.2.2: when the queue overflows, the new arrival replaces the oldest. */
static void
wait(struct net *net, struct neighbour *nb, struct buf *packet)
{
	uint32_t w;

	if (nb->waiting_n == NET_NEIGHBOUR_QUEUE_MAX ||
	    (net->waiters.free_n == 0 && nb->waiting_n > 0)) {
		net->count->net_wait_drops++;
		buf_give(unwait(net, nb));
	}
	w = pool_take(&net->waiters);
	if (w == POOL_NONE) {
		net->count->net_wait_drops++;
		buf_give(packet);
		return;
	}
	*(struct waiter *)pool_at(&net->waiters, w) = (struct waiter){ packet, POOL_NONE };
	if (nb->tail != POOL_NONE)
		((struct waiter *)pool_at(&net->waiters, nb->tail))->next = w;
	else
		nb->head = w;
	nb->tail = w;
	nb->waiting_n++;
	net->count->net_waits++;
}

static uint16_t
type_of(const struct neighbour *nb)
{
	return ip_is_v4(&nb->ip) ? ETH_TYPE_IP4 : ETH_TYPE_IP6;
}

static void
flush(struct net *net, struct neighbour *nb, struct net_out *out)
{
	while (nb->waiting_n > 0) {
		struct buf *packet = unwait(net, nb);

		if (net->own.lost_n > 0 && address_is_lost(net, packet)) {
			net->count->net_lost_sources++;
			buf_give(packet);
			continue;
		}
		send_frame(net, packet, &nb->mac, type_of(nb), out);
	}
}

/* Nobody answered: whoever waits is told. */
static void
drop_waiting(struct net *net, struct neighbour *nb, struct net_out *out)
{
	while (nb->waiting_n > 0) {
		struct buf *packet = unwait(net, nb);
		struct ip_addr src, dst;

		ip_ends(packet, &src, &dst);
		news_unreachable(net, &dst, out);
		net->count->net_unresolved++;
		buf_give(packet);
	}
}

/* ---- states ---- */

static void
set_state(struct net *net, uint32_t i, enum net_neighbour_state state, uint64_t timer_ns)
{
	neighbour_at(net, i)->state = (uint8_t)state;
	wheel_set(net->wheel, i, timer_ns);
}

/* RFC 4861, 6.3.2: evenly between half and one and a half of the base. */
static void
set_reachable(struct net *net, uint32_t i, uint64_t now)
{
	uint64_t spread = prng_between(&net->prng, REACHABLE_NS / 2, REACHABLE_NS * 3 / 2);

	neighbour_at(net, i)->probes = 0;
	neighbour_at(net, i)->heard_ns = now;
	set_state(net, i, NET_NEIGHBOUR_REACHABLE, now + spread);
}

static void
set_stale(struct net *net, uint32_t i, uint64_t now)
{
	neighbour_at(net, i)->probes = 0;
	set_state(net, i, NET_NEIGHBOUR_STALE, now + UNUSED_NS);
}

static void
set_delay(struct net *net, uint32_t i, uint64_t now)
{
	uint64_t more = net->is_speaker ? 0 : S_NS + prng_between(&net->prng, 0, 2 * S_NS);

	set_state(net, i, NET_NEIGHBOUR_DELAY, now + DELAY_NS + more);
}

/* Our address to ask from: that of the packet, while it is ours (RFC 4861, 7.2.2). */
static const struct address *
source(struct net *net, const struct neighbour *nb)
{
	if (net_is_ours(net, nb->path, &nb->src))
		return address_find(net, nb->path, &nb->src);
	return route_source(net, nb->path, &nb->ip, &nb->ip);
}

/*
 * Asks everybody, or only the one who should be it. From an address that may turn out to be
 * another's without our MAC, so that nobody overwrites what he knows: he asks us before he answers
 * (RFC 4429, 3.2 forbids the question altogether, which would cost a start a second).
 */
static void
solicit(struct net *net, uint32_t i, bool is_direct, struct net_out *out)
{
	static const struct mac nobody, broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct neighbour *nb = neighbour_at(net, i);
	const struct address *src = source(net, nb);
	struct ip_addr group = nd_solicited_node(&nb->ip);
	struct mac to = is_direct ? nb->mac : nd_multicast_mac(&group);
	struct nd nd = { .mac = net->path[nb->path].mac, .target = nb->ip };

	nb->probes++;
	if (src == NULL)
		return;
	nd.has_mac = src->state != ADDRESS_TENTATIVE;
	net->count->net_solicits++;
	if (ip_is_v4(&nb->ip))
		send_arp(net, nb->path, ARP_REQUEST, &src->ip, &nb->ip, &nobody,
			 is_direct ? &nb->mac : &broadcast, out);
	else
		send_nd(net, nb->path, &nd, &src->ip, is_direct ? &nb->ip : &group, &to, out);
}

/*
 * Whoever has us send to a whole prefix must not have us shout at it (RFC 6583, 6): what is too much
 * is asked for about a second later, if it is still remembered then. Gateways are never too much, nor
 * is who was known until now.
 */
static void
ask_all(struct net *net, uint32_t i, uint64_t now, struct net_out *out)
{
	struct neighbour *nb = neighbour_at(net, i);

	if (nb->state == NET_NEIGHBOUR_INCOMPLETE &&
	    !allowance_take(&net->questions, QUESTIONS_PER_S, now) &&
	    !route_is_gateway(net, nb->path, &nb->ip)) {
		net->count->net_solicits_limited++;
		wheel_set(net->wheel, i,
			  now + prng_between(&net->prng, RETRANS_NS / 2, RETRANS_NS * 3 / 2));
		return;
	}
	wheel_set(net->wheel, i, now + RETRANS_NS);
	solicit(net, i, false, out);
}

static void
start_asking(struct net *net, uint32_t i, uint64_t now, struct net_out *out)
{
	struct neighbour *nb = neighbour_at(net, i);

	nb->probes = 0;
	nb->state = NET_NEIGHBOUR_INCOMPLETE;
	ask_all(net, i, now, out);
}

/* ---- coming and going ---- */

void
neighbour_forget(struct net *net, uint32_t i)
{
	struct neighbour *nb = neighbour_at(net, i);
	uint32_t *at = &net->bucket[bucket_of(net, nb->path, &nb->ip)];

	while (nb->waiting_n > 0) {
		net->count->net_unresolved++;
		buf_give(unwait(net, nb));
	}
	while (*at != i) {
		ensure(*at != POOL_NONE);
		at = &neighbour_at(net, *at)->next;
	}
	*at = nb->next;
	wheel_cancel(net->wheel, i);
	pool_give(&net->neighbours, i);
}

/* 0: hearsay, or given up; 1: asked for; 2: known and used. */
static uint32_t
worth(const struct neighbour *nb)
{
	if (nb->state == NET_NEIGHBOUR_FAILED || nb->used_ns == 0)
		return 0;
	return nb->state == NET_NEIGHBOUR_INCOMPLETE ? 1 : 2;
}

/* Among equals: the longest unused. */
static bool
is_worth_less(const struct neighbour *a, const struct neighbour *b)
{
	return worth(a) != worth(b) ? worth(a) < worth(b) : a->used_ns < b->used_ns;
}

/*
 * Makes room by forgetting the least of a few picked at random: a flood of addresses that nobody
 * answers for mostly pushes itself out. Hearsay only makes way for hearsay: false when all of
 * them are in use.
 */
static bool
evict(struct net *net, bool is_hearsay)
{
	uint32_t worst = prng_below(&net->prng, net->neighbours.n);

	for (uint32_t n = 1; n < EVICT_SAMPLES; n++) {
		uint32_t i = prng_below(&net->prng, net->neighbours.n);

		if (is_worth_less(neighbour_at(net, i), neighbour_at(net, worst)))
			worst = i;
	}
	if (is_hearsay && worth(neighbour_at(net, worst)) > 0) {
		net->count->net_hearsay_dropped++;
		return false;
	}
	net->count->net_neighbours_evicted++;
	neighbour_forget(net, worst);
	return true;
}

/*
 * Made STALE or INCOMPLETE by the caller. used_ns 0: it was only heard of; POOL_NONE then when there
 * is no room for hearsay.
 */
static uint32_t
make(struct net *net, uint16_t path, const struct ip_addr *ip, uint64_t used_ns)
{
	uint32_t *head = &net->bucket[bucket_of(net, path, ip)], i;

	if (net->neighbours.free_n == 0 && !evict(net, used_ns == 0))
		return POOL_NONE;
	i = pool_take(&net->neighbours);
	ensure(i != POOL_NONE);
	*neighbour_at(net, i) = (struct neighbour){
		.ip = *ip,
		.path = path,
		.state = NET_NEIGHBOUR_INCOMPLETE,
		.next = *head,
		.head = POOL_NONE,
		.tail = POOL_NONE,
		.used_ns = used_ns,
	};
	*head = i;
	return i;
}

uint32_t
neighbour_get(struct net *net, uint16_t path, const struct ip_addr *ip, uint64_t now)
{
	uint32_t i = neighbour_find(net, path, ip);

	return i != POOL_NONE ? i : make(net, path, ip, now);
}

/* ---- use ---- */

/* A packet for a neighbour whose address is not known. */
static void
send_unknown(struct net *net, uint32_t i, struct buf *packet, const struct ip_addr *dst,
	     uint64_t now, struct net_out *out)
{
	struct neighbour *nb = neighbour_at(net, i);

	if (nb->state == NET_NEIGHBOUR_FAILED) {
		net->count->net_unresolved++;
		news_unreachable(net, dst, out);
		buf_give(packet);
		return;
	}
	wait(net, nb, packet);
	if (!wheel_is_set(net->wheel, i))
		start_asking(net, i, now, out);
}

void
neighbour_send(struct net *net, uint32_t i, struct buf *packet, uint64_t now, struct net_out *out)
{
	struct neighbour *nb = neighbour_at(net, i);
	struct ip_addr dst;

	ip_ends(packet, &nb->src, &dst);
	nb->used_ns = now;
	if (nb->state == NET_NEIGHBOUR_INCOMPLETE || nb->state == NET_NEIGHBOUR_FAILED) {
		send_unknown(net, i, packet, &dst, now, out);
		return;
	}
	if (nb->state == NET_NEIGHBOUR_STALE)
		set_delay(net, i, now);
	send_frame(net, packet, &nb->mac, type_of(nb), out);
}

/* ---- hearsay ---- */

/* Another MAC than before, of one that is in use: TCP need not wait for its timers. */
static void
set_mac(struct net *net, struct neighbour *nb, const struct mac *mac, uint64_t now,
	struct net_out *out)
{
	static const struct mac none;
	bool is_moved = !mac_eq(&nb->mac, mac) && !mac_eq(&nb->mac, &none);

	nb->mac = *mac;
	if (is_moved && is_in_use(nb, now))
		news_moved(net, nb, out);
}

/* RFC 4861, 7.2.5, for a neighbour whose address was not known. */
static bool
hear_first(struct net *net, uint32_t i, const struct heard *heard, uint64_t now,
	   struct net_out *out)
{
	struct neighbour *nb = neighbour_at(net, i);

	if (!heard->has_mac)
		return false;
	set_mac(net, nb, &heard->mac, now, out);
	if (heard->is_solicited)
		set_reachable(net, i, now);
	else if (nb->waiting_n > 0)
		set_delay(net, i, now); /* used at once: by those who wait */
	else
		set_stale(net, i, now);
	flush(net, nb, out);
	return true;
}

/* RFC 4861, 7.2.5, I and II: for one that was. */
static bool
hear_again(struct net *net, uint32_t i, const struct heard *heard, uint64_t now,
	   struct net_out *out)
{
	struct neighbour *nb = neighbour_at(net, i);
	bool is_other = heard->has_mac && !mac_eq(&heard->mac, &nb->mac);

	if (is_other && !heard->is_override) {
		if (nb->state == NET_NEIGHBOUR_REACHABLE)
			set_stale(net, i, now);
		return false;
	}
	if (is_other)
		set_mac(net, nb, &heard->mac, now, out);
	if (heard->is_solicited)
		set_reachable(net, i, now);
	else if (is_other)
		set_stale(net, i, now);
	return is_other;
}

bool
neighbour_hear(struct net *net, const struct heard *heard, uint64_t now, struct net_out *out)
{
	uint32_t i = neighbour_find(net, heard->path, &heard->ip);
	bool is_new = i == POOL_NONE;

	if (is_new && (!heard->can_create || !heard->has_mac))
		return heard->is_solicited && heard->has_mac; /* another lane has asked */
	if (is_new)
		i = make(net, heard->path, &heard->ip, 0);
	if (i == POOL_NONE)
		return false;
	if (neighbour_at(net, i)->state == NET_NEIGHBOUR_INCOMPLETE ||
	    neighbour_at(net, i)->state == NET_NEIGHBOUR_FAILED)
		return hear_first(net, i, heard, now, out);
	return hear_again(net, i, heard, now, out) || heard->is_solicited;
}

void
net_doubt(struct net *net, uint16_t path, const struct ip_addr *dst, uint64_t now)
{
	uint32_t found = path < net->path_n ? route_find(net, path, dst) : ROUTE_NONE, i;
	const struct ip_addr *via;
	struct neighbour *nb;

	if (found == ROUTE_NONE)
		return;
	via = &net->route[found].via;
	i = neighbour_find(net, path, ip_is_none(via) ? dst : via);
	if (i == POOL_NONE)
		return;
	nb = neighbour_at(net, i);
	if ((nb->state != NET_NEIGHBOUR_REACHABLE && nb->state != NET_NEIGHBOUR_STALE &&
	     nb->state != NET_NEIGHBOUR_DELAY) ||
	    (nb->heard_ns != 0 && now - nb->heard_ns < BELIEVED_NS))
		return;
	net->count->net_doubted++;
	set_state(net, i, NET_NEIGHBOUR_DELAY, now); /* whose time is over */
}

/* RFC 4861, 7.3.3 does not know links that go away: what was confirmed before counts no more. */
static void
doubt_by_link(struct net *net, uint32_t i, uint64_t now)
{
	struct neighbour *nb = neighbour_at(net, i);

	nb->heard_ns = 0;
	switch ((enum net_neighbour_state)nb->state) {
	case NET_NEIGHBOUR_REACHABLE:
	case NET_NEIGHBOUR_STALE:
	case NET_NEIGHBOUR_DELAY:
		if (is_in_use(nb, now))
			set_state(net, i, NET_NEIGHBOUR_DELAY,
				  now + prng_between(&net->prng, 0, LINK_SPREAD_NS));
		else
			set_stale(net, i, now);
		return;
	case NET_NEIGHBOUR_FAILED: /* the link was it */
		neighbour_forget(net, i);
		return;
	case NET_NEIGHBOUR_INCOMPLETE:
	case NET_NEIGHBOUR_PROBE:
		return; /* being asked */
	}
}

void
neighbour_link_up(struct net *net, uint16_t path, uint64_t now)
{
	for (uint32_t i = 0; i < net->neighbours.fresh; i++)
		if (pool_is_taken(&net->neighbours, i) && neighbour_at(net, i)->path == path)
			doubt_by_link(net, i, now);
}

/* ---- time ---- */

static void
fail(struct net *net, uint32_t i, uint64_t now, struct net_out *out)
{
	set_state(net, i, NET_NEIGHBOUR_FAILED, now + FAILED_NS);
	drop_waiting(net, neighbour_at(net, i), out);
}

/*
 * No answer to a question. The next one goes to all, also when the MAC is known: the neighbour may
 * live on with another, and the sooner that is found out the less is lost (RFC 7048, 3).
 */
static void
ask_again(struct net *net, uint32_t i, uint64_t now, struct net_out *out)
{
	struct neighbour *nb = neighbour_at(net, i);

	if (nb->probes < PROBES_MAX) {
		ask_all(net, i, now, out);
	} else if (nb->state == NET_NEIGHBOUR_INCOMPLETE) {
		fail(net, i, now, out);
	} else if (is_in_use(nb, now)) {
		start_asking(net, i, now, out); /* from now on packets wait */
	} else {
		neighbour_forget(net, i);
	}
}

void
neighbour_on_timer(struct net *net, uint32_t i, uint64_t now, struct net_out *out)
{
	struct neighbour *nb = neighbour_at(net, i);

	switch ((enum net_neighbour_state)nb->state) {
	case NET_NEIGHBOUR_INCOMPLETE:
	case NET_NEIGHBOUR_PROBE:
		ask_again(net, i, now, out);
		return;
	case NET_NEIGHBOUR_REACHABLE:
		set_stale(net, i, now);
		return;
	case NET_NEIGHBOUR_DELAY:
		nb->probes = 0;
		set_state(net, i, NET_NEIGHBOUR_PROBE, now + RETRANS_NS);
		solicit(net, i, true, out);
		return;
	case NET_NEIGHBOUR_STALE:
	case NET_NEIGHBOUR_FAILED:
		neighbour_forget(net, i);
		return;
	}
	ensure(!"a neighbour without state");
}
