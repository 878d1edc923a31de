/*
 * names.h - from (slot, incarnation) in a journal's record to the names people gave, by the image
 * in use and those just before it: requests end a while after the tables have changed.
 */
#ifndef PENSTOCK_CONTROL_RUN_NAMES_H
#define PENSTOCK_CONTROL_RUN_NAMES_H

#include <stdint.h>

#include "abi/image.h"

enum {
	NAMES_IMAGES = 4, /* how many images back */
};

struct name {
	uint32_t incarnation; /* 0: nobody */
	uint32_t n;
	char text[IMG_NAME_MAX + 1]; /* n bytes, then zeros */
};

struct names_image; /* of one image */

/* Zeroed is empty. */
struct names {
	struct names_image *image[NAMES_IMAGES]; /* newest first */
};

/* Takes a copy of an image's names. */
void names_add(struct names *names, const struct img *img);

/* NULL: no image knows this one. */
const struct name *names_find(const struct names *names, enum img_kind kind, uint32_t slot,
			      uint32_t incarnation);

void names_fini(struct names *names);

#endif
