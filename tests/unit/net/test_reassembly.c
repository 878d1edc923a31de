/*
 * test_reassembly.c - fragments put together: order, marks, time, limits, and what senders hear of
 * it. What is wrong with one: test_fragments.c.
 */
#include "pieces.h"

#include "base/prng.h"

/* ---- order ---- */

static void
all_orders(bool is_v6)
{
	static const uint32_t cut[] = { 0, 104, 1480, 2000, 2961 };
	struct link l;

	open_with(&l, 0);
	make_segment(is_v6, cut[4]);
	for (uint32_t order = 0; order < 256; order++) {
		uint32_t seen = 0;
		struct buf *whole = NULL;

		for (uint32_t i = 0; i < 4; i++)
			seen |= 1u << (order >> 2 * i & 3);
		if (seen != 15)
			continue;
		for (uint32_t i = 0; i < 4; i++) {
			uint32_t k = order >> 2 * i & 3;

			assert_null(whole);
			whole = offer(&l, (struct piece){ .is_v6 = is_v6,
							  .id = order,
							  .off = cut[k],
							  .n = cut[k + 1] - cut[k],
							  .more = k < 3 });
		}
		assert_whole(whole, cut[4]);
		assert_int_equal(net_fragment_bufs(l.net), 0);
	}
	assert_int_equal(l.count.net_reassembled, 24);
	assert_int_equal(l.count.net_fragments, 4 * 24);
	close_empty(&l);
}

/* RFC 791, 3.2; RFC 8200, 4.5. */
static void
pieces_in_any_order_make_the_packet(void **state)
{
	(void)state;
	all_orders(false);
	all_orders(true);
}

/* Frames in two buffers, cut in the payload and just in front of it. */
static void
pieces_may_lie_in_several_buffers(void **state)
{
	static const uint8_t cuts[] = { 34, 35, 60, 99 };
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 700);
	for (uint32_t i = 0; i < 4; i++) {
		offer_more(&l, (struct piece){ .id = i, .off = 400, .n = 300, .split = cuts[i] });
		assert_int_equal(net_fragment_bufs(l.net), 2);
		offer_more(&l, (struct piece){ .id = i, .n = 200, .more = true, .split = 99 });
		assert_whole(offer(&l, (struct piece){ .id = i,
						       .off = 200,
						       .n = 200,
						       .more = true,
						       .split = cuts[i] }),
			     700);
	}
	close_empty(&l);
}

/* What belongs together is told by addresses, identification and IPv4's protocol. */
static void
packets_of_different_keys_do_not_mix(void **state)
{
	struct piece first = { .id = 5, .n = 104, .more = true };
	struct piece last = { .id = 5, .off = 104, .n = 96 }, other;
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 200);
	offer_more(&l, first);
	other = last;
	other.id = 6;
	offer_more(&l, other);
	other = last;
	other.src = "10.0.0.8";
	offer_more(&l, other);
	other = last;
	other.protocol = IP_PROTO_ICMP;
	offer_more(&l, other);
	assert_whole(offer(&l, last), 200);
	assert_int_equal(net_fragment_bufs(l.net), 3);
	net_drop_fragments(l.net, FRAG_DROP_OFF);
	assert_int_equal(l.count.net_frag_drop_off, 3);
	close_empty(&l);
}

/* Several packets at once, their pieces shuffled, some twice. */
static void
shuffled_pieces_of_many_packets_give_equal_bytes(void **state)
{
	struct prng prng;
	struct link l;

	(void)state;
	open_with(&l, 0);
	prng_init(&prng, 7);
	for (uint32_t round = 0; round < 60; round++) {
		bool is_v6 = round % 2 == 1;
		struct piece piece[6 * 40];
		uint32_t n = 0, whole_n = 0, total = 60 + prng_u32(&prng) % 8000;

		make_segment(is_v6, total);
		for (uint32_t id = 0; id < 6; id++) {
			for (uint32_t off = 0; off < total;) {
				uint32_t size = off == 0 ? 24 : 256 + prng_u32(&prng) % 140 * 8;

				if (off + size > total)
					size = total - off;
				piece[n++] = (struct piece){ .is_v6 = is_v6,
							     .id = round << 8 | id,
							     .off = off,
							     .n = size,
							     .more = off + size < total };
				if (prng_u32(&prng) % 8 == 0) {
					piece[n] = piece[n - 1];
					n++;
				}
				off += size;
			}
		}
		for (uint32_t i = n - 1; i > 0; i--) {
			uint32_t k = prng_u32(&prng) % (i + 1);
			struct piece was = piece[i];

			piece[i] = piece[k];
			piece[k] = was;
		}
		for (uint32_t i = 0; i < n; i++) {
			struct buf *whole = offer(&l, piece[i]);

			if (whole != NULL) {
				assert_whole(whole, total);
				whole_n++;
			}
		}
		assert_int_equal(whole_n, 6);
		link_wait(&l, 61 * S); /* what came again after its packet was whole */
		link_clear(&l);
		assert_int_equal(net_fragment_bufs(l.net), 0);
	}
	assert_int_equal(l.count.net_frag_drop_overlap, 0);
	assert_true(l.count.net_frag_drop_duplicate > 50);
	close_empty(&l);
}

/* ---- marks ---- */

/* RFC 3168, 5.3. */
static void
marks_of_the_pieces_are_merged(void **state)
{
	static const struct {
		uint8_t a, b, whole;
		bool is_dropped;
	} cases[] = {
		{ 0, 0, 0, false }, { 1, 1, 1, false }, { 2, 2, 2, false }, { 3, 3, 3, false },
		{ 2, 3, 3, false }, { 3, 2, 3, false }, { 1, 3, 3, false }, { 0, 3, 0, true },
		{ 3, 0, 0, true },  { 2, 0, 2, false }, { 0, 2, 0, false },
	};
	struct link l;
	uint64_t dropped = 0;

	(void)state;
	open_with(&l, 0);
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		make_segment(v6, 600);
		for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct piece first = {
				.is_v6 = v6, .id = i, .n = 304, .more = true, .ecn = cases[i].a
			};
			struct piece last = {
				.is_v6 = v6, .id = i, .off = 304, .n = 296, .ecn = cases[i].b
			};

			offer_more(&l, last);
			if (cases[i].is_dropped) {
				offer_more(&l, first);
				dropped += 2;
			} else {
				assert_int_equal(assert_whole(offer(&l, first), 600),
						 cases[i].whole);
			}
			assert_int_equal(l.count.net_frag_drop_ecn, dropped);
		}
	}
	close_empty(&l);
}

/* ---- time ---- */

static void
time_out(bool is_v6, bool has_first, uint32_t seconds)
{
	uint32_t header_n = is_v6 ? IP6_HEADER : IP4_HEADER;
	const uint8_t *p;
	struct link l;

	open_with(&l, 0);
	make_segment(is_v6, 600);
	offer_more(&l, (struct piece){ .is_v6 = is_v6, .off = 200, .n = 200, .more = true });
	link_wait(&l, 5 * S);
	if (has_first)
		offer_more(&l, (struct piece){ .is_v6 = is_v6, .n = 200, .more = true });
	link_wait(&l, (seconds - 5) * S - S / 10);
	assert_int_equal(l.count.net_frag_drop_timeout, 0);
	link_wait(&l, S / 5);
	assert_int_equal(l.count.net_frag_drop_timeout, has_first ? 2 : 1);
	assert_int_equal(net_fragment_bufs(l.net), 0);
	assert_int_equal(l.out.frame_n, has_first);
	if (has_first) {
		p = buf_data(l.out.frame[0]) + ETH_HEADER + header_n;
		assert_int_equal(p[0], is_v6 ? ICMP6_TIME_EXCEEDED : ICMP4_TIME_EXCEEDED);
		assert_int_equal(p[1], 1);
		/* The first fragment is quoted. */
		assert_memory_equal(p + ICMP_HEADER + header_n + (is_v6 ? 8 : 0), body, 100);
	}
	/* The last alone is nothing any more. */
	offer_more(&l, (struct piece){ .is_v6 = is_v6, .off = 400, .n = 200 });
	net_drop_fragments(l.net, FRAG_DROP_OFF);
	close_empty(&l);
}

/* RFC 1122, 3.3.2 and 3.2.2.4; RFC 8200, 4.5; RFC 4443, 3.3. */
static void
a_packet_that_does_not_get_whole_ends_in_time(void **state)
{
	(void)state;
	time_out(false, true, 15);
	time_out(false, false, 15);
	time_out(true, true, 60);
	time_out(true, false, 60);
}

static void
senders_of_many_late_packets_hear_of_ten_at_once(void **state)
{
	char src[64][16];
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	for (uint32_t i = 0; i < 64; i++) {
		snprintf(src[i], sizeof(src[i]), "10.0.0.%u", 20 + i);
		offer_more(&l, (struct piece){ .src = src[i], .n = 104, .more = true });
	}
	link_wait(&l, 16 * S);
	assert_int_equal(l.count.net_frag_drop_timeout, 64);
	assert_int_equal(l.count.net_icmp_errors, 10);
	assert_int_equal(l.count.net_icmp_errors_limited, 54);
	close_empty(&l);
}

/* ---- limits ---- */

static void
a_source_keeps_eight_packets(void **state)
{
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	offer_more(&l, (struct piece){ .src = "10.0.0.8", .id = 100, .n = 104, .more = true });
	for (uint32_t i = 0; i < 9; i++, l.now++)
		offer_more(&l, (struct piece){ .id = i, .n = 104, .more = true });
	assert_int_equal(l.count.net_frag_drop_source, 1);
	assert_int_equal(net_fragment_bufs(l.net), 9);
	/* The oldest of the same source has gone, the others are there. */
	for (uint32_t i = 1; i < 9; i++)
		assert_whole(offer(&l, (struct piece){ .id = i, .off = 104, .n = 496 }), 600);
	assert_int_equal(net_fragment_bufs(l.net), 1);
	/* IPv6: a source is a /64. */
	make_segment(true, 600);
	for (uint32_t i = 0; i < 12; i++, l.now++) {
		char src[40];

		snprintf(src, sizeof(src), "2001:db8:1:2::%x", i + 1);
		offer_more(&l, (struct piece){ .is_v6 = true, .src = src, .n = 104, .more = true });
	}
	assert_int_equal(l.count.net_frag_drop_source, 5);
	net_drop_fragments(l.net, FRAG_DROP_OFF);
	close_empty(&l);
}

static void
of_64_packets_the_oldest_makes_room(void **state)
{
	char src[65][16];
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	for (uint32_t i = 0; i < 65; i++, l.now++) {
		snprintf(src[i], sizeof(src[i]), "10.0.0.%u", 20 + i);
		offer_more(&l, (struct piece){ .src = src[i], .n = 104, .more = true });
	}
	assert_int_equal(l.count.net_frag_drop_room, 1);
	assert_int_equal(net_fragment_bufs(l.net), 64);
	offer_more(&l, (struct piece){ .src = src[0], .off = 104, .n = 496 });
	assert_int_equal(l.count.net_frag_drop_room, 2); /* its rest is a new one */
	assert_int_equal(l.count.net_reassembled, 0);
	buf_give(offer(&l, (struct piece){ .src = src[64], .off = 104, .n = 496 }));
	assert_int_equal(l.count.net_reassembled, 1);
	net_drop_fragments(l.net, FRAG_DROP_OFF);
	close_empty(&l);
}

static void
a_packet_in_more_than_48_buffers_is_refused(void **state)
{
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 49 * 24);
	for (uint32_t i = 0; i < 48; i++)
		offer_more(&l, (struct piece){ .off = 24 * i, .n = 24, .more = true });
	assert_int_equal(net_fragment_bufs(l.net), 48);
	offer_more(&l, (struct piece){ .off = 24 * 48, .n = 24 });
	assert_int_equal(l.count.net_frag_drop_too_many, 49);
	assert_int_equal(net_fragment_bufs(l.net), 0);
	offer_more(&l, (struct piece){ .off = 0, .n = 24, .more = true });
	assert_int_equal(l.count.net_frag_drop_too_many, 50);
	/* And 48 are enough. */
	make_segment(false, 48 * 24);
	for (uint32_t i = 0; i < 47; i++)
		offer_more(&l, (struct piece){ .id = 1, .off = 24 * i, .n = 24, .more = true });
	assert_whole(offer(&l, (struct piece){ .id = 1, .off = 24 * 47, .n = 24 }), 48 * 24);
	close_empty(&l);
}

static void
buffers_in_all_are_bounded_and_the_oldest_packet_goes_first(void **state)
{
	char src[6][16];
	struct link l;

	(void)state;
	open_with(&l, 16);
	make_segment(false, 600);
	for (uint32_t i = 0; i < 6; i++, l.now++) {
		snprintf(src[i], sizeof(src[i]), "10.0.0.%u", 20 + i);
		for (uint32_t k = 0; k < 3; k++)
			offer_more(&l,
				   (struct piece){
					   .src = src[i], .off = 104 * k, .n = 104, .more = true });
		assert_true(net_fragment_bufs(l.net) <= 16);
	}
	assert_int_equal(l.count.net_frag_drop_room, 3);
	assert_int_equal(net_fragment_bufs(l.net), 15);
	/* A packet that wants more than there may be. */
	make_segment(false, 17 * 24);
	for (uint32_t k = 0; k < 17; k++)
		offer_more(&l, (struct piece){ .id = 9, .off = 24 * k, .n = 24, .more = k < 16 });
	assert_int_equal(l.count.net_frag_drop_room, 18);
	assert_int_equal(l.count.net_frag_drop_too_many, 17);
	close_empty(&l);
}

static void
all_of_them_used_up_are_512_buffers(void **state)
{
	char src[16];
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 41 * 24);
	for (uint32_t i = 0; i < 16; i++, l.now++) {
		snprintf(src, sizeof(src), "10.0.0.%u", 20 + i);
		for (uint32_t k = 0; k < 40; k++)
			offer_more(&l, (struct piece){
					       .src = src, .off = 24 * k, .n = 24, .more = true });
		assert_true(net_fragment_bufs(l.net) <= 512);
	}
	assert_int_equal(l.count.net_frag_drop_room, 16 * 40 - net_fragment_bufs(l.net));
	assert_int_equal(net_fragment_bufs(l.net), 480);
	net_drop_fragments(l.net, FRAG_DROP_PRESSURE);
	assert_int_equal(l.count.net_frag_drop_pressure, 480);
	close_empty(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_in_any_order_make_the_packet),
		cmocka_unit_test(pieces_may_lie_in_several_buffers),
		cmocka_unit_test(packets_of_different_keys_do_not_mix),
		cmocka_unit_test(shuffled_pieces_of_many_packets_give_equal_bytes),
		cmocka_unit_test(marks_of_the_pieces_are_merged),
		cmocka_unit_test(a_packet_that_does_not_get_whole_ends_in_time),
		cmocka_unit_test(senders_of_many_late_packets_hear_of_ten_at_once),
		cmocka_unit_test(a_source_keeps_eight_packets),
		cmocka_unit_test(of_64_packets_the_oldest_makes_room),
		cmocka_unit_test(a_packet_in_more_than_48_buffers_is_refused),
		cmocka_unit_test(buffers_in_all_are_bounded_and_the_oldest_packet_goes_first),
		cmocka_unit_test(all_of_them_used_up_are_512_buffers),
	};

	return cmocka_run_group_tests_name("reassembly", tests, NULL, NULL);
}
