/*
 * tags.c - finds attribute values in HTML as it streams by, and lets everything else pass.
 *
 * The tokenizer of the HTML standard as far as it matters here: tags with their attributes, end
 * tags, comments with all their ends, declarations, and the text of <script>, <style>, <textarea>
 * and their like (raw_tag), which goes to the end tag of the same name (choice 21; what the standard
 * says of scripts within comments within scripts is left out, and <noscript> is read as one does who
 * runs no scripts). A value that is wanted is kept until its end is known; one
 * that is longer than BODY_TEXT_MAX, or never ends, passes as it is.
 *
 * A new value keeps the quotes of the old; that quote within it becomes a reference, or the value
 * would end there. One that was bare gets double quotes when it needs them (14.3).
 *
 * Work is nanoseconds of a machine of today, at most.
 */
#include "rules/body.h"

enum {
	BYTE_WORK = 4,	   /* one by one */
	WANT_WORK = 2,	   /* a name compared */
	QUOTE_WORK = 3,	   /* a byte of a new value looked at, and written */
	PART_BYTES = 1024, /* until work is looked at */
	BULK_BYTES = 16,   /* from so many on they are passed together, */
	BULK_PART = 2,	   /* so many for a unit */
};

/* Named for what is awaited. */
enum state {
	TEXT,
	OPEN,	  /* behind '<' */
	END_OPEN, /* behind "</" */
	TAG_NAME,
	ATTRIBUTE, /* its first byte */
	ATTRIBUTE_NAME,
	EQUALS,	     /* behind an attribute's name and blanks */
	VALUE,	     /* its first byte or quote */
	WANTED,	     /* the end of a value that is kept */
	RULED,	     /* what its rules say */
	UNWANTED,    /* ... that passes */
	QUOTE,	     /* the quote that ends a value */
	DECLARATION, /* behind "<!" */
	DASH,	     /* behind "<!-" */
	COMMENT_1,   /* behind "<!--" */
	COMMENT_2,   /* behind "<!---" */
	COMMENT,
	COMMENT_DASH,	/* behind '-' in it */
	COMMENT_DASHES, /* behind "--" */
	COMMENT_BANG,	/* behind "--!" */
	BOGUS,		/* '>' of what is no tag */
	RAW,		/* text of a script and its like */
	RAW_OPEN,	/* behind '<' in it */
	RAW_NAME,	/* behind "</" in it */
};

void
tags_init(struct tags *t, const struct tags_want *want, uint32_t want_n, bool is_xml,
	  tags_value_fn *on_value, void *ctx)
{
	t->want = want;
	t->want_n = want_n;
	t->on_value = on_value;
	t->ctx = ctx;
	t->state = TEXT;
	t->is_xml = is_xml;
	t->tag_n = t->attribute_n = 0;
	t->raw_n = 0;
	t->raw = NULL;
	t->is_end_tag = t->has_slash = t->is_changed = false;
	t->quote = 0;
	t->rules = 0;
	t->value_n = 0;
	t->owed = (struct slice){ 0 };
}

static bool
is_letter(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') <= 'z' - 'a';
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f';
}

/* ---- names ---- */

static void
name_add(uint8_t *name, uint8_t *n, uint8_t c)
{
	if (*n < TAGS_NAME_MAX)
		name[(*n)++] = (uint8_t)(c - 'A') <= 'Z' - 'A' ? c | 0x20 : c;
	else
		*n = TAGS_NAME_MAX + 1;
}

static bool
name_is(const uint8_t *name, uint8_t n, struct slice word)
{
	return n == word.n && memcmp(name, word.p, n) == 0;
}

/* Each that somebody wants is compared, and costs. */
static uint64_t
wanted_by(const struct tags *t, int64_t *work)
{
	uint64_t rules = 0;

	*work -= (int64_t)t->want_n * WANT_WORK;

	if (t->is_end_tag || t->tag_n > TAGS_NAME_MAX || t->attribute_n > TAGS_NAME_MAX)
		return 0;
	for (uint32_t i = 0; i < t->want_n; i++)
		if (name_is(t->attribute, t->attribute_n, t->want[i].attribute) &&
		    name_is(t->tag, t->tag_n, t->want[i].tag))
			rules |= t->want[i].rules;
	return rules;
}

/* Their content is text, whatever stands in it: what looks like a tag there is none. */
#define RAW_TAG(name)                                                                              \
	{                                                                                          \
		(const uint8_t *)(name), sizeof(name) - 1                                          \
	}
static const struct slice raw_tag[] = { RAW_TAG("script"),  RAW_TAG("style"),	RAW_TAG("textarea"),
					RAW_TAG("title"),   RAW_TAG("xmp"),	RAW_TAG("iframe"),
					RAW_TAG("noembed"), RAW_TAG("noframes") };

static enum state
tag_ends(struct tags *t)
{
	bool is_whole = t->is_end_tag || (t->is_xml && t->has_slash);

	for (uint32_t i = 0; !is_whole && i < sizeof(raw_tag) / sizeof(raw_tag[0]); i++)
		if (name_is(t->tag, t->tag_n, raw_tag[i])) {
			t->raw = (const char *)raw_tag[i].p;
			t->raw_n = (uint8_t)raw_tag[i].n;
			return RAW;
		}
	return TEXT;
}

/* ---- values ---- */

/* Appends to t->quoted; false: too long. */
static bool
quoted_add(struct tags *t, uint32_t *n, const char *p, uint32_t more)
{
	if (more > sizeof(t->quoted) - *n)
		return false;
	memcpy(t->quoted + *n, p, more);
	*n += more;
	return true;
}

static bool
needs_quotes(struct slice value)
{
	for (uint32_t i = 0; i < value.n; i++)
		if (is_blank(value.p[i]) || value.p[i] == '"' || value.p[i] == '\'' ||
		    value.p[i] == '>')
			return true;
	return value.n == 0;
}

static enum rules_fault
value_owe(struct tags *t, struct slice value)
{
	bool adds = t->quote == 0 && needs_quotes(value), ok = true;
	uint8_t quote = adds ? '"' : t->quote;
	uint32_t n = 0;

	if (adds)
		ok = quoted_add(t, &n, "\"", 1);
	for (uint32_t i = 0; ok && i < value.n; i++) {
		const char *c = (const char *)value.p + i;

		if (quote == 0 || value.p[i] != quote)
			ok = quoted_add(t, &n, c, 1);
		else if (quote == '"')
			ok = quoted_add(t, &n, "&quot;", 6);
		else
			ok = quoted_add(t, &n, "&#39;", 5);
	}
	if (adds)
		ok = ok && quoted_add(t, &n, "\"", 1);
	if (!ok)
		return RULES_FAULT_LONG;
	t->owed = slice_of(t->quoted, n);
	return RULES_FAULT_NONE;
}

/*
 * The value is whole: rules say what becomes of it, and then it is written. When work is spent in
 * between, the next turn goes on.
 */
static enum rules_fault
value_rule(struct tags *t, int64_t *work)
{
	struct slice old = slice_of(t->value, t->value_n), new = old;

	if (t->rules != 0) {
		enum rules_fault fault = t->on_value(t->ctx, &t->rules, old, &new);

		if (fault != RULES_FAULT_NONE)
			return fault;
		if (new.n > sizeof(t->value))
			return RULES_FAULT_LONG;
		if (!slice_eq(old, new)) {
			memmove(t->value, new.p, new.n);
			t->value_n = new.n;
			t->is_changed = true;
		}
		if (t->rules != 0 || *work <= 0)
			return RULES_FAULT_NONE;
	}
	t->state = t->quote != 0 ? QUOTE : ATTRIBUTE;
	t->owed = slice_of(t->value, t->value_n);
	t->value_n = 0;
	if (!t->is_changed)
		return RULES_FAULT_NONE;
	*work -= (int64_t)t->owed.n * QUOTE_WORK;
	return value_owe(t, t->owed);
}

/* How many of the bytes are before the value's end. */
static uint32_t
value_length(const struct tags *t, const uint8_t *p, uint32_t n)
{
	if (t->quote != 0) {
		const uint8_t *end = memchr(p, t->quote, n);

		return end != NULL ? (uint32_t)(end - p) : n;
	}
	for (uint32_t i = 0; i < n; i++)
		if (is_blank(p[i]) || p[i] == '>')
			return i;
	return n;
}

/* Keeps bytes of a value; returns how many were taken. */
static uint32_t
value_take(struct tags *t, const uint8_t *p, uint32_t n)
{
	uint32_t more = value_length(t, p, n), room = BODY_TEXT_MAX - t->value_n;

	if (more > room) {
		t->owed = slice_of(t->value, t->value_n);
		t->value_n = 0;
		t->state = UNWANTED;
		return 0;
	}
	memcpy(t->value + t->value_n, p, more);
	t->value_n += more;
	if (more < n)
		t->state = RULED;
	return more;
}

static enum state
value_begins(struct tags *t, uint8_t quote, int64_t *work)
{
	t->has_slash = false;
	t->quote = quote;
	t->is_changed = false;
	t->rules = wanted_by(t, work);
	return t->rules != 0 ? WANTED : UNWANTED;
}

/* ---- a byte, state by state ---- */

static enum state
attribute_begins(struct tags *t, uint8_t c)
{
	t->attribute_n = 0;
	name_add(t->attribute, &t->attribute_n, c);
	return ATTRIBUTE_NAME;
}

/* In a tag, behind its name, before a value. */
static enum state
on_tag_byte(struct tags *t, uint8_t c)
{
	bool is_name = t->state == ATTRIBUTE_NAME;

	if (c == '>')
		return tag_ends(t);
	t->has_slash = c == '/';
	if (c == '/')
		return ATTRIBUTE;
	if (is_blank(c))
		return is_name || t->state == EQUALS ? EQUALS : ATTRIBUTE;
	if (c == '=' && t->state != ATTRIBUTE)
		return VALUE;
	if (!is_name)
		return attribute_begins(t, c);
	name_add(t->attribute, &t->attribute_n, c);
	return ATTRIBUTE_NAME;
}

static enum state
on_tag_name_byte(struct tags *t, uint8_t c)
{
	if (c == '>')
		return tag_ends(t);
	t->has_slash = c == '/';
	if (c == '/' || is_blank(c))
		return ATTRIBUTE;
	name_add(t->tag, &t->tag_n, c);
	return TAG_NAME;
}

static enum state
tag_begins(struct tags *t, uint8_t c, bool is_end_tag)
{
	t->is_end_tag = is_end_tag;
	t->has_slash = false;
	t->tag_n = 0;
	name_add(t->tag, &t->tag_n, c);
	return TAG_NAME;
}

/* Behind "</" in a script: its own name, and then the end of a name. */
static enum state
on_raw_name_byte(struct tags *t, uint8_t c)
{
	if (t->tag_n < t->raw_n && (c | 0x20) == t->raw[t->tag_n]) {
		name_add(t->tag, &t->tag_n, c);
		return RAW_NAME;
	}
	if (t->tag_n < t->raw_n || !(is_blank(c) || c == '/' || c == '>'))
		return RAW;
	t->is_end_tag = true;
	return c == '>' ? TEXT : ATTRIBUTE;
}

static bool
is_comment(enum state state)
{
	return state >= COMMENT_1 && state <= COMMENT_BANG;
}

static enum state
on_comment_byte(enum state state, uint8_t c)
{
	if (c == '>' && state != COMMENT && state != COMMENT_DASH)
		return TEXT;
	if (c == '!' && state == COMMENT_DASHES)
		return COMMENT_BANG;
	if (c != '-')
		return COMMENT;
	if (state == COMMENT_1)
		return COMMENT_2;
	return state == COMMENT || state == COMMENT_BANG ? COMMENT_DASH : COMMENT_DASHES;
}

/* The state behind c; *ret_again: c itself is looked at once more in that state. */
static enum state
on_byte(struct tags *t, uint8_t c, int64_t *work, bool *ret_again)
{
	*ret_again = false;
	if (is_comment((enum state)t->state))
		return on_comment_byte((enum state)t->state, c);
	switch ((enum state)t->state) {
	case OPEN:
		if (is_letter(c))
			return tag_begins(t, c, false);
		if (c == '/')
			return END_OPEN;
		if (c == '!')
			return DECLARATION;
		*ret_again = true;
		return c == '?' ? BOGUS : TEXT;
	case END_OPEN:
		if (is_letter(c))
			return tag_begins(t, c, true);
		*ret_again = true;
		return BOGUS;
	case TAG_NAME:
		return on_tag_name_byte(t, c);
	case ATTRIBUTE:
	case ATTRIBUTE_NAME:
	case EQUALS:
		return on_tag_byte(t, c);
	case VALUE:
		if (is_blank(c))
			return VALUE;
		if (c == '"' || c == '\'')
			return value_begins(t, c, work);
		if (c == '>')
			return tag_ends(t);
		*ret_again = true;
		return value_begins(t, 0, work);
	case QUOTE:
		return ATTRIBUTE;
	case DECLARATION:
		*ret_again = c != '-';
		return c == '-' ? DASH : BOGUS;
	case DASH:
		*ret_again = c != '-';
		return c == '-' ? COMMENT_1 : BOGUS;
	case RAW_OPEN:
		t->tag_n = 0;
		*ret_again = c != '/';
		return c == '/' ? RAW_NAME : RAW;
	case RAW_NAME: {
		enum state next = on_raw_name_byte(t, c);

		*ret_again = next == RAW;
		return next;
	}
	case COMMENT_1:
	case COMMENT_2:
	case COMMENT:
	case COMMENT_DASH:
	case COMMENT_DASHES:
	case COMMENT_BANG:
	case TEXT:
	case RAW:
	case BOGUS:
	case WANTED:
	case RULED:
	case UNWANTED:
		break; /* many bytes at once: pass */
	}
	return TEXT;
}

/* ---- many bytes ---- */

/* Passes bytes up to and with c, which leads to `next`. */
static uint32_t
pass_to(struct tags *t, const uint8_t *p, uint32_t n, uint8_t c, enum state next)
{
	const uint8_t *at = memchr(p, c, n);

	if (at == NULL)
		return n;
	t->state = (uint8_t)next;
	return (uint32_t)(at - p) + 1;
}

/* How many of n > 0 bytes pass as they are. */
static uint32_t
pass(struct tags *t, const uint8_t *p, uint32_t n, int64_t *work)
{
	bool is_again;

	if (t->state == TEXT)
		return pass_to(t, p, n, '<', OPEN);
	if (t->state == RAW)
		return pass_to(t, p, n, '<', RAW_OPEN);
	if (t->state == BOGUS)
		return pass_to(t, p, n, '>', TEXT);
	if (t->state == COMMENT)
		return pass_to(t, p, n, '-', COMMENT_DASH);
	if (t->state == UNWANTED) {
		uint32_t length = value_length(t, p, n);

		if (length < n)
			t->state = t->quote != 0 ? QUOTE : ATTRIBUTE;
		return length;
	}
	t->state = (uint8_t)on_byte(t, p[0], work, &is_again);
	return is_again ? 0 : 1;
}

enum rules_fault
tags_turn(struct tags *t, struct slice *in, bool is_last, struct sink *to, int64_t *work,
	  bool *ret_done)
{
	enum rules_fault fault = RULES_FAULT_NONE;

	for (;;) {
		uint32_t n = in->n < PART_BYTES ? in->n : PART_BYTES;

		sink_put_owed(to, &t->owed);
		if (t->owed.n > 0 || n == 0 || *work <= 0 || fault != RULES_FAULT_NONE)
			break;
		if (t->state == RULED) {
			n = 0;
			fault = value_rule(t, work);
		} else if (t->state == WANTED) {
			n = value_take(t, in->p, n);
		} else {
			if (to->n == 0)
				break;
			n = pass(t, in->p, n < to->n ? n : to->n, work);
			sink_put(to, in->p, n);
		}
		*in = slice_of(in->p + n, in->n - n);
		*work -= n < BULK_BYTES ? n * BYTE_WORK : BULK_BYTES + n / BULK_PART;
	}
	if (is_last && in->n == 0 && t->state == WANTED) { /* without its end it is no value */
		t->state = UNWANTED;
		t->owed = slice_of(t->value, t->value_n);
		sink_put_owed(to, &t->owed);
	}
	*ret_done = is_last && in->n == 0 && t->owed.n == 0;
	return fault;
}
