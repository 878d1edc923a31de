/*
 * twice.c - keys that a rewrite map has more than once, see model.h.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "rules/model.h"

struct place {
	const struct rule_pair *pair;
	uint32_t i; /* in the map's order */
};

static int
case_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->pair->key.s, y->pair->key.s);

	return order != 0 ? order : (x->i > y->i) * 2 - 1;
}

static int
caseless_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcasecmp(x->pair->key.s, y->pair->key.s);

	return order != 0 ? order : (x->i > y->i) * 2 - 1;
}

void
rule_map_twice(const struct rule_map *map,
	       void (*on_twice)(void *ctx, const struct rule_text *key,
				const struct rule_text *before),
	       void *ctx)
{
	int (*compare)(const char *, const char *) = map->ignores_case ? strcasecmp : strcmp;
	struct place *place = calloc(map->pair_n + 1, sizeof(*place));
	uint32_t n = 0;

	ensure(place != NULL);
	for (const struct rule_pair *pair = map->first; pair != NULL; pair = pair->next, n++)
		place[n] = (struct place){ pair, n };
	qsort(place, n, sizeof(*place), map->ignores_case ? caseless_order : case_order);
	for (uint32_t i = 1; i < n; i++)
		if (compare(place[i - 1].pair->key.s, place[i].pair->key.s) == 0)
			on_twice(ctx, &place[i].pair->key, &place[i - 1].pair->key);
	free(place);
}
