/*
 * balance.c - see balance.h.
 */
#include "run/balance.h"

#include "abi/image.h"
#include "base/ensure.h"

struct scale {
	struct balance_lane *lane;
	uint32_t lane_n;
	const uint32_t *cpu;
	uint32_t cpu_n;
};

static uint32_t
weight(const struct balance_lane *lane)
{
	return lane->load + BALANCE_GAIN;
}

static uint32_t
weight_on(const struct scale *s, uint32_t cpu)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < s->lane_n; i++)
		sum += s->lane[i].cpu == cpu ? weight(&s->lane[i]) : 0;
	return sum;
}

static bool
is_placed(const struct scale *s, const struct balance_lane *lane)
{
	for (uint32_t i = 0; i < s->cpu_n; i++) {
		if (s->cpu[i] == lane->cpu)
			return true;
	}
	return false;
}

/* The processor with the least to do, of equals the one that is preferred. */
static uint32_t
lightest(const struct scale *s, uint32_t preferred)
{
	uint32_t best = s->cpu[0];

	for (uint32_t i = 1; i < s->cpu_n; i++) {
		uint32_t here = weight_on(s, s->cpu[i]), there = weight_on(s, best);

		if (here < there || (here == there && s->cpu[i] == preferred))
			best = s->cpu[i];
	}
	return best;
}

static uint32_t
heaviest(const struct scale *s)
{
	uint32_t best = s->cpu[0];

	for (uint32_t i = 1; i < s->cpu_n; i++) {
		if (weight_on(s, s->cpu[i]) > weight_on(s, best))
			best = s->cpu[i];
	}
	return best;
}

static struct balance_lane *
heaviest_unplaced(const struct scale *s)
{
	struct balance_lane *best = NULL;

	for (uint32_t i = 0; i < s->lane_n; i++) {
		struct balance_lane *lane = &s->lane[i];

		if (!is_placed(s, lane) && (best == NULL || weight(lane) > weight(best)))
			best = lane;
	}
	return best;
}

/* The move from the busiest to the idlest that lowers the load of the former most. */
static bool
improve(const struct scale *s)
{
	uint32_t from = heaviest(s), to = lightest(s, from);
	uint32_t gap = weight_on(s, from) - weight_on(s, to), best_gain = 0;
	struct balance_lane *best = NULL;

	for (uint32_t i = 0; i < s->lane_n; i++) {
		struct balance_lane *lane = &s->lane[i];
		uint32_t w = weight(lane), gain;

		if (lane->cpu != from || w >= gap)
			continue;
		gain = w < gap - w ? w : gap - w;
		if (gain > best_gain || (gain == best_gain && best != NULL && lane->home == to)) {
			best = lane;
			best_gain = gain;
		}
	}
	if (best_gain < BALANCE_GAIN)
		return false;
	best->cpu = to;
	return true;
}

uint32_t
balance(struct balance_lane *lane, uint32_t lane_n, const uint32_t *cpu, uint32_t cpu_n, bool all)
{
	struct scale s = { lane, lane_n, cpu, cpu_n };
	uint32_t before[IMG_LANES_MAX], moved_n = 0;
	struct balance_lane *left;

	ensure(cpu_n > 0 && lane_n <= IMG_LANES_MAX);
	for (uint32_t i = 0; i < lane_n; i++)
		before[i] = lane[i].cpu;
	while ((left = heaviest_unplaced(&s)) != NULL)
		left->cpu = lightest(&s, left->home);
	/* Each move makes the sum of squares smaller, so it ends; the bound is for loads gone mad. */
	for (uint32_t i = 0; all && i < 4 * lane_n && improve(&s); i++)
		continue;
	for (uint32_t i = 0; i < lane_n; i++)
		moved_n += lane[i].cpu != before[i];
	return moved_n;
}
