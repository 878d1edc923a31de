/*
 * How bytes travel from the owner's buffers to the wire: re-headed, chained or copied; where
 * segments end; and that a buffer the port still holds is never written to.
 */
#include "rfc/peer.h"

static void
whole_buffers_are_sent_without_copy(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 4 * 1460);
	for (uint32_t i = 0; i < 4; i++)
		peer_expect(&p, .seq = 5000 + i * 1460, .n = 1460);
	assert_int_equal(p.count.tcp_tx_reheaded, 4);
	assert_int_equal(p.count.tcp_tx_copied, 0);
	peer_drop(&p);
}

/* A small head before whole buffers goes alone, so that those stay whole. */
static void
small_head_does_not_shift_whole_buffers(void **state)
{
	struct peer p = peer_established();
	struct bufq q = { 0 };

	(void)state;
	assert_true(bufq_append(p.pool, &q, "head", 4));
	for (uint32_t i = 0; i < 3; i++) {
		struct buf *b = buf_take(p.pool);

		b->at = BUF_HEADROOM;
		b->n = 1460;
		memset(buf_stream(b), (int)i, 1460);
		bufq_push(&q, b);
	}
	tcp_send(p.tcp, p.id, &q, false);
	peer_expect(&p, .seq = 5000, .n = 4);
	peer_expect(&p, .seq = 5004, .n = 1460);
	peer_expect(&p, .seq = 6464, .n = 1460);
	peer_expect(&p, .seq = 7924, .n = 1460);
	peer_drop(&p);
}

/* Head and small body go in one segment. */
static void
small_pieces_share_a_segment(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_pieces(&p, 300, 100);
	peer_expect(&p, .seq = 5000, .n = 300);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

static void
buffers_larger_than_a_segment_are_chained(void **state)
{
	struct peer p = peer_established(.mss = 1000);

	(void)state;
	peer_write_pieces(&p, 3000, 1500);
	for (uint32_t i = 0; i < 3; i++)
		peer_expect(&p, .seq = 5000 + i * 1000, .n = 1000);
	assert_int_equal(p.count.tcp_tx_chained, 3);
	peer_drop(&p);
}

static void
port_of_single_pieces_gets_copies(void **state)
{
	struct peer p = peer_established(.mss = 1000, .no_multi_segs = true);

	(void)state;
	peer_write_pieces(&p, 3000, 1500);
	for (uint32_t i = 0; i < 3; i++)
		peer_expect(&p, .seq = 5000 + i * 1000, .n = 1000);
	assert_int_equal(p.count.tcp_tx_copied, 3);
	peer_drop(&p);
}

/* While the port holds the first sending, a second must not touch its header. */
static void
held_buffer_is_not_reheaded_again(void **state)
{
	struct peer p = peer_established();
	struct bufq q = { 0 };
	struct buf *b = buf_take(p.pool), *held;
	uint8_t before[1600];

	(void)state;
	b->at = BUF_HEADROOM;
	b->n = 1460;
	memset(buf_stream(b), 'x', 1460);
	bufq_push(&q, b);
	tcp_send(p.tcp, p.id, &q, false);
	tcp_advance(p.tcp, p.now, &p.out);
	assert_int_equal(p.out.packet_n, 1);
	held = p.out.packet[0];
	p.out.packet_n = 0;
	assert_ptr_equal(held, b);
	memcpy(before, buf_data(held), held->m.data_len);
	peer_wait(&p, 250); /* sent again by the timer */
	assert_int_equal(p.count.tcp_tx_again, 1);
	assert_memory_equal(before, buf_data(held), held->m.data_len);
	p.heard_at = p.heard_n;
	p.ack = 5000 + 1460;
	peer_send(&p);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	assert_memory_equal(before, buf_data(held), held->m.data_len);
	buf_give(held);
	peer_done(&p);
}

static void
buffer_without_headroom_is_not_reheaded(void **state)
{
	struct peer p = peer_established();
	struct bufq q = { 0 };
	struct buf *b = buf_take(p.pool);

	(void)state;
	b->at = 50;
	b->n = 1000;
	memset(buf_stream(b), 'x', 1000);
	bufq_push(&q, b);
	tcp_send(p.tcp, p.id, &q, false);
	peer_expect(&p, .n = 1000);
	assert_int_equal(p.count.tcp_tx_reheaded, 0);
	peer_drop(&p);
}

/* A dry pool delays, it loses nothing. */
static void
dry_pool_delays_sending(void **state)
{
	struct peer p = peer_established();

	(void)state;
	buf_heap_set_capacity(p.pool, 0);
	tcp_shutdown(p.tcp, p.id);
	tcp_advance(p.tcp, p.now, &p.out);
	assert_int_equal(p.out.packet_n, 0);
	assert_true(tcp_deadline(p.tcp) > p.now);
	buf_heap_set_capacity(p.pool, 1000);
	peer_wait(&p, 5);
	peer_expect(&p, .flags = "FA", .seq = 5000);
	peer_drop(&p);
}

/* cork: a short last segment waits for more, not for ever. */
static void
corked_tail_waits_for_more(void **state)
{
	struct peer p = peer_established();
	struct bufq q = { 0 };

	(void)state;
	assert_true(bufq_append(p.pool, &q, "head", 4));
	tcp_send(p.tcp, p.id, &q, true);
	peer_expect_quiet(&p);
	peer_write_text(&p, " and body");
	peer_expect(&p, .text = "head and body");
	assert_true(bufq_append(p.pool, &q, "tail", 4));
	tcp_send(p.tcp, p.id, &q, true);
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 2, .text = "tail");
	peer_drop(&p);
}

static void
room_is_told_when_half_is_free(void **state)
{
	struct peer p = peer_established(.send_max = 10000);

	(void)state;
	peer_write(&p, 9000);
	assert_int_equal(tcp_send_room(p.tcp, p.id), 1000);
	peer_ignore(&p);
	p.ack = 5000;
	peer_events(&p);
	peer_send(&p, .ack = 5000 + 2920);
	assert_int_equal(peer_events(&p) & TCP_EV_ROOM, 0);
	peer_send(&p, .ack = 5000 + 4380);
	assert_int_equal(peer_events(&p) & TCP_EV_ROOM, TCP_EV_ROOM);
	assert_int_equal(tcp_send_room(p.tcp, p.id), 10000 - 4620);
	peer_drop(&p);
}

static void
offloaded_checksums_are_left_to_the_port(void **state)
{
	struct peer p = peer_established(.csum_tx = true);
	struct bufq q = { 0 };
	struct buf *packet;

	(void)state;
	assert_true(bufq_append(p.pool, &q, "x", 1));
	tcp_send(p.tcp, p.id, &q, false);
	tcp_advance(p.tcp, p.now, &p.out);
	packet = p.out.packet[0];
	assert_true((packet->m.ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0);
	assert_true((packet->m.ol_flags & RTE_MBUF_F_TX_IPV4) != 0);
	assert_int_equal(packet->m.l3_len, 20);
	assert_int_equal(packet->m.l4_len, 20);
	p.out.packet_n = 0;
	buf_give(packet);
	peer_drop(&p);
}

/* The port cuts: one packet for all that the windows allow, then what is left over. */
static void
port_that_cuts_gets_many_segments_at_once(void **state)
{
	struct peer p = peer_established(.mss = 1000, .tso = true);

	(void)state;
	peer_write_pieces(&p, 8500, 1500);
	for (uint32_t i = 0; i < 8; i++)
		peer_expect(&p, .flags = "A", .seq = 5000 + i * 1000, .n = 1000);
	peer_expect(&p, .flags = "PA", .seq = 13000, .n = 500);
	assert_int_equal(p.count.tcp_tx_super, 1);
	assert_int_equal(p.count.tcp_tx_segments, 2); /* with the SYN's answer */
	assert_int_equal(p.count.tcp_copied_bytes, 0);
	peer_send(&p);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	peer_done(&p);
}

static void
cut_packet_ends_with_the_peer_s_window(void **state)
{
	struct peer p = peer_established(.mss = 1000, .tso = true, .wnd = 3700);

	(void)state;
	peer_write_pieces(&p, 6000, 1500);
	for (uint32_t i = 0; i < 3; i++)
		peer_expect(&p, .seq = 5000 + i * 1000, .n = 1000);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_tx_super, 1);
	peer_drop(&p);
}

/* One segment of a packet that was cut is lost: that one goes again, alone. */
static void
lost_piece_of_a_cut_packet_goes_again_alone(void **state)
{
	struct peer p = peer_established(.mss = 1000, .tso = true, .ts = true);
	uint32_t mss = 1000 - 12;

	(void)state;
	peer_write_pieces(&p, 8 * mss, 1500);
	for (uint32_t i = 0; i < 8; i++)
		peer_expect(&p, .seq = 5000 + i * mss, .n = mss);
	for (uint32_t i = 3; i <= 6; i++)
		peer_send(&p, .ack = 5000 + 2 * mss,
			  .sack = { { 5000 + 3 * mss, 5000 + (i + 1) * mss } });
	peer_expect(&p, .seq = 5000 + 2 * mss, .n = mss);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_tx_again, 1);
	peer_send(&p, .ack = 5000 + 8 * mss);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	peer_done(&p);
}

static void
fin_goes_with_the_last_piece(void **state)
{
	struct peer p = peer_established(.mss = 1000, .tso = true);
	struct bufq q = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct buf *b = buf_take(p.pool);

		memset(buf_append(b, 1000), 'x', 1000);
		buf_stream_from_packet(b);
		bufq_push(&q, b);
	}
	tcp_send(p.tcp, p.id, &q, false);
	tcp_shutdown(p.tcp, p.id);
	peer_expect(&p, .flags = "A", .seq = 5000, .n = 1000);
	peer_expect(&p, .flags = "A", .seq = 6000, .n = 1000);
	peer_expect(&p, .flags = "FPA", .seq = 7000, .n = 1000);
	peer_drop(&p);
}

/* A port has put ten segments together: acknowledged at once, kept as they lie. */
static void
joined_segments_are_taken_without_a_copy(void **state)
{
	struct peer p = peer_established();
	struct tcp_seg seg = { .src = p.self,
			       .dst = p.engine,
			       .src_port = p.port,
			       .dst_port = ENGINE_PORT,
			       .seq = seq_of(p.seq),
			       .ack = seq_of(5000 + p.bias),
			       .flags = TCP_ACK,
			       .wnd = 65535,
			       .payload_n = 14600 };
	struct buf *head = NULL, *tail = NULL, *piece[8];
	struct bufq q = { 0 };
	uint32_t n = 0;

	(void)state;
	for (uint32_t left = seg.payload_n; left > 0; n++) {
		uint32_t m = left < BUF_ROOM ? left : BUF_ROOM;
		struct buf *b = piece[n] = buf_take(p.pool);

		memset(buf_append(b, m), 'a' + (int)n, m);
		/* What the buffer held before: drivers leave our part of further pieces alone. */
		b->sum_at = b->m.data_off;
		b->sum_n = (uint16_t)m;
		b->sum = 0xdead;
		if (head == NULL)
			head = b;
		else
			buf_chain(head, tail, b);
		tail = b;
		left -= m;
	}
	tcp_input(p.tcp, &seg, &head, 1, p.now, &p.out);
	peer_advance(&p);
	peer_expect(&p, .flags = "A", .seq = 5000, .ack = 1000 + 14600);
	assert_int_equal(p.count.tcp_rx_super, 1);
	assert_int_equal(p.count.tcp_copied_bytes, 0);
	assert_int_equal(tcp_recv(p.tcp, p.id, &q), 14600);
	for (uint32_t i = 0; i < n; i++) {
		struct buf *b = bufq_pop(&q);

		assert_ptr_equal(b, piece[i]);
		assert_int_equal(*buf_stream(b), 'a' + i);
		assert_int_equal(b->sum_n, 0);
		buf_give(b);
	}
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(whole_buffers_are_sent_without_copy),
		cmocka_unit_test(small_head_does_not_shift_whole_buffers),
		cmocka_unit_test(small_pieces_share_a_segment),
		cmocka_unit_test(buffers_larger_than_a_segment_are_chained),
		cmocka_unit_test(port_of_single_pieces_gets_copies),
		cmocka_unit_test(held_buffer_is_not_reheaded_again),
		cmocka_unit_test(buffer_without_headroom_is_not_reheaded),
		cmocka_unit_test(dry_pool_delays_sending),
		cmocka_unit_test(corked_tail_waits_for_more),
		cmocka_unit_test(room_is_told_when_half_is_free),
		cmocka_unit_test(offloaded_checksums_are_left_to_the_port),
		cmocka_unit_test(port_that_cuts_gets_many_segments_at_once),
		cmocka_unit_test(cut_packet_ends_with_the_peer_s_window),
		cmocka_unit_test(lost_piece_of_a_cut_packet_goes_again_alone),
		cmocka_unit_test(fin_goes_with_the_last_piece),
		cmocka_unit_test(joined_segments_are_taken_without_a_copy),
	};

	return cmocka_run_group_tests_name("payload on its way", test, NULL, NULL);
}
