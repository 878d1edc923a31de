/*
 * test_session.c - a session's record as JSON: what a client sent is told byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/asking.h"

/* "GET", "www" and this target, as session_json tells the target. */
static void
target_is_told(const char *target, const char *told)
{
	static const struct names none;
	struct session s = { .method_n = 3, .host_n = 3, .target_n = (uint16_t)strlen(target) };
	json_t *object;

	memcpy(s.text, "GETwww", 6);
	memcpy(s.text + 6, target, s.target_n);
	object = session_json(&s, 0, &none);
	assert_non_null(object);
	assert_string_equal(json_string_value(json_object_get(object, "method")), "GET");
	assert_string_equal(json_string_value(json_object_get(object, "target")), told);
	json_decref(object);
}

/* A byte that was escaped and the four characters of its escape are not the same. */
static void
different_bytes_are_told_differently(void **state)
{
	(void)state;
	target_is_told("/a?b=\"c\"", "/a?b=\"c\"");
	target_is_told("/\x1b[2J", "/\\x1b[2J");
	target_is_told("/\\x1b[2J", "/\\x5cx1b[2J");
	target_is_told("/\xff\x7f", "/\\xff\\x7f");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(different_bytes_are_told_differently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
