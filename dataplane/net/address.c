/*
 * address.c - our own addresses: which they are, whether another station has them already (RFC
 * 4862, 5.4; RFC 5227, 2.1; used meanwhile, as in RFC 4429), announcements (RFC 5227, 2.3; RFC
 * 4861, 7.2.6) and conflicts.
 *
 *	TENTATIVE  used, asked about   -> PREFERRED when nobody objects, DUPLICATE by an objection
 *	PREFERRED  announced, defended -> stays: services hang on it (RFC 5227, 2.4 c)
 *	DUPLICATE  neither used nor answered for; asked about once a minute
 *				       -> PREFERRED when nobody objects any more
 *
 * The speaker asks, announces and defends, also when another lane heard the objection; the other
 * lanes do as it says. What they must know it says again and again, for a message may be lost.
 */
#include "base/ensure.h"
#include "base/hash.h"
#include "net/private.h"
#include "wire/get.h"
#include "wire/ip.h"

enum {
	ARP_PROBES = 3, /* RFC 5227, 1.1: PROBE_NUM */
	ND_PROBES = 1,	/* RFC 4862, 5.1: DupAddrDetectTransmits */
	ANNOUNCES_V4 = 3,
	ANNOUNCES_V6 = 2,
	CLAIM_TELLS = 2, /* to the speaker, after the first */
	OVER_TELLS = 10,
	TELLS_AT_ONCE = 32, /* half of a ring between lanes */
};

/* Shorter than RFC 5227's seconds, as its 2.2 allows: all three within the second of IPv6. */
#define PROBE_MIN_NS	  (200 * MS_NS)
#define PROBE_MAX_NS	  (300 * MS_NS)
#define OBJECTION_NS	  (400 * MS_NS) /* after the last ARP probe */
#define DAD_NS		  S_NS		/* RFC 4861, 10: RetransTimer */
#define ANNOUNCE_EVERY_NS S_NS
#define DEFEND_EVERY_NS	  (10 * S_NS) /* RFC 5227, 1.1: DEFEND_INTERVAL */
#define TELL_EVERY_NS	  S_NS
#define RECHECK_NS	  (60 * S_NS) /* RFC 5227, 1.1: RATE_LIMIT_INTERVAL */

#define OWN_NONE	  UINT32_MAX

static uint32_t
own_slot(uint16_t path, const struct ip_addr *ip)
{
	uint64_t word[2];

	memcpy(word, ip->b, 16);
	return (uint32_t)hash_mix(word[1] ^ hash_mix(word[0] ^ path)) % OWN_SLOTS;
}

/* Of an address of ours, whatever its state; per segment. */
static uint32_t
own_index(const struct addresses *own, uint16_t path, const struct ip_addr *ip)
{
	for (uint32_t at = own_slot(path, ip); own->slot[at] != 0; at = (at + 1) % OWN_SLOTS) {
		uint32_t i = own->slot[at] - 1u;

		if (own->at[i].path == path && ip_eq(&own->at[i].ip, ip))
			return i;
	}
	return OWN_NONE;
}

static struct address *
own_find(struct addresses *own, uint16_t path, const struct ip_addr *ip)
{
	uint32_t i = own_index(own, path, ip);

	return i != OWN_NONE ? &own->at[i] : NULL;
}

struct address *
address_find(struct net *net, uint16_t path, const struct ip_addr *ip)
{
	return own_find(&net->own, path, ip);
}

bool
net_is_ours(const struct net *net, uint16_t path, const struct ip_addr *dst)
{
	uint32_t i = own_index(&net->own, path, dst);

	return i != OWN_NONE && net->own.at[i].state != ADDRESS_DUPLICATE;
}

bool
net_is_broadcast(const struct net *net, uint16_t path, const struct ip_addr *ip)
{
	const struct addresses *own = &net->own;
	uint32_t v4 = get32(ip->b + 12), host = v4 & own->host_mask;

	if (own->host_mask == 0 || (host != 0 && host != own->host_mask) || !ip_is_v4(ip))
		return false;
	for (uint32_t i = 0; i < own->subnet_n; i++) {
		const struct subnet *s = &own->subnet[i];

		host = v4 & s->host_mask;
		if (s->path == path && (v4 & ~s->host_mask) == s->net &&
		    (host == 0 || host == s->host_mask))
			return true;
	}
	return false;
}

bool
address_is_lost(const struct net *net, const struct buf *packet)
{
	struct ip_addr src, dst;
	uint32_t i;

	ip_ends(packet, &src, &dst);
	i = own_index(&net->own, packet->path, &src);
	return i != OWN_NONE && net->own.at[i].state == ADDRESS_DUPLICATE;
}

/* All questions about it and announcements of it are before us. */
static void
begin_anew(struct address *a)
{
	bool is_v4 = ip_is_v4(&a->ip);

	a->probes_left = is_v4 ? ARP_PROBES : ND_PROBES;
	a->announces_left = is_v4 ? ANNOUNCES_V4 : ANNOUNCES_V6;
}

static void
set_timer(struct net *net, struct address *a, uint64_t due_ns)
{
	uint32_t i = (uint32_t)(a - net->own.at);

	a->due_ns = due_ns;
	wheel_set(net->wheel, net->neighbours.n + i, due_ns);
}

/* ---- configuration ---- */

/* As it was before; a new one is asked about at once, by the lane that speaks. */
static struct address
known_or_fresh(const struct net *net, struct addresses *before, const struct net_address *given,
	       uint64_t now)
{
	const struct address *known = own_find(before, given->path, &given->ip);
	bool is_v4 = ip_is_v4(&given->ip);
	struct address a = {
		.ip = given->ip,
		.path = given->path,
		.state = ADDRESS_PREFERRED,
		.due_ns = UINT64_MAX,
	};

	if (known != NULL) {
		a = *known;
	} else if (net->is_speaker) {
		begin_anew(&a);
		a.due_ns = now;
		a.state = ADDRESS_TENTATIVE;
	}
	a.prefix_n = (uint8_t)(given->prefix_n + (is_v4 ? 96 : 0));
	return a;
}

/* The subnet of an address that is configured. RFC 3021: two addresses are two hosts. */
static void
note_subnet(struct addresses *own, const struct net_address *given)
{
	uint32_t host_mask = given->prefix_n < 31 ? UINT32_MAX >> given->prefix_n : 0;
	uint32_t net = get32(given->ip.b + 12) & ~host_mask;

	if (!ip_is_v4(&given->ip) || host_mask == 0)
		return;
	for (uint32_t i = 0; i < own->subnet_n; i++) {
		const struct subnet *s = &own->subnet[i];

		if (s->path == given->path && s->net == net && s->host_mask == host_mask)
			return;
	}
	ensure(own->subnet_n < NET_ADDRESSES_MAX);
	own->subnet[own->subnet_n++] = (struct subnet){ net, host_mask, given->path };
	if (own->host_mask == 0 || host_mask < own->host_mask)
		own->host_mask = host_mask;
}

static void
insert(struct net *net, const struct address *a)
{
	struct addresses *own = &net->own;
	uint32_t at = own_slot(a->path, &a->ip);

	ensure(own->n < ADDRESSES_MAX);
	while (own->slot[at] != 0)
		at = (at + 1) % OWN_SLOTS;
	own->at[own->n++] = *a;
	own->slot[at] = (uint16_t)own->n;
	own->lost_n += a->state == ADDRESS_DUPLICATE;
	set_timer(net, &own->at[own->n - 1], a->due_ns);
}

static bool
is_valid(struct net *net, const struct net_address *given)
{
	return given->path < net->path_n && ip_can_send(&given->ip) &&
	       given->prefix_n <= (ip_is_v4(&given->ip) ? 32 : 128) &&
	       address_find(net, given->path, &given->ip) == NULL;
}

/* Whether a path has IPv6 but no link-local address. */
static bool
lacks_link_local(const struct net *net, uint16_t path)
{
	bool has_v6 = false;

	for (uint32_t i = 0; i < net->own.n; i++) {
		const struct address *a = &net->own.at[i];

		if (a->path != path || ip_is_v4(&a->ip))
			continue;
		if (ip_is_link_local(&a->ip))
			return false;
		has_v6 = true;
	}
	return has_v6;
}

void
address_configure(struct net *net, const struct net_address *given, uint32_t n, uint64_t now)
{
	struct addresses before = net->own;

	for (uint32_t i = 0; i < before.n; i++)
		wheel_cancel(net->wheel, net->neighbours.n + i);
	net->own.n = 0;
	net->own.lost_n = 0;
	net->own.tell_next = 0;
	net->own.subnet_n = 0;
	net->own.host_mask = 0;
	memset(net->own.slot, 0, sizeof(net->own.slot));
	for (uint32_t i = 0; i < n; i++) {
		struct address a;

		if (net->own.n == NET_ADDRESSES_MAX || !is_valid(net, &given[i])) {
			net->count->net_bad_config++;
			continue;
		}
		a = known_or_fresh(net, &before, &given[i], now);
		insert(net, &a);
		note_subnet(&net->own, &given[i]);
	}
	for (uint16_t path = 0; path < net->path_n; path++) {
		const struct net_address added = {
			.ip = mac_link_local(&net->path[path].mac),
			.prefix_n = 64,
			.path = path,
		};
		struct address a = known_or_fresh(net, &before, &added, now);

		if (lacks_link_local(net, path))
			insert(net, &a);
	}
}

/* RFC 5227, 2.1: after a link has come up as after a start; what is given up stays so meanwhile. */
void
net_link_up(struct net *net, uint16_t path, uint64_t now)
{
	neighbour_link_up(net, path, now);
	for (uint32_t i = 0; net->is_speaker && i < net->own.n; i++) {
		struct address *a = &net->own.at[i];

		if (a->path != path)
			continue;
		begin_anew(a);
		if (a->state != ADDRESS_DUPLICATE)
			a->state = ADDRESS_TENTATIVE;
		set_timer(net, a, now);
	}
}

/* ---- announcements ---- */

static void
announce(struct net *net, const struct address *a, struct net_out *out)
{
	static const struct mac nobody, broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	static const struct ip_addr all_nodes = { .b = { 0xff, 2, [15] = 1 } };
	struct nd nd = { .is_advert = true, .is_override = true, .has_mac = true };
	struct mac to = nd_multicast_mac(&all_nodes);

	net->count->net_announcements++;
	if (!ip_is_v4(&a->ip))
		listen_begin(net, a, out); /* again: one may have been lost (RFC 3810, 9.1) */
	if (ip_is_v4(&a->ip)) {
		send_arp(net, a->path, ARP_REQUEST, &a->ip, &a->ip, &nobody, &broadcast, out);
		return;
	}
	nd.mac = net->path[a->path].mac;
	nd.target = a->ip;
	send_nd(net, a->path, &nd, &a->ip, &all_nodes, &to, out);
}

/* RFC 4862, 5.4.2; RFC 5227, 2.1.1: in nobody's name, so that nobody learns it from us. */
static void
ask_for_objections(struct net *net, const struct address *a, struct net_out *out)
{
	static const struct mac nobody, broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	static const struct ip_addr unspecified;
	struct ip_addr group = nd_solicited_node(&a->ip);
	struct mac to = nd_multicast_mac(&group);
	struct nd nd = { .target = a->ip };

	net->count->net_address_probes++;
	if (!ip_is_v4(&a->ip))
		listen_begin(net, a, out); /* else we may not hear who objects */
	if (ip_is_v4(&a->ip)) {
		static const uint8_t zero[4];
		struct ip_addr sender = ip_from_v4(zero);

		send_arp(net, a->path, ARP_REQUEST, &sender, &a->ip, &nobody, &broadcast, out);
		return;
	}
	send_nd(net, a->path, &nd, &unspecified, &group, &to, out);
}

/* The next question; the pauses between ARP's are random. */
static void
probe(struct net *net, struct address *a, uint64_t now, struct net_out *out)
{
	uint64_t wait = DAD_NS;

	ask_for_objections(net, a, out);
	a->probes_left--;
	if (ip_is_v4(&a->ip))
		wait = a->probes_left == 0 ? OBJECTION_NS
					   : prng_between(&net->prng, PROBE_MIN_NS, PROBE_MAX_NS);
	set_timer(net, a, now + wait);
}

/* ---- what other lanes must know ---- */

/* As it stands: the speaker's word, or what another lane has heard. */
static void
tell(struct net *net, const struct address *a, struct net_out *out)
{
	bool is_duplicate = a->state == ADDRESS_DUPLICATE;
	const struct net_conflict conflict = {
		.ip = a->ip,
		.path = a->path,
		.mac = a->rival,
		.is_duplicate = net->is_speaker && is_duplicate,
		.is_over = net->is_speaker && !is_duplicate,
	};

	news_conflict(net, &conflict, out);
}

/* Now, and so many times more. */
static void
tell_from_now_on(struct net *net, struct address *a, uint8_t times, uint64_t now,
		 struct net_out *out)
{
	bool is_told_lately = a->tells_left > 0 && !net->is_speaker;

	a->tells_left = times;
	if (is_told_lately) /* a claim, told again by the timer */
		return;
	tell(net, a, out);
	wheel_set_earlier(net->wheel, net->neighbours.n + TELLING_TIMER, now + TELL_EVERY_NS);
}

static bool
is_to_be_told(const struct net *net, const struct address *a)
{
	return a->tells_left > 0 || (net->is_speaker && a->state == ADDRESS_DUPLICATE);
}

/* So many that they fit the rings; when there are more, those come soon. */
void
address_tell(struct net *net, uint64_t now, struct net_out *out)
{
	struct addresses *own = &net->own;
	uint32_t told = 0;
	bool is_any = false;

	for (; own->tell_next < own->n && told < TELLS_AT_ONCE; own->tell_next++) {
		struct address *a = &own->at[own->tell_next];

		if (!is_to_be_told(net, a))
			continue;
		tell(net, a, out);
		told++;
		a->tells_left -= a->tells_left > 0;
	}
	if (own->tell_next == own->n) {
		own->tell_next = 0;
		for (uint32_t i = 0; i < own->n; i++)
			is_any |= is_to_be_told(net, &own->at[i]);
	} else {
		is_any = true;
	}
	if (is_any)
		wheel_set(net->wheel, net->neighbours.n + TELLING_TIMER,
			  now + (own->tell_next == 0 ? TELL_EVERY_NS : TELL_EVERY_NS / 10));
}

/* Nobody objects: it is ours, again or still. */
static void
confirm(struct net *net, struct address *a, uint64_t now, struct net_out *out)
{
	bool was_lost = a->state == ADDRESS_DUPLICATE;

	a->state = ADDRESS_PREFERRED;
	if (!was_lost)
		return;
	net->own.lost_n--;
	if (!net->is_speaker)
		return;
	net->count->net_duplicates_over++;
	tell_from_now_on(net, a, OVER_TELLS, now, out);
}

/* Of the speaker only: no other lane sets it. */
void
address_on_timer(struct net *net, uint32_t address_i, uint64_t now, struct net_out *out)
{
	struct address *a = &net->own.at[address_i];

	a->due_ns = UINT64_MAX;
	if (a->probes_left > 0) {
		probe(net, a, now, out);
		return;
	}
	confirm(net, a, now, out);
	if (a->announces_left == 0)
		return;
	announce(net, a, out);
	if (!ip_is_v4(&a->ip))
		listen_unasked(net, a->path, now);
	if (--a->announces_left > 0)
		set_timer(net, a, now + ANNOUNCE_EVERY_NS);
}

/* ---- conflicts ---- */

/* Nothing comes from it any more, connections on it end; later it is asked about again. */
static void
give_up(struct net *net, struct address *a, uint64_t now, struct net_out *out)
{
	bool is_new = a->state != ADDRESS_DUPLICATE;

	a->state = ADDRESS_DUPLICATE;
	if (is_new) {
		net->own.lost_n++;
		news_lost(net, a, out);
	}
	if (!net->is_speaker)
		return;
	begin_anew(a);
	set_timer(net, a, now + RECHECK_NS + prng_between(&net->prng, 0, RECHECK_NS / 10));
	if (!is_new)
		return;
	net->count->net_duplicates++;
	tell_from_now_on(net, a, 0, now, out);
}

/* RFC 5227, 2.4 (c); RFC 4861 knows no defence, but an announcement serves as well. */
static void
defend(struct net *net, struct address *a, uint64_t now, struct net_out *out)
{
	if (a->defended_ns != 0 && now - a->defended_ns < DEFEND_EVERY_NS)
		return;
	a->defended_ns = now;
	announce(net, a, out);
}

/* What the speaker does about it. */
static void
meet(struct net *net, struct address *a, uint64_t now, struct net_out *out)
{
	switch ((enum address_state)a->state) {
	case ADDRESS_TENTATIVE:
	case ADDRESS_DUPLICATE:
		give_up(net, a, now, out);
		return;
	case ADDRESS_PREFERRED:
		defend(net, a, now, out);
		return;
	}
}

void
address_conflict(struct net *net, struct address *a, const struct mac *mac, uint64_t now,
		 struct net_out *out)
{
	net->count->net_conflicts++;
	a->rival = *mac;
	if (net->is_speaker)
		meet(net, a, now, out);
	else
		tell_from_now_on(net, a, CLAIM_TELLS, now, out);
}

void
address_learn(struct net *net, struct address *a, const struct net_conflict *conflict, uint64_t now,
	      struct net_out *out)
{
	a->rival = conflict->mac;
	if (net->is_speaker) /* another lane heard what this one must decide */
		meet(net, a, now, out);
	else if (conflict->is_over)
		confirm(net, a, now, out);
	else if (conflict->is_duplicate)
		give_up(net, a, now, out);
}
