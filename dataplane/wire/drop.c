/*
 * drop.c - the reasons' words and counters (see drop.h).
 */
#include "wire/drop.h"

#include <stddef.h>

#include "base/ensure.h"

const char *
wire_drop_name(enum wire_drop drop)
{
	static const char *const word[] = { "ok",
#define D(x, NAME, name, what) #name,
					    WIRE_DROPS(D, )
#undef D
	};

	ensure(drop < WIRE_DROPS_N);
	return word[drop];
}

void
wire_drop_count(struct counters *count, enum wire_drop drop)
{
	static const size_t offset[] = { 0,
#define D(x, NAME, name, what) offsetof(struct counters, wire_drop_##name),
					 WIRE_DROPS(D, )
#undef D
	};

	ensure(drop != WIRE_OK && drop < WIRE_DROPS_N);
	++*(uint64_t *)((uint8_t *)count + offset[drop]);
}
