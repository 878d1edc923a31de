/*
 * identity.c - which slot and incarnation a rule has: the one that it had in the image before, by
 * set, scope and name, or one that nobody uses (conf/slots.h). So its counters go on.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "rules/parts.h"

/* A rule of the image before, or of the model. */
struct known {
	const char *set, *folder, *name;
	uint32_t scope_kind;
	uint32_t slot, incarnation;
	bool is_kept;
	struct known *next; /* of the same hash */
};

struct table {
	struct known *known;
	struct known **bucket;
	uint32_t n, bucket_n;
};

static uint32_t
key_hash(const struct known *known)
{
	const char *const part[] = { known->set, known->folder, known->name };
	uint32_t hash = 2166136261u + known->scope_kind;

	for (int i = 0; i < 3; i++)
		for (const char *at = part[i]; *at != '\0'; at++)
			hash = (hash ^ (uint8_t)*at) * 16777619u;
	return hash;
}

static struct known *
find(const struct table *table, const struct known *key)
{
	struct known *known;

	if (table->n == 0)
		return NULL;
	known = table->bucket[key_hash(key) % table->bucket_n];
	while (known != NULL &&
	       (known->scope_kind != key->scope_kind || strcmp(known->name, key->name) != 0 ||
		strcmp(known->folder, key->folder) != 0 || strcmp(known->set, key->set) != 0))
		known = known->next;
	return known;
}

static void
add(struct table *table, const struct img *img, const struct img_scope *scope, struct img_str name,
    uint32_t slot, uint32_t incarnation)
{
	struct known *known = &table->known[table->n++], **bucket;

	*known = (struct known){ .set = img_text(img, scope->set),
				 .folder = img_text(img, scope->folder),
				 .name = img_text(img, name),
				 .scope_kind = scope->kind,
				 .slot = slot,
				 .incarnation = incarnation };
	bucket = &table->bucket[key_hash(known) % table->bucket_n];
	known->next = *bucket;
	*bucket = known;
}

static void
table_fill(struct table *table, const struct img *img)
{
	uint32_t n = img_n(img, IMG_RULES) + img_n(img, IMG_OUT_RULES);

	table->bucket_n = n + 1;
	table->known = calloc((size_t)n + 1, sizeof(table->known[0]));
	table->bucket = calloc((size_t)n + 1, sizeof(struct known *));
	ensure(table->known != NULL && table->bucket != NULL);
	for (uint32_t i = 0; i < img_n(img, IMG_SCOPES); i++) {
		const struct img_scope *scope = img_scope(img, i);

		for (uint32_t k = scope->first_rule; k < scope->first_rule + scope->rule_n; k++) {
			if (scope->kind == IMG_SCOPE_OUTBOUND)
				add(table, img, scope, img_out_rule(img, k)->name,
				    img_out_rule(img, k)->slot, img_out_rule(img, k)->incarnation);
			else
				add(table, img, scope, img_rule(img, k)->name,
				    img_rule(img, k)->slot, img_rule(img, k)->incarnation);
		}
	}
}

/* ---- the model's rules ---- */

struct identified {
	struct known key;
	uint32_t *slot, *incarnation;
};

static void
keep(struct table *table, const struct identified *rule)
{
	struct known *known = find(table, &rule->key);

	if (known == NULL || known->is_kept)
		return;
	known->is_kept = true;
	*rule->slot = known->slot;
	*rule->incarnation = known->incarnation;
}

static struct identified *
collect(struct making *m, struct scope_made *scopes, uint32_t *ret_n)
{
	struct identified *list;
	uint32_t n = 0;

	for (struct scope_made *scope = scopes; scope != NULL; scope = scope->next)
		n += scope->rule_n;
	list = arena_take(&m->arena, ((size_t)n + 1) * sizeof(*list));
	n = 0;
	for (struct scope_made *scope = scopes; scope != NULL; scope = scope->next) {
		struct known key = { .set = set_name(scope->set),
				     .folder = folder_of(scope->from),
				     .scope_kind = scope->from->kind };

		for (struct rule_made *rule = scope->rules; rule != NULL; rule = rule->next) {
			key.name = rule->from->name.s;
			list[n++] = (struct identified){ key, &rule->slot, &rule->incarnation };
		}
		for (struct out_made *out = scope->outs; out != NULL; out = out->next) {
			key.name = out->from->name.s;
			list[n++] = (struct identified){ key, &out->slot, &out->incarnation };
		}
	}
	*ret_n = n;
	return list;
}

void
identify(struct making *m, struct scope_made *scopes)
{
	struct slots none = { 0 };
	struct slots *slots = m->env->slots == NULL ? &none : m->env->slots;
	struct table table = { 0 };
	uint32_t n;
	struct identified *list = collect(m, scopes, &n);

	if (m->env->before != NULL)
		table_fill(&table, m->env->before);
	for (uint32_t i = 0; i < n; i++)
		keep(&table, &list[i]);
	for (uint32_t i = 0; i < table.n; i++)
		if (!table.known[i].is_kept)
			slots_retire(slots, IMG_KIND_RULE, table.known[i].slot,
				     table.known[i].incarnation);
	/* There are fewer rules than slots, so one that was retired serves when no new one is left. */
	for (uint32_t i = 0; i < n; i++)
		if (*list[i].incarnation == 0)
			ensure(slots_take(slots, IMG_RULES_MAX, list[i].slot, list[i].incarnation));
	slots_fini(&none);
	free(table.known);
	free(table.bucket);
}
