/*
 * test_record.c - journal records as lines of the access log: every line of JSON is read back by
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
#include "run/record.h"
#include "images.h"
#include "rules/rules.h"

static char line[RECORD_LINE_MAX];
static struct names names;
static struct record_second second;
static const struct log_style style_json = { .format = CONF_LOG_JSON };
static const struct log_style style_combined = { .format = CONF_LOG_COMBINED };

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
		.referer_n = 9,
		.lane = 2,
	};
}

static const struct journal_text strings_good = { (const uint8_t *)"GET", (const uint8_t *)"/a?b=c",
						  (const uint8_t *)"www", (const uint8_t *)"curl",
						  (const uint8_t *)"http://r/" };

static json_t *
read_back(const struct journal_access *access, const struct journal_text *strings)
{
	size_t n = record_line(&style_json, access, strings, &names, &second, line);
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
	assert_text(object, "referer", "http://r/");
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
a_rule_is_named_with_its_substatus(void **state)
{
	struct journal_access access = access_good();
	json_t *object = read_back(&access, &strings_good);

	(void)state;
	assert_null(json_object_get(object, "rule"));
	assert_null(json_object_get(object, "substatus"));
	json_decref(object);
	access.status = 500;
	access.substatus = 50;
	access.rule_slot = 4;
	access.rule_incarnation = 1;
	access.cause = JOURNAL_CAUSE_RULE_ERROR;
	access.detail = RULES_FAULT_LONG;
	object = read_back(&access, &strings_good);
	assert_number(object, "substatus", 50);
	assert_text(object, "rule", "#4");
	assert_text(object, "cause",
		    "a rule could not be carried out: an expansion is longer than 64 KiB");
	assert_text(object, "cause_word", "rule_error");
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
	struct journal_text strings = { bytes, bytes, bytes, bytes, bytes };
	json_t *object;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	access.method_n = JOURNAL_METHOD_MAX;
	access.target_n = JOURNAL_TARGET_MAX;
	access.host_n = JOURNAL_HOST_MAX;
	access.agent_n = JOURNAL_AGENT_MAX;
	access.referer_n = JOURNAL_REFERER_MAX;
	/* jansson takes no \u0000 without being asked; ours are told apart by the flag below. */
	object =
		json_loadb(line, record_line(&style_json, &access, &strings, &names, &second, line),
			   JSON_ALLOW_NUL, NULL);
	assert_non_null(object);
	json_decref(object);
	memset(bytes, 0x01, sizeof(bytes)); /* the longest line there is */
	access.cause = JOURNAL_CAUSE_RECEIVE_TIMEOUT;
	access.detail = 3;
	assert_true(record_line(&style_json, &access, &strings, &names, &second, line) <
		    RECORD_LINE_MAX);
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

/* ---- the combined format ---- */

static void
assert_combined(const struct journal_access *access, const struct journal_text *strings,
		const char *expected)
{
	size_t n = record_line(&style_combined, access, strings, &names, &second, line);

	line[n] = '\0';
	assert_string_equal(line, expected);
}

static void
combined_lines_are_what_nginx_writes(void **state)
{
	struct journal_access access = access_good();
	struct journal_text strings = strings_good;

	(void)state;
	assert_combined(&access, &strings,
			"198.51.100.7 - - [21/Nov/2026:08:23:37 +0000] \"GET /a?b=c HTTP/1.1\" "
			"200 1099511627776 \"http://r/\" \"curl\"\n");
	access.agent_n = access.referer_n = 0;
	access.version = 10;
	access.response_body_bytes = 0;
	access.status = 0; /* the client went before there was one */
	access.client = (struct ip_addr){ .b = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 } };
	assert_combined(&access, &strings,
			"2001:db8::9 - - [21/Nov/2026:08:23:37 +0000] \"GET /a?b=c HTTP/1.0\" "
			"000 0 \"-\" \"-\"\n");
	access.method_n = access.target_n = 0;
	access.status = 400;
	assert_combined(&access, &strings,
			"2001:db8::9 - - [21/Nov/2026:08:23:37 +0000] \"-\" 400 0 \"-\" \"-\"\n");
}

static void
combined_lines_cannot_be_forged(void **state)
{
	static const char agent[] = "a\" \\\x7f\n1.2.3.4 - \xc3\xa4 a tail of plain bytes";
	struct journal_access access = access_good();
	struct journal_text strings = strings_good;

	(void)state;
	strings.agent = (const uint8_t *)agent;
	access.agent_n = sizeof(agent) - 1;
	strings.referer = (const uint8_t *)"\"\n\"";
	access.referer_n = 3;
	access.response_body_bytes = 64;
	assert_combined(&access, &strings,
			"198.51.100.7 - - [21/Nov/2026:08:23:37 +0000] \"GET /a?b=c HTTP/1.1\" "
			"200 64 \"\\x22\\x0A\\x22\" \"a\\x22 \\x5C\\x7F\\x0A1.2.3.4 - \\xC3\\xA4 a "
			"tail of plain "
			"bytes\"\n");
}

/* A byte that wants an escape is found at every place of a string of any length. */
static void
an_odd_byte_is_found_wherever_it_is(void **state)
{
	static const uint8_t odd[] = { '"', '\\', 0x00, 0x1f, 0x7f, 0x80, 0xff };
	char text[80], got[96];

	(void)state;
	for (size_t n = 1; n < 70; n++)
		for (size_t at = 0; at < n; at++) {
			uint8_t c = odd[(n + at) % sizeof(odd)];
			struct journal_access access = access_good();
			struct journal_text strings = strings_good;
			size_t line_n;

			memset(text, 'x', sizeof(text));
			text[at] = (char)c;
			strings.agent = (const uint8_t *)text;
			access.agent_n = (uint16_t)n;
			line_n = record_line(&style_combined, &access, &strings, &names, &second,
					     line);
			snprintf(got, sizeof(got), "%.*s\\x%02X%.*s\"\n", (int)at, text, c,
				 (int)(n - at - 1), text + at + 1);
			assert_memory_equal(line + line_n - strlen(got), got, strlen(got));
		}
}

/* ---- W3C extended ---- */

static const char *
w3c(const char *fields, const struct journal_access *access, const struct journal_text *strings)
{
	struct log_style style = { .format = CONF_LOG_W3C };
	size_t n;

	if (fields == NULL)
		log_style_default_fields(&style);
	else
		assert_true(log_style_fields_of_text(fields, &style));
	n = record_line(&style, access, strings, &names, &second, line);
	assert_true(n < RECORD_LINE_MAX);
	line[n] = '\0';
	return line;
}

static void
w3c_lines_have_what_fields_say(void **state)
{
	static const char all_but_first[] =
		"c-port cs-uri cs-version x-listener x-rule x-upstream x-upstream-status x-tries "
		"x-wait-us x-head-us x-queue-us x-connect-us x-send-us x-first-byte-us "
		"x-receive-us x-total-us x-lane x-connection x-request x-generation";
	struct journal_access access = access_good();
	const struct journal_text *strings = &strings_good;

	(void)state;
	access.response_body_bytes = 64;
	access.response_head_bytes = 36;
	assert_string_equal(w3c(NULL, &access, strings),
			    "2026-11-21 08:23:37 203.0.113.10 GET /a b=c 80 198.51.100.7 curl "
			    "http://r/ www 200 0 100 100 0 app b -\n");
	assert_string_equal(w3c(all_but_first, &access, strings),
			    "50001 /a?b=c HTTP/1.1 web - 10.0.0.12:8080 200 1 1 2 3 4 5 6 7 28 2 "
			    "0 0 9\n");
	access.total_ns = 1234567890;
	access.substatus = 50;
	access.cause = JOURNAL_CAUSE_RECEIVE_TIMEOUT;
	assert_string_equal(w3c("time-taken sc-substatus x-cause date", &access, strings),
			    "1234 50 receive_timeout 2026-11-21\n");
}

static void
w3c_fields_with_nothing_to_say_are_dashes(void **state)
{
	struct journal_access access = { .farm_slot = ABI_NONE,
					 .server_slot = ABI_NONE,
					 .listener_slot = ABI_NONE };
	struct journal_text strings = { 0 };

	(void)state;
	assert_string_equal(w3c(NULL, &access, &strings),
			    "1970-01-01 00:00:00 - - - - 0 - - - - 0 0 0 0 0 - - -\n");
	assert_string_equal(
		w3c("cs-version cs-uri x-rule x-upstream x-listener", &access, &strings),
		"- - - - -\n");
	strings.target = (const uint8_t *)"/?";
	access.target_n = 2;
	assert_string_equal(w3c("cs-uri-stem cs-uri-query", &access, &strings), "/ -\n");
}

static void
w3c_lines_cannot_be_forged(void **state)
{
	static const char agent[] = "a b\"\n#Fields: x\r\x7f\t\xc3\xa4\xff%20+\\";
	struct journal_access access = access_good();
	struct journal_text strings = strings_good;

	(void)state;
	strings.agent = (const uint8_t *)agent;
	access.agent_n = sizeof(agent) - 1;
	assert_string_equal(w3c("c-ip cs(User-Agent) sc-status", &access, &strings),
			    "198.51.100.7 a+b%22%0A#Fields:+x%0D%7F%09%C3%A4%FF%20+\\ 200\n");
	/* In front of a line a '#' would make a directive of it. */
	strings.agent = (const uint8_t *)"#Fields:";
	access.agent_n = 8;
	assert_string_equal(w3c("cs(User-Agent) sc-status", &access, &strings), "%23Fields: 200\n");
	access.farm_slot = 99;
	assert_string_equal(w3c("x-farm sc-status", &access, &strings), "%2399 200\n");
	access.agent_n = 1;
	assert_string_equal(w3c("cs(User-Agent)", &access, &strings), "%23\n");
}

/* Every byte in every place: always one line of as many fields, in printable ASCII. */
static void
any_bytes_make_one_w3c_line(void **state)
{
	static uint8_t bytes[JOURNAL_TARGET_MAX];
	struct journal_text strings = { bytes, bytes, bytes, bytes, bytes };
	char every[LOG_FIELDS_TEXT] = "";

	(void)state;
	for (int i = 0; i < LOG_FIELDS_N; i++) { /* the last is first: a text begins the line */
		strcat(every, i > 0 ? " " : "");
		strcat(every, log_field_words[(i + LOG_FIELD_CS_URI_STEM) % LOG_FIELDS_N]);
	}
	for (int c = 0; c < 256; c++) {
		struct journal_access access = access_good();
		size_t fields_n = 1;

		memset(bytes, c, sizeof(bytes));
		access.method_n = JOURNAL_METHOD_MAX;
		access.target_n = JOURNAL_TARGET_MAX;
		access.host_n = JOURNAL_HOST_MAX;
		access.agent_n = JOURNAL_AGENT_MAX;
		access.referer_n = JOURNAL_REFERER_MAX;
		w3c(every, &access, &strings);
		assert_true(line[0] != '#');
		for (const char *at = line; at[1] != '\0'; at++) {
			assert_true(*at >= ' ' && *at < 0x7f && *at != '"');
			fields_n += *at == ' ';
		}
		assert_int_equal(line[strlen(line) - 1], '\n');
		assert_int_equal(fields_n, LOG_FIELDS_N);
	}
}

static void
w3c_directives_name_the_fields(void **state)
{
	struct log_style style = { .format = CONF_LOG_W3C };
	char head[RECORD_W3C_HEAD_MAX + 1];

	(void)state;
	assert_true(log_style_fields_of_text("time c-ip cs(Referer)", &style));
	head[record_w3c_head(&style, "1.2", 1795249417, head)] = '\0';
	assert_string_equal(head, "#Software: Penstock 1.2\n#Version: 1.0\n"
				  "#Date: 2026-11-21 08:23:37\n"
				  "#Fields: time c-ip cs(Referer)\n");
	assert_false(log_style_fields_of_text("time time", &style));
	assert_false(log_style_fields_of_text("time tim", &style));
	assert_false(log_style_fields_of_text("time  c-ip", &style));
}

/* Every length of a number, every octet, and seconds that come back. */
static void
numbers_octets_and_seconds_are_exact(void **state)
{
	struct journal_access access = access_good();
	uint64_t v = 1;

	(void)state;
	for (int i = 0; i < 19; i++, v *= 10)
		for (uint64_t d = 0; d < 3; d++) {
			json_t *object;

			access.response_body_bytes = v + d - 1;
			access.conn_id = v * 9 / 10 * (d + 1) % INT64_MAX;
			object = read_back(&access, &strings_good);
			assert_number(object, "response_body_bytes",
				      (int64_t)access.response_body_bytes);
			assert_number(object, "connection", (int64_t)access.conn_id);
			json_decref(object);
		}
	for (int i = 0; i < 256; i++) {
		char expected[40];
		json_t *object;

		access.client.b[12] = access.client.b[14] = (uint8_t)i;
		access.time_ns = 1795249417000000000ull + (uint64_t)(i % 3) * 1000000000 + 7000;
		snprintf(expected, sizeof(expected), "%d.51.%d.7:50001", i, i);
		object = read_back(&access, &strings_good);
		assert_text(object, "client", expected);
		snprintf(expected, sizeof(expected), "2026-11-21T08:23:%02d.000007Z", 37 + i % 3);
		assert_text(object, "time", expected);
		json_decref(object);
	}
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
		cmocka_unit_test(a_rule_is_named_with_its_substatus),
		cmocka_unit_test(names_that_nobody_knows_become_slots),
		cmocka_unit_test(a_request_without_a_server_has_no_upstream),
		cmocka_unit_test(any_bytes_become_json),
		cmocka_unit_test(utf8_stays_and_other_bytes_are_escaped),
		cmocka_unit_test(combined_lines_are_what_nginx_writes),
		cmocka_unit_test(combined_lines_cannot_be_forged),
		cmocka_unit_test(an_odd_byte_is_found_wherever_it_is),
		cmocka_unit_test(w3c_lines_have_what_fields_say),
		cmocka_unit_test(w3c_fields_with_nothing_to_say_are_dashes),
		cmocka_unit_test(w3c_lines_cannot_be_forged),
		cmocka_unit_test(any_bytes_make_one_w3c_line),
		cmocka_unit_test(w3c_directives_name_the_fields),
		cmocka_unit_test(numbers_octets_and_seconds_are_exact),
		cmocka_unit_test(causes_are_sentences),
		cmocka_unit_test(every_cause_has_words),
		cmocka_unit_test(times_out_of_the_calendar_do_no_harm),
	};

	return cmocka_run_group_tests(tests, names_fill, names_empty);
}
