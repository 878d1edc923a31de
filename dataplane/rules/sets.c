/*
 * sets.c - headers and variables that a rule sets (13).
 *
 * A change is kept once a name: what replaces a value takes its place. Header names and values are
 * fit for a head when they are here, whatever a substitution made.
 */
#include "base/trim.h"
#include "rules/fields.h"

/* Headers that say where a message ends, or would to some: the wire's, no rule's. */
static bool
is_framing(struct slice name)
{
	return slice_eq_twin(name, SLICE("content-length")) ||
	       slice_eq_twin(name, SLICE("transfer-encoding"));
}

static bool
begins_so(struct slice s, struct slice with)
{
	return s.n >= with.n && slice_eq_nocase(slice_of(s.p, with.n), with);
}

/* Names that belong to the server or to the response (choice 20). */
static bool
is_read_only(const struct img_set *set, struct slice name)
{
	if (set->kind != IMG_SET_VARIABLE)
		return is_framing(name);
	return begins_so(name, SLICE("RESPONSE_")) ||
	       rules_variable_of(name) != RULES_VARIABLE_NONE;
}

/* RFC 9110, 5.6.2. */
static bool
is_token(struct slice s)
{
	static const char mark[] = "!#$%&'*+-.^_`|~";

	for (uint32_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		bool is_word = (uint8_t)(c - '0') <= 9 || (uint8_t)((c | 0x20) - 'a') <= 25;

		if (!is_word && memchr(mark, c, sizeof(mark) - 1) == NULL)
			return false;
	}
	return s.n > 0;
}

/* RFC 9110, 5.5: no control but the tabulator. */
bool
field_is_value(struct slice s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if ((s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

enum rules_fault
field_fit(struct slice name, struct slice *value)
{
	if (is_framing(name))
		return RULES_FAULT_READ_ONLY;
	if (!is_token(name) || !field_is_value(*value))
		return RULES_FAULT_BYTES;
	*value = slice_trim(*value);
	return RULES_FAULT_NONE;
}

/* Whether the header or variable has a value that replace="false" leaves. */
static bool
has_value(const struct rules_lane *l, const struct img_set *set, struct slice name)
{
	struct slice value = slice_of(NULL, 0);

	if (set->kind == IMG_SET_VARIABLE)
		return custom_view(l, name).n > 0;
	return !field_view(l, false, name, &value) || value.n > 0;
}

/* The last word on this name, when it is one that a new one replaces; else NULL. */
static struct rules_change *
find(struct rules_lane *l, const struct rules_change *like)
{
	for (uint32_t i = l->change_n; i-- > 0;) {
		struct rules_change *c = &l->change[i];

		if (c->is_variable == like->is_variable && c->is_response == like->is_response &&
		    slice_eq_nocase(c->name, like->name))
			return c->op == RULES_CHANGE_APPEND ? NULL : c;
	}
	return NULL;
}

static enum rules_fault
note(struct rules_lane *l, const struct rules_change *c)
{
	struct rules_change *at = find(l, c);

	l->vars_epoch++;
	if (at == NULL && l->change_n == RULES_CHANGES_MAX)
		return RULES_FAULT_CHANGES;
	if (at == NULL) {
		l->change[l->change_n++] = *c;
	} else if (c->op != RULES_CHANGE_ABSENT) {
		*at = *c;
	} else if (at->op == RULES_CHANGE_REMOVE) {
		*at = *c;
		at->op = RULES_CHANGE_SET; /* of what was removed there is none */
	}
	return RULES_FAULT_NONE;
}

static enum rules_fault
set_do(struct rules_lane *l, const struct img_set *set)
{
	struct rules_change c = {
		.is_variable = set->kind == IMG_SET_VARIABLE,
		.is_response = set->kind == IMG_SET_RESPONSE_FIELD,
		.name = slice_of(img_text(l->img, set->name), set->name.n),
	};
	bool replaces = (set->flags & IMG_SET_REPLACE) != 0;
	enum rules_fault fault;

	if ((set->flags & IMG_SET_REFUSED) != 0)
		return RULES_FAULT_NOT_ALLOWED;
	if (is_read_only(set, c.name))
		return RULES_FAULT_READ_ONLY;
	if (!replaces && !c.is_response && has_value(l, set, c.name))
		return RULES_FAULT_NONE;
	fault = expr_expand(l, &l->keep, set->expr_i, &c.value);
	if (fault != RULES_FAULT_NONE)
		return fault;
	if (!c.is_variable && (!is_token(c.name) || !field_is_value(c.value)))
		return RULES_FAULT_BYTES;
	if (c.value.n == 0)
		c.op = RULES_CHANGE_REMOVE;
	else
		c.op = c.is_response && !replaces ? RULES_CHANGE_ABSENT : RULES_CHANGE_SET;
	if (c.op == RULES_CHANGE_REMOVE && !replaces)
		return RULES_FAULT_NONE; /* no value for a header that may have one */
	if (!c.is_variable)
		c.value = slice_trim(c.value);
	return note(l, &c);
}

enum rules_fault
sets_do(struct rules_lane *l, const struct img_rule *rule)
{
	enum rules_fault fault = RULES_FAULT_NONE;

	for (uint32_t i = 0; i < rule->set_n && fault == RULES_FAULT_NONE; i++)
		fault = set_do(l, img_set(l->img, rule->first_set + i));
	return fault;
}
