/*
 * iis_sets.c - levels to the model: what each adds, clears and removes (1.3), then a scope for
 * each run of rules that one level wrote and the same folders see.
 *
 * Preconditions and custom tags go with the scopes whose rules see them. Maps are the set's; two
 * of one name in folders that do not see each other get names of their own, in rules too.
 */
#include <string.h>
#include <strings.h>

#include "rules/iis_parts.h"

struct build {
	struct iis_load *load;
	struct rule_sets *sets;
	struct iis_list globals, locals, outs, pres, tags, maps, allowed;
	struct rule_scope **last_scope;
};

/* What an element of a collection is in words, and what reads it. */
struct kind {
	const char *element;
	const char *what; /* "rule" */
	void *(*read)(struct iis_load *load, const struct iis_node *node,
		      struct rule_text *ret_name);
};

static bool
is_broken_name(struct rule_text name)
{
	return name.s == NULL || name.s[0] == 0;
}

static void
item_add(struct iis_load *load, struct iis_list *list, const struct iis_level *level,
	 const struct iis_node *node, const struct kind *kind)
{
	const struct iis_entry *earlier;
	struct iis_at at = { load, "" };
	struct rule_text name;
	void *what = kind->read(load, node, &name);

	if (is_broken_name(name))
		return;
	earlier = iis_list_find(list, level->folder, name.s);
	if (earlier != NULL) {
		iis_refuse(&at, name.at,
			   "%s '%s': the name is already in use in line %u of %s; "
			   "give it another, or <remove name=\"%s\"/> that one before",
			   kind->what, name.s, earlier->name.at.line, earlier->name.at.file,
			   name.s);
		return;
	}
	iis_list_add(list, level, name, what);
}

static void
item_remove(struct iis_load *load, struct iis_list *list, const struct iis_level *level,
	    const struct iis_node *node, const struct kind *kind)
{
	struct iis_at at = { load, "" };
	struct rule_text name = iis_needed(&at, node, "name", "name=\"...\" of what is to go");

	iis_leaf_end(&at, node);
	if (!is_broken_name(name) && !iis_list_remove(list, level, name.s))
		iis_warn(&at, name.at,
			 "there is no %s '%s' to remove; remove this, or correct the "
			 "name",
			 kind->what, name.s);
}

/* False: the element is none of a collection of this kind. */
static bool
item_read(struct iis_load *load, struct iis_list *list, const struct iis_level *level,
	  const struct iis_node *node, const struct kind *kind)
{
	struct iis_at at = { load, "" };

	if (iis_is(node, kind->element)) {
		item_add(load, list, level, node, kind);
	} else if (iis_is(node, "clear")) {
		iis_leaf_end(&at, node);
		iis_list_clear(list, level);
	} else if (iis_is(node, "remove")) {
		item_remove(load, list, level, node, kind);
	} else {
		return false;
	}
	return true;
}

static void
items_read(struct iis_load *load, struct iis_list *list, const struct iis_level *level,
	   const struct iis_node *section, const struct kind *kind)
{
	struct iis_at at = { load, "" };

	for (const struct iis_node *node = section->first; node != NULL; node = node->next)
		if (!item_read(load, list, level, node, kind))
			iis_stranger(&at, node, section,
				     arena_format(load->arena, "<%s>, <clear/> and <remove/>",
						  kind->element));
}

/* ---- the kinds ---- */

static void *
global_read(struct iis_load *load, const struct iis_node *node, struct rule_text *ret_name)
{
	struct rule *rule = iis_rule_read(load, node, IIS_GLOBAL);

	*ret_name = rule->name;
	return rule;
}

static void *
local_read(struct iis_load *load, const struct iis_node *node, struct rule_text *ret_name)
{
	struct rule *rule = iis_rule_read(load, node, IIS_LOCAL);

	*ret_name = rule->name;
	return rule;
}

static void *
out_read(struct iis_load *load, const struct iis_node *node, struct rule_text *ret_name)
{
	struct out_rule *rule = iis_out_read(load, node);

	*ret_name = rule->name;
	return rule;
}

static void *
pre_read(struct iis_load *load, const struct iis_node *node, struct rule_text *ret_name)
{
	struct rule_pre *pre = iis_pre_read(load, node);

	*ret_name = pre->name;
	return pre;
}

static void *
tags_read(struct iis_load *load, const struct iis_node *node, struct rule_text *ret_name)
{
	struct rule_tags *tags = iis_tags_read(load, node);

	*ret_name = tags->name;
	return tags;
}

static void *
map_read(struct iis_load *load, const struct iis_node *node, struct rule_text *ret_name)
{
	struct rule_map *map = iis_map_read(load, node);

	*ret_name = map->name;
	return map;
}

static void *
provider_read(struct iis_load *load, const struct iis_node *node, struct rule_text *ret_name)
{
	struct rule_map *map = iis_provider_read(load, node);

	*ret_name = map->name;
	return map;
}

static void *
allowed_read(struct iis_load *load, const struct iis_node *node, struct rule_text *ret_name)
{
	struct rule_allowed *allowed = arena_take(load->arena, sizeof(*allowed));
	struct iis_at at = { load, "" };

	allowed->name = iis_needed(&at, node, "name", "name=\"HTTP_X_NAME\" or the like");
	iis_leaf_end(&at, node);
	*ret_name = allowed->name;
	return allowed;
}

static const struct kind global_kind = { "rule", "rule", global_read };
static const struct kind local_kind = { "rule", "rule", local_read };
static const struct kind out_kind = { "rule", "outbound rule", out_read };
static const struct kind pre_kind = { "preCondition", "precondition", pre_read };
static const struct kind tags_kind = { "tags", "list of tags", tags_read };
static const struct kind map_kind = { "rewriteMap", "rewrite map", map_read };
static const struct kind provider_kind = { "provider", "map or provider", provider_read };
static const struct kind allowed_kind = { "add", "allowed variable", allowed_read };

/* ---- sections of a level ---- */

static void
rules_read(struct build *build, const struct iis_level *level, const struct iis_node *section,
	   struct iis_list *list, const struct kind *kind)
{
	struct iis_at at = { build->load, "" };

	iis_bool_of(&at, section, "useOriginalURLEncoding", true);
	iis_attrs_end(&at, section);
	items_read(build->load, list, level, section, kind);
}

/* A rule's precondition and tags are those that its level sees. */
static void
names_check(struct build *build, const struct iis_level *level)
{
	for (struct iis_entry *entry = build->outs.first; entry != NULL; entry = entry->next) {
		const struct out_rule *rule = entry->what;
		struct iis_at at = { build->load, "" };

		if (entry->level != level)
			continue;
		if (!is_broken_name(rule->pre) &&
		    iis_list_find(&build->pres, level->folder, rule->pre.s) == NULL)
			iis_refuse(
				&at, rule->pre.at,
				"outbound rule '%s': there is no precondition '%s'; define it in "
				"<preConditions>, or correct the name",
				rule->name.s, rule->pre.s);
		if (!is_broken_name(rule->custom) &&
		    iis_list_find(&build->tags, level->folder, rule->custom.s) == NULL)
			iis_refuse(
				&at, rule->custom.at,
				"outbound rule '%s': there are no custom tags '%s'; define them in "
				"<customTags>, or correct the name",
				rule->name.s, rule->custom.s);
	}
}

static void
outbound_read(struct build *build, const struct iis_level *level, const struct iis_node *section)
{
	struct iis_load *load = build->load;
	struct iis_at at = { load, "" };

	iis_bool_of(&at, section, "rewriteBeforeCache", false);
	iis_attrs_end(&at, section);
	for (const struct iis_node *node = section->first; node != NULL; node = node->next) {
		if (iis_is(node, "preConditions"))
			items_read(load, &build->pres, level, node, &pre_kind);
		else if (iis_is(node, "customTags"))
			items_read(load, &build->tags, level, node, &tags_kind);
		else if (!item_read(load, &build->outs, level, node, &out_kind))
			iis_stranger(&at, node, section,
				     "<rule>, <preConditions>, <customTags>, <clear/> and "
				     "<remove/>");
	}
	names_check(build, level);
}

static void
plain_read(struct build *build, const struct iis_level *level, enum iis_section section,
	   struct iis_list *list, const struct kind *kind)
{
	const struct iis_node *node = level->section[section];
	struct iis_at at = { build->load, "" };

	if (node == NULL)
		return;
	iis_attrs_end(&at, node);
	items_read(build->load, list, level, node, kind);
}

static void
level_read(struct build *build, const struct iis_level *level)
{
	const struct iis_node *const *section = level->section;
	struct iis_at at = { build->load, "" };

	plain_read(build, level, IIS_SECTION_MAPS, &build->maps, &map_kind);
	plain_read(build, level, IIS_SECTION_PROVIDERS, &build->maps, &provider_kind);
	plain_read(build, level, IIS_SECTION_ALLOWED, &build->allowed, &allowed_kind);
	if (section[IIS_SECTION_GLOBAL] != NULL) {
		if (level->rank != IIS_RANK_HOST)
			iis_refuse(
				&at, section[IIS_SECTION_GLOBAL]->at,
				"<globalRules> stands in applicationHost.config alone, outside of "
				"locations; move it there, or the rules into <rules>");
		rules_read(build, level, section[IIS_SECTION_GLOBAL], &build->globals,
			   &global_kind);
	}
	if (section[IIS_SECTION_LOCAL] != NULL)
		rules_read(build, level, section[IIS_SECTION_LOCAL], &build->locals, &local_kind);
	if (section[IIS_SECTION_OUTBOUND] != NULL)
		outbound_read(build, level, section[IIS_SECTION_OUTBOUND]);
}

/* ---- scopes ---- */

/* An attribute of a section as a level sees it: its own, else its parents'. */
static bool
inherited_bool(const struct iis_levels *levels, const struct iis_level *level,
	       enum iis_section section, const char *name, bool absent)
{
	bool value = absent;

	for (const struct iis_level *above = levels->first; above != NULL; above = above->next) {
		const struct iis_node *node = above->section[section];
		const char *text = node != NULL && iis_is_below(level->folder, above->folder)
					   ? iis_text_of(node, name).s
					   : NULL;

		if (text != NULL)
			value = strcasecmp(text, "true") == 0;
		if (above == level)
			break;
	}
	return value;
}

static bool
are_seen_alike(const struct iis_entry *a, const struct iis_entry *b)
{
	const struct rule_folder *x = a->excepts, *y = b->excepts;

	for (; x != NULL && y != NULL; x = x->next, y = y->next)
		if (strcasecmp(x->folder, y->folder) != 0)
			return false;
	return x == y && a->level == b->level;
}

static struct rule_scope *
scope_add(struct build *build, const struct iis_entry *entry, enum img_scope_kind kind,
	  enum iis_section section)
{
	struct rule_scope *scope = arena_take(build->load->arena, sizeof(*scope));

	scope->at = entry->level->section[section]->at;
	scope->kind = kind;
	scope->folder = kind == IMG_SCOPE_GLOBAL ? "/" : entry->level->folder;
	scope->excepts = entry->excepts;
	*build->last_scope = scope;
	build->last_scope = &scope->next;
	return scope;
}

static void
scopes_of_rules(struct build *build, const struct iis_levels *levels, struct iis_list *list,
		enum img_scope_kind kind, enum iis_section section)
{
	const struct iis_entry *before = NULL;
	struct rule **last = NULL;

	for (const struct iis_entry *entry = list->first; entry != NULL; entry = entry->next) {
		if (entry->is_gone)
			continue;
		if (before == NULL || !are_seen_alike(before, entry)) {
			struct rule_scope *scope = scope_add(build, entry, kind, section);

			scope->keeps_escapes = !inherited_bool(levels, entry->level, section,
							       "useOriginalURLEncoding", true);
			last = &scope->rules;
		}
		*last = entry->what;
		last = &(*last)->next;
		before = entry;
	}
}

/* Copies: a precondition may go with several scopes. */
static void
scope_names(struct build *build, struct rule_scope *scope)
{
	struct rule_pre **pre = &scope->pres;
	struct rule_tags **tags = &scope->customs;
	struct iis_entry *entry;

	for (entry = build->pres.first; entry != NULL; entry = entry->next) {
		if (!iis_is_seen(entry, scope->folder))
			continue;
		*pre = arena_take(build->load->arena, sizeof(**pre));
		**pre = *(const struct rule_pre *)entry->what;
		pre = &(*pre)->next;
		entry->is_carried = true;
	}
	for (entry = build->tags.first; entry != NULL; entry = entry->next) {
		if (!iis_is_seen(entry, scope->folder))
			continue;
		*tags = arena_take(build->load->arena, sizeof(**tags));
		**tags = *(const struct rule_tags *)entry->what;
		tags = &(*tags)->next;
	}
}

static void
scopes_of_outs(struct build *build, const struct iis_levels *levels)
{
	const struct iis_entry *before = NULL;
	struct out_rule **last = NULL;

	for (const struct iis_entry *entry = build->outs.first; entry != NULL;
	     entry = entry->next) {
		if (entry->is_gone)
			continue;
		if (before == NULL || !are_seen_alike(before, entry)) {
			struct rule_scope *scope =
				scope_add(build, entry, IMG_SCOPE_OUTBOUND, IIS_SECTION_OUTBOUND);

			scope->before_cache =
				inherited_bool(levels, entry->level, IIS_SECTION_OUTBOUND,
					       "rewriteBeforeCache", false);
			scope_names(build, scope);
			last = &scope->outs;
		}
		*last = entry->what;
		last = &(*last)->next;
		before = entry;
	}
}

/* Preconditions that no rule sees stand in scopes without rules: they are checked like others. */
static void
scopes_of_pres(struct build *build)
{
	for (struct iis_entry *entry = build->pres.first; entry != NULL; entry = entry->next)
		if (!entry->is_gone && !entry->is_carried)
			scope_names(build, scope_add(build, entry, IMG_SCOPE_OUTBOUND,
						     IIS_SECTION_OUTBOUND));
}

/* ---- maps ---- */

static void
maps_give(struct build *build)
{
	struct rule_map **map = &build->sets->maps;
	struct rule_allowed **allowed = &build->sets->allowed;
	const struct iis_entry *entry;

	for (entry = build->maps.first; entry != NULL; entry = entry->next) {
		if (entry->is_gone)
			continue;
		*map = entry->what;
		map = &(*map)->next;
	}
	for (entry = build->allowed.first; entry != NULL; entry = entry->next) {
		if (entry->is_gone)
			continue;
		*allowed = entry->what;
		allowed = &(*allowed)->next;
	}
}

struct rule_sets *
iis_sets(struct iis_load *load, const struct iis_levels *levels)
{
	struct build *build = arena_take(load->arena, sizeof(*build));
	struct iis_list *const list[] = { &build->globals, &build->locals, &build->outs,
					  &build->pres,	   &build->tags,   &build->maps,
					  &build->allowed };

	build->load = load;
	build->sets = arena_take(load->arena, sizeof(*build->sets));
	build->last_scope = &build->sets->scopes;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		list[i]->arena = load->arena;
	for (const struct iis_level *level = levels->first; level != NULL; level = level->next)
		level_read(build, level);
	scopes_of_rules(build, levels, &build->globals, IMG_SCOPE_GLOBAL, IIS_SECTION_GLOBAL);
	scopes_of_rules(build, levels, &build->locals, IMG_SCOPE_LOCAL, IIS_SECTION_LOCAL);
	scopes_of_outs(build, levels);
	scopes_of_pres(build);
	iis_maps_name(build->load, &build->maps, build->sets);
	maps_give(build);
	return build->sets;
}
