/*
 * image.c - mutated images never crash a reader, and what opens is sound.
 *
 * Each round takes a good image, changes a few bytes where it hurts (directory, references,
 * counts) or anywhere, sometimes cuts or grows it, renews the checksum (most times), and opens it
 * in memory of its exact length. When it opens, everything the accessors can reach is walked. The
 * sanitizers watch for an overread; a plain build watches for a crash.
 *
 *   image [COUNT [SEED]]   or PENSTOCK_IMAGES / PENSTOCK_FULL and PENSTOCK_SEED
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "walk.h"

enum {
	SMOKE = 200000,
	FULL = 1000000,
	GROWN_MAX = 64, /* bytes an image may gain */
};

static uint64_t random_state;

static uint64_t
next_random(void)
{
	random_state += 0x9e3779b97f4a7c15ull; /* splitmix64 */
	uint64_t z = random_state;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint32_t
below(uint32_t n)
{
	return (uint32_t)(next_random() % n);
}

/* Values at which sums wrap and limits lie. */
static uint64_t
nasty(void)
{
	static const uint64_t at[] = { 0,	   1,	       2,
				       7,	   8,	       63,
				       64,	   65,	       255,
				       4095,	   65535,      65536,
				       0x7fffffff, 0x80000000, 0xfffffff8,
				       0xfffffffe, 0xffffffff, 1ull << 32,
				       1ull << 60, 1ull << 63, UINT64_MAX - 7,
				       UINT64_MAX };

	return below(4) == 0 ? next_random() : at[below(sizeof(at) / sizeof(at[0]))];
}

static void
change(uint8_t *bytes, size_t n)
{
	static const size_t width[] = { 1, 1, 2, 4, 4, 8 };
	size_t w = width[below(6)];
	size_t directory = sizeof(struct img_head) + IMG_SECTIONS * sizeof(struct img_section);
	size_t room = below(3) == 0 && n > directory ? directory : n;
	uint64_t value = nasty();
	size_t at;

	if (room < w)
		return;
	at = below((uint32_t)(room - w + 1)) / w * w;
	if (below(4) == 0)
		bytes[at] ^= (uint8_t)(1 << below(8));
	else
		memcpy(bytes + at, &value, w);
}

/* A mutated copy in memory of exactly *ret_n bytes. */
static uint8_t *
mutate(const uint8_t *good, size_t good_n, size_t *ret_n)
{
	size_t n = good_n;
	uint8_t *bytes;

	if (below(8) == 0)
		n = below((uint32_t)good_n + 1);
	else if (below(8) == 0)
		n = good_n + below(GROWN_MAX);
	bytes = calloc(1, n > 0 ? n : 1);
	memcpy(bytes, good, n < good_n ? n : good_n);
	for (uint32_t i = below(4) + 1; i > 0; i--)
		change(bytes, n);
	if (n >= sizeof(struct img_head) && below(8) != 0) {
		struct img_head head;

		memcpy(&head, bytes, sizeof(head));
		if (below(8) != 0) { /* else nearly all would end at the first checks */
			head.magic = IMG_MAGIC;
			head.version = IMG_VERSION;
			head.bytes = n;
		}
		memcpy(bytes, &head, sizeof(head));
		img_seal(bytes, n);
	}
	*ret_n = n;
	return bytes;
}

static uint64_t
number_from(const char *text, uint64_t otherwise)
{
	return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

int
main(int argc, char **argv)
{
	bool is_full = number_from(getenv("PENSTOCK_FULL"), 0) != 0;
	uint64_t count = number_from(getenv("PENSTOCK_IMAGES"), is_full ? FULL : SMOKE);
	uint64_t seed = number_from(getenv("PENSTOCK_SEED"), 1);
	uint64_t sum = 0, opened = 0, by_fault[ABI_FAULTS] = { 0 };
	size_t good_n;
	uint8_t *good;

	if (argc > 1)
		count = number_from(argv[1], count);
	if (argc > 2)
		seed = number_from(argv[2], seed);
	random_state = seed;
	good = sample_image(&(struct sample){ .blob_hash = (const uint8_t[32]){ 1 }, .blob_n = 5 },
			    &good_n);
	for (uint64_t i = 0; i < count; i++) {
		struct abi_fault fault = { 0 };
		char text[ABI_FAULT_TEXT_BYTES];
		struct img img;
		size_t n;
		uint8_t *bytes = mutate(good, good_n, &n);

		if (img_open(bytes, n, &img, &fault)) {
			opened++;
			sum += walk_image(&img);
		} else {
			if (fault.kind == ABI_FAULT_NONE || fault.kind >= ABI_FAULTS)
				abort();
			sum += (uint8_t)abi_fault_print(&fault, text, sizeof(text))[0];
		}
		by_fault[fault.kind]++;
		free(bytes);
	}
	printf("image: %llu mutated images, seed %llu: %llu open, the others refused:",
	       (unsigned long long)count, (unsigned long long)seed, (unsigned long long)opened);
	for (uint32_t k = 1; k < ABI_FAULTS; k++) {
		if (by_fault[k] != 0)
			printf(" %s %llu", abi_fault_name(k), (unsigned long long)by_fault[k]);
	}
	printf(" (%llx)\n", (unsigned long long)sum);
	free(good);
	return 0;
}
