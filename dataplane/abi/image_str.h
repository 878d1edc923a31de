/*
 * image_str.h - how records of an image name a text, or no record.
 */
#ifndef PENSTOCK_ABI_IMAGE_STR_H
#define PENSTOCK_ABI_IMAGE_STR_H

#include <stdint.h>

#include "abi/fault.h"

#define IMG_NONE ABI_NONE /* no record */

/* A string: n bytes at `offset` of the strings section, then a NUL; none inside. */
struct img_str {
	uint32_t offset;
	uint32_t n;
};

#endif
