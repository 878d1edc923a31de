/*
 * stand.h - one lane of the rules engine with a request, for tests of what happens after a match:
 * expressions, sets and actions are made as a test asks for them, straight into an image's tables.
 */
#ifndef PENSTOCK_TESTS_RULES_STAND_H
#define PENSTOCK_TESTS_RULES_STAND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/state.h"

enum {
	STAND_LINES_MAX = 24,
};

struct stand {
	struct rules_lane *lane;
	struct rules_subject subject;
	struct rules_verdict verdict;
	struct img_scope *scope;
	struct img_rule rule; /* NONE; tests make of it what they need */
	struct rules_line line[STAND_LINES_MAX], answer[STAND_LINES_MAX];
	uint32_t line_n, answer_n;
};

/*
 * A GET of this target by http from 192.0.2.7:40000 to 10.0.0.1:80, Host www.example.com, in a
 * distributed scope of folder "/". Farms are "app" and "plain:8080". Forgets what was there before.
 */
struct stand *stand_get(const char *target);

/* The same without reading the target: for targets that have no canonical path. */
struct stand *stand_raw(const char *target, uint32_t n);

void stand_line(struct stand *s, const char *name, const char *value);
void stand_answer(struct stand *s, const char *name, const char *value);

/*
 * An expression (8). Names are variables, "HTTP_X", "RESPONSE_X", "COOKIE_x", functions, maps
 * "Map" (without case: "Old"="/new/1", "ä"="umlaut", "twice"="first", "twice"="second", absent
 * "none"), "Case" (with case: "Key"="value"), "Parts" (a list, without case: "admin", "ADM", "x",
 * "long-part") and "Empty" (no keys); others are variables that rules set.
 */
uint32_t stand_expr(struct stand *s, const char *text);

/* Adds a set to the rule. */
void stand_set(struct stand *s, enum img_set_kind kind, const char *name, const char *value,
	       bool replaces);

/* Captures: the first is the input of the current path in the scope's folder. */
void stand_r(struct stand *s, uint32_t i, const char *part);

/* {C:i} is this text, which is not of the target. */
void stand_c(struct stand *s, uint32_t i, const char *text);

/* An expression's value, and why it has none. */
struct slice stand_value(struct stand *s, const char *expr);
enum rules_fault stand_fault(struct stand *s, const char *expr);

void assert_slice(struct slice s, const char *want);

#define assert_value(s, expr, want) assert_slice(stand_value(s, expr), want)

struct value_row {
	const char *expr, *value;
};

/* Each alone, where the value may be looked at where it lies, and inside other text. */
void stand_check(struct stand *s, const struct value_row *row, uint32_t n);

#define CHECK_VALUES(s, row) stand_check(s, row, sizeof(row) / sizeof(row[0]))

#endif
