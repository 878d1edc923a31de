/*
 * RFC 9293, 3.10.7.4, seventh and eighth check: text and FIN, in order or not.
 */
#include "rfc/peer.h"

static void
bytes_beyond_a_gap_wait_for_it(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1005, .text = "fghij");
	peer_expect(&p, .ack = 1000);
	assert_int_equal(tcp_readable(p.tcp, p.id), 0);
	peer_send(&p, .seq = 1000, .text = "abcde");
	peer_expect(&p, .ack = 1010); /* at once: the gap is filled (RFC 5681, 4.2) */
	assert_int_equal(tcp_readable(p.tcp, p.id), 10);
	peer_drop(&p);
}

/* Many gaps, filled in every order, with overlaps. */
static void
gaps_fill_in_any_order(void **state)
{
	static const struct {
		uint32_t seq, n;
	} piece[] = { { 1900, 100 }, { 1700, 100 }, { 1750, 200 }, { 1300, 50 }, { 1250, 400 },
		      { 1600, 150 }, { 1100, 20 },  { 1100, 200 }, { 2000, 10 }, { 1000, 200 } };
	struct peer p = peer_established();
	struct bufq q = { 0 };
	uint8_t bytes[1010];

	(void)state;
	for (size_t i = 0; i < sizeof(piece) / sizeof(piece[0]); i++)
		peer_send(&p, .seq = piece[i].seq, .n = piece[i].n);
	assert_int_equal(tcp_recv(p.tcp, p.id, &q), 1010);
	bufq_copy_out(&q, 0, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], (uint8_t)(1000 + i));
	bufq_give(&q);
	peer_drop(&p);
}

static void
fin_beyond_a_gap_waits_for_it(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 1005, .flags = "FA", .text = "fghij");
	peer_expect(&p, .ack = 1000);
	assert_int_equal(peer_events(&p) & TCP_EV_FIN, 0);
	peer_send(&p, .seq = 1000, .text = "abcde");
	peer_expect(&p, .ack = 1011);
	assert_int_equal(peer_events(&p) & TCP_EV_FIN, TCP_EV_FIN);
	assert_true(tcp_is_eof(p.tcp, p.id));
	peer_drop(&p);
}

static void
tiny_segments_share_a_buffer(void **state)
{
	struct peer p = peer_established();
	struct tcp_load load;

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		peer_send(&p, .n = 1);
	tcp_load(p.tcp, &load);
	assert_int_equal(tcp_readable(p.tcp, p.id), 500);
	assert_int_equal(load.bufs_held, 1);
	peer_drop(&p);
}

static void
tiny_segments_beyond_a_gap_share_a_buffer(void **state)
{
	struct peer p = peer_established();
	struct tcp_load load;

	(void)state;
	for (uint32_t i = 0; i < 500; i++)
		peer_send(&p, .seq = 1001 + i, .n = 1);
	tcp_load(p.tcp, &load);
	assert_int_equal(load.bufs_held, 1);
	peer_send(&p, .seq = 1000, .n = 1);
	assert_int_equal(tcp_readable(p.tcp, p.id), 501);
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(bytes_beyond_a_gap_wait_for_it),
		cmocka_unit_test(gaps_fill_in_any_order),
		cmocka_unit_test(fin_beyond_a_gap_waits_for_it),
		cmocka_unit_test(tiny_segments_share_a_buffer),
		cmocka_unit_test(tiny_segments_beyond_a_gap_share_a_buffer),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.10.7.4: text", test, NULL, NULL);
}
