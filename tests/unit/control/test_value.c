/*
 * test_value.c - durations, sizes, addresses: texts to values and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conf/value.h"

#define N(list) (sizeof(list) / sizeof((list)[0]))

static void
durations_have_units(void **state)
{
	static const struct {
		const char *text;
		enum value_fault fault;
		uint64_t ns;
	} cases[] = {
		{ "250ms", VALUE_OK, 250000000 },
		{ "30s", VALUE_OK, 30000000000 },
		{ "30 s", VALUE_OK, 30000000000 },
		{ "15m", VALUE_OK, 900000000000 },
		{ "2h", VALUE_OK, 7200000000000 },
		{ "1d", VALUE_OK, 86400000000000 },
		{ "5us", VALUE_OK, 5000 },
		{ "0", VALUE_OK, 0 },
		{ "30", VALUE_NO_UNIT, 0 },
		{ "30 sec", VALUE_BAD_UNIT, 0 },
		{ "1m30s", VALUE_BAD_UNIT, 0 },
		{ "s", VALUE_NOT_NUMBER, 0 },
		{ "", VALUE_NOT_NUMBER, 0 },
		{ "-1s", VALUE_NOT_NUMBER, 0 },
		{ "1.5s", VALUE_BAD_UNIT, 0 },
		{ "99999999999999999999s", VALUE_TOO_BIG, 0 },
		{ "18446744073709551615d", VALUE_TOO_BIG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		uint64_t ns = 7;

		assert_int_equal(value_duration(cases[i].text, &ns), cases[i].fault);
		assert_true(ns == (cases[i].fault == VALUE_OK ? cases[i].ns : 7));
	}
}

static void
sizes_may_be_bare_bytes(void **state)
{
	static const struct {
		const char *text;
		enum value_fault fault;
		uint64_t bytes;
	} cases[] = {
		{ "512", VALUE_OK, 512 },
		{ "64KiB", VALUE_OK, 65536 },
		{ "16 MiB", VALUE_OK, 16 << 20 },
		{ "2GiB", VALUE_OK, (uint64_t)2 << 30 },
		{ "1TiB", VALUE_OK, (uint64_t)1 << 40 },
		{ "7B", VALUE_OK, 7 },
		{ "64KB", VALUE_BAD_UNIT, 0 },
		{ "64k", VALUE_BAD_UNIT, 0 },
		{ "KiB", VALUE_NOT_NUMBER, 0 },
		{ "99999999TiB", VALUE_TOO_BIG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		uint64_t bytes = 7;

		assert_int_equal(value_size(cases[i].text, &bytes), cases[i].fault);
		assert_true(bytes == (cases[i].fault == VALUE_OK ? cases[i].bytes : 7));
	}
}

static void
endpoints_are_written_as_people_do(void **state)
{
	static const struct {
		const char *text;
		enum value_fault fault;
		uint16_t port;
	} cases[] = {
		{ "203.0.113.10:80", VALUE_OK, 80 },
		{ "[2001:db8::10]:443", VALUE_OK, 443 },
		{ "*:8080", VALUE_OK, 8080 },
		{ "203.0.113.10", VALUE_NO_PORT, 0 },
		{ "203.0.113.10:", VALUE_NO_PORT, 0 },
		{ "[2001:db8::10]", VALUE_NO_PORT, 0 },
		{ "2001:db8::10", VALUE_NO_BRACKETS, 0 },
		{ "2001:db8::10:zz", VALUE_NO_BRACKETS, 0 },
		{ "203.0.113.10:0", VALUE_BAD_PORT, 0 },
		{ "203.0.113.10:65536", VALUE_BAD_PORT, 0 },
		{ "203.0.113.10:http", VALUE_BAD_PORT, 0 },
		{ "203.0.113.999:80", VALUE_NOT_ADDRESS, 0 },
		{ "[10.0.0.1]:80", VALUE_NOT_ADDRESS, 0 },
		{ "www.example.com:80", VALUE_NOT_ADDRESS, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		char text[VALUE_ENDPOINT_TEXT];
		struct ip_addr ip;
		uint16_t port = 0;

		assert_int_equal(value_endpoint(cases[i].text, &ip, &port), cases[i].fault);
		assert_int_equal(port, cases[i].port);
		if (cases[i].fault == VALUE_OK)
			assert_string_equal(value_endpoint_text(&ip, port, text), cases[i].text);
	}
}

static void
prefixes_belong_to_their_family(void **state)
{
	struct ip_addr ip, inside;
	uint8_t bits;

	(void)state;
	assert_int_equal(value_prefix("10.0.0.5/24", &ip, &bits), VALUE_OK);
	assert_int_equal(bits, 24);
	assert_int_equal(value_ip("10.0.0.200", &inside), VALUE_OK);
	assert_true(value_ip_within(&inside, &ip, 24));
	assert_false(value_ip_within(&inside, &ip, 25));
	assert_int_equal(value_ip("::ffff:10.0.0.200", &inside), VALUE_OK);
	assert_true(value_ip_within(&inside, &ip, 24)); /* the same address, RFC 4291 */
	assert_int_equal(value_ip("2001:db8::1", &inside), VALUE_OK);
	assert_false(value_ip_within(&inside, &ip, 0));
	assert_int_equal(value_prefix("10.0.0.5/33", &ip, &bits), VALUE_BAD_PREFIX);
	assert_int_equal(value_prefix("2001:db8::/128", &ip, &bits), VALUE_OK);
	assert_int_equal(value_prefix("2001:db8::/129", &ip, &bits), VALUE_BAD_PREFIX);
	assert_int_equal(value_prefix("10.0.0.5", &ip, &bits), VALUE_NO_PREFIX);
	assert_int_equal(value_prefix("10.0.0/8", &ip, &bits), VALUE_NOT_ADDRESS);
}

static void
durations_read_back_in_whole_units(void **state)
{
	char text[VALUE_DURATION_TEXT];

	(void)state;
	assert_string_equal(value_duration_text(30000000000, text), "30 s");
	assert_string_equal(value_duration_text(250000000, text), "250 ms");
	assert_string_equal(value_duration_text(90000000000, text), "90 s");
	assert_string_equal(value_duration_text(900000000000, text), "15 m");
	assert_string_equal(value_duration_text(0, text), "0 s");
	assert_string_equal(value_duration_text(1, text), "1 ns");
}

static void
host_names_follow_rfc_1123(void **state)
{
	static const char *const good[] = { "a",     "app1.internal", "a-b.c",
					    "x_y.z", "9.example",     "example.com." };
	static const char *const bad[] = { "",	  ".",	  "-a",	 "a-",		"a..b",
					   "a b", "a-.b", "a/b", "\xc3\xa4.de", "a:80" };
	char longest[255];

	(void)state;
	for (size_t i = 0; i < N(good); i++)
		assert_true(value_is_host_name(good[i]));
	for (size_t i = 0; i < N(bad); i++)
		assert_false(value_is_host_name(bad[i]));
	memset(longest, 'a', sizeof(longest));
	longest[64] = '\0';
	assert_false(value_is_host_name(longest));
	longest[63] = '\0';
	assert_true(value_is_host_name(longest));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(sizes_may_be_bare_bytes),
		cmocka_unit_test(endpoints_are_written_as_people_do),
		cmocka_unit_test(prefixes_belong_to_their_family),
		cmocka_unit_test(durations_read_back_in_whole_units),
		cmocka_unit_test(host_names_follow_rfc_1123),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
