/*
 * fuzz_conf.c - any bytes as a configuration: either errors with a place, or an image that opens
 * and is built again to the same bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "conf/conf.h"

static void
errors_are_told(const struct conf_errs *errs)
{
	struct arena arena = { 0 };

	ensure(errs->n > 0);
	for (uint32_t i = 0; i < errs->n; i++)
		ensure(strlen(conf_err_text(&errs->err[i], &arena)) > 10);
	arena_fini(&arena);
}

static void
image_is_sound(const struct conf *conf, struct conf_errs *errs)
{
	void *first = NULL, *second = NULL;
	size_t first_n = 0, second_n = 0;
	struct abi_fault fault;
	struct img img;

	if (!conf_build(conf, NULL, &first, &first_n, errs)) {
		errors_are_told(errs);
		return;
	}
	ensure(img_open(first, first_n, &img, &fault));
	ensure(conf_build(conf, &img, &second, &second_n, errs));
	ensure(first_n == second_n && memcmp(first, second, first_n) == 0);
	free(first);
	free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct conf_errs errs = { 0 };
	struct conf *conf = conf_open_text("fuzz.yaml", data, n, &errs);

	if (conf == NULL)
		errors_are_told(&errs);
	else
		image_is_sound(conf, &errs);
	conf_close(conf);
	conf_errs_fini(&errs);
	return 0;
}
