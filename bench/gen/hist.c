/*
 * hist.c - a histogram of steps that grow with the value (as HdrHistogram's): values below 256
 * exactly, above that 128 steps for every doubling. Units: whatever is added.
 */
#include "gen/gen.h"

static uint32_t
place_of(uint64_t v)
{
	uint32_t bits = v < 2 * HIST_STEPS ? 0 : 64 - 8 - (uint32_t)__builtin_clzll(v);
	uint32_t at = bits * HIST_STEPS + (uint32_t)(v >> bits);

	return at < HIST_SIZE ? at : HIST_SIZE - 1;
}

/* The greatest value that is counted at that place. */
static uint64_t
value_at(uint32_t at)
{
	uint32_t bits = at < 2 * HIST_STEPS ? 0 : at / HIST_STEPS - 1;
	uint64_t step = at - bits * HIST_STEPS;

	return ((step + 1) << bits) - 1;
}

void
hist_add(struct hist *h, uint64_t v)
{
	h->n++;
	h->sum += v;
	if (v > h->max)
		h->max = v;
	h->at[place_of(v)]++;
}

uint64_t
hist_quantile(const struct hist *h, double part)
{
	double want = part * (double)h->n;
	uint64_t seen = 0;

	for (uint32_t i = 0; i < HIST_SIZE; i++) {
		seen += h->at[i];
		if (h->at[i] != 0 && (double)seen >= want)
			return value_at(i) < h->max ? value_at(i) : h->max;
	}
	return h->max;
}
