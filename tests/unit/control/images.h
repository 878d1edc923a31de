/*
 * images.h - a configuration text to opened tables, for tests.
 */
#ifndef PENSTOCK_TESTS_UNIT_CONTROL_IMAGES_H
#define PENSTOCK_TESTS_UNIT_CONTROL_IMAGES_H

#include <string.h>

#include "conf/conf.h"
#include "run/tables.h"

/* before may be NULL. Fails the test when the text or its image is not good. */
static inline struct tables
image_of(const char *text, const struct tables *before)
{
	struct conf_errs errs = { 0 };
	struct conf *conf = conf_open_text("x.yaml", text, strlen(text), &errs);
	struct tables tables = { 0 };
	struct abi_fault fault;
	void *bytes = NULL;
	size_t n = 0;

	conf_errs_print(&errs, stdout);
	assert_non_null(conf);
	assert_true(conf_build(conf, before != NULL ? &before->img : NULL, &bytes, &n, &errs));
	assert_true(tables_open_bytes(bytes, n, 1, &tables, &fault));
	conf_close(conf);
	conf_errs_fini(&errs);
	return tables;
}

#endif
