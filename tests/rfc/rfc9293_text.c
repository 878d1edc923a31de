/*
 * RFC 9293, 3.10.7.4, seventh and eighth check: text and FIN, in order or not.
 */
#include "rfc/peer.h"

static void
bytes_beyond_a_gap_wait_for_it(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1005, .text = "fghij");
	peer_expect(&p, .ack = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 0);
	peer_send(&p, .seq = 1000, .text = "abcde");
	peer_expect(&p, .ack = 1010); /* at once: the gap is filled (RFC 5681, 4.2) */
	assert_int_equal(tcp_readable(p.tcp, p.id), 10);
	peer_drop(&p);
}

/* Many gaps, filled in every order, with overlaps. */
static void
gaps_fill_in_any_order(void **state)
{
	static const struct {
		uint32_t seq, n;
	} piece[] = { { 1900, 100 }, { 1700, 100 }, { 1750, 200 }, { 1300, 50 }, { 1250, 400 },
		      { 1600, 150 }, { 1100, 20 },  { 1100, 200 }, { 2000, 10 }, { 1000, 200 } };
	struct peer p = peer_established();
	struct bufq q = { 0 };
	uint8_t bytes[1010];

	(void)state;
	for (size_t i = 0; i < sizeof(piece) / sizeof(piece[0]); i++)
		peer_send(&p, .seq = piece[i].seq, .n = piece[i].n);
	assert_int_equal(tcp_recv(p.tcp, p.id, &q), 1010);
	bufq_copy_out(&q, 0, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], (uint8_t)(1000 + i));
	bufq_give(&q);
	peer_drop(&p);
}

static void
fin_beyond_a_gap_waits_for_it(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1005, .flags = "FA", .text = "fghij");
	peer_expect(&p, .ack = 1000);
	assert_int_equal(peer_events(&p) & TCP_EV_FIN, 0);
	peer_send(&p, .seq = 1000, .text = "abcde");
	peer_expect(&p, .ack = 1011);
	assert_int_equal(peer_events(&p) & TCP_EV_FIN, TCP_EV_FIN);
	assert_true(tcp_is_eof(p.tcp, p.id));
	peer_drop(&p);
}

static void
tiny_segments_share_a_buffer(void **state)
{
	struct peer p = peer_established();
	struct tcp_load load;

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		peer_send(&p, .n = 1);
	tcp_load(p.tcp, &load);
	assert_int_equal(tcp_readable(p.tcp, p.id), 500);
	assert_int_equal(load.bufs_held, 1);
	peer_drop(&p);
}

static void
tiny_segments_beyond_a_gap_share_a_buffer(void **state)
{
	struct peer p = peer_established();
	struct tcp_load load;

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		peer_send(&p, .seq = 1001 + i, .n = 1);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 1);
	peer_send(&p, .seq = 1000, .n = 1);
	assert_int_equal(tcp_readable(p.tcp, p.id), 501);
	peer_drop(&p);
}

/* The tail of a run beyond the gap and its head come later, in one piece: nothing comes twice. */
static void
segment_over_an_island_gives_both_its_ends(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1003, .text = "def");
	peer_ignore(&p);
	peer_send(&p, .seq = 1000, .text = "abcdefghi");
	peer_expect(&p, .ack = 1009);
	peer_read_text(&p, "abcdefghi");
	peer_done(&p);
}

/* A forged or mistaken FIN whose place the stream has passed does not hide the real one. */
static void
fin_that_the_stream_has_passed_is_forgotten(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "FA", .seq = 1004);
	peer_ignore(&p);
	peer_send(&p, .seq = 1000, .text = "abcdefgh");
	peer_ignore(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_send(&p, .flags = "FA", .seq = 1008);
	peer_expect(&p, .ack = 1009);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSE_WAIT);
	peer_drop(&p);
}

/* FIN on a segment beyond a gap: text and FIN count when the gap is filled. */
static void
text_and_fin_beyond_a_gap_wait_for_it(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "FA", .seq = 1002, .text = "cd");
	peer_expect(&p, .ack = 1000);
	peer_send(&p, .seq = 1000, .text = "ab");
	peer_expect(&p, .ack = 1005);
	assert_int_equal(tcp_readable(p.tcp, p.id), 4);
	assert_true(tcp_is_eof(p.tcp, p.id));
	peer_drop(&p);
}

/* Bytes beyond a gap are told to nobody before it is filled. */
static void
bytes_beyond_a_gap_are_no_event(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1001, .text = "bcd");
	assert_int_equal(peer_events(&p) & TCP_EV_READABLE, 0);
	peer_send(&p, .seq = 1000, .text = "a");
	assert_int_equal(peer_events(&p) & TCP_EV_READABLE, TCP_EV_READABLE);
	peer_drop(&p);
}

/* Sequence numbers wrap in the middle of a segment, and between a gap and its island. */
static void
sequence_numbers_wrap(void **state)
{
	struct peer p = peer_established(.rcv_nxt = 0xfffffffe);

	(void)state;
	peer_send(&p, .seq = 0xfffffffe + 4, .text = "ef");
	peer_expect(&p, .ack = 0xfffffffe);
	peer_send(&p, .seq = 0xfffffffe, .text = "abcd");
	peer_expect(&p, .ack = 4);
	assert_int_equal(tcp_readable(p.tcp, p.id), 6);
	peer_drop(&p);
}

/* Of a segment that begins in the past the new bytes are taken, and those only. */
static void
new_bytes_of_an_old_segment_are_the_right_ones(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1000, .text = "abcd");
	peer_send(&p, .seq = 1002, .text = "cdefgh");
	peer_read_text(&p, "abcdefgh");
	peer_send(&p, .seq = 1004, .text = "efghij");
	peer_read_text(&p, "ij");
	peer_drop(&p);
}

/* Runs beyond gaps that overlap on either side, and what fills the gap, make one text. */
static void
overlapping_runs_make_one_text(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1004, .text = "efg");
	peer_send(&p, .seq = 1010, .text = "klm");
	peer_send(&p, .seq = 1005, .text = "fghi");
	peer_send(&p, .seq = 1008, .text = "ijkl");
	peer_send(&p, .seq = 1002, .text = "cdef");
	peer_ignore(&p);
	peer_send(&p, .seq = 1000, .text = "abcd");
	peer_expect(&p, .ack = 1013);
	peer_read_text(&p, "abcdefghijklm");
	peer_drop(&p);
}

/* A FIN behind bytes that the window had no room for comes with them again. */
static void
fin_beyond_the_window_is_not_taken(void **state)
{
	struct peer p = peer_established(.recv_max = 2000);
	uint32_t room = peer_info(&p).rcv_wnd;

	(void)state;
	peer_room(&p, 0);
	peer_send(&p, .n = room - 2);
	peer_ignore(&p);
	peer_send(&p, .flags = "FA", .seq = 1000 + room - 2, .text = "abcd");
	peer_expect(&p, .ack = 1000 + room);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	assert_false(tcp_is_eof(p.tcp, p.id));
	assert_int_equal(peer_read(&p), room);
	peer_drop(&p);
}

/* Full segments beyond a gap, one after another: kept as they lie, in order, and all given back. */
static void
full_segments_beyond_a_gap_are_kept_as_they_lie(void **state)
{
	struct peer p = peer_established();
	struct tcp_load load;

	(void)state;
	for (uint32_t i = 1; i < 6; i++)
		peer_send(&p, .seq = 1000 + i * MSS, .n = MSS);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 5);
	peer_ignore(&p);
	peer_send(&p, .seq = 1000, .n = MSS);
	peer_expect(&p, .ack = 1000 + 6 * MSS);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 6);
	assert_int_equal(peer_read(&p), 6 * MSS);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 0);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(bytes_beyond_a_gap_wait_for_it),
		cmocka_unit_test(gaps_fill_in_any_order),
		cmocka_unit_test(fin_beyond_a_gap_waits_for_it),
		cmocka_unit_test(tiny_segments_share_a_buffer),
		cmocka_unit_test(tiny_segments_beyond_a_gap_share_a_buffer),
		cmocka_unit_test(segment_over_an_island_gives_both_its_ends),
		cmocka_unit_test(fin_that_the_stream_has_passed_is_forgotten),
		cmocka_unit_test(text_and_fin_beyond_a_gap_wait_for_it),
		cmocka_unit_test(bytes_beyond_a_gap_are_no_event),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(new_bytes_of_an_old_segment_are_the_right_ones),
		cmocka_unit_test(overlapping_runs_make_one_text),
		cmocka_unit_test(fin_beyond_the_window_is_not_taken),
		cmocka_unit_test(full_segments_beyond_a_gap_are_kept_as_they_lie),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.10.7.4: text", test, NULL, NULL);
}
