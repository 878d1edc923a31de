/*
 * yaml_put.c - lines of YAML that libyaml reads back to the same texts. Every text is in quotes:
 * single ones, or double ones with escapes for what a line cannot hold.
 */
#include <stdarg.h>
#include <string.h>

#include "base/ensure.h"
#include "rules/yaml_parts.h"

enum {
	SIMPLE_KEY_MAX = 1000, /* bytes; YAML reads 1024 as a key before its ':' */
	INDENT = 2,
};

/* The character at p, and how many bytes it has. The text is UTF-8. */
static uint32_t
character(const char *p, uint32_t *ret_n)
{
	const unsigned char *b = (const unsigned char *)p;

	*ret_n = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	switch (*ret_n) {
	case 1:
		return b[0];
	case 2:
		return (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
	case 3:
		return (b[0] & 0xfu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
	default:
		return (b[0] & 7u) << 18 | (b[1] & 0x3fu) << 12 | (b[2] & 0x3fu) << 6 |
		       (b[3] & 0x3fu);
	}
}

static bool
needs_escape(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff;
}

static bool
is_plain_text(const char *text)
{
	for (uint32_t n; *text != 0; text += n)
		if (needs_escape(character(text, &n)))
			return false;
	return true;
}

/* Each ' twice. */
static const char *
single_quoted(struct yaml *yaml, const char *text)
{
	char *quoted = arena_take(yaml->arena, 2 * strlen(text) + 3), *to = quoted;

	*to++ = '\'';
	for (; *text != 0; text++) {
		if (*text == '\'')
			*to++ = '\'';
		*to++ = *text;
	}
	*to = '\'';
	return quoted;
}

const char *
yaml_quoted(struct yaml *yaml, const char *text)
{
	char *quoted, *to;

	if (is_plain_text(text))
		return single_quoted(yaml, text);
	quoted = to = arena_take(yaml->arena, 6 * strlen(text) + 3);
	*to++ = '"';
	for (uint32_t n; *text != 0; text += n) {
		uint32_t c = character(text, &n);

		if (c == '"' || c == '\\')
			to += sprintf(to, "\\%c", (char)c);
		else if (needs_escape(c))
			to += sprintf(to, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
		else
			to = mempcpy(to, text, n);
	}
	*to = '"';
	return quoted;
}

static void
line_begin(struct yaml *yaml)
{
	fprintf(yaml->to, "%*s%s", (int)(yaml->is_item ? yaml->indent - INDENT : yaml->indent), "",
		yaml->is_item ? "- " : "");
	yaml->is_item = false;
}

void
yaml_line(struct yaml *yaml, const char *format, ...)
{
	va_list args;

	line_begin(yaml);
	va_start(args, format);
	vfprintf(yaml->to, format, args);
	va_end(args);
	fputc('\n', yaml->to);
}

void
yaml_open(struct yaml *yaml, const char *key)
{
	yaml_line(yaml, "%s:", key);
	yaml->indent += INDENT;
}

void
yaml_close(struct yaml *yaml)
{
	ensure(yaml->indent >= INDENT && !yaml->is_item);
	yaml->indent -= INDENT;
}

void
yaml_item(struct yaml *yaml)
{
	ensure(!yaml->is_item);
	yaml->is_item = true;
	yaml->indent += INDENT;
}

void
yaml_item_close(struct yaml *yaml)
{
	yaml_close(yaml);
}

void
yaml_pair(struct yaml *yaml, const char *key, const char *value)
{
	const char *quoted = yaml_quoted(yaml, key);

	if (strlen(quoted) <= SIMPLE_KEY_MAX) {
		yaml_line(yaml, "%s: %s", quoted, value);
		return;
	}
	yaml_line(yaml, "? %s", quoted);
	yaml_line(yaml, ": %s", value);
}
