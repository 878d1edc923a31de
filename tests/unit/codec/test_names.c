/*
 * test_names.c - codings by name, and what a client accepts (RFC 9110, 8.4.1 and 12.5.3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/codec.h"

static struct slice
text(const char *s)
{
	return s == NULL ? (struct slice){ 0 } : slice_of(s, (uint32_t)strlen(s));
}

static void
a_coding_is_known_by_its_name(void **state)
{
	static const struct {
		const char *value;
		enum codec_kind kind;
	} cases[] = {
		{ NULL, CODEC_NONE },	       { "", CODEC_NONE },
		{ "identity", CODEC_NONE },    { "gzip", CODEC_GZIP },
		{ " GZip ", CODEC_GZIP },      { "x-gzip", CODEC_GZIP },
		{ "deflate", CODEC_DEFLATE },  { "br", CODEC_BR },
		{ "identity, br", CODEC_BR },  { ", gzip ,", CODEC_GZIP },
		{ "gzip, gzip", CODEC_OTHER }, { "zstd", CODEC_OTHER },
		{ "compress", CODEC_OTHER },   { "gzipx", CODEC_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(codec_of(text(cases[i].value)), cases[i].kind);
	assert_string_equal(codec_kind_name(CODEC_BR), "br");
}

static void
a_client_accepts_what_it_names(void **state)
{
	static const struct {
		const char *value;
		enum codec_kind kind;
		bool is_accepted;
	} cases[] = {
		{ NULL, CODEC_GZIP, false },	      { "", CODEC_GZIP, false },
		{ "gzip", CODEC_GZIP, true },	      { "x-gzip", CODEC_GZIP, true },
		{ "gzip", CODEC_BR, false },	      { "gzip, deflate, br", CODEC_BR, true },
		{ "gzip;q=0", CODEC_GZIP, false },    { "gzip ; Q=0.000", CODEC_GZIP, false },
		{ "gzip;q=0.001", CODEC_GZIP, true }, { "*", CODEC_BR, true },
		{ "*;q=0", CODEC_BR, false },	      { "*;q=0, br", CODEC_BR, true },
		{ "br;q=0, *", CODEC_BR, false },     { "identity", CODEC_GZIP, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(codec_is_accepted(text(cases[i].value), cases[i].kind),
				 cases[i].is_accepted);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_coding_is_known_by_its_name),
		cmocka_unit_test(a_client_accepts_what_it_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
