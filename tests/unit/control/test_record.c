/*
 * test_record.c - journal records as lines of the JSON access log: every line is read back by
 * jansson.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "confs.h"
#include "daemon/record.h"
#include "images.h"

static char line[RECORD_LINE_MAX];
static struct names names;

static int
names_fill(void **state)
{
	struct tables tables = image_of(CONF_GOOD, NULL);

	(void)state;
	names_add(&names, &tables.img);
	tables_close(&tables);
	return 0;
}

static int
names_empty(void **state)
{
	(void)state;
	names_fini(&names);
	return 0;
}

/* A request that went well. */
static struct journal_access
access_good(void)
{
	static const uint8_t client[4] = { 198, 51, 100, 7 }, local[4] = { 203, 0, 113, 10 };
	static const uint8_t upstream[4] = { 10, 0, 0, 12 }, source[4] = { 10, 0, 0, 5 };

	return (struct journal_access){
		.time_ns = 1795249417123456789,
		.wait_ns = 1000,
		.head_ns = 2000,
		.queue_ns = 3000,
		.connect_ns = 4000,
		.send_ns = 5000,
		.first_byte_ns = 6000,
		.receive_ns = 7000,
		.total_ns = 28999,
		.client = ip_from_v4(client),
		.local = ip_from_v4(local),
		.source = ip_from_v4(source),
		.upstream = ip_from_v4(upstream),
		.client_port = 50001,
		.local_port = 80,
		.source_port = 40001,
		.upstream_port = 8080,
		.request_head_bytes = 100,
		.response_body_bytes = (uint64_t)1 << 40,
		.generation = 9,
		.listener_incarnation = 1,
		.farm_incarnation = 1,
		.server_slot = 1,
		.server_incarnation = 1,
		.flags = JOURNAL_HAS_UPSTREAM | JOURNAL_REUSED | JOURNAL_KEPT,
		.status = 200,
		.upstream_status = 200,
		.tries = 1,
		.version = 11,
		.method_n = 3,
		.target_n = 6,
		.host_n = 3,
		.agent_n = 4,
		.lane = 2,
	};
}

static const struct journal_text strings_good = { (const uint8_t *)"GET", (const uint8_t *)"/a?b=c",
						  (const uint8_t *)"www", (const uint8_t *)"curl" };

static json_t *
read_back(const struct journal_access *access, const struct journal_text *strings)
{
	size_t n = record_line(access, strings, &names, line);
	json_error_t error;
	json_t *object;

	assert_true(n > 2 && line[n - 1] == '\n');
	assert_null(memchr(line, '\n', n - 1));
	object = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);
	if (object == NULL)
		print_message("%s at %d of %.*s\n", error.text, error.position, (int)n, line);
	assert_non_null(object);
	return object;
}

static void
assert_text(const json_t *object, const char *key, const char *text)
{
	assert_non_null(json_object_get(object, key));
	assert_string_equal(json_string_value(json_object_get(object, key)), text);
}

static void
assert_number(const json_t *object, const char *key, int64_t number)
{
	assert_true(json_is_integer(json_object_get(object, key)));
	assert_true(json_integer_value(json_object_get(object, key)) == number);
}

static void
a_good_request_is_told_whole(void **state)
{
	struct journal_access access = access_good();
	json_t *object = read_back(&access, &strings_good);

	(void)state;
	assert_text(object, "time", "2026-11-21T08:23:37.123456Z");
	assert_text(object, "client", "198.51.100.7:50001");
	assert_text(object, "local", "203.0.113.10:80");
	assert_text(object, "listener", "web");
	assert_text(object, "method", "GET");
	assert_text(object, "host", "www");
	assert_text(object, "target", "/a?b=c");
	assert_text(object, "version", "HTTP/1.1");
	assert_text(object, "user_agent", "curl");
	assert_number(object, "status", 200);
	assert_text(object, "farm", "app");
	assert_text(object, "server", "b");
	assert_text(object, "upstream", "10.0.0.12:8080");
	assert_text(object, "source", "10.0.0.5:40001");
	assert_true(json_is_true(json_object_get(object, "reused")));
	assert_null(json_object_get(object, "cause"));
	assert_number(object, "total_us", 28);
	assert_number(object, "first_byte_us", 6);
	assert_number(object, "response_body_bytes", (int64_t)1 << 40);
	assert_number(object, "lane", 2);
	assert_number(object, "generation", 9);
	json_decref(object);
}

static void
names_that_nobody_knows_become_slots(void **state)
{
	struct journal_access access = access_good();
	json_t *object;

	(void)state;
	access.server_incarnation = 7;
	access.farm_slot = 99;
	access.listener_slot = ABI_NONE;
	object = read_back(&access, &strings_good);
	assert_text(object, "server", "#1");
	assert_text(object, "farm", "#99");
	assert_null(json_object_get(object, "listener"));
	json_decref(object);
}

static void
a_request_without_a_server_has_no_upstream(void **state)
{
	struct journal_access access = access_good();
	json_t *object;

	(void)state;
	access.flags = JOURNAL_OWN_RESPONSE;
	access.farm_slot = access.server_slot = ABI_NONE;
	access.cause = JOURNAL_CAUSE_NO_FARM;
	access.status = 404;
	object = read_back(&access, &strings_good);
	assert_null(json_object_get(object, "upstream"));
	assert_null(json_object_get(object, "farm"));
	assert_true(json_is_true(json_object_get(object, "own_response")));
	assert_text(object, "cause_word", "no_farm");
	json_decref(object);
}

/* Every byte value in every string comes through as JSON; what is no UTF-8 as \u00xx. */
static void
any_bytes_become_json(void **state)
{
	static uint8_t bytes[JOURNAL_TARGET_MAX];
	struct journal_access access = access_good();
	struct journal_text strings = { bytes, bytes, bytes, bytes };
	json_t *object;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	access.method_n = JOURNAL_METHOD_MAX;
	access.target_n = JOURNAL_TARGET_MAX;
	access.host_n = JOURNAL_HOST_MAX;
	access.agent_n = JOURNAL_AGENT_MAX;
	/* jansson takes no \u0000 without being asked; ours are told apart by the flag below. */
	object = json_loadb(line, record_line(&access, &strings, &names, line), JSON_ALLOW_NUL,
			    NULL);
	assert_non_null(object);
	json_decref(object);
	memset(bytes, 0x01, sizeof(bytes)); /* the longest line there is */
	access.cause = JOURNAL_CAUSE_RECEIVE_TIMEOUT;
	access.detail = 3;
	assert_true(record_line(&access, &strings, &names, line) < RECORD_LINE_MAX);
}

static void
assert_target(const char *target, const char *expected)
{
	struct journal_access access = access_good();
	struct journal_text strings = strings_good;
	json_t *object;

	strings.target = (const uint8_t *)target;
	access.target_n = (uint16_t)strlen(target);
	object = read_back(&access, &strings);
	assert_text(object, "target", expected);
	json_decref(object);
}

static void
utf8_stays_and_other_bytes_are_escaped(void **state)
{
	(void)state;
	assert_target("/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		      "/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_target("/\xe4", "/\xc3\xa4");			     /* Latin-1 ä */
	assert_target("/\xc0\xaf", "/\xc3\x80\xc2\xaf");	     /* overlong */
	assert_target("/\xed\xa0\x80", "/\xc3\xad\xc2\xa0\xc2\x80"); /* surrogate */
	assert_target("/\xf4\x90\x80\x80", "/\xc3\xb4\xc2\x90\xc2\x80\xc2\x80");
	assert_target("/\xe2\x82", "/\xc3\xa2\xc2\x82"); /* cut */
	assert_target("/\"\\\t", "/\"\\\t");
}

static void
causes_are_sentences(void **state)
{
	static const struct {
		enum journal_cause cause;
		uint64_t limit_ns;
		uint16_t detail;
		const char *text;
	} cases[] = {
		{ JOURNAL_CAUSE_NONE, 0, 0, "" },
		{ JOURNAL_CAUSE_CONNECT_TIMEOUT, 5000000000, 0,
		  "connect timeout after 5 s to b:8080" },
		{ JOURNAL_CAUSE_RECEIVE_TIMEOUT, 30000000000, 0,
		  "receive timeout after 30 s from b:8080" },
		{ JOURNAL_CAUSE_SEND_TIMEOUT, 250000000, 0, "send timeout after 250 ms to b:8080" },
		{ JOURNAL_CAUSE_CONNECT_REFUSED, 0, 0, "connection refused by b:8080" },
		{ JOURNAL_CAUSE_UPSTREAM_RESET, 0, 0, "connection reset by b:8080" },
		{ JOURNAL_CAUSE_UPSTREAM_CLOSED, 0, 0,
		  "b:8080 closed the connection before a response" },
		{ JOURNAL_CAUSE_NO_SERVER, 0, 0, "no server of farm app can be used" },
		{ JOURNAL_CAUSE_REFUSED_REQUEST, 0, 2,
		  "the request was malformed: a line ends in LF without CR" },
		{ JOURNAL_CAUSE_UPSTREAM_MALFORMED, 0, 2,
		  "malformed response from b:8080: a line ends in LF without CR" },
		{ JOURNAL_CAUSE_REFUSED_REQUEST, 0, 9999, "the request was malformed" },
		{ JOURNAL_CAUSE_CLIENT_HEAD_TIMEOUT, 30000000000, 0,
		  "the client did not finish its request head within 30 s" },
	};
	char text[RECORD_CAUSE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct journal_access access = access_good();

		access.cause = cases[i].cause;
		access.limit_ns = cases[i].limit_ns;
		access.detail = cases[i].detail;
		assert_string_equal(record_cause(&access, &names, text), cases[i].text);
	}
}

/* No cause, known or not, leaves a place unfilled or overruns. */
static void
every_cause_has_words(void **state)
{
	char text[RECORD_CAUSE_MAX];

	(void)state;
	for (uint16_t cause = 1; cause < JOURNAL_CAUSES; cause++) {
		struct journal_access access = access_good();

		access.cause = cause;
		record_cause(&access, &names, text);
		assert_true(strlen(text) > 8);
		assert_null(strchr(text, '%'));
	}
}

static void
times_out_of_the_calendar_do_no_harm(void **state)
{
	struct journal_access access = access_good();

	(void)state;
	access.time_ns = UINT64_MAX;
	json_decref(read_back(&access, &strings_good));
	access.time_ns = 0;
	json_decref(read_back(&access, &strings_good));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_request_is_told_whole),
		cmocka_unit_test(names_that_nobody_knows_become_slots),
		cmocka_unit_test(a_request_without_a_server_has_no_upstream),
		cmocka_unit_test(any_bytes_become_json),
		cmocka_unit_test(utf8_stays_and_other_bytes_are_escaped),
		cmocka_unit_test(causes_are_sentences),
		cmocka_unit_test(every_cause_has_words),
		cmocka_unit_test(times_out_of_the_calendar_do_no_harm),
	};

	return cmocka_run_group_tests(tests, names_fill, names_empty);
}
