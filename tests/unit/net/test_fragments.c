/*
 * test_fragments.c - fragments that are refused, and what others have around them. Those that are
 * put together: test_reassembly.c.
 */
#include "pieces.h"

/* ---- what is wrong with one ---- */

/* RFC 8200, 4.5: exact duplicates, unlike overlaps, may be dropped alone. */
static void
an_exact_duplicate_is_dropped_in_silence(void **state)
{
	struct link l;

	(void)state;
	open_with(&l, 0);
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		struct piece first = { .is_v6 = v6, .n = 104, .more = true };
		struct piece last = { .is_v6 = v6, .off = 200, .n = 100 };

		make_segment(v6, 300);
		for (uint32_t i = 0; i < 3; i++) {
			offer_more(&l, last);
			offer_more(&l, first);
		}
		assert_whole(
			offer(&l, (struct piece){ .is_v6 = v6, .off = 104, .n = 96, .more = true }),
			300);
	}
	assert_int_equal(l.count.net_frag_drop_duplicate, 8);
	assert_int_equal(l.out.frame_n, 0);
	close_empty(&l);
}

/* RFC 5722; RFC 8200, 4.5: the packet ends, with all that comes of it later. */
static void
overlap(bool is_v6, uint32_t off, uint32_t n, bool more)
{
	struct link l;

	open_with(&l, 0);
	make_segment(is_v6, 600);
	offer_more(&l, (struct piece){ .is_v6 = is_v6, .n = 104, .more = true });
	offer_more(&l, (struct piece){ .is_v6 = is_v6, .off = 200, .n = 200, .more = true });
	assert_int_equal(net_fragment_bufs(l.net), 2);
	offer_more(&l, (struct piece){ .is_v6 = is_v6, .off = off, .n = n, .more = more });
	assert_int_equal(l.count.net_frag_drop_overlap, 3);
	assert_int_equal(net_fragment_bufs(l.net), 0);
	offer_more(&l, (struct piece){ .is_v6 = is_v6, .n = 200, .more = true });
	offer_more(&l, (struct piece){ .is_v6 = is_v6, .off = 200, .n = 400 });
	assert_int_equal(l.count.net_frag_drop_overlap, 5);
	assert_int_equal(l.count.net_reassembled, 0);
	/* Until its time is over. */
	link_wait(&l, 61 * S);
	assert_int_equal(l.out.frame_n, 0);
	offer_more(&l, (struct piece){ .is_v6 = is_v6, .n = 200, .more = true });
	assert_whole(offer(&l, (struct piece){ .is_v6 = is_v6, .off = 200, .n = 400 }), 600);
	close_empty(&l);
}

static void
any_overlap_ends_the_packet(void **state)
{
	(void)state;
	for (uint32_t v6 = 0; v6 < 2; v6++) {
		overlap(v6, 96, 64, true);    /* into the one before */
		overlap(v6, 160, 48, true);   /* into the one behind */
		overlap(v6, 208, 80, true);   /* inside of one */
		overlap(v6, 192, 240, true);  /* around one */
		overlap(v6, 200, 104, true);  /* the same beginning */
		overlap(v6, 200, 200, false); /* the same place, but as the last */
		overlap(v6, 304, 64, false);  /* the end in front of what is here */
	}
}

static void
the_same_place_with_other_bytes_is_an_overlap(void **state)
{
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	offer_more(&l, (struct piece){ .n = 104, .more = true });
	body[50] ^= 1;
	offer_more(&l, (struct piece){ .n = 104, .more = true });
	assert_int_equal(l.count.net_frag_drop_duplicate, 0);
	assert_int_equal(l.count.net_frag_drop_overlap, 2);
	close_empty(&l);
}

static void
two_different_ends_end_the_packet(void **state)
{
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	offer_more(&l, (struct piece){ .off = 400, .n = 200 });
	offer_more(&l, (struct piece){ .off = 200, .n = 104 });
	assert_int_equal(l.count.net_frag_drop_overlap, 2);
	offer_more(&l, (struct piece){ .id = 1, .off = 400, .n = 104 });
	offer_more(&l, (struct piece){ .id = 1, .off = 504, .n = 96, .more = true });
	assert_int_equal(l.count.net_frag_drop_overlap, 4);
	close_empty(&l);
}

/* RFC 1858 and 3128; RFC 7112. */
static void
a_first_piece_without_all_of_tcps_header_is_refused(void **state)
{
	const uint8_t *p;
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	offer_more(&l, (struct piece){ .n = 16, .more = true });
	offer_more(&l, (struct piece){ .off = 8, .n = 64, .more = true });
	offer_more(&l, (struct piece){ .off = 16, .n = 64, .more = true });
	body[12] = 0x80; /* options to byte 32 */
	offer_more(&l, (struct piece){ .n = 24, .more = true });
	assert_int_equal(l.count.net_frag_drop_tiny, 4);
	assert_int_equal(l.out.frame_n, 0);
	offer_more(&l, (struct piece){ .is_v6 = true, .n = 16, .more = true });
	assert_int_equal(l.count.net_frag_drop_tiny, 5);
	assert_int_equal(l.out.frame_n, 1);
	p = buf_data(l.out.frame[0]) + ETH_HEADER + IP6_HEADER;
	assert_int_equal(p[0], ICMP6_PARAMETER);
	assert_int_equal(p[1], 3);
	/* Not all in the first buffer is as good as not there. */
	make_segment(false, 600);
	offer_more(&l, (struct piece){ .n = 104, .more = true, .split = 50 });
	assert_int_equal(l.count.net_frag_drop_tiny, 6);
	close_empty(&l);
}

static void
pieces_of_odd_size_or_of_nothing_are_malformed(void **state)
{
	const uint8_t *p;
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	offer_more(&l, (struct piece){ .n = 101, .more = true });
	offer_more(&l, (struct piece){ .off = 104, .n = 0 });
	assert_int_equal(l.out.frame_n, 0);
	offer_more(&l, (struct piece){ .is_v6 = true, .n = 101, .more = true });
	assert_int_equal(l.count.net_frag_drop_malformed, 3);
	assert_int_equal(l.out.frame_n, 1);
	p = buf_data(l.out.frame[0]) + ETH_HEADER + IP6_HEADER;
	assert_int_equal(p[0], ICMP6_PARAMETER);
	assert_int_equal(p[1], 0);
	assert_int_equal(p[7], 4); /* points to the payload length */
	close_empty(&l);
}

static void
a_packet_beyond_65535_bytes_is_refused(void **state)
{
	const uint8_t *p;
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	offer_more(&l, (struct piece){ .off = 65512, .n = 8 }); /* with 20 of header: too long */
	offer_more(&l, (struct piece){ .off = 65528, .n = 1 });
	assert_int_equal(l.count.net_frag_drop_too_long, 2);
	offer_more(&l, (struct piece){ .off = 65512, .n = 3 });
	assert_int_equal(net_fragment_bufs(l.net), 1);
	offer_more(&l, (struct piece){ .is_v6 = true, .off = 65528, .n = 1 });
	assert_int_equal(l.count.net_frag_drop_too_long, 3);
	assert_int_equal(l.out.frame_n, 1);
	p = buf_data(l.out.frame[0]) + ETH_HEADER + IP6_HEADER;
	assert_int_equal(p[0], ICMP6_PARAMETER);
	assert_int_equal(p[1], 0);
	assert_int_equal(p[7], 42); /* points to the offset */
	net_drop_fragments(l.net, FRAG_DROP_OFF);
	close_empty(&l);
}

/* The longest there is. */
static void
a_packet_of_65535_bytes_is_put_together(void **state)
{
	uint32_t total = 65535 - IP4_HEADER;
	struct buf *whole = NULL;
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, total);
	for (uint32_t off = 0; off < total; off += 1480) {
		uint32_t n = total - off < 1480 ? total - off : 1480;

		assert_null(whole);
		whole = offer(&l, (struct piece){ .off = off, .n = n, .more = off + n < total });
	}
	assert_whole(whole, total);
	close_empty(&l);
}

static void
only_tcp_and_icmp_are_put_together(void **state)
{
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	offer_more(&l, (struct piece){ .n = 104, .more = true, .protocol = 17 });
	offer_more(&l, (struct piece){ .off = 104, .n = 104, .more = true, .protocol = 17 });
	offer_more(&l, (struct piece){ .is_v6 = true, .n = 104, .more = true, .protocol = 17 });
	assert_int_equal(l.count.net_frag_drop_protocol, 3);
	assert_int_equal(l.out.frame_n, 0);
	close_empty(&l);
}

/* RFC 6980. */
static void
neighbour_discovery_in_pieces_is_refused(void **state)
{
	struct link l;

	(void)state;
	open_with(&l, 0);
	for (uint8_t type = 130; type < 155; type++) {
		bool is_nd = (type >= 133 && type <= 137) || type == 148 || type == 149;
		uint64_t before = l.count.net_frag_drop_nd;

		body[0] = type;
		offer_more(&l, (struct piece){ .is_v6 = true,
					       .id = type,
					       .n = 64,
					       .more = true,
					       .protocol = IP_PROTO_ICMP6 });
		assert_int_equal(l.count.net_frag_drop_nd, before + is_nd);
	}
	net_drop_fragments(l.net, FRAG_DROP_OFF);
	close_empty(&l);
}

static void
what_is_not_for_us_or_from_nobody_is_refused(void **state)
{
	struct ip_addr mapped = addr("1.2.3.4");
	struct buf *b;
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	offer_more(&l, (struct piece){ .dst = "10.0.0.2", .n = 104, .more = true });
	offer_more(&l, (struct piece){ .src = "127.0.0.1", .n = 104, .more = true });
	offer_more(&l, (struct piece){ .src = US4, .n = 104, .more = true });
	offer_more(&l, (struct piece){ .src = "10.0.0.255", .n = 104, .more = true });
	offer_more(&l, (struct piece){ .dst = "224.0.0.1", .n = 104, .more = true });
	offer_more(&l, (struct piece){ .is_broadcast = true, .n = 104, .more = true });
	offer_more(&l, (struct piece){ .is_v6 = true, .src = "::", .n = 104, .more = true });
	/* An IPv4 address in an IPv6 header. */
	b = frame_of(&l, &(struct piece){ .is_v6 = true, .n = 104, .more = true });
	memcpy(buf_data(b) + ETH_HEADER + 8, mapped.b, 16);
	assert_null(offer_frame(&l, b, true));
	assert_int_equal(l.count.net_frag_drop_address, 8);
	assert_int_equal(l.out.frame_n, 0);
	close_empty(&l);
}

/* What a card says of a fragment says nothing of the packet. */
static void
a_wrong_checksum_of_tcp_is_found_though_the_port_called_the_pieces_good(void **state)
{
	struct wire_packet packet;
	struct tcp_seg seg;
	struct buf *whole;
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(false, 600);
	offer_more(&l, (struct piece){ .n = 304, .more = true });
	body[500] ^= 4;
	whole = offer(&l, (struct piece){ .off = 304, .n = 296 });
	assert_non_null(whole);
	assert_int_equal(wire_decode(whole, &port, &packet, &seg), WIRE_DROP_TCP_CHECKSUM);
	buf_give(whole);
	close_empty(&l);
}

/* ---- IPv6's headers ---- */

/* Options and a routing header in front of the fragment header, more options behind it. */
static void
extension_headers_stand_on_both_sides(void **state)
{
	static const uint8_t before[] = { 43, 0, 1, 4, 0, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t options[] = { IP_PROTO_TCP, 0, 1, 4, 0, 0, 0, 0 };
	static uint8_t segment[600];
	struct piece first = { .is_v6 = true,
			       .n = 304,
			       .more = true,
			       .protocol = 60,
			       .extensions = before,
			       .extensions_n = sizeof(before) };
	struct piece last = { .is_v6 = true, .off = 304, .n = 304, .protocol = 60 };
	struct wire_packet packet;
	struct tcp_seg seg;
	struct buf *whole;
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(true, 600);
	memcpy(segment, body, 600);
	memcpy(body, options, 8);
	memcpy(body + 8, segment, 600);
	offer_more(&l, last);
	whole = offer(&l, first);
	assert_non_null(whole);
	assert_int_equal(wire_decode(whole, &port, &packet, &seg), WIRE_OK);
	assert_int_equal(packet.l4_n, 600);
	copy_out(whole, packet.l4_off, body, 600);
	assert_memory_equal(body, segment, 600);
	buf_give(whole);
	/* The chain of headers does not reach TCP's in the first: RFC 7112. */
	memcpy(body, options, 8);
	body[1] = 40;
	offer_more(&l, first);
	assert_int_equal(l.count.net_frag_drop_tiny, 1);
	close_empty(&l);
}

/* What comes out of it may not be a fragment again. */
static void
a_fragment_header_within_a_fragment_is_refused(void **state)
{
	struct link l;

	(void)state;
	open_with(&l, 0);
	memset(body, 0, 600);
	body[0] = IP_PROTO_TCP;
	offer_more(&l, (struct piece){ .is_v6 = true, .n = 304, .more = true, .protocol = 44 });
	assert_int_equal(l.count.net_frag_drop_malformed, 1);
	close_empty(&l);
}

/* RFC 6946: it is a packet by itself, whatever waits under the same identification. */
static void
an_atomic_fragment_waits_for_nobody(void **state)
{
	struct piece atomic = { .is_v6 = true, .n = 600 };
	struct wire_packet packet;
	struct tcp_seg seg;
	struct buf *b;
	struct link l;

	(void)state;
	open_with(&l, 0);
	make_segment(true, 600);
	offer_more(&l, (struct piece){ .is_v6 = true, .n = 304, .more = true });
	b = frame_of(&l, &atomic);
	assert_int_equal(wire_decode(b, &port, &packet, &seg), WIRE_OK);
	assert_int_equal(packet.kind, WIRE_TCP);
	buf_give(b);
	assert_whole(offer(&l, (struct piece){ .is_v6 = true, .off = 304, .n = 296 }), 600);
	close_empty(&l);
}

/* ---- echo ---- */

static struct buf *
echo_of(struct link *l, uint32_t n)
{
	struct be16 sum;

	memset(body, 0x55, n);
	body[0] = ICMP4_ECHO;
	body[1] = body[2] = body[3] = 0;
	sum = csum_done(csum_add(body, n));
	memcpy(body + 2, &sum, 2);
	offer_more(l, (struct piece){ .id = n, .n = 800, .more = true, .protocol = IP_PROTO_ICMP });
	return offer(
		l, (struct piece){ .id = n, .off = 800, .n = n - 800, .protocol = IP_PROTO_ICMP });
}

/* The answer is not cut up again. */
static void
an_echo_request_is_answered_when_the_answer_fits(void **state)
{
	static const uint32_t sizes[] = { 1480, 1481 };
	struct wire_packet packet;
	struct tcp_seg seg;
	struct link l;

	(void)state;
	open_with(&l, 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct buf *whole = echo_of(&l, sizes[i]);

		assert_non_null(whole);
		assert_int_equal(wire_decode(whole, &port, &packet, &seg), WIRE_OK);
		assert_int_equal(packet.kind, WIRE_ECHO);
		net_input(l.net, whole, &packet, l.now, &l.out);
	}
	assert_int_equal(l.count.net_echo_replies, 1);
	assert_int_equal(l.count.net_echo_too_large, 1);
	assert_int_equal(l.out.frame_n, 1);
	assert_int_equal(l.out.frame[0]->m.pkt_len, ETH_HEADER + 1500);
	close_empty(&l);
}

static void
reasons_have_the_names_of_their_counters(void **state)
{
	struct counters count = { 0 };

	(void)state;
	assert_string_equal(frag_drop_name(FRAG_OK), "ok");
	assert_string_equal(frag_drop_name(FRAG_DROP_TOO_MANY), "too_many");
	frag_drop_count(&count, FRAG_DROP_ECN, 3);
	assert_int_equal(count.net_frag_drop_ecn, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exact_duplicate_is_dropped_in_silence),
		cmocka_unit_test(any_overlap_ends_the_packet),
		cmocka_unit_test(the_same_place_with_other_bytes_is_an_overlap),
		cmocka_unit_test(two_different_ends_end_the_packet),
		cmocka_unit_test(a_first_piece_without_all_of_tcps_header_is_refused),
		cmocka_unit_test(pieces_of_odd_size_or_of_nothing_are_malformed),
		cmocka_unit_test(a_packet_beyond_65535_bytes_is_refused),
		cmocka_unit_test(a_packet_of_65535_bytes_is_put_together),
		cmocka_unit_test(only_tcp_and_icmp_are_put_together),
		cmocka_unit_test(neighbour_discovery_in_pieces_is_refused),
		cmocka_unit_test(what_is_not_for_us_or_from_nobody_is_refused),
		cmocka_unit_test(
			a_wrong_checksum_of_tcp_is_found_though_the_port_called_the_pieces_good),
		cmocka_unit_test(extension_headers_stand_on_both_sides),
		cmocka_unit_test(a_fragment_header_within_a_fragment_is_refused),
		cmocka_unit_test(an_atomic_fragment_waits_for_nobody),
		cmocka_unit_test(an_echo_request_is_answered_when_the_answer_fits),
		cmocka_unit_test(reasons_have_the_names_of_their_counters),
	};

	return cmocka_run_group_tests_name("fragments", tests, NULL, NULL);
}
