/*
 * Losses told by time: RACK (RFC 8985, 6), tail loss probes (7); what is sent meanwhile (RFC 6937).
 */
#include "rfc/peer.h"

/* ---- RACK ---- */

/* 6.2, step 5: a hole waits a quarter of the round trip for what may only be late. */
static void
hole_is_filled_after_the_reordering_window(void **state)
{
	struct peer p = peer_sent(3, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(2) } });
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 125, .seq = peer_at(0), .n = MSS);
	assert_int_equal(p.count.tcp_recoveries, 1);
	assert_int_equal(p.count.tcp_timeouts, 0);
	peer_drop(&p);
}

/* Step 3 and 4: what arrives out of order is not lost, and the window is remembered. */
static void
segment_that_is_only_late_is_not_sent_again(void **state)
{
	struct peer p = peer_sent(4, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(2) } });
	peer_send(&p, .at_ms = 110, .ack = peer_at(2));
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_reordered, 1);
	peer_send(&p, .at_ms = 111, .ack = peer_at(4));
	assert_int_equal(p.count.tcp_recoveries, 0);
	assert_int_equal(peer_info(&p).retransmits, 0);
	peer_done(&p);
}

/* Step 4: once a path reorders, three SACKed segments do not make a loss at once. */
static void
reordering_path_is_given_its_window_whatever_is_sacked(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(2) } });
	peer_send(&p, .at_ms = 101, .ack = peer_at(2));
	peer_send(&p, .at_ms = 102, .ack = peer_at(2), .sack = { { peer_at(3), peer_at(9) } });
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 127, .seq = peer_at(2), .n = MSS);
	peer_drop(&p);
}

/* Step 5 knows no "has been sent again": what is lost twice is found within a round trip. */
static void
lost_retransmission_is_found_without_the_timer(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(5) } });
	peer_expect(&p, .at_ms = 100, .seq = peer_at(0), .n = MSS);
	peer_write(&p, 4 * MSS);
	peer_ignore(&p);
	/* the retransmission is lost; new bytes sent after it are not */
	peer_send(&p, .at_ms = 101, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(10) } });
	peer_ignore(&p);
	peer_send(&p, .at_ms = 200, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(12) } });
	peer_expect(&p, .at_ms = 200, .seq = peer_at(0), .n = MSS);
	assert_int_equal(p.count.tcp_timeouts, 0);
	peer_drop(&p);
}

/* ---- TLP ---- */

/* 7.3: nothing new to send: the last segment goes again, two round trips after it was sent. */
static void
silent_end_is_probed_with_the_last_segment(void **state)
{
	struct peer p = peer_sent(3, (struct peer_conf){ 0 });

	(void)state;
	peer_expect(&p, .at_ms = 200, .seq = peer_at(2), .n = MSS);
	assert_int_equal(p.count.tcp_tx_tail_probes, 1);
	peer_send(&p, .at_ms = 310, .ack = peer_at(0), .sack = { { peer_at(2), peer_at(3) } });
	peer_expect(&p, .seq = peer_at(0),
		    .n = MSS); /* both are lost: one for what was delivered */
	peer_expect_quiet(&p);
	peer_send(&p, .at_ms = 400, .ack = peer_at(1), .sack = { { peer_at(2), peer_at(3) } });
	peer_expect(&p, .seq = peer_at(1), .n = MSS);
	assert_int_equal(p.count.tcp_timeouts, 0);
	assert_int_equal(p.count.tcp_recoveries, 1);
	peer_drop(&p);
}

/* 7.3: bytes that were never sent are the better probe. */
static void
silent_end_is_probed_with_new_bytes(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ .wnd = 65535 });

	(void)state;
	peer_write(&p, MSS);
	peer_expect_quiet(&p); /* the congestion window is used up */
	peer_expect(&p, .at_ms = 200, .seq = peer_at(10), .n = MSS);
	peer_send(&p, .at_ms = 300, .ack = peer_at(11));
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	assert_int_equal(peer_info(&p).retransmits, 0);
	peer_done(&p);
}

/* 7.2: one segment in flight: its ACK may be delayed; 7.4: one probe, then the timer. */
static void
lone_segment_is_probed_once_and_late(void **state)
{
	struct peer p = peer_sent(1, (struct peer_conf){ 0 });

	(void)state;
	peer_expect(&p, .at_ms = 300, .seq = peer_at(0),
		    .n = MSS); /* where RTO would be: 100 + 4 * 50 */
	assert_int_equal(p.count.tcp_tx_tail_probes, 1);
	peer_expect(&p, .at_ms = 600, .seq = peer_at(0), .n = MSS);
	assert_int_equal(p.count.tcp_timeouts, 1);
	peer_send(&p, .ack = peer_at(1));
	peer_done(&p);
}

/* 7.4.2: an ACK beyond a probe that repeated bytes, and no D-SACK: one segment had been lost. */
static void
loss_that_a_probe_mends_costs_the_window(void **state)
{
	struct peer p = peer_sent(3, (struct peer_conf){ 0 });
	uint32_t before = peer_info(&p).cwnd_bytes;

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(2));
	peer_expect(&p, .at_ms = 350, .seq = peer_at(2), .n = MSS);
	peer_send(&p, .at_ms = 450, .ack = peer_at(3));
	assert_int_equal(peer_info(&p).cwnd_bytes, before);
	peer_write(&p, MSS);
	peer_expect(&p, .seq = peer_at(3), .n = MSS);
	peer_send(&p, .at_ms = 550, .ack = peer_at(4));
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	assert_int_equal(p.count.tcp_tail_losses, 1);
	assert_int_equal(peer_info(&p).cwnd_bytes, before / 10 * 7);
	peer_drop(&p);
}

/* 7.4.2: the peer has had both copies: nothing was lost. */
static void
probe_that_came_twice_costs_nothing(void **state)
{
	struct peer p = peer_sent(3, (struct peer_conf){ 0 });
	uint32_t before = peer_info(&p).cwnd_bytes;

	(void)state;
	peer_expect(&p, .at_ms = 200, .seq = peer_at(2), .n = MSS);
	peer_send(&p, .at_ms = 250, .ack = peer_at(3));
	peer_write(&p, 2 * MSS);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 300, .ack = peer_at(3), .sack = { { peer_at(2), peer_at(3) } });
	peer_send(&p, .at_ms = 350, .ack = peer_at(5));
	assert_int_equal(p.count.tcp_tail_losses, 0);
	assert_true(peer_info(&p).cwnd_bytes >= before);
	peer_done(&p);
}

static void
peer_without_sack_is_not_probed(void **state)
{
	struct peer p = peer_sent(3, (struct peer_conf){ .no_sack = true });

	(void)state;
	peer_expect(&p, .at_ms = 300, .seq = peer_at(0), .n = MSS);
	assert_int_equal(p.count.tcp_tx_tail_probes, 0);
	assert_int_equal(p.count.tcp_timeouts, 1);
	peer_drop(&p);
}

/* ---- PRR ---- */

/* RFC 6937, 3: seven segments go out for ten that are delivered, spread over the round trip. */
static void
window_comes_down_over_a_round_trip(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ .wnd = 65535 });
	uint32_t n = 0;

	(void)state;
	peer_write(&p, 20 * MSS);
	peer_expect_quiet(&p);
	for (uint32_t i = 2; i <= 10; i++) { /* the first is lost */
		peer_send(&p, .at_ms = 99 + i, .ack = peer_at(0),
			  .sack = { { peer_at(1), peer_at(i) } });
		n = peer_info(&p).cwnd_bytes / MSS;
	}
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS);
	assert_in_range(n, 6, 8);
	assert_in_range(p.heard_n - p.heard_at, 6,
			9); /* the lost one, and a new one for most ACKs */
	peer_ignore(&p);
	peer_send(&p, .at_ms = 200, .ack = peer_at(10));
	assert_int_equal(peer_info(&p).cwnd_bytes, 7 * MSS);
	peer_drop(&p);
}

/* ... in the next recovery, too: what the last one sent is none of its bytes, though the record is the same. */
static void
next_recovery_counts_from_nothing(void **state)
{
	struct peer p = peer_established(.rtt_ms = 100, .wnd = 65535);

	(void)state;
	peer_write(&p, 100 * MSS);
	peer_send(&p, .at_ms = 100, .ack = peer_at(10));
	assert_int_equal(peer_info(&p).flight_bytes, 20 * MSS);
	for (uint32_t i = 12; i <= 30; i++) /* the first is lost */
		peer_send(&p, .at_ms = 188 + i, .ack = peer_at(10),
			  .sack = { { peer_at(11), peer_at(i) } });
	peer_send(&p, .at_ms = 300, .ack = peer_at(33));
	assert_false(peer_info(&p).is_recovering);
	assert_in_range(peer_info(&p).flight_bytes, 9 * MSS, 14 * MSS);
	peer_ignore(&p);
	for (uint32_t i = 35; i <= 41; i++)
		peer_send(&p, .at_ms = 370 + i, .ack = peer_at(33),
			  .sack = { { peer_at(34), peer_at(i) } });
	assert_int_equal(p.count.tcp_recoveries, 2);
	assert_in_range(p.heard_n - p.heard_at, 5, 7); /* two, the lost one, seven for ten */
	peer_drop(&p);
}

/* RFC 6937, 3, bound: of many losses no more goes again than is delivered meanwhile. */
static void
what_goes_again_counts_as_sent(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ .wnd = 65535 });

	(void)state;
	peer_write(&p, 20 * MSS);
	peer_expect_quiet(&p);
	for (uint32_t i = 7; i <= 10; i++) /* the first six are lost */
		peer_send(&p, .at_ms = 93 + i, .ack = peer_at(0),
			  .sack = { { peer_at(6), peer_at(i) } });
	assert_int_equal(p.heard_n - p.heard_at, 4);
	assert_int_equal(p.count.tcp_recoveries, 1);
	peer_drop(&p);
}

/* Section 6 needs SACK: without it three duplicates count, not time. */
static void
peer_without_sack_is_not_timed(void **state)
{
	struct peer p = peer_sent(8, (struct peer_conf){ .no_sack = true });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = 5000);
	peer_wait(&p, 150);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* 7.2: a FIN is an end like another. */
static void
silent_fin_is_probed(void **state)
{
	struct peer p = peer_sent(1, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100);
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .seq = peer_at(1));
	peer_wait(&p, 1000);
	peer_expect(&p, .flags = "FA", .seq = peer_at(1));
	assert_int_equal(p.count.tcp_tx_tail_probes, 1);
	peer_drop(&p);
}

/* 7.2: in a recovery nobody probes. */
static void
recovery_is_not_probed(void **state)
{
	struct peer p = peer_sent(8, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = 5000, .sack = { { peer_at(1), peer_at(8) } });
	peer_expect_run(&p, peer_at(0), 1);
	peer_wait(&p, 1000);
	assert_int_equal(p.count.tcp_tx_tail_probes, 0);
	assert_true(peer_info(&p).is_recovering);
	peer_drop(&p);
}

/* 7.3: a shut window takes no new bytes; the last segment goes again. */
static void
probe_keeps_to_the_window(void **state)
{
	struct peer p = peer_sent(2, (struct peer_conf){ .wnd = 2 * MSS });

	(void)state;
	peer_write(&p, 2 * MSS);
	peer_expect_quiet(&p);
	peer_wait(&p, 250);
	peer_expect_run(&p, peer_at(1), 1);
	assert_int_equal(p.count.tcp_tx_tail_probes, 1);
	peer_drop(&p);
}

/* What a person is shown of a repair. */
static void
repair_is_shown(void **state)
{
	struct peer p = peer_sent(8, (struct peer_conf){ 0 });
	struct tcp_info info;

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = 5000, .sack = { { peer_at(1), peer_at(8) } });
	info = peer_info(&p);
	assert_true(info.is_recovering && !info.has_timed_out && !info.has_reordered);
	assert_int_equal(info.flight_bytes, 8 * MSS);
	assert_int_equal(info.sacked_bytes, 7 * MSS);
	assert_int_equal(info.lost_bytes, 0); /* it is in flight again */
	assert_in_range(info.rtt_least_ns, 99 * MS_NS, 101 * MS_NS);
	peer_send(&p, .at_ms = 200, .ack = peer_at(8));
	info = peer_info(&p);
	assert_true(!info.is_recovering);
	assert_int_equal(info.flight_bytes, 0);
	peer_drop(&p);
}

/* As peer_sent(), from another port, so that the engine's numbers lie elsewhere. */
static struct peer
sent_to_port(uint16_t port, uint32_t n)
{
	struct peer p = peer_new();

	p.port = port;
	peer_send(&p, .flags = "S", .mss = MSS, .has_sack_ok = true);
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .at_ms = 100);
	p.zero_ns = p.now / MS_NS * MS_NS;
	peer_write(&p, n * MSS);
	peer_expect_run(&p, 5000, n);
	return p;
}

/* 6.2, step 4: a D-SACK makes the reordering window a quarter larger, wherever numbers begin. */
static void
needless_retransmission_widens_the_window(void **state)
{
	(void)state;
	for (uint16_t k = 0; k < 8; k++) {
		struct peer p = sent_to_port(PEER_PORT + k, 10);

		peer_send(&p, .at_ms = 100, .ack = peer_at(1),
			  .sack = { { peer_at(2), peer_at(3) } });
		peer_ignore(&p);
		peer_wait(&p, 127); /* a quarter of 100 ms, and peer_at(1) goes again */
		assert_int_equal(p.counts->tcp_tx_again, 1);
		peer_send(&p, .ack = peer_at(3));
		peer_send(&p, .at_ms = 226, .ack = peer_at(3),
			  .sack = { { peer_at(1), peer_at(2) } });
		assert_int_equal(p.count.tcp_undone, 1);
		peer_send(&p, .at_ms = 230, .ack = peer_at(3),
			  .sack = { { peer_at(4), peer_at(5) } });
		peer_wait(&p, 275); /* half of 100 ms after 230 */
		assert_int_equal(p.counts->tcp_tx_again, 1);
		peer_wait(&p, 285);
		assert_int_equal(p.counts->tcp_tx_again, 2);
		peer_drop(&p);
	}
}

/* ... and it is remembered when all has arrived. */
static void
wider_window_outlives_the_flight(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(1), .sack = { { peer_at(2), peer_at(3) } });
	peer_ignore(&p);
	peer_wait(&p, 127);
	peer_send(&p, .ack = peer_at(3));
	peer_send(&p, .at_ms = 226, .ack = peer_at(3), .sack = { { peer_at(1), peer_at(2) } });
	peer_send(&p, .at_ms = 230, .ack = peer_at(10));
	peer_ignore(&p);
	assert_int_equal(p.count.tcp_tx_again, 1);
	peer_write(&p, 8 * MSS);
	peer_expect_run(&p, peer_at(10), 8);
	peer_send(&p, .at_ms = 330, .ack = peer_at(11), .sack = { { peer_at(12), peer_at(13) } });
	peer_wait(&p, 375);
	assert_int_equal(p.counts->tcp_tx_again, 1);
	peer_wait(&p, 385);
	assert_int_equal(p.counts->tcp_tx_again, 2);
	peer_drop(&p);
}

/* 7.4.2: ... and the report may come when nothing else is in flight any more. */
static void
late_report_of_both_copies_costs_nothing(void **state)
{
	struct peer p = peer_sent(1, (struct peer_conf){ 0 });
	uint32_t before = peer_info(&p).cwnd_bytes;

	(void)state;
	peer_expect(&p, .at_ms = 300, .seq = peer_at(0), .n = MSS);
	peer_send(&p, .at_ms = 410, .ack = peer_at(1));
	peer_send(&p, .at_ms = 500, .ack = peer_at(1), .sack = { { peer_at(0), peer_at(1) } });
	peer_write(&p, MSS);
	peer_expect(&p, .seq = peer_at(1), .n = MSS);
	peer_send(&p, .at_ms = 600, .ack = peer_at(2));
	assert_int_equal(p.count.tcp_tail_losses, 0);
	assert_in_range(peer_info(&p).cwnd_bytes, before, 2 * before);
	peer_drop(&p);
}

/* 7.2, RFC 6298, 5.1: small pieces, one after another, put off neither the probe nor the timeout. */
static void
pieces_that_follow_put_nothing_off(void **state)
{
	struct peer p = peer_established_((struct peer_conf){ 0 });

	(void)state;
	for (uint32_t ms = 75; ms < 1500; ms += 75) {
		peer_wait(&p, ms);
		peer_write(&p, 20);
	}
	peer_ignore(&p);
	assert_true(p.counts->tcp_tx_tail_probes >= 1);
	assert_true(p.counts->tcp_timeouts >= 1);
	peer_drop(&p);
}

/* A timeout in the middle of a recovery ends it: slow start, to the threshold and no further. */
static void
timeout_in_a_recovery_ends_it(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(5) } });
	peer_expect(&p, .seq = peer_at(0), .n = MSS);
	peer_wait(&p, 1000);
	peer_ignore(&p);
	assert_true(peer_info(&p).has_timed_out);
	peer_send(&p, .ack = peer_at(10));
	assert_false(peer_info(&p).is_recovering);
	assert_in_range(peer_info(&p).cwnd_bytes, MSS, 8 * MSS);
	peer_drop(&p);
}

/* RFC 6937, 3: when all is mended the window is the threshold. */
static void
window_after_a_recovery_is_the_threshold(void **state)
{
	struct peer p = peer_sent(10, (struct peer_conf){ 0 });

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(10) } });
	peer_expect(&p, .seq = peer_at(0), .n = MSS);
	assert_true(peer_info(&p).is_recovering);
	peer_send(&p, .at_ms = 200, .ack = peer_at(10));
	assert_false(peer_info(&p).is_recovering);
	assert_int_equal(peer_info(&p).cwnd_bytes, 7 * MSS);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS);
	peer_drop(&p);
}

/* 7.4.2, case 2: a peer without D-SACK answers both copies alike; the second time says it. */
static void
bare_duplicate_tells_of_both_copies(void **state)
{
	struct peer p = peer_sent(1, (struct peer_conf){ 0 });

	(void)state;
	peer_expect(&p, .at_ms = 300, .seq = peer_at(0), .n = MSS);
	peer_send(&p, .at_ms = 310, .ack = peer_at(1));
	peer_send(&p, .at_ms = 400, .ack = peer_at(1));
	peer_write(&p, MSS);
	peer_expect(&p, .seq = peer_at(1), .n = MSS);
	peer_send(&p, .at_ms = 500, .ack = peer_at(2));
	assert_int_equal(p.count.tcp_tail_losses, 0);
	peer_drop(&p);
}

/*
 * RFC 9937 (PRR): below the threshold a segment more than was delivered goes for an ACK that moves on,
 * unless the same ACK tells of further losses (SafeACK).
 */
static void
ack_that_tells_of_further_losses_earns_no_segment_more(void **state)
{
	struct peer p = peer_established(.rtt_ms = 100);

	(void)state;
	peer_write(&p, 100 * MSS);
	peer_send(&p, .at_ms = 100, .ack = 5000 + 10 * MSS);
	assert_int_equal(peer_info(&p).flight_bytes, 20 * MSS);
	peer_send(&p, .at_ms = 200, .ack = 5000 + 10 * MSS,
		  .sack = { { 5000 + 11 * MSS, 5000 + 14 * MSS } });
	assert_true(peer_info(&p).is_recovering);
	peer_ignore(&p);
	/* one and five were delivered, eleven more are lost */
	peer_send(&p, .at_ms = 300, .ack = 5000 + 14 * MSS,
		  .sack = { { 5000 + 25 * MSS, 5000 + 30 * MSS } });
	assert_int_equal(p.heard_n - p.heard_at, 7); /* nine delivered, two sent before */
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(hole_is_filled_after_the_reordering_window),
		cmocka_unit_test(segment_that_is_only_late_is_not_sent_again),
		cmocka_unit_test(reordering_path_is_given_its_window_whatever_is_sacked),
		cmocka_unit_test(lost_retransmission_is_found_without_the_timer),
		cmocka_unit_test(silent_end_is_probed_with_the_last_segment),
		cmocka_unit_test(silent_end_is_probed_with_new_bytes),
		cmocka_unit_test(lone_segment_is_probed_once_and_late),
		cmocka_unit_test(loss_that_a_probe_mends_costs_the_window),
		cmocka_unit_test(probe_that_came_twice_costs_nothing),
		cmocka_unit_test(peer_without_sack_is_not_probed),
		cmocka_unit_test(window_comes_down_over_a_round_trip),
		cmocka_unit_test(next_recovery_counts_from_nothing),
		cmocka_unit_test(what_goes_again_counts_as_sent),
		cmocka_unit_test(peer_without_sack_is_not_timed),
		cmocka_unit_test(silent_fin_is_probed),
		cmocka_unit_test(recovery_is_not_probed),
		cmocka_unit_test(probe_keeps_to_the_window),
		cmocka_unit_test(repair_is_shown),
		cmocka_unit_test(needless_retransmission_widens_the_window),
		cmocka_unit_test(wider_window_outlives_the_flight),
		cmocka_unit_test(late_report_of_both_copies_costs_nothing),
		cmocka_unit_test(pieces_that_follow_put_nothing_off),
		cmocka_unit_test(timeout_in_a_recovery_ends_it),
		cmocka_unit_test(window_after_a_recovery_is_the_threshold),
		cmocka_unit_test(bare_duplicate_tells_of_both_copies),
		cmocka_unit_test(ack_that_tells_of_further_losses_earns_no_segment_more),
	};

	return cmocka_run_group_tests_name("RFC 8985, 6937: repair by time", test, NULL, NULL);
}
