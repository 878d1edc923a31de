/*
 * RFC 2018, 2883 and 6675: selective acknowledgment, the peer's and ours.
 */
#include "rfc/peer.h"

/* RFC 8985, 6.2: more than two segments SACKed above make a loss at once, as RFC 6675, 4 says. */
static void
sacked_bytes_above_make_a_loss(void **state)
{
	struct peer p = peer_established(.rtt_ms = 100);

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 100, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 2 * MSS } });
	peer_send(&p, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 3 * MSS } });
	peer_expect_quiet(&p);
	peer_send(&p, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 4 * MSS } });
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_recoveries, 1);
	peer_send(&p, .ack = 5000 + 10 * MSS);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	peer_done(&p);
}

/* Only holes are sent again, each once, and the window is halved once. */
static void
several_holes_are_filled_in_one_recovery(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .ack = 5000,
		  .sack = { { 5000 + 7 * MSS, 5000 + 10 * MSS },
			    { 5000 + 4 * MSS, 5000 + 6 * MSS },
			    { 5000 + 1 * MSS, 5000 + 3 * MSS } });
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_expect(&p, .seq = 5000 + 3 * MSS, .n = MSS);
	peer_expect(&p, .seq = 5000 + 6 * MSS, .n = MSS);
	peer_expect_quiet(&p);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS);
	peer_send(&p, .ack = 5000 + 10 * MSS);
	assert_int_equal(p.count.tcp_recoveries, 1);
	assert_int_equal(peer_info(&p).retransmits, 3);
	peer_done(&p);
}

/* RFC 6675, 5: what is found lost below `recover` goes again in the same recovery, at no further cost. */
static void
later_losses_of_a_flight_begin_no_second_recovery(void **state)
{
	struct peer p = peer_established(.rtt_ms = 100);
	uint32_t ssthresh;

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 100, .ack = 5000, .sack = { { peer_at(1), peer_at(4) } });
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_expect_quiet(&p);
	ssthresh = peer_info(&p).ssthresh_bytes;
	assert_int_equal(ssthresh, 7 * MSS);
	peer_send(&p, .ack = 5000,
		  .sack = { { peer_at(5), peer_at(8) }, { peer_at(1), peer_at(4) } });
	peer_expect(&p, .seq = peer_at(4), .n = MSS);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_recoveries, 1);
	peer_send(&p, .at_ms = 200, .ack = peer_at(4), .sack = { { peer_at(5), peer_at(8) } });
	peer_expect_run(&p, peer_at(8), 2); /* sent long before what has just arrived */
	assert_true(peer_info(&p).is_recovering);
	peer_send(&p, .ack = peer_at(10));
	assert_false(peer_info(&p).is_recovering);
	assert_int_equal(p.count.tcp_recoveries, 1);
	assert_int_equal(peer_info(&p).ssthresh_bytes, ssthresh);
	peer_done(&p);
}

/* RFC 2018, 5: after a timeout what was SACKed is not sent again. */
static void
timeout_spares_what_was_sacked(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 3 * MSS);
	peer_expect_run(&p, 5000, 3);
	peer_send(&p, .at_ms = 5, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 2 * MSS } });
	peer_expect(&p, .at_ms = 5, .seq = 5000, .n = MSS); /* RACK: the path is fast */
	peer_expect(&p, .at_ms = 205, .seq = 5000, .n = MSS);
	peer_send(&p, .ack = 5000 + 2 * MSS);
	peer_expect(&p, .seq = 5000 + 2 * MSS, .n = MSS);
	peer_send(&p, .ack = 5000 + 3 * MSS);
	peer_done(&p);
}

/* RFC 2018, 8: a receiver that drops what it SACKed gets it again. */
static void
reneging_receiver_gets_it_again(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 3 * MSS);
	peer_expect_run(&p, 5000, 3);
	peer_send(&p, .at_ms = 5, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 3 * MSS } });
	peer_expect(&p, .at_ms = 5, .seq = 5000, .n = MSS);
	peer_expect(&p, .at_ms = 205, .seq = 5000, .n = MSS);
	/* the rest is gone; the timeout is the doubled one until something is measured */
	peer_send(&p, .at_ms = 210, .ack = 5000 + MSS);
	peer_expect(&p, .at_ms = 610, .seq = 5000 + MSS, .n = MSS);
	peer_send(&p, .ack = 5000 + 2 * MSS);
	peer_expect(&p, .seq = 5000 + 2 * MSS, .n = MSS);
	peer_send(&p, .ack = 5000 + 3 * MSS);
	assert_int_equal(p.count.tcp_rx_reneged, 1);
	peer_done(&p);
}

static void
nonsense_blocks_are_ignored(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 4 * MSS);
	peer_expect_run(&p, 5000, 4);
	peer_send(&p, .ack = 5000,
		  .sack = { { 5000 + 3 * MSS, 5000 + 9 * MSS },
			    { 5000 + 3 * MSS, 5000 + 2 * MSS },
			    { 4000, 6000 },
			    { 900000000, 900005000 } });
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_rx_bad_sack, 4);
	peer_drop(&p);
}

/* RFC 2018, 4: the block of the segment that has just come is first. */
static void
latest_block_is_reported_first(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1100, .n = 100);
	peer_expect(&p, .ack = 1000, .sack = { { 1100, 1200 } });
	peer_send(&p, .seq = 1300, .n = 100);
	peer_expect(&p, .sack = { { 1300, 1400 }, { 1100, 1200 } });
	peer_send(&p, .seq = 1200, .n = 50);
	peer_expect(&p, .sack = { { 1100, 1250 }, { 1300, 1400 } });
	peer_send(&p, .seq = 1250, .n = 50);
	peer_expect(&p, .sack = { { 1100, 1400 } });
	peer_drop(&p);
}

static void
at_most_four_blocks_three_with_timestamps(void **state)
{
	struct peer p = peer_established(), q = peer_established(.ts = true);

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		peer_ignore(&p);
		peer_ignore(&q);
		peer_send(&p, .seq = 1100 + 200 * i, .n = 100);
		peer_send(&q, .seq = 1100 + 200 * i, .n = 100);
	}
	peer_expect(&p, .sack = { { 2100, 2200 }, { 1900, 2000 }, { 1700, 1800 }, { 1500, 1600 } });
	peer_expect(&q, .sack = { { 2100, 2200 }, { 1900, 2000 }, { 1700, 1800 } });
	peer_drop(&p);
	peer_drop(&q);
}

static void
no_blocks_without_agreement(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_send(&p, .seq = 1100, .n = 100);
	peer_expect(&p, .ack = 1000);
	assert_int_equal(p.heard[1].seg.sack_n, 0);
	peer_drop(&p);
}

/* RFC 2883, 4.1: a duplicate is reported first. */
static void
duplicate_is_reported(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .n = 100);
	peer_send(&p, .seq = 1200, .n = 100);
	peer_ignore(&p);
	peer_send(&p, .seq = 1000, .n = 100);
	peer_expect(&p, .ack = 1100, .sack = { { 1000, 1100 }, { 1200, 1300 } });
	peer_send(&p, .seq = 1200, .n = 100);
	peer_expect(&p, .ack = 1100, .sack = { { 1200, 1300 }, { 1200, 1300 } });
	peer_drop(&p);
}

/* Without SACK there is nothing to report: the ACK rides on data as ever. */
static void
duplicate_without_sack_costs_no_segment(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_send(&p, .n = 100, .wnd = PEER_SHUT);
	peer_write(&p, 10);
	peer_ignore(&p);
	peer_send(&p, .seq = 1050, .n = 100);
	peer_expect(&p, .n = 10, .ack = 1150);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* RFC 2018, 2: blocks of a peer that has not agreed mean nothing. */
static void
blocks_without_agreement_are_ignored(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 8 * MSS);
	peer_expect_run(&p, 5000, 8);
	peer_send(&p, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 8 * MSS } });
	peer_send(&p, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 8 * MSS } });
	assert_int_equal(p.count.tcp_tx_again, 0);
	peer_drop(&p);
}

/* RFC 2018, 4: a block goes when its gap is filled, and the others stay. */
static void
blocks_go_as_gaps_are_filled(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1100, .n = 100);
	peer_expect(&p, .ack = 1000, .sack = { { 1100, 1200 } });
	peer_send(&p, .seq = 1300, .n = 100);
	peer_expect(&p, .ack = 1000, .sack = { { 1300, 1400 }, { 1100, 1200 } });
	peer_send(&p, .seq = 1000, .n = 100);
	peer_expect(&p, .ack = 1200, .sack = { { 1300, 1400 } });
	peer_send(&p, .seq = 1200, .n = 100);
	peer_expect(&p, .ack = 1400);
	assert_int_equal(p.heard[p.heard_n - 1].seg.sack_n, 0);
	peer_drop(&p);
}

/* RFC 2018, 4: neighbours are one block. */
static void
neighbours_are_one_block(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1100, .n = 100);
	peer_expect(&p, .sack = { { 1100, 1200 } });
	peer_send(&p, .seq = 1300, .n = 100);
	peer_ignore(&p);
	peer_send(&p, .seq = 1200, .n = 100);
	peer_expect(&p, .ack = 1000, .sack = { { 1100, 1400 } });
	peer_drop(&p);
}

/* RFC 2883, 4.1: a duplicate within a block is reported first, the block that holds it second. */
static void
duplicate_beyond_a_gap_is_reported_with_its_block(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1100, .n = 300);
	peer_ignore(&p);
	peer_send(&p, .seq = 1600, .n = 100);
	peer_ignore(&p);
	peer_send(&p, .seq = 1200, .n = 100);
	peer_expect(&p, .ack = 1000, .sack = { { 1200, 1300 }, { 1100, 1400 }, { 1600, 1700 } });
	peer_drop(&p);
}

/* RFC 2883, 4: only the part that was here before is a duplicate. */
static void
old_part_of_a_segment_is_reported(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .n = 200);
	peer_expect(&p, .at_ms = 40, .ack = 1200);
	peer_send(&p, .seq = 1100, .n = 200);
	peer_expect(&p, .ack = 1300, .sack = { { 1100, 1200 } });
	peer_drop(&p);
}

/* RFC 2883, 4: a duplicate is reported once. */
static void
duplicate_is_reported_once(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .n = 100);
	peer_expect(&p, .at_ms = 40, .ack = 1100);
	peer_send(&p, .seq = 1000, .n = 100);
	peer_expect(&p, .ack = 1100, .sack = { { 1000, 1100 } });
	peer_send(&p, .seq = 1300, .n = 100);
	peer_expect(&p, .ack = 1100, .sack = { { 1300, 1400 } });
	peer_drop(&p);
}

/* RFC 2883, 5: a D-SACK says nothing of losses. */
static void
report_of_a_duplicate_is_no_loss(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	peer_send(&p);
	peer_write(&p, 5 * MSS);
	peer_expect_run(&p, 5000 + MSS, 5);
	for (uint32_t i = 0; i < 4; i++)
		peer_send(&p, .ack = 5000 + MSS, .sack = { { 5000, 5000 + MSS } });
	assert_int_equal(p.count.tcp_rx_dsacks, 4);
	assert_int_equal(p.count.tcp_tx_again, 0);
	peer_drop(&p);
}

/* RFC 2018, 4: with bytes to send the blocks go first, on an ACK of their own. */
static void
blocks_do_not_wait_behind_bytes(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1100, .n = 100);
	peer_expect(&p, .sack = { { 1100, 1200 } });
	peer_write_text(&p, "hello");
	peer_expect(&p, .ack = 1000, .text = "hello");
	peer_send(&p, .seq = 1300, .n = 100);
	peer_expect(&p, .sack = { { 1300, 1400 }, { 1100, 1200 } });
	peer_drop(&p);
}

/* RFC 6675, 5: what is SACKed has left the path, so as much new goes out. */
static void
sacked_bytes_make_room_for_new_ones(void **state)
{
	struct peer p = peer_established(.rtt_ms = 100);

	(void)state;
	peer_write(&p, 30 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 100, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 2 * MSS } });
	peer_expect_run(&p, 5000 + 10 * MSS, 1);
	peer_send(&p, .at_ms = 101, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 3 * MSS } });
	peer_expect_run(&p, 5000 + 11 * MSS, 1);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* RFC 2018, 4: of four the latest to change are reported, in the order of change. */
static void
order_of_blocks_is_the_order_of_change(void **state)
{
	struct peer p = peer_established();

	(void)state;
	for (uint32_t i = 1; i <= 5; i++)
		peer_send(&p, .seq = 1000 + 200 * i, .n = 100);
	peer_send(&p, .seq = 1300, .n = 10);
	peer_send(&p, .seq = 1700, .n = 10);
	peer_ignore(&p);
	peer_send(&p, .seq = 1500, .n = 10);
	peer_expect(&p, .ack = 1000,
		    .sack = { { 1400, 1510 }, { 1600, 1710 }, { 1200, 1310 }, { 2000, 2100 } });
	peer_drop(&p);
}

/* A run that ends where another begins is one block with it. */
static void
run_before_its_neighbour_is_one_block(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1200, .n = 100);
	peer_ignore(&p);
	peer_send(&p, .seq = 1100, .n = 100);
	peer_expect(&p, .ack = 1000, .sack = { { 1100, 1300 } });
	peer_send(&p, .seq = 1000, .n = 100);
	peer_expect(&p, .ack = 1300);
	assert_int_equal(tcp_readable(p.tcp, p.id), 300);
	peer_drop(&p);
}

/* 4: in another process, which has counted fewer changes, too, the latest is the first block. */
static void
latest_block_is_first_after_a_restart(void **state)
{
	struct peer p = peer_established(), q = peer_new();
	static uint64_t bytes[1000];
	size_t n;

	(void)state;
	for (uint32_t i = 0; i < 20; i++)
		peer_send(&p, .seq = 1100 + 10 * i, .n = 10);
	peer_send(&p, .seq = 1400, .n = 10);
	peer_ignore(&p);
	n = tcp_save_size(p.tcp, p.id);
	assert_in_range(n, 1, sizeof(bytes));
	tcp_save(p.tcp, p.id, bytes);
	q.id = tcp_restore(q.tcp, bytes, n, 9, q.now);
	assert_int_not_equal(q.id.v, 0);
	q.bias = p.bias;
	q.ack = p.ack;
	peer_ignore(&q);
	peer_send(&q, .seq = 1500, .n = 10);
	peer_expect(&q, .ack = 1000, .sack = { { 1500, 1510 }, { 1400, 1410 }, { 1100, 1300 } });
	peer_drop(&p);
	peer_drop(&q);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(sacked_bytes_above_make_a_loss),
		cmocka_unit_test(several_holes_are_filled_in_one_recovery),
		cmocka_unit_test(later_losses_of_a_flight_begin_no_second_recovery),
		cmocka_unit_test(timeout_spares_what_was_sacked),
		cmocka_unit_test(reneging_receiver_gets_it_again),
		cmocka_unit_test(nonsense_blocks_are_ignored),
		cmocka_unit_test(latest_block_is_reported_first),
		cmocka_unit_test(at_most_four_blocks_three_with_timestamps),
		cmocka_unit_test(no_blocks_without_agreement),
		cmocka_unit_test(duplicate_is_reported),
		cmocka_unit_test(duplicate_without_sack_costs_no_segment),
		cmocka_unit_test(blocks_without_agreement_are_ignored),
		cmocka_unit_test(blocks_go_as_gaps_are_filled),
		cmocka_unit_test(neighbours_are_one_block),
		cmocka_unit_test(duplicate_beyond_a_gap_is_reported_with_its_block),
		cmocka_unit_test(old_part_of_a_segment_is_reported),
		cmocka_unit_test(duplicate_is_reported_once),
		cmocka_unit_test(report_of_a_duplicate_is_no_loss),
		cmocka_unit_test(blocks_do_not_wait_behind_bytes),
		cmocka_unit_test(sacked_bytes_make_room_for_new_ones),
		cmocka_unit_test(order_of_blocks_is_the_order_of_change),
		cmocka_unit_test(run_before_its_neighbour_is_one_block),
		cmocka_unit_test(latest_block_is_first_after_a_restart),
	};

	return cmocka_run_group_tests_name("RFC 2018, 2883, 6675: SACK", test, NULL, NULL);
}
