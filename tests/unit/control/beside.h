/*
 * beside.h - penstockctl as a process beside the world, which goes on having turns meanwhile.
 */
#ifndef PENSTOCK_TESTS_UNIT_CONTROL_BESIDE_H
#define PENSTOCK_TESTS_UNIT_CONTROL_BESIDE_H

#include <sys/types.h>

#include "world.h"

struct beside {
	pid_t pid;
	int out; /* what it writes, both kinds */
	size_t n;
	char text[16384];
};

/* penstockctl --run with these words, of which a shell makes arguments. */
void beside_begin(struct beside *b, const struct world *w, const char *penstockctl,
		  const char *words);

/* Turns, and a step of the test's between them, until it has ended. Its exit code. */
int beside_end(struct beside *b, struct world *w, void (*step)(struct world *w));

/* Both. */
int beside_run(struct beside *b, struct world *w, const char *penstockctl, const char *words,
	       void (*step)(struct world *w));

/*
 * What a verb that reads files alone prints with these options, while the world stands still; its
 * exit code must be this. Of a static buffer.
 */
const char *beside_text(const struct world *w, const char *penstockctl, const char *verb,
			const char *options, int code);

#endif
