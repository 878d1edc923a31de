/*
 * check.h - what the checks of an image's records share: where they are, and the fault at the first
 * bad field. Private to abi/.
 */
#ifndef PENSTOCK_ABI_CHECK_H
#define PENSTOCK_ABI_CHECK_H

#include "abi/image_check.h"

enum {
	SLOT_WORDS = IMG_SLOTS_MAX / 64,
};

struct check {
	const struct img *img;
	struct abi_fault *fault;
	const char *part;
	uint32_t i;
	uint32_t next_server; /* where the next farm's servers must begin */
	uint32_t next_op;     /* ... expression's ops */
	uint64_t blob_bytes;  /* of all so far */
	struct {
		uint32_t rule, out_rule, input, pattern, cond, set, pre, tag;
	} next;				      /* ... scope's, rule's or input's */
	uint64_t used[IMG_KINDS][SLOT_WORDS]; /* slots seen */
};

/* The fault, and false, unless `holds`. */
static inline bool
ok(struct check *c, bool holds, enum abi_fault_kind kind, const char *field)
{
	if (!holds)
		*c->fault = abi_fault_at(kind, c->part, c->i, field);
	return holds;
}

static inline bool
check_str(struct check *c, struct img_str s, uint32_t most, const char *field)
{
	const struct img_table *t = &c->img->table[IMG_STRINGS];

	if (!ok(c, (uint64_t)s.offset + s.n < t->n, ABI_FAULT_BOUNDS, field) ||
	    !ok(c, s.n <= most, ABI_FAULT_RANGE, field) ||
	    !ok(c, t->base[s.offset + s.n] == '\0', ABI_FAULT_STRING, field))
		return false;
	for (uint32_t i = 0; i < s.n; i++) {
		uint8_t byte = t->base[s.offset + i];

		if (!ok(c, byte >= 0x20 && byte != 0x7f, ABI_FAULT_STRING, field))
			return false;
	}
	return true;
}

static inline bool
check_text(struct check *c, struct img_str s, uint32_t most, const char *field)
{
	return check_str(c, s, most, field) && ok(c, s.n > 0, ABI_FAULT_EMPTY, field);
}

static inline bool
check_time(struct check *c, uint64_t ns, const char *field)
{
	return ok(c, ns <= IMG_TIME_MAX_NS, ABI_FAULT_RANGE, field);
}

/* Marks a slot; false when it is out of range or taken. */
static inline bool
check_slot(struct check *c, enum img_kind kind, uint32_t slot, uint32_t incarnation)
{
	if (!ok(c, slot < IMG_SLOTS_MAX, ABI_FAULT_RANGE, "slot") ||
	    !ok(c, incarnation != 0, ABI_FAULT_RANGE, "incarnation") ||
	    !ok(c, (c->used[kind][slot / 64] >> (slot % 64) & 1) == 0, ABI_FAULT_DUPLICATE, "slot"))
		return false;
	c->used[kind][slot / 64] |= 1ull << (slot % 64);
	return true;
}

static inline bool
check_prefix(struct check *c, const struct ip_addr *a, uint32_t prefix)
{
	return ok(c, prefix <= (ip_is_v4(a) ? 32u : 128u), ABI_FAULT_RANGE, "prefix");
}

/* A string of any bytes but NUL, whose reader goes by its length; not looked at. */
static inline bool
check_bytes(struct check *c, struct img_str s, uint32_t most, const char *field)
{
	const struct img_table *t = &c->img->table[IMG_STRINGS];

	return ok(c, (uint64_t)s.offset + s.n < t->n, ABI_FAULT_BOUNDS, field) &&
	       ok(c, s.n <= most, ABI_FAULT_RANGE, field) &&
	       ok(c, t->base[s.offset + s.n] == '\0', ABI_FAULT_STRING, field);
}

/* A record of this section, or none where that may be. */
static inline bool
check_ref(struct check *c, enum img_section_id id, uint32_t i, bool may_be_none, const char *field)
{
	return ok(c, i < c->img->table[id].n || (may_be_none && i == ABI_NONE), ABI_FAULT_REFERENCE,
		  field);
}

/* ---- image_check_rules.c: a scope with all that belongs to it, and what scopes share ---- */

bool check_bind(struct check *c);
bool check_scope(struct check *c);
bool check_expr(struct check *c);
bool check_op(struct check *c);
bool check_map(struct check *c);
bool check_net(struct check *c);
bool check_except(struct check *c);
/* Nothing of the rules' sections belongs to no scope. */
bool check_rules_end(struct check *c);

#endif
