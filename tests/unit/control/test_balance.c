/*
 * test_balance.c - lanes over processors by what they have to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/balance.h"

static const uint32_t three[] = { 1, 2, 3 };

static uint32_t
load_on(const struct balance_lane *lane, uint32_t n, uint32_t cpu)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += lane[i].cpu == cpu ? lane[i].load : 0;
	return sum;
}

static uint32_t
lanes_on(const struct balance_lane *lane, uint32_t n, uint32_t cpu)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += lane[i].cpu == cpu;
	return sum;
}

static void
who_must_leave_goes_where_there_is_the_least_to_do(void **state)
{
	struct balance_lane lane[] = { { 900, 1, 1 }, { 100, 2, 2 }, { 50, 3, 3 },
				       { 300, 7, 7 }, { 200, 7, 7 }, { 10, 7, 7 } };

	(void)state;
	assert_int_equal(balance(lane, 6, three, 3, false), 3);
	assert_int_equal(lane[0].cpu, 1);
	assert_int_equal(lane[1].cpu, 2);
	assert_int_equal(lane[2].cpu, 3);
	assert_int_equal(lane[3].cpu, 3); /* the busiest first: 50 and 300 */
	assert_int_equal(lane[4].cpu, 2); /* 100 and 200 */
	assert_int_equal(lane[5].cpu, 2);
}

static void
idle_lanes_are_spread_by_number(void **state)
{
	struct balance_lane lane[] = { { 0, 1, 1 }, { 0, 1, 2 }, { 0, 1, 3 },
				       { 0, 1, 1 }, { 0, 1, 2 }, { 0, 1, 3 } };

	(void)state;
	assert_int_equal(balance(lane, 6, three, 3, true), 4);
	for (uint32_t cpu = 1; cpu <= 3; cpu++)
		assert_int_equal(lanes_on(lane, 6, cpu), 2);
	assert_int_equal(balance(lane, 6, three, 3, true), 0);
}

static void
the_busiest_gets_help_and_small_differences_move_nobody(void **state)
{
	struct balance_lane lane[] = { { 400, 1, 1 }, { 300, 1, 1 }, { 200, 1, 1 },
				       { 100, 2, 2 }, { 0, 2, 2 },   { 0, 3, 3 } };

	(void)state;
	assert_true(balance(lane, 6, three, 3, true) > 0);
	for (uint32_t cpu = 1; cpu <= 3; cpu++)
		assert_in_range(load_on(lane, 6, cpu), 200, 400);
	assert_int_equal(balance(lane, 6, three, 3, true), 0);
	for (uint32_t i = 0; i < 6; i++)
		lane[i].load += i % 2; /* noise */
	assert_int_equal(balance(lane, 6, three, 3, true), 0);
}

static void
one_lane_that_fills_a_processor_has_it_alone(void **state)
{
	struct balance_lane lane[] = { { 1000, 1, 1 }, { 100, 1, 1 }, { 100, 2, 2 } };
	static const uint32_t two[] = { 1, 2 };

	(void)state;
	assert_int_equal(balance(lane, 3, two, 2, true), 1);
	assert_int_equal(lane[0].cpu, 1);
	assert_int_equal(lane[1].cpu, 2);
}

static void
among_equals_a_lane_goes_home(void **state)
{
	struct balance_lane lane[] = { { 0, 1, 1 }, { 0, 1, 1 }, { 0, 1, 2 }, { 0, 1, 2 } };
	static const uint32_t two[] = { 1, 2 };

	(void)state;
	assert_int_equal(balance(lane, 4, two, 2, true), 2);
	assert_int_equal(lane[2].cpu, 2);
	assert_int_equal(lane[3].cpu, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_must_leave_goes_where_there_is_the_least_to_do),
		cmocka_unit_test(idle_lanes_are_spread_by_number),
		cmocka_unit_test(the_busiest_gets_help_and_small_differences_move_nobody),
		cmocka_unit_test(one_lane_that_fills_a_processor_has_it_alone),
		cmocka_unit_test(among_equals_a_lane_goes_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
