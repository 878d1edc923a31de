/*
 * test_decode.c - whole frames: kinds, reasons, offload flags, padding, chains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf_heap.h"
#include "base/prng.h"
#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/wire.h"

static const struct wire_port port = { .mac = { { 2, 0, 0, 0, 0, 1 } } };
static struct buf_pool *pool;

static struct ip_addr
v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return ip_from_v4((const uint8_t[]){ a, b, c, d });
}

static struct ip_addr
v6(uint8_t first, uint8_t second, uint8_t last)
{
	return (struct ip_addr){ .b = { first, second, [15] = last } };
}

static void
add_eth(struct buf *b, uint16_t vlan, uint16_t type)
{
	struct eth eth = {
		.dst = port.mac, .src = { { 2, 0, 0, 0, 0, 9 } }, .vlan = vlan, .type = type
	};

	eth_emit(&eth, buf_prepend(b, eth_size(&eth)));
}

/* A frame with a segment of n bytes from src to dst. */
static struct buf *
tcp_frame(struct ip_addr src, struct ip_addr dst, uint32_t n)
{
	struct tcp_seg seg = { .src = src,
			       .dst = dst,
			       .src_port = 9999,
			       .dst_port = 80,
			       .flags = TCP_ACK,
			       .ecn = 2,
			       .has_ts = true,
			       .ts_val = 7 };
	struct buf *b = buf_take(pool);

	memset(buf_append(b, n), 'p', n);
	seg_emit_packet(&seg, &(struct seg_how){ 0 }, b);
	add_eth(b, 0, ip_is_v4(&src) ? ETH_TYPE_IP4 : ETH_TYPE_IP6);
	b->m.ol_flags = 0;
	return b;
}

static enum wire_drop
decode(struct buf *b, struct wire_packet *ret_packet, struct tcp_seg *ret_seg)
{
	return wire_decode(b, &port, ret_packet, ret_seg);
}

/* Decodes and gives the frame back. */
static enum wire_drop
verdict(struct buf *b)
{
	struct wire_packet packet;
	struct tcp_seg seg;
	enum wire_drop drop = decode(b, &packet, &seg);

	buf_give(b);
	return drop;
}

static void
a_segment_is_decoded_and_its_padding_cut(void **state)
{
	(void)state;
	for (uint32_t is_v6 = 0; is_v6 < 2; is_v6++) {
		struct buf *b = is_v6 ? tcp_frame(v6(0x20, 1, 2), v6(0x20, 1, 1), 5)
				      : tcp_frame(v4(10, 0, 0, 2), v4(10, 0, 0, 1), 5);
		uint32_t whole = b->m.pkt_len;
		struct wire_packet packet;
		struct tcp_seg seg;

		memset(buf_append(b, 11), 0xee, 11);
		assert_int_equal(decode(b, &packet, &seg), WIRE_OK);
		assert_int_equal(packet.kind, WIRE_TCP);
		assert_int_equal(b->m.pkt_len, whole);
		assert_int_equal(b->m.data_len, whole);
		assert_int_equal(b->l3_off, 14);
		assert_int_equal(seg.payload_n, 5);
		assert_memory_equal(buf_data(b) + seg.payload_off, "ppppp", 5);
		assert_int_equal(seg.ecn, 2);
		assert_int_equal(seg.ts_val, 7);
		assert_int_equal(seg.dst_port, 80);
		buf_give(b);
	}
}

/* The payload of a decoded frame as a new packet to somebody else, which nobody has trusted yet. */
static enum wire_drop
verdict_sent_on(struct buf *b, const struct tcp_seg *got)
{
	struct tcp_seg seg = { .src = v4(10, 9, 9, 9),
			       .dst = v4(10, 9, 9, 8),
			       .src_port = 7,
			       .dst_port = 8,
			       .seq = seq_of(77),
			       .flags = TCP_ACK | TCP_PSH };

	b->m.data_off = (uint16_t)(b->m.data_off + got->payload_off);
	b->m.data_len = (uint16_t)got->payload_n;
	b->m.pkt_len = got->payload_n;
	seg_emit_packet(&seg, &(struct seg_how){ 0 }, b);
	add_eth(b, 0, ETH_TYPE_IP4);
	b->m.ol_flags = 0;
	return verdict(b);
}

static void
a_payload_is_sent_on_without_being_read_again(void **state)
{
	(void)state;
	for (uint32_t n = 1; n < 40; n++) {
		for (uint32_t is_changed = 0; is_changed < 3; is_changed++) {
			struct buf *b = tcp_frame(v4(10, 0, 0, 2), v4(10, 0, 0, 1), n);
			struct wire_packet packet;
			struct tcp_seg seg;

			assert_int_equal(decode(b, &packet, &seg), WIRE_OK);
			assert_int_equal(b->sum_n, n);
			if (is_changed > 0)
				buf_data(b)[seg.payload_off + n - 1] ^= 1;
			if (is_changed == 2)
				buf_written(b);
			assert_int_equal(verdict_sent_on(b, &seg),
					 is_changed == 1 ? WIRE_DROP_TCP_CHECKSUM : WIRE_OK);
		}
	}
}

/* Nothing is hidden: what was wrong when it came is as wrong when it is sent on, or is seen. */
static void
a_trusted_wire_is_taken_at_its_word(void **state)
{
	struct wire_port trusted = port;

	(void)state;
	trusted.trusts_sums = true;
	for (uint32_t is_wrong = 0; is_wrong < 2; is_wrong++) {
		struct buf *b = tcp_frame(v4(10, 0, 0, 2), v4(10, 0, 0, 1), 1401);
		struct buf *small = tcp_frame(v4(10, 0, 0, 2), v4(10, 0, 0, 1), 512);
		struct wire_packet packet;
		struct tcp_seg seg;

		buf_data(b)[b->m.data_len - 1] ^= (uint8_t)is_wrong;
		buf_data(small)[small->m.data_len - 1] ^= (uint8_t)is_wrong;
		assert_int_equal(wire_decode(small, &trusted, &packet, &seg),
				 is_wrong ? WIRE_DROP_TCP_CHECKSUM : WIRE_OK);
		buf_give(small);
		assert_int_equal(wire_decode(b, &trusted, &packet, &seg), WIRE_OK);
		assert_int_equal(b->sum_n, 1401);
		assert_int_equal(verdict_sent_on(b, &seg),
				 is_wrong ? WIRE_DROP_TCP_CHECKSUM : WIRE_OK);
	}
}

static void
payload_may_go_on_in_further_buffers_headers_may_not(void **state)
{
	struct prng prng;

	(void)state;
	prng_init(&prng, 41);
	for (uint32_t cut = 1; cut < 14 + 20 + 32 + 200; cut++) {
		struct buf *whole = tcp_frame(v4(10, 0, 0, 2), v4(10, 0, 0, 1), 200);
		struct buf *head = buf_take(pool), *tail = buf_take(pool), *pad = buf_take(pool);
		uint32_t n = whole->m.pkt_len;
		struct wire_packet packet;
		struct tcp_seg seg;

		memcpy(buf_append(head, cut), buf_data(whole), cut);
		memcpy(buf_append(tail, n - cut), buf_data(whole) + cut, n - cut);
		memset(buf_append(pad, 3), 0, 3);
		buf_chain(head, head, tail);
		buf_chain(head, tail, pad);
		if (cut < 14 + 20 + 32) {
			assert_int_equal(decode(head, &packet, &seg), WIRE_DROP_SPLIT_HEADERS);
		} else {
			assert_int_equal(decode(head, &packet, &seg), WIRE_OK);
			assert_int_equal(head->m.pkt_len, n);
			assert_int_equal(head->m.nb_segs, 2);
			assert_null(tail->m.next);
		}
		buf_give(head);
		buf_give(whole);
		assert_int_equal(buf_heap_out_n(pool), 0);
	}
}

/* IPv6's class, flow label and hop limit; bits count from the lowest of a byte. */
static bool
no_sum_covers(uint32_t bit)
{
	uint32_t byte = bit / 8;

	return (byte == 14 && bit % 8 < 4) || (byte >= 15 && byte <= 17) || byte == 21;
}

static void
every_flipped_bit_of_a_segment_is_noticed(void **state)
{
	(void)state;
	for (uint32_t is_v6 = 0; is_v6 < 2; is_v6++) {
		for (uint32_t bit = 14 * 8;; bit++) {
			struct buf *b = is_v6 ? tcp_frame(v6(0x20, 1, 2), v6(0x20, 1, 1), 9)
					      : tcp_frame(v4(10, 0, 0, 2), v4(10, 0, 0, 1), 9);

			if (bit == b->m.pkt_len * 8) {
				buf_give(b);
				break;
			}
			buf_data(b)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (is_v6 && no_sum_covers(bit)) {
				assert_int_equal(verdict(b), WIRE_OK);
				continue;
			}
			assert_int_not_equal(verdict(b), WIRE_OK);
		}
	}
}

static void
the_ports_word_on_checksums_is_taken(void **state)
{
	static const struct {
		uint64_t flags;
		bool is_spoilt;
		enum wire_drop drop;
	} step[] = {
		{ 0, true, WIRE_DROP_TCP_CHECKSUM },
		{ RTE_MBUF_F_RX_L4_CKSUM_GOOD, true, WIRE_OK },
		{ RTE_MBUF_F_RX_L4_CKSUM_NONE, true, WIRE_OK },
		{ RTE_MBUF_F_RX_L4_CKSUM_BAD, false, WIRE_DROP_TCP_CHECKSUM },
		{ RTE_MBUF_F_RX_IP_CKSUM_BAD, false, WIRE_DROP_IP4_CHECKSUM },
		{ RTE_MBUF_F_RX_IP_CKSUM_GOOD, false, WIRE_OK },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		struct buf *b = tcp_frame(v4(10, 0, 0, 2), v4(10, 0, 0, 1), 9);

		b->m.ol_flags = step[i].flags;
		if (step[i].is_spoilt)
			buf_data(b)[b->m.data_len - 1] ^= 1;
		assert_int_equal(verdict(b), step[i].drop);
	}
}

static void
martians_are_refused_by_name(void **state)
{
	struct ip_addr us = v4(10, 0, 0, 1), them = v4(10, 0, 0, 2), us6 = v6(0x20, 1, 1);

	(void)state;
	assert_int_equal(verdict(tcp_frame(v4(0, 0, 0, 0), us, 1)), WIRE_DROP_IP_MARTIAN_SOURCE);
	assert_int_equal(verdict(tcp_frame(v4(127, 0, 0, 1), us, 1)), WIRE_DROP_IP_MARTIAN_SOURCE);
	assert_int_equal(verdict(tcp_frame(v4(224, 0, 0, 1), us, 1)), WIRE_DROP_IP_MARTIAN_SOURCE);
	assert_int_equal(verdict(tcp_frame(v4(255, 255, 255, 255), us, 1)),
			 WIRE_DROP_IP_MARTIAN_SOURCE);
	assert_int_equal(verdict(tcp_frame(us, us, 1)), WIRE_DROP_IP_MARTIAN_SOURCE);
	assert_int_equal(verdict(tcp_frame(them, v4(127, 0, 0, 1), 1)),
			 WIRE_DROP_IP_MARTIAN_DESTINATION);
	assert_int_equal(verdict(tcp_frame(them, v4(224, 0, 0, 9), 1)),
			 WIRE_DROP_IP_MARTIAN_DESTINATION);
	assert_int_equal(verdict(tcp_frame(them, v4(255, 255, 255, 255), 1)),
			 WIRE_DROP_IP_MARTIAN_DESTINATION);
	assert_int_equal(verdict(tcp_frame(v6(0, 0, 1), us6, 1)), WIRE_DROP_IP_MARTIAN_SOURCE);
	assert_int_equal(verdict(tcp_frame(v6(0, 0, 0), us6, 1)), WIRE_DROP_IP_MARTIAN_SOURCE);
	assert_int_equal(verdict(tcp_frame(v6(0xff, 2, 1), us6, 1)), WIRE_DROP_IP_MARTIAN_SOURCE);
	assert_int_equal(verdict(tcp_frame(us6, v6(0xff, 2, 1), 1)),
			 WIRE_DROP_IP_MARTIAN_DESTINATION);
}

/* ::ffff:10.0.0.2 in an IPv6 packet is not 10.0.0.2. */
static void
mapped_addresses_in_ip6_are_martians(void **state)
{
	struct ip_addr mapped = v4(10, 0, 0, 2);
	struct buf *b = tcp_frame(v6(0x20, 1, 2), v6(0x20, 1, 1), 1);

	(void)state;
	memcpy(buf_data(b) + 14 + 8, mapped.b, 16);
	assert_int_equal(verdict(b), WIRE_DROP_IP_MARTIAN_SOURCE);
	b = tcp_frame(v6(0x20, 1, 2), v6(0x20, 1, 1), 1);
	memcpy(buf_data(b) + 14 + 24, mapped.b, 16);
	assert_int_equal(verdict(b), WIRE_DROP_IP_MARTIAN_DESTINATION);
}

static void
the_link_layer_must_mean_us(void **state)
{
	const struct wire_port tagged = { .mac = port.mac, .vlan = 7 };
	struct buf *b = tcp_frame(v4(10, 0, 0, 2), v4(10, 0, 0, 1), 1);
	struct wire_packet packet;
	struct tcp_seg seg;

	(void)state;
	buf_data(b)[5] = 2;
	assert_int_equal(decode(b, &packet, &seg), WIRE_DROP_OTHER_MAC);
	memset(buf_data(b), 0xff, 6);
	assert_int_equal(decode(b, &packet, &seg), WIRE_DROP_IP_LINK_BROADCAST);
	memcpy(buf_data(b), port.mac.b, 6);
	assert_int_equal(wire_decode(b, &tagged, &packet, &seg), WIRE_DROP_VLAN);
	b->m.ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	b->m.vlan_tci = 0xe007;
	assert_int_equal(wire_decode(b, &tagged, &packet, &seg), WIRE_OK);
	b->m.ol_flags = 0;
	b->m.data_off = (uint16_t)(b->m.data_off + 14);
	b->m.data_len = (uint16_t)(b->m.data_len - 14);
	b->m.pkt_len -= 14;
	add_eth(b, 7, ETH_TYPE_IP4);
	assert_int_equal(wire_decode(b, &tagged, &packet, &seg), WIRE_OK);
	assert_int_equal(packet.l3_off, 18);
	assert_int_equal(decode(b, &packet, &seg), WIRE_DROP_VLAN);
	buf_data(b)[16] = 0x88; /* the type behind the tag */
	assert_int_equal(wire_decode(b, &tagged, &packet, &seg), WIRE_DROP_ETHERTYPE);
	buf_give(b);
	b = buf_take(pool);
	memset(buf_append(b, 13), 0, 13);
	assert_int_equal(verdict(b), WIRE_DROP_RUNT);
}

/* An IP packet around n bytes of an upper protocol. */
static struct buf *
ip_frame(struct ip_addr src, struct ip_addr dst, uint8_t protocol, uint8_t hop_limit,
	 const void *upper, uint32_t n)
{
	struct buf *b = buf_take(pool);
	struct ip ip = {
		.src = src, .dst = dst, .protocol = protocol, .hop_limit = hop_limit, .payload_n = n
	};

	memcpy(buf_append(b, n), upper, n);
	ip_emit(&ip, buf_prepend(b, ip_size(&src)));
	add_eth(b, 0, ip_is_v4(&src) ? ETH_TYPE_IP4 : ETH_TYPE_IP6);
	return b;
}

static void
echo_requests_errors_and_nd_are_told_apart(void **state)
{
	struct ip_addr src = v6(0xfe, 0x80, 2), dst = v6(0xfe, 0x80, 1);
	struct nd nd = { .target = dst };
	uint8_t message[ND_SIZE_MAX], echo[12] = { 8, 0, 0, 0, 1, 2, 3, 4, 'p', 'i', 'n', 'g' };
	struct be16 sum = csum_done(csum_add(echo, sizeof(echo)));
	struct wire_packet packet;
	struct tcp_seg seg;
	struct buf *b;

	(void)state;
	nd_emit(&nd, &src, &dst, message);
	b = ip_frame(src, dst, IP_PROTO_ICMP6, 255, message, ND_SIZE);
	assert_int_equal(decode(b, &packet, &seg), WIRE_OK);
	assert_int_equal(packet.kind, WIRE_ND);
	assert_true(ip_eq(&packet.nd.target, &dst));
	buf_give(b);
	assert_int_equal(verdict(ip_frame(src, dst, IP_PROTO_ICMP6, 64, message, ND_SIZE)),
			 WIRE_DROP_ND_HOP_LIMIT);
	message[23] ^= 1;
	assert_int_equal(verdict(ip_frame(src, dst, IP_PROTO_ICMP6, 255, message, ND_SIZE)),
			 WIRE_DROP_ICMP_CHECKSUM);

	memcpy(echo + 2, &sum, 2);
	src = v4(10, 0, 0, 2);
	b = ip_frame(src, v4(10, 0, 0, 1), IP_PROTO_ICMP, 64, echo, sizeof(echo));
	assert_int_equal(decode(b, &packet, &seg), WIRE_OK);
	assert_int_equal(packet.kind, WIRE_ECHO);
	assert_int_equal(packet.l4_n, 12);
	buf_give(b);
	assert_int_equal(verdict(ip_frame(src, v4(10, 0, 0, 1), IP_PROTO_ICMP, 64, echo, 7)),
			 WIRE_DROP_ICMP_TRUNCATED);
	assert_int_equal(verdict(ip_frame(src, v4(10, 0, 0, 1), 17, 64, echo, 12)),
			 WIRE_DROP_IP_PROTOCOL);
	assert_int_equal(verdict(ip_frame(src, v4(10, 0, 0, 1), IP_PROTO_ICMP6, 64, echo, 12)),
			 WIRE_DROP_IP_PROTOCOL);
}

/* RFC 6980, 5: an atomic fragment's header, too; echo requests may have it. */
static void
nd_behind_a_fragment_header_is_refused(void **state)
{
	static const uint8_t atomic[8] = { IP_PROTO_ICMP6, 0, 0, 0, 1, 2, 3, 4 };
	struct ip_addr src = v6(0xfe, 0x80, 2), dst = v6(0xfe, 0x80, 1);
	uint8_t message[8 + ND_SIZE_MAX], echo[8 + 8] = { [8] = 128, [15] = 1 };
	struct nd nd = { .target = dst };
	struct be16 sum;

	(void)state;
	memcpy(message, atomic, 8);
	nd_emit(&nd, &src, &dst, message + 8);
	assert_int_equal(verdict(ip_frame(src, dst, 44, 255, message, 8 + ND_SIZE)),
			 WIRE_DROP_ND_FRAGMENT);
	nd.is_advert = true;
	nd_emit(&nd, &src, &dst, message + 8);
	assert_int_equal(verdict(ip_frame(src, dst, 44, 255, message, 8 + ND_SIZE)),
			 WIRE_DROP_ND_FRAGMENT);
	assert_int_equal(verdict(ip_frame(src, dst, IP_PROTO_ICMP6, 255, message + 8, ND_SIZE)),
			 WIRE_OK);
	memcpy(echo, atomic, 8);
	sum = csum_done(
		csum_join(csum_pseudo(&src, &dst, IP_PROTO_ICMP6, 8), csum_add(echo + 8, 8)));
	memcpy(echo + 10, &sum, 2);
	assert_int_equal(verdict(ip_frame(src, dst, 44, 64, echo, sizeof(echo))), WIRE_OK);
}

static void
every_reason_has_its_own_word_and_counter(void **state)
{
	static struct counters count;
	uint64_t sum = 0;

	(void)state;
	for (uint32_t i = 1; i < WIRE_DROPS_N; i++) {
		wire_drop_count(&count, (enum wire_drop)i);
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(wire_drop_name((enum wire_drop)i),
						wire_drop_name((enum wire_drop)k));
	}
	for (uint32_t i = 0; i < sizeof(count) / sizeof(uint64_t); i++) {
		assert_true(((const uint64_t *)&count)[i] <= 1);
		sum += ((const uint64_t *)&count)[i];
	}
	assert_int_equal(sum, WIRE_DROPS_N - 1);
	assert_int_equal(count.wire_drop_tcp_checksum, 1);
	assert_string_equal(wire_drop_name(WIRE_DROP_IP4_FRAGMENT), "ip4_fragment");
	assert_string_equal(wire_kind_name(WIRE_ICMP_ERROR), "icmp_error");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_is_decoded_and_its_padding_cut),
		cmocka_unit_test(a_payload_is_sent_on_without_being_read_again),
		cmocka_unit_test(a_trusted_wire_is_taken_at_its_word),
		cmocka_unit_test(payload_may_go_on_in_further_buffers_headers_may_not),
		cmocka_unit_test(every_flipped_bit_of_a_segment_is_noticed),
		cmocka_unit_test(the_ports_word_on_checksums_is_taken),
		cmocka_unit_test(martians_are_refused_by_name),
		cmocka_unit_test(mapped_addresses_in_ip6_are_martians),
		cmocka_unit_test(the_link_layer_must_mean_us),
		cmocka_unit_test(echo_requests_errors_and_nd_are_told_apart),
		cmocka_unit_test(nd_behind_a_fragment_header_is_refused),
		cmocka_unit_test(every_reason_has_its_own_word_and_counter),
	};
	int failed;

	pool = buf_heap_open(16);
	failed = cmocka_run_group_tests_name("decode", tests, NULL, NULL);
	buf_heap_close(pool);
	return failed;
}
