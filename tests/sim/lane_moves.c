/*
 * lane_moves.c - lanes go from core to core while the world goes on: between two turns of a lane,
 * as core.c does it. A core that gives a lane away is awake; until the other takes it, the lane has
 * no turn, and what comes for it meanwhile waits in queues and rings.
 */
#include "sim/lane_inside.h"

enum {
	CORES = 3
};

#define PAUSE_NS      (MS / 20) /* a core takes its mailbox within a round, */
#define LONG_PAUSE_NS (50 * MS) /* or is kept from its processor for a while */

static void
give(struct lw *w, uint16_t i)
{
	struct lw_lane *l = &w->lane[i];
	uint64_t most = prng_one_in(&w->prng, 8) ? LONG_PAUSE_NS : PAUSE_NS;
	uint64_t until = w->now + prng_between(&w->prng, 1, most);

	if (l->is_moving)
		return;
	if (l->is_asleep) {
		mesh_awake(w->mesh, i);
		lane_wake(l->lane);
		l->is_asleep = false;
	}
	l->core = (uint16_t)((l->core + 1 + prng_below(&w->prng, CORES - 1)) % CORES);
	l->is_moving = true;
	l->given_at = w->now;
	l->late_until = l->late_until > until ? l->late_until : until;
}

/* It has its turn in the round that follows. */
static void
take(struct lw *w, uint16_t i)
{
	struct lw_lane *l = &w->lane[i];

	lane_arrive(l->lane, l->core, w->now - l->given_at);
	lane_set_wall(l->lane, LW_WALL_NS);
	l->is_moving = false;
	l->is_rung = true;
	w->result.moves++;
	LW_ENSURE(w, l->board.gauges->core == l->core);
	LW_ENSURE(w, l->board.hists->lane_move_pause.max >= w->now - l->given_at);
}

void
lw_moves_open(struct lw *w)
{
	w->move_at = lw_soon(w, w->conf.move_ns);
}

void
lw_moves_step(struct lw *w)
{
	for (uint16_t i = 0; i < w->conf.lane_n; i++) {
		if (w->lane[i].is_moving && w->now >= w->lane[i].late_until)
			take(w, i);
	}
	if (w->now < w->move_at)
		return;
	give(w, (uint16_t)prng_below(&w->prng, w->conf.lane_n));
	w->move_at =
		w->now - w->begin < w->conf.calm_at_ns ? lw_soon(w, w->conf.move_ns) : UINT64_MAX;
}
