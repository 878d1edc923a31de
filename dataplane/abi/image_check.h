/*
 * image_check.h - the part of img_open that looks at every record. Private to abi/.
 */
#ifndef PENSTOCK_ABI_IMAGE_CHECK_H
#define PENSTOCK_ABI_IMAGE_CHECK_H

#include "abi/image.h"

/* How records of listeners, farms and servers begin. */
struct img_identity {
	uint32_t slot, incarnation;
};

/* Copies record i, zero-extended or cut to this program's length. i < n. */
void img_get(const struct img *img, enum img_section_id id, uint32_t i, void *ret_record);

/* Sections are known to lie inside the image; false and the fault at the first bad field. */
bool img_check_records(const struct img *img, struct abi_fault *ret_fault);

#endif
