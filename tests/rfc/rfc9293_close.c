/*
 * RFC 9293, 3.6 and 3.10.4: connections end.
 */
#include "rfc/peer.h"

/* 3.6, figure 12: we close first. */
static void
close_by_us_goes_through_time_wait(void **state)
{
	struct peer p = peer_established(.time_wait_ms = 1000);

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .seq = 5000);
	assert_int_equal(peer_state(&p), TCP_STATE_FIN_WAIT_1);
	peer_send(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_FIN_WAIT_2);
	assert_int_equal(peer_events(&p), TCP_EV_SENT);
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .seq = 5001, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	assert_int_equal(peer_events(&p), TCP_EV_FIN | TCP_EV_GONE);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_CLOSED);
	peer_wait(&p, 1100);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSED);
	peer_release(&p);
	peer_done(&p);
}

static void
close_by_the_peer_goes_through_last_ack(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSE_WAIT);
	assert_int_equal(peer_events(&p), TCP_EV_FIN);
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .seq = 5000, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_LAST_ACK);
	peer_send(&p);
	assert_int_equal(peer_events(&p), TCP_EV_SENT | TCP_EV_GONE);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_CLOSED);
	peer_release(&p);
	peer_done(&p);
}

/* 3.6, figure 13 */
static void
simultaneous_close_goes_through_closing(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .seq = 5000);
	peer_send(&p, .flags = "FA", .ack = 5000);
	peer_expect(&p, .seq = 5001, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSING);
	peer_send(&p, .ack = 5001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_drop(&p);
}

static void
fin_with_ack_of_our_fin_goes_straight_to_time_wait(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA", .ack = 5001);
	peer_expect(&p, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_drop(&p);
}

static void
half_close_still_receives(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p);
	peer_send(&p, .n = 1460);
	peer_send(&p, .n = 1460);
	peer_expect(&p, .ack = 1000 + 2920);
	assert_int_equal(peer_read(&p), 2920);
	peer_done(&p);
}

static void
half_closed_peer_still_gets_data(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_write_text(&p, "late answer");
	peer_expect(&p, .seq = 5000, .ack = 1001, .text = "late answer");
	peer_done(&p);
}

static void
fin_follows_all_data(void **state)
{
	struct peer p = peer_established(.wnd = 3000);

	(void)state;
	peer_write(&p, 4000);
	peer_shutdown(&p);
	peer_expect(&p, .seq = 5000, .n = 1460);
	peer_expect(&p, .seq = 6460, .n = 1460);
	peer_expect_quiet(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_send(&p);
	peer_expect(&p, .flags = "FA", .seq = 7920, .n = 1080);
	peer_done(&p);
}

/* A lost FIN is sent again by the timer. */
static void
lost_fin_is_sent_again(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "bye");
	peer_shutdown(&p);
	peer_expect(&p, .seq = 5000, .text = "bye");
	peer_expect(&p, .flags = "FA", .seq = 5003);
	peer_send(&p, .ack = 5003);
	peer_expect(&p, .flags = "FA", .seq = 5003, .at_ms = 200);
	peer_done(&p);
}

static void
released_connection_sends_all_and_closes(void **state)
{
	struct peer p = peer_established();
	struct tcp_load load;

	(void)state;
	peer_write_text(&p, "the end");
	peer_release(&p);
	assert_false(tcp_is_live(p.tcp, p.id));
	peer_expect(&p, .seq = 5000, .text = "the end");
	peer_expect(&p, .flags = "FA", .seq = 5007);
	peer_send(&p);
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.time_wait, 1);
	peer_drop(&p);
}

/* 3.10.4; RFC 1122, 4.2.2.13: data for nobody is reset. */
static void
data_after_release_is_reset(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_release(&p);
	peer_expect(&p, .flags = "FA", .seq = 5000);
	peer_send(&p, .text = "anybody there?");
	peer_expect(&p, .flags = "RA", .seq = 5001);
	peer_done(&p);
}

static void
released_connection_does_not_wait_for_a_fin_for_ever(void **state)
{
	struct peer p = peer_established(.time_wait_ms = 2000);
	struct tcp_load load;

	(void)state;
	peer_release(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p);
	peer_wait(&p, 2100);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.conns, 0);
	assert_int_equal(p.count.tcp_orphans_cut, 1);
	peer_done(&p);
}

static void
abort_sends_rst_and_no_event(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_write_text(&p, "lost");
	peer_expect(&p, .text = "lost");
	peer_abort(&p);
	peer_expect(&p, .flags = "RA", .seq = 5004, .ack = 1000);
	assert_int_equal(peer_events(&p), 0);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_ABORTED);
	assert_true(tcp_is_live(p.tcp, p.id));
	peer_release(&p);
	peer_done(&p);
}

static void
abort_and_release_at_once_still_sends_rst(void **state)
{
	struct peer p = peer_established();

	(void)state;
	tcp_abort(p.tcp, p.id);
	tcp_release(p.tcp, p.id);
	peer_advance(&p);
	peer_expect(&p, .flags = "RA", .seq = 5000);
	peer_done(&p);
}

static void
stale_id_is_refused_by_every_call(void **state)
{
	struct peer p = peer_established();
	struct bufq q = { 0 };

	(void)state;
	tcp_abort(p.tcp, p.id);
	tcp_release(p.tcp, p.id);
	assert_false(tcp_is_live(p.tcp, p.id));
	assert_true(bufq_append(p.pool, &q, "x", 1));
	tcp_send(p.tcp, p.id, &q, false);
	assert_int_equal(q.n, 0);
	assert_int_equal(tcp_recv(p.tcp, p.id, &q), 0);
	assert_int_equal(tcp_send_room(p.tcp, p.id), 0);
	tcp_set_room(p.tcp, p.id, 1);
	tcp_shutdown(p.tcp, p.id);
	tcp_release(p.tcp, p.id);
	peer_advance(&p);
	peer_expect(&p, .flags = "RA");
	peer_done(&p);
}

static void
unread_bytes_survive_the_end(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "FA", .text = "last words");
	peer_shutdown(&p);
	peer_ignore(&p);
	peer_send(&p, .ack = 5001);
	assert_int_equal(peer_events(&p) & TCP_EV_GONE, TCP_EV_GONE);
	assert_int_equal(peer_read(&p), 10);
	peer_release(&p);
	peer_done(&p);
}

/* RFC 1122, 4.2.2.13; RFC 2525, 2.17: bytes that nobody will read are lost, and the peer is told. */
static void
release_with_unread_bytes_is_a_reset(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .text = "unread");
	peer_expect(&p, .at_ms = 40, .ack = 1006);
	peer_release(&p);
	peer_expect(&p, .flags = "RA", .seq = 5000, .ack = 1006);
	peer_done(&p);
}

/* ... but not before all that was given to us is acknowledged: an answer must not be torn up. */
static void
release_with_unread_bytes_sends_the_answer_first(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .text = "unread");
	peer_write_text(&p, "answer");
	peer_expect(&p, .text = "answer", .ack = 1006);
	peer_release(&p);
	peer_expect(&p, .flags = "FA", .seq = 5006);
	peer_send(&p);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* Half a close is enough: a second one changes nothing. */
static void
second_shutdown_sends_no_second_fin(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .seq = 5000);
	peer_shutdown(&p);
	peer_expect_quiet(&p);
	peer_drop(&p);
}

/* FIN-WAIT-1: the peer's FIN comes with text, before it has seen ours. */
static void
fin_with_text_in_fin_wait_1_is_taken(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .seq = 5000);
	peer_send(&p, .flags = "FA", .ack = 5000, .text = "bye");
	peer_expect(&p, .seq = 5001, .ack = 1004);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSING);
	assert_int_equal(peer_read(&p), 3);
	peer_send(&p, .ack = 5001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_done(&p);
}

/* A FIN beyond a gap in FIN-WAIT-2 counts when the gap is filled. */
static void
fin_beyond_a_gap_in_fin_wait_2_waits(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p);
	peer_send(&p, .flags = "FA", .seq = 1003);
	peer_expect(&p, .ack = 1000);
	assert_int_equal(peer_state(&p), TCP_STATE_FIN_WAIT_2);
	peer_send(&p, .seq = 1000, .text = "abc");
	peer_expect(&p, .ack = 1004);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_drop(&p);
}

/* CLOSING: our FIN is lost, the timer sends it again. */
static void
fin_is_sent_again_in_closing(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .seq = 5000);
	peer_send(&p, .flags = "FA", .ack = 5000);
	peer_expect(&p, .ack = 1001);
	peer_expect(&p, .flags = "FA", .seq = 5000, .ack = 1001, .at_ms = 200);
	peer_send(&p, .ack = 5001);
	assert_int_equal(peer_state(&p), TCP_STATE_TIME_WAIT);
	peer_done(&p);
}

/* LAST-ACK: the same. */
static void
fin_is_sent_again_in_last_ack(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .seq = 5000);
	peer_expect(&p, .flags = "FA", .seq = 5000, .at_ms = 200);
	peer_send(&p, .ack = 5001);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_CLOSED);
	peer_done(&p);
}

/* MUST-12: the owner hears of a reset, and of bytes that came before it. */
static void
reset_in_close_wait_is_told(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .flags = "FA", .text = "half");
	peer_expect(&p, .ack = 1005);
	peer_events(&p);
	peer_send(&p, .flags = "R", .seq = 1005);
	assert_int_equal(peer_events(&p), TCP_EV_GONE);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_RESET);
	assert_int_equal(peer_read(&p), 4);
	peer_done(&p);
}

/* FIN-WAIT-2: the peer may still reset. */
static void
reset_in_fin_wait_2_is_told(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_FIN_WAIT_2);
	peer_send(&p, .flags = "R", .seq = 1000);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_RESET);
	peer_done(&p);
}

/* 3.10.4: CLOSE in SYN-SENT that waits for the handshake, then follows what was given. */
static void
shutdown_while_dialing_follows_the_handshake(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_write_text(&p, "all");
	peer_shutdown(&p);
	peer_expect_quiet(&p);
	peer_send(&p, .flags = "SA", .seq = 999, .mss = 1460);
	peer_expect(&p, .flags = "FA", .seq = 5000, .text = "all");
	assert_int_equal(peer_state(&p), TCP_STATE_FIN_WAIT_1);
	peer_drop(&p);
}

/* 3.10.4: CLOSE-WAIT, nobody's any more: LAST-ACK, then gone without TIME-WAIT. */
static void
release_in_close_wait_ends_in_last_ack(void **state)
{
	struct peer p = peer_established();
	struct tcp_load load;

	(void)state;
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_release(&p);
	peer_expect(&p, .flags = "FA", .seq = 5000, .ack = 1001);
	peer_send(&p, .ack = 5001);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.conns, 0);
	peer_done(&p);
}

/* 3.10.5: ABORT in TIME-WAIT has nobody to tell. */
static void
abort_in_time_wait_is_silent(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p, .flags = "FA");
	peer_expect(&p, .ack = 1001);
	peer_abort(&p);
	peer_expect_quiet(&p);
	peer_release(&p);
	peer_done(&p);
}

/* The segment that carried the last bytes is lost, and so is the FIN behind it. */
static void
lost_end_is_sent_again_with_its_fin(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write(&p, 1000);
	peer_shutdown(&p);
	peer_expect(&p, .seq = 5000, .n = 1000);
	peer_expect(&p, .flags = "FA", .seq = 6000);
	peer_expect(&p, .flags = "FA", .seq = 5000, .n = 1000, .at_ms = 200);
	peer_send(&p, .ack = 6001);
	assert_int_equal(peer_state(&p), TCP_STATE_FIN_WAIT_2);
	peer_done(&p);
}

/* 3.10.4: a peer that was told all and never closes is not waited for when nobody is left to read. */
static void
released_connection_in_fin_wait_2_ends_in_time(void **state)
{
	struct peer p = peer_established();
	struct tcp_load load;

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA", .seq = 5000);
	peer_send(&p, .ack = 5001);
	assert_int_equal(peer_state(&p), TCP_STATE_FIN_WAIT_2);
	peer_release(&p);
	peer_wait(&p, 59990);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.conns, 1);
	peer_wait(&p, 60010);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.conns, 0);
	peer_done(&p);
}

/* A name outlives its connection as nobody's, also when the record is another's. */
static void
name_of_a_connection_that_is_gone_is_nobodys(void **state)
{
	struct peer p = peer_established(.conns_max = 1);
	struct tcp_id old = p.id;

	(void)state;
	tcp_abort(p.tcp, old);
	tcp_release(p.tcp, old);
	peer_advance(&p);
	peer_ignore(&p);
	peer_open_next(&p);
	assert_int_not_equal(p.id.v, old.v);
	assert_true(tcp_is_live(p.tcp, p.id));
	assert_false(tcp_is_live(p.tcp, old));
	tcp_abort(p.tcp, old);
	tcp_release(p.tcp, old);
	peer_advance(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_done(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(close_by_us_goes_through_time_wait),
		cmocka_unit_test(close_by_the_peer_goes_through_last_ack),
		cmocka_unit_test(simultaneous_close_goes_through_closing),
		cmocka_unit_test(fin_with_ack_of_our_fin_goes_straight_to_time_wait),
		cmocka_unit_test(half_close_still_receives),
		cmocka_unit_test(half_closed_peer_still_gets_data),
		cmocka_unit_test(fin_follows_all_data),
		cmocka_unit_test(lost_fin_is_sent_again),
		cmocka_unit_test(released_connection_sends_all_and_closes),
		cmocka_unit_test(data_after_release_is_reset),
		cmocka_unit_test(released_connection_does_not_wait_for_a_fin_for_ever),
		cmocka_unit_test(abort_sends_rst_and_no_event),
		cmocka_unit_test(abort_and_release_at_once_still_sends_rst),
		cmocka_unit_test(stale_id_is_refused_by_every_call),
		cmocka_unit_test(unread_bytes_survive_the_end),
		cmocka_unit_test(release_with_unread_bytes_is_a_reset),
		cmocka_unit_test(release_with_unread_bytes_sends_the_answer_first),
		cmocka_unit_test(second_shutdown_sends_no_second_fin),
		cmocka_unit_test(fin_with_text_in_fin_wait_1_is_taken),
		cmocka_unit_test(fin_beyond_a_gap_in_fin_wait_2_waits),
		cmocka_unit_test(fin_is_sent_again_in_closing),
		cmocka_unit_test(fin_is_sent_again_in_last_ack),
		cmocka_unit_test(reset_in_close_wait_is_told),
		cmocka_unit_test(reset_in_fin_wait_2_is_told),
		cmocka_unit_test(shutdown_while_dialing_follows_the_handshake),
		cmocka_unit_test(release_in_close_wait_ends_in_last_ack),
		cmocka_unit_test(abort_in_time_wait_is_silent),
		cmocka_unit_test(lost_end_is_sent_again_with_its_fin),
		cmocka_unit_test(released_connection_in_fin_wait_2_ends_in_time),
		cmocka_unit_test(name_of_a_connection_that_is_gone_is_nobodys),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.6: closing", test, NULL, NULL);
}
