/*
 * test_readme.c - the table of keys in control/README.md is the table of conf/keys.c. With --print
 * the rows are printed, to be put there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/arena.h"
#include "conf/keys.h"

static const char *readme_path;

typedef void row_fn(void *ctx, const char *row);

static void
key_row(struct arena *arena, const char *path, const struct key *key, row_fn *on, void *ctx)
{
	const char *words = "", *absent = key->absent != NULL ? key->absent : "";

	for (uint32_t i = 0; key->words != NULL && key->words[i] != NULL; i++)
		words = arena_format(arena, "%s%s`%s`", words, i > 0 ? ", " : ": ", key->words[i]);
	on(ctx, arena_format(arena, "| `%s` | %s%s%s | %s | %s |\n", path,
			     key->is_list ? "list, each " : "", key_type_name(key->type), words,
			     key->is_needed	 ? "needed"
			     : absent[0] != '\0' ? arena_format(arena, "`%s`", absent)
						 : "",
			     key->what));
}

static void
section_rows(struct arena *arena, const char *path, const struct key_section *section, row_fn *on,
	     void *ctx)
{
	for (uint32_t i = 0; i < section->keys_n; i++) {
		const struct key *key = &section->keys[i];
		const char *inner =
			arena_format(arena, "%s%s%s%s", path, path[0] != '\0' ? "." : "", key->name,
				     key->is_list && key->of ? "[]" : "");

		if (key->type == KEY_LATER)
			continue;
		key_row(arena, inner, key, on, ctx);
		if (key->of != NULL)
			section_rows(arena, inner, key->of, on, ctx);
		if (key->type == KEY_DEVICE)
			section_rows(arena, inner, &key_device, on, ctx);
	}
}

static void
row_print(void *ctx, const char *row)
{
	(void)ctx;
	printf("%s", row);
}

static void
row_find(void *ctx, const char *row)
{
	if (strstr(ctx, row) == NULL)
		print_message("missing in control/README.md:\n%s", row);
	assert_non_null(strstr(ctx, row));
}

static void
the_readme_has_every_key(void **state)
{
	FILE *file = fopen(readme_path, "r");
	char *text = calloc(1, 1 << 20);
	struct arena arena = { 0 };

	(void)state;
	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	section_rows(&arena, "", &key_top, row_find, text);
	arena_fini(&arena);
	free(text);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_readme_has_every_key) };
	struct arena arena = { 0 };

	if (argc == 2 && strcmp(argv[1], "--print") == 0) {
		printf("| key | what it takes | default | what it is |\n| --- | --- | --- | --- "
		       "|\n");
		section_rows(&arena, "", &key_top, row_print, NULL);
		arena_fini(&arena);
		return 0;
	}
	readme_path = argc == 2 ? argv[1] : "";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
