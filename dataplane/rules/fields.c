/*
 * fields.c - headers and cookies as they came and as rules have left them, and the variables that
 * rules set (13).
 */
#include "base/trim.h"
#include "rules/fields.h"

enum {
	LINE_WORK = 16,	 /* of a line looked at; as match.c counts */
	COOKIE_PART = 4, /* bytes of cookies looked at for one */
};

/* ---- what rules have set ---- */

static uint32_t
change_n(const struct rules_lane *l)
{
	return l->before_n + l->change_n;
}

/* In order; what inbound rules set comes before what outbound rules do. */
static const struct rules_change *
change_at(const struct rules_lane *l, uint32_t i)
{
	return i < l->before_n ? &l->before[i] : &l->change[i - l->before_n];
}

static bool
is_about(const struct rules_change *c, bool is_response, struct slice name)
{
	return !c->is_variable && c->is_response == is_response && slice_eq_twin(c->name, name);
}

/* Changes to look at for this header: from the last that leaves none of the lines before it. */
static uint32_t
change_first(const struct rules_lane *l, bool is_response, struct slice name, bool *ret_replaced)
{
	for (uint32_t i = change_n(l); i-- > 0;) {
		const struct rules_change *c = change_at(l, i);

		if (is_about(c, is_response, name) &&
		    (c->op == RULES_CHANGE_REMOVE || c->op == RULES_CHANGE_SET)) {
			*ret_replaced = true;
			return i;
		}
	}
	*ret_replaced = false;
	return 0;
}

struct slice
custom_view(const struct rules_lane *l, struct slice name)
{
	for (uint32_t i = change_n(l); i-- > 0;) {
		const struct rules_change *c = change_at(l, i);

		if (c->is_variable && slice_eq_nocase(c->name, name))
			return c->op == RULES_CHANGE_REMOVE ? slice_of(NULL, 0) : c->value;
	}
	return slice_of(NULL, 0);
}

/* ---- headers ---- */

struct lines
lines_of(const struct rules_lane *l, bool is_response, struct slice name)
{
	struct lines at = { .l = l, .name = name, .is_response = is_response };

	at.change_i = change_first(l, is_response, name, &at.is_replaced);
	return at;
}

/* A line as it came: Host is what the request is for, wherever it said so. */
static bool
line_came(const struct rules_lane *l, bool is_response, struct slice name, uint32_t nth,
	  struct slice *ret)
{
	const struct rules_subject *s = l->subject;
	struct rules_line line;

	if (is_response && s->status == 0)
		return false;
	if (!is_response && slice_eq_nocase(name, SLICE("host"))) {
		*ret = s->host;
		return nth == 0 && s->host.n > 0;
	}
	if (s->line == NULL || !s->line(s->ctx, is_response, name, nth, &line))
		return false;
	*ret = line.value;
	return true;
}

bool
lines_next(struct lines *at, struct slice *ret)
{
	if (!at->is_replaced && line_came(at->l, at->is_response, at->name, at->line_i, ret)) {
		at->line_i++;
		at->given_n++;
		return true;
	}
	at->is_replaced = true;
	while (at->change_i < change_n(at->l)) {
		const struct rules_change *c = change_at(at->l, at->change_i++);

		if (!is_about(c, at->is_response, at->name) || c->op == RULES_CHANGE_REMOVE ||
		    (c->op == RULES_CHANGE_ABSENT && at->given_n > 0))
			continue;
		*ret = c->value;
		at->given_n++;
		return true;
	}
	return false;
}

bool
field_view(const struct rules_lane *l, bool is_response, struct slice name, struct slice *ret)
{
	struct lines at = lines_of(l, is_response, name);
	struct slice first = slice_of(NULL, 0), second;

	if (lines_next(&at, &first) && lines_next(&at, &second))
		return false;
	*ret = first;
	return true;
}

void
field_put(struct put *t, bool is_response, struct slice name)
{
	struct lines at = lines_of(t->l, is_response, name);
	struct slice between = slice_eq_nocase(name, SLICE("cookie")) ? SLICE("; ") : SLICE(", ");
	struct slice value;

	for (bool is_first = true; t->fault == RULES_FAULT_NONE && lines_next(&at, &value);
	     is_first = false) {
		if (!is_first)
			put_slice(t, between);
		put_slice(t, value);
	}
}

/* ---- cookies (RFC 6265, 4.2.1) ---- */

/* The value of a pair with this name among those of a line. */
static bool
cookie_in(struct slice line, struct slice name, struct slice *ret)
{
	while (line.n > 0) {
		const uint8_t *end = memchr(line.p, ';', line.n), *equals;
		uint32_t n = end == NULL ? line.n : (uint32_t)(end - line.p);
		struct slice pair = slice_of(line.p, n);

		line = end == NULL ? slice_of(NULL, 0) : slice_of(end + 1, line.n - n - 1);
		equals = memchr(pair.p, '=', pair.n);
		if (equals == NULL)
			continue;
		n = (uint32_t)(equals - pair.p);
		if (!slice_eq(slice_trim(slice_of(pair.p, n)), name))
			continue;
		*ret = slice_trim(slice_of(equals + 1, pair.n - n - 1));
		return true;
	}
	return false;
}

struct slice
cookie_view(const struct rules_lane *l, struct slice name, int64_t *work_left)
{
	struct lines at = lines_of(l, false, SLICE("cookie"));
	struct slice line, value;

	while (*work_left >= 0 && lines_next(&at, &line)) {
		*work_left -= LINE_WORK + line.n / COOKIE_PART;
		if (cookie_in(line, name, &value))
			return value;
	}
	return slice_of(NULL, 0);
}

/* ---- ALL_HTTP, ALL_RAW ---- */

static void
put_line(struct put *t, bool is_raw, struct slice name, struct slice value)
{
	if (is_raw) {
		put_slice(t, name);
		put_slice(t, SLICE(": "));
		put_slice(t, value);
		put_slice(t, SLICE("\r\n"));
		return;
	}
	put_slice(t, SLICE("HTTP_"));
	for (uint32_t i = 0; i < name.n; i++)
		put_byte(t, variable_byte(name.p[i]), 0);
	put_byte(t, ':', 0);
	put_slice(t, value);
	put_byte(t, '\n', 0);
}

void
fields_put(struct put *t, bool is_raw)
{
	const struct rules_lane *l = t->l;
	const struct rules_subject *s = l->subject;
	struct rules_line line;
	bool is_replaced;

	for (uint32_t i = 0; s->line != NULL && t->fault == RULES_FAULT_NONE &&
			     s->line(s->ctx, false, slice_of(NULL, 0), i, &line);
	     i++) {
		t->work_left -= LINE_WORK + change_n(l);
		change_first(l, false, line.name, &is_replaced);
		if (!is_replaced)
			put_line(t, is_raw, line.name, line.value);
	}
	for (uint32_t i = 0; i < change_n(l); i++) {
		const struct rules_change *c = change_at(l, i);

		if (c->is_variable || c->is_response || c->op == RULES_CHANGE_REMOVE)
			continue;
		if (change_first(l, false, c->name, &is_replaced) <= i)
			put_line(t, is_raw, c->name, c->value);
	}
}
