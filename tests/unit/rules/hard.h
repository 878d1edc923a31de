/*
 * hard.h - patterns and strings that cost much, for tests (what is said of them) and for
 * bench/micro (how long that takes).
 *
 * Honest ones take the library's machine code well below a millisecond on a machine of today, and
 * have an answer. Hostile ones are made to take long, and end in a fault.
 */
#ifndef PENSTOCK_TESTS_RULES_HARD_H
#define PENSTOCK_TESTS_RULES_HARD_H

#include <stdbool.h>
#include <stdint.h>

#include "made.h"

enum {
	HARD_BYTES_MAX = 64 << 10,
	HARD_RULES_MAX = 60,
};

enum hard_answer {
	HARD_NO,
	HARD_YES,
	HARD_FAULT,
};

struct hard {
	const char *name;
	const char *pattern;		/* of a condition on a header, whose groups are wanted */
	const char *head, *unit, *tail; /* the header: unit repeats in between, */
	uint32_t n;			/* so that all has so many bytes, or a few less */
	enum hard_answer answer;	/* without databases: PCRE2 alone */
	enum hard_answer scanned;	/* with them */
	uint32_t rule_n;		/* so many rules have it; 0: one */
};

extern const struct hard hard_honest[], hard_hostile[];
extern const uint32_t hard_honest_n, hard_hostile_n;

const char *hard_answer_name(enum hard_answer answer);

/* Opens rules with the pattern, that fire when it matches. */
void hard_open(struct made *made, const struct hard *hard, bool is_scanned);

/* The header's value, into HARD_BYTES_MAX bytes. */
struct slice hard_text(const struct hard *hard, char *to);

/* A request with this header; ret_subject points into *ret_request. */
void hard_request(struct slice text, struct made_request *ret_request,
		  struct rules_subject *ret_subject);

enum hard_answer hard_answer_of(const struct rules_verdict *verdict);

#endif
