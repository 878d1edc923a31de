/*
 * RFC 4987, 3.6: SYN cookies.
 */
#include "rfc/peer.h"

/* Fills the backlog with SYNs of other ports. */
static void
fill_backlog(struct peer *p)
{
	uint16_t port = p->port;

	for (uint32_t i = 0; i < p->conf.backlog_max; i++) {
		p->port = (uint16_t)(1000 + i);
		peer_send(p, .flags = "S", .seq = 1);
		peer_expect(p, .flags = "SA");
	}
	p->port = port;
	p->ack = 0;
	p->seq = 999;
}

static void
full_backlog_gets_a_cookie_that_opens(void **state)
{
	struct peer p = peer_new(.backlog_max = 2);
	struct tcp_load load;

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1400);
	peer_expect(&p, .flags = "SA", .ack = 1000);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.conns, 2);
	assert_int_equal(p.count.tcp_tx_cookies, 1);
	peer_send(&p, .text = "GET /");
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED | TCP_EV_READABLE);
	assert_int_equal(peer_info(&p).mss, 1400);
	assert_int_equal(tcp_readable(p.tcp, p.id), 5);
	peer_drop(&p);
}

static void
cookie_keeps_options_in_the_timestamp(void **state)
{
	struct peer p = peer_new(.backlog_max = 1, .ts = true);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460, .has_wscale = true, .wscale = 9,
		  .has_sack_ok = true);
	peer_expect(&p, .flags = "SA", .has_ts = true, .has_sack_ok = true, .has_wscale = true);
	peer_send(&p, .wnd = 100);
	assert_int_equal(peer_events(&p), TCP_EV_ACCEPTED);
	assert_int_equal(peer_info(&p).mss, 1448);
	peer_send(&p, .wnd = 100);
	assert_int_equal(peer_info(&p).snd_wnd, 100 << 9);
	peer_send(&p, .seq = 1100, .n = 10);
	peer_expect(&p, .ack = 1000, .sack = { { 1100, 1110 } }, .has_ts = true);
	peer_drop(&p);
}

static void
forged_cookie_gets_rst(void **state)
{
	struct peer p = peer_new(.backlog_max = 1);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .ack = 5001);
	peer_expect(&p, .flags = "R", .seq = 5001);
	assert_int_equal(p.count.tcp_rx_bad_cookie, 1);
	peer_done(&p);
}

static void
cookie_of_another_peer_gets_rst(void **state)
{
	struct peer p = peer_new(.backlog_max = 1);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	p.port++;
	peer_send(&p);
	peer_expect(&p, .flags = "R");
	peer_done(&p);
}

static void
cookie_is_good_for_two_clocks_only(void **state)
{
	struct peer p = peer_new(.backlog_max = 1);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_wait(&p, 200000);
	peer_ignore(&p);
	peer_send(&p);
	peer_expect(&p, .flags = "R");
	peer_done(&p);
}

/* ... as long as cookies are out that are younger, too. */
static void
younger_cookies_keep_no_old_one_good(void **state)
{
	struct peer p = peer_new(.backlog_max = 1);
	uint32_t bias, seq, ack;

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	bias = p.bias;
	seq = p.seq;
	ack = p.ack;
	peer_wait(&p, 200000);
	peer_ignore(&p);
	fill_backlog(&p);
	p.port++;
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	assert_int_equal(p.count.tcp_tx_cookies, 2);
	p.port--;
	p.bias = bias;
	peer_send(&p, .seq = seq, .ack = ack);
	peer_expect(&p, .flags = "R");
	assert_int_equal(p.accepted_n, 0);
	peer_done(&p);
}

/* It is good for the number that the SYN had: who has seen an answer, but not the SYN, has nothing. */
static void
cookie_with_another_number_gets_rst(void **state)
{
	struct peer p = peer_new(.backlog_max = 1);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .seq = 1001);
	peer_expect(&p, .flags = "R");
	assert_int_equal(p.count.tcp_rx_bad_cookie, 1);
	peer_done(&p);
}

/* Without a cookie out there, no ACK is looked at twice. */
static void
ack_without_cookies_gets_rst(void **state)
{
	struct peer p = peer_new();

	(void)state;
	peer_send(&p, .ack = 12345);
	peer_expect(&p, .flags = "R", .seq = 12345);
	assert_int_equal(p.count.tcp_rx_bad_cookie, 0);
	peer_done(&p);
}

/* RFC 7323, 2.3: more than 14 is taken as 14, in a cookie that agrees to scaling, too. */
static void
cookie_takes_a_scale_beyond_14_as_14(void **state)
{
	struct peer p = peer_new(.backlog_max = 1, .ts = true);

	(void)state;
	p.port++;
	peer_send(&p, .flags = "S", .seq = 1);
	peer_expect(&p, .flags = "SA");
	p.port--;
	p.ack = 0;
	p.seq = 999;
	peer_send(&p, .flags = "S", .mss = 1460, .has_wscale = true, .wscale = 15);
	peer_expect(&p, .flags = "SA", .has_wscale = true);
	assert_int_equal(p.count.tcp_tx_cookies, 1);
	peer_send(&p, .wnd = 100, .text = "x");
	assert_int_equal(peer_info(&p).snd_wnd, 100 << 14);
	peer_drop(&p);
}

/* Cookies are for need: with room in the backlog nobody gets one. */
static void
room_in_the_backlog_needs_no_cookie(void **state)
{
	struct peer p = peer_new(.backlog_max = 2);

	(void)state;
	peer_send(&p, .flags = "S");
	peer_expect(&p, .flags = "SA");
	assert_int_equal(p.count.tcp_tx_cookies, 0);
	peer_drop(&p);
}

/* Without a timestamp there is no place for options: none is answered. */
static void
cookie_without_timestamp_offers_nothing(void **state)
{
	struct peer p = peer_new(.backlog_max = 1);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460, .has_sack_ok = true, .has_wscale = true,
		  .wscale = 7);
	peer_expect(&p, .flags = "SA", .mss = 1460);
	assert_false(p.heard[p.heard_n - 1].seg.has_wscale);
	assert_false(p.heard[p.heard_n - 1].seg.has_sack_ok);
	peer_send(&p, .wnd = 1000);
	assert_int_equal(peer_info(&p).snd_wnd, 1000);
	peer_drop(&p);
}

/* The MSS comes back rounded down to one of eight. */
static void
cookie_rounds_the_mss_down(void **state)
{
	struct peer p = peer_new(.backlog_max = 1);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1399);
	peer_expect(&p, .flags = "SA");
	peer_send(&p);
	assert_int_equal(peer_info(&p).mss, 1360);
	peer_drop(&p);
}

/* The ACK of a cookie, again: the connection is there and takes it as an ACK. */
static void
cookie_opens_one_connection(void **state)
{
	struct peer p = peer_new(.backlog_max = 1);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_send(&p);
	peer_send(&p);
	assert_int_equal(p.accepted_n, 1);
	assert_int_equal(p.count.tcp_cookies_redeemed, 1);
	peer_done(&p);
}

/* The same over IPv6. */
static void
cookie_opens_over_ipv6(void **state)
{
	struct peer p = peer_new(.backlog_max = 1, .v6 = true);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1440);
	peer_expect(&p, .flags = "SA", .mss = 1440);
	peer_send(&p, .text = "hello");
	assert_int_equal(tcp_readable(p.tcp, p.id), 5);
	peer_drop(&p);
}

/* Where nobody listens any more a good cookie opens nothing. */
static void
cookie_of_a_closed_listener_gets_rst(void **state)
{
	static const struct ip_addr any;
	struct peer p = peer_new(.backlog_max = 1);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	tcp_unlisten(p.tcp, &any, ENGINE_PORT);
	peer_send(&p);
	peer_expect(&p, .flags = "R", .seq = 5000);
	peer_drop(&p);
}

/* An RST at the right place opens nothing. */
static void
rst_does_not_redeem_a_cookie(void **state)
{
	struct peer p = peer_new(.backlog_max = 1);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	peer_send(&p, .flags = "RA");
	assert_int_equal(p.count.tcp_cookies_redeemed, 0);
	peer_done(&p);
}

/* RFC 7323, 5.4: the clock of timestamps goes on from the cookie's. */
static void
timestamps_go_on_from_the_cookie(void **state)
{
	struct peer p = peer_new(.backlog_max = 1, .ts = true);
	uint32_t cookie;

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460, .ts_val = 4711);
	peer_expect(&p, .flags = "SA", .has_ts = true, .ts_ecr = 4711);
	cookie = p.ts_engine;
	peer_send(&p);
	peer_write_text(&p, "hello");
	peer_expect(&p, .text = "hello", .has_ts = true);
	assert_in_range(p.ts_engine - cookie, 0, 200);
	peer_drop(&p);
}

/* ... which the cookie is never ahead of, or the peer would drop what comes at once (PAWS). */
static void
cookie_is_not_ahead_of_the_clock(void **state)
{
	(void)state;
	for (uint32_t at_ms = 0; at_ms < 64; at_ms += 16) {
		struct peer p = peer_new(.backlog_max = 1, .ts = true);
		uint32_t cookie;

		peer_wait(&p, at_ms);
		fill_backlog(&p);
		peer_send(&p, .flags = "SEC", .mss = 1460, .has_wscale = true, .wscale = 14,
			  .has_sack_ok = true);
		peer_expect(&p, .flags = "SAE", .has_ts = true);
		cookie = p.ts_engine;
		peer_send(&p);
		peer_write_text(&p, "hello");
		peer_expect(&p, .text = "hello", .has_ts = true);
		assert_in_range(p.ts_engine - cookie, 0, 128);
		peer_drop(&p);
	}
}

/* A cookie is of one host: another one cannot use it, were all else the same. */
static void
cookie_of_another_host_gets_rst(void **state)
{
	struct peer p = peer_new(.backlog_max = 1);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460);
	peer_expect(&p, .flags = "SA");
	p.self.b[15]++;
	peer_send(&p);
	peer_expect(&p, .flags = "R");
	assert_int_equal(p.accepted_n, 0);
	assert_int_equal(p.count.tcp_rx_bad_cookie, 1);
	peer_drop(&p);
}

/* Our own scale is told in the SYN-ACK of a cookie, and holds for the connection, which is the listener's. */
static void
cookie_tells_our_scale(void **state)
{
	struct peer p = peer_new(.backlog_max = 1, .ts = true, .recv_max = 1 << 20);

	(void)state;
	fill_backlog(&p);
	peer_send(&p, .flags = "S", .mss = 1460, .has_wscale = true, .wscale = 3);
	peer_expect(&p, .flags = "SA", .has_wscale = true, .wscale = 5);
	peer_send(&p);
	assert_int_equal(p.out.event[0].owner, 9);
	peer_room(&p, 1 << 20);
	peer_expect(&p, .wnd = (1 << 20) >> 5);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(full_backlog_gets_a_cookie_that_opens),
		cmocka_unit_test(cookie_keeps_options_in_the_timestamp),
		cmocka_unit_test(forged_cookie_gets_rst),
		cmocka_unit_test(cookie_of_another_peer_gets_rst),
		cmocka_unit_test(cookie_is_good_for_two_clocks_only),
		cmocka_unit_test(younger_cookies_keep_no_old_one_good),
		cmocka_unit_test(cookie_with_another_number_gets_rst),
		cmocka_unit_test(ack_without_cookies_gets_rst),
		cmocka_unit_test(cookie_takes_a_scale_beyond_14_as_14),
		cmocka_unit_test(room_in_the_backlog_needs_no_cookie),
		cmocka_unit_test(cookie_without_timestamp_offers_nothing),
		cmocka_unit_test(cookie_rounds_the_mss_down),
		cmocka_unit_test(cookie_opens_one_connection),
		cmocka_unit_test(cookie_opens_over_ipv6),
		cmocka_unit_test(cookie_of_a_closed_listener_gets_rst),
		cmocka_unit_test(rst_does_not_redeem_a_cookie),
		cmocka_unit_test(timestamps_go_on_from_the_cookie),
		cmocka_unit_test(cookie_is_not_ahead_of_the_clock),
		cmocka_unit_test(cookie_of_another_host_gets_rst),
		cmocka_unit_test(cookie_tells_our_scale),
	};

	return cmocka_run_group_tests_name("RFC 4987: SYN cookies", test, NULL, NULL);
}
