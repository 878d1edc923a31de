/*
 * put.h - appending to a line of the access log: every function writes at `at` and returns where
 * the next one writes, so that the place stays in a register.
 *
 * Nothing here looks for room. Who puts a line together has made sure that a whole section of it
 * fits, and PUT_SLACK bytes more: numbers and the search of a string work on whole words and may
 * write or read that far behind what they append.
 */
#ifndef PENSTOCK_CONTROL_RUN_PUT_H
#define PENSTOCK_CONTROL_RUN_PUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <emmintrin.h>

#include "abi/addr.h"

enum {
	PUT_SLACK = 16,
	PUT_NUMBER_MAX = 20,
};

#define PUT_ZEROS 0x3030303030303030ull

/* A literal, its length known when it is compiled. */
#define put_text(at, literal) put_bytes((at), "" literal, sizeof(literal) - 1)

static inline char *
put_bytes(char *at, const void *bytes, size_t n)
{
	memcpy(at, bytes, n);
	return at + n;
}

/* Eight decimal digits of v < 10^8, a byte each, the first one lowest: halves, quarters, eighths
 * in one word, each cut by a multiplication. */
static inline uint64_t
put_digits(uint32_t v)
{
	uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32, q;

	q = (x * 10486 >> 20) & 0x0000007f0000007full;
	x = q | (x - q * 100) << 16;
	q = (x * 103 >> 10) & 0x000f000f000f000full;
	return q | (x - q * 10) << 8;
}

static inline char *
put_word(char *at, uint64_t word, unsigned n)
{
	memcpy(at, &word, sizeof(word)); /* little-endian, as the whole house */
	return at + n;
}

/* The last n digits of v, zeros too; 1 <= n <= 8. */
static inline char *
put_last(char *at, uint32_t v, unsigned n)
{
	return put_word(at, (put_digits(v) | PUT_ZEROS) >> (64 - 8 * n), n);
}

static inline char *
put_number(char *at, uint64_t v)
{
	uint64_t digits;
	unsigned zeros;

	if (v < 10) {
		*at = (char)('0' + v);
		return at + 1;
	}
	if (v >= 100000000) {
		at = put_number(at, v / 100000000);
		return put_last(at, (uint32_t)(v % 100000000), 8);
	}
	digits = put_digits((uint32_t)v);
	zeros = (unsigned)__builtin_ctzll(digits) / 8;
	return put_word(at, (digits | PUT_ZEROS) >> (8 * zeros), 8 - zeros);
}

/* Without a branch: octets of one address differ in length more often than not. */
static inline char *
put_octet(char *at, uint32_t v)
{
	uint32_t hundreds = v * 41 >> 12, rest = v - hundreds * 100, tens = rest * 103 >> 10;
	uint32_t digits = hundreds | tens << 8 | (rest - tens * 10) << 16;
	unsigned zeros = (unsigned)__builtin_ctz(digits | 1u << 16) / 8;

	digits = (digits | 0x303030) >> (8 * zeros);
	memcpy(at, &digits, sizeof(digits));
	return at + 3 - zeros;
}

static inline char *
put_ip4(char *at, const struct ip_addr *ip)
{
	at = put_octet(at, ip->b[12]);
	*at++ = '.';
	at = put_octet(at, ip->b[13]);
	*at++ = '.';
	at = put_octet(at, ip->b[14]);
	*at++ = '.';
	return put_octet(at, ip->b[15]);
}

/* What may stand in a string of either format as it is. */
static inline bool
put_is_plain(uint8_t c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

/* How many of the n bytes at the front are plain. Reads up to PUT_SLACK bytes behind them. */
static inline size_t
put_plain_n(const char *at, size_t n)
{
	size_t i = 0;

	for (; i < n; i += 16) {
		__m128i v = _mm_loadu_si128((const void *)(at + i));
		__m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(' ')); /* and 0x80 up: signed */
		__m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));
		__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
		__m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
		unsigned odd = (unsigned)_mm_movemask_epi8(
			_mm_or_si128(_mm_or_si128(low, del), _mm_or_si128(quote, slash)));

		if (odd != 0) {
			i += (unsigned)__builtin_ctz(odd);
			break;
		}
	}
	return i < n ? i : n;
}

#endif
