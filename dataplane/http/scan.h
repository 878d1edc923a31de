/*
 * scan.h - finds the end of a token, a target, a host or a field value, 16 bytes at a time.
 *
 * Byte classes are tables indexed by the low half of a byte; bit h of an entry says whether the
 * byte 0xh0 + low is in the class, so one shuffle by each half decides 16 bytes exactly (bytes of
 * 0x80 and above are in no class). Needs SSSE3, which DPDK's own baseline includes; meson.build
 * passes the flag. Only bytes of the message are read: fewer than 16 at its end are read together
 * with some before them, which every function below that takes `first` knows to be there.
 * Runs several times per header field: bench/micro/bench_http.c prints cycles per head.
 */
#ifndef PENSTOCK_HTTP_SCAN_H
#define PENSTOCK_HTTP_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

static inline __m128i
scan_load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* The first byte from p on that is not in the class, or end. The bytes begin at first <= p. */
static inline const uint8_t *
scan_over(const struct scan_class *c, const uint8_t *first, const uint8_t *p, const uint8_t *end)
{
	uint32_t out;

	for (; end - p >= 16; p += 16) {
		out = scan_outside(c, scan_load(p));
		if (out != 0)
			return p + __builtin_ctz(out);
	}
	if (p < end && end - first >= 16) {
		out = scan_outside(c, scan_load(end - 16)) >> (16 - (end - p));
		return out != 0 ? p + __builtin_ctz(out) : end;
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

/* Bit i: byte i of the 16 is a control byte. */
static inline uint32_t
scan_controls_16(const uint8_t *p)
{
	__m128i bytes = scan_load(p);
	__m128i below = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
	__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
	__m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, below), del));
}

/* Bit i: byte i of the 64 is a control byte. */
static inline uint64_t
scan_controls_64(const uint8_t *p)
{
	return (uint64_t)scan_controls_16(p) | (uint64_t)scan_controls_16(p + 16) << 16 |
	       (uint64_t)scan_controls_16(p + 32) << 32 | (uint64_t)scan_controls_16(p + 48) << 48;
}

/* The first control byte from p on, or end. The bytes begin at first <= p. */
static inline const uint8_t *
scan_value(const uint8_t *first, const uint8_t *p, const uint8_t *end)
{
	uint32_t at;

	for (; end - p >= 16; p += 16) {
		at = scan_controls_16(p);
		if (at != 0)
			return p + __builtin_ctz(at);
	}
	if (p < end && end - first >= 16) {
		at = scan_controls_16(end - 16) >> (16 - (end - p));
		return at != 0 ? p + __builtin_ctz(at) : end;
	}
	while (p < end && !scan_is_control(*p))
		p++;
	return p;
}

/*
 * The control bytes of a head one after the other, found 64 bytes at a time ahead of their use:
 * where a line ends does not wait for what is in it, so that a core works on several lines at
 * once. Only bytes in [first, end) are read.
 */
struct scan_ahead {
	const uint8_t *first, *end;
	const uint8_t *block; /* the 64 bytes, or fewer at the end, that controls is about */
	uint64_t controls;    /* of the block, from the place that scan_pass named on */
};

static inline uint64_t
scan_block(const struct scan_ahead *s)
{
	uint32_t n = (uint32_t)(s->end - s->block), i = 0;
	uint64_t controls = 0;

	if (n >= 64)
		return scan_controls_64(s->block);
	for (; i + 16 <= n; i += 16)
		controls |= (uint64_t)scan_controls_16(s->block + i) << i;
	if (i < n && s->end - s->first >= 16)
		return controls | (uint64_t)(scan_controls_16(s->end - 16) >> (16 - (n - i))) << i;
	for (; i < n; i++)
		controls |= (uint64_t)scan_is_control(s->block[i]) << i;
	return controls;
}

/* From p on; the bytes begin at first <= p. */
static inline struct scan_ahead
scan_from(const uint8_t *first, const uint8_t *p, const uint8_t *end)
{
	struct scan_ahead s = { .first = first, .end = end, .block = p };

	s.controls = scan_block(&s);
	return s;
}

/* The first control byte from where we are, or end. */
static inline const uint8_t *
scan_control(struct scan_ahead *s)
{
	while (s->controls == 0) {
		if (s->end - s->block <= 64)
			return s->end;
		s->block += 64;
		s->controls = scan_block(s);
	}
	return s->block + __builtin_ctzll(s->controls);
}

/* Goes on at p, which is behind the place of the last call and at most end. */
static inline void
scan_pass(struct scan_ahead *s, const uint8_t *p)
{
	while (p - s->block >= 64) {
		s->block += 64;
		s->controls = scan_block(s);
	}
	s->controls &= ~0ull << (p - s->block);
}

static inline bool
scan_is_space(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

#endif
