/*
 * tables.c - reading images out of the run directory, see tables.h.
 */
#include "run/tables.h"

#include <stdlib.h>
#include <unistd.h>

#include "abi/blob.h"
#include "abi/publish.h"
#include "abi/rundir.h"
#include "base/ensure.h"

bool
tables_open_bytes(void *bytes, size_t n, uint64_t generation, struct tables *ret_tables,
		  struct abi_fault *ret_fault)
{
	struct tables tables = { .bytes = bytes, .bytes_n = n, .generation = generation };
	size_t wide_n;

	if (!img_open(bytes, n, &tables.img, ret_fault)) {
		free(bytes);
		return false;
	}
	wide_n = img_widen_bytes(&tables.img);
	if (wide_n > 0) {
		tables.wide = calloc(1, wide_n);
		ensure(tables.wide != NULL);
		img_widen(&tables.img, tables.wide);
	}
	*ret_tables = tables;
	return true;
}

bool
tables_open(int control_fd, uint64_t generation, struct tables *ret_tables,
	    struct abi_fault *ret_fault)
{
	char name[RUNDIR_NAME_MAX];
	size_t n = 0, got = 0;
	void *bytes;
	int fd;

	rundir_tables_name(name, generation);
	fd = rundir_read_open(control_fd, name, &n);
	if (fd >= 0)
		close(fd);
	if (fd < 0 || n == 0 || n > IMG_BYTES_MAX) {
		*ret_fault = abi_fault_at(ABI_FAULT_FILE, name, ABI_NONE, "");
		return false;
	}
	bytes = malloc(n);
	ensure(bytes != NULL);
	if (rundir_read(control_fd, name, bytes, n, &got) != 0 || got == 0) {
		free(bytes);
		*ret_fault = abi_fault_at(ABI_FAULT_FILE, name, ABI_NONE, "");
		return false;
	}
	return tables_open_bytes(bytes, got, generation, ret_tables, ret_fault);
}

bool
tables_open_newest(int control_fd, struct tables *ret_tables, struct abi_fault *ret_fault)
{
	enum {
		TRIED_MAX = 16
	};
	uint64_t generation[TRIED_MAX];
	struct publish publish;
	int n;

	if (publish_read(control_fd, &publish, ret_fault) &&
	    tables_open(control_fd, publish.generation, ret_tables, ret_fault))
		return true;
	n = rundir_generations(control_fd, generation, TRIED_MAX);
	for (int i = 0; i < n; i++)
		if (tables_open(control_fd, generation[i], ret_tables, ret_fault))
			return true;
	return false;
}

void
tables_blobs_free(const struct tables *tables, struct rules_blob *blob)
{
	for (uint32_t i = 0; blob != NULL && i < img_n(&tables->img, IMG_BLOBS); i++)
		free((void *)(uintptr_t)blob[i].p); /* ours, though read-only to others */
	free(blob);
}

bool
tables_blobs_read(const struct tables *tables, int control_fd, struct rules_blob **ret_blob,
		  struct abi_fault *ret_fault)
{
	uint32_t n = img_n(&tables->img, IMG_BLOBS);
	struct rules_blob *blob = calloc(n + 1, sizeof(*blob));

	ensure(blob != NULL);
	for (uint32_t i = 0; i < n; i++) {
		const struct img_blob *b = img_blob(&tables->img, i);
		void *bytes = malloc(b->bytes > 0 ? b->bytes : 1);

		ensure(bytes != NULL);
		blob[i] = (struct rules_blob){ bytes, b->bytes };
		if (!blob_read(control_fd, b->hash, bytes, b->bytes, ret_fault)) {
			ret_fault->record_i = i;
			tables_blobs_free(tables, blob);
			return false;
		}
	}
	*ret_blob = blob;
	return true;
}

void
tables_close(struct tables *tables)
{
	free(tables->bytes);
	free(tables->wide);
	*tables = (struct tables){ 0 };
}
