/*
 * RFC 9293, 3.8.3 and 3.8.4: how long a connection waits for its peer (RFC 5482: locally).
 */
#include "rfc/peer.h"

static void
unacked_data_ends_the_connection_in_the_end(void **state)
{
	struct peer p = peer_established(.user_timeout_ms = 3000);

	(void)state;
	peer_write_text(&p, "anybody?");
	peer_wait(&p, 2990);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_wait(&p, 3010);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_USER_TIMEOUT);
	assert_int_equal(peer_events(&p) & TCP_EV_GONE, TCP_EV_GONE);
	peer_drop(&p);
}

static void
idle_connection_is_asked_for_a_sign_of_life(void **state)
{
	struct peer p = peer_established(.keepalive_ms = 10000);

	(void)state;
	peer_expect(&p, .at_ms = 10000, .flags = "A", .seq = 4999, .ack = 1000);
	peer_send(&p, .at_ms = 10010);
	peer_expect(&p, .at_ms = 20010, .flags = "A", .seq = 4999, .ack = 1000);
	peer_drop(&p);
}

static void
dead_peer_is_given_up(void **state)
{
	struct peer p = peer_established(.keepalive_ms = 1000);

	(void)state;
	for (uint32_t i = 1; i <= 5; i++)
		peer_expect(&p, .at_ms = 1000 * i, .seq = 4999);
	peer_expect(&p, .at_ms = 6000, .flags = "RA");
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_KEEPALIVE);
	assert_int_equal(peer_events(&p), TCP_EV_GONE);
	peer_release(&p);
	peer_done(&p);
}

/* The peer's own keep-alives are answered (RFC 9293, 3.8.4). */
static void
keepalive_of_the_peer_is_answered(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .seq = 999);
	peer_expect(&p, .seq = 5000, .ack = 1000);
	peer_send(&p, .seq = 999, .n = 1);
	peer_expect(&p, .seq = 5000, .ack = 1000);
	peer_done(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(unacked_data_ends_the_connection_in_the_end),
		cmocka_unit_test(idle_connection_is_asked_for_a_sign_of_life),
		cmocka_unit_test(dead_peer_is_given_up),
		cmocka_unit_test(keepalive_of_the_peer_is_answered),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.8.3, 3.8.4: timeouts of life", test, NULL,
					   NULL);
}
