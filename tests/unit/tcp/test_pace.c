/*
 * test_pace.c - how long new bytes are held after marks at the least window (RFC 3168, 6.1.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp/conn.h"

#define NOW (1000 * MS_NS)

/* A connection that is held, with a timeout of so many milliseconds. */
static void
held(struct tcp *tcp, struct tcp_conn *conn, struct repair *r, uint32_t rto_ms)
{
	*r = (struct repair){ .pace_ns = PACE_AFTER_RTO };
	*tcp = (struct tcp){ .repairs = { .object = (uint8_t *)r, .n = 1 } };
	*conn = (struct tcp_conn){ .flags = CONN_HELD, .mss = 1000 };
	cc_begin(&conn->cc, TCP_CC_CUBIC, 1000, false);
	rtt_init(&conn->rtt);
	rtt_set_timeout(&conn->rtt, rto_ms * MS_NS);
}

static void
hold_lasts_a_timeout(void **state)
{
	static struct tcp tcp;
	struct tcp_conn conn;
	struct repair r;

	(void)state;
	held(&tcp, &conn, &r, 800);
	assert_int_equal(pace_begin(&tcp, &conn, NOW).left, 0);
	assert_int_equal(r.pace_ns, NOW + 800 * MS_NS);
	assert_int_equal(pace_begin(&tcp, &conn, NOW + 799 * MS_NS).left, 0);
	assert_int_equal(r.pace_ns, NOW + 800 * MS_NS); /* looking does not make it longer */
}

/* Backed off when the mark came, it has been measured anew since. */
static void
hold_is_no_longer_than_the_timeout_has_become(void **state)
{
	static struct tcp tcp;
	struct tcp_conn conn;
	struct repair r;

	(void)state;
	held(&tcp, &conn, &r, 9600);
	pace_begin(&tcp, &conn, NOW);
	assert_int_equal(r.pace_ns, NOW + 9600 * MS_NS);
	rtt_set_timeout(&conn.rtt, 300 * MS_NS);
	assert_int_equal(pace_begin(&tcp, &conn, NOW + MS_NS).left, 0);
	assert_int_equal(r.pace_ns, NOW + 301 * MS_NS);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(hold_lasts_a_timeout),
		cmocka_unit_test(hold_is_no_longer_than_the_timeout_has_become),
	};

	return cmocka_run_group_tests_name("tcp/pace", test, NULL, NULL);
}
