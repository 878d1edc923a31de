/*
 * test_refuse.c - ICMP errors of our own: to whom, and how many. What they say: unit/wire.
 */
#include "link.h"

#include "wire/icmp.h"

/* A packet of a protocol that we do not have. */
static enum wire_drop
refuse(struct link *l, const char *src, const char *dst, uint8_t protocol)
{
	struct ip ip = { .src = addr(src),
			 .dst = addr(dst),
			 .protocol = protocol,
			 .hop_limit = 64,
			 .payload_n = 30 };
	bool is_v4 = ip_is_v4(&ip.src);
	struct mac to = ip_is_multicast(&ip.dst) ? nd_multicast_mac(&ip.dst) : us_mac;
	struct buf *b = link_frame(l, 0, peer_mac, to, is_v4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6,
				   ip_size(&ip.src) + 30);
	const struct wire_port port = { .mac = us_mac };
	struct wire_packet packet;
	struct tcp_seg seg;
	enum wire_drop drop;

	ip_emit(&ip, buf_data(b) + ETH_HEADER);
	memset(buf_data(b) + ETH_HEADER + ip_size(&ip.src), 0x77, 30);
	b->path = 0;
	drop = wire_decode(b, &port, &packet, &seg);
	net_refuse(l->net, b, drop, l->now, &l->out);
	return drop;
}

static void
learn(struct link *l, const char *ip)
{
	struct net_learned learned = {
		.ip = addr(ip), .mac = peer_mac, .is_confirmed = true, .can_create = true
	};

	net_learn(l->net, &learned, l->now, &l->out);
}

static void
a_sender_hears_that_its_protocol_is_not_here(void **state)
{
	const uint8_t *p;
	struct link l;

	(void)state;
	link_open(&l);
	learn(&l, "10.0.0.9");
	learn(&l, "2001:db8::9");
	assert_int_equal(refuse(&l, "10.0.0.9", "10.0.0.1", 17), WIRE_DROP_IP_PROTOCOL);
	assert_int_equal(refuse(&l, "2001:db8::9", "2001:db8::1", 17), WIRE_DROP_IP_PROTOCOL);
	assert_int_equal(l.out.frame_n, 2);
	p = buf_data(l.out.frame[0]);
	assert_memory_equal(p, peer_mac.b, 6);
	assert_ip(ip_from_v4(p + ETH_HEADER + 16), "10.0.0.9");
	assert_int_equal(p[ETH_HEADER + 9], IP_PROTO_ICMP);
	assert_int_equal(p[ETH_HEADER + IP4_HEADER], ICMP4_UNREACHABLE);
	p = buf_data(l.out.frame[1]);
	assert_int_equal(p[ETH_HEADER + 6], IP_PROTO_ICMP6);
	assert_int_equal(p[ETH_HEADER + IP6_HEADER], ICMP6_UNREACHABLE);
	assert_int_equal(l.count.net_icmp_errors, 2);
	link_close(&l);
}

/* RFC 1122, 3.2.2; RFC 4443, 2.4 e. */
static void
nobody_hears_of_what_was_not_for_us_alone(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	refuse(&l, "10.0.0.9", "10.0.0.2", 17);
	refuse(&l, "10.0.0.9", "224.0.0.1", 17);
	refuse(&l, "10.0.0.255", "10.0.0.1", 17);
	refuse(&l, "10.0.0.0", "10.0.0.1", 17);
	refuse(&l, "0.0.0.0", "10.0.0.1", 17);
	refuse(&l, "2001:db8::9", "ff02::1", 17);
	refuse(&l, "2001:db8::9", "2001:db8::2", 17);
	refuse(&l, "::", "2001:db8::1", 17);
	assert_int_equal(l.out.frame_n, 0);
	assert_int_equal(l.count.net_icmp_errors + l.count.net_icmp_errors_limited, 0);
	link_close(&l);
}

/* RFC 4443, 2.4 f. */
static void
floods_are_answered_a_hundred_times_a_second(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	learn(&l, "10.0.0.9");
	for (uint32_t i = 0; i < 100; i++)
		refuse(&l, "10.0.0.9", "10.0.0.1", 17);
	assert_int_equal(l.out.frame_n, 10);
	assert_int_equal(l.count.net_icmp_errors_limited, 90);
	link_clear(&l);
	for (uint32_t i = 0; i < 1000; i++) {
		l.now += S / 1000;
		refuse(&l, "10.0.0.9", "10.0.0.1", 17);
		link_clear(&l);
	}
	assert_in_range(l.count.net_icmp_errors, 105, 110);
	link_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sender_hears_that_its_protocol_is_not_here),
		cmocka_unit_test(nobody_hears_of_what_was_not_for_us_alone),
		cmocka_unit_test(floods_are_answered_a_hundred_times_a_second),
	};

	return cmocka_run_group_tests_name("refuse", tests, NULL, NULL);
}
