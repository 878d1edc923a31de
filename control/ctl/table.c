/*
 * table.c - see table.h. Columns stand two blanks apart, one where lines would be too wide else.
 */
#include "ctl/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"

void
table_init(struct table *table, const struct table_column *column, uint32_t column_n)
{
	ensure(column_n > 0 && column_n <= TABLE_COLUMNS_MAX);
	*table = (struct table){ .column = column, .column_n = column_n };
}

void
table_add(struct table *table, const char *const *text)
{
	const char **cell;

	if (table->row_n == table->room) {
		table->room = table->room * 2 + 16;
		table->cell = reallocarray(table->cell, table->room,
					   table->column_n * sizeof(*table->cell));
		ensure(table->cell != NULL);
	}
	cell = &table->cell[(size_t)table->row_n++ * table->column_n];
	for (uint32_t i = 0; i < table->column_n; i++)
		cell[i] = text[i] != NULL && text[i][0] != '\0' ? text[i] : "-";
}

static uint32_t
widest(const struct table *table, uint32_t column)
{
	size_t most = strlen(table->column[column].head);

	for (uint32_t row = 0; row < table->row_n; row++) {
		size_t n = strlen(table->cell[(size_t)row * table->column_n + column]);

		most = n > most ? n : most;
	}
	return (uint32_t)most;
}

/* Returns the blanks between columns. */
static uint32_t
measure(const struct table *table, uint32_t width, uint32_t ret_wide[TABLE_COLUMNS_MAX])
{
	uint32_t all = 0, cut = TABLE_COLUMNS_MAX, gap = 2, least;

	for (uint32_t i = 0; i < table->column_n; i++) {
		ret_wide[i] = widest(table, i);
		all += ret_wide[i];
		cut = table->column[i].is_cut ? i : cut;
	}
	if (width == 0 || all + gap * (table->column_n - 1) <= width)
		return gap;
	least = cut == TABLE_COLUMNS_MAX || ret_wide[cut] <= TABLE_CUT_LEAST
			? all
			: all - ret_wide[cut] + TABLE_CUT_LEAST;
	if (least + gap * (table->column_n - 1) > width)
		gap = 1;
	if (all + gap * (table->column_n - 1) <= width || least == all)
		return gap;
	all += gap * (table->column_n - 1);
	ret_wide[cut] = ret_wide[cut] + width > all + TABLE_CUT_LEAST ? ret_wide[cut] + width - all
								      : TABLE_CUT_LEAST;
	return gap;
}

static void
row_print(const struct table *table, FILE *to, const char *const *text, const uint32_t *wide,
	  uint32_t gap)
{
	for (uint32_t i = 0; i < table->column_n; i++) {
		int room = (int)wide[i], n = (int)strlen(text[i]);
		bool is_last = i + 1 == table->column_n;

		if (n > room)
			fprintf(to, "%.*s..", room - 2, text[i]);
		else if (table->column[i].is_number)
			fprintf(to, "%*s", room, text[i]);
		else
			fprintf(to, "%-*s", is_last ? 0 : room, text[i]);
		fprintf(to, "%*s", is_last ? 0 : (int)gap, "");
	}
	fprintf(to, "\n");
}

void
table_print(const struct table *table, FILE *to, uint32_t width)
{
	uint32_t wide[TABLE_COLUMNS_MAX], gap = measure(table, width, wide);
	const char *head[TABLE_COLUMNS_MAX];

	for (uint32_t i = 0; i < table->column_n; i++)
		head[i] = table->column[i].head;
	row_print(table, to, head, wide, gap);
	for (uint32_t row = 0; row < table->row_n; row++)
		row_print(table, to, &table->cell[(size_t)row * table->column_n], wide, gap);
}

void
table_fini(struct table *table)
{
	free(table->cell);
	*table = (struct table){ 0 };
}
