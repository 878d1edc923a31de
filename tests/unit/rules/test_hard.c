/* What hard.h's patterns and strings come to (rules/match.c, reach.c): the same everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "abi/board.h"
#include "hard.h"

static char text[HARD_BYTES_MAX];

static struct rules_verdict
verdict_of(const struct hard *hard, bool is_scanned, struct board_rule *row)
{
	struct made_request request;
	struct rules_subject subject;
	struct rules_verdict v;
	struct made made;

	hard_open(&made, hard, is_scanned);
	assert_non_null(made.rules);
	hard_request(hard_text(hard, text), &request, &subject);
	if (row != NULL)
		rules_count(made.rules, 0, row, NULL);
	rules_request(made.rules, 0, 0, &subject, NULL, &v);
	made_close(&made);
	return v;
}

static void
expect_answers(const struct hard *list, uint32_t n, bool is_scanned)
{
	uint32_t wrong_n = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct rules_verdict v = verdict_of(&list[i], is_scanned, NULL);
		enum hard_answer want = is_scanned ? list[i].scanned : list[i].answer;
		enum hard_answer got = hard_answer_of(&v);

		wrong_n += got != want;
		if (got != want)
			print_error("%s%s: %s, not %s\n", list[i].name,
				    is_scanned ? ", scanned" : "", hard_answer_name(got),
				    hard_answer_name(want));
	}
	assert_int_equal(wrong_n, 0);
}

static void
honest_patterns_have_an_answer(void **state)
{
	(void)state;
	expect_answers(hard_honest, hard_honest_n, false);
	expect_answers(hard_honest, hard_honest_n, true);
}

/* 5.1, choice 11. */
static void
hostile_patterns_end(void **state)
{
	(void)state;
	expect_answers(hard_hostile, hard_hostile_n, false);
	expect_answers(hard_hostile, hard_hostile_n, true);
}

/* The rule's row on the board has it, and the verdict has the rule and its substatus. */
static void
a_fault_is_counted_and_named(void **state)
{
	struct board_rule row[HARD_RULES_MAX] = { { .incarnation = 1 } };
	struct rules_verdict v = verdict_of(&hard_hostile[0], false, row);

	(void)state;
	assert_string_equal(rules_outcome_name(v.outcome), "error");
	assert_int_equal(v.fault, RULES_FAULT_MATCH_LIMIT);
	assert_int_equal(v.rule_i, 0);
	assert_int_equal(v.status, 500);
	assert_int_equal(v.substatus, 51); /* of a global rule */
	assert_int_equal(row[0].tried, 1);
	assert_int_equal(row[0].faults, 1);
	assert_int_equal(row[0].matched, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_patterns_have_an_answer),
		cmocka_unit_test(hostile_patterns_end),
		cmocka_unit_test(a_fault_is_counted_and_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
