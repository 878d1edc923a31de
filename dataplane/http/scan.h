/*
 * scan.h - finds the end of a token, a target, a host or a field value, 16 bytes at a time.
 *
 * Byte classes are tables indexed by the low half of a byte; bit h of an entry says whether the
 * byte 0xh0 + low is in the class, so one shuffle by each half decides 16 bytes exactly (bytes of
 * 0x80 and above are in no class). Needs SSSE3, which DPDK's own baseline includes; meson.build
 * passes the flag. Reads only bytes in [p, end): the last few go one by one.
 * Runs several times per header field: bench/micro/bench_http.c prints cycles per head.
 */
#ifndef PENSTOCK_HTTP_SCAN_H
#define PENSTOCK_HTTP_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include <tmmintrin.h>

struct scan_class {
	uint8_t low[16];
};

/* clang-format off */

/* tchar (RFC 9110, 5.6.2): "!#$%&'*+-.^_`|~", digits, letters. */
static const struct scan_class scan_token_class = { {
	0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xf8, 0xf8, 0xf4, 0x54, 0xd0, 0x54, 0xf4, 0x70,
} };

/* Visible characters but "#": a target never has a fragment (RFC 9112, 3.2). */
static const struct scan_class scan_target_class = { {
	0xf8, 0xfc, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0x7c,
} };

/*
 * reg-name and IPv4 (RFC 3986, 3.2.2) without "%", which is looked at apart, and without ",",
 * which no name in use has but two Host fields joined into one do.
 */
static const struct scan_class scan_host_class = { {
	0xa8, 0xfc, 0xf8, 0xf8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xf4, 0x5c, 0x50, 0x5c, 0xd4, 0x70,
} };

/* clang-format on */

static inline bool
scan_has(const struct scan_class *c, uint8_t byte)
{
	return byte < 0x80 && (c->low[byte & 0x0f] >> (byte >> 4) & 1) != 0;
}

/* Bit i: byte i of the 16 is not in the class. */
static inline uint32_t
scan_outside(const struct scan_class *c, __m128i bytes)
{
	const __m128i nibble = _mm_set1_epi8(0x0f);
	const __m128i bit =
		_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, (char)128, 0, 0, 0, 0, 0, 0, 0, 0);
	__m128i low = _mm_loadu_si128((const __m128i *)(const void *)c->low);
	__m128i allowed = _mm_shuffle_epi8(low, _mm_and_si128(bytes, nibble));
	__m128i high = _mm_shuffle_epi8(bit, _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble));
	__m128i none = _mm_cmpeq_epi8(_mm_and_si128(allowed, high), _mm_setzero_si128());

	return (uint32_t)_mm_movemask_epi8(none);
}

/* The first byte that is not in the class, or end. */
static inline const uint8_t *
scan_over(const struct scan_class *c, const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 16) {
		uint32_t out = scan_outside(c, _mm_loadu_si128((const __m128i *)(const void *)p));

		if (out != 0)
			return p + __builtin_ctz(out);
		p += 16;
	}
	while (p < end && scan_has(c, *p))
		p++;
	return p;
}

/* A byte that may not stand in a field value: below 0x20 but HTAB, or DEL (RFC 9110, 5.5). */
static inline bool
scan_is_control(uint8_t byte)
{
	return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/* The first control byte, or end. */
static inline const uint8_t *
scan_value(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i below = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
		__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
		__m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
		__m128i bad = _mm_or_si128(_mm_andnot_si128(tab, below), del);
		uint32_t at = (uint32_t)_mm_movemask_epi8(bad);

		if (at != 0)
			return p + __builtin_ctz(at);
		p += 16;
	}
	while (p < end && !scan_is_control(*p))
		p++;
	return p;
}

static inline bool
scan_is_space(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

#endif
