/*
 * walk.h - what an attempt to match can run over, from place to place of a string: search.c and
 * stream.c pay by that.
 */
#ifndef PENSTOCK_RULES_WALK_H
#define PENSTOCK_RULES_WALK_H

#include "rules/state.h"

/* What an attempt that begins at `at` can run over: bytes of code->run before `end`. */
struct walk {
	uint32_t at, end;
	uint32_t run_n;	    /* of code->run */
	uint32_t stretch_n; /* that end before `end` */
	bool runs[2];	    /* is the byte at `at`, the last before `end`, one of them? */
};

static inline bool
is_run(const struct rules_code *code, uint8_t c)
{
	return (code->run[c / 64] >> c % 64 & 1) != 0;
}

/* Forwards alone: each byte is looked at twice, however many places there are. */
static inline uint32_t
walk_to(struct walk *k, const struct rules_code *code, struct slice s, uint32_t at)
{
	if (at >= k->end)
		*k = (struct walk){ .at = at, .end = at, .runs[0] = is_run(code, s.p[at]) };
	while (k->at < at) {
		bool runs = k->runs[0];

		k->runs[0] = is_run(code, s.p[++k->at]);
		k->run_n -= runs;
		k->stretch_n -= runs && !k->runs[0];
	}
	while (k->end < s.n && k->stretch_n <= code->gap_n) {
		bool runs = is_run(code, s.p[k->end++]);

		k->run_n += runs;
		k->stretch_n += !runs && k->runs[1];
		k->runs[1] = runs;
	}
	return k->run_n;
}

/* Whether a match may begin with the bytes at p. Beyond ASCII, they may be any. */
static inline bool
is_start(const struct rules_code *code, const uint8_t *p, uint32_t n)
{
	uint32_t most = n < code->lead_n ? n : code->lead_n;

	for (uint32_t i = 0; i < most && p[i] < 0x80; i++)
		if ((code->lead[p[i]] >> i & 1) == 0)
			return false;
	return true;
}

#endif
