/*
 * slots.h - which slot and incarnation a listener, farm or server has: the one it had in the image
 * before, by name, or one that nobody uses. Private to build.c.
 *
 * A slot that was never used is preferred; when the room is used up, the slot that was retired
 * longest ago comes next, with its incarnation raised, so that counters and overrides of an
 * earlier owner are never taken for the new one's.
 */
#ifndef PENSTOCK_CONTROL_CONF_SLOTS_H
#define PENSTOCK_CONTROL_CONF_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/build.h"
#include "abi/image.h"

/* Of one kind. Zeroed is empty; slots_fini frees. */
struct slots {
	struct img_retired *retired; /* oldest first */
	uint32_t retired_n, retired_room;
	uint32_t reused_n;   /* taken from the front of retired */
	uint32_t high_water; /* slots below it were used once */
};

/* Takes over what an image says of a kind; `before` may be NULL. */
void slots_init(struct slots *slots, enum img_kind kind, const struct img *before);

/* A slot of the image before is not used any more. */
void slots_retire(struct slots *slots, enum img_kind kind, uint32_t slot, uint32_t incarnation);

/* A slot for something new. Below room if that can be. False: all IMG_SLOTS_MAX are in use. */
bool slots_take(struct slots *slots, uint32_t room, uint32_t *ret_slot, uint32_t *ret_incarnation);

/* Appends what is retired now. */
void slots_build(const struct slots *slots, struct img_build *build);

void slots_fini(struct slots *slots);

#endif
