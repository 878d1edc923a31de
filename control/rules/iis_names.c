/*
 * iis_names.c - maps of one name in folders that do not see each other: the model's maps are the
 * set's, so each gets a name of its own ("map@/blog"), and rules say it where they said the map's.
 */
#include <string.h>
#include <strings.h>

#include "rules/iis_parts.h"

struct naming {
	struct iis_load *load;
	struct arena *arena;
	const struct iis_list *maps;
	/* Of the rule whose texts are being looked at. */
	const char *folder, *rule;
};

/* Gives the map of an entry its own name. */
static void
map_name(struct arena *arena, const struct iis_entry *entry)
{
	struct rule_map *map = entry->what;

	map->name.s = arena_format(arena, "%s@%s", entry->name.s, entry->level->folder);
}

/* What "{name:" of a rule becomes: the map's new name, or NULL: it stays. */
static const char *
new_name(const struct naming *naming, const char *text, size_t n, struct conf_pos pos)
{
	const char *name = arena_text(naming->arena, text, n);
	const struct iis_entry *entry = iis_list_find(naming->maps, naming->folder, name);
	struct iis_at at = { naming->load, "" };
	const struct rule_map *map;

	if (entry != NULL) {
		map = entry->what;
		return map->name.s != entry->name.s ? map->name.s : NULL;
	}
	entry = iis_list_any(naming->maps, name);
	if (entry != NULL)
		iis_refuse(&at, pos,
			   "rule '%s': the map '%s' of line %u belongs to the folder '%s'; define "
			   "it in '%s' or above",
			   naming->rule, name, entry->name.at.line, entry->level->folder,
			   naming->folder);
	return NULL;
}

static void
text_name(const struct naming *naming, struct rule_text *text)
{
	const char *open = text->s;

	while (open != NULL && (open = strchr(open, '{')) != NULL) {
		size_t begin = (size_t)(++open - text->s), n = strcspn(open, ":{}");
		const char *name = open[n] == ':' ? new_name(naming, open, n, text->at) : NULL;

		if (name == NULL)
			continue;
		text->s = arena_format(naming->arena, "%.*s%s%s", (int)begin, text->s, name,
				       open + n);
		open = text->s + begin + strlen(name);
	}
}

static void
conds_name(const struct naming *naming, const struct rule_conds *conds)
{
	for (struct rule_cond *cond = conds->first; cond != NULL; cond = cond->next)
		text_name(naming, &cond->input);
}

static void
scope_name(struct naming *naming, struct rule_scope *scope)
{
	for (struct rule *rule = scope->rules; rule != NULL; rule = rule->next) {
		naming->rule = rule->name.s;
		conds_name(naming, &rule->conds);
		for (struct rule_set_var *set = rule->set; set != NULL; set = set->next)
			text_name(naming, &set->value);
		text_name(naming, &rule->url);
		text_name(naming, &rule->reason);
		text_name(naming, &rule->body);
	}
	for (struct out_rule *rule = scope->outs; rule != NULL; rule = rule->next) {
		naming->rule = rule->name.s;
		conds_name(naming, &rule->conds);
		text_name(naming, &rule->value);
	}
	for (struct rule_pre *pre = scope->pres; pre != NULL; pre = pre->next) {
		naming->rule = pre->name.s;
		conds_name(naming, &pre->conds);
	}
}

void
iis_maps_name(struct iis_load *load, const struct iis_list *maps, struct rule_sets *sets)
{
	struct naming naming = { .load = load, .arena = load->arena, .maps = maps };

	for (const struct iis_entry *entry = maps->first; entry != NULL; entry = entry->next) {
		const struct iis_entry *twin = entry->is_gone ? NULL : entry->twin;

		for (; twin != NULL; twin = twin->twin) {
			if (twin->is_gone || strcasecmp(twin->name.s, entry->name.s) != 0)
				continue;
			map_name(load->arena, twin);
			map_name(load->arena, entry);
		}
	}
	for (struct rule_scope *scope = sets->scopes; scope != NULL; scope = scope->next) {
		naming.folder = scope->folder;
		scope_name(&naming, scope);
	}
}
