/*
 * map.h - the blob of a rewrite map (image.h, struct img_map): keys and their values, found by
 * hash, or walked in the order they were written.
 *
 * Keys compare byte for byte; who wants them without case stores and asks them folded. One writer
 * (control), many readers; a reader validates the whole blob once and then walks it without a
 * check. Layout: head, buckets (index of an entry + 1, or 0), entries, text.
 */
#ifndef PENSTOCK_ABI_MAP_H
#define PENSTOCK_ABI_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/build.h"
#include "abi/fault.h"

#define MAP_MAGIC 0x3150414d4b4e4550ull /* "PENKMAP1" */

enum {
	MAP_PAIRS_MAX = 1 << 24,
	MAP_TEXT_MAX = 64 << 10, /* of a key or value */
};

struct map_head {
	uint64_t magic;
	uint32_t pair_n;
	uint32_t bucket_n; /* a power of two, more than pair_n */
	uint64_t text_n;
};

struct map_entry {
	uint32_t hash;
	uint32_t key_n, value_n;
	uint32_t spare;
	uint64_t text; /* offset of the key in the text; the value follows it */
};

struct map_pair {
	const void *key, *value;
	uint32_t key_n, value_n;
};

/* An opened map: valid as long as its bytes are. Zeroed: a map without keys. */
struct map {
	const uint32_t *bucket;
	const struct map_entry *entry;
	const uint8_t *text;
	uint32_t bucket_n, pair_n;
};

/* Validates n arbitrary bytes, 8-byte aligned; false and the fault when they are no map. */
bool map_open(const void *bytes, size_t n, struct map *ret_map, struct abi_fault *ret_fault);

/* The pair with this key; of several the first that was written. False: there is none. */
bool map_find(const struct map *map, const void *key, size_t n, struct map_pair *ret_pair);

/* Pair i < pair_n, in the order written. */
struct map_pair map_at(const struct map *map, uint32_t i);

/*
 * Writes a map; *ret_bytes comes from grow. The same pairs give the same bytes. False: memory
 * ended, or a limit above is passed.
 */
bool map_build(const struct map_pair *pair, uint32_t n, img_grow_fn *grow, void **ret_bytes,
	       size_t *ret_n);

#endif
