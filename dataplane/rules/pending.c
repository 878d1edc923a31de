/*
 * pending.c - the bytes of a body that a search has and has not put out: room for more of them, and
 * how far they are UTF-8, for a match lies in a stretch of valid characters. stream.c searches.
 */
#include "rules/pending.h"
#include "rules/utf8.h"

static bool
is_tail(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/* The first byte that must stay: what may be looked back at, from a character's begin on. */
static uint32_t
keep_from(const struct stream *s)
{
	uint32_t at = s->from > s->look_back ? s->from - s->look_back : 0;

	for (uint32_t i = 0; i < 3 && at > 0 && at < s->from && is_tail(s->bytes[at]); i++)
		at++;
	return at;
}

uint8_t *
stream_room(struct stream *s, uint32_t *ret_n)
{
	uint32_t cut = keep_from(s);

	/* Not for a few bytes: each byte is moved once or twice, however small the pieces. */
	if (cut > 0 && (s->n == STREAM_BYTES || cut == s->n || cut >= STREAM_SLACK / 2)) {
		memmove(s->bytes, s->bytes + cut, s->n - cut);
		s->from -= cut;
		s->pos -= cut;
		s->n -= cut;
		s->base = s->base > cut ? s->base - cut : 0;
		s->valid_n = s->valid_n > cut ? s->valid_n - cut : 0;
		s->want = s->want > cut ? s->want - cut : 0;
		s->wide = s->wide > cut ? s->wide - cut : 0;
		s->is_begin = false;
	}
	*ret_n = STREAM_BYTES - s->n;
	return s->bytes + s->n;
}

void
stream_added(struct stream *s, uint32_t n)
{
	s->n += n;
}

uint32_t
pending_whole(const struct stream *s, uint32_t at)
{
	while (at < s->n && at > 0 && is_tail(s->bytes[at]))
		at--;
	return at;
}

uint32_t
pending_next(const struct stream *s, uint32_t at)
{
	at++;
	while (at < s->n && is_tail(s->bytes[at]))
		at++;
	return at;
}

/* ---- UTF-8: a match lies in a stretch of valid characters ---- */

/* The first byte from `at` on that begins no valid character. */
static uint32_t
valid_until(const struct stream *s, uint32_t at)
{
	while (at < s->n) {
		uint64_t word;
		uint32_t c, n;

		if (s->n - at >= sizeof(word)) {
			memcpy(&word, s->bytes + at, sizeof(word));
			if ((word & 0x8080808080808080ull) == 0) {
				at += sizeof(word);
				continue;
			}
		}
		n = utf8_parse(s->bytes + at, s->n - at, &c);
		if (n == 0)
			break;
		at += n;
	}
	return at;
}

bool
pending_is_cut(const struct stream *s, uint32_t at)
{
	static const uint8_t tails[] = { 0x80, 0x90, 0xa0 };
	uint8_t c[UTF8_MAX];
	uint32_t n = s->n - at, left = UTF8_MAX - n, code;

	if (n == 0 || n >= UTF8_MAX || s->bytes[at] < 0xc2)
		return false;
	memcpy(c, s->bytes + at, n);
	for (uint32_t i = 0; i < sizeof(tails); i++) {
		memset(c + n, tails[i], left);
		if (utf8_parse(c, UTF8_MAX, &code) > n)
			return true;
	}
	return false;
}

void
pending_stretch(struct stream *s, bool is_last)
{
	while (s->pos < s->n) {
		bool is_tried = s->base == s->pos && !(s->is_begin && s->pos == 0);

		if (s->valid_n < s->pos)
			s->valid_n = s->pos;
		s->valid_n = valid_until(s, s->valid_n);

		if (s->valid_n > s->pos || !is_tried || (!is_last && pending_is_cut(s, s->pos)))
			return;
		s->pos++;
		s->base = s->pos;
		s->was_empty = false;
		s->want = s->wide = 0;
		s->level = 0;
	}
	if (s->valid_n < s->pos)
		s->valid_n = s->pos;
}
