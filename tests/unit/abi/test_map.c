/*
 * test_map.c - maps: what is written is found, in order; bytes that are no map are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/map.h"

static struct map_pair
pair(const char *key, const char *value)
{
	return (struct map_pair){ .key = key,
				  .value = value,
				  .key_n = (uint32_t)strlen(key),
				  .value_n = (uint32_t)strlen(value) };
}

static void *
built(const struct map_pair *pairs, uint32_t n, size_t *ret_n)
{
	void *bytes = NULL;

	assert_true(map_build(pairs, n, realloc, &bytes, ret_n));
	return bytes;
}

static void
what_is_written_is_found_and_the_first_of_equal_keys_wins(void **state)
{
	const struct map_pair pairs[] = { pair("/a", "1"), pair("", "empty"), pair("/b", ""),
					  pair("/a", "2") };
	struct abi_fault fault;
	struct map map;
	struct map_pair found;
	size_t n;
	void *bytes = built(pairs, 4, &n);

	(void)state;
	assert_true(map_open(bytes, n, &map, &fault));
	assert_true(map_find(&map, "/a", 2, &found));
	assert_int_equal(found.value_n, 1);
	assert_memory_equal(found.value, "1", 1);
	assert_true(map_find(&map, "", 0, &found));
	assert_memory_equal(found.value, "empty", 5);
	assert_true(map_find(&map, "/b", 2, &found));
	assert_int_equal(found.value_n, 0);
	assert_false(map_find(&map, "/A", 2, &found));
	assert_false(map_find(&map, "/", 1, &found));
	assert_memory_equal(map_at(&map, 3).value, "2", 1);
	free(bytes);
}

static void
a_map_of_no_keys_and_one_that_was_never_opened_have_none(void **state)
{
	struct map map = { 0 };
	struct abi_fault fault;
	struct map_pair found;
	size_t n;
	void *bytes = built(NULL, 0, &n);

	(void)state;
	assert_false(map_find(&map, "x", 1, &found));
	assert_true(map_open(bytes, n, &map, &fault));
	assert_false(map_find(&map, "x", 1, &found));
	free(bytes);
}

static void
a_hundred_thousand_keys_are_all_found(void **state)
{
	enum {
		KEYS = 100000
	};
	static char text[KEYS][16];
	struct map_pair *pairs = calloc(KEYS, sizeof(*pairs)), found;
	struct abi_fault fault;
	struct map map;
	size_t n;
	void *bytes;

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++) {
		snprintf(text[i], sizeof(text[i]), "/old/%u", i);
		pairs[i] = pair(text[i], text[i]);
	}
	bytes = built(pairs, KEYS, &n);
	assert_true(map_open(bytes, n, &map, &fault));
	for (uint32_t i = 0; i < KEYS; i++) {
		assert_true(map_find(&map, text[i], strlen(text[i]), &found));
		assert_int_equal(found.value_n, strlen(text[i]));
		assert_memory_equal(found.value, text[i], found.value_n);
	}
	free(bytes);
	free(pairs);
}

/* Whatever of it opens can be asked for anything: ASan watches. */
static void
no_change_of_a_byte_hurts(void **state)
{
	const struct map_pair pairs[] = { pair("/a", "1"), pair("/bb", "22"), pair("/c", "3") };
	struct abi_fault fault;
	struct map map;
	struct map_pair found;
	size_t n;
	uint8_t *bytes = built(pairs, 3, &n);

	(void)state;
	for (size_t i = 0; i < n * 256; i++) {
		uint8_t before = bytes[i / 256];

		bytes[i / 256] = (uint8_t)i;
		if (map_open(bytes, n, &map, &fault)) {
			map_find(&map, "/a", 2, &found);
			map_find(&map, "/zz", 3, &found);
			for (uint32_t k = 0; k < map.pair_n; k++)
				map_at(&map, k);
		}
		bytes[i / 256] = before;
	}
	for (size_t short_n = 0; short_n < n; short_n++)
		assert_false(map_open(bytes, short_n, &map, &fault));
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_found_and_the_first_of_equal_keys_wins),
		cmocka_unit_test(a_map_of_no_keys_and_one_that_was_never_opened_have_none),
		cmocka_unit_test(a_hundred_thousand_keys_are_all_found),
		cmocka_unit_test(no_change_of_a_byte_hurts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
