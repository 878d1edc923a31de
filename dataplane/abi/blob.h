/*
 * blob.h - content-addressed files control/blob.<hash>: big tables an image names by their hash.
 * A blob that is already there, whole, is not written again.
 *
 * The hash is SHA-256 (FIPS 180-4), own small implementation: a name must not collide by chance
 * or by will, and floor 0 has only libc.
 */
#ifndef PENSTOCK_ABI_BLOB_H
#define PENSTOCK_ABI_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/rundir.h"

enum {
	BLOB_HASH_BYTES = 32,
	BLOB_BYTES_MAX = 1 << 30
};

void blob_hash(const void *bytes, size_t n, uint8_t ret_hash[BLOB_HASH_BYTES]);

/* "blob.<64 hex digits>"; name has RUNDIR_NAME_MAX bytes. Returns name. */
const char *blob_name(char *name, const uint8_t hash[BLOB_HASH_BYTES]);

/* Whether the blob is there, has n bytes and they are what its name says. */
bool blob_is_whole(int control_fd, const uint8_t hash[BLOB_HASH_BYTES], size_t n);

/* Writes the blob unless it is there as it should be; *ret_hash names it. 0 or a negative errno. */
int blob_make(int control_fd, const void *bytes, size_t n, uint8_t ret_hash[BLOB_HASH_BYTES]);

/*
 * Opens a blob of exactly n bytes, reads it into private memory at mem (n bytes) and checks its
 * hash: what was checked cannot change afterwards. On a fault returns false with its reason.
 */
bool blob_read(int control_fd, const uint8_t hash[BLOB_HASH_BYTES], void *mem, size_t n,
	       struct abi_fault *ret_fault);

#endif
