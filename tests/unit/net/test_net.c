/*
 * test_net.c - routes and replies: ARP, ND, echo, live changes.
 */
#include "link.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

static void
requests_for_our_addresses_are_answered(void **state)
{
	struct wire_packet reply;
	struct link l;

	(void)state;
	link_open(&l);
	link_arp(&l, 1, ARP_REQUEST, "10.1.0.9", peer_mac, "10.1.0.1");
	reply = link_sent(&l, 0);
	assert_int_equal(reply.arp.op, ARP_REPLY);
	assert_int_equal(reply.eth.vlan, 7);
	assert_mac(reply.eth.dst, peer_mac);
	assert_ip(reply.arp.sender, "10.1.0.1");
	assert_mac(reply.arp.sender_mac, us_mac);
	assert_ip(reply.arp.target, "10.1.0.9");
	assert_int_equal(l.count.net_arp_replies, 1);
	link_clear(&l);
	link_arp(&l, 0, ARP_REQUEST, "10.0.0.9", peer_mac, "10.1.0.1"); /* another path's */
	assert_int_equal(l.out.frame_n, 0);
	assert_int_equal(l.count.net_not_ours, 1);
	link_arp(&l, 0, ARP_REQUEST, "0.0.0.0", peer_mac, "10.0.0.1"); /* a probe: RFC 5227 */
	assert_int_equal(l.out.frame_n, 1);
	link_close(&l);
}

/* RFC 4861, 7.2.4. */
static void
solicitations_are_answered_and_nameless_ones_to_all(void **state)
{
	struct nd nd = { .has_mac = true, .mac = peer_mac, .target = addr("2001:db8::1") };
	struct wire_packet reply;
	struct link l;

	(void)state;
	link_open(&l);
	link_nd(&l, &nd, "2001:db8::9", "ff02::1:ff00:1", peer_mac);
	reply = link_sent(&l, 0);
	assert_true(reply.nd.is_advert && reply.nd.is_solicited && reply.nd.is_override);
	assert_mac(reply.nd.mac, us_mac);
	assert_ip(reply.dst, "2001:db8::9");
	assert_mac(reply.eth.dst, peer_mac);
	assert_state(&l, "2001:db8::9", NET_NEIGHBOUR_STALE);
	link_clear(&l);
	nd.has_mac = false;
	link_nd(&l, &nd, "::", "ff02::1:ff00:1", peer_mac);
	reply = link_sent(&l, 0);
	assert_false(reply.nd.is_solicited);
	assert_ip(reply.dst, "ff02::1");
	link_clear(&l);
	nd.target = addr("2001:db8::77");
	link_nd(&l, &nd, "2001:db8::9", "ff02::1:ff00:77", peer_mac);
	assert_int_equal(l.out.frame_n, 0);
	assert_int_equal(l.count.net_not_ours, 1);
	link_close(&l);
}

/* An echo request with n bytes of data. */
static void
ping(struct link *l, const char *src, const char *dst, uint32_t n)
{
	struct ip ip = { .src = addr(src), .dst = addr(dst), .hop_limit = 3, .payload_n = 8 + n };
	bool is_v4 = ip_is_v4(&ip.src);
	struct buf *b = link_frame(l, 0, peer_mac, us_mac, is_v4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6,
				   ip_size(&ip.src) + 8 + n);
	uint8_t *p = buf_data(b) + ETH_HEADER + ip_size(&ip.src);
	struct be16 sum;

	ip.protocol = is_v4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6;
	ip_emit(&ip, buf_data(b) + ETH_HEADER);
	memset(p, 0x5a, 8 + n);
	p[0] = is_v4 ? ICMP4_ECHO : ICMP6_ECHO;
	p[1] = p[2] = p[3] = 0;
	sum = csum_done(csum_join(is_v4 ? 0 : csum_pseudo(&ip.src, &ip.dst, ip.protocol, 8 + n),
				  csum_add(p, 8 + n)));
	memcpy(p + 2, &sum, 2);
	assert_int_equal(link_receive(l, b, 0), WIRE_OK);
}

static void
echo_requests_come_back_with_their_bytes(void **state)
{
	static const char *const ends[][2] = { { "10.0.0.9", "10.0.0.1" },
					       { "2001:db8::9", "2001:db8::1" } };

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct net_learned learned = { .ip = addr(ends[i][0]),
					       .mac = peer_mac,
					       .is_confirmed = true,
					       .can_create = true };
		bool is_v4 = i == 0;
		uint32_t header_n = is_v4 ? IP4_HEADER : IP6_HEADER;
		struct ip ip = { 0 };
		uint64_t sum;
		const uint8_t *p;
		struct link l;

		link_open(&l);
		net_learn(l.net, &learned, l.now, &l.out);
		ping(&l, ends[i][0], ends[i][1], 57);
		assert_int_equal(l.out.frame_n, 1);
		p = buf_data(l.out.frame[0]) + ETH_HEADER;
		assert_int_equal(is_v4 ? ip4_parse(p, header_n + 65, header_n + 65, false, &ip)
				       : ip6_parse(p, header_n + 65, header_n + 65, &ip),
				 WIRE_OK);
		assert_ip(ip.src, ends[i][1]);
		assert_ip(ip.dst, ends[i][0]);
		assert_int_equal(ip.hop_limit, 64);
		p += header_n;
		assert_int_equal(p[0], is_v4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY);
		sum = csum_join(is_v4 ? 0 : csum_pseudo(&ip.src, &ip.dst, ip.protocol, 65),
				csum_add(p, 65));
		assert_int_equal(csum_done(sum).raw, 0);
		assert_int_equal(p[64], 0x5a);
		link_clear(&l);
		ping(&l, ends[i][0], is_v4 ? "10.0.0.2" : "2001:db8::2", 8);
		assert_int_equal(l.out.frame_n, 0);
		assert_int_equal(l.count.net_not_ours, 1);
		link_close(&l);
	}
}

static void
floods_of_echo_requests_are_limited(void **state)
{
	struct net_learned learned = {
		.ip = addr("10.0.0.9"), .mac = peer_mac, .is_confirmed = true, .can_create = true
	};
	struct link l;

	(void)state;
	link_open(&l);
	net_learn(l.net, &learned, l.now, &l.out);
	for (uint32_t i = 0; i < 5000; i++, l.now += S / 10000) {
		ping(&l, "10.0.0.9", "10.0.0.1", 8);
		link_clear(&l);
	}
	assert_in_range(l.count.net_echo_replies, 500, 700);
	assert_int_equal(l.count.net_echo_replies + l.count.net_echo_limited, 5000);
	link_close(&l);
}

/* The gateway or station that a packet is sent to; "" when there is no route. */
static struct ip_addr
hop(struct link *l, uint16_t path, const char *src, const char *dst)
{
	struct ip_addr got = { 0 };

	link_clear(l);
	link_send(l, path, src, dst, 'r');
	if (l->out.frame_n == 1) {
		struct wire_packet asked = link_sent(l, 0);

		got = asked.kind == WIRE_ARP ? asked.arp.target : asked.nd.target;
	}
	link_clear(l);
	return got;
}

static void
the_longest_prefix_of_the_path_and_family_wins(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	assert_ip(hop(&l, 0, "10.0.0.1", "10.0.0.7"), "10.0.0.7");
	assert_ip(hop(&l, 0, "10.0.0.1", "10.8.1.1"), "10.0.0.254");
	assert_ip(hop(&l, 1, "10.1.0.1", "10.8.1.1"), "10.1.0.254");
	assert_ip(hop(&l, 1, "10.1.0.1", "192.0.2.1"), "::");
	assert_int_equal(l.count.net_no_route, 1);
	assert_ip(hop(&l, 0, "2001:db8::1", "2001:db8::7"), "2001:db8::7");
	assert_ip(hop(&l, 0, "2001:db8::1", "2001:db9::7"), "fe80::254");
	assert_ip(hop(&l, 1, "2001:db8::1", "2001:db9::8"), "::");
	link_close(&l);
}

static void
ways_and_source_addresses_are_found(void **state)
{
	const struct net_address address[] = {
		{ addr("203.0.113.10"), 24, 0 },  { addr("10.0.0.5"), 24, 0 },
		{ addr("10.9.0.5"), 24, 1 },	  { addr("2001:db8:1::5"), 64, 0 },
		{ addr("2001:db8:2::5"), 64, 0 },
	};
	const struct net_route route[] = {
		{ addr("0.0.0.0"), 0, 0, addr("203.0.113.1") },
		{ addr("::"), 0, 0, addr("2001:db8:1::1") },
		{ addr("10.8.0.0"), 16, 1, addr("10.9.0.1") },
	};
	static const struct {
		const char *dst;
		uint16_t from, path;
		const char *src; /* NULL: no way */
	} step[] = {
		{ "8.8.8.8", NET_PATH_ANY, 0, "203.0.113.10" },
		{ "10.255.0.1", NET_PATH_ANY, 0, "203.0.113.10" },
		{ "10.0.0.77", NET_PATH_ANY, 0, "10.0.0.5" },
		{ "10.8.3.3", NET_PATH_ANY, 1, "10.9.0.5" },
		{ "10.8.3.3", 0, 0, "203.0.113.10" },
		{ "8.8.8.8", 1, 0, NULL },
		{ "2001:db8:2::9", NET_PATH_ANY, 0, "2001:db8:2::5" },
		{ "2a00::1", NET_PATH_ANY, 0, "2001:db8:1::5" },
		{ "fe80::9", 0, 0, "fe80::ff:fe00:1" },
		{ "2a00::1", 1, 0, NULL },
		{ "10.0.0.5", NET_PATH_ANY, 0, NULL }, /* ourselves */
	};
	struct link l;

	(void)state;
	link_open(&l);
	net_configure(l.net, address, 5, route, 3, l.now);
	for (uint32_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		struct ip_addr dst = addr(step[i].dst), src;
		uint16_t path = 99;

		assert_int_equal(net_find_route(l.net, &dst, step[i].from, &path, &src),
				 step[i].src != NULL);
		if (step[i].src == NULL)
			continue;
		assert_int_equal(path, step[i].path);
		assert_ip(src, step[i].src);
	}
	link_close(&l);
}

/* RFC 1122, 3.2.1.3: host numbers of ones or zeros, as each subnet of the path has it. */
static void
broadcasts_of_our_subnets_are_known(void **state)
{
	static const struct {
		const char *ip;
		uint16_t path;
		bool is_broadcast;
	} row[] = {
		{ "10.0.0.255", 0, true },  { "10.0.0.0", 0, true },
		{ "10.0.0.9", 0, false },   { "10.0.1.255", 0, false },
		{ "10.0.0.255", 1, false }, { "10.1.255.255", 1, true },
		{ "10.1.0.0", 1, true },    { "10.1.0.255", 1, false },
		{ "10.1.255.0", 1, false }, { "10.2.0.63", 0, true },
		{ "10.2.0.32", 0, true },   { "10.2.0.31", 0, false },
		{ "10.3.0.1", 0, false },   { "10.3.0.2", 0, false },
		{ "10.3.0.255", 0, false }, { "2001:db8::ff", 0, false },
		{ "2001:db8::", 0, false },
	};
	const struct net_address address[] = {
		{ addr("10.0.0.1"), 24, 0 },	{ addr("10.0.0.2"), 24, 0 },
		{ addr("10.1.0.1"), 16, 1 },	{ addr("10.2.0.33"), 27, 0 },
		{ addr("10.3.0.0"), 31, 0 },	{ addr("10.3.0.255"), 32, 0 },
		{ addr("2001:db8::1"), 64, 0 },
	};
	struct ip_addr ip = addr("10.0.0.255");
	struct link l;

	(void)state;
	link_open_with(&l, false, 0);
	net_configure(l.net, address, 7, NULL, 0, l.now);
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct ip_addr a = addr(row[i].ip);

		assert_int_equal(net_is_broadcast(l.net, row[i].path, &a), row[i].is_broadcast);
	}
	net_configure(l.net, &address[4], 3, NULL, 0, l.now); /* none of which has any */
	assert_false(net_is_broadcast(l.net, 0, &ip));
	link_close(&l);
}

static void
live_changes_keep_what_stays_and_forget_what_goes(void **state)
{
	const struct net_address address[] = {
		{ addr("10.0.0.1"), 24, 0 },
		{ addr("2001:db8::1"), 64, 0 },
		{ addr("10.7.0.1"), 24, 1 },
	};
	struct net_learned learned = {
		.ip = addr("10.0.0.9"), .mac = peer_mac, .is_confirmed = true, .can_create = true
	};
	struct ip_addr gone = addr("10.1.0.1"), come = addr("10.7.0.1");
	struct link l;

	(void)state;
	link_open(&l);
	net_learn(l.net, &learned, l.now, &l.out);
	link_send(&l, 1, "10.1.0.1", "10.1.0.9", 'w');
	link_clear(&l);
	net_configure(l.net, address, 3, NULL, 0, l.now);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_REACHABLE);
	assert_int_equal(net_waiting_n(l.net), 0);
	assert_false(net_is_ours(l.net, 1, &gone));
	assert_true(net_is_ours(l.net, 1, &come));
	link_wait(&l, 5 * S);
	assert_int_equal(l.out.frame_n, 3 + 3); /* only the new one is asked about, announced */
	for (uint32_t i = 0; i < 6; i++)
		assert_ip(link_sent(&l, i).arp.target, "10.7.0.1");
	link_close(&l);
}

static void
invalid_configuration_is_left_out_and_counted(void **state)
{
	struct net_address address[NET_ADDRESSES_MAX + 2] = {
		{ addr("10.0.0.1"), 24, 2 }, { addr("10.0.0.1"), 33, 0 },
		{ addr("127.0.0.1"), 8, 0 }, { addr("224.0.0.1"), 8, 0 },
		{ addr("2001::1"), 129, 0 }, { addr("::"), 64, 0 },
		{ addr("10.0.0.1"), 24, 0 }, { addr("10.0.0.1"), 24, 0 },
	};
	const struct net_route route[] = {
		{ addr("0.0.0.0"), 33, 0, addr("10.0.0.2") },
		{ addr("0.0.0.0"), 0, 2, addr("10.0.0.2") },
		{ addr("0.0.0.0"), 0, 0, addr("fe80::1") },
		{ addr("::"), 0, 0, addr("ff02::1") },
	};
	struct link l;

	(void)state;
	link_open_with(&l, false, 0);
	net_configure(l.net, address, 8, route, 4, l.now);
	assert_int_equal(l.count.net_bad_config, 7 + 4);
	for (uint32_t i = 0; i < NET_ADDRESSES_MAX + 2; i++) {
		address[i] = (struct net_address){ addr("2001:db8::"), 64, (uint16_t)(i % 2) };
		address[i].ip.b[15] = (uint8_t)i;
		address[i].ip.b[14] = (uint8_t)(i >> 8);
	}
	net_configure(l.net, address, NET_ADDRESSES_MAX + 2, route, 0, l.now);
	assert_int_equal(l.count.net_bad_config, 7 + 4 + 2);
	assert_true(net_is_ours(l.net, 1, &address[255].ip));
	assert_false(net_is_ours(l.net, 0, &address[256].ip));
	link_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_for_our_addresses_are_answered),
		cmocka_unit_test(solicitations_are_answered_and_nameless_ones_to_all),
		cmocka_unit_test(echo_requests_come_back_with_their_bytes),
		cmocka_unit_test(floods_of_echo_requests_are_limited),
		cmocka_unit_test(the_longest_prefix_of_the_path_and_family_wins),
		cmocka_unit_test(ways_and_source_addresses_are_found),
		cmocka_unit_test(broadcasts_of_our_subnets_are_known),
		cmocka_unit_test(live_changes_keep_what_stays_and_forget_what_goes),
		cmocka_unit_test(invalid_configuration_is_left_out_and_counted),
	};

	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
