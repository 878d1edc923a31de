/*
 * record.c - lines of the access log, see record.h.
 *
 * A line is put together in sections. Each makes sure of room for its worst before it begins, so
 * that its appends (put.h) need not look; RECORD_LINE_MAX has room for the worst record that
 * journal_next can give.
 */
#include "run/record.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/ensure.h"
#include "conf/value.h"
#include "run/put.h"

enum {
	ESCAPED_MAX = 6,    /* bytes that a byte becomes at most: \u00xx */
	SECTION_MAX = 2048, /* keys, numbers, addresses and names of any one section */
	STRINGS_MAX = JOURNAL_METHOD_MAX + JOURNAL_TARGET_MAX + JOURNAL_HOST_MAX +
		      JOURNAL_AGENT_MAX + JOURNAL_REFERER_MAX,
};

_Static_assert(4 * SECTION_MAX + ESCAPED_MAX * (STRINGS_MAX + RECORD_CAUSE_MAX) + PUT_SLACK <
		       RECORD_LINE_MAX,
	       "a line has room for all sections at their worst");

static const char hex_low[] = "0123456789abcdef";
static const char hex_up[] = "0123456789ABCDEF";

static void
ensure_room(const char *at, const char *end, size_t strings_n)
{
	ensure((size_t)(end - at) >= SECTION_MAX + ESCAPED_MAX * strings_n + PUT_SLACK);
}

/* ---- the second ---- */

static void
second_turn(struct record_second *second, uint64_t unix_seconds)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = (time_t)unix_seconds;
	char text[64];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 8099)
		tm = (struct tm){ .tm_year = 70, .tm_mday = 1 };
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(second->json, text, sizeof(second->json));
	snprintf(text, sizeof(text), "[%02d/%.3s/%04d:%02d:%02d:%02d +0000]", tm.tm_mday,
		 months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(second->combined, text, sizeof(second->combined));
	second->second = unix_seconds + 1;
}

void
record_second_set(struct record_second *second, uint64_t time_ns)
{
	uint64_t unix_seconds = time_ns / 1000000000;

	if (second->second != unix_seconds + 1)
		second_turn(second, unix_seconds);
}

/* ---- strings ---- */

/* Length of the UTF-8 character at the front of n bytes (RFC 3629), 0: none is there. */
static size_t
utf8_n(const uint8_t *b, size_t n)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t more;

	if (b[0] >= 0xc2 && b[0] <= 0xdf)
		more = 1;
	else if ((b[0] & 0xf0) == 0xe0)
		more = 2;
	else if (b[0] >= 0xf0 && b[0] <= 0xf4)
		more = 3;
	else
		return 0;
	if (n < more + 1)
		return 0;
	if (b[0] == 0xe0)
		low = 0xa0;
	else if (b[0] == 0xed)
		high = 0x9f;
	else if (b[0] == 0xf0)
		low = 0x90;
	else if (b[0] == 0xf4)
		high = 0x8f;
	if (b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i <= more; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	return more + 1;
}

/* JSON (RFC 8259, section 7). A byte that is no UTF-8 becomes \u00xx. */
static char *
json_escaped(char *at, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t plain = put_is_plain(b[i]) ? 1 : b[i] >= 0x80 ? utf8_n(b + i, n - i) : 0;

		if (plain > 0) {
			at = put_bytes(at, b + i, plain);
			i += plain;
			continue;
		}
		*at++ = '\\';
		if (b[i] != '"' && b[i] != '\\') {
			at = put_text(at, "u00");
			*at++ = hex_low[b[i] >> 4];
			*at++ = hex_low[b[i] & 15];
		} else {
			*at++ = (char)b[i];
		}
		i++;
	}
	return at;
}

/* As nginx and Apache do: \xHH. */
static char *
combined_escaped(char *at, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (put_is_plain(b[i])) {
			*at++ = (char)b[i];
			continue;
		}
		at = put_text(at, "\\x");
		*at++ = hex_up[b[i] >> 4];
		*at++ = hex_up[b[i] & 15];
	}
	return at;
}

/* Most strings want no escapes: copied whole, then looked through where they now lie. */
static inline char *
put_string(char *at, const void *bytes, size_t n,
	   char *(*escaped)(char *at, const uint8_t *b, size_t n))
{
	size_t plain;

	memcpy(at, bytes, n);
	plain = put_plain_n(at, n);
	return plain == n ? at + n : escaped(at + plain, (const uint8_t *)bytes + plain, n - plain);
}

static char *
json_string(char *at, const void *bytes, size_t n)
{
	return put_string(at, bytes, n, json_escaped);
}

static char *
combined_string(char *at, const void *bytes, size_t n)
{
	return put_string(at, bytes, n, combined_escaped);
}

/* ---- keys and values of JSON ---- */

#define key_number(at, key, v) put_number(put_text(at, ",\"" key "\":"), v)
#define key_us(at, key, ns)    key_number(at, key, (ns) / 1000)
#define key_string(at, key, bytes, n)                                                              \
	put_text(json_string(put_text(at, ",\"" key "\":\""), bytes, n), "\"")
#define key_text(at, key, text) key_string(at, key, text, strlen(text))
#define key_true(at, key, is)	((is) ? put_text(at, ",\"" key "\":true") : (at))
#define key_endpoint(at, key, ip, port)                                                            \
	(ip_is_none(ip) ? (at) : put_endpoint(put_text(at, ",\"" key "\":\""), ip, port))
#define key_name(at, key, names, kind, slot, incarnation)                                          \
	((slot) == ABI_NONE                                                                        \
		 ? (at)                                                                            \
		 : put_name(put_text(at, ",\"" key "\":\""), names, kind, slot, incarnation))

/* Once a leg and line; closes the quotes. */
static char *
put_endpoint(char *at, const struct ip_addr *ip, uint16_t port)
{
	char text[VALUE_ENDPOINT_TEXT];

	if (ip_is_v4(ip)) {
		at = put_ip4(at, ip);
		*at++ = ':';
		at = put_number(at, port);
	} else {
		value_endpoint_text(ip, port, text);
		at = put_bytes(at, text, strlen(text));
	}
	*at++ = '"';
	return at;
}

/* By name, or "#slot" when no image of late knows it; closes the quotes. */
static char *
put_name(char *at, const struct names *names, enum img_kind kind, uint32_t slot,
	 uint32_t incarnation)
{
	const struct name *name = names_find(names, kind, slot, incarnation);
	size_t plain;

	if (name != NULL) {
		memcpy(at, name->text, sizeof(name->text)); /* of known size: no call */
		plain = put_plain_n(at, name->n);
		at = plain == name->n ? at + plain : json_string(at, name->text, name->n);
	} else {
		*at++ = '#';
		at = put_number(at, slot);
	}
	*at++ = '"';
	return at;
}

/* ---- a line of JSON ---- */

static char *
json_cause(char *at, const char *end, const struct journal_access *access,
	   const struct names *names)
{
	char cause[RECORD_CAUSE_MAX];
	size_t n;

	record_cause(access, names, cause);
	n = strlen(cause);
	ensure_room(at, end, n);
	at = key_string(at, "cause", cause, n);
	at = key_text(at, "cause_word", journal_cause_name(access->cause));
	return access->detail != 0 ? key_number(at, "cause_detail", access->detail) : at;
}

static char *
json_upstream(char *at, const char *end, const struct journal_access *access,
	      const struct names *names)
{
	ensure_room(at, end, 0);
	at = key_name(at, "farm", names, IMG_KIND_FARM, access->farm_slot,
		      access->farm_incarnation);
	if ((access->flags & JOURNAL_HAS_UPSTREAM) == 0)
		return at;
	at = key_name(at, "server", names, IMG_KIND_SERVER, access->server_slot,
		      access->server_incarnation);
	at = key_endpoint(at, "upstream", &access->upstream, access->upstream_port);
	at = key_endpoint(at, "source", &access->source, access->source_port);
	if (access->upstream_status != 0)
		at = key_number(at, "upstream_status", access->upstream_status);
	at = key_number(at, "tries", access->tries);
	at = key_true(at, "reused", (access->flags & JOURNAL_REUSED) != 0);
	at = key_us(at, "queue_us", access->queue_ns);
	at = key_us(at, "connect_us", access->connect_ns);
	at = key_us(at, "send_us", access->send_ns);
	at = key_us(at, "first_byte_us", access->first_byte_ns);
	at = key_us(at, "receive_us", access->receive_ns);
	at = key_number(at, "upstream_rtt_us", access->upstream_leg.rtt_us);
	at = key_number(at, "upstream_retransmits", access->upstream_leg.retransmits);
	return key_us(at, "upstream_zero_window_us", access->upstream_leg.zero_window_ns);
}

/* Who, when, and what was asked for. */
static char *
json_request(char *at, const char *end, const struct journal_access *access,
	     const struct journal_text *strings, const struct names *names,
	     const struct record_second *second)
{
	ensure_room(at, end,
		    (size_t)access->method_n + access->host_n + access->target_n + access->agent_n +
			    access->referer_n);
	at = put_text(at, "{\"time\":\"");
	at = put_bytes(at, second->json, sizeof(second->json));
	*at++ = '.';
	at = put_last(at, (uint32_t)(access->time_ns % 1000000000 / 1000), 6);
	at = put_text(at, "Z\"");
	at = key_endpoint(at, "client", &access->client, access->client_port);
	at = key_endpoint(at, "local", &access->local, access->local_port);
	at = key_name(at, "listener", names, IMG_KIND_LISTENER, access->listener_slot,
		      access->listener_incarnation);
	at = key_string(at, "method", strings->method, access->method_n);
	at = key_string(at, "host", strings->host, access->host_n);
	at = key_string(at, "target", strings->target, access->target_n);
	if (access->version != 0) {
		at = put_text(at, ",\"version\":\"HTTP/");
		at = put_number(at, access->version / 10);
		*at++ = '.';
		at = put_number(at, access->version % 10);
		*at++ = '"';
	}
	if (access->agent_n > 0)
		at = key_string(at, "user_agent", strings->agent, access->agent_n);
	if (access->referer_n > 0)
		at = key_string(at, "referer", strings->referer, access->referer_n);
	at = key_true(at, "cut", (access->flags & JOURNAL_CUT) != 0);
	at = key_number(at, "status", access->status);
	if (access->substatus != 0)
		at = key_number(at, "substatus", access->substatus);
	if (access->rule_incarnation != 0)
		at = key_name(at, "rule", names, IMG_KIND_RULE, access->rule_slot,
			      access->rule_incarnation);
	return key_true(at, "own_response", (access->flags & JOURNAL_OWN_RESPONSE) != 0);
}

static char *
json_sums(char *at, const char *end, const struct journal_access *access)
{
	ensure_room(at, end, 0);
	at = key_us(at, "wait_us", access->wait_ns);
	at = key_us(at, "head_us", access->head_ns);
	at = key_us(at, "total_us", access->total_ns);
	at = key_number(at, "request_head_bytes", access->request_head_bytes);
	at = key_number(at, "request_body_bytes", access->request_body_bytes);
	at = key_number(at, "response_head_bytes", access->response_head_bytes);
	at = key_number(at, "response_body_bytes", access->response_body_bytes);
	at = key_true(at, "chunked_request", (access->flags & JOURNAL_CHUNKED_REQUEST) != 0);
	at = key_true(at, "chunked_response", (access->flags & JOURNAL_CHUNKED_RESPONSE) != 0);
	at = key_true(at, "tunnel", (access->flags & JOURNAL_TUNNEL) != 0);
	at = key_true(at, "kept", (access->flags & JOURNAL_KEPT) != 0);
	at = key_number(at, "client_rtt_us", access->client_leg.rtt_us);
	at = key_number(at, "client_retransmits", access->client_leg.retransmits);
	at = key_us(at, "client_zero_window_us", access->client_leg.zero_window_ns);
	at = key_number(at, "lane", access->lane);
	at = key_number(at, "connection", access->conn_id);
	at = key_number(at, "request", access->request_i);
	at = key_number(at, "generation", access->generation);
	return put_text(at, "}\n");
}

static char *
json_line(char *at, const char *end, const struct journal_access *access,
	  const struct journal_text *strings, const struct names *names,
	  const struct record_second *second)
{
	at = json_request(at, end, access, strings, names, second);
	if (access->cause != JOURNAL_CAUSE_NONE)
		at = json_cause(at, end, access, names);
	at = json_upstream(at, end, access, names);
	return json_sums(at, end, access);
}

/* ---- a line of the combined format ---- */

/* "GET /x HTTP/1.1", or "-" when no request line came. */
static char *
combined_request(char *at, const struct journal_access *access, const struct journal_text *strings)
{
	if (access->method_n == 0)
		return put_text(at, "-");
	at = combined_string(at, strings->method, access->method_n);
	*at++ = ' ';
	at = combined_string(at, strings->target, access->target_n);
	if (access->version == 0)
		return at;
	at = put_text(at, " HTTP/");
	at = put_number(at, access->version / 10);
	*at++ = '.';
	return put_number(at, access->version % 10);
}

static char *
combined_text(char *at, const uint8_t *text, size_t n)
{
	return n > 0 ? combined_string(at, text, n) : put_text(at, "-");
}

static char *
combined_line(char *at, const char *end, const struct journal_access *access,
	      const struct journal_text *strings, const struct record_second *second)
{
	char client[VALUE_IP_TEXT];

	ensure_room(at, end,
		    (size_t)access->method_n + access->target_n + access->agent_n +
			    access->referer_n);
	if (ip_is_v4(&access->client)) {
		at = put_ip4(at, &access->client);
	} else {
		value_ip_text(&access->client, client);
		at = put_bytes(at, client, strlen(client));
	}
	at = put_text(at, " - - ");
	at = put_bytes(at, second->combined, sizeof(second->combined));
	at = put_text(at, " \"");
	at = combined_request(at, access, strings);
	at = put_text(at, "\" ");
	at = put_last(at, access->status, 3);
	*at++ = ' ';
	at = put_number(at, access->response_body_bytes);
	at = put_text(at, " \"");
	at = combined_text(at, strings->referer, access->referer_n);
	at = put_text(at, "\" \"");
	at = combined_text(at, strings->agent, access->agent_n);
	return put_text(at, "\"\n");
}

size_t
record_line(const struct log_style *style, const struct journal_access *access,
	    const struct journal_text *strings, const struct names *names,
	    struct record_second *second, char text[RECORD_LINE_MAX])
{
	const char *end = text + RECORD_LINE_MAX;

	record_second_set(second, access->time_ns);
	switch (style->format) {
	case CONF_LOG_JSON:
		return (size_t)(json_line(text, end, access, strings, names, second) - text);
	case CONF_LOG_COMBINED:
		return (size_t)(combined_line(text, end, access, strings, second) - text);
	case CONF_LOG_W3C:
		return (size_t)(record_w3c_line(text, style, access, strings, names, second) -
				text);
	}
	ensure(false);
	return 0;
}
