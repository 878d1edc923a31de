/*
 * stage.h - a stage of a body: takes payload, gives payload, in turns of bounded size.
 *
 * Rewriting, compression and the cache's fill will be stages; a body without one moves its
 * buffers untouched. A stage whose output may be longer or shorter than its input says so, and
 * the body is then framed in chunks, or by close towards HTTP/1.0.
 */
#ifndef PENSTOCK_PROXY_STAGE_H
#define PENSTOCK_PROXY_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* What a stage remembers of one body. Zeroed at its start. */
struct stage_state {
	uint64_t word[4];
};

struct stage_turn {
	struct buf_pool *pool;
	struct stage_state *state;
	struct bufq *in;       /* consumed from the front */
	bool is_last;	       /* nothing follows what is in `in` */
	struct bufq *out;      /* appended to */
	uint32_t budget_bytes; /* of input to look at in this turn */
	uint64_t room_bytes;   /* stop when out has so many; a little more does not hurt */
};

struct stage {
	const char *name;
	bool changes_length;
	/*
	 * Works until the input, the budget, the room or the pool is used up. With is_last and an
	 * empty input it adds what it still owes. True: done for this turn; false: the pool is dry.
	 */
	bool (*turn)(const struct stage_turn *turn);
};

#endif
