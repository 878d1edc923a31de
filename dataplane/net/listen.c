/*
 * listen.c - tells routers and snooping switches which multicast groups we listen to: those that
 * solicitations for our IPv6 addresses go to (RFC 4291, 2.8; RFC 3810, the listener's side).
 *
 * Reports say MODE_IS_EXCLUDE of nothing or the change to it, as hosts without source filters do.
 * Whichever lane hears a query answers it: all know all addresses.
 */
#include "base/ensure.h"
#include "net/private.h"
#include "wire/ip.h"

#define DELAY_MAX_NS	(30 * S_NS)   /* a query may say hours; routers say 10 s (RFC 3810, 9.3) */
#define REPORT_EVERY_NS (200 * MS_NS) /* each answer is some messages to many */
#define UNASKED_NS	(60 * S_NS)   /* switches forget after 260 s (RFC 3810, 9.4) */

/* RFC 3810, 5.2.13; RFC 3590, 4: from the link-local address once it is certain, else nobody's. */
static struct ip_addr
source(const struct net *net, uint16_t path)
{
	static const struct ip_addr unspecified;

	for (uint32_t i = 0; i < net->own.n; i++) {
		const struct address *a = &net->own.at[i];

		if (a->path == path && a->state == ADDRESS_PREFERRED && !ip_is_v4(&a->ip) &&
		    ip_is_link_local(&a->ip))
			return a->ip;
	}
	return unspecified;
}

static void
report(struct net *net, uint16_t path, enum mld_record record, const struct ip_addr *group,
       uint32_t group_n, struct net_out *out)
{
	const struct ip ip = {
		.src = source(net, path),
		.dst = mld_routers(),
		.protocol = 0, /* hop-by-hop options follow */
		.hop_limit = MLD_HOP_LIMIT,
		.payload_n = mld_size(group_n),
	};
	struct mac to = nd_multicast_mac(&ip.dst);
	struct buf *b = send_message(net, path, IP6_HEADER + mld_size(group_n));

	if (b == NULL)
		return;
	net->count->net_mld_reports++;
	ip_emit(&ip, buf_data(b));
	mld_emit(record, group, group_n, &ip.src, buf_data(b) + IP6_HEADER);
	send_frame(net, b, &to, ETH_TYPE_IP6, out);
}

void
listen_unasked(struct net *net, uint16_t path, uint64_t now)
{
	if (net->is_speaker && net->path[path].hears_no_queries)
		wheel_set_earlier(net->wheel, net->neighbours.n + ADDRESSES_MAX + path,
				  now + UNASKED_NS);
}

void
listen_begin(struct net *net, const struct address *a, struct net_out *out)
{
	struct ip_addr group = nd_solicited_node(&a->ip);

	report(net, a->path, MLD_TO_EXCLUDE, &group, 1, out);
}

/* Whether the group of address i is that of one before it, too. */
static bool
is_told(const struct net *net, uint32_t i)
{
	const struct address *a = &net->own.at[i];

	for (uint32_t k = 0; k < i; k++) {
		const struct address *b = &net->own.at[k];

		if (b->path == a->path && !ip_is_v4(&b->ip) &&
		    memcmp(&a->ip.b[13], &b->ip.b[13], 3) == 0)
			return true;
	}
	return false;
}

/* All groups of the path, also when one was asked for: routers may hear more than they ask. */
void
listen_on_timer(struct net *net, uint16_t path, uint64_t now, struct net_out *out)
{
	struct ip_addr group[MLD_RECORDS_MAX];
	uint32_t n = 0;

	net->reported_ns[path] = now;
	for (uint32_t i = 0; i < net->own.n; i++) {
		const struct address *a = &net->own.at[i];

		if (a->path != path || ip_is_v4(&a->ip) || is_told(net, i))
			continue;
		group[n++] = nd_solicited_node(&a->ip);
		listen_unasked(net, path, now);
		if (n == MLD_RECORDS_MAX) {
			report(net, path, MLD_IS_EXCLUDE, group, n, out);
			n = 0;
		}
	}
	if (n > 0)
		report(net, path, MLD_IS_EXCLUDE, group, n, out);
}

static bool
is_listened_to(const struct net *net, uint16_t path, const struct ip_addr *group)
{
	for (uint32_t i = 0; i < net->own.n; i++) {
		const struct address *a = &net->own.at[i];
		struct ip_addr own = nd_solicited_node(&a->ip);

		if (a->path == path && !ip_is_v4(&a->ip) &&
		    (ip_is_none(group) || ip_eq(group, &own)))
			return true;
	}
	return false;
}

/*
 * RFC 3810, 6.2: after a random delay, which is ours to bound: who asks for a long one must not
 * silence us. An answer that is due sooner answers this query, too (rule 1); else it comes as soon
 * as this one wants it.
 */
void
listen_query(struct net *net, uint16_t path, const struct mld_query *query, uint64_t now)
{
	uint32_t timer = net->neighbours.n + ADDRESSES_MAX + path;
	uint64_t most = query->delay_ms * MS_NS, least = net->reported_ns[path] + REPORT_EVERY_NS;
	uint64_t at;

	if (!is_listened_to(net, path, &query->group)) {
		net->count->net_not_ours++;
		return;
	}
	at = now + prng_between(&net->prng, 0, most < DELAY_MAX_NS ? most : DELAY_MAX_NS);
	if (net->reported_ns[path] != 0 && at < least)
		at = least;
	wheel_set_earlier(net->wheel, timer, at);
}
