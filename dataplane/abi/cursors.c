/*
 * cursors.c - control/cursors (cursors.h). Words are single aligned 64-bit loads and stores; a
 * pair of them is ordered so that a position is never taken with another ring's id.
 */
#include "abi/cursors.h"

#include <string.h>

void
cursors_init(struct cursors *c)
{
	c->version = CURSORS_VERSION;
	c->cursor_n = IMG_LANES_MAX;
	c->magic = CURSORS_MAGIC;
}

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, const char *field)
{
	*ret_fault = abi_fault_at(kind, "cursors", ABI_NONE, field);
	return false;
}

bool
cursors_check(const void *bytes, size_t n, struct abi_fault *ret_fault)
{
	struct cursors c;

	if (n < sizeof(c))
		return wrong(ret_fault, ABI_FAULT_SHORT, "");
	memcpy(&c, bytes, offsetof(struct cursors, now));
	if (c.magic != CURSORS_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, "magic");
	if (c.version != CURSORS_VERSION)
		return wrong(ret_fault, ABI_FAULT_VERSION, "version");
	if (c.cursor_n != IMG_LANES_MAX)
		return wrong(ret_fault, ABI_FAULT_COUNT, "cursor_n");
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	return true;
}

void
cursor_adopt(struct cursor *c, uint64_t journal_id, uint64_t position)
{
	__atomic_store_n(&c->journal_id, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&c->position, position, __ATOMIC_RELEASE);
	__atomic_store_n(&c->journal_id, journal_id, __ATOMIC_RELEASE);
}

void
cursor_move(struct cursor *c, uint64_t position)
{
	__atomic_store_n(&c->position, position, __ATOMIC_RELEASE);
}

bool
cursor_get(const struct cursor *c, uint64_t journal_id, uint64_t *ret_position)
{
	uint64_t position;

	if (__atomic_load_n(&c->journal_id, __ATOMIC_ACQUIRE) != journal_id)
		return false;
	position = __atomic_load_n(&c->position, __ATOMIC_ACQUIRE);
	if (__atomic_load_n(&c->journal_id, __ATOMIC_ACQUIRE) != journal_id)
		return false;
	*ret_position = position;
	return true;
}
