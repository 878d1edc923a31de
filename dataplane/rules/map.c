/*
 * map.c - rewrite maps (11.1) and lists of parts (11.3, FileContainsProvider) over the blobs of
 * abi/map.h.
 *
 * Maps without case are stored in lower case and asked so. A list of parts is asked for every
 * piece of the input that is as long as one of its keys: which two bytes a key can begin with and
 * how long keys are is noted when it is opened, so that most inputs cost one look a byte. What it
 * may cost is bounded by the evaluation's work; past that it is a fault, not a miss.
 */
#include "abi/map.h"

#include "rules/fields.h"
#include "rules/utf8.h"

enum {
	STARTS = 1 << 16,
	ASK_WORK = 16, /* of asking for one key, beside its bytes; as match.c counts */
	KEY_MAX = RULES_TEXT_MAX,
};

/* A list of parts. */
struct parts {
	uint64_t starts[STARTS / 64]; /* first two bytes of keys; of keys of one byte, any second */
	uint32_t length_n;
	uint32_t length[]; /* of keys, each once, ascending */
};

struct rules_map {
	struct map keys;
	struct parts *parts; /* NULL: a map */
};

/* ---- opening ---- */

static uint32_t
start_of(const uint8_t *p, size_t n)
{
	return (uint32_t)p[0] << 8 | (n > 1 ? p[1] : 0);
}

static void
bit_set(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= 1ull << i % 64;
}

static bool
bit_is_set(const uint64_t *bits, uint32_t i)
{
	return (bits[i / 64] >> i % 64 & 1) != 0;
}

static void
parts_note(struct parts *parts, const struct map_pair *pair)
{
	if (pair->key_n > 1)
		bit_set(parts->starts, start_of(pair->key, pair->key_n));
	for (uint32_t i = 0; i < 256 && pair->key_n == 1; i++)
		bit_set(parts->starts, start_of(pair->key, 1) | i);
}

/* Which of the lengths 1 to KEY_MAX keys have: a bitmap from grow; NULL: no memory. */
static uint64_t *
lengths_of(const struct map *keys, rules_grow_fn *grow, uint32_t *ret_n)
{
	size_t bytes = KEY_MAX / 8 + 8;
	uint64_t *has = grow(NULL, bytes);
	uint32_t n = 0;

	if (has == NULL)
		return NULL;
	memset(has, 0, bytes);
	for (uint32_t i = 0; i < keys->pair_n; i++) {
		uint32_t key_n = map_at(keys, i).key_n;

		if (key_n == 0 || key_n > KEY_MAX || bit_is_set(has, key_n))
			continue;
		bit_set(has, key_n);
		n++;
	}
	*ret_n = n;
	return has;
}

static bool
parts_open(struct rules_map *m, rules_grow_fn *grow)
{
	uint32_t n = 0;
	uint64_t *has = lengths_of(&m->keys, grow, &n);

	if (has == NULL)
		return false;
	m->parts = grow(NULL, sizeof(*m->parts) + n * sizeof(m->parts->length[0]));
	if (m->parts != NULL) {
		memset(m->parts, 0, sizeof(*m->parts));
		for (uint32_t i = 1; i <= KEY_MAX; i++)
			if (bit_is_set(has, i))
				m->parts->length[m->parts->length_n++] = i;
		for (uint32_t i = 0; i < m->keys.pair_n; i++) {
			struct map_pair pair = map_at(&m->keys, i);

			parts_note(m->parts, &pair);
		}
	}
	grow(has, 0);
	return m->parts != NULL;
}

static bool
map_ready(struct rules *rules, uint32_t i, struct abi_fault *ret_fault)
{
	const struct img_map *im = img_map(rules->img, i);
	struct rules_map *m = &rules->map[i];

	if (im->blob_i != IMG_NONE && rules->blob != NULL) {
		const struct rules_blob *blob = &rules->blob[im->blob_i];

		if (!map_open(blob->p, blob->n, &m->keys, ret_fault))
			return false;
	}
	if (im->kind == IMG_MAP_CONTAINS && !parts_open(m, rules->grow)) {
		*ret_fault = abi_fault_at(ABI_FAULT_MEMORY, "maps", i, "");
		return false;
	}
	return true;
}

bool
maps_open(struct rules *rules, struct abi_fault *ret_fault)
{
	uint32_t n = img_n(rules->img, IMG_MAPS);

	if (n == 0)
		return true;
	rules->map = rules->grow(NULL, n * sizeof(rules->map[0]));
	if (rules->map == NULL) {
		*ret_fault = abi_fault_at(ABI_FAULT_MEMORY, "maps", ABI_NONE, "");
		return false;
	}
	memset(rules->map, 0, n * sizeof(rules->map[0]));
	for (uint32_t i = 0; i < n; i++)
		if (!map_ready(rules, i, ret_fault))
			return false;
	return true;
}

void
maps_close(struct rules *rules)
{
	if (rules->map == NULL)
		return;
	for (uint32_t i = 0; i < img_n(rules->img, IMG_MAPS); i++)
		if (rules->map[i].parts != NULL)
			rules->grow(rules->map[i].parts, 0);
	rules->grow(rules->map, 0);
	rules->map = NULL;
}

/* ---- asking ---- */

/* A part of an input. */
struct found {
	const void *key; /* NULL: none */
	uint32_t from, n;
};

/*
 * Where the first key, in the order written, stands in s. MATCH_LIMIT when to say so takes more
 * work than is left.
 */
static enum rules_fault
parts_find(const struct rules_map *m, struct slice s, int64_t *work_left, struct found *ret)
{
	const struct parts *parts = m->parts;
	struct found best = { 0 };

	for (uint32_t at = 0; at < s.n; at++) {
		uint32_t left = s.n - at;
		struct map_pair pair;

		if (!bit_is_set(parts->starts, start_of(s.p + at, left)))
			continue;
		for (uint32_t i = 0; i < parts->length_n && parts->length[i] <= left; i++) {
			*work_left -= ASK_WORK + parts->length[i];
			if (*work_left < 0)
				return RULES_FAULT_MATCH_LIMIT;
			/* Keys lie in the order written. */
			if (map_find(&m->keys, s.p + at, parts->length[i], &pair) &&
			    (best.key == NULL || (uintptr_t)pair.key < (uintptr_t)best.key))
				best = (struct found){ pair.key, at, pair.key_n };
		}
	}
	*ret = best;
	return RULES_FAULT_NONE;
}

/* The bytes of s that become bytes from `from` on, n of them, of s in lower case. */
static struct slice
unlowered(struct slice s, uint32_t from, uint32_t n)
{
	uint32_t at = 0, first = 0, i = 0;

	while (i < s.n && at < from + n) {
		uint8_t text[UTF8_MAX];
		uint32_t c, len = utf8_parse(s.p + i, s.n - i, &c);

		first = at <= from ? i : first;
		at += len == 0 ? 1 : utf8_emit(utf8_lower(c), text);
		i += len == 0 ? 1 : len;
	}
	return slice_of(s.p + first, i - first);
}

/* The part as the input spells it (11.3: the matched string). */
static void
put_part(struct put *t, const struct rules_map *m, struct slice key, struct slice asked,
	 struct slice absent)
{
	struct found found;

	t->fault = parts_find(m, asked, &t->work_left, &found);
	if (t->fault != RULES_FAULT_NONE)
		return;
	if (found.key == NULL)
		put_slice(t, absent);
	else if (asked.p == key.p)
		put_slice(t, slice_of(key.p + found.from, found.n));
	else
		put_slice(t, unlowered(key, found.from, found.n));
}

void
map_put(struct put *t, uint32_t map_i, struct slice key)
{
	const struct rules_lane *l = t->l;
	const struct img_map *im = img_map(l->img, map_i);
	const struct rules_map *m = &l->rules->map[map_i];
	struct slice absent = slice_of(img_text(l->img, im->absent), im->absent.n), asked = key;
	uint32_t first = put_n(t), mid;
	struct map_pair pair;

	t->max += RULES_LOWER_BYTES(key.n); /* for the time being */
	if ((im->flags & IMG_MAP_CASELESS) != 0) {
		put_lower(t, key);
		asked = slice_of(t->to->p + t->from + first, put_n(t) - first);
	}
	mid = put_n(t);
	if (t->fault != RULES_FAULT_NONE)
		return;
	if (m->parts != NULL)
		put_part(t, m, key, asked, absent);
	else if (map_find(&m->keys, asked.p, asked.n, &pair))
		put_slice(t, slice_of(pair.value, pair.value_n));
	else
		put_slice(t, absent);
	put_take_out(t, first, mid);
	t->max -= RULES_LOWER_BYTES(key.n);
}
