/*
 * test_table.c - tables and sentences for people: as wide as their words, and within a terminal's
 * lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/ctl.h"
#include "ctl/table.h"

static const struct table_column columns[] = { { .head = "ID" },
					       { .head = "AGE", .is_number = true },
					       { .head = "REQUEST", .is_cut = true } };

/* Two rows, in lines of so many characters. */
static void
looks(const char *id, const char *request, uint32_t width, const char *wanted)
{
	struct table table;
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	table_init(&table, columns, 3);
	table_add(&table, (const char *[]){ id, "1s", request });
	table_add(&table, (const char *[]){ NULL, "100s", "" });
	table_print(&table, to, width);
	table_fini(&table);
	fclose(to);
	assert_string_equal(text, wanted);
	free(text);
}

static void
columns_are_as_wide_as_their_words(void **state)
{
	(void)state;
	looks("0-1", "GET /", 0,
	      "ID    AGE  REQUEST\n"
	      "0-1    1s  GET /\n"
	      "-    100s  -\n");
	looks("0-1234567", "GET /", 80,
	      "ID          AGE  REQUEST\n"
	      "0-1234567    1s  GET /\n"
	      "-          100s  -\n");
}

static void
what_is_too_long_is_cut_where_it_may_be(void **state)
{
	(void)state;
	looks("0-1", "GET /a/long/way", 24,
	      "ID    AGE  REQUEST\n"
	      "0-1    1s  GET /a/long..\n"
	      "-    100s  -\n");
	looks("0-1", "GET /a/long/way", 26,
	      "ID    AGE  REQUEST\n"
	      "0-1    1s  GET /a/long/way\n"
	      "-    100s  -\n");
}

/* Then the blanks go first; never is less than eight characters left of what is cut. */
static void
narrow_lines_are_used_well(void **state)
{
	(void)state;
	looks("0-123456", "GET /a/long/way", 22,
	      "ID        AGE REQUEST\n"
	      "0-123456   1s GET /a..\n"
	      "-        100s -\n");
	looks("0-123456", "GET /a/long/way", 10,
	      "ID        AGE REQUEST\n"
	      "0-123456   1s GET /a..\n"
	      "-        100s -\n");
}

static void
many_rows_have_room(void **state)
{
	struct table table;
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	(void)state;
	table_init(&table, columns, 3);
	for (int i = 0; i < 1000; i++)
		table_add(&table, (const char *[]){ "0-1", "1s", "/" });
	table_print(&table, to, 80);
	table_fini(&table);
	fclose(to);
	assert_int_equal(n, strlen("ID   AGE  REQUEST\n") + 1000 * strlen("0-1   1s  /\n"));
	free(text);
}

static void
wraps(const char *words, uint32_t width, const char *wanted)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	ctl_print_wrapped(to, words, 4, width);
	fclose(to);
	assert_string_equal(text, wanted);
	free(text);
}

/* Four characters stand before it. */
static void
words_go_on_below(void **state)
{
	(void)state;
	wraps("ab cd ef", 0, "ab cd ef\n");
	wraps("ab cd ef", 12, "ab cd ef\n");
	wraps("ab cd ef", 11, "ab cd\n    ef\n");
	wraps("ab cdefghijk l", 8, "ab\n    cdefghijk\n    l\n"); /* wider than a line */
	wraps("", 8, "\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_words),
		cmocka_unit_test(what_is_too_long_is_cut_where_it_may_be),
		cmocka_unit_test(narrow_lines_are_used_well),
		cmocka_unit_test(many_rows_have_room),
		cmocka_unit_test(words_go_on_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
