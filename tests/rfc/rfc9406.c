/*
 * HyStart++ (RFC 9406): the first slow start ends when round trips grow, and goes on when they shrink
 * again; large windows are paced meanwhile.
 */
#include "rfc/peer.h"

/* A path of 100 ms to a peer with a large window, and much to send. */
static struct peer
established(enum tcp_cc cc)
{
	struct peer p = peer_established(.cc = cc, .rtt_ms = 100, .wscale = true, .scale = 8,
					 .bufs_max = 1 << 14, .send_max = 4 << 20);

	peer_write(&p, 2000 * MSS);
	return p;
}

static uint32_t
heard_n(const struct peer *p)
{
	return p->heard_n - p->heard_at;
}

/* Every second segment is acknowledged rtt_ms after it was sent, until then. */
static void
run(struct peer *p, uint32_t until_ms, uint32_t rtt_ms)
{
	while (heard_n(p) >= 2) {
		const struct heard *h = &p->heard[(p->heard_at + 1) % PEER_QUEUE];
		uint32_t at_ms = (uint32_t)((h->at_ns - p->zero_ns - 1) / MS_NS) + 1 + rtt_ms;

		if (at_ms > until_ms)
			break;
		p->heard_at += 2;
		peer_send(p, .at_ms = at_ms, .ack = h->seg.seq.v - p->bias + h->seg.payload_n);
	}
	peer_wait(p, until_ms);
}

/* 4.2: the window grows by a quarter of what it did, then as congestion avoidance does. */
static void
growing_round_trip_ends_slow_start(void **state)
{
	struct peer p = established(TCP_CC_CUBIC);
	uint32_t before, grown;

	(void)state;
	run(&p, 260, 100);
	assert_true(peer_info(&p).ssthresh_bytes > 1 << 30);
	run(&p, 440, 125);
	run(&p, 700, 140);
	before = peer_info(&p).cwnd_bytes;
	run(&p, 840, 145);
	grown = peer_info(&p).cwnd_bytes - before;
	assert_in_range(grown, before / 6, before / 3);
	assert_true(peer_info(&p).ssthresh_bytes > 1 << 30); /* it may have been jitter */
	run(&p, 1450, 150);
	assert_true(peer_info(&p).ssthresh_bytes < 1 << 20);
	assert_int_equal(peer_info(&p).retransmits, 0);
	peer_drop(&p);
}

/* 4.2: the delay of the path itself is none, however long. */
static void
even_round_trip_does_not_end_it(void **state)
{
	struct peer p = established(TCP_CC_CUBIC);

	(void)state;
	run(&p, 560, 100);
	assert_true(peer_info(&p).ssthresh_bytes > 1 << 30);
	assert_true(peer_info(&p).cwnd_bytes > 300 * MSS);
	peer_drop(&p);
}

/* 4.3: ACKs in clumps let nobody's queue overflow: what they allow goes out over half a round trip. */
static void
large_window_of_slow_start_is_paced(void **state)
{
	struct peer p = established(TCP_CC_CUBIC);

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		peer_send(&p, .at_ms = 100 * (i + 1), .ack = peer_at((10u << i) - 10 + (10u << i)));
		if (i == 2)
			break;
		assert_int_equal(peer_info(&p).flight_bytes, (20u << i) * MSS);
	}
	peer_ignore(&p);
	peer_wait(&p, 310);
	assert_in_range(heard_n(&p), 10, 20); /* of 80, whose rate is 1.6 in a millisecond */
	peer_wait(&p, 330);
	assert_in_range(heard_n(&p), 40, 52);
	peer_wait(&p, 355);
	assert_int_equal(peer_info(&p).flight_bytes, 80 * MSS);
	assert_true(p.counts->tcp_tx_paced > 10);
	peer_drop(&p);
}

/* An ACK of our own that goes out meanwhile does not make it forget what waits. */
static void
paced_bytes_survive_an_ack(void **state)
{
	struct peer p = established(TCP_CC_CUBIC);

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(10));
	peer_send(&p, .at_ms = 200, .ack = peer_at(30));
	peer_send(&p, .at_ms = 300, .ack = peer_at(70));
	peer_send(&p, .at_ms = 301, .n = 1, .ack = peer_at(70));
	peer_send(&p, .at_ms = 302, .n = MSS, .ack = peer_at(70));
	peer_send(&p, .at_ms = 302, .n = MSS, .ack = peer_at(70));
	peer_wait(&p, 355);
	assert_int_equal(peer_info(&p).flight_bytes, 80 * MSS);
	peer_drop(&p);
}

/* Who does not ask for a pace has none. */
static void
newreno_is_not_paced(void **state)
{
	struct peer p = established(TCP_CC_NEWRENO);

	(void)state;
	peer_send(&p, .at_ms = 100, .ack = peer_at(10));
	peer_send(&p, .at_ms = 200, .ack = peer_at(30));
	peer_send(&p, .at_ms = 300, .ack = peer_at(70));
	assert_int_equal(peer_info(&p).flight_bytes, 80 * MSS);
	assert_int_equal(p.counts->tcp_tx_paced, 0);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(growing_round_trip_ends_slow_start),
		cmocka_unit_test(even_round_trip_does_not_end_it),
		cmocka_unit_test(large_window_of_slow_start_is_paced),
		cmocka_unit_test(paced_bytes_survive_an_ack),
		cmocka_unit_test(newreno_is_not_paced),
	};

	return cmocka_run_group_tests_name("RFC 9406: HyStart++, and pacing", test, NULL, NULL);
}
