/*
 * blob.c - content-addressed files (blob.h) and the SHA-256 that names them (FIPS 180-4, 6.2).
 */
#include "abi/blob.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* FIPS 180-4, 4.2.2: first 32 bits of the fractional parts of the cube roots of 64 primes. */
static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t
ror(uint32_t v, int n)
{
	return v >> n | v << (32 - n);
}

static void
sha256_block(uint32_t h[8], const uint8_t *p)
{
	uint32_t w[64], s[8];

	for (int i = 0; i < 16; i++) {
		memcpy(&w[i], p + 4 * i, 4);
		w[i] = __builtin_bswap32(w[i]);
	}
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = (ror(b, 17) ^ ror(b, 19) ^ b >> 10) + w[i - 7] +
		       (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + w[i - 16];
	}
	memcpy(s, h, sizeof(s));
	for (int i = 0; i < 64; i++) {
		uint32_t e = s[4], a = s[0];
		uint32_t t1 = s[7] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) +
			      ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
		uint32_t t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) +
			      ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));

		memmove(&s[1], &s[0], 7 * sizeof(s[0]));
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += s[i];
}

void
blob_hash(const void *bytes, size_t n, uint8_t ret_hash[BLOB_HASH_BYTES])
{
	uint32_t h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	uint64_t bits = __builtin_bswap64((uint64_t)n * 8);
	const uint8_t *p = bytes;
	uint8_t tail[128] = { 0 };
	size_t left = n;

	for (; left >= 64; left -= 64, p += 64)
		sha256_block(h, p);
	if (left > 0)
		memcpy(tail, p, left);
	tail[left] = 0x80;
	memcpy(tail + (left < 56 ? 56 : 120), &bits, sizeof(bits));
	sha256_block(h, tail);
	if (left >= 56)
		sha256_block(h, tail + 64);
	for (int i = 0; i < 8; i++) {
		uint32_t v = __builtin_bswap32(h[i]);

		memcpy(ret_hash + 4 * i, &v, 4);
	}
}

const char *
blob_name(char *name, const uint8_t hash[BLOB_HASH_BYTES])
{
	int n = snprintf(name, RUNDIR_NAME_MAX, "blob.");

	for (int i = 0; i < BLOB_HASH_BYTES; i++)
		n += snprintf(name + n, (size_t)(RUNDIR_NAME_MAX - n), "%02x", hash[i]);
	return name;
}

bool
blob_is_whole(int control_fd, const uint8_t hash[BLOB_HASH_BYTES], size_t n)
{
	uint8_t found[BLOB_HASH_BYTES];
	char name[RUNDIR_NAME_MAX];
	struct rundir_map map;
	bool is_whole;

	if (rundir_map_open(control_fd, blob_name(name, hash), false, &map) != 0)
		return false; /* an empty one too: it costs nothing to be written again */
	is_whole = map.n == n;
	if (is_whole) {
		blob_hash(map.p, n, found);
		is_whole = memcmp(found, hash, sizeof(found)) == 0;
	}
	rundir_map_close(&map);
	return is_whole;
}

int
blob_make(int control_fd, const void *bytes, size_t n, uint8_t ret_hash[BLOB_HASH_BYTES])
{
	char name[RUNDIR_NAME_MAX];

	if (n > BLOB_BYTES_MAX)
		return -EFBIG;
	blob_hash(bytes, n, ret_hash);
	if (blob_is_whole(control_fd, ret_hash, n))
		return 0;
	return rundir_write(control_fd, blob_name(name, ret_hash), bytes, n, RUNDIR_MODE_FIXED);
}

bool
blob_read(int control_fd, const uint8_t hash[BLOB_HASH_BYTES], void *mem, size_t n,
	  struct abi_fault *ret_fault)
{
	uint8_t found[BLOB_HASH_BYTES];
	char name[RUNDIR_NAME_MAX];
	enum abi_fault_kind kind = ABI_FAULT_NONE;
	size_t got = 0;
	int r = rundir_read(control_fd, blob_name(name, hash), mem, n, &got);

	if (r == -EFBIG || (r == 0 && got != n))
		kind = ABI_FAULT_SIZE;
	else if (r == -EPERM)
		kind = ABI_FAULT_OWNER;
	else if (r != 0)
		kind = ABI_FAULT_FILE;
	if (kind == ABI_FAULT_NONE) {
		blob_hash(mem, n, found);
		if (memcmp(found, hash, sizeof(found)) != 0)
			kind = ABI_FAULT_CHECKSUM;
	}
	*ret_fault = kind == ABI_FAULT_NONE ? (struct abi_fault){ .kind = ABI_FAULT_NONE }
					    : abi_fault_at(kind, "blob", ABI_NONE, "");
	return kind == ABI_FAULT_NONE;
}
