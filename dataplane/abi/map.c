/*
 * map.c - see map.h. Linear probing at half load; the hash is FNV-1a, whose input an attacker
 * chooses but whose table he does not.
 */
#include "abi/map.h"

#include <string.h>

enum {
	BUCKETS_LEAST = 2,
};

static uint32_t
hash_of(const void *key, size_t n)
{
	const uint8_t *p = key;
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return (uint32_t)(h ^ h >> 32);
}

/* ---- reading ---- */

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, uint32_t i, const char *field)
{
	*ret_fault = abi_fault_at(kind, "map", i, field);
	return false;
}

static bool
check_entry(const struct map *m, uint32_t i, uint64_t text_n)
{
	const struct map_entry *e = &m->entry[i];

	return e->key_n <= MAP_TEXT_MAX && e->value_n <= MAP_TEXT_MAX && e->text <= text_n &&
	       (uint64_t)e->key_n + e->value_n <= text_n - e->text;
}

bool
map_open(const void *bytes, size_t n, struct map *ret_map, struct abi_fault *ret_fault)
{
	const struct map_head *head = bytes;
	struct map m;
	uint64_t need;
	uint32_t used = 0;

	if (n < sizeof(*head) || head->magic != MAP_MAGIC)
		return wrong(ret_fault, ABI_FAULT_MAGIC, ABI_NONE, "magic");
	if (head->pair_n > MAP_PAIRS_MAX || head->bucket_n < BUCKETS_LEAST ||
	    head->bucket_n > 4u * MAP_PAIRS_MAX || (head->bucket_n & (head->bucket_n - 1)) != 0 ||
	    head->pair_n >= head->bucket_n)
		return wrong(ret_fault, ABI_FAULT_COUNT, ABI_NONE, "bucket_n");
	need = sizeof(*head) + (uint64_t)head->bucket_n * sizeof(uint32_t) +
	       (uint64_t)head->pair_n * sizeof(struct map_entry);
	if (need > n || head->text_n != n - need)
		return wrong(ret_fault, ABI_FAULT_SIZE, ABI_NONE, "text_n");
	m.bucket_n = head->bucket_n;
	m.pair_n = head->pair_n;
	m.bucket = (const uint32_t *)(head + 1);
	m.entry = (const struct map_entry *)(m.bucket + m.bucket_n);
	m.text = (const uint8_t *)(m.entry + m.pair_n);
	for (uint32_t i = 0; i < m.bucket_n; i++) {
		if (m.bucket[i] > m.pair_n)
			return wrong(ret_fault, ABI_FAULT_REFERENCE, i, "bucket");
		used += m.bucket[i] != 0;
	}
	if (used >= m.bucket_n) /* a search ends at an empty one */
		return wrong(ret_fault, ABI_FAULT_COUNT, ABI_NONE, "bucket");
	for (uint32_t i = 0; i < m.pair_n; i++)
		if (!check_entry(&m, i, head->text_n))
			return wrong(ret_fault, ABI_FAULT_BOUNDS, i, "text");
	*ret_map = m;
	return true;
}

struct map_pair
map_at(const struct map *map, uint32_t i)
{
	const struct map_entry *e = &map->entry[i];

	return (struct map_pair){ .key = map->text + e->text,
				  .key_n = e->key_n,
				  .value = map->text + e->text + e->key_n,
				  .value_n = e->value_n };
}

bool
map_find(const struct map *map, const void *key, size_t n, struct map_pair *ret_pair)
{
	uint32_t hash = hash_of(key, n), mask = map->bucket_n - 1;

	if (map->bucket_n == 0)
		return false;
	for (uint32_t i = hash & mask; map->bucket[i] != 0; i = (i + 1) & mask) {
		const struct map_entry *e = &map->entry[map->bucket[i] - 1];

		if (e->hash == hash && e->key_n == n &&
		    (n == 0 || memcmp(map->text + e->text, key, n) == 0)) {
			*ret_pair = map_at(map, map->bucket[i] - 1);
			return true;
		}
	}
	return false;
}

/* ---- writing ---- */

static void
place(uint32_t *bucket, uint32_t mask, uint32_t hash, uint32_t entry_i)
{
	uint32_t i = hash & mask;

	while (bucket[i] != 0)
		i = (i + 1) & mask;
	bucket[i] = entry_i + 1;
}

bool
map_build(const struct map_pair *pair, uint32_t n, img_grow_fn *grow, void **ret_bytes,
	  size_t *ret_n)
{
	struct map_head head = { .magic = MAP_MAGIC, .pair_n = n, .bucket_n = BUCKETS_LEAST };
	uint64_t all;
	uint8_t *bytes, *text;
	uint32_t *bucket;
	struct map_entry *entry;

	if (n > MAP_PAIRS_MAX)
		return false;
	while (head.bucket_n < 2ull * n)
		head.bucket_n *= 2;
	for (uint32_t i = 0; i < n; i++) {
		if (pair[i].key_n > MAP_TEXT_MAX || pair[i].value_n > MAP_TEXT_MAX)
			return false;
		head.text_n += (uint64_t)pair[i].key_n + pair[i].value_n;
	}
	all = sizeof(head) + (uint64_t)head.bucket_n * sizeof(*bucket) +
	      (uint64_t)n * sizeof(*entry) + head.text_n;
	bytes = grow(NULL, all);
	if (bytes == NULL)
		return false;
	memcpy(bytes, &head, sizeof(head));
	bucket = (uint32_t *)(bytes + sizeof(head));
	entry = (struct map_entry *)(bucket + head.bucket_n);
	text = (uint8_t *)(entry + n);
	memset(bucket, 0, head.bucket_n * sizeof(*bucket));
	for (uint32_t i = 0; i < n; i++) {
		const struct map_pair *p = &pair[i];

		entry[i] = (struct map_entry){ .hash = hash_of(p->key, p->key_n),
					       .key_n = p->key_n,
					       .value_n = p->value_n,
					       .text = i == 0 ? 0
							      : entry[i - 1].text +
									entry[i - 1].key_n +
									entry[i - 1].value_n };
		if (p->key_n > 0)
			memcpy(text + entry[i].text, p->key, p->key_n);
		if (p->value_n > 0)
			memcpy(text + entry[i].text + p->key_n, p->value, p->value_n);
		place(bucket, head.bucket_n - 1, entry[i].hash, i);
	}
	*ret_bytes = bytes;
	*ret_n = all;
	return true;
}
