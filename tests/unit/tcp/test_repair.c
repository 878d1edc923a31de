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

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(marks_do_not_come_back_after_half_the_space),
	};

	return cmocka_run_group_tests_name("tcp/repair", test, NULL, NULL);
}
