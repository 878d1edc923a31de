/*
 * wheel.c - hierarchical timer wheel (see wheel.h).
 *
 * A timer lies on the level of the highest 6-bit digit in which its tick differs from the present
 * one, in the slot that this digit names. So the slots of a level lie after the present digit,
 * all of a level comes before all of the next, and the earliest slot is the first bit of the
 * lowest level's bitmap that is not empty. When the present reaches a slot above level 0, its
 * timers are set anew and fall to lower levels; those of level 0 go to the due list.
 * Invariant: every timer outside the due list fires after tick `now`.
 */
#include "base/wheel.h"

#include "base/ensure.h"

enum {
	DIGIT_BITS = 6,
	SLOTS = 1 << DIGIT_BITS,
	LEVELS = 8, /* 48 bits of ticks: 146 years */
	LIST_DUE = LEVELS * SLOTS,
	LISTS,
	ALIGN = 64,
};

#define LIST_NONE UINT16_MAX
#define TICK_MAX  ((1ull << LEVELS * DIGIT_BITS) - 1)

struct node {
	uint32_t next, prev; /* WHEEL_NONE at the ends */
	uint64_t tick_list;  /* tick << 16 | list; LIST_NONE: not set */
};

struct list {
	uint32_t head, tail;
};

struct wheel {
	uint64_t now; /* tick */
	uint32_t n, set_n;
	uint64_t busy[LEVELS]; /* bit s: list of slot s has timers */
	struct list list[LISTS];
	struct node node[] __attribute__((aligned(ALIGN)));
};

static uint32_t
list_of(const struct node *node)
{
	return (uint32_t)(node->tick_list & UINT16_MAX);
}

static uint64_t
tick_of(const struct node *node)
{
	return node->tick_list >> 16;
}

/* The first tick that does not begin before at_ns; times past 2^62 are as good as 2^62. */
static uint64_t
tick_at(uint64_t at_ns)
{
	uint64_t tick = (at_ns >> WHEEL_TICK_SHIFT) + ((at_ns & (WHEEL_TICK_NS - 1)) != 0);

	return tick < TICK_MAX ? tick : TICK_MAX;
}

size_t
wheel_size(uint32_t n)
{
	size_t bytes = sizeof(struct wheel) + (size_t)n * sizeof(struct node);

	return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

struct wheel *
wheel_init(void *mem, uint32_t n, uint64_t now)
{
	struct wheel *wheel = mem;

	ensure((uintptr_t)mem % ALIGN == 0);
	ensure(n > 0 && n <= 1u << 31);
	wheel->now = now >> WHEEL_TICK_SHIFT;
	wheel->n = n;
	wheel->set_n = 0;
	for (uint32_t i = 0; i < LEVELS; i++)
		wheel->busy[i] = 0;
	for (uint32_t i = 0; i < LISTS; i++)
		wheel->list[i] = (struct list){ WHEEL_NONE, WHEEL_NONE };
	for (uint32_t i = 0; i < n; i++)
		wheel->node[i] = (struct node){ WHEEL_NONE, WHEEL_NONE, LIST_NONE };
	return wheel;
}

static void
append(struct wheel *wheel, uint32_t i, uint64_t tick, uint32_t list_i)
{
	struct node *node = &wheel->node[i];
	struct list *list = &wheel->list[list_i];

	node->tick_list = tick << 16 | list_i;
	node->next = WHEEL_NONE;
	node->prev = list->tail;
	if (list->tail != WHEEL_NONE)
		wheel->node[list->tail].next = i;
	else
		list->head = i;
	list->tail = i;
	if (list_i != LIST_DUE)
		wheel->busy[list_i / SLOTS] |= 1ull << list_i % SLOTS;
}

static void
unlink_node(struct wheel *wheel, uint32_t i)
{
	struct node *node = &wheel->node[i];
	uint32_t list_i = list_of(node);
	struct list *list = &wheel->list[list_i];

	if (node->prev != WHEEL_NONE)
		wheel->node[node->prev].next = node->next;
	else
		list->head = node->next;
	if (node->next != WHEEL_NONE)
		wheel->node[node->next].prev = node->prev;
	else
		list->tail = node->prev;
	if (list->head == WHEEL_NONE && list_i != LIST_DUE)
		wheel->busy[list_i / SLOTS] &= ~(1ull << list_i % SLOTS);
	node->tick_list = LIST_NONE;
}

static void
place(struct wheel *wheel, uint32_t i, uint64_t tick)
{
	uint32_t level;

	if (tick <= wheel->now) {
		append(wheel, i, tick, LIST_DUE);
		return;
	}
	level = (63 - (uint32_t)__builtin_clzll(tick ^ wheel->now)) / DIGIT_BITS;
	append(wheel, i, tick, level * SLOTS + (uint32_t)(tick >> level * DIGIT_BITS) % SLOTS);
}

void
wheel_set(struct wheel *wheel, uint32_t i, uint64_t at_ns)
{
	ensure(i < wheel->n);
	wheel_cancel(wheel, i);
	if (at_ns == UINT64_MAX)
		return;
	place(wheel, i, tick_at(at_ns));
	wheel->set_n++;
}

void
wheel_set_earlier(struct wheel *wheel, uint32_t i, uint64_t at_ns)
{
	if (at_ns < wheel_at(wheel, i))
		wheel_set(wheel, i, at_ns);
}

void
wheel_cancel(struct wheel *wheel, uint32_t i)
{
	ensure(i < wheel->n);
	if (list_of(&wheel->node[i]) == LIST_NONE)
		return;
	unlink_node(wheel, i);
	wheel->set_n--;
}

bool
wheel_is_set(const struct wheel *wheel, uint32_t i)
{
	ensure(i < wheel->n);
	return list_of(&wheel->node[i]) != LIST_NONE;
}

uint64_t
wheel_at(const struct wheel *wheel, uint32_t i)
{
	return wheel_is_set(wheel, i) ? tick_of(&wheel->node[i]) << WHEEL_TICK_SHIFT : UINT64_MAX;
}

/* The earliest slot's list and the tick it begins at; false when all levels are empty. */
static bool
earliest(const struct wheel *wheel, uint32_t *ret_list, uint64_t *ret_tick)
{
	for (uint32_t level = 0; level < LEVELS; level++) {
		uint32_t shift = level * DIGIT_BITS;
		uint64_t slot;

		if (wheel->busy[level] == 0)
			continue;
		slot = (uint64_t)__builtin_ctzll(wheel->busy[level]);
		*ret_list = level * SLOTS + (uint32_t)slot;
		*ret_tick = (wheel->now >> shift >> DIGIT_BITS << DIGIT_BITS | slot) << shift;
		return true;
	}
	return false;
}

/* Brings the present to `tick`, and every timer that is due there to the due list. */
static void
move_to(struct wheel *wheel, uint64_t tick)
{
	uint32_t list_i = 0;
	uint64_t begins = 0;

	while (earliest(wheel, &list_i, &begins) && begins <= tick) {
		uint32_t i = wheel->list[list_i].head;

		wheel->now = begins;
		wheel->list[list_i] = (struct list){ WHEEL_NONE, WHEEL_NONE };
		wheel->busy[list_i / SLOTS] &= ~(1ull << list_i % SLOTS);
		while (i != WHEEL_NONE) {
			uint32_t next = wheel->node[i].next;

			place(wheel, i, tick_of(&wheel->node[i]));
			i = next;
		}
	}
	if (tick > wheel->now)
		wheel->now = tick;
}

uint32_t
wheel_next(struct wheel *wheel, uint64_t now)
{
	uint64_t tick = now >> WHEEL_TICK_SHIFT;
	uint32_t i;

	if (tick > wheel->now)
		move_to(wheel, tick);
	i = wheel->list[LIST_DUE].head;
	if (i == WHEEL_NONE)
		return WHEEL_NONE;
	unlink_node(wheel, i);
	wheel->set_n--;
	return i;
}

uint64_t
wheel_deadline(const struct wheel *wheel)
{
	uint32_t list_i;
	uint64_t tick;

	if (wheel->list[LIST_DUE].head != WHEEL_NONE)
		return wheel->now << WHEEL_TICK_SHIFT;
	if (!earliest(wheel, &list_i, &tick))
		return UINT64_MAX;
	return tick << WHEEL_TICK_SHIFT;
}

uint32_t
wheel_n(const struct wheel *wheel)
{
	return wheel->set_n;
}
