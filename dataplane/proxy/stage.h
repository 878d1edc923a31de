/*
 * stage.h - a stage of a body: takes payload, gives payload, in turns of bounded size.
 *
 * Rewriting (stage_rewrite.c) is one, compression and the cache's fill will be; a body without one
 * moves its buffers untouched. A stage whose output may be longer or shorter than its input says
 * so, and the body is then framed in chunks, or by close towards HTTP/1.0.
 */
#ifndef PENSTOCK_PROXY_STAGE_H
#define PENSTOCK_PROXY_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* What a stage remembers of one body. Zeroed at its start. */
struct stage_state {
	uint64_t word[4];
	void *own; /* of the stage's, made before the first turn; `fini` lets it go */
};

struct stage_turn {
	struct buf_pool *pool;
	struct stage_state *state;
	struct bufq *in;  /* consumed from the front */
	bool is_last;	  /* nothing follows what is in `in` */
	bool is_dry;	  /* nothing more has come: who waits for bytes shall have what there is */
	struct bufq *out; /* appended to */
	uint32_t budget_bytes; /* of input to look at in this turn */
	uint64_t room_bytes;   /* stop when out has so many; a little more does not hurt */
};

enum stage_verdict {
	STAGE_ON,    /* nothing is left to do but what is in `in` */
	STAGE_MORE,  /* there is more to give: the turn's work or the room is used up */
	STAGE_DRY,   /* for buffers */
	STAGE_FAULT, /* the body cannot go on */
};

struct stage {
	const char *name;
	bool changes_length;
	/*
	 * Works until the input, the budget, the room or the pool is used up. With is_last and an
	 * empty input it adds what it still owes. Is asked again after it said that it was done.
	 */
	enum stage_verdict (*turn)(const struct stage_turn *turn);
	void (*fini)(struct stage_state *state); /* NULL: nothing to let go */
};

#endif
