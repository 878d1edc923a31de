/*
 * test_codec.c - Ethernet, ARP, IP and ND: what is emitted is parsed to the same struct, and what
 * is malformed is refused with its reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "wire/arp.h"
#include "wire/checksum.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/nd.h"

static void
random_bytes(struct prng *prng, void *to, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = (uint8_t)prng_u32(prng);
}

static struct mac
random_mac(struct prng *prng)
{
	struct mac mac;

	random_bytes(prng, mac.b, 6);
	mac.b[0] &= 0xfe;
	return mac;
}

static struct ip_addr
random_host(struct prng *prng, bool is_v4)
{
	struct ip_addr a;

	do {
		random_bytes(prng, a.b, 16);
		if (is_v4)
			a = ip_from_v4(a.b);
	} while (!ip_can_send(&a));
	return a;
}

static void
ethernet_round_trips_with_and_without_tag(void **state)
{
	struct prng prng;

	(void)state;
	prng_init(&prng, 21);
	for (uint32_t i = 0; i < 2000; i++) {
		struct eth in = { .dst = random_mac(&prng),
				  .src = random_mac(&prng),
				  .vlan = (uint16_t)prng_below(&prng, 4096),
				  .type = ETH_TYPE_IP4 },
			   out;
		uint8_t bytes[ETH_HEADER + ETH_VLAN];
		uint32_t n = 0;

		in.vlan = prng_one_in(&prng, 2) ? in.vlan : 0;
		eth_emit(&in, bytes);
		assert_int_equal(eth_parse(bytes, eth_size(&in), &out, &n), WIRE_OK);
		assert_int_equal(n, eth_size(&in));
		assert_memory_equal(&in, &out, sizeof(in));
		assert_int_equal(eth_parse(bytes, eth_size(&in) - 1, &out, &n), WIRE_DROP_RUNT);
	}
}

static void
arp_round_trips(void **state)
{
	struct prng prng;

	(void)state;
	prng_init(&prng, 22);
	for (uint32_t i = 0; i < 2000; i++) {
		struct arp in = { .op = (uint16_t)(1 + prng_below(&prng, 2)),
				  .sender_mac = random_mac(&prng),
				  .target_mac = random_mac(&prng),
				  .sender = random_host(&prng, true),
				  .target = random_host(&prng, true) },
			   out;
		uint8_t bytes[ARP_SIZE + 18] = { 0 };

		arp_emit(&in, bytes);
		assert_int_equal(arp_parse(bytes, ARP_SIZE, &out), WIRE_OK);
		assert_memory_equal(&in, &out, sizeof(in));
		assert_int_equal(arp_parse(bytes, sizeof(bytes), &out), WIRE_OK);
		assert_int_equal(arp_parse(bytes, ARP_SIZE - 1, &out), WIRE_DROP_ARP_MALFORMED);
		bytes[prng_below(&prng, 7)] ^= 0x10; /* types, lengths, operation's high byte */
		assert_int_equal(arp_parse(bytes, ARP_SIZE, &out), WIRE_DROP_ARP_MALFORMED);
	}
}

static void
an_arp_probe_asks_in_nobodys_name_but_nobody_answers(void **state)
{
	struct arp arp = { .op = ARP_REQUEST,
			   .sender = ip_from_v4((const uint8_t[4]){ 0 }),
			   .target = ip_from_v4((const uint8_t[]){ 10, 0, 0, 1 }) };
	uint8_t bytes[ARP_SIZE];

	(void)state;
	arp_emit(&arp, bytes);
	assert_int_equal(arp_parse(bytes, ARP_SIZE, &arp), WIRE_OK);
	arp.op = ARP_REPLY;
	arp_emit(&arp, bytes);
	assert_int_equal(arp_parse(bytes, ARP_SIZE, &arp), WIRE_DROP_ARP_MALFORMED);
}

static void
ip_round_trips_in_both_families(void **state)
{
	struct prng prng;

	(void)state;
	prng_init(&prng, 23);
	for (uint32_t i = 0; i < 4000; i++) {
		bool is_v4 = prng_one_in(&prng, 2);
		struct ip in = { .src = random_host(&prng, is_v4),
				 .dst = random_host(&prng, is_v4),
				 .protocol = is_v4 ? IP_PROTO_ICMP : IP_PROTO_TCP,
				 .hop_limit = (uint8_t)prng_u32(&prng),
				 .tclass = (uint8_t)prng_u32(&prng),
				 .payload_n = prng_below(&prng, 1400) },
			  out;
		uint8_t bytes[IP6_HEADER];
		uint32_t n = ip_size(&in.src), packet_n = n + in.payload_n;
		enum wire_drop drop;

		in.header_n = n;
		ip_emit(&in, bytes);
		drop = is_v4 ? ip4_parse(bytes, n, packet_n, false, &out)
			     : ip6_parse(bytes, n, packet_n, &out);
		assert_int_equal(drop, WIRE_OK);
		assert_true(ip_eq(&in.src, &out.src) && ip_eq(&in.dst, &out.dst));
		assert_int_equal(in.protocol, out.protocol);
		assert_int_equal(in.hop_limit, out.hop_limit);
		assert_int_equal(in.tclass, out.tclass);
		assert_int_equal(in.header_n, out.header_n);
		assert_int_equal(in.payload_n, out.payload_n);
		drop = is_v4 ? ip4_parse(bytes, n - 1, packet_n, false, &out)
			     : ip6_parse(bytes, n - 1, packet_n, &out);
		assert_int_equal(drop, WIRE_DROP_SPLIT_HEADERS);
		if (is_v4) {
			bytes[prng_one_in(&prng, 2) ? 9 : 13] ^= 1;
			assert_int_equal(ip4_parse(bytes, n, packet_n, false, &out),
					 WIRE_DROP_IP4_CHECKSUM);
			assert_int_equal(ip4_parse(bytes, n, packet_n, true, &out), WIRE_OK);
		}
	}
}

/* An IPv4 header of 20 bytes and these options; the checksum is left out. */
static enum wire_drop
parse_v4_options(const char *options, uint32_t n)
{
	uint8_t p[60] = { (uint8_t)(0x45 + n / 4),
			  0,
			  0,
			  (uint8_t)(20 + n),
			  [8] = 64,
			  6,
			  [12] = 10,
			  0,
			  0,
			  1,
			  10,
			  0,
			  0,
			  2 };
	struct ip ip;

	memcpy(p + 20, options, n);
	return ip4_parse(p, 20 + n, 20 + n, true, &ip);
}

static void
ip4_options_are_walked_and_source_routes_refused(void **state)
{
	(void)state;
	assert_int_equal(parse_v4_options("\1\1\1\0", 4), WIRE_OK);
	assert_int_equal(parse_v4_options("\x94\4\0\0", 4), WIRE_OK); /* router alert */
	assert_int_equal(parse_v4_options("\0\xff\xff\xff", 4), WIRE_OK);
	assert_int_equal(parse_v4_options("\x94\0\0\0", 4), WIRE_DROP_IP4_OPTIONS);
	assert_int_equal(parse_v4_options("\x94\1\0\0", 4), WIRE_DROP_IP4_OPTIONS);
	assert_int_equal(parse_v4_options("\x94\5\0\0", 4), WIRE_DROP_IP4_OPTIONS);
	assert_int_equal(parse_v4_options("\1\1\1\x94", 4), WIRE_DROP_IP4_OPTIONS);
	assert_int_equal(parse_v4_options("\x83\7\4\1\2\3\4\0", 8), WIRE_DROP_IP4_SOURCE_ROUTE);
	assert_int_equal(parse_v4_options("\1\x89\7\4\1\2\3\4", 8), WIRE_DROP_IP4_SOURCE_ROUTE);
}

static void
ip4_lengths_versions_and_fragments_are_refused_by_name(void **state)
{
	static const uint8_t good[20] = { 0x45, 0, 0, 40, [8] = 64, 6, [12] = 10,
					  0,	0, 1, 10, 0,	    0, 2 };
	static const struct {
		uint8_t at, value;
		enum wire_drop drop;
	} step[] = {
		{ 0, 0x65, WIRE_DROP_IP4_VERSION },
		{ 0, 0x44, WIRE_DROP_IP4_HEADER_LENGTH },
		{ 0, 0x4f, WIRE_DROP_IP4_HEADER_LENGTH },
		{ 3, 19, WIRE_DROP_IP4_TOTAL_LENGTH },
		{ 3, 41, WIRE_DROP_IP4_TOTAL_LENGTH },
		{ 2, 0x80, WIRE_DROP_IP4_TOTAL_LENGTH },
		{ 6, 0x20, WIRE_DROP_IP4_FRAGMENT },
		{ 7, 1, WIRE_DROP_IP4_FRAGMENT },
		{ 6, 0x40, WIRE_OK },
		{ 0, 0x4a, WIRE_DROP_SPLIT_HEADERS },
	};
	struct ip ip;

	(void)state;
	for (uint32_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		uint8_t p[20];

		memcpy(p, good, sizeof(p));
		p[step[i].at] = step[i].value;
		assert_int_equal(ip4_parse(p, 20, 40, true, &ip), step[i].drop);
	}
	assert_int_equal(ip4_parse(good, 19, 19, true, &ip), WIRE_DROP_IP4_TRUNCATED);
}

/* An IPv6 packet: fixed header with this next header, then the bytes. */
static enum wire_drop
parse_v6(uint8_t next, const void *behind, uint32_t n, struct ip *ret_ip)
{
	uint8_t p[400] = { 0x60, [5] = (uint8_t)n, next, 64, 0x20, 1, [23] = 1, 0x20, 1, [39] = 2 };

	memcpy(p + 40, behind, n);
	return ip6_parse(p, 40 + n, 40 + n, ret_ip);
}

static void
ip6_extensions_are_walked_with_a_limit(void **state)
{
	uint8_t chain[8 * 9 + 4];
	struct ip ip;

	(void)state;
	/* hop-by-hop with PadN, then destination options with Pad1s, then four bytes of TCP */
	assert_int_equal(parse_v6(0, "\x3c\0\1\4\0\0\0\0\6\0\0\0\0\0\0\0abcd", 20, &ip), WIRE_OK);
	assert_int_equal(ip.protocol, IP_PROTO_TCP);
	assert_int_equal(ip.header_n, 56);
	assert_int_equal(ip.payload_n, 4);
	assert_int_equal(parse_v6(44, "\6\0\0\0\1\2\3\4abcd", 12, &ip), WIRE_OK); /* atomic */
	assert_int_equal(parse_v6(44, "\6\0\0\1\1\2\3\4abcd", 12, &ip), WIRE_DROP_IP6_FRAGMENT);
	assert_int_equal(parse_v6(44, "\6\0\0\x08\1\2\3\4abcd", 12, &ip), WIRE_DROP_IP6_FRAGMENT);
	assert_int_equal(parse_v6(43, "\6\0\4\0\0\0\0\0abcd", 12, &ip), WIRE_OK);
	assert_int_equal(parse_v6(43, "\6\0\0\1\0\0\0\0abcd", 12, &ip), WIRE_DROP_IP6_ROUTING);
	assert_int_equal(parse_v6(60, "\6\0\x3e\0\0\0\0\0abcd", 12, &ip), WIRE_OK);
	assert_int_equal(parse_v6(60, "\6\0\x7e\0\0\0\0\0abcd", 12, &ip), WIRE_DROP_IP6_OPTION);
	assert_int_equal(parse_v6(60, "\6\0\1\5\0\0\0\0abcd", 12, &ip), WIRE_DROP_IP6_EXTENSION);
	assert_int_equal(parse_v6(60, "\6\0\0\0\0\0\0\1abcd", 12, &ip), WIRE_DROP_IP6_EXTENSION);
	assert_int_equal(parse_v6(60, "\6\2\1\4\0\0\0\0abcd", 12, &ip), WIRE_DROP_IP6_EXTENSION);
	assert_int_equal(parse_v6(0, "\6\0\xc2\4\0\1\0\0abcd", 12, &ip), WIRE_DROP_IP6_LENGTH);
	assert_int_equal(parse_v6(60, "\0\0\1\4\0\0\0\0\6\0\1\4\0\0\0\0", 16, &ip),
			 WIRE_DROP_IP6_EXTENSION); /* hop-by-hop not first */
	for (uint32_t i = 0; i < 9; i++)
		memcpy(chain + 8 * i, i == 8 ? "\6\0\1\4\0\0\0" : "\x3c\0\1\4\0\0\0", 8);
	assert_int_equal(parse_v6(60, chain, sizeof(chain), &ip), WIRE_DROP_IP6_EXTENSION);
	assert_int_equal(parse_v6(60, chain + 8, sizeof(chain) - 8, &ip), WIRE_OK);
}

static void
nd_round_trips(void **state)
{
	struct prng prng;

	(void)state;
	prng_init(&prng, 24);
	for (uint32_t i = 0; i < 4000; i++) {
		struct nd in = { .is_advert = prng_one_in(&prng, 2),
				 .target = random_host(&prng, false) };
		struct ip_addr src = random_host(&prng, false), dst = random_host(&prng, false);
		uint8_t bytes[ND_SIZE_MAX];
		struct nd out;
		uint64_t sum;

		if (in.is_advert) {
			in.is_router = prng_one_in(&prng, 2);
			in.is_solicited = prng_one_in(&prng, 2);
			in.is_override = prng_one_in(&prng, 2);
		}
		in.has_mac = prng_one_in(&prng, 2);
		if (in.has_mac)
			in.mac = random_mac(&prng);
		nd_emit(&in, &src, &dst, bytes);
		sum = csum_join(csum_pseudo(&src, &dst, IP_PROTO_ICMP6, nd_size(&in)),
				csum_add(bytes, nd_size(&in)));
		assert_int_equal(csum_done(sum).raw, 0);
		assert_int_equal(nd_parse(bytes, nd_size(&in), &src, &dst, 255, &out), WIRE_OK);
		assert_memory_equal(&in, &out, sizeof(in));
		assert_int_equal(nd_parse(bytes, nd_size(&in), &src, &dst, 254, &out),
				 WIRE_DROP_ND_HOP_LIMIT);
		if (in.has_mac)
			assert_int_equal(nd_parse(bytes, nd_size(&in) - 1, &src, &dst, 255, &out),
					 WIRE_DROP_ND_MALFORMED);
	}
}

/* RFC 4861, 7.1.1 and 7.1.2. */
static void
nd_that_breaks_a_rule_of_7_1_is_refused(void **state)
{
	struct prng prng;
	struct ip_addr none = { 0 }, src, group;
	struct nd nd = { 0 }, out;
	uint8_t bytes[ND_SIZE_MAX];

	(void)state;
	prng_init(&prng, 25);
	src = random_host(&prng, false);
	nd.target = random_host(&prng, false);
	group = nd_solicited_node(&nd.target);

	nd_emit(&nd, &none, &group, bytes);
	assert_int_equal(nd_parse(bytes, ND_SIZE, &none, &group, 255, &out), WIRE_OK);
	assert_int_equal(nd_parse(bytes, ND_SIZE, &none, &nd.target, 255, &out),
			 WIRE_DROP_ND_MALFORMED);
	nd.has_mac = true;
	nd_emit(&nd, &none, &group, bytes);
	assert_int_equal(nd_parse(bytes, ND_SIZE_MAX, &none, &group, 255, &out),
			 WIRE_DROP_ND_MALFORMED);
	bytes[25] = 0; /* an option of length 0 */
	assert_int_equal(nd_parse(bytes, ND_SIZE_MAX, &src, &group, 255, &out),
			 WIRE_DROP_ND_MALFORMED);
	nd = (struct nd){ .is_advert = true, .is_solicited = true, .target = nd.target };
	nd_emit(&nd, &src, &group, bytes);
	assert_int_equal(nd_parse(bytes, ND_SIZE, &src, &group, 255, &out), WIRE_DROP_ND_MALFORMED);
	nd.target = group; /* a multicast target */
	nd_emit(&nd, &src, &src, bytes);
	assert_int_equal(nd_parse(bytes, ND_SIZE, &src, &src, 255, &out), WIRE_DROP_ND_MALFORMED);
}

static void
multicast_addresses_and_macs_are_derived(void **state)
{
	struct ip_addr a = { .b = { 0xfe, 0x80, [11] = 0xff, 0xfe, 0x12, 0x34, 0x56 } };
	struct ip_addr group = { .b = { 0xff, 2, [11] = 1, 0xff, 0x12, 0x34, 0x56 } }, got;
	struct mac mac = { { 0x33, 0x33, 0xff, 0x12, 0x34, 0x56 } }, got_mac;

	(void)state;
	got = nd_solicited_node(&a);
	assert_memory_equal(&got, &group, 16);
	got_mac = nd_multicast_mac(&group);
	assert_memory_equal(&got_mac, &mac, 6);
}

static void
icmp_errors_name_the_segment_they_are_about(void **state)
{
	uint8_t quote[48];
	struct ip ip = { .src = ip_from_v4((const uint8_t[]){ 10, 0, 0, 1 }),
			 .dst = ip_from_v4((const uint8_t[]){ 10, 0, 0, 2 }),
			 .protocol = IP_PROTO_TCP,
			 .payload_n = 1000 };
	struct icmp_error error;

	(void)state;
	ip_emit(&ip, quote);
	memcpy(quote + 20, "\x12\x34\0\x50\1\2\3\4", 8);
	assert_int_equal(icmp_error_parse(false, 3, 4, 1400, quote, 28, &error), WIRE_OK);
	assert_int_equal(error.kind, ICMP_ERROR_TOO_BIG);
	assert_int_equal(error.mtu, 1400);
	assert_true(ip_eq(&error.local, &ip.src) && ip_eq(&error.remote, &ip.dst));
	assert_int_equal(error.local_port, 0x1234);
	assert_int_equal(error.remote_port, 80);
	assert_int_equal(error.seq.v, 0x01020304);
	assert_int_equal(icmp_error_parse(false, 3, 3, 0, quote, 28, &error), WIRE_OK);
	assert_string_equal(icmp_error_name(error.kind), "refused");
	assert_int_equal(icmp_error_parse(false, 3, 1, 0, quote, 27, &error), WIRE_DROP_ICMP_QUOTE);
	assert_int_equal(icmp_error_parse(true, 1, 0, 0, quote, 28, &error), WIRE_DROP_ICMP_QUOTE);
	assert_int_equal(icmp_error_parse(false, 5, 0, 0, quote, 28, &error), WIRE_DROP_ICMP_TYPE);
	assert_int_equal(icmp_error_parse(false, 4, 0, 0, quote, 28, &error),
			 WIRE_DROP_ICMP_TYPE); /* source quench: RFC 6633 */
	quote[9] = 17;
	assert_int_equal(icmp_error_parse(false, 3, 1, 0, quote, 28, &error), WIRE_DROP_ICMP_QUOTE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ethernet_round_trips_with_and_without_tag),
		cmocka_unit_test(arp_round_trips),
		cmocka_unit_test(an_arp_probe_asks_in_nobodys_name_but_nobody_answers),
		cmocka_unit_test(ip_round_trips_in_both_families),
		cmocka_unit_test(ip4_options_are_walked_and_source_routes_refused),
		cmocka_unit_test(ip4_lengths_versions_and_fragments_are_refused_by_name),
		cmocka_unit_test(ip6_extensions_are_walked_with_a_limit),
		cmocka_unit_test(nd_round_trips),
		cmocka_unit_test(nd_that_breaks_a_rule_of_7_1_is_refused),
		cmocka_unit_test(multicast_addresses_and_macs_are_derived),
		cmocka_unit_test(icmp_errors_name_the_segment_they_are_about),
	};

	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
