/*
 * path.c - from the request target to the path that rules see (3.1, 3.2), and from what rules made
 * of it to what is sent (3.4).
 *
 * A canonical path is UTF-8 without NUL, begins with '/', has no empty, "." or ".." segment. What
 * it was before lies in its marks (state.h). Sending a canonical path (path_put without a rule)
 * and reading it again gives the same path.
 */
#include "base/ensure.h"
#include "rules/fields.h"
#include "rules/put.h"
#include "rules/utf8.h"

enum {
	PATH_PLAIN = 1 << 0,	  /* unreserved, sub-delims, ':', '@', '/': sent as they are */
	PATH_UNRESERVED = 1 << 1, /* RFC 3986, 2.3 */
};

#define BOTH (PATH_PLAIN | PATH_UNRESERVED)

/* clang-format off */
static const uint8_t path_class[256] = {
	['A'] = BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH,
	BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH,
	['a'] = BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH,
	BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH,
	['0'] = BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH, BOTH,
	['-'] = BOTH, ['.'] = BOTH, ['_'] = BOTH, ['~'] = BOTH,
	['!'] = PATH_PLAIN, ['$'] = PATH_PLAIN, ['&'] = PATH_PLAIN, ['\''] = PATH_PLAIN,
	['('] = PATH_PLAIN, [')'] = PATH_PLAIN, ['*'] = PATH_PLAIN, ['+'] = PATH_PLAIN,
	[','] = PATH_PLAIN, [';'] = PATH_PLAIN, ['='] = PATH_PLAIN,
	[':'] = PATH_PLAIN, ['@'] = PATH_PLAIN, ['/'] = PATH_PLAIN,
};
/* clang-format on */

#undef BOTH

bool
path_is_unreserved(uint8_t c)
{
	return (path_class[c] & PATH_UNRESERVED) != 0;
}

static int
hex(uint8_t c)
{
	if ((uint8_t)(c - '0') <= 9)
		return c - '0';
	c |= 0x20;
	return (uint8_t)(c - 'a') <= 5 ? c - 'a' + 10 : -1;
}

int
path_escape(struct slice s)
{
	if (s.n < 3 || s.p[0] != '%' || hex(s.p[1]) < 0 || hex(s.p[2]) < 0)
		return -1;
	return hex(s.p[1]) << 4 | hex(s.p[2]);
}

/* ---- the canonical path ---- */

/* One byte of the target after decoding: how many of the target's it is, and its mark. */
struct unit {
	uint8_t byte, mark;
	uint32_t n;
};

/* n 0: a malformed escape, or NUL. */
static struct unit
unit_of(struct slice s)
{
	struct unit u = { .byte = s.p[0], .mark = MARK_TARGET, .n = 1 };

	if (s.p[0] == '%') {
		int c = path_escape(s);

		if (c <= 0)
			return (struct unit){ .n = 0 };
		u = (struct unit){ .byte = (uint8_t)c, .mark = MARK_TARGET | MARK_ESCAPED, .n = 3 };
		u.mark |= s.p[1] >= 'a' ? MARK_LOWER_HIGH : 0;
		u.mark |= s.p[2] >= 'a' ? MARK_LOWER_LOW : 0;
	}
	if (u.byte == 0)
		u.n = 0;
	if (u.byte == '\\') {
		u.byte = '/';
		u.mark |= MARK_BACKSLASH;
	}
	return u;
}

/* Appends the character at the start of s, or its first byte as text when it is no UTF-8. */
static uint32_t
decode_one(struct put *t, struct slice s)
{
	struct unit u[UTF8_MAX];
	uint8_t byte[UTF8_MAX];
	uint32_t at = 0, n = 0, c, len;

	for (; n < UTF8_MAX && at < s.n; n++) {
		u[n] = unit_of(slice_of(s.p + at, s.n - at));
		byte[n] = u[n].byte;
		at += u[n].n;
		if (u[n].n == 0 || u[0].byte < 0x80) {
			n += u[n].n != 0;
			break;
		}
	}
	if (n == 0)
		return 0;
	len = utf8_parse(byte, n, &c);
	if (len == 0 && (u[0].mark & MARK_ESCAPED) != 0)
		put_marked(t, slice_of(s.p, u[0].n), MARK_TARGET);
	else if (len == 0)
		put_escape(t, byte[0]);
	at = len == 0 ? u[0].n : 0;
	for (uint32_t i = 0; i < len; i++) {
		put_byte(t, byte[i], u[i].mark);
		at += u[i].n;
	}
	return at;
}

/* The segment that begins at `at`, up to the next '/'. */
static uint32_t
segment_n(struct slice s, uint32_t at)
{
	const uint8_t *end = memchr(s.p + at, '/', s.n - at);

	return end == NULL ? s.n - at : (uint32_t)(end - s.p) - at;
}

/* Moves bytes of the text, with their marks, down. */
static void
move(struct put *t, uint32_t to, uint32_t from, uint32_t n)
{
	struct arena *a = t->to;

	memmove(a->p + t->from + to, a->p + t->from + from, n);
	memmove(a->mark + t->from + to, a->mark + t->from + from, n);
}

/* Whether a segment is empty or begins with a dot, or with an escape where these stay. */
static bool
has_odd_segment(struct slice s, bool has_escapes)
{
	for (uint32_t i = 0; i + 1 < s.n; i++)
		if (s.p[i] == '/' &&
		    (s.p[i + 1] == '/' || s.p[i + 1] == '.' || (has_escapes && s.p[i + 1] == '%')))
			return true;
	return false;
}

/* 1 and 2: the segment is "." and "..", some of it as "%2e" where escapes stay; 0: another. */
static uint32_t
dots_of(struct slice s, bool has_escapes)
{
	uint32_t dots = 0;

	for (; s.n > 0 && dots < 3; dots++) {
		uint32_t n = s.p[0] == '.' ? 1 : has_escapes && path_escape(s) == '.' ? 3 : 0;

		if (n == 0)
			return 0;
		s = slice_of(s.p + n, s.n - n);
	}
	return dots < 3 ? dots : 0;
}

/* Collapses '/', resolves "." and ".." segments, never above the root (3.1). */
static void
flatten(struct put *t, bool has_escapes)
{
	struct slice s = put_text(t);
	uint32_t r = 0, w = 0;

	while (r < s.n) {
		uint32_t slash = r, n, dots;

		while (r < s.n && s.p[r] == '/')
			r++;
		n = segment_n(s, r);
		dots = dots_of(slice_of(s.p + r, n), has_escapes);
		if (dots == 2) {
			while (w > 0 && s.p[--w] != '/') {
			}
		} else if (dots == 0) {
			move(t, w, slash, 1);
			move(t, w + 1, r, n);
			w += 1 + n;
			r += n;
			continue;
		}
		r += n;
		if (r == s.n) /* what it named was a folder */
			move(t, w++, slash, 1);
	}
	put_cut(t, w);
}

/* Whether the target can be used as it stands: nothing to decode, collapse, resolve, remember. */
static bool
is_plain(struct slice path, struct slice query)
{
	if (path.n == 0 || path.p[0] != '/')
		return false;
	for (uint32_t i = 0; i < path.n; i++) {
		if ((path_class[path.p[i]] & PATH_PLAIN) == 0)
			return false;
		if (path.p[i] == '/' && i + 1 < path.n &&
		    (path.p[i + 1] == '/' || path.p[i + 1] == '.'))
			return false;
	}
	for (uint32_t i = 0; i < query.n; i++)
		if (query.p[i] >= 0x80)
			return false;
	return true;
}

/* From now on bytes have marks; those that are there already have none. */
static void
marks_begin(struct arena *a, bool has_marks)
{
	ensure(a->mark != NULL);
	if (has_marks && a->used > 0)
		memset(a->mark, 0, a->used);
	a->has_marks = has_marks;
}

static enum rules_fault
decode(struct put *t, struct slice path)
{
	if (path.n == 0 || (path.p[0] != '/' && path.p[0] != '\\'))
		put_byte(t, '/', 0);
	for (uint32_t at = 0; at < path.n && t->fault == RULES_FAULT_NONE;) {
		uint32_t n = 0;

		while (at + n < path.n && (path_class[path.p[at + n]] & PATH_PLAIN) != 0)
			n++;
		put_marked(t, slice_of(path.p + at, n), MARK_TARGET);
		if (n == 0)
			n = decode_one(t, slice_of(path.p + at, path.n - at));
		if (n == 0)
			return RULES_FAULT_TARGET;
		at += n;
	}
	return t->fault;
}

enum rules_fault
path_canonical(struct rules_lane *l, struct slice target, struct rules_url *ret)
{
	const uint8_t *mark = target.n == 0 ? NULL : memchr(target.p, '?', target.n);
	uint32_t path_n = mark == NULL ? target.n : (uint32_t)(mark - target.p);
	struct rules_url u = { .path = slice_of(target.p, path_n), .has_query = mark != NULL };
	bool plain;

	if (u.has_query)
		u.query = slice_of(mark + 1, target.n - path_n - 1);
	plain = is_plain(u.path, u.query);
	marks_begin(&l->keep, !plain);
	marks_begin(&l->brief, !plain);
	if (!plain) {
		struct put t = put_begin(l, &l->keep);
		enum rules_fault fault = decode(&t, u.path);

		if (fault != RULES_FAULT_NONE)
			return fault;
		if (has_odd_segment(put_text(&t), false))
			flatten(&t, false);
		t.to->mark[t.from] = MARK_TARGET; /* whichever slash came to be the first */
		u.path = put_text(&t);
	}
	if (u.path.n > RULES_TEXT_MAX)
		return RULES_FAULT_LONG;
	*ret = u;
	return RULES_FAULT_NONE;
}

enum rules_fault
path_settle(struct rules_lane *l, struct slice *path, uint32_t rule)
{
	bool has_escapes = (rule & PATH_ESCAPES) != 0;
	struct put t;
	uint8_t *p;

	if (memchr(path->p, '\\', path->n) == NULL && !has_odd_segment(*path, has_escapes))
		return RULES_FAULT_NONE;
	t = put_begin(l, &l->keep);
	put_slice(&t, *path);
	if (t.fault != RULES_FAULT_NONE)
		return t.fault;
	p = t.to->p + t.from;
	for (uint32_t i = 0; i < put_n(&t); i++)
		p[i] = p[i] == '\\' ? '/' : p[i];
	flatten(&t, has_escapes);
	*path = put_text(&t);
	return RULES_FAULT_NONE;
}

/* ---- 3.2 ---- */

/* The character at the start of s in lower case; a byte that begins none stands for itself. */
static uint32_t
folded(struct slice s, uint32_t *ret_n)
{
	uint32_t c;

	*ret_n = utf8_parse(s.p, s.n, &c);
	if (*ret_n > 0)
		return utf8_lower(c);
	*ret_n = 1;
	return 0x80000000u | s.p[0];
}

/* How much of path is `folder`, without case; 0: it does not begin so. */
static uint32_t
begins_with(struct slice path, struct slice folder)
{
	uint32_t i = 0, k = 0;

	while (k < folder.n) {
		uint32_t a_n, b_n;

		if (i == path.n || folded(slice_of(path.p + i, path.n - i), &a_n) !=
					   folded(slice_of(folder.p + k, folder.n - k), &b_n))
			return 0;
		i += a_n;
		k += b_n;
	}
	return i;
}

bool
path_input(struct slice path, struct slice folder, struct slice *ret_input)
{
	uint32_t n = folder.n <= 1 ? 0 : begins_with(path, folder);

	if (folder.n > 1 && (n == 0 || (n < path.n && path.p[n] != '/')))
		return false;
	n += n < path.n && path.p[n] == '/';
	*ret_input = slice_of(path.p + n, path.n - n);
	return true;
}

/* ---- 3.4 ---- */

uint32_t
path_rule_of(uint32_t scope_flags)
{
	uint32_t rule =
		(scope_flags & IMG_SCOPE_RAW_ENCODING) != 0 ? PATH_ESCAPES | PATH_TARGET : 0;

	return rule | ((scope_flags & IMG_SCOPE_KEEP_SPELLING) != 0 ? PATH_SPELLING : 0);
}

/* What a request line may hold as it is: RFC 9112, 3.2 in a wide reading. */
static bool
is_visible(uint8_t c)
{
	return c > ' ' && c < 0x7f && c != '#';
}

/* A byte of the target as it was spelled there. */
static void
put_spelling(struct put *t, uint8_t c, uint8_t mark)
{
	uint8_t text[3] = { '%' };

	if ((mark & MARK_BACKSLASH) != 0)
		c = '\\';
	if ((mark & MARK_ESCAPED) == 0) {
		if (is_visible(c) || c >= 0x80)
			put_byte(t, c, 0);
		else
			put_escape(t, c); /* no client can send these */
		return;
	}
	text[1] =
		(uint8_t)("0123456789ABCDEF"[c >> 4] | ((mark & MARK_LOWER_HIGH) != 0 ? 0x20 : 0));
	text[2] = (uint8_t)("0123456789ABCDEF"[c & 15] | ((mark & MARK_LOWER_LOW) != 0 ? 0x20 : 0));
	put_marked(t, slice_of(text, 3), 0);
}

static void
path_put_byte(struct put *t, struct slice s, uint8_t mark, uint32_t rule)
{
	uint8_t c = s.p[0];

	if ((rule & PATH_SPELLING) != 0 && (mark & MARK_TARGET) != 0)
		put_spelling(t, c, mark);
	else if ((path_class[c] & PATH_PLAIN) != 0)
		put_byte(t, c, 0);
	else if (c == '%' && (rule & PATH_ESCAPES) != 0 && path_escape(s) >= 0)
		put_byte(t, c, 0);
	else if ((rule & PATH_TARGET) != 0 && (mark & MARK_TARGET) != 0 &&
		 (mark & MARK_ESCAPED) == 0 && c != '%' && is_visible(c))
		put_byte(t, c, 0);
	else
		put_escape(t, c);
}

void
path_put(struct put *t, struct slice path, uint32_t rule)
{
	struct marks marks = marks_of(t->l, path);
	uint32_t from = 0;

	for (uint32_t i = 0; i < path.n; i++) {
		uint8_t mark = mark_at(&marks, i);

		if ((path_class[path.p[i]] & PATH_PLAIN) != 0 && (mark & ~MARK_TARGET) == 0)
			continue;
		put_marked(t, slice_of(path.p + from, i - from), 0);
		path_put_byte(t, slice_of(path.p + i, path.n - i), mark, rule);
		from = i + 1;
	}
	put_marked(t, slice_of(path.p + from, path.n - from), 0);
}

/* Bytes that a request line cannot hold, and delimiters that were none (choice 8), are escaped. */
void
path_put_query(struct put *t, struct slice query)
{
	struct marks marks = marks_of(t->l, query);
	uint32_t from = 0;

	if (query.n == 0) /* then there may be no bytes to point at */
		return;
	for (uint32_t i = 0; i < query.n; i++) {
		uint8_t c = query.p[i];
		uint8_t mark = mark_at(&marks, i);
		bool was_escaped = (mark & MARK_ESCAPED) != 0;

		if (c >= 0x80 && mark == MARK_TARGET)
			continue;
		if (is_visible(c) && !(was_escaped && c == '?'))
			continue;
		put_marked(t, slice_of(query.p + from, i - from), 0);
		put_escape(t, c);
		from = i + 1;
	}
	put_marked(t, slice_of(query.p + from, query.n - from), 0);
}
