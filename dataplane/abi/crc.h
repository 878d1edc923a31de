/*
 * crc.h - CRC-32C (Castagnoli polynomial, reflected; RFC 3720, appendix B.4): finds accidents in
 * shared files. It is no proof against an attacker; ownership and modes of files are.
 */
#ifndef PENSTOCK_ABI_CRC_H
#define PENSTOCK_ABI_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Of n bytes; begin with before = 0, or continue with an earlier result. */
uint32_t abi_crc32c(uint32_t before, const void *bytes, size_t n);

#endif
