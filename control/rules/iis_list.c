/*
 * iis_list.c - a collection of named things over all levels (1.3): a child sees what its parents
 * wrote, and may add to it, clear it, or remove from it, for itself and what is below.
 *
 * A thing that a child takes away stays for everybody else: it gets an exception, and is gone only
 * when the level that wrote it takes it away.
 */
#include <ctype.h>
#include <strings.h>

#include "rules/iis_parts.h"

static uint32_t
bucket_of(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != 0; name++)
		hash = (hash ^ (uint32_t)tolower((unsigned char)*name)) * 16777619u;
	return (hash ^ hash >> 16) % IIS_BUCKETS;
}

bool
iis_is_seen(const struct iis_entry *entry, const char *folder)
{
	if (entry->is_gone || !iis_is_below(folder, entry->level->folder))
		return false;
	for (const struct rule_folder *except = entry->excepts; except != NULL;
	     except = except->next)
		if (iis_is_below(folder, except->folder))
			return false;
	return true;
}

static void
entry_take_away(struct iis_list *list, struct iis_entry *entry, const struct iis_level *level)
{
	struct rule_folder *except;

	if (strcasecmp(entry->level->folder, level->folder) == 0) {
		entry->is_gone = true;
		return;
	}
	except = arena_take(list->arena, sizeof(*except));
	except->folder = level->folder;
	except->next = entry->excepts;
	entry->excepts = except;
}

void
iis_list_clear(struct iis_list *list, const struct iis_level *level)
{
	for (struct iis_entry *entry = list->first; entry != NULL; entry = entry->next)
		if (iis_is_seen(entry, level->folder))
			entry_take_away(list, entry, level);
}

struct iis_entry *
iis_list_find(const struct iis_list *list, const char *folder, const char *name)
{
	struct iis_entry *entry = list->bucket[bucket_of(name)];

	for (; entry != NULL; entry = entry->twin)
		if (strcasecmp(entry->name.s, name) == 0 && iis_is_seen(entry, folder))
			return entry;
	return NULL;
}

struct iis_entry *
iis_list_any(const struct iis_list *list, const char *name)
{
	struct iis_entry *entry = list->bucket[bucket_of(name)];

	while (entry != NULL && (entry->is_gone || strcasecmp(entry->name.s, name) != 0))
		entry = entry->twin;
	return entry;
}

bool
iis_list_remove(struct iis_list *list, const struct iis_level *level, const char *name)
{
	struct iis_entry *entry = iis_list_find(list, level->folder, name);

	if (entry == NULL)
		return false;
	entry_take_away(list, entry, level);
	return true;
}

struct iis_entry *
iis_list_add(struct iis_list *list, const struct iis_level *level, struct rule_text name,
	     void *what)
{
	struct iis_entry *entry = arena_take(list->arena, sizeof(*entry));
	struct iis_entry **bucket = &list->bucket[bucket_of(name.s)];

	entry->what = what;
	entry->name = name;
	entry->level = level;
	entry->twin = *bucket;
	*bucket = entry;
	if (list->last == NULL)
		list->first = entry;
	else
		list->last->next = entry;
	list->last = entry;
	return entry;
}
