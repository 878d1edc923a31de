/*
 * reader.h - a pattern's text as it is read: what reach.c (groups, and what repeats) and reader.c
 * (characters, classes, quantifiers) share.
 */
#ifndef PENSTOCK_RULES_READER_H
#define PENSTOCK_RULES_READER_H

#include <string.h>

#include "rules/open.h"
#include "rules/reach_set.h"

enum {
	GROUPS_MAX = 16, /* within each other */
};

/* An open group; the first is the pattern. */
struct group {
	bool is_assert;
	struct set within;  /* what it may match */
	uint32_t lead_n;    /* before it */
	uint32_t way_n;	    /* before it, */
	uint32_t other_n;   /* and of its alternatives but this */
	uint32_t run_n;	    /* repeats before it */
	bool is_first;	    /* the first repeat is in it */
	bool has_assert;    /* an assertion is in it */
	uint32_t capture_i; /* 0: it is none that is kept, or one of too many */
	uint32_t repeat_n;  /* quantifiers before it */
};

struct reader {
	struct slice regex;
	bool is_caseless;
	uint32_t at;
	bool is_unknown; /* there was something that this file does not read */
	bool repeats_groups;
	struct set run;
	uint32_t gap_n;	   /* counted by the second reading, when run is whole */
	uint32_t depth;	   /* of open groups */
	uint32_t assert_n; /* assertions that are open */
	struct group group[GROUPS_MAX + 1];

	uint32_t way_n;	   /* ways to come here */
	uint32_t entry_n;  /* repeats that are begun one way, */
	uint32_t again_n;  /* and times that others are begun, */
	struct set dear;   /* which run over these */
	uint32_t least_n;  /* times that the last quantifier wants at least, */
	uint32_t span_n;   /* ways through what it repeats */
	bool is_lazy;	   /* ... and takes as few as it can, each a step of its own */
	struct set before; /* the character that stands before what comes, */
	bool has_before;   /* if there is just one */
	uint32_t split_n;  /* repeats before it that can give way, one way for each place */
	uint32_t
		loose_n; /* repeats begun again, however often; and those only behind one of gate */
	uint32_t gated_n;
	struct set gate;
	uint32_t repeat_n;  /* quantifiers, of all kinds */
	uint32_t capture_n; /* groups that are kept; the short ones: */
	uint32_t short_captures;
	bool ends_with_line;
	struct set lead[RULES_LEAD];
	uint32_t lead_n;
	bool is_leading;  /* the next part stands at a known place of the match */
	bool has_repeat;  /* the first repeat is read */
	bool sweeps;	  /* ... of every alternative */
	bool has_prelude; /* characters before one of these */
	struct set sweep;
	bool looks_ahead;
};

/* What repeats without end and is a match each time, and what may fail before its last. */
enum repeats {
	REPEATS_NOT,
	REPEATS_MAYBE,
	REPEATS_ANY,
	REPEATS_COUNTED,
};

static inline uint8_t
peek(const struct reader *r, uint32_t ahead)
{
	return r->at + ahead < r->regex.n ? r->regex.p[r->at + ahead] : 0;
}

static inline bool
starts_with(const struct reader *r, const char *text)
{
	uint32_t n = (uint32_t)strlen(text);

	return n <= r->regex.n - r->at && memcmp(r->regex.p + r->at, text, n) == 0;
}

static inline bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_word(uint8_t c)
{
	return is_digit(c) || (uint8_t)((c | 0x20) - 'a') <= 'z' - 'a' || c == '_';
}

static inline uint32_t
min_of(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Behind a backslash: \d, \w, \s and what is none of them into set; false: it is no class. */
bool reader_escape(uint8_t c, struct set *set);

/* Behind a backslash, a single character; or it is unknown. */
uint32_t reader_single(struct reader *r);

/* Behind '['. */
void reader_class(struct reader *r, struct set *set);

/* Digits, of at most RULES_ENTRIES. */
uint32_t reader_number(struct reader *r);

/* One, if it is there: fills least_n, span_n and is_lazy. */
enum repeats reader_quantifier(struct reader *r);

#endif
