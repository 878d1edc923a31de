/*
 * reach_set.h - characters that a part of a pattern may match, as reach.c knows them: ASCII one by
 * one, and whether there are others.
 */
#ifndef PENSTOCK_RULES_REACH_SET_H
#define PENSTOCK_RULES_REACH_SET_H

#include <stdbool.h>
#include <stdint.h>

struct set {
	uint64_t bits[2]; /* of ASCII */
	bool is_high;	  /* and characters beyond it */
};

static inline void
set_add(struct set *set, uint32_t c)
{
	if (c < 0x80)
		set->bits[c / 64] |= 1ull << c % 64;
	else
		set->is_high = true;
}

static inline bool
set_has(const struct set *set, uint8_t c)
{
	return (set->bits[c / 64] >> c % 64 & 1) != 0;
}

static inline void
set_join(struct set *set, const struct set *more)
{
	for (uint32_t i = 0; i < 2; i++)
		set->bits[i] |= more->bits[i];
	set->is_high |= more->is_high;
}

static inline bool
set_has_all(const struct set *set, const struct set *part)
{
	bool has = true;

	for (uint32_t i = 0; i < 2; i++)
		has &= (part->bits[i] & ~set->bits[i]) == 0;
	return has;
}

static inline void
set_invert(struct set *set)
{
	set->bits[0] = ~set->bits[0];
	set->bits[1] = ~set->bits[1];
	set->is_high = true;
}

/*
 * Letters in both cases. Beyond ASCII are two that are like letters in it: the Kelvin sign, the
 * long s.
 */
static inline void
set_close(struct set *set)
{
	uint64_t letters = ((1ull << 26) - 1) << 1, both;

	if (set->is_high)
		set->bits['k' / 64] |= 1ull << 'k' % 64 | 1ull << 's' % 64;
	set->is_high |=
		set_has(set, 'k') || set_has(set, 'K') || set_has(set, 's') || set_has(set, 'S');
	both = (set->bits[1] | set->bits[1] >> 32) & letters;
	set->bits[1] |= both | both << 32;
}

#endif
