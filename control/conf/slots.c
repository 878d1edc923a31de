/*
 * slots.c - the allocator of slots, see slots.h.
 */
#include "conf/slots.h"

#include <stdlib.h>

#include "base/ensure.h"

static void
high_water_raise(struct slots *slots, uint32_t slot)
{
	if (slot >= slots->high_water)
		slots->high_water = slot + 1;
}

static uint32_t
slot_of(const struct img *img, enum img_kind kind, uint32_t i)
{
	switch (kind) {
	case IMG_KIND_LISTENER:
		return img_listener(img, i)->slot;
	case IMG_KIND_FARM:
		return img_farm(img, i)->slot;
	case IMG_KIND_SERVER:
		return img_server(img, i)->slot;
	case IMG_KIND_RULE:
		return i < img_n(img, IMG_RULES)
			       ? img_rule(img, i)->slot
			       : img_out_rule(img, i - img_n(img, IMG_RULES))->slot;
	case IMG_KINDS:
		break;
	}
	ensure(!"a kind without slots");
	return 0;
}

static uint32_t
kind_n(const struct img *img, enum img_kind kind)
{
	switch (kind) {
	case IMG_KIND_LISTENER:
		return img_n(img, IMG_LISTENERS);
	case IMG_KIND_FARM:
		return img_n(img, IMG_FARMS);
	case IMG_KIND_SERVER:
		return img_n(img, IMG_SERVERS);
	case IMG_KIND_RULE: /* of both directions, in this order */
		return img_n(img, IMG_RULES) + img_n(img, IMG_OUT_RULES);
	case IMG_KINDS:
		break;
	}
	return 0;
}

void
slots_init(struct slots *slots, enum img_kind kind, const struct img *before)
{
	*slots = (struct slots){ 0 };
	if (before == NULL)
		return;
	for (uint32_t i = 0; i < kind_n(before, kind); i++)
		high_water_raise(slots, slot_of(before, kind, i));
	for (uint32_t i = 0; i < img_n(before, IMG_RETIRED); i++) {
		const struct img_retired *retired = img_retired(before, i);

		if (retired->kind != (uint32_t)kind)
			continue;
		high_water_raise(slots, retired->slot);
		slots_retire(slots, kind, retired->slot, retired->incarnation);
	}
}

void
slots_retire(struct slots *slots, enum img_kind kind, uint32_t slot, uint32_t incarnation)
{
	if (slots->retired_n == slots->retired_room) {
		slots->retired_room = slots->retired_room == 0 ? 64 : slots->retired_room * 2;
		slots->retired = reallocarray(slots->retired, slots->retired_room,
					      sizeof(slots->retired[0]));
		ensure(slots->retired != NULL);
	}
	slots->retired[slots->retired_n++] = (struct img_retired){ .kind = (uint32_t)kind,
								   .slot = slot,
								   .incarnation = incarnation };
}

bool
slots_take(struct slots *slots, uint32_t room, uint32_t *ret_slot, uint32_t *ret_incarnation)
{
	if (slots->high_water >= room && slots->reused_n < slots->retired_n) {
		const struct img_retired *oldest = &slots->retired[slots->reused_n++];

		*ret_slot = oldest->slot;
		*ret_incarnation = oldest->incarnation + 1;
		return true;
	}
	if (slots->high_water == IMG_SLOTS_MAX)
		return false;
	*ret_slot = slots->high_water++;
	*ret_incarnation = 1;
	return true;
}

void
slots_build(const struct slots *slots, struct img_build *build)
{
	for (uint32_t i = slots->reused_n; i < slots->retired_n; i++)
		img_build_retired(build, &slots->retired[i]);
}

void
slots_fini(struct slots *slots)
{
	free(slots->retired);
	*slots = (struct slots){ 0 };
}
