/*
 * put.c - writing text into arenas.
 */
#include "rules/put.h"

#include "base/text.h"
#include "rules/utf8.h"

static bool
is_in(const uint8_t *p, const uint8_t *from, uint32_t n)
{
	return (uintptr_t)p - (uintptr_t)from < n;
}

struct marks
marks_of(const struct rules_lane *l, struct slice s)
{
	struct marks none = { 0 };

	if (!l->keep.has_marks)
		return none;
	if (is_in(s.p, l->keep.p, l->keep.room))
		return (struct marks){ .p = l->keep.mark + (s.p - l->keep.p) };
	if (is_in(s.p, l->brief.p, l->brief.room))
		return (struct marks){ .p = l->brief.mark + (s.p - l->brief.p) };
	if (is_in(s.p, l->subject->target.p, l->subject->target.n))
		return (struct marks){ .all = MARK_TARGET };
	return none;
}

struct put
put_begin(const struct rules_lane *l, struct arena *to)
{
	return (struct put){ .l = l, .to = to, .from = to->used, .max = RULES_TEXT_MAX };
}

struct slice
put_text(const struct put *t)
{
	if (t->fault != RULES_FAULT_NONE)
		return slice_of(NULL, 0);
	return slice_of(t->to->p + t->from, put_n(t));
}

/* Room for n bytes more; NULL and the fault when there is none. */
static uint8_t *
more(struct put *t, uint32_t n)
{
	if (t->fault != RULES_FAULT_NONE)
		return NULL;
	if (put_n(t) > t->max || n > t->max - put_n(t))
		t->fault = RULES_FAULT_LONG;
	else if (n > t->to->room - t->to->used)
		t->fault = RULES_FAULT_ROOM;
	if (t->fault != RULES_FAULT_NONE)
		return NULL;
	t->to->used += n;
	return t->to->p + t->to->used - n;
}

void
put_marked(struct put *t, struct slice s, uint8_t mark)
{
	uint8_t *p = more(t, s.n);

	if (p == NULL || s.n == 0)
		return;
	memcpy(p, s.p, s.n);
	if (t->to->has_marks)
		memset(t->to->mark + (p - t->to->p), mark, s.n);
}

void
put_slice(struct put *t, struct slice s)
{
	struct marks marks = marks_of(t->l, s);
	uint32_t at = t->to->used;

	put_marked(t, s, marks.all);
	if (marks.p != NULL && t->fault == RULES_FAULT_NONE && s.n > 0)
		memcpy(t->to->mark + at, marks.p, s.n);
}

void
put_number(struct put *t, uint32_t v)
{
	char text[TEXT_NUMBER_MAX];

	put_marked(t, slice_of(text, text_number(v, text)), 0);
}

void
put_addr(struct put *t, const struct ip_addr *addr)
{
	char text[TEXT_ADDR_MAX];

	put_marked(t, slice_of(text, text_addr(addr, text)), 0);
}

void
put_take_out(struct put *t, uint32_t first, uint32_t mid)
{
	struct arena *a = t->to;
	uint32_t n = put_n(t) - mid;

	if (t->fault != RULES_FAULT_NONE)
		return;
	memmove(a->p + t->from + first, a->p + t->from + mid, n);
	if (a->has_marks)
		memmove(a->mark + t->from + first, a->mark + t->from + mid, n);
	a->used -= mid - first;
}

void
put_lower(struct put *t, struct slice s)
{
	struct marks marks = marks_of(t->l, s);

	for (uint32_t i = 0; i < s.n;) {
		uint8_t mark = mark_at(&marks, i);
		uint8_t text[UTF8_MAX];
		uint32_t c, n;

		if (s.p[i] < 0x80) {
			put_byte(t, (uint8_t)utf8_lower(s.p[i++]), mark);
			continue;
		}
		n = utf8_parse(s.p + i, s.n - i, &c);
		if (n == 0)
			put_byte(t, s.p[i], mark);
		else
			put_marked(t, slice_of(text, utf8_emit(utf8_lower(c), text)), mark);
		i += n == 0 ? 1 : n;
	}
}
