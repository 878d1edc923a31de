/*
 * log_style.c - the fields of a W3C access log by name, see log_style.h.
 */
#include "conf/log_style.h"

#include <string.h>

const char *const log_field_words[LOG_FIELDS_N + 1] = {
#define X(name, word, is_default) word,
	LOG_FIELDS(X)
#undef X
		NULL
};

#define X(name, word, is_default) +sizeof(word)
_Static_assert((0 LOG_FIELDS(X)) < LOG_FIELDS_TEXT, "all names have room");
#undef X

void
log_style_default_fields(struct log_style *style)
{
	static const bool is_default[LOG_FIELDS_N] = {
#define X(name, word, is_default) is_default,
		LOG_FIELDS(X)
#undef X
	};

	style->field_n = 0;
	for (uint8_t i = 0; i < LOG_FIELDS_N; i++)
		if (is_default[i])
			style->field[style->field_n++] = i;
}

const char *
log_style_fields_text(const struct log_style *style, char text[LOG_FIELDS_TEXT])
{
	char *at = text;

	for (uint8_t i = 0; i < style->field_n; i++) {
		const char *word = log_field_words[style->field[i]];
		size_t n = strlen(word);

		if (i > 0)
			*at++ = ' ';
		memcpy(at, word, n);
		at += n;
	}
	*at = '\0';
	return text;
}

static bool
field_add(struct log_style *style, const char *word, size_t n)
{
	uint8_t field = 0;

	while (field < LOG_FIELDS_N &&
	       (strncmp(log_field_words[field], word, n) != 0 || log_field_words[field][n] != '\0'))
		field++;
	if (field == LOG_FIELDS_N || memchr(style->field, field, style->field_n) != NULL)
		return false;
	style->field[style->field_n++] = field;
	return true;
}

bool
log_style_fields_of_text(const char *text, struct log_style *style)
{
	style->field_n = 0;
	for (; *text != '\0'; text += *text == ' ') {
		size_t n = strcspn(text, " ");

		if (!field_add(style, text, n))
			return false;
		text += n;
	}
	return true;
}

bool
log_style_is_same(const struct log_style *a, const struct log_style *b)
{
	return a->format == b->format && a->field_n == b->field_n &&
	       memcmp(a->field, b->field, a->field_n) == 0;
}
