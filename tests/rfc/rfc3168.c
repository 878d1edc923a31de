/*
 * Explicit congestion notification (RFC 3168): agreed in the handshake, marks come back as ECE, the
 * window comes down once a round trip and CWR says so.
 */
#include "rfc/peer.h"

/* After a handshake in which the peer has offered ECN; a path of 100 ms. */
static struct peer
established_as(struct peer_conf conf)
{
	struct peer p = peer_new_(conf);

	peer_send(&p, .flags = "SEC", .mss = MSS, .has_sack_ok = true);
	peer_expect(&p, .flags = "SAE", .ecn = PEER_NOT_ECT);
	peer_send(&p, .at_ms = 100);
	p.zero_ns = p.now / MS_NS * MS_NS;
	return p;
}

static struct peer
established(void)
{
	return established_as((struct peer_conf){ .mss = 0 });
}

/* 6.1.1: SYN with ECE and CWR, SYN-ACK with ECE; 6.1.2: data is ECT, 6.1.4: bare ACKs are not. */
static void
offer_is_accepted_and_data_is_ect(void **state)
{
	struct peer p = established();

	(void)state;
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello", .ecn = PEER_ECT);
	peer_send(&p, .n = MSS);
	peer_send(&p, .n = MSS);
	peer_expect(&p, .flags = "A", .ecn = PEER_NOT_ECT);
	peer_drop(&p);
}

static void
peer_that_offers_nothing_gets_none(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello", .ecn = PEER_NOT_ECT);
	peer_send(&p, .n = 10, .ecn = PEER_CE, .ack = 5005);
	peer_wait(&p, 50);
	peer_expect(&p, .flags = "A");
	peer_done(&p);
}

/* A SYN with ECE alone is no offer. */
static void
half_an_offer_is_none(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "SE", .mss = MSS);
	peer_expect(&p, .flags = "SA");
	peer_drop(&p);
}

/* 6.1.1 and 6.1.1.1: we ask where told to; a repeated SYN asks no more. */
static void
our_syn_asks_once(void **state)
{
	struct peer p = peer_new(.asks_ecn = true);

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "SEC", .ecn = PEER_NOT_ECT);
	peer_expect(&p, .flags = "S", .at_ms = 1000);
	peer_drop(&p);
}

static void
our_offer_is_taken(void **state)
{
	struct peer p = peer_new(.asks_ecn = true);

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "SEC");
	peer_send(&p, .flags = "SAE", .seq = 999, .mss = MSS);
	peer_expect(&p, .flags = "A");
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello", .ecn = PEER_ECT);
	peer_drop(&p);
}

/* 6.1.1: who sends our own flags back has not understood them. */
static void
echoed_flags_are_no_agreement(void **state)
{
	struct peer p = peer_new(.asks_ecn = true);

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "SEC");
	peer_send(&p, .flags = "SAEC", .seq = 999, .mss = MSS);
	peer_expect(&p, .flags = "A");
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello", .ecn = PEER_NOT_ECT);
	peer_drop(&p);
}

/* 6.1.3: every ACK says it until CWR comes. */
static void
mark_is_told_until_cwr(void **state)
{
	struct peer p = established();

	(void)state;
	peer_send(&p, .n = 100, .ecn = PEER_CE);
	peer_expect(&p, .flags = "AE");
	peer_write_text(&p, "hello");
	peer_expect(&p, .flags = "AE", .text = "hello");
	peer_send(&p, .flags = "AC", .n = 100, .ecn = PEER_ECT, .ack = 5005);
	peer_write_text(&p, "again");
	peer_expect(&p, .flags = "A", .text = "again");
	peer_drop(&p);
}

/* 6.1.3: CWR and a new mark in one segment. */
static void
mark_with_cwr_is_a_new_one(void **state)
{
	struct peer p = established();

	(void)state;
	peer_send(&p, .n = 100, .ecn = PEER_CE);
	peer_expect(&p, .flags = "AE");
	peer_send(&p, .flags = "AC", .n = 100, .ecn = PEER_CE);
	peer_expect(&p, .flags = "AE");
	peer_drop(&p);
}

/* 6.1.2: down to 0.7 (RFC 9438), CWR on the next new segment only, once a round trip. */
static void
ece_takes_the_window_down_once(void **state)
{
	struct peer p = established();

	(void)state;
	peer_write(&p, 40 * MSS);
	for (uint32_t i = 0; i < 10; i++)
		peer_expect(&p, .n = MSS);
	peer_send(&p, .at_ms = 100, .flags = "AE", .ack = 5000 + 5 * MSS);
	assert_int_equal(p.count.tcp_ecn_reductions, 1);
	assert_int_equal(p.count.tcp_recoveries, 0);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS);
	peer_expect(&p, .flags = "AC", .n = MSS, .ecn = PEER_ECT);
	peer_expect(&p, .flags = "A", .n = MSS, .ecn = PEER_ECT);
	peer_expect_quiet(&p);
	peer_send(&p, .at_ms = 101, .flags = "AE", .ack = 5000 + 10 * MSS);
	assert_int_equal(p.count.tcp_ecn_reductions, 1);
	peer_expect(&p, .flags = "A", .n = MSS, .ecn = PEER_ECT);
	peer_drop(&p);
}

/* 6.1.2: on one segment, also where the port cuts and may copy the flags to every piece. */
static void
cwr_goes_with_a_segment_that_is_not_cut(void **state)
{
	struct peer p = established_as((struct peer_conf){ .tso = true });

	(void)state;
	peer_write(&p, 40 * MSS);
	for (uint32_t i = 0; i < 10; i++)
		peer_expect(&p, .flags = "A", .n = MSS);
	assert_true(p.count.tcp_tx_super > 0);
	peer_send(&p, .at_ms = 100, .flags = "AE", .ack = 5000 + 8 * MSS);
	peer_expect(&p, .flags = "AC", .n = MSS, .ecn = PEER_ECT);
	for (uint32_t i = 0; i < 4; i++)
		peer_expect(&p, .flags = "A", .n = MSS, .ecn = PEER_ECT);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_tx_super, 2); /* the others go together */
	peer_drop(&p);
}

/* 6.1.5: what is sent again is not ECT: a mark on it would be lost with it. */
static void
retransmission_is_not_ect(void **state)
{
	struct peer p = established();

	(void)state;
	peer_write(&p, 10 * MSS);
	for (uint32_t i = 0; i < 10; i++)
		peer_expect(&p, .n = MSS, .ecn = PEER_ECT);
	peer_send(&p, .at_ms = 100, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 9 * MSS } });
	peer_expect(&p, .seq = 5000, .n = MSS, .ecn = PEER_NOT_ECT);
	peer_drop(&p);
}

/* A connection made from a cookie has it too, where timestamps carry it. */
static void
cookie_keeps_it(void **state)
{
	struct peer p = peer_new(.backlog_max = 1, .ts = true);

	(void)state;
	peer_send(&p, .flags = "S", .mss = MSS); /* fills the backlog */
	peer_expect(&p, .flags = "SA");
	p.port++;
	p.seq = 999;
	peer_send(&p, .flags = "SEC", .mss = MSS, .has_sack_ok = true);
	peer_expect(&p, .flags = "SAE");
	peer_send(&p);
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello", .ecn = PEER_ECT);
	peer_drop(&p);
}

static bool
has_heard_cwr(const struct peer *p)
{
	for (uint32_t i = 0; i < p->heard_n; i++)
		if ((p->heard[i].seg.flags & TCP_CWR) != 0)
			return true;
	return false;
}

/* 6.1.2: a loss takes the window down, too; CWR says so, or marks would take it down once more. */
static void
loss_is_told_by_cwr(void **state)
{
	struct peer p = established();

	(void)state;
	peer_write(&p, 40 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 100, .flags = "AE", .ack = 5000,
		  .sack = { { peer_at(1), peer_at(10) } });
	peer_ignore(&p);
	assert_int_equal(p.count.tcp_recoveries, 1);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS);
	peer_send(&p, .at_ms = 200, .flags = "AE", .ack = peer_at(10));
	peer_ignore(&p);
	assert_true(has_heard_cwr(&p));
	peer_send(&p, .at_ms = 201, .flags = "AE", .ack = peer_at(10), .n = 10);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS);
	peer_drop(&p);
}

/* ... a timeout as well. */
static void
timeout_is_told_by_cwr(void **state)
{
	struct peer p = established();

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	peer_wait(&p, 1000);
	peer_ignore(&p);
	peer_send(&p, .ack = 5000 + MSS);
	peer_write(&p, MSS);
	peer_expect(&p, .flags = "AC", .seq = 5000 + MSS, .n = MSS);
	peer_drop(&p);
}

/* 6.1.4: a mark on a bare ACK cannot be, and is not told. */
static void
mark_on_a_bare_ack_is_not_told(void **state)
{
	struct peer p = established();

	(void)state;
	peer_send(&p, .ecn = PEER_CE);
	peer_expect_quiet(&p);
	peer_send(&p, .n = 10);
	peer_expect(&p, .at_ms = 40, .flags = "A", .ack = 1010);
	peer_drop(&p);
}

/* 6.1.5: marks on what lies outside of the window are a bystander's. */
static void
mark_outside_of_the_window_is_not_told(void **state)
{
	struct peer p = established();
	uint32_t edge = 1000 + peer_info(&p).rcv_wnd;

	(void)state;
	peer_send(&p, .seq = edge + 100, .n = 10, .ecn = PEER_CE);
	peer_expect(&p, .flags = "A", .ack = 1000);
	assert_int_equal(p.count.tcp_rx_ce, 0);
	peer_drop(&p);
}

/* 6.1.6: probes of a window are not ECT. */
static void
window_probe_is_not_ect(void **state)
{
	struct peer p = established();

	(void)state;
	peer_send(&p, .wnd = PEER_SHUT);
	peer_write(&p, 10);
	peer_expect(&p, .at_ms = 300, .seq = 4999, .ecn = PEER_NOT_ECT);
	peer_drop(&p);
}

/* 6.1.2: an echo with nothing in flight has nothing to take down. */
static void
echo_with_nothing_in_flight_changes_nothing(void **state)
{
	struct peer p = established();
	uint32_t before = peer_info(&p).cwnd_bytes;

	(void)state;
	peer_send(&p, .flags = "AE");
	assert_int_equal(peer_info(&p).cwnd_bytes, before);
	peer_drop(&p);
}

/* Flags of a peer that has agreed to nothing are noise. */
static void
echo_without_agreement_is_noise(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 10 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .flags = "AE", .n = 10, .ecn = PEER_CE);
	peer_expect(&p, .at_ms = 40, .flags = "A", .ack = 1010);
	assert_true(peer_info(&p).ssthresh_bytes > 1 << 29);
	peer_drop(&p);
}

/* 6.1.1: who has heard a SYN without an offer, too, marks nothing as capable; marks are still told. */
static void
second_syn_without_offer_forbids_ect(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "SEC", .seq = 999, .mss = MSS);
	peer_expect(&p, .flags = "SAE");
	peer_send(&p, .flags = "S", .seq = 999, .mss = MSS);
	peer_expect(&p, .flags = "SAE");
	peer_send(&p, .seq = 1000);
	peer_write(&p, MSS);
	peer_expect(&p, .n = MSS, .ecn = PEER_NOT_ECT);
	peer_send(&p, .n = 10, .ecn = PEER_CE);
	peer_expect(&p, .flags = "AE", .ack = 1010);
	peer_drop(&p);
}

/* ... and who has sent one. */
static void
our_second_syn_forbids_ect(void **state)
{
	struct peer p = peer_new(.asks_ecn = true);

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "SEC");
	peer_expect(&p, .flags = "S", .at_ms = 1000);
	peer_send(&p, .flags = "SAE", .seq = 999, .mss = MSS);
	peer_expect(&p, .flags = "A", .ack = 1000);
	peer_write(&p, 100);
	peer_expect(&p, .n = 100, .ecn = PEER_NOT_ECT);
	peer_drop(&p);
}

/* 6.1.2: a loss that no mark has announced is told as well, and deaf to what was marked before it. */
static void
plain_loss_is_told_by_cwr(void **state)
{
	struct peer p = established();

	(void)state;
	peer_write(&p, 40 * MSS);
	peer_expect_run(&p, 5000, 10);
	peer_send(&p, .at_ms = 100, .ack = 5000, .sack = { { peer_at(1), peer_at(10) } });
	peer_send(&p, .at_ms = 150, .flags = "AE", .ack = 5000,
		  .sack = { { peer_at(1), peer_at(10) } });
	peer_send(&p, .at_ms = 200, .flags = "AE", .ack = peer_at(10));
	peer_ignore(&p);
	assert_true(has_heard_cwr(&p));
	peer_send(&p, .at_ms = 201, .flags = "AE", .ack = peer_at(10), .n = 10);
	assert_int_equal(p.count.tcp_ecn_reductions, 0);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS);
	peer_drop(&p);
}

/* A tail loss is one of them. */
static void
tail_loss_is_told_by_cwr(void **state)
{
	struct peer p = established();

	(void)state;
	peer_write(&p, MSS);
	peer_expect_run(&p, 5000, 1);
	peer_expect(&p, .at_ms = 300, .seq = 5000, .n = MSS);
	peer_send(&p, .at_ms = 400, .ack = peer_at(1));
	peer_write(&p, MSS);
	peer_expect(&p, .flags = "A", .seq = peer_at(1), .n = MSS);
	peer_send(&p, .at_ms = 500, .ack = peer_at(2));
	assert_int_equal(p.count.tcp_tail_losses, 1);
	peer_write(&p, MSS);
	peer_expect(&p, .flags = "AC", .seq = peer_at(2), .n = MSS);
	peer_drop(&p);
}

/* 6.1.2: an ACK that tells of marks opens no window, nor do its repetitions. */
static void
ack_with_echo_opens_no_window(void **state)
{
	struct peer p = established();
	uint32_t cwnd;

	(void)state;
	peer_write(&p, 60 * MSS);
	peer_send(&p, .at_ms = 100, .ack = peer_at(10));
	peer_send(&p, .at_ms = 200, .flags = "AE", .ack = peer_at(12));
	cwnd = peer_info(&p).cwnd_bytes;
	assert_int_equal(cwnd, 20 * MSS * 7 / 10);
	peer_send(&p, .at_ms = 201, .flags = "AE", .ack = peer_at(14));
	peer_send(&p, .at_ms = 202, .flags = "AE", .ack = peer_at(20));
	assert_int_equal(peer_info(&p).cwnd_bytes, cwnd);
	peer_drop(&p);
}

/* 6.1.2: at one segment the window cannot fall: the next goes when the timer would have fired. */
static void
marks_at_one_segment_wait_for_the_timer(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "SEC", .mss = MSS, .has_sack_ok = true);
	peer_expect(&p, .flags = "SAE");
	peer_expect(&p, .flags = "SAE", .at_ms = 1000); /* lost: one segment is the first window */
	peer_send(&p, .at_ms = 1100);
	peer_write(&p, 3 * MSS);
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_send(&p, .at_ms = 1200, .flags = "AE", .ack = peer_at(1));
	peer_expect_quiet(&p);
	assert_int_equal(p.counts->tcp_ecn_holds, 1);
	assert_true(peer_info(&p).cwnd_bytes <= 2 * MSS);
	peer_wait(&p, 1470);
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 1500, .flags = "AC", .seq = peer_at(1), .n = MSS);
	peer_send(&p, .at_ms = 1600, .ack = peer_at(2));
	peer_expect(&p, .at_ms = 1600, .seq = peer_at(2), .n = MSS);
	peer_drop(&p);
}

/* ... also when the bytes come later than the marks, or after the time is over. */
static void
later_bytes_wait_for_the_timer_too(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "SEC", .mss = MSS, .has_sack_ok = true);
	peer_wait(&p, 1050);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 1100);
	peer_write(&p, MSS);
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_send(&p, .at_ms = 1200, .flags = "AE", .ack = peer_at(1));
	peer_wait(&p, 1300);
	peer_write(&p, MSS);
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 1500, .flags = "AC", .seq = peer_at(1), .n = MSS);
	peer_send(&p, .at_ms = 1600, .ack = peer_at(2));
	peer_wait(&p, 3000);
	peer_write(&p, MSS);
	peer_expect(&p, .at_ms = 3000, .seq = peer_at(2), .n = MSS);
	peer_drop(&p);
}

/*
 * A recovery that is taken back was none: CWR, which would have told of it, does not stand for the
 * next loss, which takes the window down as any other (RFC 4015, 3.2; RFC 3168, 6.1.2).
 */
static void
loss_after_a_mistake_counts(void **state)
{
	struct peer p = established();
	uint32_t first, cwnd;

	(void)state;
	peer_write(&p, 6 * MSS);
	peer_expect_run(&p, peer_at(0), 6);
	cwnd = peer_info(&p).cwnd_bytes;
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(5) } });
	peer_expect(&p, .seq = peer_at(0), .n = MSS);
	peer_send(&p, .at_ms = 110, .ack = peer_at(6)); /* it was only late */
	peer_send(&p, .at_ms = 200, .ack = peer_at(6), .sack = { { peer_at(0), peer_at(1) } });
	assert_int_equal(p.count.tcp_undone, 1);
	first = peer_info(&p).ssthresh_bytes;
	assert_true(first > cwnd);
	peer_write(&p, 6 * MSS);
	peer_expect_run(&p, peer_at(6), 6);
	peer_send(&p, .at_ms = 300, .ack = peer_at(6), .sack = { { peer_at(7), peer_at(11) } });
	peer_expect(&p, .seq = peer_at(6), .n = MSS);
	assert_true(peer_info(&p).ssthresh_bytes < cwnd);
	peer_send(&p, .at_ms = 400, .ack = peer_at(12));
	assert_true(peer_info(&p).cwnd_bytes < cwnd);
	peer_done(&p);
}

/* A mark after a recovery was no mistake, whatever the recovery turns out to have been. */
static void
mark_after_a_recovery_is_not_undone(void **state)
{
	struct peer p = established();
	uint32_t cwnd;

	(void)state;
	peer_write(&p, 6 * MSS);
	peer_expect_run(&p, peer_at(0), 6);
	peer_send(&p, .at_ms = 100, .ack = peer_at(0), .sack = { { peer_at(1), peer_at(5) } });
	peer_expect(&p, .seq = peer_at(0), .n = MSS);
	peer_send(&p, .at_ms = 110, .ack = peer_at(6));
	peer_write(&p, 20 * MSS);
	peer_expect(&p, .flags = "AC", .seq = peer_at(6), .n = MSS);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 200, .ack = peer_at(7));
	peer_ignore(&p);
	peer_send(&p, .flags = "AE", .ack = peer_at(8));
	assert_int_equal(p.count.tcp_ecn_reductions, 1);
	cwnd = peer_info(&p).cwnd_bytes;
	peer_ignore(&p);
	peer_send(&p, .ack = peer_at(8), .sack = { { peer_at(0), peer_at(1) } });
	assert_int_equal(p.count.tcp_undone, 0);
	assert_int_equal(peer_info(&p).cwnd_bytes, cwnd);
	peer_drop(&p);
}

/* 6.1.2: marks within a recovery wait for its end: the peer says them until then. */
static void
marks_within_a_recovery_wait_for_its_end(void **state)
{
	struct peer p = established();

	(void)state;
	peer_write(&p, 40 * MSS);
	peer_expect_run(&p, peer_at(0), 10);
	peer_send(&p, .at_ms = 100, .flags = "AE", .ack = peer_at(5));
	peer_expect(&p, .flags = "AC", .seq = peer_at(10), .n = MSS);
	peer_ignore(&p); /* 11 */
	peer_send(&p, .ack = peer_at(5), .sack = { { peer_at(6), peer_at(10) } });
	assert_int_equal(p.count.tcp_recoveries, 1);
	peer_send(&p, .ack = peer_at(11));
	assert_true(peer_info(&p).is_recovering);
	peer_send(&p, .flags = "AE", .ack = peer_at(11));
	assert_int_equal(p.count.tcp_ecn_reductions, 1);
	peer_send(&p, .ack = peer_at(12));
	assert_false(peer_info(&p).is_recovering);
	peer_send(&p, .flags = "AE", .ack = peer_at(12));
	assert_int_equal(p.count.tcp_ecn_reductions, 2);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(offer_is_accepted_and_data_is_ect),
		cmocka_unit_test(peer_that_offers_nothing_gets_none),
		cmocka_unit_test(half_an_offer_is_none),
		cmocka_unit_test(our_syn_asks_once),
		cmocka_unit_test(our_offer_is_taken),
		cmocka_unit_test(echoed_flags_are_no_agreement),
		cmocka_unit_test(mark_is_told_until_cwr),
		cmocka_unit_test(mark_with_cwr_is_a_new_one),
		cmocka_unit_test(ece_takes_the_window_down_once),
		cmocka_unit_test(cwr_goes_with_a_segment_that_is_not_cut),
		cmocka_unit_test(retransmission_is_not_ect),
		cmocka_unit_test(cookie_keeps_it),
		cmocka_unit_test(loss_is_told_by_cwr),
		cmocka_unit_test(timeout_is_told_by_cwr),
		cmocka_unit_test(mark_on_a_bare_ack_is_not_told),
		cmocka_unit_test(mark_outside_of_the_window_is_not_told),
		cmocka_unit_test(window_probe_is_not_ect),
		cmocka_unit_test(echo_with_nothing_in_flight_changes_nothing),
		cmocka_unit_test(echo_without_agreement_is_noise),
		cmocka_unit_test(second_syn_without_offer_forbids_ect),
		cmocka_unit_test(our_second_syn_forbids_ect),
		cmocka_unit_test(plain_loss_is_told_by_cwr),
		cmocka_unit_test(tail_loss_is_told_by_cwr),
		cmocka_unit_test(ack_with_echo_opens_no_window),
		cmocka_unit_test(marks_at_one_segment_wait_for_the_timer),
		cmocka_unit_test(later_bytes_wait_for_the_timer_too),
		cmocka_unit_test(loss_after_a_mistake_counts),
		cmocka_unit_test(mark_after_a_recovery_is_not_undone),
		cmocka_unit_test(marks_within_a_recovery_wait_for_its_end),
	};

	return cmocka_run_group_tests_name("RFC 3168: ECN", test, NULL, NULL);
}
