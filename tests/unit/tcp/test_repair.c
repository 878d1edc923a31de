/*
 * test_repair.c - a record of repairs that is held for long: busy connections never give theirs back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp/conn.h"

/* 3 GiB after the mark, which by its number alone lies ahead again. */
static void
marks_do_not_come_back_after_half_the_space(void **state)
{
	static struct tcp_conn conn;
	struct repair r = { .has_cwr_end = true };

	(void)state;
	conn.snd_una = seq_of(1000);
	r.round = seq_of(2000);
	r.cwr_end = seq_of(2000);
	repair_age(&conn, &r);
	assert_true(ecn_is_heeded(&conn, &r));
	for (uint32_t i = 0; i < 48; i++) {
		conn.snd_una = seq_add(conn.snd_una, 1 << 26);
		repair_age(&conn, &r);
	}
	assert_false(ecn_is_heeded(&conn, &r));
	assert_true(seq_eq(r.round, conn.snd_una));
}

/* RFC 9438, 4.9.1: with the window come the curve and its time; a smaller path stays. */
static void
mistake_gives_the_curve_back(void **state)
{
	static struct tcp_conn conn = { .span = INDEX_NONE, .flags = CONN_DIRTY };
	static struct counters count;
	static struct tcp tcp = { .conf.count = &count };
	struct repair r = { .xmit_ns = 0 };
	struct cc before;

	(void)state;
	conn.mss = 1000;
	cc_begin(&conn.cc, TCP_CC_CUBIC, 1000, false);
	cc_on_loss(&conn.cc, 500000);
	conn.cc.is_limited = true;
	for (uint64_t ms = 1000; ms < 3000; ms++) {
		struct cc_ack ack = { .now = ms * MS_NS, .srtt_ns = MS_NS, .acked_bytes = 9000 };

		cc_on_ack(&conn.cc, &ack);
	}
	before = conn.cc;
	undo_begin(&conn, &r, 3000 * MS_NS);
	cc_on_timeout(&conn.cc, 300000);
	r.again_n = 1;
	assert_true(undo_by_dsack(&tcp, &conn, &r, &(struct seg_sack){ seq_of(0), seq_of(0) }));
	assert_memory_equal(conn.cc.own, before.own, sizeof(before.own));
	assert_int_equal(conn.cc.cwnd_bytes, before.cwnd_bytes);
	assert_int_equal(conn.cc.ssthresh_bytes, before.ssthresh_bytes);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(marks_do_not_come_back_after_half_the_space),
		cmocka_unit_test(mistake_gives_the_curve_back),
	};

	return cmocka_run_group_tests_name("tcp/repair", test, NULL, NULL);
}
