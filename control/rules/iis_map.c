/*
 * iis_map.c - rewrite maps (11.1), and the two sample providers of Microsoft that are as good as
 * one (11.3). Other providers are .NET classes and cannot run here: refused by name.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/iis_parts.h"

/* ---- keys ---- */

static void
refuse_twice(void *ctx, const struct rule_text *key, const struct rule_text *before)
{
	iis_refuse(ctx, key->at, "the key '%s' is already given in line %u; keep one of the two",
		   key->s, before->at.line);
}

/* Of a file, as its provider has it. */
static void
warn_twice(void *ctx, const struct rule_text *key, const struct rule_text *before)
{
	iis_warn(ctx, key->at,
		 "the key '%s' stands in line %u already, which counts; remove one of the two",
		 key->s, before->at.line);
}

static struct rule_pair *
pair_take(struct arena *arena, struct rule_map *map, struct rule_pair **last, struct rule_text key,
	  struct rule_text value)
{
	struct rule_pair *pair = arena_take(arena, sizeof(*pair));

	pair->key = key;
	pair->value = value;
	if (*last == NULL)
		map->first = pair;
	else
		(*last)->next = pair;
	*last = pair;
	map->pair_n++;
	return pair;
}

/* ---- rewrite maps ---- */

static void
remove_read(const struct iis_at *at, const struct iis_node *node, struct rule_map *map,
	    struct rule_pair **last)
{
	struct rule_text key = iis_needed(at, node, "key", "key=\"...\" of an <add> before it");

	*last = NULL;
	for (struct rule_pair **at_pair = &map->first; *at_pair != NULL;) {
		if (key.s != NULL && strcasecmp((*at_pair)->key.s, key.s) == 0) {
			*at_pair = (*at_pair)->next;
			map->pair_n--;
		} else {
			*last = *at_pair;
			at_pair = &(*at_pair)->next;
		}
	}
}

static void
add_read(const struct iis_at *at, const struct iis_node *node, struct rule_map *map,
	 struct rule_pair **last)
{
	struct rule_text key = iis_text_of(node, "key");
	struct rule_text value = iis_text_of(node, "value");

	if (key.s == NULL)
		iis_refuse(at, node->at, "<add> has no key; write key=\"...\" value=\"...\"");
	if (value.s == NULL)
		value.s = "";
	if (key.s != NULL)
		pair_take(at->load->arena, map, last, key, value);
}

static void
pairs_read(const struct iis_at *at, const struct iis_node *node, struct rule_map *map)
{
	struct rule_pair *last = NULL;

	for (const struct iis_node *child = node->first; child != NULL; child = child->next) {
		if (iis_is(child, "clear")) {
			map->first = last = NULL;
			map->pair_n = 0;
		} else if (iis_is(child, "remove")) {
			remove_read(at, child, map, &last);
			iis_leaf_end(at, child);
		} else if (iis_is(child, "add")) {
			add_read(at, child, map, &last);
			iis_leaf_end(at, child);
		} else {
			iis_stranger(at, child, node, "<add>");
		}
	}
}

struct rule_map *
iis_map_read(struct iis_load *load, const struct iis_node *node)
{
	struct rule_map *map = arena_take(load->arena, sizeof(*map));
	struct iis_at at = { load, "" };

	map->at = node->at;
	map->kind = IMG_MAP_KEYS;
	map->name = iis_needed(&at, node, "name", "name=\"...\", for {name:key} in rules");
	if (map->name.s != NULL && map->name.s[0] != 0)
		at.who = arena_format(load->arena, "rewrite map '%s': ", map->name.s);
	map->absent = iis_text_of(node, "defaultValue");
	if (map->absent.s == NULL)
		map->absent.s = "";
	map->ignores_case = iis_bool_of(&at, node, "ignoreCase", true);
	iis_attrs_end(&at, node);
	pairs_read(&at, node, map);
	rule_map_twice(map, refuse_twice, &at);
	return map;
}

/* ---- providers ---- */

struct provider {
	struct rule_text path, separator;
	bool ignores_case;
	bool is_secret; /* a setting is encrypted: told already */
};

static void
setting_read(const struct iis_at *at, const struct iis_node *node, struct provider *provider)
{
	struct rule_text key = iis_needed(at, node, "key", "key=\"FilePath\" or the like");
	struct rule_text value = iis_text_of(node, "value");
	const struct iis_attr *secret = iis_attr_find(node, "encryptedValue");

	iis_leaf_end(at, node);
	provider->is_secret |= secret != NULL;
	if (secret != NULL)
		iis_refuse(at, secret->at,
			   "an encryptedValue can be read by its Windows machine "
			   "alone; write value=\"...\"");
	if (key.s == NULL || value.s == NULL)
		return;
	if (strcasecmp(key.s, "FilePath") == 0)
		provider->path = value;
	else if (strcasecmp(key.s, "Separator") == 0)
		provider->separator = value;
	else if (strcasecmp(key.s, "IgnoreCase") == 0)
		provider->ignores_case =
			strcmp(value.s, "1") == 0 || strcasecmp(value.s, "true") == 0;
	else
		iis_warn(at, key.at,
			 "the setting '%s' is not known; it is not looked at, remove it", key.s);
}

static void
settings_read(const struct iis_at *at, const struct iis_node *node, struct provider *provider)
{
	const struct iis_node *settings = node->first;

	*provider =
		(struct provider){ .path = { NULL, node->at }, .separator = { "\t", node->at } };
	for (; settings != NULL; settings = settings->next) {
		if (!iis_is(settings, "settings")) {
			iis_stranger(at, settings, node, "<settings>");
			continue;
		}
		for (const struct iis_node *add = settings->first; add != NULL; add = add->next) {
			if (iis_is(add, "add"))
				setting_read(at, add, provider);
			else if (!iis_is(add, "clear"))
				iis_stranger(at, add, settings, "<add>");
		}
	}
	if (!provider->is_secret && (provider->path.s == NULL || provider->path.s[0] == 0))
		iis_refuse(at, provider->path.at,
			   "the provider has no FilePath; write <settings><add key=\"FilePath\" "
			   "value=\"{DOCUMENT_ROOT}\\map.txt\"/></settings>");
	if (provider->separator.s[0] == 0)
		provider->separator.s = "\t";
}

/* The file's text; the document root is the folder of the web.config. */
static bool
lines_open(const struct iis_at *at, struct rule_text path, char **ret_text, size_t *ret_n,
	   struct rule_map *map)
{
	static const char root[] = "{DOCUMENT_ROOT}";
	const char *name = path.s;
	struct iis_text file;
	const char *full;

	if (strncasecmp(name, root, sizeof(root) - 1) == 0)
		name += sizeof(root) - 1;
	if (name != path.s)
		name += strspn(name, "/\\");
	if (strchr(name, '{') != NULL) {
		iis_refuse(at, path.at,
			   "only {DOCUMENT_ROOT} may stand in FilePath, at its "
			   "beginning; write it so");
		return false;
	}
	full = iis_path_beside(at, path.at.file, name, path.at, "FilePath");
	if (full == NULL)
		return false;
	map->stamp = rule_stamp_of(full);
	if (!iis_file_read(at, full, path.at, &file))
		return false;
	map->file = file.name;
	if (file.n == 0) {
		*ret_text = arena_text(at->load->arena, "", 0);
		*ret_n = 0;
		return true;
	}
	return iis_decode(at->load, &file, ret_text, ret_n);
}

static void
line_read(const struct iis_at *at, const struct provider *provider, struct rule_text line,
	  struct rule_map *map, struct rule_pair **last)
{
	struct rule_text value = { "", line.at };
	const char *separator;

	if (line.s[0] == 0)
		return;
	value.s = line.s; /* what a text contains is its own value */
	if (map->kind == IMG_MAP_KEYS) {
		separator = strstr(line.s, provider->separator.s);
		if (separator == NULL) {
			iis_warn(at, line.at,
				 "a line without the separator is passed over; write "
				 "key, separator and value");
			return;
		}
		value.s = separator + strlen(provider->separator.s);
		line.s = arena_text(at->load->arena, line.s, (size_t)(separator - line.s));
	}
	pair_take(at->load->arena, map, last, line, value);
}

static void
lines_read(const struct iis_at *at, const struct provider *provider, struct rule_map *map)
{
	struct rule_pair *last = NULL;
	struct conf_pos place = { NULL, 0, 1 };
	struct iis_at told = *at;
	char *text, *p;
	size_t n;

	if (provider->path.s == NULL || !lines_open(at, provider->path, &text, &n, map))
		return;
	place.file = map->file;
	for (p = text; p < text + n;) {
		size_t length = strcspn(p, "\n");
		char *next = p + length + 1;

		place.line++;
		p[length] = 0;
		if (length > 0 && p[length - 1] == '\r')
			p[length - 1] = 0;
		line_read(at, provider, (struct rule_text){ p, place }, map, &last);
		p = next;
	}
	if (map->kind == IMG_MAP_KEYS)
		rule_map_twice(map, warn_twice, &told);
}

/* The class in "Name.Space.Class, Assembly, Version=..." */
static const char *
class_of(struct arena *arena, const char *type)
{
	size_t n = strcspn(type, ",");
	char *name = arena_text(arena, type, n);
	const char *dot;

	while (n > 0 && strchr(" \t\r\n", name[n - 1]) != NULL)
		name[--n] = 0;
	dot = strrchr(name, '.');
	return dot != NULL ? dot + 1 : name + strspn(name, " \t\r\n");
}

static bool
class_read(const struct iis_at *at, struct rule_text type, enum img_map_kind *ret_kind)
{
	const char *name = class_of(at->load->arena, type.s);

	*ret_kind = IMG_MAP_KEYS;
	if (strcmp(name, "FileMapProvider") == 0)
		return true;
	*ret_kind = IMG_MAP_CONTAINS;
	if (strcmp(name, "FileContainsProvider") == 0)
		return true;
	if (strcmp(name, "DbProvider") == 0)
		iis_refuse(at, type.at,
			   "DbProvider asks a database, which is not done here; export "
			   "the table into a <rewriteMap>, or into a file for "
			   "FileMapProvider");
	else
		iis_refuse(at, type.at,
			   "'%s' is a .NET class, which cannot run here; FileMapProvider and "
			   "FileContainsProvider are built in, a <rewriteMap> holds what is "
			   "constant",
			   type.s);
	return false;
}

struct rule_map *
iis_provider_read(struct iis_load *load, const struct iis_node *node)
{
	struct rule_map *map = arena_take(load->arena, sizeof(*map));
	struct iis_at at = { load, "" };
	struct provider provider;
	struct rule_text type;

	map->at = node->at;
	map->absent = (struct rule_text){ "", node->at };
	map->name = iis_needed(&at, node, "name", "name=\"...\", for {name:key} in rules");
	if (map->name.s != NULL && map->name.s[0] != 0)
		at.who = arena_format(load->arena, "provider '%s': ", map->name.s);
	type = iis_needed(&at, node, "type", "type=\"FileMapProvider\"");
	iis_attrs_end(&at, node);
	if (type.s == NULL || type.s[0] == 0 || !class_read(&at, type, &map->kind))
		return map;
	settings_read(&at, node, &provider);
	map->ignores_case = provider.ignores_case;
	lines_read(&at, &provider, map);
	return map;
}
