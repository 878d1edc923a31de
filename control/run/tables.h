/*
 * tables.h - an image of control/tables.<generation> in our own memory, checked and opened.
 *
 * The bytes are copied before they are checked, so that no later change of the file can matter.
 */
#ifndef PENSTOCK_CONTROL_RUN_TABLES_H
#define PENSTOCK_CONTROL_RUN_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fault.h"
#include "abi/image.h"
#include "rules/rules.h"

/* Zeroed is "none". */
struct tables {
	void *bytes; /* malloc's */
	size_t bytes_n;
	void *wide;	     /* malloc's, for images of older programs */
	uint64_t generation; /* 0: not published */
	struct img img;
};

/* Opens bytes of malloc's, which become the tables' own (and are freed on a fault). */
bool tables_open_bytes(void *bytes, size_t n, uint64_t generation, struct tables *ret_tables,
		       struct abi_fault *ret_fault);

/* Reads control/tables.<generation>. */
bool tables_open(int control_fd, uint64_t generation, struct tables *ret_tables,
		 struct abi_fault *ret_fault);

/* The newest published tables that are sound. False: there are none. */
bool tables_open_newest(int control_fd, struct tables *ret_tables, struct abi_fault *ret_fault);

/*
 * Reads the blobs that the image names, each checked: an array by the image's index for
 * tables_blobs_free. False: one is not there or not sound.
 */
bool tables_blobs_read(const struct tables *tables, int control_fd, struct rules_blob **ret_blob,
		       struct abi_fault *ret_fault);

void tables_blobs_free(const struct tables *tables, struct rules_blob *blob);

void tables_close(struct tables *tables);

#endif
