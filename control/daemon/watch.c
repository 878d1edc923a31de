/*
 * watch.c - files of maps that may change, see watch.h.
 */
#include "daemon/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "daemon/loop.h"

enum {
	NAMES_BYTES_MAX = 256 << 10, /* of all paths: what a child tells is bounded */
};

#define LOOK_EVERY (1 * LOOP_S)

static json_t *
file_json(const struct rule_map *map)
{
	return json_pack("{s:s, s:I, s:I, s:I}", "path", map->file, "mtime",
			 (json_int_t)map->stamp.mtime_ns, "bytes", (json_int_t)map->stamp.bytes,
			 "inode", (json_int_t)map->stamp.inode);
}

json_t *
watch_files_json(const struct conf *conf)
{
	json_t *files = json_array();
	size_t names_n = 0;

	for (const struct rule_sets *set = conf->rule_sets; set != NULL; set = set->next)
		for (const struct rule_map *map = set->maps; map != NULL; map = map->next) {
			names_n += map->file != NULL ? strlen(map->file) : 0;
			if (map->file != NULL && names_n <= NAMES_BYTES_MAX)
				json_array_append_new(files, file_json(map));
		}
	return files;
}

static json_int_t
number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

void
watch_set(struct watch *watch, const json_t *files, uint64_t now)
{
	const json_t *one;
	size_t i;

	watch_fini(watch);
	watch->file = calloc(json_array_size(files) + 1, sizeof(*watch->file));
	ensure(watch->file != NULL);
	json_array_foreach(files, i, one)
	{
		struct watch_file *file = &watch->file[watch->n];
		const char *path = json_string_value(json_object_get(one, "path"));

		if (path == NULL)
			continue;
		file->path = strdup(path);
		ensure(file->path != NULL);
		file->told = (struct rule_stamp){ .mtime_ns = number_of(one, "mtime"),
						  .bytes = number_of(one, "bytes"),
						  .inode = (uint64_t)number_of(one, "inode") };
		file->found = file->told;
		watch->n++;
	}
	watch->look_at = now + LOOK_EVERY;
}

const char *
watch_look(struct watch *watch, uint64_t now)
{
	const char *changed = NULL;

	if (now < watch_deadline(watch))
		return NULL;
	watch->look_at = now + LOOK_EVERY;
	for (size_t i = 0; i < watch->n; i++) {
		struct watch_file *file = &watch->file[i];
		struct rule_stamp stamp = rule_stamp_of(file->path);

		if (rule_stamp_is(stamp, file->found) && !rule_stamp_is(stamp, file->told)) {
			file->told = stamp;
			changed = file->path;
		}
		file->found = stamp;
	}
	return changed;
}

void
watch_put_off(struct watch *watch, uint64_t now)
{
	if (now >= watch_deadline(watch))
		watch->look_at = now + LOOK_EVERY;
}

uint64_t
watch_deadline(const struct watch *watch)
{
	return watch->n == 0 ? UINT64_MAX : watch->look_at;
}

void
watch_fini(struct watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		free(watch->file[i].path);
	free(watch->file);
	*watch = (struct watch){ 0 };
}
