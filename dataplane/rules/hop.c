/*
 * hop.c - patterns that begin with a repeat of one class and end with a text: "[^\"]*internal",
 * "(.*)internal", "\\w+@".
 *
 * In a stretch of characters of the class such a pattern matches from a place exactly if it matches
 * from an earlier one, as far as both see the same: the repeat comes from there to here. So where
 * one place was in vain, stream.c need not ask those behind it one by one. Nothing that looks
 * around, gives nothing back or may match nothing at all is taken: what is not known here is false.
 */
#include <string.h>

#include "rules/open.h"

static bool
is_word(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') <= 'z' - 'a' || (uint8_t)(c - '0') <= 9;
}

/* Bytes of the class at p; 0: none that is read here. */
static uint32_t
class_n(const uint8_t *p, uint32_t n)
{
	uint32_t i = 1;

	if (n > 0 && p[0] == '.')
		return 1;
	if (n > 1 && p[0] == '\\')
		return memchr("wWdDsS", p[1], 6) != NULL ? 2 : 0;
	if (n < 2 || p[0] != '[')
		return 0;
	i += p[1] == '^';
	if (i < n && p[i] == ']')
		return 0;
	for (; i < n && p[i] != '['; i++) {
		if (p[i] == ']')
			return i + 1;
		i += p[i] == '\\';
	}
	return 0;
}

/* One character that stands for itself. */
static uint32_t
text_n(const uint8_t *p, uint32_t n)
{
	if (n > 1 && p[0] == '\\')
		return p[1] < 0x80 && !is_word(p[1]) ? 2 : 0;
	return is_word(p[0]) || p[0] >= 0x80 || memchr(" -_/:@\"'=,;<>&%~!", p[0], 17) != NULL;
}

bool
hop_reads(struct slice regex)
{
	const uint8_t *p = regex.p;
	uint32_t n = regex.n, at = 0, k;
	bool is_open = n > 0 && p[0] == '(';

	at += is_open;
	k = class_n(p + at, n - at);
	at += k;
	if (k == 0 || at == n || (p[at] != '*' && p[at] != '+'))
		return false;
	at++;
	at += at < n && p[at] == '?';
	if (is_open && (at == n || p[at++] != ')'))
		return false;
	if (at == n)
		return false;
	while (at < n) {
		k = text_n(p + at, n - at);
		if (k == 0)
			return false;
		at += k;
	}
	return true;
}
