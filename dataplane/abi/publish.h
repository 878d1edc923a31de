/*
 * publish.h - control/publish: which image is the newest. A few fixed bytes, replaced by rename,
 * so a reader sees an old or a new one, never half.
 */
#ifndef PENSTOCK_ABI_PUBLISH_H
#define PENSTOCK_ABI_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fault.h"

#define PUBLISH_MAGIC 0x31425550534e4550ull /* "PENSPUB1" */

enum {
	PUBLISH_VERSION = 1
};

struct publish {
	uint64_t magic;
	uint16_t version;
	uint16_t spare;
	uint32_t crc;	     /* CRC-32C of this struct with this field zero */
	uint64_t generation; /* never 0; never goes back */
	uint64_t image_bytes;
	uint32_t image_crc; /* img_head.crc of that image */
	uint32_t spare2;
	uint64_t time_ns; /* realtime when published */
};

/* Fills in magic, version and crc of a struct whose other fields are set. */
void publish_seal(struct publish *p);

/* Any n bytes: true and *ret_publish, or false and the fault. */
bool publish_check(const void *bytes, size_t n, struct publish *ret_publish,
		   struct abi_fault *ret_fault);

/* Control: seals and replaces control/publish. 0 or a negative errno. */
int publish_write(int control_fd, uint64_t generation, uint64_t image_bytes, uint32_t image_crc,
		  uint64_t time_ns);

/* Reads control/publish. False and the fault (FILE: not there). */
bool publish_read(int control_fd, struct publish *ret_publish, struct abi_fault *ret_fault);

#endif
