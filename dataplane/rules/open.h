/*
 * open.h - what the files that open rules share (open.c, code.c): memory from the caller's grow,
 * and faults.
 */
#ifndef PENSTOCK_RULES_OPEN_H
#define PENSTOCK_RULES_OPEN_H

#include <string.h>

#include "rules/state.h"

/* n zeroed items of `bytes`; at least one, so that NULL is always a failure. */
static inline void *
take(rules_grow_fn *grow, size_t n, size_t bytes)
{
	size_t all = n == 0 ? bytes : n * bytes; /* counts are u32 and records small */
	void *p = grow(NULL, all);

	if (p != NULL)
		memset(p, 0, all);
	return p;
}

static inline void
give(rules_grow_fn *grow, void *p)
{
	if (p != NULL)
		grow(p, 0);
}

/* An empty set; its word is NULL when memory ended. */
static inline struct bits
bits_take(const struct rules *rules, uint32_t n)
{
	uint64_t *memory = take(rules->grow, bits_words(n), sizeof(memory[0]));

	return memory == NULL ? (struct bits){ 0 } : bits_in(memory, n);
}

static inline bool
fault_at(struct abi_fault *ret, enum abi_fault_kind kind, const char *part, uint32_t i,
	 const char *field)
{
	*ret = abi_fault_at(kind, part, i, field);
	return false;
}

static inline bool
no_memory(struct abi_fault *ret)
{
	return fault_at(ret, ABI_FAULT_MEMORY, "rules", ABI_NONE, "");
}

/* ---- code.c ---- */

/* Compiles all patterns; false and the fault. codes_close takes whatever is there. */
bool codes_open(struct rules *rules, struct abi_fault *ret_fault);
void codes_close(struct rules *rules);

/* ---- reach.c ---- */

/*
 * Fills what code says of a match's cost: all but starts, is_slow, and the pattern itself. regex
 * is one that PCRE2 takes.
 */
void reach_read(struct slice regex, bool is_caseless, struct rules_code *code);

/* ---- hop.c ---- */

/* Whether the pattern is one repeat of one class and a text behind it: "[^\"]*internal". */
bool hop_reads(struct slice regex);

#endif
