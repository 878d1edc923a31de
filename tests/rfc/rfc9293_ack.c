/*
 * RFC 9293, 3.8.6.3: when our ACKs are sent.
 */
#include "rfc/peer.h"

static void
single_segment_is_acked_late(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .at_ms = 10, .text = "one");
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 50, .ack = 1003);
	peer_done(&p);
}

static void
every_second_full_segment_is_acked_at_once(void **state)
{
	struct peer p = peer_established();

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		peer_send(&p, .n = 1460);
		peer_expect_quiet(&p);
		peer_send(&p, .n = 1460);
		peer_expect(&p, .ack = 1000 + (i + 1) * 2920);
	}
	peer_drop(&p);
}

static void
ack_rides_on_data(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .text = "request");
	peer_write_text(&p, "answer");
	peer_expect(&p, .ack = 1007, .text = "answer");
	peer_wait(&p, 150);
	peer_expect_quiet(&p); /* no second ACK */
	peer_drop(&p);
}

/* RFC 5681, 4.2: a gap is told at once, */
static void
segment_beyond_a_gap_is_acked_at_once(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .at_ms = 10, .seq = 1100, .n = 100);
	peer_expect(&p, .at_ms = 10, .ack = 1000);
	peer_drop(&p);
}

/* ... and so is that a part of it is filled. */
static void
segment_that_fills_a_gap_is_acked_at_once(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1200, .n = 100);
	peer_ignore(&p);
	peer_send(&p, .at_ms = 10, .seq = 1000, .n = 100);
	peer_expect(&p, .at_ms = 10, .ack = 1100);
	peer_send(&p, .at_ms = 20, .seq = 1100, .n = 100);
	peer_expect(&p, .at_ms = 20, .ack = 1300);
	peer_done(&p);
}

/* SHLD-19: small segments are acknowledged when they make two full ones together. */
static void
small_segments_share_an_ack(void **state)
{
	struct peer p = peer_established();

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		peer_send(&p, .at_ms = 10 + i, .text = "small");
	peer_expect(&p, .at_ms = 11, .ack = 1010);
	peer_expect(&p, .at_ms = 52, .ack = 1015);
	peer_done(&p);
}

/* MUST-40: with nothing else to do an ACK waits 40 ms, and not from segment to segment. */
static void
delay_begins_with_the_first_segment(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .n = 1460);
	peer_send(&p, .n = 1460);
	peer_expect(&p, .ack = 1000 + 2920);
	peer_send(&p, .at_ms = 10, .n = 100);
	peer_send(&p, .at_ms = 45, .n = 100);
	peer_expect(&p, .at_ms = 50, .ack = 1000 + 3120);
	peer_done(&p);
}

/* A FIN is acknowledged at once: its sender waits for nothing else. */
static void
fin_is_acked_at_once(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .at_ms = 10, .flags = "FA", .text = "end");
	peer_expect(&p, .at_ms = 10, .ack = 1004);
	peer_done(&p);
}

/* MUST-58, MUST-59: what comes in one burst is answered by one ACK. */
static void
burst_gets_one_ack(void **state)
{
	struct peer p = peer_established();
	struct tcp_seg seg[8];
	struct buf *buf[8];

	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		buf[i] = buf_take(p.pool);
		memset(buf_append(buf[i], MSS), 'x', MSS);
		seg[i] = (struct tcp_seg){
			.src = p.self,
			.dst = p.engine,
			.src_port = p.port,
			.dst_port = p.engine_port,
			.flags = TCP_ACK,
			.seq = seq_of(1000 + i * MSS),
			.ack = seq_of(5000 + p.bias),
			.wnd = 65535,
			.payload_n = MSS,
		};
	}
	tcp_input(p.tcp, seg, buf, 8, p.now, &p.out);
	peer_advance(&p);
	peer_expect(&p, .ack = 1000 + 8 * MSS);
	peer_done(&p);
}

/* MUST-61: the last segment of what was given is pushed. */
static void
last_segment_is_pushed(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write(&p, 3 * MSS);
	peer_expect_run(&p, 5000, 3);
	assert_int_equal(p.heard[p.heard_n - 2].seg.flags & TCP_PSH, 0);
	assert_int_equal(p.heard[p.heard_n - 1].seg.flags & TCP_PSH, TCP_PSH);
	peer_drop(&p);
}

/* An ACK never asks for an ACK. */
static void
empty_ack_gets_no_answer(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p);
	peer_send(&p, .wnd = 2000);
	peer_wait(&p, 1000);
	peer_done(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(single_segment_is_acked_late),
		cmocka_unit_test(every_second_full_segment_is_acked_at_once),
		cmocka_unit_test(ack_rides_on_data),
		cmocka_unit_test(segment_beyond_a_gap_is_acked_at_once),
		cmocka_unit_test(segment_that_fills_a_gap_is_acked_at_once),
		cmocka_unit_test(small_segments_share_an_ack),
		cmocka_unit_test(delay_begins_with_the_first_segment),
		cmocka_unit_test(fin_is_acked_at_once),
		cmocka_unit_test(burst_gets_one_ack),
		cmocka_unit_test(last_segment_is_pushed),
		cmocka_unit_test(empty_ack_gets_no_answer),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.8.6.3: delayed ACKs", test, NULL, NULL);
}
