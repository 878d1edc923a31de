/*
 * fuzz_image.c - any bytes as an image of tables: no crash, no read outside them; what opens is
 * sound in every reference. Checksum and length are put right first, else all inputs would end
 * there; the bytes as they came are tried too.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "abi/build.h"
#include "abi/image.h"
#include "walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
open_and_walk(const void *bytes, size_t n)
{
	struct abi_fault fault = { 0 };
	char text[ABI_FAULT_TEXT_BYTES];
	struct img img;

	if (img_open(bytes, n, &img, &fault)) {
		walk_image(&img);
		return;
	}
	if (fault.kind == ABI_FAULT_NONE || fault.kind >= ABI_FAULTS ||
	    strlen(abi_fault_print(&fault, text, sizeof(text))) == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *exact = calloc(1, n > 0 ? n : 1); /* so that the sanitizer sees an overread */

	if (n > 0)
		memcpy(exact, data, n);
	open_and_walk(exact, n);
	if (n >= sizeof(struct img_head)) {
		struct img_head *head = (void *)exact;

		head->magic = IMG_MAGIC;
		head->version = IMG_VERSION;
		head->bytes = n;
		img_seal(exact, n);
		open_and_walk(exact, n);
	}
	free(exact);
	return 0;
}
