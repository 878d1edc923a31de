/*
 * test_seg.c - TCP headers: what is emitted is parsed to the same struct, options of every shape,
 * whole packets with and without a port's help.
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
#include "wire/seg.h"

static struct tcp_seg
random_seg(struct prng *prng)
{
	struct tcp_seg seg = {
		.src_port = (uint16_t)(1 + prng_below(prng, 65535)),
		.dst_port = (uint16_t)(1 + prng_below(prng, 65535)),
		.seq = seq_of(prng_u32(prng)),
		.ack = seq_of(prng_u32(prng)),
		.wnd = (uint16_t)prng_u32(prng),
		.flags = (uint8_t)prng_u32(prng),
		.has_ts = prng_one_in(prng, 2),
	};

	if ((seg.flags & TCP_SYN) != 0) {
		seg.flags &= (uint8_t) ~(TCP_FIN | TCP_RST);
		seg.mss = prng_one_in(prng, 2) ? (uint16_t)prng_u32(prng) : 0;
		seg.has_sack_ok = prng_one_in(prng, 2);
		seg.has_wscale = prng_one_in(prng, 2);
		seg.wscale = seg.has_wscale ? (uint8_t)prng_u32(prng) : 0;
	} else {
		seg.sack_n = (uint8_t)prng_below(prng, seg.has_ts ? 4 : 5);
	}
	if (seg.has_ts) {
		seg.ts_val = prng_u32(prng);
		seg.ts_ecr = prng_u32(prng);
	}
	for (uint32_t i = 0; i < seg.sack_n; i++)
		seg.sack[i] = (struct seg_sack){ seq_of(prng_u32(prng)), seq_of(prng_u32(prng)) };
	return seg;
}

static void
segments_round_trip(void **state)
{
	struct prng prng;

	(void)state;
	prng_init(&prng, 31);
	for (uint32_t i = 0; i < 20000; i++) {
		struct tcp_seg in = random_seg(&prng), out = { 0 };
		uint32_t n = seg_header_size(&in);
		uint8_t bytes[SEG_HEADER_MAX];

		assert_true(n <= SEG_HEADER_MAX && n % 4 == 0);
		seg_emit(&in, bytes);
		in.payload_off = (uint16_t)n;
		in.payload_n = prng_below(&prng, 5000);
		assert_int_equal(seg_parse(bytes, n, n + in.payload_n, &out), WIRE_OK);
		assert_memory_equal(&in, &out, sizeof(in));
		assert_int_equal(seg_parse(bytes, n - 1, n + 100, &out), WIRE_DROP_SPLIT_HEADERS);
		if (n > SEG_HEADER)
			assert_int_equal(seg_parse(bytes, n - 1, n - 1, &out),
					 WIRE_DROP_TCP_HEADER_LENGTH);
	}
}

/* A segment with these flags and options. */
static enum wire_drop
parse(uint8_t flags, const char *options, uint32_t n, struct tcp_seg *ret_seg)
{
	uint8_t p[60] = { 0, 1, 0, 2, [12] = (uint8_t)((20 + n) / 4 << 4), flags };

	memcpy(p + 20, options, n);
	*ret_seg = (struct tcp_seg){ 0 };
	return seg_parse(p, 20 + n, 20 + n, ret_seg);
}

static void
options_of_every_shape_are_read_or_refused(void **state)
{
	struct tcp_seg seg;

	(void)state;
	assert_int_equal(parse(TCP_SYN, "\2\4\5\xb4\4\2\3\3\7\1\1\0", 12, &seg), WIRE_OK);
	assert_int_equal(seg.mss, 1460);
	assert_true(seg.has_sack_ok && seg.has_wscale);
	assert_int_equal(seg.wscale, 7);
	/* only a SYN may say these */
	assert_int_equal(parse(TCP_ACK, "\2\4\5\xb4\4\2\3\3\7\1\1\0", 12, &seg), WIRE_OK);
	assert_true(seg.mss == 0 && !seg.has_sack_ok && !seg.has_wscale);
	/* behind the end nothing counts; unknown kinds are skipped */
	assert_int_equal(parse(TCP_SYN, "\0\2\1\1", 4, &seg), WIRE_OK);
	assert_int_equal(parse(TCP_SYN, "\xfd\6zzzz\x1e\2\2\4\1\1", 12, &seg), WIRE_OK);
	assert_int_equal(seg.mss, 257);
	/* lengths that cannot be */
	assert_int_equal(parse(TCP_SYN, "\xfd\0\1\1", 4, &seg), WIRE_DROP_TCP_OPTIONS);
	assert_int_equal(parse(TCP_SYN, "\xfd\1\1\1", 4, &seg), WIRE_DROP_TCP_OPTIONS);
	assert_int_equal(parse(TCP_SYN, "\xfd\5\1\1", 4, &seg), WIRE_DROP_TCP_OPTIONS);
	assert_int_equal(parse(TCP_SYN, "\1\1\1\2", 4, &seg), WIRE_DROP_TCP_OPTIONS);
	assert_int_equal(parse(TCP_SYN, "\2\3\5\1", 4, &seg), WIRE_DROP_TCP_OPTIONS);
	assert_int_equal(parse(TCP_SYN, "\3\4\5\1", 4, &seg), WIRE_DROP_TCP_OPTIONS);
	assert_int_equal(parse(TCP_SYN, "\4\3\5\1", 4, &seg), WIRE_DROP_TCP_OPTIONS);
	assert_int_equal(parse(TCP_ACK,
			       "\x8\xb"
			       "aaaabbbbc",
			       12, &seg),
			 WIRE_DROP_TCP_OPTIONS);
	assert_int_equal(parse(TCP_ACK, "\5\2\1\1", 4, &seg), WIRE_DROP_TCP_OPTIONS);
	assert_int_equal(parse(TCP_ACK,
			       "\5\xb"
			       "aaaabbbbc\1",
			       12, &seg),
			 WIRE_DROP_TCP_OPTIONS);
	/* four blocks are the most that fit */
	assert_int_equal(parse(TCP_ACK,
			       "\1\1\5\x22"
			       "aaaabbbbccccddddeeeeffffgggghhhh",
			       36, &seg),
			 WIRE_OK);
	assert_int_equal(seg.sack_n, 4);
}

static void
impossible_ports_and_flags_are_refused(void **state)
{
	uint8_t p[20] = { 0, 0, 0, 2, [12] = 0x50 };
	struct tcp_seg seg = { 0 };

	(void)state;
	assert_int_equal(seg_parse(p, 20, 20, &seg), WIRE_DROP_TCP_PORT_ZERO);
	assert_int_equal(seg_parse(p, 19, 19, &seg), WIRE_DROP_TCP_TRUNCATED);
	p[12] = 0x40;
	assert_int_equal(seg_parse(p, 20, 20, &seg), WIRE_DROP_TCP_HEADER_LENGTH);
	assert_int_equal(parse(TCP_SYN | TCP_FIN, "", 0, &seg), WIRE_DROP_TCP_FLAGS);
	assert_int_equal(parse(TCP_SYN | TCP_RST, "", 0, &seg), WIRE_DROP_TCP_FLAGS);
	assert_int_equal(parse(0, "", 0, &seg), WIRE_OK);
}

/* The packet's bytes in one piece. */
static uint32_t
flatten(const struct buf *packet, uint8_t *to)
{
	uint32_t n = 0;

	for (const struct buf *b = packet; b != NULL; n += b->m.data_len, b = buf_next(b))
		memcpy(to + n, buf_data(b), b->m.data_len);
	return n;
}

static void
packets_carry_right_checksums_over_chains(void **state)
{
	struct buf_pool *pool = buf_heap_open(8);
	struct prng prng;

	(void)state;
	prng_init(&prng, 32);
	for (uint32_t i = 0; i < 3000; i++) {
		struct buf *head = buf_take(pool), *body = buf_take(pool);
		struct tcp_seg in = random_seg(&prng), out = { 0 };
		uint32_t n = prng_below(&prng, 900), whole;
		uint8_t bytes[2000];
		struct ip ip = { 0 };
		enum wire_drop drop;
		bool is_v4 = prng_one_in(&prng, 2);

		for (uint32_t k = 0; k < n; k++)
			*(uint8_t *)buf_append(k % 3 == 0 && k < 100 ? head : body, 1) = (uint8_t)k;
		buf_chain(head, head, body);
		in.src = is_v4 ? ip_from_v4((const uint8_t[]){ 10, 1, 2, 3 })
			       : (struct ip_addr){ .b = { 0x20, 1, [15] = 3 } };
		in.dst = is_v4 ? ip_from_v4((const uint8_t[]){ 10, 3, 2, 1 })
			       : (struct ip_addr){ .b = { 0x20, 2, [15] = 1 } };
		seg_emit_packet(&in, &(struct seg_how){ 0 }, head);
		whole = flatten(head, bytes);
		assert_int_equal(whole, ip_size(&in.src) + seg_header_size(&in) + n);
		drop = is_v4 ? ip4_parse(bytes, whole, whole, false, &ip)
			     : ip6_parse(bytes, whole, whole, &ip);
		assert_int_equal(drop, WIRE_OK);
		assert_int_equal(ip.hop_limit, 64);
		assert_int_equal(csum_done(csum_join(csum_pseudo(&in.src, &in.dst, IP_PROTO_TCP,
								 ip.payload_n),
						     csum_add(bytes + ip.header_n, ip.payload_n)))
					 .raw,
				 0);
		assert_int_equal(seg_parse(bytes + ip.header_n, ip.payload_n, ip.payload_n, &out),
				 WIRE_OK);
		assert_int_equal(out.payload_n, n);
		buf_give(head);
	}
	buf_heap_close(pool);
}

/* rte_mbuf_core.h, RTE_MBUF_F_TX_TCP_SEG: the pseudo header goes into the field. */
static void
a_port_that_helps_gets_flags_and_prepared_fields(void **state)
{
	struct buf_pool *pool = buf_heap_open(1);
	struct buf *b = buf_take(pool);
	struct tcp_seg seg = { .src = ip_from_v4((const uint8_t[]){ 10, 1, 2, 3 }),
			       .dst = ip_from_v4((const uint8_t[]){ 10, 1, 2, 4 }),
			       .src_port = 1,
			       .dst_port = 2 };
	struct be16 field;

	(void)state;
	memset(buf_append(b, 2000), 'x', 2000);
	b->m.ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	seg_emit_packet(&seg, &(struct seg_how){ .csum_tx = true, .tso_mss = 1000 }, b);
	assert_true(b->m.ol_flags ==
		    (RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG));
	assert_int_equal(b->m.tso_segsz, 1000);
	assert_int_equal(b->m.l3_len, 20);
	assert_int_equal(b->m.l4_len, seg_header_size(&seg));
	assert_int_equal(csum_done(csum_add(buf_data(b), 20)).raw, 0); /* IPv4's is always ours */
	memcpy(&field, buf_data(b) + 36, 2);
	assert_int_equal(field.raw, csum_fold(csum_pseudo(&seg.src, &seg.dst, IP_PROTO_TCP, 0)));
	buf_give(b);
	buf_heap_close(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_round_trip),
		cmocka_unit_test(options_of_every_shape_are_read_or_refused),
		cmocka_unit_test(impossible_ports_and_flags_are_refused),
		cmocka_unit_test(packets_carry_right_checksums_over_chains),
		cmocka_unit_test(a_port_that_helps_gets_flags_and_prepared_fields),
	};

	return cmocka_run_group_tests_name("seg", tests, NULL, NULL);
}
