/* What rules_count keeps of each rule (rules/count.c): how often, and how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "abi/board.h"
#include "made.h"

enum {
	READING_NS = 10, /* between two readings of the clock */
	ROUNDS = 3,
};

static const struct made_rule rules[] = {
	{ .pattern = "^a", .set = { { "x-a", "1" } } },
	{ .pattern = "^b$", .action = IMG_ACTION_RESPOND },
};

static const struct made_scope scope = { .kind = IMG_SCOPE_GLOBAL, .rule = rules, .rule_n = 2 };

static uint64_t now;

static uint64_t
clock_ns(void)
{
	return now += READING_NS;
}

/* A first row of each rule, and of the rule that had its slot before. */
static void
run(struct board_rule *row, uint64_t (*clock)(void), uint32_t n)
{
	struct made_request request = { .target = "/ab" };
	struct made made;

	/* Every rule is looked at: what a gate leaves out is no try. */
	made_open(&made, &scope, 1, MADE_NO_GATES);
	assert_non_null(made.rules);
	rules_count(made.rules, 0, row, clock);
	for (uint32_t i = 0; i < n; i++)
		made_run(&made, &request, NULL);
	made_close(&made);
}

static void
each_rule_has_its_tries_and_matches(void **state)
{
	struct board_rule row[2] = { { .incarnation = 1 }, { .incarnation = 1 } };

	(void)state;
	run(row, NULL, 7);
	assert_int_equal(row[0].tried, 7);
	assert_int_equal(row[0].matched, 7);
	assert_int_equal(row[1].tried, 7);
	assert_int_equal(row[1].matched, 0);
	assert_int_equal(row[0].faults + row[1].faults, 0);
	assert_int_equal(row[0].time + row[1].time, 0);
}

/* Of one evaluation in so many, wherever the first of them is. */
static void
its_time_is_kept_of_one_evaluation_in_many(void **state)
{
	struct board_rule row[2] = { { .incarnation = 1 }, { .incarnation = 1 } };

	(void)state;
	run(row, clock_ns, ROUNDS * BOARD_RULE_TIMED_ONE_IN);
	assert_int_equal(row[0].tried, ROUNDS * BOARD_RULE_TIMED_ONE_IN);
	assert_int_equal(row[0].time, ROUNDS * READING_NS);
	assert_int_equal(row[1].time, ROUNDS * READING_NS);
}

static void
the_row_of_a_successor_is_left_alone(void **state)
{
	struct board_rule row[2] = { { .incarnation = 2 }, { .incarnation = 1 } };

	(void)state;
	run(row, clock_ns, BOARD_RULE_TIMED_ONE_IN);
	assert_int_equal(row[0].tried + row[0].matched + row[0].time, 0);
	assert_int_equal(row[1].tried, BOARD_RULE_TIMED_ONE_IN);
	assert_true(row[1].time > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_has_its_tries_and_matches),
		cmocka_unit_test(its_time_is_kept_of_one_evaluation_in_many),
		cmocka_unit_test(the_row_of_a_successor_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
