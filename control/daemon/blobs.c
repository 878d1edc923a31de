/*
 * blobs.c - what the images still need of the blobs, see blobs.h.
 */
#include "daemon/blobs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/blob.h"
#include "abi/rundir.h"
#include "base/ensure.h"
#include "run/tables.h"

enum {
	GENERATIONS_MAX = 256
};

struct names {
	char (*name)[RUNDIR_NAME_MAX];
	uint32_t n, room;
};

static void
name_add(struct names *names, const uint8_t hash[BLOB_HASH_BYTES])
{
	if (names->n == names->room) {
		names->room = names->room * 2 + 64;
		names->name = realloc(names->name, names->room * sizeof(names->name[0]));
		ensure(names->name != NULL);
	}
	blob_name(names->name[names->n++], hash);
}

static int
name_order(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The names of all blobs that images have, sorted. False: an image cannot be read. */
static bool
names_collect(int control_fd, struct names *names)
{
	uint64_t generation[GENERATIONS_MAX];
	int n = rundir_generations(control_fd, generation, GENERATIONS_MAX);
	struct abi_fault fault;

	if (n < 0 || n == GENERATIONS_MAX)
		return false;
	for (int i = 0; i < n; i++) {
		struct tables tables = { 0 };

		if (!tables_open(control_fd, generation[i], &tables, &fault))
			return false;
		for (uint32_t b = 0; b < img_n(&tables.img, IMG_BLOBS); b++)
			name_add(names, img_blob(&tables.img, b)->hash);
		tables_close(&tables);
	}
	if (names->n > 1)
		qsort(names->name, names->n, sizeof(names->name[0]), name_order);
	return true;
}

static bool
is_needed(const struct names *names, const char *name)
{
	char key[RUNDIR_NAME_MAX] = { 0 };

	memcpy(key, name, strlen(name));
	return names->n > 0 &&
	       bsearch(key, names->name, names->n, sizeof(names->name[0]), name_order) != NULL;
}

void
blobs_sweep(int control_fd)
{
	int fd = openat(control_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	struct names names = { 0 };
	const struct dirent *entry;

	if (folder == NULL && fd >= 0)
		close(fd);
	if (folder == NULL)
		return;
	if (names_collect(control_fd, &names))
		while ((entry = readdir(folder)) != NULL)
			if (strncmp(entry->d_name, "blob.", 5) == 0 &&
			    strlen(entry->d_name) == 5 + 2 * BLOB_HASH_BYTES &&
			    !is_needed(&names, entry->d_name))
				rundir_unlink(control_fd, entry->d_name);
	closedir(folder);
	free(names.name);
}
