/*
 * expr.c - expressions (8) and the functions in them (10): a list of operations that each append
 * to a text. OPEN remembers where an argument begins; the function that closes it puts its result
 * in the argument's place. What was appended is never read as an expression again.
 *
 * An expression of one operation whose value lies somewhere already is that value: most conditions
 * look at a variable or header as it stands, and nothing is copied then.
 */
#include "base/ensure.h"
#include "rules/fields.h"
#include "rules/put.h"

enum {
	FIELD_WORK = 48, /* of finding a header, beside it */
	OP_WORK = 16,	 /* of an operation; as match.c counts */
	COPY_PART = 16,	 /* bytes copied for one */
	BYTE_WORK = 4,	 /* of a byte that a function reads or writes */
};

/* ---- functions: from the argument's bytes to appended ones ---- */

static void
url_encode(struct put *t, struct slice s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if (path_is_unreserved(s.p[i]))
			put_byte(t, s.p[i], 0);
		else
			put_escape(t, s.p[i]);
}

static void
url_decode(struct put *t, struct slice s)
{
	struct marks marks = marks_of(t->l, s);

	for (uint32_t i = 0; i < s.n; i++) {
		int c = path_escape(slice_of(s.p + i, s.n - i));

		if (c < 0) {
			put_byte(t, s.p[i], mark_at(&marks, i));
		} else {
			put_byte(t, (uint8_t)c, 0);
			i += 2;
		}
	}
}

static struct slice
entity(uint8_t c)
{
	switch (c) {
	case '&':
		return SLICE("&amp;");
	case '<':
		return SLICE("&lt;");
	case '>':
		return SLICE("&gt;");
	case '"':
		return SLICE("&quot;");
	case '\'':
		return SLICE("&#39;");
	default:
		return slice_of(NULL, 0);
	}
}

static void
html_encode(struct put *t, struct slice s)
{
	struct marks marks = marks_of(t->l, s);

	for (uint32_t i = 0; i < s.n; i++) {
		struct slice e = entity(s.p[i]);

		if (e.n > 0)
			put_marked(t, e, 0);
		else
			put_byte(t, s.p[i], mark_at(&marks, i));
	}
}

/* Puts a function's result in the place of its argument, the bytes from `first` on. */
static void
call(struct put *t, const struct img_op *op, uint32_t first)
{
	uint32_t mid = put_n(t);
	struct slice arg = slice_of(t->to->p + t->from + first, mid - first);

	t->max += arg.n; /* the argument goes */
	switch ((enum img_op_kind)op->kind) {
	case IMG_OP_TO_LOWER:
		put_lower(t, arg);
		break;
	case IMG_OP_URL_ENCODE:
		url_encode(t, arg);
		break;
	case IMG_OP_URL_DECODE:
		url_decode(t, arg);
		break;
	case IMG_OP_HTML_ENCODE:
		html_encode(t, arg);
		break;
	case IMG_OP_MAP:
		map_put(t, op->arg, arg);
		break;
	case IMG_OP_TEXT:
	case IMG_OP_VARIABLE:
	case IMG_OP_REQUEST_FIELD:
	case IMG_OP_RESPONSE_FIELD:
	case IMG_OP_COOKIE:
	case IMG_OP_CUSTOM:
	case IMG_OP_R:
	case IMG_OP_C:
	case IMG_OP_OPEN:
	case IMG_OPS_KINDS:
		break;
	}
	put_take_out(t, first, mid);
	t->max -= arg.n;
	if (t->fault == RULES_FAULT_NONE && put_n(t) > t->max)
		t->fault = RULES_FAULT_LONG;
}

/* ---- values ---- */

static enum rules_fault
reference(const struct rules_refs *refs, uint32_t i, struct slice *ret)
{
	if (i >= refs->n || i >= RULES_REFS)
		return RULES_FAULT_REFERENCE;
	*ret = refs->s[i];
	return RULES_FAULT_NONE;
}

/*
 * The value of an operation that lies in one piece somewhere; false: it has to be put together, or
 * t->fault says why it is none.
 */
static bool
view(struct put *t, const struct img_op *op, struct slice *ret)
{
	const struct rules_lane *l = t->l;
	struct slice text = slice_of(img_text(l->img, op->text), op->text.n);

	t->work_left -= OP_WORK;
	switch ((enum img_op_kind)op->kind) {
	case IMG_OP_TEXT:
		*ret = text;
		return true;
	case IMG_OP_VARIABLE:
		return variable_view(l, op->arg, ret);
	case IMG_OP_REQUEST_FIELD:
	case IMG_OP_RESPONSE_FIELD:
		t->work_left -= FIELD_WORK;
		return field_view(l, op->kind == IMG_OP_RESPONSE_FIELD, text, ret);
	case IMG_OP_COOKIE:
		t->work_left -= FIELD_WORK;
		*ret = cookie_view(l, text, &t->work_left);
		return true;
	case IMG_OP_CUSTOM:
		*ret = custom_view(l, text);
		return true;
	case IMG_OP_R:
		t->fault = reference(&l->r, op->arg, ret);
		return t->fault == RULES_FAULT_NONE;
	case IMG_OP_C:
		t->fault = reference(&l->c, op->arg, ret);
		return t->fault == RULES_FAULT_NONE;
	case IMG_OP_OPEN:
	case IMG_OP_TO_LOWER:
	case IMG_OP_URL_ENCODE:
	case IMG_OP_URL_DECODE:
	case IMG_OP_HTML_ENCODE:
	case IMG_OP_MAP:
	case IMG_OPS_KINDS:
		break;
	}
	return false;
}

static void
put_value(struct put *t, const struct img_op *op)
{
	struct slice s;

	if (view(t, op, &s)) {
		put_slice(t, s);
		return;
	}
	if (t->fault != RULES_FAULT_NONE)
		return;
	s = slice_of(img_text(t->l->img, op->text), op->text.n);
	if (op->kind == IMG_OP_VARIABLE)
		variable_put(t, op->arg);
	else
		field_put(t, op->kind == IMG_OP_RESPONSE_FIELD, s);
}

static bool
is_function(uint32_t kind)
{
	return kind == IMG_OP_TO_LOWER || kind == IMG_OP_URL_ENCODE || kind == IMG_OP_URL_DECODE ||
	       kind == IMG_OP_HTML_ENCODE || kind == IMG_OP_MAP;
}

/* References point into `brief`, which does not last as long as `keep`. */
static bool
lasts(const struct rules_lane *l, const struct img_op *op, const struct arena *to)
{
	return to != &l->keep || (op->kind != IMG_OP_R && op->kind != IMG_OP_C);
}

static void
step(struct put *t, const struct img_op *op, uint32_t *open, uint32_t *open_n)
{
	uint32_t first = put_n(t);

	if (op->kind == IMG_OP_OPEN) {
		ensure(*open_n < IMG_OPEN_MAX); /* image_check_rules.c */
		open[(*open_n)++] = first;
		return;
	}
	if (is_function(op->kind)) {
		ensure(*open_n > 0);
		t->work_left -= (int64_t)(first - open[--*open_n]) * BYTE_WORK;
		first = open[*open_n];
		call(t, op, first);
		t->work_left -= OP_WORK + (int64_t)(put_n(t) - first) * BYTE_WORK;
	} else {
		put_value(t, op);
		t->work_left -= (put_n(t) - first) / COPY_PART;
	}
}

/* The expression's operations, into t. */
static void
steps(struct put *t, const struct img_expr *e)
{
	uint32_t open[IMG_OPEN_MAX], open_n = 0;

	for (uint32_t i = 0; i < e->op_n && t->fault == RULES_FAULT_NONE; i++) {
		step(t, img_op(t->l->img, e->first_op + i), open, &open_n);
		if (t->work_left < 0 && t->fault == RULES_FAULT_NONE)
			t->fault = RULES_FAULT_MATCH_LIMIT;
	}
}

enum rules_fault
expr_expand(struct rules_lane *l, struct arena *to, uint32_t expr_i, struct slice *ret)
{
	const struct img_expr *e = img_expr(l->img, expr_i);
	struct put t = put_begin(l, to);
	struct slice s;

	t.work_left = l->work_left;
	if (e->op_n == 1 && lasts(l, img_op(l->img, e->first_op), to) &&
	    view(&t, img_op(l->img, e->first_op), &s)) {
		if (s.n > RULES_TEXT_MAX)
			t.fault = RULES_FAULT_LONG;
		else if (t.work_left < 0)
			t.fault = RULES_FAULT_MATCH_LIMIT;
	} else {
		steps(&t, e);
		s = put_text(&t);
	}
	l->work_left = t.work_left;
	if (t.fault == RULES_FAULT_NONE)
		*ret = s;
	return t.fault;
}
