/*
 * view.c - opens and closes views, pins them, and tells what of an image waits for a restart.
 *
 * The image and its blobs are read into private memory before they are checked: their writer is
 * another user, who may change a file after we looked.
 */
#include "view/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/blob.h"
#include "abi/crc.h"
#include "abi/rundir.h"
#include "base/ensure.h"
#include "view/open.h"

static bool
wrong(struct abi_fault *ret_fault, enum abi_fault_kind kind, const char *field)
{
	*ret_fault = abi_fault_at(kind, "file", ABI_NONE, field);
	return false;
}

bool
view_file_read(int control_fd, uint64_t generation, struct view_file *ret_file,
	       struct abi_fault *ret_fault)
{
	char name[RUNDIR_NAME_MAX];
	struct view_file file = { 0 };
	size_t size = 0;
	int fd, r;

	fd = rundir_read_open(control_fd, rundir_tables_name(name, generation), &size);
	if (fd < 0)
		return wrong(ret_fault, fd == -EPERM ? ABI_FAULT_OWNER : ABI_FAULT_FILE, "");
	close(fd);
	if (size > IMG_BYTES_MAX)
		return wrong(ret_fault, ABI_FAULT_SIZE, "");
	file.p = malloc(size > 0 ? size : 1);
	if (file.p == NULL)
		return wrong(ret_fault, ABI_FAULT_MEMORY, "");
	r = rundir_read(control_fd, name, file.p, size, &file.n);
	if (r != 0) {
		free(file.p);
		return wrong(ret_fault, r == -EFBIG ? ABI_FAULT_SIZE : ABI_FAULT_FILE, "");
	}
	file.crc = abi_crc32c(0, file.p, file.n);
	*ret_file = file;
	return true;
}

/* Blobs named by the image, each into memory of its own. */
static bool
open_blobs(struct view *v, int control_fd, struct abi_fault *ret_fault)
{
	uint32_t n = img_n(&v->img, IMG_BLOBS);

	if (control_fd < 0)
		return true;
	v->own_blob =
		calloc((size_t)n + 1, sizeof(*v->own_blob)); /* there, even if there is none */
	if (v->own_blob == NULL)
		return wrong(ret_fault, ABI_FAULT_MEMORY, "");
	v->blob = v->own_blob;
	for (uint32_t i = 0; i < n; i++) {
		const struct img_blob *b = img_blob(&v->img, i);
		void *p;

		p = malloc(b->bytes > 0 ? b->bytes : 1);
		if (p == NULL)
			return wrong(ret_fault, ABI_FAULT_MEMORY, "");
		v->own_blob[i] = (struct rules_blob){ .p = p, .n = b->bytes };
		if (!blob_read(control_fd, b->hash, p, b->bytes, ret_fault)) {
			ret_fault->record_i = i;
			return false;
		}
	}
	return true;
}

/* Whether the opened bytes are those that publish announced. */
static bool
is_as_published(const struct view *v, const struct publish *p, struct abi_fault *ret_fault)
{
	if (p == NULL)
		return true;
	if (p->image_bytes != v->img.bytes_n)
		return wrong(ret_fault, ABI_FAULT_SIZE, "image_bytes");
	if (p->image_crc != v->img.crc)
		return wrong(ret_fault, ABI_FAULT_CHECKSUM, "image_crc");
	return true;
}

static bool
widen(struct view *v, struct abi_fault *ret_fault)
{
	size_t n = img_widen_bytes(&v->img);

	if (n == 0)
		return true;
	v->wide = malloc(n);
	if (v->wide == NULL)
		return wrong(ret_fault, ABI_FAULT_MEMORY, "");
	img_widen(&v->img, v->wide);
	return true;
}

struct view *
view_file_open(struct view_file *file, int control_fd, uint64_t generation,
	       const struct publish *published, struct abi_fault *ret_fault)
{
	struct view *v = calloc(1, sizeof(*v));

	if (v == NULL) {
		free(file->p);
		wrong(ret_fault, ABI_FAULT_MEMORY, "");
		return NULL;
	}
	v->bytes = file->p;
	v->crc = file->crc;
	v->generation = generation;
	*ret_fault = (struct abi_fault){ .kind = ABI_FAULT_NONE };
	if (!img_open(file->p, file->n, &v->img, ret_fault) ||
	    !is_as_published(v, published, ret_fault) || !widen(v, ret_fault) ||
	    !open_blobs(v, control_fd, ret_fault)) {
		view_close(v);
		return NULL;
	}
	return v;
}

static void *
grow(void *p, size_t n)
{
	if (n != 0)
		return realloc(p, n);
	free(p);
	return NULL;
}

bool
view_rules_open(struct view *v, uint32_t lane_n, struct abi_fault *ret_fault)
{
	if (lane_n == 0 || img_n(&v->img, IMG_BINDS) == 0)
		return true;
	v->rules = rules_open(&v->img, v->blob, lane_n, grow, ret_fault);
	if (v->rules != NULL)
		return true;
	view_close(v);
	return false;
}

struct view *
view_open(int control_fd, uint64_t generation, const struct publish *published, uint32_t lane_n,
	  struct abi_fault *ret_fault)
{
	struct view_file file;
	struct view *v;

	if (!view_file_read(control_fd, generation, &file, ret_fault))
		return NULL;
	v = view_file_open(&file, control_fd, generation, published, ret_fault);
	return v != NULL && view_rules_open(v, lane_n, ret_fault) ? v : NULL;
}

struct view *
view_of(const void *bytes, size_t n, uint64_t generation, uint32_t lane_n,
	struct abi_fault *ret_fault)
{
	struct view_file file = { .n = n };
	struct view *v;

	file.p = malloc(n > 0 ? n : 1);
	if (file.p == NULL) {
		wrong(ret_fault, ABI_FAULT_MEMORY, "");
		return NULL;
	}
	memcpy(file.p, bytes, n);
	file.crc = abi_crc32c(0, file.p, n);
	v = view_file_open(&file, -1, generation, NULL, ret_fault);
	return v != NULL && view_rules_open(v, lane_n, ret_fault) ? v : NULL;
}

void
view_close(struct view *v)
{
	ensure(__atomic_load_n(&v->pins, __ATOMIC_ACQUIRE) == 0);
	if (v->rules != NULL)
		rules_close(v->rules); /* reads image and blobs */
	for (uint32_t i = 0; v->own_blob != NULL && i < img_n(&v->img, IMG_BLOBS); i++)
		free((void *)(uintptr_t)v->own_blob[i].p); /* ours, though read-only to others */
	free(v->own_blob);
	free(v->wide);
	free(v->bytes);
	free(v);
}

void
view_pin(struct view *v)
{
	__atomic_fetch_add(&v->pins, 1, __ATOMIC_RELAXED);
}

void
view_unpin(struct view *v)
{
	uint32_t before = __atomic_fetch_sub(&v->pins, 1, __ATOMIC_RELEASE);

	ensure(before > 0);
}

bool
view_must_go(const struct view *v)
{
	return __atomic_load_n(&v->must_go, __ATOMIC_RELAXED) != 0;
}
