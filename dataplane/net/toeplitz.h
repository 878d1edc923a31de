/*
 * toeplitz.h - the hash by which network cards spread flows over queues (Microsoft's receive-side
 * scaling), in software: for hand-over where a port does not spread, and for choosing source
 * ports. Every bit that is set adds (XOR) 32 bits of the key, so the hash is linear:
 * hash(a ^ b) = hash(a) ^ hash(b).
 */
#ifndef PENSTOCK_NET_TOEPLITZ_H
#define PENSTOCK_NET_TOEPLITZ_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/addr.h"

enum {
	TOEPLITZ_KEY = 40,	/* bytes of key that tuples need; longer keys are cut */
	TOEPLITZ_INPUT_MAX = 36 /* two IPv6 addresses and two ports */
};

/* The key as 16 values for every four bits of input: 4.5 KiB, made once. */
struct toeplitz {
	uint32_t nibble[TOEPLITZ_INPUT_MAX * 2][16];
};

/* A shorter key counts as if zeros followed. */
void toeplitz_init(struct toeplitz *t, const uint8_t *key, uint32_t key_n);

/* The hash of n bytes, at most TOEPLITZ_INPUT_MAX. */
uint32_t toeplitz_bytes(const struct toeplitz *t, const uint8_t *bytes, uint32_t n);

/* The hash of a received TCP segment, by the family of src: addresses, then ports. */
uint32_t toeplitz_tuple(const struct toeplitz *t, const struct ip_addr *src, uint16_t src_port,
			const struct ip_addr *dst, uint16_t dst_port);

/* What the destination port adds to that hash. */
uint32_t toeplitz_dst_port(const struct toeplitz *t, bool is_v6, uint16_t port);

#endif
