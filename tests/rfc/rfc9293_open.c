/*
 * RFC 9293, 3.5 and 3.10.7.1 to 3.10.7.3: connections begin.
 */
#include "rfc/peer.h"

/* 3.10.7.2: a SYN for a listener is answered by SYN-ACK with our MSS. */
static void
syn_for_a_listener_gets_syn_ack(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA", .ack = 1000, .mss = 1460, .wnd = 14600);
	peer_send(&p);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
	assert_int_equal(peer_info(&p).remote_port, PEER_PORT);
	peer_done(&p);
}

static void
syn_over_ipv6_gets_syn_ack(void **state)
{
	struct peer p = peer_new(.v6 = true);

	(void)state;
	peer_send(&p, .flags = "S", .mss = 1440);
	peer_expect(&p, .flags = "SA", .ack = 1000, .mss = 1440);
	peer_send(&p, .text = "hello");
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED | TCP_EV_READABLE);
	peer_drop(&p);
}

/* RFC 7323, 2.2 and 3.2; RFC 2018, 2: only what the peer offers is answered. */
static void
options_are_answered_only_when_offered(void **state)
{
	struct peer p = peer_new();
	struct peer q = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .mss = 1460, .has_wscale = true, .wscale = 7, .has_ts = true,
		  .ts_val = 77, .has_sack_ok = true);
	peer_expect(&p, .flags = "SA", .has_wscale = true, .has_ts = true, .ts_ecr = 77,
		    .has_sack_ok = true);
	peer_send(&q, .flags = "S", .mss = 1460);
	peer_expect(&q, .flags = "SA");
	assert_false(q.heard[0].seg.has_ts);
	assert_false(q.heard[0].seg.has_wscale);
	assert_false(q.heard[0].seg.has_sack_ok);
	peer_done(&p);
	peer_done(&q);
}

/* 3.10.7.1: a SYN for nobody is refused. */
static void
syn_for_nobody_gets_rst(void **state)
{
	struct peer p = peer_new();

	(void)state;
	p.engine_port = 81;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "RA", .ack = 1000);
	assert_int_equal(p.count.tcp_rx_no_flow, 1);
	peer_done(&p);
}

/* 3.10.7.1: the RST to an ACK has its sequence number and no ACK. */
static void
stray_ack_gets_rst_at_its_ack(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "A", .ack = 4711);
	peer_expect(&p, .flags = "R", .seq = 4711);
	peer_done(&p);
}

/* 3.10.7.1: an RST for nobody is dropped in silence. */
static void
stray_rst_gets_nothing(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "R");
	peer_send(&p, .flags = "RA", .ack = 3);
	peer_expect_quiet(&p);
	peer_done(&p);
}

static void
syn_with_fin_is_refused(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "SF");
	peer_expect(&p, .flags = "RA");
	peer_done(&p);
}

/* RFC 6298, 5.5: the SYN-ACK is repeated after 1 s, then 2 s, then 4 s. */
static void
syn_ack_is_repeated_with_backoff(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	peer_expect(&p, .flags = "SA", .at_ms = 1000);
	peer_expect(&p, .flags = "SA", .at_ms = 3000);
	peer_expect(&p, .flags = "SA", .at_ms = 7000);
	peer_send(&p);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
	peer_done(&p);
}

static void
half_open_connection_is_forgotten_in_the_end(void **state)
{
	struct peer p = peer_new();
	struct tcp_load load;

	(void)state;
	peer_send(&p, .flags = "S");
	peer_wait(&p, 200000);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.conns, 0);
	assert_int_equal(load.half_open, 0);
	assert_int_equal(peer_events(&p), 0);
	peer_drop(&p);
}

/* A peer that repeats its SYN has not heard us. */
static void
repeated_syn_gets_syn_ack_again(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .seq = 999);
	peer_expect(&p, .flags = "SA", .ack = 1000);
	peer_send(&p, .flags = "S", .seq = 999);
	peer_expect(&p, .flags = "SA", .ack = 1000);
	peer_done(&p);
}

/* 3.10.7.4, fifth check: an ACK of what was not sent gets an RST, the half-open one stays. */
static void
wrong_ack_of_syn_ack_gets_rst(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .ack = 7777);
	peer_expect(&p, .flags = "R", .seq = 7777);
	peer_send(&p, .ack = 5000);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
	peer_done(&p);
}

static void
rst_ends_a_half_open_connection(void **state)
{
	struct peer p = peer_new();
	struct tcp_load load;

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .flags = "R", .seq = 1000);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.conns, 0);
	peer_done(&p);
}

static void
data_on_the_ack_of_the_handshake_is_taken(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .text = "GET / HTTP/1.1\r\n\r\n");
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED | TCP_EV_READABLE);
	assert_int_equal(tcp_readable(p.tcp, p.id), 18);
	peer_drop(&p);
}

static void
dial_sends_syn_with_all_offers(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S", .mss = 1460, .has_wscale = true, .has_ts = true,
		    .has_sack_ok = true);
	peer_send(&p, .flags = "SA", .seq = 999, .mss = 1460);
	peer_expect(&p, .flags = "A", .seq = 5000, .ack = 1000);
	assert_int_equal(peer_events(&p), TCP_EV_CONNECTED);
	peer_done(&p);
}

static void
bytes_given_before_the_handshake_follow_it(void **state)
{
	struct peer p = peer_new(), q = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_write_text(&p, "early");
	peer_shutdown(&p);
	peer_expect_quiet(&p);
	peer_send(&p, .flags = "SA", .seq = 999, .mss = 1460);
	peer_expect(&p, .flags = "FA", .seq = 5000, .ack = 1000, .text = "early");
	peer_dial(&q); /* the same when both open at once */
	peer_expect(&q, .flags = "S");
	peer_write_text(&q, "early");
	peer_send(&q, .flags = "S", .mss = 1460);
	peer_expect(&q, .flags = "SA");
	peer_send(&q, .flags = "A");
	peer_expect(&q, .seq = 5000, .text = "early");
	peer_done(&p);
	peer_done(&q);
}

static void
refused_dial_is_told(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "RA", .seq = 0, .ack = 5000);
	assert_int_equal(peer_events(&p), TCP_EV_GONE);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_REFUSED);
	peer_release(&p);
	peer_done(&p);
}

/* 3.10.7.3, second: an RST without a right ACK is nobody's. */
static void
blind_rst_does_not_end_a_dial(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "R", .seq = 1);
	peer_send(&p, .flags = "RA", .seq = 1, .ack = 4000);
	assert_int_equal(peer_events(&p), 0);
	assert_int_equal(peer_state(&p), TCP_STATE_SYN_SENT);
	peer_drop(&p);
}

/* 3.10.7.3, first: a half-open peer from a former life is reset. */
static void
old_ack_to_a_syn_gets_rst(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "A", .seq = 300, .ack = 91);
	peer_expect(&p, .flags = "R", .seq = 91);
	peer_done(&p);
}

static void
unanswered_dial_times_out(void **state)
{
	struct peer p = peer_new(.connect_ms = 5000);

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_expect(&p, .flags = "S", .at_ms = 1000);
	peer_expect(&p, .flags = "S", .at_ms = 3000);
	peer_wait(&p, 5010);
	assert_int_equal(peer_events(&p), TCP_EV_GONE);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_CONNECT_TIMEOUT);
	peer_release(&p);
	peer_done(&p);
}

/* 3.5, figure 8: both sides send a SYN at once. */
static void
simultaneous_open_ends_established(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA", .seq = 4999, .ack = 1000);
	peer_send(&p, .flags = "SA", .seq = 999);
	assert_int_equal(peer_events(&p), TCP_EV_CONNECTED);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	assert_int_equal(p.count.tcp_simultaneous_opens, 1);
	peer_drop(&p);
}

static void
released_dial_is_silent(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_release(&p);
	peer_expect_quiet(&p);
	peer_send(&p, .flags = "SA", .seq = 999);
	peer_expect(&p, .flags = "R");
	peer_done(&p);
}

/* 3.10.7.2: text with a SYN may wait for the peer to send it again; the SYN alone is acknowledged. */
static void
text_with_a_syn_is_taken_when_it_comes_again(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .mss = 1460, .text = "early");
	peer_expect(&p, .flags = "SA", .ack = 1000);
	peer_send(&p, .seq = 1000, .text = "early");
	assert_int_equal(tcp_readable(p.tcp, p.id), 5);
	peer_expect(&p, .at_ms = 40, .ack = 1005);
	peer_done(&p);
}

/* 3.10.7.3: text and FIN with the SYN-ACK count at once. */
static void
text_and_fin_with_the_syn_ack_are_taken(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "SAF", .seq = 999, .mss = 1460, .text = "banner");
	peer_expect(&p, .seq = 5000, .ack = 1007);
	assert_int_equal(peer_events(&p), TCP_EV_CONNECTED | TCP_EV_READABLE | TCP_EV_FIN);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSE_WAIT);
	peer_drop(&p);
}

/* 3.5: in a simultaneous open the SYN-ACK is lost; the timer sends it again. */
static void
simultaneous_open_repeats_its_syn_ack(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "S", .seq = 999, .mss = 1460);
	peer_expect(&p, .flags = "SA", .seq = 4999, .ack = 1000);
	peer_expect(&p, .flags = "SA", .seq = 4999, .ack = 1000, .at_ms = 1000);
	p.ack = 5000;
	peer_send(&p, .seq = 1000);
	assert_int_equal(peer_events(&p), TCP_EV_CONNECTED);
	peer_done(&p);
}

/* MUST-11: a SYN-RECEIVED that began with our SYN is refused by RST, not back to listening. */
static void
rst_in_a_simultaneous_open_refuses_the_dial(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_send(&p, .flags = "S", .seq = 999, .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .flags = "R", .seq = 1000);
	assert_int_equal(peer_events(&p), TCP_EV_GONE);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_REFUSED);
	peer_done(&p);
}

/* 3.10.7.3: an ACK, or FIN and ACK, of our SYN without a SYN opens nothing. */
static void
ack_without_syn_does_not_open(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	p.ack = 5000;
	peer_send(&p, .seq = 1000);
	peer_send(&p, .flags = "FA", .seq = 1000);
	assert_int_equal(peer_state(&p), TCP_STATE_SYN_SENT);
	assert_int_equal(p.count.tcp_rx_no_syn, 2);
	peer_done(&p);
}

/* 3.10.7.4: the ACK that ends the handshake may bring a FIN. */
static void
fin_on_the_ack_of_the_handshake_is_taken(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .flags = "FA", .seq = 1000);
	peer_expect(&p, .ack = 1001);
	assert_int_equal(peer_state(&p), TCP_STATE_CLOSE_WAIT);
	peer_drop(&p);
}

/* 3.10.7.1: what acknowledges is refused at its ACK, SYN-ACKs too. */
static void
stray_syn_ack_gets_rst_at_its_ack(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "SA", .seq = 999, .ack = 7000);
	peer_expect(&p, .flags = "R", .seq = 7000);
	peer_done(&p);
}

/* 3.10.7.1: what does not acknowledge is refused with the ACK of all its bytes. */
static void
stray_text_gets_rst_with_its_ack(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "F", .seq = 1000, .text = "hello");
	peer_expect(&p, .flags = "RA", .ack = 1006);
	peer_done(&p);
}

/* MUST-42: listeners of one port at several addresses; the exact one is asked first. */
static void
exact_listener_goes_before_any(void **state)
{
	struct peer p = peer_new();
	struct tcp_out *out = &p.out;

	(void)state;
	assert_true(tcp_listen(p.tcp, &p.engine, ENGINE_PORT, 77));
	assert_false(tcp_listen(p.tcp, &p.engine, ENGINE_PORT, 78));
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	peer_send(&p);
	assert_int_equal(p.accepted_n, 1);
	assert_int_equal(out->event[0].owner, 77);
	peer_done(&p);
}

/* MUST-41: a listener that goes leaves its connections alone, those in the making too. */
static void
connections_outlive_their_listener(void **state)
{
	static const struct ip_addr any;
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	tcp_unlisten(p.tcp, &any, ENGINE_PORT);
	peer_send(&p, .seq = 1000, .text = "hello");
	assert_int_equal(p.accepted_n, 1);
	assert_int_equal(tcp_readable(p.tcp, p.id), 5);
	p.port++;
	peer_send(&p, .flags = "S", .seq = 1);
	peer_expect(&p, .flags = "RA", .ack = 2);
	peer_drop(&p);
}

/* A tuple is dialled once. */
static void
second_dial_of_a_tuple_is_refused(void **state)
{
	struct peer p = peer_new();
	struct tcp_dial dial = {
		.local = p.engine,
		.remote = p.self,
		.local_port = 55555,
		.remote_port = PEER_PORT,
	};

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	assert_false(tcp_is_free(p.tcp, &p.engine, 55555, &p.self, PEER_PORT));
	assert_int_equal(tcp_connect(p.tcp, &dial, p.now).v, 0);
	peer_done(&p);
}

/* A SYN that offers no window: bytes wait until one is opened. */
static void
syn_with_a_shut_window_opens_all_the_same(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .flags = "S", .mss = 1460, .wnd = PEER_SHUT);
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .wnd = PEER_SHUT);
	peer_write_text(&p, "hello");
	peer_expect_quiet(&p);
	peer_send(&p, .wnd = 1000);
	peer_expect(&p, .seq = 5000, .text = "hello");
	peer_done(&p);
}

/* No neighbour answers for a destination: dials to it are over, others go on. */
static void
dials_to_an_unreachable_host_end(void **state)
{
	struct peer p = peer_new();
	struct ip_addr other = p.self;
	struct tcp_dial dial = { .local = p.engine, .local_port = 2222, .remote_port = 80 };
	struct tcp_id there, here;

	(void)state;
	other.b[15]++;
	dial.remote = other;
	there = tcp_connect(p.tcp, &dial, p.now);
	peer_dial(&p);
	here = p.id;
	dial.local_port++;
	tcp_connect(p.tcp, &dial, p.now);
	peer_advance(&p);
	peer_ignore(&p);
	tcp_unreachable(p.tcp, &other, p.now);
	peer_advance(&p);
	assert_int_equal(tcp_end(p.tcp, there), TCP_END_UNREACHABLE);
	assert_int_equal(tcp_end(p.tcp, here), TCP_END_NONE);
	p.id = here;
	tcp_unreachable(p.tcp, &p.self, p.now);
	assert_int_equal(tcp_end(p.tcp, here), TCP_END_UNREACHABLE);
	peer_drop(&p);
}

/* 3.9.2: MUST-48, MUST-49: every segment has the time to live and code point of its path. */
static void
segments_have_their_paths_hop_limit_and_code_point(void **state)
{
	static const bool v6[] = { false, true };

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct peer p = peer_established(.hop_limit = 255, .dscp = 46, .v6 = v6[i]);

		peer_write(&p, 2000); /* each heard segment is looked at */
		peer_ignore(&p);
		peer_send(&p, .flags = "SEC");
		peer_expect(&p, .flags = "A");
		peer_done(&p);
	}
}

/* ECN's bits lie beside the code point. */
static void
code_point_leaves_the_ecn_bits_alone(void **state)
{
	struct peer p = peer_new(.dscp = 10);

	(void)state;
	peer_send(&p, .flags = "SEC", .mss = MSS);
	peer_expect(&p, .flags = "SAE", .ecn = PEER_NOT_ECT);
	peer_send(&p);
	peer_write(&p, 10);
	peer_expect(&p, .n = 10, .ecn = PEER_ECT);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(syn_for_a_listener_gets_syn_ack),
		cmocka_unit_test(syn_over_ipv6_gets_syn_ack),
		cmocka_unit_test(options_are_answered_only_when_offered),
		cmocka_unit_test(syn_for_nobody_gets_rst),
		cmocka_unit_test(stray_ack_gets_rst_at_its_ack),
		cmocka_unit_test(stray_rst_gets_nothing),
		cmocka_unit_test(syn_with_fin_is_refused),
		cmocka_unit_test(syn_ack_is_repeated_with_backoff),
		cmocka_unit_test(half_open_connection_is_forgotten_in_the_end),
		cmocka_unit_test(repeated_syn_gets_syn_ack_again),
		cmocka_unit_test(wrong_ack_of_syn_ack_gets_rst),
		cmocka_unit_test(rst_ends_a_half_open_connection),
		cmocka_unit_test(data_on_the_ack_of_the_handshake_is_taken),
		cmocka_unit_test(dial_sends_syn_with_all_offers),
		cmocka_unit_test(bytes_given_before_the_handshake_follow_it),
		cmocka_unit_test(refused_dial_is_told),
		cmocka_unit_test(blind_rst_does_not_end_a_dial),
		cmocka_unit_test(old_ack_to_a_syn_gets_rst),
		cmocka_unit_test(unanswered_dial_times_out),
		cmocka_unit_test(simultaneous_open_ends_established),
		cmocka_unit_test(released_dial_is_silent),
		cmocka_unit_test(text_with_a_syn_is_taken_when_it_comes_again),
		cmocka_unit_test(text_and_fin_with_the_syn_ack_are_taken),
		cmocka_unit_test(simultaneous_open_repeats_its_syn_ack),
		cmocka_unit_test(rst_in_a_simultaneous_open_refuses_the_dial),
		cmocka_unit_test(ack_without_syn_does_not_open),
		cmocka_unit_test(fin_on_the_ack_of_the_handshake_is_taken),
		cmocka_unit_test(stray_syn_ack_gets_rst_at_its_ack),
		cmocka_unit_test(stray_text_gets_rst_with_its_ack),
		cmocka_unit_test(exact_listener_goes_before_any),
		cmocka_unit_test(connections_outlive_their_listener),
		cmocka_unit_test(second_dial_of_a_tuple_is_refused),
		cmocka_unit_test(syn_with_a_shut_window_opens_all_the_same),
		cmocka_unit_test(dials_to_an_unreachable_host_end),
		cmocka_unit_test(segments_have_their_paths_hop_limit_and_code_point),
		cmocka_unit_test(code_point_leaves_the_ecn_bits_alone),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.5: opening", test, NULL, NULL);
}
