/*
 * field.h - what the files of this folder share about fields: ids in sets, values as lists.
 */
#ifndef PENSTOCK_HTTP_FIELD_H
#define PENSTOCK_HTTP_FIELD_H

#include "http/http.h"
#include "http/scan.h"

/* A set of ids with this one in it. */
#define FIELD_BIT(part) (1ull << HTTP_FIELD_##part)

/* Fields of one hop by their nature (RFC 9110, 7.6.1); emission writes its own where needed. */
#define FIELD_HOP                                                                                  \
	(FIELD_BIT(CONNECTION) | FIELD_BIT(TRANSFER_ENCODING) | FIELD_BIT(TE) |                    \
	 FIELD_BIT(UPGRADE) | FIELD_BIT(KEEP_ALIVE) | FIELD_BIT(PROXY_CONNECTION) |                \
	 FIELD_BIT(HTTP2_SETTINGS))

/* Fields that say for whom a message is and where it ends: Connection cannot name them away. */
#define FIELD_FRAME (FIELD_BIT(HOST) | FIELD_BIT(CONTENT_LENGTH) | FIELD_BIT(TRANSFER_ENCODING))

enum {
	FIELD_NAME_BYTES = 32, /* no known name is longer */
};

#define FIELD_HASH(n, first, last) (((n) + 12u * (first) + 56u * (last)) & 255u)

/* Where a hash leads; all zero: nowhere. */
struct field_slot {
	uint8_t id;
	uint8_t n;    /* bytes of the name */
	uint16_t end; /* of the name, from n_UNKNOWN */
};

/* The names one behind the other, so that FIELD_NAME_BYTES may be read before the end of each. */
struct field_text {
	char before[FIELD_NAME_BYTES];
#define X(part, name, first, last) char n_##part[sizeof(name)];
	HTTP_FIELD_IDS(X)
#undef X
};

extern const struct field_slot field_slots[256];
extern const struct field_text field_text;

/* Bit i: byte i of the 16 differ, but for case. */
static inline uint32_t
field_differ_16(const uint8_t *a, const uint8_t *b)
{
	const __m128i bit5 = _mm_set1_epi8(0x20);
	__m128i x = _mm_or_si128(scan_load(a), bit5), y = _mm_or_si128(scan_load(b), bit5);

	return ~(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) & 0xffff;
}

/*
 * The id of a name of n > 0 token bytes, which lies in bytes that begin at first <= name. Per
 * field, so without a branch that depends on the name, but for long ones. Names are compared from
 * their end backwards, because in a head bytes lie before a name, but not always behind it. A
 * name is a token: setting bit 5 makes letters lower case and nothing else equal to a letter, a
 * digit or "-".
 */
static inline uint8_t
field_id(const uint8_t *first, const uint8_t *name, uint32_t n)
{
	uint8_t copy[FIELD_NAME_BYTES];
	const uint8_t *end = name + n, *known;
	const struct field_slot *slot =
		&field_slots[FIELD_HASH(n, name[0] | 0x20u, name[n - 1] | 0x20u)];
	uint32_t differ = n ^ slot->n;

	if (__builtin_expect(end - first < FIELD_NAME_BYTES, 0)) {
		if (n > FIELD_NAME_BYTES)
			return HTTP_FIELD_UNKNOWN;
		memset(copy, 0, sizeof(copy));
		memcpy(copy + FIELD_NAME_BYTES - n, name, n);
		end = copy + FIELD_NAME_BYTES;
	}
	known = (const uint8_t *)&field_text + FIELD_NAME_BYTES + slot->end;
	differ |= field_differ_16(end - 16, known - 16) >> (n < 16 ? 16 - n : 0);
	if (n > 16 && n <= FIELD_NAME_BYTES)
		differ |= field_differ_16(end - 32, known - 32) >> (32 - n);
	return differ == 0 ? slot->id : HTTP_FIELD_UNKNOWN;
}

/* Takes the next element off a comma-separated list (RFC 9110, 5.6.1); empty ones are skipped. */
bool field_next(struct slice *list, struct slice *ret_element);

/* Without the spaces and tabs at both ends. */
static inline struct slice
field_trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_of(s.p + 1, s.n - 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

#endif
