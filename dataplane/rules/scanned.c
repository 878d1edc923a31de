/*
 * scanned.c - what is scanned of a string, see scanned.h.
 */
#include "rules/scanned.h"

#include <string.h>

enum {
	STRANGE = 0x01, /* for a byte of no character */
};

/* The long s and the Kelvin sign, in UTF-8. */
static const uint8_t long_s[] = { 0xc5, 0xbf }, kelvin[] = { 0xe2, 0x84, 0xaa };

/* Bytes of the valid character at p (n > 0 left), 0: there is none. */
static uint32_t
char_bytes(const uint8_t *p, uint32_t n)
{
	uint32_t c = p[0], len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (len < 2)
		return len;
	if (c > 0xf4 || n < len)
		return 0;
	for (uint32_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) ||
	    (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
		return 0; /* overlong, a surrogate, beyond U+10FFFF */
	return len;
}

/* The letter that a valid character of len bytes is without case; 0: it is none of the two. */
static uint8_t
letter_of(const uint8_t *p, uint32_t len)
{
	if (len == sizeof(long_s) && memcmp(p, long_s, len) == 0)
		return 's';
	if (len == sizeof(kelvin) && memcmp(p, kelvin, len) == 0)
		return 'k';
	return 0;
}

/* How many bytes from p on are ASCII, for a start. */
static uint32_t
ascii_span(const uint8_t *p, uint32_t n)
{
	uint32_t i = 0;
	uint64_t word;

	for (; n - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		if ((word & 0x8080808080808080ull) != 0)
			break;
	}
	while (i < n && p[i] < 0x80)
		i++;
	return i;
}

void
scanned_look(struct slice text, bool *ret_is_utf8, bool *ret_is_plain)
{
	bool is_plain = true;
	uint32_t i = 0;

	while (text.n > 0 && (i += ascii_span(text.p + i, text.n - i)) < text.n) {
		uint32_t len = char_bytes(text.p + i, text.n - i);

		if (len == 0) {
			*ret_is_utf8 = *ret_is_plain = false;
			return;
		}
		is_plain = is_plain && letter_of(text.p + i, len) == 0;
		i += len;
	}
	*ret_is_utf8 = true;
	*ret_is_plain = is_plain;
}

uint32_t
scanned_copy(struct slice text, uint8_t *to)
{
	uint32_t i = 0, n = 0;

	while (i < text.n) {
		uint32_t len = char_bytes(text.p + i, text.n - i);
		uint8_t letter = len == 0 ? STRANGE : letter_of(text.p + i, len);

		len = len == 0 ? 1 : len;
		if (letter != 0) {
			to[n++] = letter;
		} else {
			memmove(to + n, text.p + i, len);
			n += len;
		}
		i += len;
	}
	return n;
}
