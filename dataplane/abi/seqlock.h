/*
 * seqlock.h - a word that lets one writer change several words in shared memory while readers of
 * another process copy them: odd while being changed. Readers never block the writer; they give
 * up after a bounded number of tries, so a writer that died half-way cannot hang them.
 *
 * Write: seqlock_begin(&s); change the words with plain stores; seqlock_end(&s). One writer.
 * A writer that adopts a record of a killed predecessor finds it odd: begin makes it odd either
 * way, end even.
 */
#ifndef PENSTOCK_ABI_SEQLOCK_H
#define PENSTOCK_ABI_SEQLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
	SEQLOCK_TRIES = 100
};

static inline void
seqlock_begin(uint32_t *seq)
{
	uint32_t v = __atomic_load_n(seq, __ATOMIC_RELAXED) | 1;

	__atomic_store_n(seq, v, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void
seqlock_end(uint32_t *seq)
{
	uint32_t v = __atomic_load_n(seq, __ATOMIC_RELAXED);

	__atomic_store_n(seq, v + 1, __ATOMIC_RELEASE);
}

/* Copies n bytes that seq guards; false when no quiet moment was found. */
static inline bool
seqlock_copy(const uint32_t *seq, const void *from, void *ret_to, size_t n)
{
	for (int i = 0; i < SEQLOCK_TRIES; i++) {
		uint32_t before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);

		if ((before & 1) != 0)
			continue;
		memcpy(ret_to, from, n);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(seq, __ATOMIC_RELAXED) == before)
			return true;
	}
	return false;
}

#endif
