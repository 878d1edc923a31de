/*
 * test_toeplitz.c - the hash against Microsoft's verification suite and a bit-by-bit one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/prng.h"
#include "net/toeplitz.h"

static const uint8_t ms_key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a = { 0 };
	uint8_t v4[4];

	if (inet_pton(AF_INET, text, v4) == 1)
		return ip_from_v4(v4);
	assert_int_equal(inet_pton(AF_INET6, text, a.b), 1);
	return a;
}

/* "Verifying the RSS hash calculation": destination, source, hash with TCP. */
static void
microsofts_vectors_come_out(void **state)
{
	static const struct {
		const char *dst;
		uint16_t dst_port;
		const char *src;
		uint16_t src_port;
		uint32_t hash;
	} vector[] = {
		{ "161.142.100.80", 1766, "66.9.149.187", 2794, 0x51ccc178 },
		{ "65.69.140.83", 4739, "199.92.111.2", 14230, 0xc626b0ea },
		{ "12.22.207.184", 38024, "24.19.198.95", 12898, 0x5c2b394a },
		{ "209.142.163.6", 2217, "38.27.205.30", 48228, 0xafc7327f },
		{ "202.188.127.2", 1303, "153.39.163.191", 44251, 0x10e828a2 },
		{ "3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x40207d3d },
		{ "ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0xdde51bbf },
		{ "fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251,
		  0x02d1feef },
	};
	struct toeplitz t;

	(void)state;
	toeplitz_init(&t, ms_key, sizeof(ms_key));
	for (uint32_t i = 0; i < sizeof(vector) / sizeof(vector[0]); i++) {
		struct ip_addr src = addr(vector[i].src), dst = addr(vector[i].dst);

		assert_int_equal(
			toeplitz_tuple(&t, &src, vector[i].src_port, &dst, vector[i].dst_port),
			vector[i].hash);
	}
}

/* As the specification draws it: for each bit that is set, XOR the key's leftmost 32 bits. */
static uint32_t
naive(const uint8_t key[40], const uint8_t *input, uint32_t n)
{
	uint32_t hash = 0;

	for (uint32_t bit = 0; bit < n * 8; bit++) {
		if ((input[bit / 8] & 0x80 >> bit % 8) == 0)
			continue;
		for (uint32_t k = 0; k < 32; k++)
			if ((key[(bit + k) / 8] & 0x80 >> (bit + k) % 8) != 0)
				hash ^= 1u << (31 - k);
	}
	return hash;
}

static void
tables_agree_with_bit_by_bit(void **state)
{
	struct prng prng;

	(void)state;
	prng_init(&prng, 51);
	for (uint32_t round = 0; round < 300; round++) {
		uint8_t key[40], input[36];
		struct toeplitz t;

		for (uint32_t i = 0; i < sizeof(key); i++)
			key[i] = (uint8_t)prng_u32(&prng);
		toeplitz_init(&t, key, sizeof(key));
		for (uint32_t n = 0; n <= sizeof(input); n += 1 + prng_below(&prng, 4)) {
			for (uint32_t i = 0; i < n; i++)
				input[i] = (uint8_t)prng_u32(&prng);
			assert_int_equal(toeplitz_bytes(&t, input, n), naive(key, input, n));
		}
	}
}

static void
what_a_port_adds_is_independent_of_the_rest(void **state)
{
	struct toeplitz t;
	struct prng prng;

	(void)state;
	prng_init(&prng, 52);
	toeplitz_init(&t, ms_key, sizeof(ms_key));
	for (uint32_t round = 0; round < 3000; round++) {
		struct ip_addr src = addr("10.0.0.1"), dst = addr("10.0.0.2");
		bool is_v6 = prng_one_in(&prng, 2);
		uint16_t src_port = (uint16_t)prng_u32(&prng), port = (uint16_t)prng_u32(&prng);

		if (is_v6)
			src = addr("2001:db8::1"), dst = addr("2001:db8::2");
		src.b[15] = (uint8_t)prng_u32(&prng);
		assert_int_equal(toeplitz_tuple(&t, &src, src_port, &dst, port),
				 toeplitz_tuple(&t, &src, src_port, &dst, 0) ^
					 toeplitz_dst_port(&t, is_v6, port));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(microsofts_vectors_come_out),
		cmocka_unit_test(tables_agree_with_bit_by_bit),
		cmocka_unit_test(what_a_port_adds_is_independent_of_the_rest),
	};

	return cmocka_run_group_tests_name("toeplitz", tests, NULL, NULL);
}
