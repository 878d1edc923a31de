/*
 * Records of what was sent and of its repair: what goes on when there are none, who gives one back,
 * and what a connection that is taken over may take of them.
 */
#include "rfc/peer.h"
#include "tcp/conn.h"

/* Opens from the next port; a segment is missing then, which takes a record of repairs. */
static void
open_with_a_hole(struct peer *p)
{
	peer_open_next(p);
	peer_write(p, 4 * MSS);
	peer_send(p, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 2 * MSS } });
	peer_ignore(p);
}

/* Records of repairs are used up: who comes from elsewhere in the middle of one goes on without. */
static void
repair_goes_on_without_a_record(void **state)
{
	struct peer p = peer_established(.conns_max = 400, .rtt_ms = 100);
	uint64_t bytes[4096];
	struct tcp_id id = p.id;
	size_t n;

	(void)state;
	peer_write(&p, 4 * MSS);
	peer_expect_run(&p, 5000, 4);
	peer_send(&p, .at_ms = 100, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 2 * MSS } });
	n = tcp_save_size(p.tcp, id);
	assert_in_range(n, 1, sizeof(bytes));
	tcp_save(p.tcp, id, bytes);
	tcp_forget(p.tcp, id);
	while (p.counts->tcp_repairs_none == 0)
		open_with_a_hole(&p);
	id = tcp_restore(p.tcp, bytes, n, 9, p.now);
	assert_int_not_equal(id.v, 0);
	p.id = id;
	for (; p.port > PEER_PORT; p.port--)
		peer_send(&p, .flags = "R", .seq = 1000);
	peer_wait(&p, 190); /* the reordering window is over */
	peer_ignore(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_wait(&p, 2000);
	peer_ignore(&p);
	assert_true(peer_info(&p).retransmits > 0);
	peer_drop(&p);
}

/* RFC 6675, 4: without a record three SACKed segments make a loss, by bytes and not by time. */
static void
recovery_without_a_record_counts_bytes(void **state)
{
	struct peer p = peer_established(.conns_max = 400);

	(void)state;
	while (p.counts->tcp_repairs_none == 0)
		open_with_a_hole(&p);
	assert_int_equal(p.counts->tcp_recoveries, 296);
	peer_send(&p, .ack = 5000, .sack = { { 5000 + MSS, 5000 + 4 * MSS } });
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_send(&p, .ack = 5000 + 4 * MSS);
	assert_int_equal(tcp_unacked(p.tcp, p.id), 0);
	assert_false(peer_info(&p).is_recovering);
	peer_drop(&p);
}

/* RFC 6675, 4: ... and so do three blocks that do not touch, however short; not one of as many bytes. */
static void
recovery_without_a_record_counts_blocks(void **state)
{
	struct peer p = peer_established(.conns_max = 400);

	(void)state;
	while (p.counts->tcp_repairs_none == 0)
		open_with_a_hole(&p);
	peer_open_next(&p);
	peer_write(&p, MSS);
	for (uint32_t i = 0; i < 3; i++)
		peer_write(&p, 100);
	peer_ignore(&p);
	peer_send(&p, .ack = 5000, .sack = { { peer_at(1), peer_at(1) + 300 } });
	peer_expect_quiet(&p);
	peer_open_next(&p);
	peer_write(&p, 6 * MSS);
	peer_expect_run(&p, 5000, 6);
	peer_send(&p, .ack = 5000,
		  .sack = { { peer_at(3), peer_at(3) + 100 }, { peer_at(1), peer_at(1) + 100 } });
	peer_expect_quiet(&p);
	peer_send(&p, .ack = 5000,
		  .sack = { { peer_at(4), peer_at(4) + 100 },
			    { peer_at(3), peer_at(3) + 100 },
			    { peer_at(1), peer_at(1) + 100 } });
	peer_expect(&p, .seq = 5000, .n = MSS);
	peer_expect_quiet(&p);
	assert_true(peer_info(&p).is_recovering);
	peer_drop(&p);
}

/* Records of repairs are used up; then comes one that agrees to ECN, and has ten segments under way. */
static struct peer
marked_without_a_record(bool tso)
{
	struct peer p = peer_established(.conns_max = 400, .tso = tso);

	while (p.counts->tcp_repairs_none == 0)
		open_with_a_hole(&p);
	p.port++;
	p.seq = 999;
	p.ack = 0;
	peer_send(&p, .flags = "SEC", .mss = MSS, .has_sack_ok = true);
	peer_expect(&p, .flags = "SAE");
	peer_send(&p);
	peer_write(&p, 40 * MSS);
	peer_expect_run(&p, 5000, 10);
	return p;
}

/* RFC 3168, 6.1.2: ... congestion is heeded all the same, once a window of data, and CWR says so. */
static void
marks_are_heeded_without_a_record(void **state)
{
	struct peer p = marked_without_a_record(false);

	(void)state;
	peer_send(&p, .flags = "AE", .ack = peer_at(5));
	assert_int_equal(p.count.tcp_ecn_reductions, 1);
	assert_int_equal(peer_info(&p).cwnd_bytes, 7 * MSS);
	peer_expect(&p, .flags = "AC", .seq = peer_at(10), .n = MSS);
	peer_expect(&p, .flags = "A", .seq = peer_at(11), .n = MSS);
	peer_expect_quiet(&p);
	peer_send(&p, .flags = "AE", .ack = peer_at(10));
	peer_send(&p, .flags = "AE", .ack = peer_at(10), .n = 10);
	assert_int_equal(p.count.tcp_ecn_reductions, 1);
	peer_ignore(&p);
	peer_send(&p, .ack = peer_at(12));
	peer_ignore(&p);
	peer_send(&p, .flags = "AE", .ack = peer_at(15)); /* marked anew */
	assert_int_equal(p.count.tcp_ecn_reductions, 2);
	peer_drop(&p);
}

/* ... which is never cut. */
static void
cwr_is_not_cut_without_a_record(void **state)
{
	struct peer p = marked_without_a_record(true);

	(void)state;
	peer_send(&p, .flags = "AE", .ack = peer_at(8));
	peer_expect(&p, .flags = "AC", .seq = peer_at(10), .n = MSS);
	peer_expect(&p, .flags = "A", .seq = peer_at(11), .n = MSS);
	peer_drop(&p);
}

/* ... marks and losses of one window count once, and a single segment is the least. */
static void
marks_and_losses_count_once_without_a_record(void **state)
{
	struct peer p = marked_without_a_record(false);

	(void)state;
	peer_send(&p, .flags = "AE", .ack = peer_at(1));
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS);
	peer_ignore(&p);
	peer_send(&p, .flags = "AE", .ack = peer_at(1), .sack = { { peer_at(2), peer_at(6) } });
	assert_int_equal(p.count.tcp_recoveries, 297);
	assert_int_equal(peer_info(&p).ssthresh_bytes, 7 * MSS);
	peer_drop(&p);
}

/* A tail probe needs a record: without one the timeout comes all the same; a mark opens no window then. */
static void
timeout_comes_without_a_record(void **state)
{
	struct peer p = marked_without_a_record(false);

	(void)state;
	peer_wait(&p, 300);
	assert_int_equal(peer_info(&p).retransmits, 1);
	assert_int_equal(peer_info(&p).cwnd_bytes, MSS);
	for (uint32_t i = 10; i < 13; i++) {
		peer_ignore(&p);
		peer_send(&p, .flags = "AE", .ack = peer_at(i));
		assert_int_equal(peer_info(&p).cwnd_bytes, MSS);
		peer_expect(&p, .flags = i == 11 ? "A" : "AC", .seq = peer_at(i), .n = MSS);
	}
	assert_int_equal(p.count.tcp_ecn_reductions, 1);
	peer_drop(&p);
}

/* RFC 5927, 7.2: a router's word cannot wait without a record; then it is not heard at all. */
static void
smaller_path_is_not_believed_without_a_record(void **state)
{
	struct peer p = marked_without_a_record(false);

	(void)state;
	peer_send(&p, .ack = peer_at(10));
	peer_icmp(&p, ICMP_ERROR_TOO_BIG, peer_at(12), 600);
	assert_int_equal(peer_info(&p).mss, MSS);
	assert_int_equal(p.counts->tcp_icmp_ignored, 1);
	peer_drop(&p);
}

static void
wait_more(struct peer *p, uint32_t ms)
{
	peer_wait(p, (uint32_t)((p->now - p->zero_ns) / 1000000) + ms);
}

/*
 * Opens from the next port over a path of 100 ms; its last segment is probed, and answered when both
 * copies may have been under way. Whether they were nobody knows before more is acknowledged, or a
 * D-SACK comes (RFC 8985, 7.4.2).
 */
static void
open_and_answer_a_probe(struct peer *p)
{
	uint64_t probes = p->counts->tcp_tx_tail_probes;

	peer_open_next(p);
	peer_write(p, MSS);
	wait_more(p, 100);
	peer_ignore(p);
	peer_send(p, .ack = 5000 + MSS);
	peer_write(p, MSS);
	while (p->counts->tcp_tx_tail_probes == probes)
		wait_more(p, 100);
	peer_ignore(p);
	peer_send(p, .ack = 5000 + 2 * MSS);
	assert_int_equal(tcp_unacked(p->tcp, p->id), 0);
}

/* Connections that have nothing in flight keep no record from who needs one. */
static void
idle_connections_give_their_records_back(void **state)
{
	struct peer p = peer_established(.conns_max = 400);

	(void)state;
	for (uint32_t k = 0; k < 296; k++)
		open_and_answer_a_probe(&p);
	assert_int_equal(p.counts->tcp_tail_losses, 0);
	wait_more(&p, 1000);
	open_with_a_hole(&p);
	assert_int_equal(p.counts->tcp_repairs_none, 0);
	assert_int_equal(p.counts->tcp_repairs_reclaimed, 1);
	assert_int_equal(p.counts->tcp_tail_losses, 1); /* no D-SACK has come: it was lost */
	assert_int_equal(p.counts->tcp_recoveries,
			 1); /* by time, for which there must be a record */
	peer_drop(&p);
}

/* ... but as long as a D-SACK may still come: then nothing was lost, and the record is free at once. */
static void
probe_that_was_just_answered_keeps_its_record(void **state)
{
	struct peer p = peer_established(.conns_max = 400);
	uint16_t probed, last;
	uint32_t bias;

	(void)state;
	for (uint32_t k = 0; k < 295; k++)
		open_with_a_hole(&p);
	open_and_answer_a_probe(&p);
	probed = p.port;
	bias = p.bias;
	while (p.counts->tcp_repairs_none <=
	       296 / 4) /* a few are looked at each time: all of them */
		open_with_a_hole(&p);
	last = p.port;
	assert_int_equal(p.counts->tcp_repairs_reclaimed, 0);
	p.counts->tcp_repairs_none = 0;
	p.port = probed;
	p.bias = bias;
	peer_send(&p, .seq = 1000, .ack = 5000 + 2 * MSS,
		  .sack = { { 5000 + MSS, 5000 + 2 * MSS } });
	assert_int_equal(p.counts->tcp_tail_losses, 0);
	p.port = last;
	open_with_a_hole(&p);
	assert_int_equal(p.counts->tcp_repairs_none, 0);
	peer_drop(&p);
}

/* ... and what a connection has still to say is said without a record (RFC 3168, 6.1.2). */
static void
idle_connection_without_its_record_tells_of_a_mark(void **state)
{
	struct peer p = peer_established(.conns_max = 400);
	uint32_t bias, before;
	struct tcp_id id;

	(void)state;
	p.port++;
	p.seq = 999;
	p.ack = 0;
	peer_send(&p, .flags = "SEC", .mss = MSS, .has_sack_ok = true);
	peer_expect(&p, .flags = "SAE");
	peer_send(&p);
	before = peer_info(&p).cwnd_bytes;
	peer_write(&p, 3 * MSS);
	peer_ignore(&p);
	peer_send(&p, .flags = "AE", .ack = peer_at(3));
	assert_int_equal(p.count.tcp_ecn_reductions, 1);
	assert_in_range(peer_info(&p).cwnd_bytes, 1, before - 1);
	before = peer_info(&p).cwnd_bytes;
	id = p.id;
	bias = p.bias;
	wait_more(&p, 2000);
	while (p.counts->tcp_repairs_reclaimed == 0)
		open_with_a_hole(&p);
	assert_in_range(p.counts->tcp_repairs_none, 0, 296 / 4); /* looked for a few at a time */
	p.id = id;
	p.bias = bias;
	p.port = PEER_PORT + 1;
	peer_write(&p, MSS);
	peer_expect(&p, .flags = "PAC", .seq = peer_at(3), .n = MSS);
	assert_int_equal(p.count.tcp_tail_losses, 0);
	peer_drop(&p);
}

/* The connection of p goes on in q, which has one more then. */
static void
take_over(struct peer *p, struct peer *q)
{
	static uint64_t bytes[10000];
	size_t n = tcp_save_size(p->tcp, p->id);

	assert_in_range(n, 1, sizeof(bytes));
	tcp_save(p->tcp, p->id, bytes);
	q->now = p->now;
	q->id = tcp_restore(q->tcp, bytes, n, 9, q->now);
	assert_int_not_equal(q->id.v, 0);
	q->port = p->port;
	q->bias = p->bias;
	peer_advance(q);
	peer_ignore(q);
}

/* So many pieces of ten bytes under way, each sent by itself. */
static void
send_pieces(struct peer *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		p->now += 1000;
		peer_write(p, 10);
		peer_ignore(p);
	}
}

/* Who comes from elsewhere with a long record of what was sent leaves the others theirs. */
static void
takeover_leaves_a_record_of_sent_bytes_to_everybody(void **state)
{
	struct peer p = peer_established(), q = peer_new(.bufs_max = 64);

	(void)state;
	send_pieces(&p, 500);
	take_over(&p, &q);
	peer_open_next(&p);
	send_pieces(&p, 400);
	take_over(&p, &q);
	assert_int_equal(tcp_unacked(q.tcp, q.id), 4000);
	peer_send(&q, .seq = 1000, .ack = 5000 + 2000);
	assert_int_equal(tcp_unacked(q.tcp, q.id), 2000);
	for (uint32_t i = 0; i < 20; i++) { /* would stop, were there none */
		peer_open_next(&q);
		peer_write(&q, 10);
		peer_expect(&q, .flags = "PA", .seq = 5000, .n = 10);
	}
	peer_drop(&p);
	peer_drop(&q);
}

/* ... and is one connection: who comes with the same ends a second time is refused. */
static void
takeover_makes_one_connection_of_one(void **state)
{
	struct peer p = peer_established(), q = peer_new();
	static uint64_t bytes[1000];
	size_t n = tcp_save_size(p.tcp, p.id);

	(void)state;
	assert_in_range(n, 1, sizeof(bytes));
	tcp_save(p.tcp, p.id, bytes);
	assert_int_not_equal(tcp_restore(q.tcp, bytes, n, 9, q.now).v, 0);
	assert_int_equal(tcp_restore(q.tcp, bytes, n, 9, q.now).v, 0);
	peer_drop(&p);
	peer_drop(&q);
}

/* ... whose owner hears what there was to be heard, ... */
static void
takeover_brings_what_was_not_told_yet(void **state)
{
	struct peer p = peer_established(), q = peer_new();

	(void)state;
	conn_tell(p.tcp, conn_find(p.tcp, p.id), TCP_EV_ROOM);
	take_over(&p, &q);
	assert_int_equal(peer_events(&q), TCP_EV_ROOM);
	peer_drop(&p);
	peer_drop(&q);
}

/* Scales of windows, ours and the peer's, as they are saved; whether that is taken. */
static bool
is_taken(struct peer *p, struct peer *q, uint8_t snd_wscale, uint8_t rcv_wscale)
{
	static uint64_t bytes[1000];
	struct tcp_conn *conn = conn_find(p->tcp, p->id);
	size_t n = tcp_save_size(p->tcp, p->id);

	assert_in_range(n, 1, sizeof(bytes));
	conn->snd_wscale = snd_wscale;
	conn->rcv_wscale = rcv_wscale;
	tcp_save(p->tcp, p->id, bytes);
	conn->snd_wscale = conn->rcv_wscale = 0;
	return tcp_restore(q->tcp, bytes, n, 9, q->now).v != 0;
}

/* ... with scales that there are: RFC 7323, 2.3, */
static void
takeover_refuses_scales_beyond_fourteen(void **state)
{
	struct peer p = peer_established(), q = peer_new();

	(void)state;
	assert_false(is_taken(&p, &q, 15, 0));
	assert_false(is_taken(&p, &q, 0, 15));
	assert_true(is_taken(&p, &q, 14, 14));
	peer_drop(&p);
	peer_drop(&q);
}

/* ... and holds no more beyond gaps than it could have here: the rest comes again. */
static void
takeover_keeps_to_the_share_beyond_gaps(void **state)
{
	struct peer p = peer_established(.bufs_max = 512), q = peer_new(.bufs_max = 32);
	struct tcp_load load;

	(void)state;
	for (uint32_t i = 0; i < 64; i++)
		peer_send(&p, .seq = 1001 + 2 * i, .n = 1);
	peer_ignore(&p);
	take_over(&p, &q);
	tcp_load(q.tcp, &load);
	assert_int_equal(load.bufs_held, 32 / 4);
	peer_send(&q, .seq = 1000, .n = 1);
	peer_expect(&q, .ack = 1002);
	peer_drop(&p);
	peer_drop(&q);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(repair_goes_on_without_a_record),
		cmocka_unit_test(recovery_without_a_record_counts_bytes),
		cmocka_unit_test(recovery_without_a_record_counts_blocks),
		cmocka_unit_test(marks_are_heeded_without_a_record),
		cmocka_unit_test(cwr_is_not_cut_without_a_record),
		cmocka_unit_test(marks_and_losses_count_once_without_a_record),
		cmocka_unit_test(timeout_comes_without_a_record),
		cmocka_unit_test(smaller_path_is_not_believed_without_a_record),
		cmocka_unit_test(idle_connections_give_their_records_back),
		cmocka_unit_test(probe_that_was_just_answered_keeps_its_record),
		cmocka_unit_test(idle_connection_without_its_record_tells_of_a_mark),
		cmocka_unit_test(takeover_leaves_a_record_of_sent_bytes_to_everybody),
		cmocka_unit_test(takeover_makes_one_connection_of_one),
		cmocka_unit_test(takeover_brings_what_was_not_told_yet),
		cmocka_unit_test(takeover_refuses_scales_beyond_fourteen),
		cmocka_unit_test(takeover_keeps_to_the_share_beyond_gaps),
	};

	return cmocka_run_group_tests_name("records: of repairs and of what was sent", test, NULL,
					   NULL);
}
