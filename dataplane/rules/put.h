/*
 * put.h - text that is being written into an arena, with the marks of where its bytes came from
 * (state.h). The first fault stays; later puts do nothing, so that writers need not ask.
 */
#ifndef PENSTOCK_RULES_PUT_H
#define PENSTOCK_RULES_PUT_H

#include "rules/state.h"

struct put {
	const struct rules_lane *l;
	struct arena *to;
	uint32_t from;	   /* where it begins in `to`; it ends at to->used */
	uint32_t max;	   /* bytes it may have */
	int64_t work_left; /* maps: as the lane's */
	enum rules_fault fault;
};

/*
 * Starts an empty text of at most RULES_TEXT_MAX bytes behind what `to` holds; whoever writes to
 * `to` meanwhile spoils it.
 */
struct put put_begin(const struct rules_lane *l, struct arena *to);

/* What was written, while `to` lasts; empty after a fault. */
struct slice put_text(const struct put *t);

static inline uint32_t
put_n(const struct put *t)
{
	return t->to->used - t->from;
}

/* Appends bytes with their marks; s may lie in `to`. LONG past max, ROOM. */
void put_slice(struct put *t, struct slice s);

/* ... and with this mark each. */
void put_marked(struct put *t, struct slice s, uint8_t mark);

/* In line: functions go through text byte by byte. */
static inline void
put_byte(struct put *t, uint8_t c, uint8_t mark)
{
	struct arena *a = t->to;

	if (t->fault != RULES_FAULT_NONE || put_n(t) >= t->max || a->used >= a->room) {
		put_marked(t, slice_of(&c, 1), mark); /* says what is wrong */
		return;
	}
	if (a->has_marks)
		a->mark[a->used] = mark;
	a->p[a->used++] = c;
}

void put_number(struct put *t, uint32_t v);
void put_addr(struct put *t, const struct ip_addr *addr);

/* In Unicode lower case; what is no UTF-8 stays as it is. s may lie in `to`. */
void put_lower(struct put *t, struct slice s);

/* "%XX" in capitals. */
static inline void
put_escape(struct put *t, uint8_t c)
{
	put_byte(t, '%', 0);
	put_byte(t, (uint8_t) "0123456789ABCDEF"[c >> 4], 0);
	put_byte(t, (uint8_t) "0123456789ABCDEF"[c & 15], 0);
}

/* Forgets what was written past its first n bytes. */
static inline void
put_cut(struct put *t, uint32_t n)
{
	if (n < put_n(t))
		t->to->used = t->from + n;
}

/*
 * Takes the bytes from `first` to `mid` out: those behind them move down. For functions, which
 * write their result behind their argument.
 */
void put_take_out(struct put *t, uint32_t first, uint32_t mid);

/* The marks of text in one piece, wherever it lies: p[i], or `all` for each when p is NULL. */
struct marks {
	const uint8_t *p;
	uint8_t all;
};

struct marks marks_of(const struct rules_lane *l, struct slice s);

static inline uint8_t
mark_at(const struct marks *m, uint32_t i)
{
	return m->p != NULL ? m->p[i] : m->all;
}

#endif
