/*
 * utf8.h - characters in bytes (RFC 3629): no overlong forms, no surrogates, nothing above 10FFFF.
 */
#ifndef PENSTOCK_RULES_UTF8_H
#define PENSTOCK_RULES_UTF8_H

#include <stdint.h>

enum {
	UTF8_MAX = 4, /* bytes of a character */
};

/* Bytes of the character that p begins with, 0: none does. n > 0. */
static inline uint32_t
utf8_parse(const uint8_t *p, uint32_t n, uint32_t *ret_c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t len = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);

	if (len == 0 || len > n || p[0] > 0xf4)
		return 0;
	for (uint32_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret_c = c;
	return len;
}

/* The bytes of a character, at most UTF8_MAX; returns how many. */
static inline uint32_t
utf8_emit(uint32_t c, uint8_t *to)
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 | c >> 6);
		to[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 | c >> 12);
		to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | c >> 18);
	to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* The small letter of a capital that is no ASCII; other characters as they are. */
uint32_t utf8_lower_wide(uint32_t c);

/* The small letter of a capital; other characters as they are. */
static inline uint32_t
utf8_lower(uint32_t c)
{
	if (c >= 0x80)
		return utf8_lower_wide(c);
	return c - 'A' <= 'Z' - 'A' ? c | 0x20 : c;
}

#endif
