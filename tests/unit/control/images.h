/*
 * images.h - a configuration text to opened tables, for tests.
 */
#ifndef PENSTOCK_TESTS_UNIT_CONTROL_IMAGES_H
#define PENSTOCK_TESTS_UNIT_CONTROL_IMAGES_H

#include <string.h>

#include "conf/conf.h"
#include "run/tables.h"

/* As image_of; has_scans: with scan databases, as what is published. */
static inline struct tables
image_made(const char *text, const struct tables *before, bool has_scans)
{
	struct conf_errs errs = { 0 };
	struct conf *conf = conf_open_text("x.yaml", text, strlen(text), &errs);
	struct tables tables = { 0 };
	const struct conf_build_ask ask = { .before = before != NULL ? &before->img : NULL,
					    .wants_databases = has_scans };
	struct conf_image image;
	struct abi_fault fault;
	size_t n;

	conf_errs_print(&errs, stdout);
	assert_non_null(conf);
	assert_true(conf_build_image(conf, &ask, &image, &errs));
	n = image.n;
	assert_true(tables_open_bytes(conf_image_take(&image), n, 1, &tables, &fault));
	conf_image_fini(&image);
	conf_close(conf);
	conf_errs_fini(&errs);
	return tables;
}

/* before may be NULL. Fails the test when the text or its image is not good. */
static inline struct tables
image_of(const char *text, const struct tables *before)
{
	return image_made(text, before, false);
}

#endif
