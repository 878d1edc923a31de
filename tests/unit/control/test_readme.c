/*
 * test_readme.c - the table of keys in control/README.md is the table of conf/keys.c. With --print
 * the rows are printed, to be put there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

struct rows {
	struct arena arena;
	row_fn *on;
	void *ctx;
	/* Sections that were printed under their own name: others refer to them. */
	const struct key_section *seen[64];
	uint32_t seen_n;
};

static const char *
takes(struct rows *rows, const struct key *key)
{
	const char *one = key_type_name(key->type);

	if (key->type == KEY_SECTION && key->of->lone != NULL)
		one = arena_format(&rows->arena, "`%s` alone, or a mapping", key->of->lone);
	if (key->is_named)
		return arena_format(&rows->arena, "mapping of names, each %s", one);
	if (key->is_one_too)
		return arena_format(&rows->arena, "%s, or a list of such", one);
	return key->is_list ? arena_format(&rows->arena, "list, each %s", one) : one;
}

static void
key_row(struct rows *rows, const char *path, const struct key *key)
{
	const char *words = "", *absent = key->absent != NULL ? key->absent : "";

	for (uint32_t i = 0; key->words != NULL && key->words[i] != NULL; i++)
		words = arena_format(&rows->arena, "%s%s`%s`", words, i > 0 ? ", " : ": ",
				     key->words[i]);
	rows->on(rows->ctx,
		 arena_format(&rows->arena, "| `%s` | %s%s | %s | %s |\n", path, takes(rows, key),
			      words,
			      key->is_needed	  ? "needed"
			      : absent[0] != '\0' ? arena_format(&rows->arena, "`%s`", absent)
						  : "",
			      key->what));
}

/* Mappings that stand in several places have rows of their own: under their names. */
static bool
is_shared(const struct key_section *section)
{
	static const char *const names[] = { "match", "pattern", "value" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(section->name, names[i]) == 0)
			return true;
	return false;
}

static void section_rows(struct rows *rows, const char *path, const struct key_section *section);

static void
inner_rows(struct rows *rows, const char *path, const struct key_section *section)
{
	for (uint32_t i = 0; i < rows->seen_n; i++)
		if (rows->seen[i] == section)
			return;
	if (!is_shared(section)) {
		section_rows(rows, path, section);
		return;
	}
	assert_true(rows->seen_n < 64);
	rows->seen[rows->seen_n++] = section;
	section_rows(rows, section->name, section);
}

/* The entries of a set: plain rules first, which all other kinds are told apart from. */
static void
entry_rows(struct rows *rows)
{
	const struct key_entry *last = key_entries();

	while (last->by != NULL)
		last++;
	section_rows(rows, last->of->name, last->of);
	for (const struct key_entry *entry = key_entries(); entry < last; entry++)
		if (entry == key_entries() || entry->of != entry[-1].of)
			section_rows(rows, entry->of->name, entry->of);
}

static void
section_rows(struct rows *rows, const char *path, const struct key_section *section)
{
	bool has_sets = false;

	for (uint32_t i = 0; i < section->keys_n; i++) {
		const struct key *key = &section->keys[i];
		const char *inner = arena_format(&rows->arena, "%s%s%s%s", path,
						 path[0] != '\0' ? "." : "", key->name,
						 key->is_named			   ? ".NAME"
						 : key->is_list && key->of != NULL ? "[]"
										   : "");

		if (key->type == KEY_LATER)
			continue;
		key_row(rows, inner, key);
		if (key->of != NULL)
			inner_rows(rows, inner, key->of);
		if (key->type == KEY_DEVICE)
			section_rows(rows, inner, &key_device);
		has_sets |= key->type == KEY_SETS;
	}
	if (has_sets)
		entry_rows(rows);
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
	struct rows rows = { .on = row_find, .ctx = text };

	(void)state;
	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	section_rows(&rows, "", &key_top);
	arena_fini(&rows.arena);
	free(text);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_readme_has_every_key) };
	struct rows rows = { .on = row_print };

	if (argc == 2 && strcmp(argv[1], "--print") == 0) {
		printf("| key | what it takes | default | what it is |\n| --- | --- | --- | --- "
		       "|\n");
		section_rows(&rows, "", &key_top);
		arena_fini(&rows.arena);
		return 0;
	}
	readme_path = argc == 2 ? argv[1] : "";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
