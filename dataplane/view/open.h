/*
 * open.h - the two halves of view_open, for the keeper, which looks into its history between
 * them. Private to view/.
 */
#ifndef PENSTOCK_VIEW_OPEN_H
#define PENSTOCK_VIEW_OPEN_H

#include "view/view.h"

/* The bytes of an image file in memory of malloc. */
struct view_file {
	void *p;
	size_t n;
	uint32_t crc; /* of all bytes */
};

bool view_file_read(int control_fd, uint64_t generation, struct view_file *ret_file,
		    struct abi_fault *ret_fault);

/*
 * Opens what was read; the file's memory passes to the view, or is freed on a fault. published
 * may be NULL; control_fd -1: the image's blobs are not opened.
 */
struct view *view_file_open(struct view_file *file, int control_fd, uint64_t generation,
			    const struct publish *published, struct abi_fault *ret_fault);

/*
 * Opens the view's rules for so many lanes; takes long for many patterns. False: they are faulty,
 * the view is closed.
 */
bool view_rules_open(struct view *v, uint32_t lane_n, struct abi_fault *ret_fault);

#endif
