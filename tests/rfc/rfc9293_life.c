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

/* MUST-25: nobody is asked for a sign of life unless that was configured. */
static void
keepalive_is_off_unless_asked_for(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_wait(&p, 4 * 3600 * 1000);
	peer_expect_quiet(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_done(&p);
}

/* SHLD-12: a number of the past and no byte. */
static void
keepalive_carries_nothing(void **state)
{
	struct peer p = peer_established(.keepalive_ms = 10000);

	(void)state;
	peer_expect(&p, .at_ms = 10000, .seq = 4999, .ack = 1000);
	peer_done(&p);
}

/* MUST-26: whoever speaks is not asked. */
static void
keepalive_waits_for_silence(void **state)
{
	struct peer p = peer_established(.keepalive_ms = 10000);

	(void)state;
	for (uint32_t s = 1; s <= 6; s++)
		peer_send(&p, .at_ms = s * 5000);
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 40000, .seq = 4999);
	peer_done(&p);
}

/* MUST-29: that one answer is lost means nothing; the next one starts the count anew. */
static void
lost_answers_to_keepalives_are_no_death(void **state)
{
	struct peer p = peer_established(.keepalive_ms = 10000);

	(void)state;
	for (uint32_t round = 0; round < 5; round++) {
		peer_wait(&p, (round + 1) * 45000);
		peer_ignore(&p);
		peer_send(&p);
	}
	assert_in_range(p.count.tcp_tx_keepalives, 15, 20);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_drop(&p);
}

/* A half-closed connection is asked, too: its peer may have gone. */
static void
keepalive_ends_a_half_closed_connection(void **state)
{
	struct peer p = peer_established(.keepalive_ms = 10000);

	(void)state;
	peer_shutdown(&p);
	peer_expect(&p, .flags = "FA");
	peer_send(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_FIN_WAIT_2);
	peer_wait(&p, 100000);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_KEEPALIVE);
	peer_drop(&p);
}

/* With bytes in flight the retransmission timer asks already. */
static void
keepalive_does_not_ask_beside_the_retransmission(void **state)
{
	struct peer p = peer_established(.keepalive_ms = 1000);

	(void)state;
	peer_write_text(&p, "hello");
	peer_wait(&p, 20000);
	assert_int_equal(p.count.tcp_tx_keepalives, 0);
	peer_drop(&p);
}

/* RFC 5482: the user timeout counts from the oldest byte that waits; progress begins it anew. */
static void
progress_begins_the_user_timeout_anew(void **state)
{
	struct peer p = peer_established(.user_timeout_ms = 5000);

	(void)state;
	peer_write(&p, 8 * MSS);
	for (uint32_t i = 1; i <= 4; i++) {
		peer_wait(&p, i * 4000);
		peer_ignore(&p);
		peer_send(&p, .ack = 5000 + i * MSS);
	}
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_wait(&p, 21500);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_USER_TIMEOUT);
	peer_drop(&p);
}

/* MUST-20, R2: without a configured limit a quarter of an hour is enough. */
static void
nobody_waits_for_ever_without_a_user_timeout(void **state)
{
	struct peer p = peer_established(.user_timeout_ms = PEER_NONE);

	(void)state;
	peer_write_text(&p, "hello");
	peer_wait(&p, 899990);
	peer_ignore(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_wait(&p, 900010);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_USER_TIMEOUT);
	peer_drop(&p);
}

/* MUST-22: SYNs are repeated like bytes, and given up by their own limit. */
static void
syn_is_repeated_until_its_own_limit(void **state)
{
	struct peer p = peer_new(.connect_ms = 200000);

	(void)state;
	peer_dial(&p);
	peer_expect(&p, .flags = "S");
	peer_expect(&p, .flags = "S", .at_ms = 1000);
	peer_expect(&p, .flags = "S", .at_ms = 3000);
	peer_expect(&p, .flags = "S", .at_ms = 7000);
	peer_wait(&p, 199000);
	peer_ignore(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_SYN_SENT);
	peer_wait(&p, 201000);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_CONNECT_TIMEOUT);
	peer_drop(&p);
}

/* The user timeout counts from when bytes are sent, not from when the connection was last used. */
static void
idle_time_is_no_user_timeout(void **state)
{
	struct peer p = peer_established(.user_timeout_ms = 5000);

	(void)state;
	peer_write_text(&p, "one");
	peer_expect(&p, .text = "one");
	peer_send(&p, .at_ms = 10);
	peer_wait(&p, 60000);
	peer_write_text(&p, "two");
	peer_wait(&p, 64000);
	peer_ignore(&p);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	peer_wait(&p, 66000);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_USER_TIMEOUT);
	peer_drop(&p);
}

/* 3.8.3: R1: after three timeouts those below are asked to look for the next hop, and again. */
static void
third_timeout_doubts_the_way(void **state)
{
	struct peer p = peer_established(.no_sack = true);
	struct tcp_doubt doubt;

	(void)state;
	peer_write(&p, 100);
	peer_wait(&p, 650); /* 200, 600 */
	assert_false(tcp_doubted(p.tcp, &doubt));
	peer_wait(&p, 1450);
	assert_true(tcp_doubted(p.tcp, &doubt));
	assert_true(ip_eq(&doubt.remote, &p.self));
	assert_int_equal(doubt.path, 0);
	assert_false(tcp_doubted(p.tcp, &doubt));
	peer_wait(&p, 3050);
	assert_true(tcp_doubted(p.tcp, &doubt));
	peer_drop(&p);
}

/* Its next hop has another MAC: what is late goes at once, and the next timeout is a short one. */
static void
who_waits_for_a_hop_that_moved_sends_at_once(void **state)
{
	struct peer p = peer_established(.no_sack = true);
	struct ip_addr other = { .b = { 0x20, 1 } };

	(void)state;
	peer_write_text(&p, "late");
	peer_expect(&p, .text = "late", .at_ms = 0);
	tcp_moved(p.tcp, 0, NULL, p.now); /* nobody waits in vain yet */
	peer_expect(&p, .text = "late", .at_ms = 200);
	peer_expect(&p, .text = "late", .at_ms = 600);
	peer_expect(&p, .text = "late", .at_ms = 1400);
	peer_wait(&p, 1500);
	tcp_moved(p.tcp, 0, &other, p.now);
	peer_wait(&p, 1600);
	peer_expect_quiet(&p);
	tcp_moved(p.tcp, 1, &p.self, p.now);
	peer_wait(&p, 1700);
	peer_expect_quiet(&p);
	tcp_moved(p.tcp, 0, &p.self, p.now);
	peer_expect(&p, .text = "late", .at_ms = 1700);
	peer_expect(&p, .text = "late", .at_ms = 2500);
	assert_int_equal(p.count.tcp_hurried, 1);
	peer_drop(&p);
}

/* RFC 5227, 2.4: an address that is another station's must not be sent from, not even an RST. */
static void
connection_of_a_lost_address_ends_in_silence(void **state)
{
	struct peer p = peer_established(.no_sack = true);

	(void)state;
	peer_write_text(&p, "late");
	peer_expect(&p, .text = "late", .at_ms = 0);
	tcp_address_lost(p.tcp, 0, &p.self, p.now); /* the peer's is none of ours */
	tcp_address_lost(p.tcp, 1, &p.engine, p.now);
	peer_wait(&p, 100);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	tcp_address_lost(p.tcp, 0, &p.engine, p.now);
	peer_wait(&p, 5000);
	peer_expect_quiet(&p);
	assert_int_equal(tcp_end(p.tcp, p.id), TCP_END_ADDRESS);
	assert_int_equal(p.count.tcp_addresses_lost, 1);
	peer_drop(&p);
}

/* ... of a dial, too. */
static void
third_syn_doubts_the_way(void **state)
{
	struct peer p = peer_new();
	struct tcp_doubt doubt;

	(void)state;
	peer_dial(&p);
	peer_wait(&p, 3500); /* 1 s, 3 s */
	assert_false(tcp_doubted(p.tcp, &doubt));
	peer_wait(&p, 7500);
	assert_true(tcp_doubted(p.tcp, &doubt));
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(unacked_data_ends_the_connection_in_the_end),
		cmocka_unit_test(idle_connection_is_asked_for_a_sign_of_life),
		cmocka_unit_test(dead_peer_is_given_up),
		cmocka_unit_test(keepalive_of_the_peer_is_answered),
		cmocka_unit_test(keepalive_is_off_unless_asked_for),
		cmocka_unit_test(keepalive_carries_nothing),
		cmocka_unit_test(keepalive_waits_for_silence),
		cmocka_unit_test(lost_answers_to_keepalives_are_no_death),
		cmocka_unit_test(keepalive_ends_a_half_closed_connection),
		cmocka_unit_test(keepalive_does_not_ask_beside_the_retransmission),
		cmocka_unit_test(progress_begins_the_user_timeout_anew),
		cmocka_unit_test(nobody_waits_for_ever_without_a_user_timeout),
		cmocka_unit_test(syn_is_repeated_until_its_own_limit),
		cmocka_unit_test(idle_time_is_no_user_timeout),
		cmocka_unit_test(third_timeout_doubts_the_way),
		cmocka_unit_test(third_syn_doubts_the_way),
		cmocka_unit_test(connection_of_a_lost_address_ends_in_silence),
		cmocka_unit_test(who_waits_for_a_hop_that_moved_sends_at_once),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.8.3, 3.8.4: timeouts of life", test, NULL,
					   NULL);
}
