/*
 * rules_compiled.c - random rules (rules_made.h) through the compiler of rules.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/arena.h"
#include "conf/errs.h"
#include "conf/slots.h"
#include "rules/program.h"
#include "rules_made.h"

static struct rule_text
text_of(const char *s)
{
	return (struct rule_text){ .s = s };
}

static struct rule_cond *
model_conds(struct arena *arena, const struct made_rule *from)
{
	struct rule_cond *first = NULL, **at = &first;

	for (uint32_t i = 0; i < from->cond_n; i++) {
		struct rule_cond *c = *at = arena_take(arena, sizeof(*c));

		*c = (struct rule_cond){ .kind = from->cond[i].kind,
					 .input = text_of(from->cond[i].input),
					 .pattern = text_of(from->cond[i].pattern),
					 .ignores_case = !from->cond[i].is_caseful,
					 .is_negated = (from->cond[i].flags & IMG_COND_NEGATE) != 0,
					 .or_next = (from->cond[i].flags & IMG_COND_OR) != 0 };
		at = &c->next;
	}
	return first;
}

static struct rule *
model_rule(struct arena *arena, const struct made_rule *from, uint32_t i)
{
	static const char *const farm[] = { "one", "two" };
	struct rule *r = arena_take(arena, sizeof(*r));

	*r = (struct rule){ .name = text_of(
				    arena_format(arena, "rule %u of %p", i, (const void *)from)),
			    .is_enabled = true,
			    .stops = (from->flags & IMG_RULE_STOP) != 0,
			    .match = text_of(from->pattern),
			    .ignores_case = !from->is_caseful,
			    .is_negated = (from->flags & IMG_RULE_NEGATE) != 0,
			    .action = from->action,
			    .url = text_of(from->url),
			    .appends_query = (from->flags & IMG_RULE_APPEND_QUERY) != 0,
			    .status = from->action == IMG_ACTION_REDIRECT  ? 301
				      : from->action == IMG_ACTION_RESPOND ? 403
									   : 0 };
	r->conds.first = model_conds(arena, from);
	r->conds.match_any = (from->flags & IMG_RULE_MATCH_ANY) != 0;
	r->conds.track_all = (from->flags & IMG_RULE_TRACK_ALL) != 0;
	if (from->action == IMG_ACTION_FARM)
		r->farm = text_of(farm[from->farm_i]);
	if (from->set[0].header != NULL) {
		r->set = arena_take(arena, sizeof(*r->set));
		*r->set = (struct rule_set_var){ .name = text_of(from->set[0].header),
						 .is_header = from->set[0].header[0] == 'x',
						 .value = text_of(from->set[0].value),
						 .replaces = true };
	}
	return r;
}

static struct rule_scope *
model_scope(struct arena *arena, const struct made_scope *from)
{
	struct rule_scope *s = arena_take(arena, sizeof(*s));
	struct rule **at = &s->rules;

	*s = (struct rule_scope){ .kind = from->kind,
				  .folder = from->folder == NULL ? "/" : from->folder };
	for (uint32_t i = 0; i < from->rule_n; i++) {
		*at = model_rule(arena, &from->rule[i], i);
		at = &(*at)->next;
	}
	return s;
}

bool
same_set(const struct made_scope *a, const struct made_scope *b)
{
	return (a->set == NULL) == (b->set == NULL);
}

/* Both sets, each with its scopes in their order. */
static struct rule_sets *
model_sets(struct arena *arena, const struct set *set)
{
	struct rule_sets *first = NULL, **at = &first;

	for (uint32_t other = 0; other < 2; other++) {
		const struct made_scope like = { .set = other != 0 ? "other" : NULL };
		struct rule_sets *s = arena_take(arena, sizeof(*s));
		struct rule_scope **to = &s->scopes;

		*s = (struct rule_sets){ .name = text_of(other != 0 ? "other" : "set") };
		for (uint32_t i = 0; i < set->scope_n; i++)
			if (same_set(&set->scope[i], &like)) {
				*to = model_scope(arena, &set->scope[i]);
				to = &(*to)->next;
			}
		*at = s;
		at = &s->next;
	}
	return first;
}

static uint32_t
farm_of(const void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "one") == 0 ? 0 : 1;
}

/* Where scope i of the set lies in the image: sets follow each other there. */
static uint32_t
scope_at(const struct set *set, uint32_t i)
{
	uint32_t at = 0;

	for (uint32_t k = 0; k < set->scope_n; k++)
		if (same_set(&set->scope[k], &set->scope[i]) ? k < i : set->scope[k].set == NULL)
			at++;
	return at;
}

/* Copies: the program goes. */
static struct rules_blob *
blobs_of(const struct program *program)
{
	struct rules_blob *blob = calloc(program->blob_n + 1, sizeof(blob[0]));

	for (uint32_t i = 0; blob != NULL && i < program->blob_n; i++) {
		uint8_t *p = malloc(program->blob[i].n);

		memcpy(p, program->blob[i].bytes, program->blob[i].n);
		blob[i] = (struct rules_blob){ p, program->blob[i].n };
	}
	return blob;
}

/* False: the compiler refuses the set. */
bool
set_compile(struct set *set, bool has_databases)
{
	struct conf_errs errs = { 0 }, warns = { 0 };
	struct arena arena = { 0 };
	struct slots slots;
	struct program program;
	struct program_env env = { .farm = farm_of,
				   .slots = &slots,
				   .wants_databases = has_databases };
	struct img_build b;
	uint32_t bind[SCOPES_MOST];
	bool ok;

	img_build_init(&b, realloc);
	slots_init(&slots, IMG_KIND_RULE, NULL);
	ok = program_build(model_sets(&arena, set), &env, &b, &program, &errs, &warns);
	if (!ok && getenv("PENSTOCK_SHOW") != NULL)
		conf_errs_print(&errs, stdout);
	for (uint32_t i = 0; i < set->scope_n; i++)
		bind[i] = scope_at(set, i);
	if (ok)
		made_finish(&set->made, &b, bind, set->scope_n,
			    has_databases ? blobs_of(&program) : NULL,
			    has_databases ? program.blob_n : 0);
	for (uint32_t i = 0; ok && i < set->scope_n; i++)
		set->first_rule[i] = img_scope(&set->made.img, bind[i])->first_rule;
	img_build_fini(&b);
	program_fini(&program);
	slots_fini(&slots);
	conf_errs_fini(&errs);
	conf_errs_fini(&warns);
	arena_fini(&arena);
	return ok;
}
