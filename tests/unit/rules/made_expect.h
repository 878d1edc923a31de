/*
 * made_expect.h - what tests of made.h's rules say of a verdict.
 */
#ifndef PENSTOCK_TESTS_RULES_MADE_EXPECT_H
#define PENSTOCK_TESTS_RULES_MADE_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "made.h"

#define N(array) (sizeof(array) / sizeof(array[0]))

/* A rule that redirects, so that its captures show in Location. */
#define REDIRECT(to) .action = IMG_ACTION_REDIRECT, .url = to

static inline void
open_one(struct made *made, const struct made_rule *rule, uint32_t n, enum img_scope_kind kind)
{
	made_open(made, &(struct made_scope){ .kind = kind, .rule = rule, .rule_n = n }, 1, 0);
	assert_non_null(made->rules);
}

static inline struct rules_verdict
run(const struct made *made, const char *target)
{
	return made_run(made, &(struct made_request){ .target = target }, NULL);
}

static inline void
expect_slice(struct slice s, const char *text)
{
	if (s.n != strlen(text) || memcmp(s.p, text, s.n) != 0)
		fail_msg("'%.*s' is not '%s'", (int)s.n, (const char *)s.p, text);
}

static inline void
expect_location(const struct rules_verdict *v, const char *text)
{
	if (v->outcome != RULES_REDIRECT)
		fail_msg("%s (%s), not a redirect to %s", rules_outcome_name(v->outcome),
			 rules_fault_text(v->fault), text);
	expect_slice(v->location, text);
}

static inline void
expect_error(const struct rules_verdict *v, enum rules_fault fault, uint32_t status,
	     uint32_t substatus)
{
	assert_string_equal(rules_outcome_name(v->outcome), "error");
	assert_string_equal(rules_fault_text(v->fault), rules_fault_text(fault));
	assert_int_equal(v->status, status);
	assert_int_equal(v->substatus, substatus);
}

#endif
