/*
 * set.c - what lanes take at a turn's start, and how they tell that they have let go.
 *
 * A lane announces an epoch only when it comes to take again: by then the turn that may still
 * have used the older pointers is over. A sleeping lane announces nothing and is not waited for.
 * The flag `awake` and the epoch are a pair of store-then-load on both sides (lane: awake, then
 * epoch; keeper: epoch, then awake), so both are sequentially consistent: either the keeper sees
 * the lane awake and waits for it, or the lane sees the new epoch.
 */
#include "view/view.h"

#include <string.h>

#include "base/ensure.h"

void
view_set_init(struct view_set *set, uint32_t lane_n)
{
	ensure(lane_n <= IMG_LANES_MAX);
	set->lane_n = lane_n;
}

bool
view_take(struct view_set *set, uint32_t lane, struct view_taken *taken)
{
	uint64_t epoch = __atomic_load_n(&set->epoch, __ATOMIC_SEQ_CST);
	struct view_lane *own = &set->lane[lane];

	ensure_hot(lane < set->lane_n);
	if (own->passed != taken->epoch)
		__atomic_store_n(&own->passed, taken->epoch, __ATOMIC_RELEASE);
	if (epoch == taken->epoch)
		return false;
	/* These are of this epoch or later, never older. */
	taken->view = __atomic_load_n(&set->current, __ATOMIC_ACQUIRE);
	taken->runtime = __atomic_load_n(&set->runtime, __ATOMIC_ACQUIRE);
	taken->cursors = __atomic_load_n(&set->cursors, __ATOMIC_ACQUIRE);
	taken->epoch = epoch;
	return true;
}

void
view_sleep(struct view_set *set, uint32_t lane)
{
	__atomic_store_n(&set->lane[lane].awake, 0, __ATOMIC_SEQ_CST);
}

void
view_wake(struct view_set *set, uint32_t lane)
{
	__atomic_store_n(&set->lane[lane].awake, 1, __ATOMIC_SEQ_CST);
}

uint64_t
view_set_mark(struct view_set *set)
{
	return __atomic_add_fetch(&set->epoch, 1, __ATOMIC_SEQ_CST);
}

uint64_t
view_set_passed(const struct view_set *set)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < set->lane_n; i++) {
		uint64_t passed;

		if (__atomic_load_n(&set->lane[i].awake, __ATOMIC_SEQ_CST) == 0)
			continue;
		passed = __atomic_load_n(&set->lane[i].passed, __ATOMIC_ACQUIRE);
		if (passed < least)
			least = passed;
	}
	return least;
}
