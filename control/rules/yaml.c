/*
 * yaml.c - a set as the section `rules` of penstock.yaml, see yaml.h: names, maps, scopes, and
 * what a reader should know first, as comments.
 */
#include "rules/yaml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ensure.h"
#include "rules/yaml_parts.h"

enum {
	INLINE_PAIRS = 1000, /* a larger map goes into a file of its own */
	PAIRS_MAX = 9000,    /* of one that no file can hold: YAML's own limit */
	HOSTS_MAX = 20,	     /* told in a comment */
};

/* ---- names ---- */

/* The names of rules of all scopes, for sorting. */
static uint32_t
names_collect(const struct rule_sets *set, struct rule_text **names)
{
	uint32_t n = 0;

	for (struct rule_scope *scope = set->scopes; scope != NULL; scope = scope->next) {
		for (struct rule *rule = scope->rules; rule != NULL; rule = rule->next, n++)
			if (names != NULL)
				names[n] = &rule->name;
		for (struct out_rule *rule = scope->outs; rule != NULL; rule = rule->next, n++)
			if (names != NULL)
				names[n] = &rule->name;
	}
	return n;
}

static int
name_order(const void *a, const void *b)
{
	const struct rule_text *x = *(struct rule_text *const *)a;
	const struct rule_text *y = *(struct rule_text *const *)b;

	return strcasecmp(x->s, y->s);
}

/* In a set of YAML a name is there once, in all folders and for both directions. */
static void
names_part(struct arena *arena, struct rule_sets *set)
{
	uint32_t n = names_collect(set, NULL), same = 1;
	struct rule_text **names = arena_take(arena, (n + 1) * sizeof(*names));
	const char **given = arena_take(arena, (n + 1) * sizeof(*given));

	names_collect(set, names);
	qsort(names, n, sizeof(*names), name_order);
	for (uint32_t i = 0; i < n; i++)
		given[i] = names[i]->s;
	for (uint32_t i = 1; i < n; i++) {
		same = strcasecmp(given[i], given[i - 1]) == 0 ? same + 1 : 1;
		if (same > 1)
			names[i]->s = arena_format(arena, "%s (%u)", given[i], same);
	}
}

/* ---- maps ---- */

/* Can the map be a file of lines "key, tab, value"? */
static bool
fits_file(const struct rule_map *map)
{
	for (const struct rule_pair *pair = map->first; pair != NULL; pair = pair->next)
		if (pair->key.s[0] == 0 || strpbrk(pair->key.s, "\t\r\n") != NULL ||
		    strpbrk(pair->value.s, "\r\n") != NULL)
			return false;
	return true;
}

static struct yaml_file *
file_make(struct yaml *yaml, const struct rule_map *map, const char *stem, uint32_t i)
{
	struct yaml_file *file = arena_take(yaml->arena, sizeof(*file));
	char *name = arena_format(yaml->arena, "%s.%s.%u.tsv", stem, map->name.s, i);
	char *bytes = NULL;
	FILE *to = open_memstream(&bytes, &file->n);

	ensure(to != NULL);
	for (char *p = name; *p != 0; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.", *p) == NULL)
			*p = '-';
	for (const struct rule_pair *pair = map->first; pair != NULL; pair = pair->next)
		if (map->kind == IMG_MAP_CONTAINS)
			fprintf(to, "%s\n", pair->key.s);
		else
			fprintf(to, "%s\t%s\n", pair->key.s, pair->value.s);
	fclose(to);
	file->name = name;
	file->bytes = arena_text(yaml->arena, bytes, file->n);
	free(bytes);
	return file;
}

static void
keys_put(struct yaml *yaml, const struct rule_map *map)
{
	if (map->first == NULL) {
		yaml_line(yaml, "keys: {}");
		return;
	}
	yaml_open(yaml, "keys");
	for (const struct rule_pair *pair = map->first; pair != NULL; pair = pair->next) {
		if (pair->key.s[0] == 0)
			conf_err_add(yaml->errs, pair->key.at,
				     "rewrite map '%s': YAML has no empty key; remove this one, or "
				     "keep the map in IIS' form",
				     map->name.s);
		yaml_pair(yaml, pair->key.s, yaml_quoted(yaml, pair->value.s));
	}
	yaml_close(yaml);
}

/* The file that it needs, NULL: none. */
static struct yaml_file *
map_put(struct yaml *yaml, const struct rule_map *map, const char *stem, uint32_t i)
{
	bool wants_file = map->kind == IMG_MAP_CONTAINS || map->pair_n > INLINE_PAIRS;
	bool has_file = wants_file && stem != NULL && fits_file(map);
	struct yaml_file *file = has_file ? file_make(yaml, map, stem, i) : NULL;

	if (!has_file && (map->kind == IMG_MAP_CONTAINS || map->pair_n > PAIRS_MAX))
		conf_err_add(yaml->errs, map->at,
			     "the keys of '%s' belong into a file of their own; %s", map->name.s,
			     stem == NULL ? "give -o FILE, beside which it is written"
					  : "take empty ones and those with tabs or line breaks "
					    "out of it");
	yaml_item(yaml);
	yaml_line(yaml, "map: %s", yaml_quoted(yaml, map->name.s));
	if (map->absent.s[0] != 0)
		yaml_line(yaml, "default: %s", yaml_quoted(yaml, map->absent.s));
	if (!map->ignores_case)
		yaml_line(yaml, "ignore_case: false");
	if (map->kind == IMG_MAP_CONTAINS)
		yaml_line(yaml, "contains: true");
	if (has_file)
		yaml_line(yaml, "file: %s", yaml_quoted(yaml, file->name));
	else if (map->kind == IMG_MAP_KEYS)
		keys_put(yaml, map);
	yaml_item_close(yaml);
	return file;
}

/* ---- scopes ---- */

/* Rules of the root, as IIS runs them, need no group. */
static bool
is_plain_scope(const struct rule_scope *scope)
{
	return scope->kind != IMG_SCOPE_GLOBAL && strcmp(scope->folder, "/") == 0 &&
	       scope->excepts == NULL && !scope->keeps_escapes && !scope->keeps_spelling &&
	       !scope->before_cache;
}

static void
rules_put(struct yaml *yaml, const struct rule_scope *scope)
{
	for (const struct rule *rule = scope->rules; rule != NULL; rule = rule->next)
		yaml_rule(yaml, rule);
	for (const struct out_rule *rule = scope->outs; rule != NULL; rule = rule->next)
		yaml_edit(yaml, rule, scope);
}

static bool
has_rules(const struct rule_scope *scope)
{
	return scope->rules != NULL || scope->outs != NULL;
}

/* A folder as YAML has them, which are not patterns. */
static const char *
folder_text(struct yaml *yaml, const struct rule_scope *scope, const char *folder)
{
	if (strpbrk(folder, "?#*\\") != NULL)
		conf_err_add(
			yaml->errs, scope->at,
			"the folder '%s' has a character that YAML's folders have not; keep it "
			"in IIS' form",
			folder);
	return yaml_quoted(yaml, folder);
}

static void
group_put(struct yaml *yaml, const struct rule_scope *scope)
{
	const char *text = "";

	yaml_item(yaml);
	if (scope->kind == IMG_SCOPE_GLOBAL)
		yaml_line(yaml, "global: true");
	else
		yaml_line(yaml, "folder: %s", folder_text(yaml, scope, scope->folder));
	for (const struct rule_folder *f = scope->excepts; f != NULL; f = f->next)
		text = arena_format(yaml->arena, "%s%s%s", text, text[0] == 0 ? "" : ", ",
				    folder_text(yaml, scope, f->folder));
	if (text[0] != 0)
		yaml_line(yaml, "except: [%s]", text);
	if (scope->keeps_escapes)
		yaml_line(yaml, "keep_escapes: true");
	if (scope->keeps_spelling)
		yaml_line(yaml, "keep_spelling: true");
	if (scope->before_cache)
		yaml_line(yaml, "before_cache: true");
	yaml_open(yaml, "rules");
	rules_put(yaml, scope);
	yaml_close(yaml);
	yaml_item_close(yaml);
}

/* ---- comments ---- */

static void
comment_put(struct yaml *yaml, const char *text)
{
	fprintf(yaml->to, "# ");
	for (; *text != 0; text++)
		fputc((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text, yaml->to);
	fputc('\n', yaml->to);
}

/* The host of an absolute URL, with its port; NULL: it is a path. */
static const char *
host_of(struct arena *arena, const char *url)
{
	const char *host = strstr(url, "://");
	const char *slash = strchr(url, '/');

	if (host == NULL || slash != host + 1)
		return NULL;
	host += 3;
	return arena_text(arena, host, strcspn(host, "/?#"));
}

/* Hosts that rules rewrite to: farms of that name must be there, or what stands for them. */
static void
hosts_comment(struct yaml *yaml, const struct rule_sets *set)
{
	const char *host[HOSTS_MAX], *text = "";
	uint32_t n = 0;

	for (const struct rule_scope *scope = set->scopes; scope != NULL; scope = scope->next)
		for (const struct rule *rule = scope->rules; rule != NULL; rule = rule->next) {
			const char *found = rule->action == IMG_ACTION_REWRITE
						    ? host_of(yaml->arena, rule->url.s)
						    : NULL;
			uint32_t i = 0;

			while (found != NULL && i < n && strcasecmp(host[i], found) != 0)
				i++;
			if (found == NULL || i < n || n == HOSTS_MAX)
				continue;
			host[n++] = found;
			text = arena_format(yaml->arena, "%s%s%s", text, n == 1 ? "" : ", ", found);
		}
	if (n > 0)
		comment_put(yaml,
			    arena_format(yaml->arena,
					 "Rules send requests to %s: each must be the name of a "
					 "farm, or plain_hosts or dynamic_hosts must allow it.",
					 text));
}

static void
comments_put(struct yaml *yaml, const struct rule_sets *set, const struct conf_errs *warns)
{
	comment_put(yaml, "Rules of IIS URL Rewrite, as penstockctl import iis has read them.");
	hosts_comment(yaml, set);
	for (uint32_t i = 0; warns != NULL && i < warns->n; i++)
		comment_put(yaml, conf_err_text(&warns->err[i], yaml->arena));
	if (warns != NULL && warns->more > 0)
		comment_put(yaml, arena_format(yaml->arena, "and %u more", warns->more));
}

/* ---- the set ---- */

static void
allowed_put(struct yaml *yaml, const struct rule_sets *set)
{
	const char *text = "";

	if (!set->is_strict)
		return;
	for (const struct rule_allowed *a = set->allowed; a != NULL; a = a->next)
		text = arena_format(yaml->arena, "%s%s%s", text, text[0] == 0 ? "" : ", ",
				    yaml_quoted(yaml, a->name.s));
	yaml_item(yaml);
	yaml_line(yaml, "allow: [%s]", text);
	yaml_item_close(yaml);
}

static bool
is_empty(const struct rule_sets *set)
{
	const struct rule_scope *scope = set->scopes;

	while (scope != NULL && !has_rules(scope))
		scope = scope->next;
	return scope == NULL && set->maps == NULL && !set->is_strict;
}

static void
set_put(struct yaml *yaml, const struct rule_sets *set, const struct yaml_options *options,
	struct yaml_file **last)
{
	uint32_t i = 0;

	yaml_open(yaml, "rules");
	if (is_empty(set)) {
		yaml_line(yaml, "%s: []", yaml_quoted(yaml, options->set));
		yaml_close(yaml);
		return;
	}
	yaml_open(yaml, yaml_quoted(yaml, options->set));
	allowed_put(yaml, set);
	for (const struct rule_map *map = set->maps; map != NULL; map = map->next) {
		struct yaml_file *file = map_put(yaml, map, options->stem, i++);

		if (file == NULL)
			continue;
		*last = file;
		last = &file->next;
	}
	for (const struct rule_scope *scope = set->scopes; scope != NULL; scope = scope->next)
		if (is_plain_scope(scope))
			rules_put(yaml, scope);
		else if (has_rules(scope))
			group_put(yaml, scope);
	yaml_close(yaml);
	yaml_close(yaml);
}

const char *
yaml_rules(struct arena *arena, struct rule_sets *set, const struct yaml_options *options,
	   struct conf_errs *errs, struct yaml_file **ret_files)
{
	struct yaml yaml = { .arena = arena, .errs = errs };
	uint32_t errs_n = errs->n + errs->more;
	struct yaml_file *files = NULL;
	char *bytes = NULL, *text;
	size_t n = 0;

	yaml.to = open_memstream(&bytes, &n);
	ensure(yaml.to != NULL);
	names_part(arena, set);
	comments_put(&yaml, set, options->warns);
	set_put(&yaml, set, options, &files);
	fclose(yaml.to);
	text = arena_text(arena, bytes, n);
	free(bytes);
	if (errs->n + errs->more != errs_n)
		return NULL;
	*ret_files = files;
	return text;
}
