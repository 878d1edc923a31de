/*
 * When there is not enough: records and buffers, and who is served first.
 */
#include "rfc/peer.h"

static void
time_wait_makes_room_for_a_new_connection(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_release(&p);
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	p.port++;
	p.seq = 7000;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA", .ack = 7001);
	assert_int_equal(p.count.tcp_time_wait_cut, 1);
	peer_drop(&p);
}

/* A SYN from another port, which gets a cookie. */
static void
ask_for_a_cookie(struct peer *p, uint32_t at_ms)
{
	p->port++;
	p->seq = 6999;
	peer_send(p, .at_ms = at_ms, .flags = "S", .mss = 1460);
	peer_expect(p, .flags = "SA", .ack = 7000);
	p->ack = 5000;
}

/* The ACK of the cookie cuts an idle connection, and the next one opens, when the record is free. */
static void
idle_connection_makes_room_for_a_new_one(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	ask_for_a_cookie(&p, 1001);
	peer_send(&p, .seq = 7000);
	peer_expect(&p, .flags = "RA", .ack = 1000);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_EVICTED);
	peer_send(&p, .seq = 7000);
	peer_expect_quiet(&p);
	peer_release(&p);
	peer_send(&p, .seq = 7000);
	assert_int_equal(p.accepted_n, 2);
	peer_drop(&p);
}

/* SYNs may come from anybody: nobody is cut for them. */
static void
idle_connection_is_not_cut_for_a_syn(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		ask_for_a_cookie(&p, 5000);
	peer_send(&p, .seq = 7000, .ack = 1234); /* nor for what is no cookie's ACK */
	peer_expect(&p, .flags = "R", .seq = 1234);
	assert_int_equal(p.count.tcp_evicted, 0);
	assert_int_equal(p.count.tcp_tx_cookies, 100);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
}

/* Idle is who has been silent for a second. */
static void
connection_that_has_just_spoken_is_not_cut(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	peer_send(&p, .at_ms = 1000);
	ask_for_a_cookie(&p, 1990);
	peer_send(&p, .seq = 7000);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_evicted, 0);
	peer_send(&p, .at_ms = 2010, .seq = 7000);
	peer_expect(&p, .flags = "RA", .ack = 1000);
	assert_int_equal(p.count.tcp_evicted, 1);
	peer_drop(&p);
}

/* One ACK that comes many times at once is still one newcomer. */
static void
copies_of_an_ack_cut_one_connection(void **state)
{
	struct peer p = peer_established(.conns_max = 2);

	(void)state;
	p.port++;
	p.seq = 6999;
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA", .ack = 7000);
	p.ack = 5000;
	peer_send(&p, .seq = 7000);
	assert_int_equal(p.accepted_n, 2);
	ask_for_a_cookie(&p, 3000);
	for (uint32_t i = 0; i < 5; i++)
		peer_send(&p, .seq = 7000);
	peer_ignore(&p);
	assert_int_equal(p.count.tcp_evicted, 1);
	peer_drop(&p);
}

/* Who is at work is not cut: the SYN gets a cookie, and its ACK no answer as long as nothing is free. */
static void
busy_connection_is_not_cut_for_a_new_one(void **state)
{
	struct peer p = peer_established(.conns_max = 1);

	(void)state;
	peer_write(&p, 1000);
	peer_expect(&p, .flags = "PA", .seq = 5000, .n = 1000);
	peer_wait(&p, 5000);
	peer_ignore(&p);
	ask_for_a_cookie(&p, 5000);
	peer_send(&p, .seq = 7000);
	peer_expect_quiet(&p);
	assert_int_equal(p.count.tcp_conns_exhausted, 2);
	assert_int_equal(p.count.tcp_evicted, 0);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
}

/* Takes what the window allows, a segment at a time; what is offered in the end. */
static uint32_t
window_of_a_prompt_reader(struct peer *p)
{
	for (uint32_t i = 0; i < 40; i++) {
		peer_send(p, .n = 1000);
		peer_read(p);
		peer_room(p, 65535);
	}
	peer_ignore(p);
	return peer_info(p).rcv_wnd;
}

/* Half of the budget, and nearly all of it: what TCP holds and what its owner does count alike. */
static void
windows_fall_with_what_is_left_of_the_budget(void **state)
{
	struct peer p = peer_established(.bufs_max = 64, .recv_max = 65535);

	(void)state;
	tcp_set_owner_bufs(p.tcp, 31);
	assert_in_range(window_of_a_prompt_reader(&p), 60000, 65535);
	peer_drop(&p);
	p = peer_established(.bufs_max = 64, .recv_max = 65535);
	tcp_set_owner_bufs(p.tcp, 32);
	assert_in_range(window_of_a_prompt_reader(&p), 14000, 65535 / 4);
	peer_drop(&p);
	p = peer_established(.bufs_max = 64, .recv_max = 65535);
	tcp_set_owner_bufs(p.tcp, 60);
	assert_in_range(window_of_a_prompt_reader(&p), 1, 2 * MSS);
	peer_drop(&p);
}

/* Half, and three quarters: who takes nothing is given no more than two segments to keep. */
static void
send_queues_shrink_with_what_is_left_of_the_budget(void **state)
{
	struct peer p = peer_established(.bufs_max = 64, .send_max = 1 << 20);
	uint32_t cwnd = peer_info(&p).cwnd_bytes;

	(void)state;
	tcp_set_owner_bufs(p.tcp, 31);
	assert_int_equal(tcp_send_room(p.tcp, p.id), 1 << 20);
	tcp_set_owner_bufs(p.tcp, 32);
	assert_int_equal(tcp_send_room(p.tcp, p.id), cwnd + 2 * MSS);
	tcp_set_owner_bufs(p.tcp, 48);
	assert_int_equal(tcp_send_room(p.tcp, p.id), cwnd + 2 * MSS);
	peer_send(&p, .wnd = PEER_SHUT);
	assert_int_equal(tcp_send_room(p.tcp, p.id), 2 * MSS);
	peer_drop(&p);
}

/* A peer that has just come is promised little. */
static void
new_connections_are_promised_two_segments_at_half_of_the_budget(void **state)
{
	struct peer p = peer_new(.bufs_max = 64);

	(void)state;
	tcp_set_owner_bufs(p.tcp, 31);
	peer_send(&p, .flags = "S", .mss = MSS);
	peer_expect(&p, .flags = "SA", .wnd = 10 * MSS);
	tcp_set_owner_bufs(p.tcp, 32);
	p.port++;
	p.seq = 999;
	p.ack = 0;
	peer_send(&p, .flags = "S", .mss = MSS);
	peer_expect(&p, .flags = "SA", .wnd = 2 * MSS);
	peer_drop(&p);
}

/* The budget: what lies beyond a gap goes first, what is in order is taken to the end. */
static void
budget_refuses_gaps_before_it_refuses_order(void **state)
{
	struct peer p = peer_established(.bufs_max = 32, .recv_max = 65535);
	struct tcp_load load;

	(void)state;
	peer_room(&p, 65535);
	for (uint32_t i = 0; i < 27; i++)
		peer_send(&p, .n = 1000);
	peer_send(&p, .seq = 1000 + 28000, .n = 1000);
	assert_int_equal(p.count.tcp_rx_gap_no_memory, 1);
	peer_send(&p, .seq = 1000 + 27000, .n = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 28000);
	peer_send(&p, .seq = 1000 + 28000, .n = 1000);
	assert_int_equal(p.count.tcp_rx_no_memory, 1);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 28);
	peer_read(&p);
	peer_send(&p, .seq = 1000 + 28000, .n = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 1000);
	peer_drop(&p);
}

/* Open from the next port, with SACK. */
static void
open_next(struct peer *p)
{
	p->port++;
	p->seq = 999;
	p->ack = 0;
	peer_send(p, .flags = "S", .mss = MSS, .has_sack_ok = true);
	peer_expect(p, .flags = "SA");
	peer_send(p);
}

/* So many connections more, each with as many gaps as it may have, between pieces of n bytes. */
static void
open_with_gaps(struct peer *p, uint32_t conns, uint32_t n)
{
	for (uint32_t k = 0; k < conns; k++) {
		open_next(p);
		for (uint32_t i = 0; i < 64; i++)
			peer_send(p, .seq = 1001 + (n + 1) * i, .n = n);
		peer_ignore(p);
	}
}

/* Peers that never fill their gaps hold a share of the buffers, and give all of it back. */
static void
islands_do_not_use_the_budget_up(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);
	struct tcp_load load;

	(void)state;
	open_with_gaps(&p, 19, 1);
	tcp_load(p.tcp, &load);
	assert_in_range(load.bufs_held, 1, load.bufs_max / 4);
	assert_true(p.count.tcp_rx_gap_no_memory > 0);
	for (; p.port > PEER_PORT; p.port--) {
		peer_send(&p, .flags = "R", .seq = 1000);
		peer_ignore(&p);
	}
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 0);
	peer_drop(&p);
}

/* ... and however many of them there are, one with a gap has its bytes behind it kept. */
static void
islands_of_strangers_make_room_for_a_gap(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);
	uint64_t refused;
	uint32_t bias;

	(void)state;
	open_with_gaps(&p, 19, 1);
	refused = p.count.tcp_rx_gap_no_memory;
	open_next(&p);
	for (uint32_t i = 1; i < 10; i++)
		peer_send(&p, .seq = 1000 + i * 1000, .n = 1000);
	peer_ignore(&p);
	assert_int_equal(p.count.tcp_rx_gap_no_memory, refused);
	bias = p.bias;
	open_with_gaps(&p, 8, 1);
	p.port -= 8;
	p.bias = bias;
	p.ack = 5000;
	peer_send(&p, .seq = 1000, .n = 1000);
	peer_expect(&p, .ack = 11000);
	peer_drop(&p);
}

/* The same of full segments: nobody holds more than others by far, when there is not enough. */
static void
gaps_are_shared_evenly(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);

	(void)state;
	open_with_gaps(&p, 10, 1000);
	open_next(&p);
	for (uint32_t i = 1; i < 10; i++)
		peer_send(&p, .seq = 1000 + i * 1000, .n = 1000);
	peer_send(&p, .seq = 1000, .n = 1000);
	peer_ignore(&p);
	assert_int_equal(p.heard[(p.heard_n - 1) % PEER_QUEUE].seg.ack.v, 11000);
	assert_true(p.count.tcp_gaps_cut > 0);
	peer_drop(&p);
}

/* Nobody gives way to what will not be held: bytes that are here already, ... */
static void
duplicate_beyond_a_gap_cuts_nobody(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);
	uint32_t bias;

	(void)state;
	open_next(&p);
	peer_send(&p, .seq = 2000, .n = 1000);
	peer_expect(&p, .ack = 1000, .sack = { { 2000, 3000 } });
	bias = p.bias;
	open_with_gaps(&p, 2, 1);
	assert_true(p.count.tcp_rx_gap_no_memory > 0); /* the share is used up */
	p.port -= 2;
	p.bias = bias;
	p.ack = 5000;
	peer_send(&p, .seq = 2100, .n = 900);
	peer_expect(&p, .ack = 1000, .sack = { { 2100, 3000 }, { 2000, 3000 } });
	assert_int_equal(p.count.tcp_rx_duplicates, 1);
	assert_int_equal(p.count.tcp_gaps_cut, 0);
	peer_send(&p, .seq = 4000, .n = 1000);
	assert_int_equal(p.count.tcp_gaps_cut, 1);
	peer_drop(&p);
}

/* ... and one gap too many. */
static void
gap_too_many_cuts_nobody(void **state)
{
	struct peer p = peer_established(.bufs_max = 512, .recv_max = 65535);
	uint64_t cut;
	uint32_t bias;

	(void)state;
	open_next(&p);
	peer_room(&p, 65535);
	for (uint32_t i = 0; i < 64; i++)
		peer_send(&p, .seq = 1001 + 1001 * i, .n = 1000);
	peer_ignore(&p);
	bias = p.bias;
	open_with_gaps(&p, 2, 1);
	assert_true(p.count.tcp_rx_gap_no_memory > 0);
	cut = p.count.tcp_gaps_cut;
	p.port -= 2;
	p.bias = bias;
	p.ack = 5000;
	peer_send(&p, .seq = 1001 + 64 * 1001, .n = 1000);
	assert_int_equal(p.count.tcp_rx_too_many_gaps, 1);
	assert_int_equal(p.count.tcp_gaps_cut, cut);
	peer_send(&p, .seq = 1000 + 64 * 1001, .n = 1000); /* behind the last one: no gap more */
	assert_int_equal(p.count.tcp_gaps_cut, cut + 1);
	peer_drop(&p);
}

/* A long run is halved from its end, what is left of it counts, and its peer sends the rest again. */
static void
long_run_beyond_a_gap_gives_its_end(void **state)
{
	struct peer p = peer_established(.bufs_max = 128, .recv_max = 65535);
	uint32_t bias = p.bias;

	(void)state;
	peer_room(&p, 65535);
	for (uint32_t i = 1; i <= 32; i++)
		peer_send(&p, .seq = 1000 + i * 1000, .n = 1000);
	assert_int_equal(p.count.tcp_rx_gap_no_memory, 0);
	peer_ignore(&p);
	open_next(&p);
	peer_send(&p, .seq = 2000, .n = 1000);
	assert_int_equal(p.count.tcp_gaps_cut, 1);
	p.port--;
	p.bias = bias;
	peer_ignore(&p);
	peer_send(&p, .seq = 1000, .n = 1000);
	peer_expect(&p, .ack = 1000 + 17 * 1000);
	peer_drop(&p);
}

/* Opens from the next port; a segment is missing then, which takes a record of repairs. */
static void
open_with_a_hole(struct peer *p)
{
	p->port++;
	p->seq = 999;
	p->ack = 0;
	peer_send(p, .flags = "S", .mss = MSS, .has_sack_ok = true);
	peer_expect(p, .flags = "SA");
	peer_send(p);
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

/* Records of repairs are used up; then comes one that agrees to ECN, and has ten segments under way. */
static struct peer
marked_without_a_record(void)
{
	struct peer p = peer_established(.conns_max = 400);

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
	struct peer p = marked_without_a_record();

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

/* ... marks and losses of one window count once, and a single segment is the least. */
static void
marks_and_losses_count_once_without_a_record(void **state)
{
	struct peer p = marked_without_a_record();

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
	struct peer p = marked_without_a_record();

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
	struct peer p = marked_without_a_record();

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

	open_next(p);
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
	uint16_t probed;
	uint32_t bias;

	(void)state;
	for (uint32_t k = 0; k < 295; k++)
		open_with_a_hole(&p);
	open_and_answer_a_probe(&p);
	probed = p.port;
	bias = p.bias;
	open_with_a_hole(&p);
	assert_true(p.counts->tcp_repairs_none > 0);
	assert_int_equal(p.counts->tcp_repairs_reclaimed, 0);
	p.counts->tcp_repairs_none = 0;
	p.port = probed;
	p.bias = bias;
	peer_send(&p, .seq = 1000, .ack = 5000 + 2 * MSS,
		  .sack = { { 5000 + MSS, 5000 + 2 * MSS } });
	assert_int_equal(p.counts->tcp_tail_losses, 0);
	p.port = (uint16_t)(probed + 1);
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
	open_next(&p);
	send_pieces(&p, 400);
	take_over(&p, &q);
	assert_int_equal(tcp_unacked(q.tcp, q.id), 4000);
	peer_send(&q, .seq = 1000, .ack = 5000 + 2000);
	assert_int_equal(tcp_unacked(q.tcp, q.id), 2000);
	for (uint32_t i = 0; i < 20; i++) { /* would stop, were there none */
		open_next(&q);
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
		cmocka_unit_test(time_wait_makes_room_for_a_new_connection),
		cmocka_unit_test(idle_connection_makes_room_for_a_new_one),
		cmocka_unit_test(idle_connection_is_not_cut_for_a_syn),
		cmocka_unit_test(connection_that_has_just_spoken_is_not_cut),
		cmocka_unit_test(copies_of_an_ack_cut_one_connection),
		cmocka_unit_test(busy_connection_is_not_cut_for_a_new_one),
		cmocka_unit_test(windows_fall_with_what_is_left_of_the_budget),
		cmocka_unit_test(send_queues_shrink_with_what_is_left_of_the_budget),
		cmocka_unit_test(new_connections_are_promised_two_segments_at_half_of_the_budget),
		cmocka_unit_test(budget_refuses_gaps_before_it_refuses_order),
		cmocka_unit_test(islands_do_not_use_the_budget_up),
		cmocka_unit_test(islands_of_strangers_make_room_for_a_gap),
		cmocka_unit_test(gaps_are_shared_evenly),
		cmocka_unit_test(duplicate_beyond_a_gap_cuts_nobody),
		cmocka_unit_test(gap_too_many_cuts_nobody),
		cmocka_unit_test(long_run_beyond_a_gap_gives_its_end),
		cmocka_unit_test(repair_goes_on_without_a_record),
		cmocka_unit_test(recovery_without_a_record_counts_bytes),
		cmocka_unit_test(marks_are_heeded_without_a_record),
		cmocka_unit_test(marks_and_losses_count_once_without_a_record),
		cmocka_unit_test(timeout_comes_without_a_record),
		cmocka_unit_test(smaller_path_is_not_believed_without_a_record),
		cmocka_unit_test(idle_connections_give_their_records_back),
		cmocka_unit_test(probe_that_was_just_answered_keeps_its_record),
		cmocka_unit_test(idle_connection_without_its_record_tells_of_a_mark),
		cmocka_unit_test(takeover_leaves_a_record_of_sent_bytes_to_everybody),
		cmocka_unit_test(takeover_makes_one_connection_of_one),
		cmocka_unit_test(takeover_keeps_to_the_share_beyond_gaps),
	};

	return cmocka_run_group_tests_name("memory: records and buffers", test, NULL, NULL);
}
