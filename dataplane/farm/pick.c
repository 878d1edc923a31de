/*
 * pick.c - who is fit, and the choice: smooth weighted round robin.
 *
 * Each choice adds every fit member's weight to its credit and takes the sum of those weights from
 * the chosen one, so that credits of members always fit sum to zero and a heavy server's turns are
 * spread evenly between the others'. Once a request that needs a server: n is small.
 */
#include "base/ensure.h"
#include "farm/farm.h"
#include "farm/state.h"

void
farm_tried_add(struct farm_tried *tried, uint32_t slot)
{
	if (tried->n < FARM_TRIES_MAX)
		tried->slot[tried->n++] = slot;
}

static uint32_t
tries_on(const struct farm_tried *tried, uint32_t slot)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < tried->n; i++)
		n += tried->slot[i] == slot;
	return n;
}

static enum farm_fit
fit_of(const struct farm_server *s, uint32_t slot, const struct farm_tried *tried, uint64_t now)
{
	if (s->admin == FARM_ADMIN_DISABLED)
		return FARM_FIT_OFF;
	if (s->admin == FARM_ADMIN_DRAIN)
		return FARM_FIT_DRAINED;
	if (s->weight == 0)
		return FARM_FIT_WEIGHTLESS;
	if (s->addr_n == 0)
		return FARM_FIT_UNRESOLVED;
	/* A server of several addresses may be tried once on each. */
	if (tried->n != 0 && tries_on(tried, slot) >= s->addr_n)
		return FARM_FIT_TRIED;
	if (s->rest_ns == 0)
		return FARM_FIT_READY;
	return now < s->rest_until_ns ? FARM_FIT_RESTING : FARM_FIT_PROBE;
}

enum farm_fit
farm_fit(const struct farms *f, uint32_t member_i, const struct farm_tried *tried, uint64_t now)
{
	ensure(member_i < f->member_n);

	uint32_t slot = f->member[member_i];

	return fit_of(&f->server[slot], slot, tried, now);
}

static void
pick_fill(struct farms *f, uint32_t member_i, const struct farm_tried *tried,
	  struct farm_pick *ret_pick)
{
	uint32_t slot = f->member[member_i];
	struct farm_server *s = &f->server[slot];
	uint32_t at = s->addr_at + (tried->n != 0 ? tries_on(tried, slot) : 0);

	if (s->addr_n > 1)
		s->addr_at = (uint8_t)(s->addr_at + 1u < s->addr_n ? s->addr_at + 1u : 0);
	while (at >= s->addr_n)
		at -= s->addr_n;
	*ret_pick = (struct farm_pick){ .member_i = member_i,
					.slot = slot,
					.incarnation = s->incarnation,
					.addr = *farm_addr_at(&f->cold[slot], at) };
	if (s->rest_ns == 0)
		return;
	/* A probe, or a try for want of anybody fit: the others stay away until it is known. */
	ret_pick->is_probe = true;
	s->is_probing = true;
}

enum farm_fit
farm_pick(struct farms *f, uint32_t first, uint32_t n, const struct farm_tried *tried, uint64_t now,
	  struct farm_pick *ret_pick)
{
	struct farm_server *best = NULL, *soonest = NULL;
	uint32_t best_i = 0, soonest_i = 0;
	enum farm_fit why = FARM_FIT_UNRESOLVED;
	int64_t total = 0;

	ensure(first + n <= f->member_n || n == 0);
	for (uint32_t i = first; i < first + n; i++) {
		uint32_t slot = f->member[i];
		struct farm_server *s = &f->server[slot];
		enum farm_fit fit = fit_of(s, slot, tried, now);

		if (fit < why)
			why = fit;
		if (fit == FARM_FIT_RESTING &&
		    (soonest == NULL || s->rest_until_ns < soonest->rest_until_ns)) {
			soonest = s;
			soonest_i = i;
		}
		if (fit > FARM_FIT_PROBE)
			continue;
		s->credit += s->weight;
		total += s->weight;
		if (best == NULL || s->credit > best->credit) {
			best = s;
			best_i = i;
		}
	}
	if (best != NULL) {
		best->credit -= total;
		if (best->rest_ns != 0)
			best->rest_until_ns = now + best->rest_ns;
		pick_fill(f, best_i, tried, ret_pick);
		return ret_pick->is_probe ? FARM_FIT_PROBE : FARM_FIT_READY;
	}
	if (soonest == NULL)
		return why;
	pick_fill(f, soonest_i, tried, ret_pick);
	return FARM_FIT_PROBE;
}
