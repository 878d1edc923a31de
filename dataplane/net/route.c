/*
 * route.c - where packets leave, and as whom (see net.h).
 *
 * The routes of a path and family stand together, longest prefix first, so the first that
 * matches is the right one; there are few. An address's link is a route without gateway.
 */
#include "base/ensure.h"
#include "net/private.h"
#include "wire/ip.h"

static uint32_t
family_of(const struct ip_addr *a)
{
	return ip_is_v4(a) ? 0 : 1;
}

static struct route
route_of(const struct ip_addr *to, uint8_t prefix_n, const struct ip_addr *via, uint16_t path)
{
	struct route r = { .via = *via, .path = path, .prefix_n = prefix_n };
	uint8_t mask[16] = { 0 };

	for (uint32_t bit = 0; bit < prefix_n; bit++)
		mask[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	memcpy(r.to, to->b, 16);
	memcpy(r.mask, mask, 16);
	r.to[0] &= r.mask[0];
	r.to[1] &= r.mask[1];
	r.family = (uint8_t)family_of(to);
	return r;
}

/* Whether a stands before b in the table. */
static bool
is_before(const struct route *a, const struct route *b)
{
	if (a->path != b->path)
		return a->path < b->path;
	if (a->family != b->family)
		return a->family < b->family;
	return a->prefix_n > b->prefix_n;
}

/* Behind those that stand before it or are equal. */
static void
insert(struct net *net, const struct route *r)
{
	uint32_t at = net->route_n++;

	ensure(net->route_n <= ROUTES_MAX);
	for (; at > 0 && is_before(r, &net->route[at - 1]); at--)
		net->route[at] = net->route[at - 1];
	net->route[at] = *r;
}

static bool
is_valid(const struct net *net, const struct net_route *given)
{
	bool is_v4 = ip_is_v4(&given->to);

	if (given->path >= net->path_n || given->prefix_n > (is_v4 ? 32 : 128))
		return false;
	return ip_is_none(&given->via) ||
	       (ip_is_v4(&given->via) == is_v4 && ip_can_send(&given->via));
}

void
route_configure(struct net *net, const struct net_route *given, uint32_t n)
{
	static const struct ip_addr none;

	net->route_n = 0;
	for (uint32_t i = 0; i < net->own.n; i++) {
		const struct address *a = &net->own.at[i];
		struct route r = route_of(&a->ip, a->prefix_n, &none, a->path);

		insert(net, &r);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t more = ip_is_v4(&given[i].to) ? 96 : 0;
		struct route r;

		if (i >= NET_ROUTES_MAX || !is_valid(net, &given[i])) {
			net->count->net_bad_config++;
			continue;
		}
		r = route_of(&given[i].to, (uint8_t)(given[i].prefix_n + more), &given[i].via,
			     given[i].path);
		insert(net, &r);
	}
	memset(net->range, 0, sizeof(net->range));
	for (uint32_t i = 0; i < net->route_n; i++) {
		struct range *range = &net->range[net->route[i].path][net->route[i].family];

		if (range->n++ == 0)
			range->first = (uint16_t)i;
	}
}

/* Every packet sent comes by here. */
uint32_t
route_find(const struct net *net, uint16_t path, const struct ip_addr *dst)
{
	const struct range *range = &net->range[path][family_of(dst)];
	uint64_t to[2];

	memcpy(to, dst->b, 16);
	for (uint32_t i = 0; i < range->n; i++) {
		const struct route *r = &net->route[range->first + i];

		if (((to[0] & r->mask[0]) ^ r->to[0]) == 0 &&
		    ((to[1] & r->mask[1]) ^ r->to[1]) == 0)
			return range->first + i;
	}
	return ROUTE_NONE;
}

bool
route_is_gateway(const struct net *net, uint16_t path, const struct ip_addr *ip)
{
	const struct range *range = &net->range[path][family_of(ip)];

	for (uint32_t i = 0; i < range->n; i++)
		if (ip_eq(&net->route[range->first + i].via, ip))
			return true;
	return false;
}

bool
route_is_on_link(const struct net *net, uint16_t path, const struct ip_addr *ip)
{
	const struct range *range = &net->range[path][family_of(ip)];
	uint32_t found = route_find(net, path, ip);

	if (found != ROUTE_NONE && ip_is_none(&net->route[found].via))
		return true;
	if (route_is_gateway(net, path, ip))
		return true;
	return range->n > 0 && !ip_is_v4(ip) && ip_is_link_local(ip);
}

/* How many leading bits two addresses share. */
static uint32_t
common_bits(const struct ip_addr *a, const struct ip_addr *b)
{
	for (uint32_t i = 0; i < 16; i++)
		if (a->b[i] != b->b[i])
			return i * 8 + (uint32_t)__builtin_clz((uint32_t)(a->b[i] ^ b->b[i]) << 24);
	return 128;
}

/*
 * RFC 6724, 5, as far as it concerns addresses that are all equally preferred: an address on the
 * next hop's link first (rule 5.5), then the same scope (rule 2), then the longest common prefix
 * (rule 8), then the one configured first.
 */
const struct address *
route_source(const struct net *net, uint16_t path, const struct ip_addr *dst,
	     const struct ip_addr *hop)
{
	const struct address *best = NULL;
	uint32_t best_score = 0;

	for (uint32_t i = 0; i < net->own.n; i++) {
		const struct address *a = &net->own.at[i];
		uint32_t score = 1;

		if (a->path != path || a->state == ADDRESS_DUPLICATE ||
		    ip_is_v4(&a->ip) != ip_is_v4(dst))
			continue;
		if (ip_is_link_local(&a->ip) == ip_is_link_local(dst))
			score += 1000;
		if (common_bits(&a->ip, hop) >= a->prefix_n)
			score += 500;
		score += common_bits(&a->ip, dst);
		if (score > best_score) {
			best_score = score;
			best = a;
		}
	}
	return best;
}

bool
net_find_route(const struct net *net, const struct ip_addr *dst, uint16_t path, uint16_t *ret_path,
	       struct ip_addr *ret_src)
{
	const struct route *best = NULL;
	const struct address *src;

	for (uint16_t i = 0; i < net->path_n; i++) {
		uint32_t found = ROUTE_NONE;

		if (path == NET_PATH_ANY || path == i)
			found = route_find(net, i, dst);
		if (found != ROUTE_NONE &&
		    (best == NULL || net->route[found].prefix_n > best->prefix_n))
			best = &net->route[found];
	}
	if (best == NULL || net_is_ours(net, best->path, dst))
		return false;
	src = route_source(net, best->path, dst, ip_is_none(&best->via) ? dst : &best->via);
	if (src == NULL)
		return false;
	*ret_path = best->path;
	*ret_src = src->ip;
	return true;
}
