/*
 * crc.c - CRC-32C by the processor's instruction where it has one, else by a table of nibbles,
 * which is small and needs no set-up. Both give the same sums.
 */
#include "abi/crc.h"

#include <string.h>

/* Remainders of the sixteen nibbles for the reflected polynomial 0x82f63b78. */
static const uint32_t nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t
crc_by_table(uint32_t crc, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		crc = (crc >> 4) ^ nibble[crc & 15];
		crc = (crc >> 4) ^ nibble[crc & 15];
	}
	return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t
crc_by_instruction(uint32_t crc, const uint8_t *p, size_t n)
{
	uint64_t wide = crc;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		wide = __builtin_ia32_crc32di(wide, v);
	}
	crc = (uint32_t)wide;
	for (; n > 0; n--, p++)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}

uint32_t
abi_crc32c(uint32_t before, const void *bytes, size_t n)
{
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_by_instruction(~before, bytes, n);
	return ~crc_by_table(~before, bytes, n);
}

#else

uint32_t
abi_crc32c(uint32_t before, const void *bytes, size_t n)
{
	return ~crc_by_table(~before, bytes, n);
}

#endif
