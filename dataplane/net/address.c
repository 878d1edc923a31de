/*
 * address.c - our own addresses: which they are, duplicate address detection (RFC 4862, 5.4, in
 * the optimistic form of RFC 4429), announcements (RFC 5227, 2.3; RFC 4861, 7.2.6) and conflicts.
 *
 * IPv4 addresses are announced and defended, never given up (RFC 5227, 2.4 c: an address that
 * services hang on); an IPv6 address that another station had first is.
 */
#include "base/ensure.h"
#include "base/hash.h"
#include "net/private.h"
#include "wire/ip.h"

enum {
	ANNOUNCES = 3
};

#define ANNOUNCE_EVERY_NS S_NS
#define DAD_NS		  S_NS	      /* RFC 4861, 10: RetransTimer */
#define DEFEND_EVERY_NS	  (10 * S_NS) /* RFC 5227, 1.1: DEFEND_INTERVAL */

static uint32_t
own_slot(uint16_t path, const struct ip_addr *ip)
{
	uint64_t word[2];

	memcpy(word, ip->b, 16);
	return (uint32_t)hash_mix(word[1] ^ hash_mix(word[0] ^ path)) % OWN_SLOTS;
}

static struct address *
own_find(struct addresses *own, uint16_t path, const struct ip_addr *ip)
{
	for (uint32_t at = own_slot(path, ip); own->slot[at] != 0; at = (at + 1) % OWN_SLOTS) {
		struct address *a = &own->at[own->slot[at] - 1];

		if (a->path == path && ip_eq(&a->ip, ip))
			return a;
	}
	return NULL;
}

struct address *
address_find(struct net *net, uint16_t path, const struct ip_addr *ip)
{
	return own_find(&net->own, path, ip);
}

bool
net_is_ours(const struct net *net, uint16_t path, const struct ip_addr *dst)
{
	const struct addresses *own = &net->own;

	for (uint32_t at = own_slot(path, dst); own->slot[at] != 0; at = (at + 1) % OWN_SLOTS) {
		const struct address *a = &own->at[own->slot[at] - 1];

		if (a->path == path && ip_eq(&a->ip, dst))
			return a->state != ADDRESS_DUPLICATE;
	}
	return false;
}

static void
set_timer(struct net *net, struct address *a, uint64_t due_ns)
{
	uint32_t i = (uint32_t)(a - net->own.at);

	a->due_ns = due_ns;
	wheel_set(net->wheel, net->neighbours.n + i, due_ns);
}

/* ---- configuration ---- */

/* As it was before; a new one is checked or announced at once, by the lane that speaks. */
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
		a.announces_left = ANNOUNCES;
		a.due_ns = now;
		a.state = is_v4 ? ADDRESS_PREFERRED : ADDRESS_TENTATIVE;
	}
	a.prefix_n = (uint8_t)(given->prefix_n + (is_v4 ? 96 : 0));
	return a;
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
	set_timer(net, &own->at[own->n - 1], a->due_ns);
}

static bool
is_valid(struct net *net, const struct net_address *given)
{
	return given->path < net->path_n && ip_can_send(&given->ip) &&
	       given->prefix_n <= (ip_is_v4(&given->ip) ? 32 : 128) &&
	       address_find(net, given->path, &given->ip) == NULL;
}

/* RFC 4291, 2.5.6 and appendix A. */
static struct ip_addr
link_local(const struct mac *mac)
{
	struct ip_addr a = { .b = { 0xfe, 0x80 } };

	a.b[8] = mac->b[0] ^ 2;
	a.b[9] = mac->b[1];
	a.b[10] = mac->b[2];
	a.b[11] = 0xff;
	a.b[12] = 0xfe;
	memcpy(&a.b[13], &mac->b[3], 3);
	return a;
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
	memset(net->own.slot, 0, sizeof(net->own.slot));
	for (uint32_t i = 0; i < n; i++) {
		struct address a;

		if (net->own.n == NET_ADDRESSES_MAX || !is_valid(net, &given[i])) {
			net->count->net_bad_config++;
			continue;
		}
		a = known_or_fresh(net, &before, &given[i], now);
		insert(net, &a);
	}
	for (uint16_t path = 0; path < net->path_n; path++) {
		const struct net_address added = {
			.ip = link_local(&net->path[path].mac),
			.prefix_n = 64,
			.path = path,
		};
		struct address a = known_or_fresh(net, &before, &added, now);

		if (lacks_link_local(net, path))
			insert(net, &a);
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
	if (ip_is_v4(&a->ip)) {
		send_arp(net, a->path, ARP_REQUEST, &a->ip, &a->ip, &nobody, &broadcast, out);
		return;
	}
	nd.mac = net->path[a->path].mac;
	nd.target = a->ip;
	send_nd(net, a->path, &nd, &a->ip, &all_nodes, &to, out);
}

/* RFC 4862, 5.4.2: asked in nobody's name. */
static void
ask_for_duplicates(struct net *net, const struct address *a, struct net_out *out)
{
	static const struct ip_addr nobody;
	struct ip_addr group = nd_solicited_node(&a->ip);
	struct mac to = nd_multicast_mac(&group);
	struct nd nd = { .target = a->ip };

	send_nd(net, a->path, &nd, &nobody, &group, &to, out);
}

void
address_on_timer(struct net *net, uint32_t address_i, uint64_t now, struct net_out *out)
{
	struct address *a = &net->own.at[address_i];

	a->due_ns = UINT64_MAX;
	if (a->state == ADDRESS_DUPLICATE)
		return;
	if (a->state == ADDRESS_TENTATIVE && a->announces_left == ANNOUNCES) {
		a->announces_left--;
		ask_for_duplicates(net, a, out);
		set_timer(net, a, now + DAD_NS);
		return;
	}
	a->state = ADDRESS_PREFERRED;
	if (a->announces_left == 0)
		return;
	announce(net, a, out);
	if (--a->announces_left > 0)
		set_timer(net, a, now + ANNOUNCE_EVERY_NS);
}

/* ---- conflicts ---- */

void
address_give_up(struct net *net, struct address *a)
{
	if (a->state == ADDRESS_DUPLICATE)
		return;
	net->count->net_duplicates++;
	a->state = ADDRESS_DUPLICATE;
	set_timer(net, a, UINT64_MAX);
}

void
address_conflict(struct net *net, struct address *a, const struct mac *mac, uint64_t now,
		 struct net_out *out)
{
	struct net_conflict conflict = { .ip = a->ip, .path = a->path, .mac = *mac };

	net->count->net_conflicts++;
	conflict.is_duplicate = a->state == ADDRESS_TENTATIVE;
	news_conflict(net, &conflict, out);
	if (a->state == ADDRESS_TENTATIVE) {
		address_give_up(net, a);
		return;
	}
	if (!net->is_speaker || a->state == ADDRESS_DUPLICATE)
		return;
	if (a->defended_ns != 0 && now - a->defended_ns < DEFEND_EVERY_NS)
		return;
	a->defended_ns = now;
	announce(net, a, out);
}
