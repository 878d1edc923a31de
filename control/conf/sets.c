/*
 * sets.c - the section `rules` to sets of the model, see native.h: entries in their order, files
 * of IIS and of maps read beside the file that names them.
 *
 * Rules that follow one another form a scope; scopes are put in the order of work, which keeps
 * that of the file within a kind and folder.
 */
#include "conf/native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/map.h"
#include "rules/iis.h"

enum {
	MAP_FILE_BYTES_MAX = 512 << 20,
};

struct sets {
	struct native native;
	struct rule_sets *set; /* being filled */
	bool has_allow;	       /* an entry says which variables rules may set */
	/* The scopes that rules go to until another entry comes between them. */
	struct rule_scope *inbound, *outbound;
	struct rule **rule_end;
	struct out_rule **out_end;
};

/* ---- lists of the model ---- */

static void
scope_append(struct rule_sets *set, struct rule_scope *scope)
{
	struct rule_scope **end = &set->scopes;

	while (*end != NULL)
		end = &(*end)->next;
	*end = scope;
}

static uint32_t
depth(const char *folder)
{
	uint32_t n = 0;

	for (; *folder != '\0'; folder++)
		n += *folder == '/' && folder[1] != '\0';
	return n;
}

static bool
is_before(const struct rule_scope *a, const struct rule_scope *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind;
	return depth(a->folder) < depth(b->folder);
}

/* Global ones, then folders from the root down, then outbound ones; otherwise as they are. */
static void
scopes_sort(struct rule_sets *set)
{
	struct rule_scope *sorted = NULL, *next;

	for (struct rule_scope *scope = set->scopes; scope != NULL; scope = next) {
		struct rule_scope **at = &sorted;

		next = scope->next;
		while (*at != NULL && !is_before(scope, *at))
			at = &(*at)->next;
		scope->next = *at;
		*at = scope;
	}
	set->scopes = sorted;
}

/* ---- native rules ---- */

static void
excepts_add(struct sets *sets, const struct conf_group *group, struct rule_scope *scope)
{
	struct rule_folder **end = &scope->excepts;

	for (CONF_EACH(struct conf_str, folder, &group->excepts)) {
		if (folder->at == NULL)
			continue;
		*end = arena_take(sets->native.arena, sizeof(**end));
		(*end)->folder = folder->s;
		end = &(*end)->next;
	}
}

static struct rule_scope *
scope_take(struct sets *sets, enum img_scope_kind kind, const struct conf_group *group,
	   struct conf_pos at)
{
	struct rule_scope *scope = arena_take(sets->native.arena, sizeof(*scope));

	*scope = (struct rule_scope){
		.at = at, .kind = kind, .folder = "/", .sets_freely = !sets->has_allow
	};
	if (group != NULL) {
		scope->folder = kind == IMG_SCOPE_GLOBAL ? "/" : group->folder.s;
		scope->keeps_escapes = group->keep_escapes.v != 0;
		scope->keeps_spelling = group->keep_spelling.v != 0;
		scope->before_cache = group->before_cache.v != 0;
		excepts_add(sets, group, scope);
	}
	scope_append(sets->set, scope);
	return scope;
}

static void
rule_add(struct sets *sets, const struct conf_rule *from, const struct conf_group *group)
{
	bool is_global = group != NULL && group->global.v != 0;

	if (sets->inbound == NULL) {
		sets->inbound = scope_take(sets, is_global ? IMG_SCOPE_GLOBAL : IMG_SCOPE_LOCAL,
					   group, from->at->at);
		sets->rule_end = &sets->inbound->rules;
	}
	*sets->rule_end = native_rule(&sets->native, from, sets->inbound);
	sets->rule_end = &(*sets->rule_end)->next;
}

static void
edit_add(struct sets *sets, const struct conf_edit_rule *from, const struct conf_group *group)
{
	if (sets->outbound == NULL) {
		sets->outbound = scope_take(sets, IMG_SCOPE_OUTBOUND, group, from->at->at);
		sets->out_end = &sets->outbound->outs;
	}
	*sets->out_end = native_edit(&sets->native, from, sets->outbound);
	sets->out_end = &(*sets->out_end)->next;
}

/* ---- maps ---- */

/* A name of the configuration relative to the folder of the file where it stands. */
static const char *
path_of(struct sets *sets, const struct conf_str *name)
{
	const char *file = name->at->at.file, *slash = strrchr(file, '/');

	if (name->s[0] == '/' || slash == NULL)
		return name->s;
	return arena_format(sets->native.arena, "%.*s/%s", (int)(slash - file), file, name->s);
}

/* The bytes in the arena with a NUL behind them; NULL: told. */
static char *
file_bytes(struct sets *sets, const struct conf_str *name, const char *path, size_t *ret_n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *why = NULL;
	char *bytes = NULL;
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0 || fstat(fd, &st) != 0)
		why = conf_errno_text(errno, sets->native.arena);
	else if (!S_ISREG(st.st_mode))
		why = "it is no plain file";
	else if (st.st_size > MAP_FILE_BYTES_MAX)
		why = "it is longer than 512 MiB";
	if (why == NULL) {
		bytes = arena_take(sets->native.arena, (size_t)st.st_size + 1);
		while (n < (size_t)st.st_size && got > 0) {
			got = read(fd, bytes + n, (size_t)st.st_size - n);
			n += got > 0 ? (size_t)got : 0;
		}
		if (got < 0)
			why = conf_errno_text(errno, sets->native.arena);
		else if (memchr(bytes, 0, n) != NULL)
			why = "it has a NUL byte";
	}
	if (fd >= 0)
		close(fd);
	if (why == NULL) {
		*ret_n = n;
		return bytes;
	}
	conf_err_add(sets->native.errs, name->at->at,
		     "%s cannot be read (%s); correct the path or the file", path, why);
	return NULL;
}

static struct rule_pair **
pair_add(struct sets *sets, struct rule_map *map, struct rule_pair **to, struct rule_text key,
	 struct rule_text value)
{
	*to = arena_take(sets->native.arena, sizeof(**to));
	**to = (struct rule_pair){ .key = key, .value = value };
	map->pair_n++;
	return &(*to)->next;
}

/* One line, without its end. */
static struct rule_pair **
line_read(struct sets *sets, struct rule_map *map, char *line, struct conf_pos at,
	  struct rule_pair **to)
{
	char *tab = map->kind == IMG_MAP_KEYS ? strchr(line, '\t') : NULL;
	struct conf_pos value_at = at;

	if (line[0] == '\0')
		return to;
	if (map->kind == IMG_MAP_CONTAINS)
		return pair_add(sets, map, to, (struct rule_text){ .s = line, .at = at },
				(struct rule_text){ .s = line, .at = at });
	if (tab == NULL) {
		conf_err_add(sets->native.errs, at,
			     "this line has no tab; a line is the key, a tab and the value");
		return to;
	}
	*tab = '\0';
	value_at.col = (uint32_t)(tab - line) + 2;
	if (strlen(line) > MAP_TEXT_MAX || strlen(tab + 1) > MAP_TEXT_MAX) {
		conf_err_add(sets->native.errs, at,
			     "this line is longer than 64 KiB; shorten key or value");
		return to;
	}
	return pair_add(sets, map, to, (struct rule_text){ .s = line, .at = at },
			(struct rule_text){ .s = tab + 1, .at = value_at });
}

static void
map_file(struct sets *sets, struct rule_map *map, const struct conf_str *name,
	 struct rule_pair **to)
{
	struct conf_pos pos = { .file = path_of(sets, name), .line = 1, .col = 1 };
	char *at, *end;
	size_t n = 0;

	map->file = pos.file;
	map->stamp = rule_stamp_of(pos.file);
	at = file_bytes(sets, name, pos.file, &n);
	end = at != NULL ? at + n : NULL;
	if (n >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	for (; at != NULL && at < end; pos.line++) {
		char *line = at, *line_end = memchr(at, '\n', (size_t)(end - at));

		if (line_end == NULL)
			line_end = end;
		at = line_end + 1;
		if (line_end > line && line_end[-1] == '\r')
			line_end--;
		*line_end = '\0';
		to = line_read(sets, map, line, pos, to);
	}
}

static void
key_twice(void *ctx, const struct rule_text *key, const struct rule_text *before)
{
	struct sets *sets = ctx;

	conf_err_add(sets->native.warns, key->at,
		     "the key '%s' is already given in %s line %u, which counts; remove one of the "
		     "two",
		     key->s, before->at.file, before->at.line);
}

static void
map_append(struct sets *sets, struct rule_map *map)
{
	struct rule_map **end = &sets->set->maps;

	for (; *end != NULL; end = &(*end)->next) {
		if (map->name.s == NULL || strcasecmp((*end)->name.s, map->name.s) != 0)
			continue;
		conf_err_add(sets->native.errs, map->name.at,
			     "the map '%s' is already given in %s line %u; join the two or put "
			     "them into different sets",
			     map->name.s, (*end)->name.at.file, (*end)->name.at.line);
		return;
	}
	*end = map;
}

static void
map_add(struct sets *sets, const struct conf_rule_map *from)
{
	struct rule_map *map = arena_take(sets->native.arena, sizeof(*map));
	struct rule_pair **to = &map->first;

	if (from->name.at == NULL)
		return;
	*map = (struct rule_map){ .at = from->at->at,
				  .name = { .s = from->name.s, .at = from->name.at->at },
				  .absent = { .s = from->absent.at != NULL ? from->absent.s : "" },
				  .ignores_case = from->ignore_case.v != 0,
				  .kind = from->contains.v != 0 ? IMG_MAP_CONTAINS : IMG_MAP_KEYS };
	map->absent.at = from->absent.at != NULL ? from->absent.at->at : from->at->at;
	if (from->name.s[0] == '\0' || strpbrk(from->name.s, "{}:") != NULL)
		conf_err_add(sets->native.errs, from->name.at->at,
			     "'%s' is no name of a map: expressions say {name:key}; write for "
			     "example map: moved",
			     from->name.s);
	if (map->kind == IMG_MAP_CONTAINS && from->keys.at != NULL)
		conf_err_add(sets->native.errs, from->keys.at->key_at,
			     "a map that looks for texts has them in a file; replace keys by "
			     "file: texts.txt");
	for (CONF_EACH(struct conf_value, value, &from->keys))
		if (value->at != NULL && value->value.at != NULL)
			to = pair_add(
				sets, map, to,
				(struct rule_text){ .s = value->at->key, .at = value->at->key_at },
				(struct rule_text){ .s = value->value.s,
						    .at = value->value.at->at });
	if (from->file.at != NULL)
		map_file(sets, map, &from->file, to);
	else if (from->keys.at == NULL)
		conf_err_add(sets->native.errs, from->at->at,
			     "the map '%s' has no keys; add keys: {/old: /new} or file: moved.tsv",
			     from->name.s);
	if (map->kind == IMG_MAP_KEYS)
		rule_map_twice(map, key_twice, sets);
	map_append(sets, map);
}

/* ---- IIS ---- */

static void
iis_add(struct sets *sets, const struct conf_iis *from)
{
	struct iis_files files = {
		.web_config = from->file.at != NULL ? path_of(sets, &from->file) : NULL,
		.app_host = from->app_host.at != NULL ? path_of(sets, &from->app_host) : NULL,
		.site_path = from->site_path.s,
		.is_strict = from->strict.v != 0,
	};
	struct rule_sets *read;
	struct rule_allowed **end = &sets->set->allowed;
	struct rule_map *next;

	if (from->file.at == NULL && from->app_host.at == NULL)
		return; /* of a wrong type, which is told */
	if (from->file.at != NULL)
		files.web_config_at = from->file.at->at;
	if (from->app_host.at != NULL)
		files.app_host_at = from->app_host.at->at;
	if (from->site_path.at != NULL)
		files.site_path_at = from->site_path.at->at;
	read = iis_open(sets->native.arena, &files, sets->native.errs, sets->native.warns);
	if (read == NULL)
		return;
	scope_append(sets->set, read->scopes);
	for (struct rule_map *map = read->maps; map != NULL; map = next) {
		next = map->next;
		map->next = NULL;
		map_append(sets, map);
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = read->allowed;
	sets->set->is_strict |= read->is_strict;
}

static void
allow_add(struct sets *sets, const struct conf_allow *from)
{
	struct rule_allowed **end = &sets->set->allowed;

	while (*end != NULL)
		end = &(*end)->next;
	for (CONF_EACH(struct conf_str, name, &from->names)) {
		if (name->at == NULL)
			continue;
		*end = arena_take(sets->native.arena, sizeof(**end));
		(*end)->name = (struct rule_text){ .s = name->s, .at = name->at->at };
		end = &(*end)->next;
	}
	sets->set->is_strict = true;
}

/* ---- sets ---- */

static void entries_add(struct sets *sets, const struct conf_list *entries,
			const struct conf_group *group);

static void
scopes_close(struct sets *sets)
{
	sets->inbound = NULL;
	sets->outbound = NULL;
}

/* A part "." or "..", which the paths of requests have no more. */
static bool
has_dots(const char *path)
{
	for (; path != NULL; path = strchr(path + 1, '/'))
		if (strcspn(path + 1, "/") == strspn(path + 1, ".") && path[1] == '.' &&
		    strcspn(path + 1, "/") <= 2)
			return true;
	return false;
}

static bool
is_folder_good(struct sets *sets, const struct conf_str *folder)
{
	size_t n = strlen(folder->s);

	if (folder->s[0] == '/' && strpbrk(folder->s, "?#*\\") == NULL &&
	    strstr(folder->s, "//") == NULL && !has_dots(folder->s) &&
	    (n == 1 || folder->s[n - 1] != '/'))
		return true;
	conf_err_add(sets->native.errs, folder->at->at,
		     "'%s' is no folder: it begins with '/' and does not end with one; write for "
		     "example folder: /blog",
		     folder->s);
	return false;
}

static void
group_add(struct sets *sets, const struct conf_group *group)
{
	if (!is_folder_good(sets, &group->folder))
		return;
	for (CONF_EACH(struct conf_str, folder, &group->excepts))
		if (folder->at != NULL && !is_folder_good(sets, folder))
			return;
	if (group->global.v != 0 && group->folder.at != NULL) {
		conf_err_add(sets->native.errs, group->folder.at->key_at,
			     "global rules see all paths; remove folder or global");
		return;
	}
	scopes_close(sets);
	entries_add(sets, &group->entries, group);
	scopes_close(sets);
}

static void
entry_add(struct sets *sets, const struct conf_entry *entry, const struct conf_group *group)
{
	const struct conf_group *inner;

	switch (entry->kind) {
	case CONF_ENTRY_NONE:
		return;
	case CONF_ENTRY_RULE:
		rule_add(sets, entry->of, group);
		return;
	case CONF_ENTRY_EDIT:
		edit_add(sets, entry->of, group);
		return;
	case CONF_ENTRY_MAP:
		map_add(sets, entry->of);
		return;
	case CONF_ENTRY_IIS:
	case CONF_ENTRY_ALLOW:
	case CONF_ENTRY_GROUP:
		break;
	}
	if (group != NULL) {
		inner = entry->of; /* each begins with its node */
		conf_err_add(sets->native.errs, inner->at->at,
			     "only rules and maps stand in a group; move this out of it");
		return;
	}
	scopes_close(sets);
	if (entry->kind == CONF_ENTRY_IIS)
		iis_add(sets, entry->of);
	else if (entry->kind == CONF_ENTRY_ALLOW)
		allow_add(sets, entry->of);
	else
		group_add(sets, entry->of);
}

static void
entries_add(struct sets *sets, const struct conf_list *entries, const struct conf_group *group)
{
	for (CONF_EACH(struct conf_entry, entry, entries))
		entry_add(sets, entry, group);
}

/* ---- names ---- */

static int
name_order(const void *a, const void *b)
{
	const struct rule_text *x = *(const struct rule_text *const *)a;
	const struct rule_text *y = *(const struct rule_text *const *)b;
	int order = strcasecmp(x->s, y->s);

	if (order != 0)
		return order;
	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	return x->at.col < y->at.col ? -1 : x->at.col > y->at.col;
}

static void
names_collect(const struct conf_list *entries, struct rule_text **name, uint32_t *n,
	      struct arena *arena)
{
	for (CONF_EACH(struct conf_entry, entry, entries)) {
		const struct conf_str *str = NULL;

		if (entry->kind == CONF_ENTRY_RULE)
			str = &((const struct conf_rule *)entry->of)->name;
		else if (entry->kind == CONF_ENTRY_EDIT)
			str = &((const struct conf_edit_rule *)entry->of)->name;
		else if (entry->kind == CONF_ENTRY_GROUP)
			names_collect(&((const struct conf_group *)entry->of)->entries, name, n,
				      arena);
		if (str == NULL || str->at == NULL)
			continue;
		if (name != NULL) {
			name[*n] = arena_take(arena, sizeof(**name));
			*name[*n] = (struct rule_text){ .s = str->s, .at = str->at->at };
		}
		++*n;
	}
}

/* Names of the rules that this file gives; those in IIS's files are checked by their reader. */
static void
check_names(struct sets *sets, const struct conf_rule_set *from)
{
	struct arena *arena = sets->native.arena;
	struct rule_text **name;
	uint32_t n = 0, i = 0;

	names_collect(&from->entries, NULL, &n, arena);
	name = arena_take(arena, ((size_t)n + 1) * sizeof(*name));
	names_collect(&from->entries, name, &i, arena);
	if (n > 1)
		qsort(name, n, sizeof(*name), name_order);
	for (i = 0; i < n; i++) {
		if (name[i]->s[0] == '\0' || strlen(name[i]->s) > IMG_RULE_NAME_MAX)
			conf_err_add(sets->native.errs, name[i]->at,
				     "a name has 1 to %d bytes; shorten it",
				     (int)IMG_RULE_NAME_MAX);
		else if (i > 0 && strcasecmp(name[i - 1]->s, name[i]->s) == 0)
			conf_err_add(sets->native.errs, name[i]->at,
				     "the rule '%s' is already given in %s line %u; choose "
				     "another name",
				     name[i]->s, name[i - 1]->at.file, name[i - 1]->at.line);
	}
}

static bool
is_bound(const struct conf *conf, const char *name)
{
	for (CONF_EACH(struct conf_listener, listener, &conf->listeners))
		for (CONF_EACH(struct conf_str, bound, &listener->rules))
			if (bound->s != NULL && strcmp(bound->s, name) == 0)
				return true;
	return false;
}

void
sets_read(struct conf *conf, struct conf_errs *errs)
{
	struct rule_sets **end = &conf->rule_sets;

	for (CONF_EACH(struct conf_rule_set, from, &conf->rules)) {
		struct sets sets = { .native = { &conf->arena, errs, &conf->warns } };

		if (from->name.at == NULL)
			continue;
		sets.set = arena_take(&conf->arena, sizeof(*sets.set));
		sets.set->at = from->name.at->key_at;
		sets.set->name = (struct rule_text){ .s = from->name.s, .at = sets.set->at };
		for (CONF_EACH(struct conf_entry, entry, &from->entries))
			sets.has_allow |= entry->kind == CONF_ENTRY_ALLOW;
		entries_add(&sets, &from->entries, NULL);
		check_names(&sets, from);
		scopes_sort(sets.set);
		if (!is_bound(conf, from->name.s))
			conf_err_add(&conf->warns, sets.set->at,
				     "no listener uses the set '%s'; add rules: [%s] to one",
				     from->name.s, from->name.s);
		*end = sets.set;
		end = &sets.set->next;
	}
}
