/*
 * test_field.c - names and ids, hosts, dates, and the words of the lists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "http/http.h"

/* The perfect hash finds every name, in any case, and nothing that differs in one byte. */
static void
every_known_name_has_its_id(void **state)
{
	(void)state;
	for (uint32_t id = 1; id < HTTP_FIELD_IDS_N; id++) {
		struct slice name = http_field_id_name((enum http_field_id)id);
		uint32_t n = name.n;
		uint8_t *copy = malloc(n);

		assert_non_null(copy);
		for (uint32_t turn = 0; turn < 3; turn++) {
			memcpy(copy, name.p, n);
			for (uint32_t i = 0; i < n && turn > 0; i++) {
				bool letter = (uint8_t)((copy[i] | 0x20) - 'a') < 26;

				copy[i] = (uint8_t)(letter && turn == 1 ? copy[i] | 0x20
						    : letter		? copy[i] & 0xdf
									: copy[i]);
			}
			assert_int_equal(http_field_id_of(slice_of(copy, n)), id);
		}
		for (uint32_t i = 0; i < n; i++) {
			for (uint32_t byte = 0; byte < 256; byte++) {
				memcpy(copy, name.p, n);
				copy[i] = (uint8_t)byte;
				if (slice_eq_nocase(slice_of(copy, n), slice_of(name.p, n)))
					continue;
				assert_int_not_equal(http_field_id_of(slice_of(copy, n)), id);
			}
		}
		assert_int_equal(http_field_id_of(slice_of(name.p, n - 1)), 0);
		free(copy);
	}
	assert_int_equal(http_field_id_of(SLICE("")), HTTP_FIELD_UNKNOWN);
	assert_int_equal(http_field_id_of(SLICE("X-Anything-Else-At-All-And-Much-Longer")),
			 HTTP_FIELD_UNKNOWN);
}

/* RFC 9110, 5.6.2 and 5.5, byte by byte, at every place of a vector. */
static void
tokens_and_values_have_their_bytes(void **state)
{
	uint8_t text[40];

	(void)state;
	for (uint32_t byte = 0; byte < 256; byte++) {
		bool letter = (uint8_t)((byte | 0x20) - 'a') < 26 && byte < 0x80;
		bool digit = byte >= '0' && byte <= '9';
		bool tchar = letter || digit ||
			     (byte != 0 && strchr("!#$%&'*+-.^_`|~", (int)byte) != NULL);
		bool field = byte == '\t' || (byte >= 0x20 && byte != 0x7f);

		for (uint32_t at = 0; at < sizeof(text); at++) {
			memset(text, 'x', sizeof(text));
			text[at] = (uint8_t)byte;
			assert_int_equal(http_is_token(slice_of(text, sizeof(text))), tchar);
			assert_int_equal(http_is_field_value(slice_of(text, sizeof(text))), field);
		}
	}
	assert_false(http_is_token(SLICE("")));
	assert_true(http_is_field_value(SLICE("")));
}

static void
hosts_split_into_name_and_port(void **state)
{
	static const struct {
		const char *text, *name;
		int port; /* -1: malformed */
	} t[] = {
		{ "a", "a", 0 },
		{ "a:", "a", 0 },
		{ "a:1", "a", 1 },
		{ "a:065535", "a", 65535 },
		{ "[::]", "[::]", 0 },
		{ "[1:2::3.4.5.6]:7", "[1:2::3.4.5.6]", 7 },
		{ "a%41", "a%41", 0 },
		{ "a_b.c-d", "a_b.c-d", 0 },
		{ "(a)'!$&*+;=~", "(a)'!$&*+;=~", 0 },
		{ "", "", -1 },
		{ ":1", "", -1 },
		{ "a:b", "", -1 },
		{ "a:65536", "", -1 },
		{ "a:1:", "", -1 },
		{ "a%4", "", -1 },
		{ "a%4g", "", -1 },
		{ "a,b", "", -1 },
		{ "a@b", "", -1 },
		{ "a/b", "", -1 },
		{ "[", "", -1 },
		{ "[:", "", -1 },
		{ "[]", "", -1 },
		{ "[:]x", "", -1 },
		{ "[a]", "", -1 },
		{ "[::1]:x", "", -1 },
		{ "a b", "", -1 },
		{ "a\"", "", -1 },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct slice name = SLICE("kept");
		uint16_t port = 12345;
		uint32_t n = (uint32_t)strlen(t[i].text);
		uint8_t *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, t[i].text, n);
		if (t[i].port < 0) {
			assert_false(http_split_host(slice_of(copy, n), &name, &port));
			assert_int_equal(port, 12345);
		} else {
			assert_true(http_split_host(slice_of(copy, n), &name, &port));
			assert_int_equal(port, t[i].port);
			assert_int_equal(name.n, strlen(t[i].name));
			assert_memory_equal(name.p, t[i].name, name.n);
		}
		free(copy);
	}
}

/* Against libc, a day and a bit at a time through nine thousand years. */
static void
dates_are_those_of_libc(void **state)
{
	char want[64], got[HTTP_DATE_BYTES];

	(void)state;
	for (uint64_t t = 0; t <= 253402300799u; t += 86400 * 3 + 12345) {
		time_t when = (time_t)t;
		struct tm tm;

		assert_non_null(gmtime_r(&when, &tm));
		strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		http_date(t, got);
		assert_memory_equal(got, want, HTTP_DATE_BYTES);
	}
	http_date(784111777, got); /* RFC 9110, 5.6.7 */
	assert_memory_equal(got, "Sun, 06 Nov 1994 08:49:37 GMT", HTTP_DATE_BYTES);
}

static void
every_list_has_its_words(void **state)
{
	(void)state;
	assert_string_equal(http_method_name(HTTP_METHOD_PATCH), "PATCH");
	assert_string_equal(http_form_name(HTTP_FORM_ASTERISK), "asterisk-form");
	assert_string_equal(http_framing_name(HTTP_FRAMING_CLOSE), "until close");
	assert_string_equal(http_forward_name(HTTP_FORWARD_PASS), "off");
	assert_string_equal(http_status_text(502), "Bad Gateway");
	assert_string_equal(http_status_text(599), "Unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_known_name_has_its_id),
		cmocka_unit_test(tokens_and_values_have_their_bytes),
		cmocka_unit_test(hosts_split_into_name_and_port),
		cmocka_unit_test(dates_are_those_of_libc),
		cmocka_unit_test(every_list_has_its_words),
	};

	return cmocka_run_group_tests_name("http field", tests, NULL, NULL);
}
