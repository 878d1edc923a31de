/* What rules_open makes and refuses (rules/open.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "made.h"
#include "rules/state.h"

#define N(array) (sizeof(array) / sizeof(array[0]))

static const struct made_rule two[] = {
	{ .pattern = "^([a-z]+)/x", .action = IMG_ACTION_ABORT },
	{ .pattern = "^b",
	  .cond = { { .input = "{HTTP_HOST}", .pattern = "^([a-z]+)/x" },
		    { .input = "{HTTP_HOST}", .pattern = "^([a-z]+)/x", .is_caseful = true } },
	  .cond_n = 2,
	  .action = IMG_ACTION_ABORT },
};

/* ---- a grow function that counts, and fails when told ---- */

static long taken_n, fail_at;

static void *
counting_grow(void *p, size_t n)
{
	if (n == 0) {
		taken_n -= p != NULL;
		free(p);
		return NULL;
	}
	if (fail_at > 0 && --fail_at == 0)
		return NULL;
	taken_n += p == NULL;
	return realloc(p, n);
}

static void
expect_fault(const struct abi_fault *fault, const char *text)
{
	char got[ABI_FAULT_TEXT_BYTES];

	abi_fault_print(fault, got, sizeof(got));
	if (strncmp(got, text, strlen(text)) != 0)
		fail_msg("'%s' is not '%s'", got, text);
}

/* Equal patterns are compiled once. */
static void
equal_patterns_share(void **state)
{
	const struct made_scope scope[] = { { .rule = two, .rule_n = N(two) } };
	struct made made;
	uint32_t owner_n = 0, n;

	(void)state;
	made_open(&made, scope, 1, 0);
	assert_non_null(made.rules);
	n = img_n(&made.img, IMG_PATTERNS);
	for (uint32_t i = 0; i < n; i++)
		owner_n += made.rules->code[i].is_owner;
	assert_int_equal(n, 4);
	assert_int_equal(owner_n, 3);
	made_close(&made);
}

static void
a_bad_pattern_is_named(void **state)
{
	const struct made_rule rule[] = { { .pattern = "^a" }, { .pattern = "^{1}(" } };
	const struct made_scope scope[] = { { .rule = rule, .rule_n = N(rule) } };
	struct made made;

	(void)state;
	made_open(&made, scope, 1, MADE_NO_SCAN);
	assert_null(made.rules);
	expect_fault(&made.fault, "patterns[1].regex: ");
	made_close(&made);
}

/* A database that is damaged, cut short, or no database. */
static void
a_bad_database_is_named(void **state)
{
	const struct made_scope scope[] = { { .rule = two, .rule_n = N(two) } };
	struct abi_fault fault;
	struct rules_blob blob[2];
	uint8_t *copy;
	struct made made;

	(void)state;
	made_open(&made, scope, 1, 0);
	assert_int_equal(made.blob_n, 2);
	memcpy(blob, made.blob, sizeof(blob));
	copy = malloc(blob[1].n);
	memcpy(copy, blob[1].p, blob[1].n);
	copy[blob[1].n / 2] ^= 1;
	blob[1].p = copy;
	assert_null(rules_open(&made.img, blob, 1, realloc, &fault));
	expect_fault(&fault, "blobs[1]: ");
	copy[blob[1].n / 2] ^= 1;
	blob[1].n -= 1;
	assert_null(rules_open(&made.img, blob, 1, realloc, &fault));
	expect_fault(&fault, "blobs[1]: ");
	blob[1].n = 3;
	assert_null(rules_open(&made.img, blob, 1, realloc, &fault));
	expect_fault(&fault, "blobs[1]: ");
	blob[1].p = NULL;
	assert_null(rules_open(&made.img, blob, 1, realloc, &fault));
	expect_fault(&fault, "blobs[1]: ");
	free(copy);
	made_close(&made);
}

/* Whichever allocation fails, nothing is left over. */
static void
memory_that_ends_leaves_nothing(void **state)
{
	const struct made_scope scope[] = { { .rule = two, .rule_n = N(two) } };
	struct abi_fault fault;
	struct rules *rules;
	struct made made;
	long n;

	(void)state;
	made_open(&made, scope, 1, 0);
	for (n = 1, fail_at = 0; fail_at == 0; n++) { /* until it is not used up */
		fail_at = n;
		rules = rules_open(&made.img, made.blob, 2, counting_grow, &fault);
		/* Without memory for machine code or its stack, patterns are slower, no more. */
		if (rules == NULL)
			assert_int_equal(fault.kind, ABI_FAULT_MEMORY);
		else
			rules_close(rules);
		assert_int_equal(taken_n, 0);
	}
	assert_true(n > 20);
	fail_at = 0;
	made_close(&made);
}

static void
farms_are_found_without_case(void **state)
{
	const struct made_scope scope[] = { { .rule = two, .rule_n = N(two) } };
	struct made made;

	(void)state;
	made_open(&made, scope, 1, 0);
	assert_int_equal(rules_farm(made.rules, SLICE("one")), 0);
	assert_int_equal(rules_farm(made.rules, SLICE("TwO")), 1);
	assert_int_equal(rules_farm(made.rules, SLICE("three")), IMG_NONE);
	assert_int_equal(rules_farm(made.rules, SLICE("")), IMG_NONE);
	made_close(&made);
}

static void
a_listener_knows_whether_it_has_rules(void **state)
{
	const struct made_scope scope[] = { { .kind = IMG_SCOPE_LOCAL, .rule = two, .rule_n = 1 } };
	struct made made;

	(void)state;
	made_open(&made, scope, 1, 0);
	assert_true(rules_any(made.rules, 0, false));
	assert_false(rules_any(made.rules, 0, true));
	made_close(&made);
	made_open(&made, scope, 0, 0);
	assert_false(rules_any(made.rules, 0, false));
	made_close(&made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_patterns_share),
		cmocka_unit_test(a_bad_pattern_is_named),
		cmocka_unit_test(a_bad_database_is_named),
		cmocka_unit_test(memory_that_ends_leaves_nothing),
		cmocka_unit_test(farms_are_found_without_case),
		cmocka_unit_test(a_listener_knows_whether_it_has_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
