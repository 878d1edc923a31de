/*
 * seq.h - TCP sequence numbers (RFC 9293, section 3.4), compared modulo 2^32.
 *
 * A struct seq is host order. a before b means that b lies at most 2^31 - 1 ahead of a.
 */
#ifndef PENSTOCK_BASE_SEQ_H
#define PENSTOCK_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

struct seq {
	uint32_t v;
};

static inline struct seq
seq_of(uint32_t v)
{
	return (struct seq){ .v = v };
}

static inline struct seq
seq_add(struct seq a, uint32_t n)
{
	return (struct seq){ .v = a.v + n };
}

static inline struct seq
seq_sub(struct seq a, uint32_t n)
{
	return (struct seq){ .v = a.v - n };
}

/* How far a lies after b; negative when before. */
static inline int32_t
seq_diff(struct seq a, struct seq b)
{
	return (int32_t)(a.v - b.v);
}

static inline bool
seq_eq(struct seq a, struct seq b)
{
	return a.v == b.v;
}

static inline bool
seq_lt(struct seq a, struct seq b)
{
	return seq_diff(a, b) < 0;
}

static inline bool
seq_le(struct seq a, struct seq b)
{
	return seq_diff(a, b) <= 0;
}

static inline bool
seq_gt(struct seq a, struct seq b)
{
	return seq_diff(a, b) > 0;
}

static inline bool
seq_ge(struct seq a, struct seq b)
{
	return seq_diff(a, b) >= 0;
}

static inline struct seq
seq_max(struct seq a, struct seq b)
{
	return seq_gt(a, b) ? a : b;
}

static inline struct seq
seq_min(struct seq a, struct seq b)
{
	return seq_lt(a, b) ? a : b;
}

#endif
