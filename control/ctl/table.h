/*
 * table.h - lines in columns for people: each as wide as what stands in it, one of them cut so that
 * lines fit the terminal.
 */
#ifndef PENSTOCK_CONTROL_CTL_TABLE_H
#define PENSTOCK_CONTROL_CTL_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	TABLE_COLUMNS_MAX = 12,
	TABLE_CUT_LEAST = 8, /* what is cut stays so wide */
};

struct table_column {
	const char *head;
	bool is_number; /* stands at the right */
	bool is_cut;	/* gets what the others leave; one of a table at most */
};

struct table {
	const struct table_column *column;
	uint32_t column_n;
	const char **cell; /* [row_n * column_n], text of whoever adds it */
	uint32_t row_n, room;
};

/* column stays where it is; column_n is at most TABLE_COLUMNS_MAX. */
void table_init(struct table *table, const struct table_column *column, uint32_t column_n);

/* column_n texts, of ASCII, which stay where they are; NULL and "" are shown as "-". */
void table_add(struct table *table, const char *const *text);

/* The heads and all rows. width: of a line, 0: any. */
void table_print(const struct table *table, FILE *to, uint32_t width);

void table_fini(struct table *table);

#endif
