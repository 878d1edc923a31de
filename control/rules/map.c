/*
 * map.c - rewrite maps (11.1) to their blobs, and the list of blobs that an image names.
 *
 * Maps without case are stored in lower case, as rules_lower makes it, and the engine asks them
 * so. Of equal keys the first that was written counts.
 */
#include "abi/map.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "abi/blob.h"
#include "base/ensure.h"
#include "rules/parts.h"
#include "rules/rules.h"

uint32_t
map_named(const struct making *m, const char *name, size_t n)
{
	uint32_t i = m->first_map;

	for (const struct rule_map *map = m->set == NULL ? NULL : m->set->maps; map != NULL;
	     map = map->next, i++)
		if (map->name.s != NULL && strlen(map->name.s) == n &&
		    strncasecmp(map->name.s, name, n) == 0)
			return i;
	return IMG_NONE;
}

uint32_t
blob_add(struct making *m, enum img_blob_kind kind, void *bytes, size_t n, const uint8_t *hash)
{
	struct program *program = m->program;
	struct program_blob *blob;

	/* Rooms of 16, 32, 64, ... */
	if (program->blob_n == 0 ||
	    (program->blob_n >= 16 && (program->blob_n & (program->blob_n - 1)) == 0)) {
		uint32_t room = program->blob_n == 0 ? 16 : program->blob_n * 2;

		blob = arena_take(&program->arena, room * sizeof(*blob));
		if (program->blob_n > 0)
			memcpy(blob, program->blob, program->blob_n * sizeof(*blob));
		program->blob = blob;
	}
	blob = &program->blob[program->blob_n];
	*blob = (struct program_blob){ .kind = kind, .bytes = bytes, .n = n };
	if (bytes != NULL)
		blob_hash(bytes, n, blob->hash);
	else
		memcpy(blob->hash, hash, sizeof(blob->hash));
	/* Two databases or maps of the same bytes are one file. */
	for (uint32_t i = 0; i < program->blob_n; i++) {
		if (program->blob[i].kind != kind ||
		    memcmp(program->blob[i].hash, blob->hash, sizeof(blob->hash)) != 0)
			continue;
		free(bytes);
		return program->first_blob_i + i;
	}
	struct img_blob record = { .bytes = n, .kind = kind };

	memcpy(record.hash, blob->hash, sizeof(record.hash));
	img_build_blob(m->img, &record);
	return program->first_blob_i + program->blob_n++;
}

/* The text in lower case; n may change. */
static const char *
lower(struct making *m, const char *text, uint32_t n, uint32_t *ret_n)
{
	uint8_t *to = arena_take(&m->arena, RULES_LOWER_BYTES((size_t)n) + 1);

	*ret_n = rules_lower(slice_of(text, n), to);
	return (const char *)to;
}

static bool
pairs_collect(struct making *m, const struct rule_map *map, struct map_pair *pair)
{
	struct whose w = { .what = "rewrite map", .rule = map->name.s };

	for (const struct rule_pair *from = map->first; from != NULL; from = from->next, pair++) {
		size_t key_n = strlen(from->key.s),
		       value_n = from->value.s == NULL ? 0 : strlen(from->value.s);

		if (key_n > MAP_TEXT_MAX || value_n > MAP_TEXT_MAX) {
			say_error(m, &w, from->key.at,
				  "a key or value is longer than 64 KiB; make it shorter");
			return false;
		}
		*pair = (struct map_pair){ .key = from->key.s,
					   .value = from->value.s == NULL ? "" : from->value.s,
					   .key_n = (uint32_t)key_n,
					   .value_n = (uint32_t)value_n };
		if (map->ignores_case)
			pair->key = lower(m, from->key.s, pair->key_n, &pair->key_n);
	}
	return true;
}

static uint32_t
pairs_n(const struct rule_map *map)
{
	uint32_t n = 0;

	for (const struct rule_pair *pair = map->first; pair != NULL; pair = pair->next)
		n++;
	return n;
}

static uint32_t
map_blob(struct making *m, const struct rule_map *map)
{
	struct whose w = { .what = "rewrite map", .rule = map->name.s };
	uint32_t n = pairs_n(map), blob_i = IMG_NONE;
	struct map_pair *pair;
	void *bytes;
	size_t bytes_n;

	if (n == 0)
		return IMG_NONE;
	if (n > MAP_PAIRS_MAX) {
		say_error(m, &w, map->at, "%u keys are more than a map can hold (%u); split it", n,
			  (unsigned)MAP_PAIRS_MAX);
		return IMG_NONE;
	}
	pair = calloc(n, sizeof(*pair));
	ensure(pair != NULL);
	if (pairs_collect(m, map, pair)) {
		ensure(map_build(pair, n, realloc, &bytes, &bytes_n));
		blob_i = blob_add(m, IMG_BLOB_MAP, bytes, bytes_n, NULL);
	}
	free(pair);
	return blob_i;
}

void
maps_build(struct making *m)
{
	m->first_map = m->img->part[IMG_MAPS].n;
	for (const struct rule_map *map = m->set->maps; map != NULL; map = map->next) {
		struct img_map record = { .name = img_build_text(m->img, map->name.s),
					  .absent = img_build_text(m->img, map->absent.s),
					  .kind = map->kind,
					  .flags = map->ignores_case ? IMG_MAP_CASELESS : 0,
					  .blob_i = map_blob(m, map) };

		img_build_map(m->img, &record);
	}
}
