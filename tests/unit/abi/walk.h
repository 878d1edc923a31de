/*
 * walk.h - what an image that opened promises, checked by reading all of it: for the property
 * test and the fuzzer, under a sanitizer.
 */
#ifndef PENSTOCK_TESTS_UNIT_ABI_WALK_H
#define PENSTOCK_TESTS_UNIT_ABI_WALK_H

#include "abi/image.h"

/*
 * Widens img (the memory is gone afterwards, and img with it), reads every record and string and
 * aborts when a reference leads nowhere. Returns a sum of what it read.
 */
uint64_t walk_image(struct img *img);

#endif
