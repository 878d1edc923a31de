/*
 * charset.c - bodies in single-byte charsets become UTF-8 for rules, and are themselves again
 * behind them (14.5: patterns are compared in the body's charset).
 *
 * Each byte has a character of its own, so what rules leave alone comes out as it went in. A
 * character of a replacement that the charset does not have becomes a reference, "&#8364;". Other
 * charsets, of several bytes a character, are taken for UTF-8: ASCII in patterns finds ASCII.
 */
#include "rules/charset.h"
#include "rules/utf8.h"

struct charset {
	const char *names; /* in lower case, a blank between */
	uint16_t code[128];
};

#include "rules/charset_table.h"

/* ---- which ---- */

static bool
is_end(uint8_t c)
{
	return c == ';' || c == ' ' || c == '\t' || c == '"' || c == '\'' || c == ',';
}

/* The value of "charset=" in a Content-Type, without quotes. */
static struct slice
name_in(struct slice type)
{
	static const struct slice key = { (const uint8_t *)"charset=", 8 };

	for (uint32_t i = 0; i + key.n < type.n; i++) {
		uint32_t from = i + key.n, n = 0;
		bool is_param = i > 0 && is_end(type.p[i - 1]);

		if (!is_param || !slice_eq_nocase(slice_of(type.p + i, key.n), key))
			continue;
		if (type.p[from] == '"' || type.p[from] == '\'')
			from++;
		while (from + n < type.n && !is_end(type.p[from + n]))
			n++;
		return slice_of(type.p + from, n);
	}
	return slice_of(NULL, 0);
}

static bool
is_named(const char *names, struct slice name)
{
	while (*names != 0) {
		uint32_t n = 0;

		while (names[n] != 0 && names[n] != ' ')
			n++;
		if (slice_eq_nocase(slice_of(names, n), name))
			return true;
		names += names[n] == ' ' ? n + 1 : n;
	}
	return false;
}

const struct charset *
charset_of(struct slice content_type)
{
	struct slice name = name_in(content_type);

	for (uint32_t i = 0; name.n > 0 && i < sizeof(tables) / sizeof(*tables); i++)
		if (is_named(tables[i].names, name))
			return &tables[i];
	return NULL;
}

/* ---- there and back ---- */

void
charset_decode(const struct charset *cs, struct slice *in, struct sink *to)
{
	uint32_t i = 0;

	while (i < in->n && to->n >= UTF8_MAX) {
		uint8_t c = in->p[i++];
		uint32_t n = utf8_emit(c < 0x80 ? c : cs->code[c - 0x80], to->p);

		to->p += n;
		to->n -= n;
	}
	*in = slice_of(in->p + i, in->n - i);
}

static bool
byte_of(const struct charset *cs, uint32_t code, uint8_t *ret)
{
	for (uint32_t i = 0; i < 128; i++)
		if (cs->code[i] == code) {
			*ret = (uint8_t)(0x80 + i);
			return true;
		}
	return false;
}

/* "&#1114111;" at most. */
static uint32_t
reference(uint32_t code, uint8_t *to)
{
	uint8_t digit[8];
	uint32_t n = 0, at = 0;

	to[at++] = '&';
	to[at++] = '#';
	do
		digit[n++] = (uint8_t)('0' + code % 10);
	while ((code /= 10) != 0);
	while (n > 0)
		to[at++] = digit[--n];
	to[at++] = ';';
	return at;
}

void
charset_encode(const struct charset *cs, struct charset_owed *owed, struct slice *in, bool is_last,
	       struct sink *to)
{
	uint32_t i = 0;

	for (;;) {
		uint32_t code, n;
		uint8_t byte = '?';

		sink_put_owed(to, &owed->text);
		if (owed->text.n > 0 || to->n == 0 || i == in->n)
			break;
		n = utf8_parse(in->p + i, in->n - i, &code);
		if (n == 0 && in->n - i < UTF8_MAX && !is_last)
			break; /* perhaps cut */
		i += n == 0 ? 1 : n;
		if (n == 1)
			byte = (uint8_t)code;
		else if (n != 0 && !byte_of(cs, code, &byte))
			owed->text = slice_of(owed->bytes, reference(code, owed->bytes));
		if (owed->text.n == 0)
			sink_put(to, &byte, 1);
	}
	*in = slice_of(in->p + i, in->n - i);
}
