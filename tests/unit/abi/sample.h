/*
 * sample.h - one image that uses every record and field, for the tests of abi/ and view/, the
 * property test and the fuzzer.
 */
#ifndef PENSTOCK_TESTS_UNIT_ABI_SAMPLE_H
#define PENSTOCK_TESTS_UNIT_ABI_SAMPLE_H

#include "abi/build.h"
#include "abi/image.h"

/* What tests vary between generations. 0 of each is the plain sample. */
struct sample {
	uint32_t extra_weight;	  /* added to the first server's weight */
	uint32_t queues;	  /* of the first port */
	uint32_t lanes;		  /* of the machine */
	const char *port_name;	  /* of the first port */
	const uint8_t *blob_hash; /* names a blob of blob_n bytes */
	uint64_t blob_n;
};

/* An image in memory of malloc; *ret_n its length. */
void *sample_image(const struct sample *how, size_t *ret_n);

struct ip_addr sample_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);

/* Field offsets make faults: overwrites n bytes of record i of a section, and seals the image. */
void sample_poke(void *image, size_t n, enum img_section_id id, uint32_t i, size_t offset,
		 const void *bytes, size_t bytes_n);

/* The directory entry of a section. */
struct img_section *sample_section(void *image, enum img_section_id id);

#endif
