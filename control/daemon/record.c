/*
 * record.c - lines of the access log, see record.h.
 *
 * A line is put together by appending; RECORD_LINE_MAX has room for the worst record that
 * journal_next can give, so nothing here can run over (ensured, not hoped).
 */
#include "daemon/record.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/ensure.h"
#include "conf/value.h"
#include "http/http.h"

#define X(part, status, words) +1
enum {
	HTTP_REASONS_N = 0 HTTP_REASONS(X)
};
#undef X

struct out {
	char *at;
	char *end;
};

static void
put(struct out *out, const char *text, size_t n)
{
	ensure((size_t)(out->end - out->at) >= n);
	memcpy(out->at, text, n);
	out->at += n;
}

static void
put_number(struct out *out, uint64_t v)
{
	char digit[20];
	size_t n = sizeof(digit);

	do {
		digit[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	put(out, digit + n, sizeof(digit) - n);
}

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

/* A JSON string (RFC 8259, section 7). A byte that is no UTF-8 becomes \u00xx. */
static void
put_string(struct out *out, const void *bytes, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *b = bytes;

	put(out, "\"", 1);
	for (size_t i = 0; i < n;) {
		size_t plain = 0;

		while (i + plain < n && b[i + plain] >= ' ' && b[i + plain] < 0x7f &&
		       b[i + plain] != '"' && b[i + plain] != '\\')
			plain++;
		if (plain == 0 && b[i] >= 0x80)
			plain = utf8_n(b + i, n - i);
		if (plain > 0) {
			put(out, (const char *)b + i, plain);
			i += plain;
		} else if (b[i] == '"' || b[i] == '\\') {
			char escaped[2] = { '\\', (char)b[i++] };

			put(out, escaped, 2);
		} else {
			char escaped[6] = { '\\', 'u', '0', '0', hex[b[i] >> 4], hex[b[i] & 15] };

			put(out, escaped, 6);
			i++;
		}
	}
	put(out, "\"", 1);
}

static void
put_key(struct out *out, const char *key)
{
	put(out, ",\"", 2);
	put(out, key, strlen(key));
	put(out, "\":", 2);
}

static void
key_number(struct out *out, const char *key, uint64_t v)
{
	put_key(out, key);
	put_number(out, v);
}

static void
key_us(struct out *out, const char *key, uint64_t ns)
{
	key_number(out, key, ns / 1000);
}

static void
key_string(struct out *out, const char *key, const void *bytes, size_t n)
{
	put_key(out, key);
	put_string(out, bytes, n);
}

static void
key_text(struct out *out, const char *key, const char *text)
{
	key_string(out, key, text, strlen(text));
}

static void
key_true(struct out *out, const char *key, bool is)
{
	if (!is)
		return;
	put_key(out, key);
	put(out, "true", 4);
}

/* Once a leg and line: IPv4 by hand, as it is the common one and inet_ntop the dearest call. */
static void
key_endpoint(struct out *out, const char *key, const struct ip_addr *ip, uint16_t port)
{
	char text[VALUE_ENDPOINT_TEXT];

	if (ip_is_none(ip))
		return;
	if (!ip_is_v4(ip)) {
		key_text(out, key, value_endpoint_text(ip, port, text));
		return;
	}
	put_key(out, key);
	put(out, "\"", 1);
	for (int i = 12; i < 16; i++) {
		put_number(out, ip->b[i]);
		put(out, i < 15 ? "." : ":", 1);
	}
	put_number(out, port);
	put(out, "\"", 1);
}

/* By name, or "#slot" when no image of late knows it; nothing for none. */
static void
key_name(struct out *out, const char *key, const struct names *names, enum img_kind kind,
	 uint32_t slot, uint32_t incarnation)
{
	const char *name;
	char number[16];

	if (slot == ABI_NONE)
		return;
	name = names_find(names, kind, slot, incarnation);
	if (name == NULL) {
		snprintf(number, sizeof(number), "#%u", slot);
		name = number;
	}
	key_text(out, key, name);
}

/* The last n digits of v. */
static void
put_digits(struct out *out, uint32_t v, uint32_t n)
{
	char digit[8];

	ensure(n <= sizeof(digit));
	for (uint32_t i = n; i > 0; i--) {
		digit[i - 1] = (char)('0' + v % 10);
		v /= 10;
	}
	put(out, digit, n);
}

/* "2026-11-21T08:23:37.123456Z" */
static void
put_time(struct out *out, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 8099)
		tm = (struct tm){ .tm_year = 70, .tm_mday = 1 };
	put(out, "\"", 1);
	put_digits(out, (uint32_t)tm.tm_year + 1900, 4);
	put(out, "-", 1);
	put_digits(out, (uint32_t)tm.tm_mon + 1, 2);
	put(out, "-", 1);
	put_digits(out, (uint32_t)tm.tm_mday, 2);
	put(out, "T", 1);
	put_digits(out, (uint32_t)tm.tm_hour, 2);
	put(out, ":", 1);
	put_digits(out, (uint32_t)tm.tm_min, 2);
	put(out, ":", 1);
	put_digits(out, (uint32_t)tm.tm_sec, 2);
	put(out, ".", 1);
	put_digits(out, (uint32_t)(ns % 1000000000 / 1000), 6);
	put(out, "Z\"", 2);
}

/* ---- the cause ---- */

/* "%l" the limit, "%s" the server, "%f" the farm; NULL: the journal's own words
 * (which have no '%'). */
static const char *
cause_format(enum journal_cause cause)
{
	switch ((int)cause) {
	case JOURNAL_CAUSE_CONNECT_TIMEOUT:
		return "connect timeout after %l to %s";
	case JOURNAL_CAUSE_SEND_TIMEOUT:
		return "send timeout after %l to %s";
	case JOURNAL_CAUSE_RECEIVE_TIMEOUT:
		return "receive timeout after %l from %s";
	case JOURNAL_CAUSE_CONNECT_REFUSED:
		return "connection refused by %s";
	case JOURNAL_CAUSE_CONNECT_UNREACHABLE:
		return "%s cannot be reached";
	case JOURNAL_CAUSE_UPSTREAM_RESET:
		return "connection reset by %s";
	case JOURNAL_CAUSE_UPSTREAM_CLOSED:
		return "%s closed the connection before a response";
	case JOURNAL_CAUSE_UPSTREAM_TRUNCATED:
		return "%s closed the connection within its response";
	case JOURNAL_CAUSE_UPSTREAM_MALFORMED:
		return "malformed response from %s";
	case JOURNAL_CAUSE_UPSTREAM_HEAD_TOO_LARGE:
		return "response head too large from %s";
	case JOURNAL_CAUSE_NO_SERVER:
		return "no server of farm %f can be used";
	case JOURNAL_CAUSE_NO_ADDRESS:
		return "no server name of farm %f has an address";
	case JOURNAL_CAUSE_NO_SOURCE_PORT:
		return "no source port is free towards %s";
	case JOURNAL_CAUSE_CLIENT_HEAD_TIMEOUT:
		return "the client did not finish its request head within %l";
	case JOURNAL_CAUSE_CLIENT_BODY_TIMEOUT:
		return "the client sent no more of its request for %l";
	case JOURNAL_CAUSE_CLIENT_SEND_TIMEOUT:
		return "the client took no more of the response for %l";
	case JOURNAL_CAUSE_DRAINED:
		return "cut: %s was disabled";
	default:
		return NULL;
	}
}

/* "a:8080", or the address where the name is not known. */
static const char *
server_text(const struct journal_access *access, const struct names *names, char text[128])
{
	const char *name =
		names_find(names, IMG_KIND_SERVER, access->server_slot, access->server_incarnation);

	if (name != NULL && access->upstream_port != 0)
		snprintf(text, 128, "%s:%u", name, access->upstream_port);
	else if (name != NULL)
		snprintf(text, 128, "%s", name);
	else if (ip_is_none(&access->upstream))
		snprintf(text, 128, "the server");
	else
		value_endpoint_text(&access->upstream, access->upstream_port, text);
	return text;
}

const char *
record_cause(const struct journal_access *access, const struct names *names,
	     char text[RECORD_CAUSE_MAX])
{
	const char *format = cause_format((enum journal_cause)access->cause);
	const char *farm =
		names_find(names, IMG_KIND_FARM, access->farm_slot, access->farm_incarnation);
	char server[128], limit[VALUE_DURATION_TEXT];
	size_t n = 0;

	if (format == NULL)
		format = journal_cause_text(access->cause);
	server_text(access, names, server);
	value_duration_text(access->limit_ns, limit);
	for (; *format != '\0' && n < RECORD_CAUSE_MAX - 1; format++) {
		const char *part;
		int added;

		if (*format != '%') {
			text[n++] = *format;
			continue;
		}
		format++;
		part = *format == 'l' ? limit : *format == 's' ? server : farm;
		added = snprintf(text + n, RECORD_CAUSE_MAX - n, "%s", part != NULL ? part : "?");
		n += added > 0 ? (size_t)added : 0;
	}
	n = n < RECORD_CAUSE_MAX ? n : RECORD_CAUSE_MAX - 1;
	text[n] = '\0';
	if (access->detail > 0 && access->detail < HTTP_REASONS_N)
		snprintf(text + n, RECORD_CAUSE_MAX - n, ": %s",
			 http_reason_name((enum http_reason)access->detail));
	return text;
}

/* ---- the line ---- */

static void
put_upstream(struct out *out, const struct journal_access *access, const struct names *names)
{
	key_name(out, "farm", names, IMG_KIND_FARM, access->farm_slot, access->farm_incarnation);
	if ((access->flags & JOURNAL_HAS_UPSTREAM) == 0)
		return;
	key_name(out, "server", names, IMG_KIND_SERVER, access->server_slot,
		 access->server_incarnation);
	key_endpoint(out, "upstream", &access->upstream, access->upstream_port);
	key_endpoint(out, "source", &access->source, access->source_port);
	if (access->upstream_status != 0)
		key_number(out, "upstream_status", access->upstream_status);
	key_number(out, "tries", access->tries);
	key_true(out, "reused", (access->flags & JOURNAL_REUSED) != 0);
	key_us(out, "queue_us", access->queue_ns);
	key_us(out, "connect_us", access->connect_ns);
	key_us(out, "send_us", access->send_ns);
	key_us(out, "first_byte_us", access->first_byte_ns);
	key_us(out, "receive_us", access->receive_ns);
	key_number(out, "upstream_rtt_us", access->upstream_leg.rtt_us);
	key_number(out, "upstream_retransmits", access->upstream_leg.retransmits);
	key_us(out, "upstream_zero_window_us", access->upstream_leg.zero_window_ns);
}

static void
put_request(struct out *out, const struct journal_access *access,
	    const struct journal_text *strings)
{
	char version[16];

	key_string(out, "method", strings->method, access->method_n);
	key_string(out, "host", strings->host, access->host_n);
	key_string(out, "target", strings->target, access->target_n);
	snprintf(version, sizeof(version), "HTTP/%u.%u", access->version / 10,
		 access->version % 10);
	if (access->version != 0)
		key_text(out, "version", version);
	if (access->agent_n > 0)
		key_string(out, "user_agent", strings->agent, access->agent_n);
	key_true(out, "cut", (access->flags & JOURNAL_CUT) != 0);
}

size_t
record_line(const struct journal_access *access, const struct journal_text *strings,
	    const struct names *names, char text[RECORD_LINE_MAX])
{
	struct out out = { .at = text, .end = text + RECORD_LINE_MAX };
	char cause[RECORD_CAUSE_MAX];

	put(&out, "{\"time\":", 8);
	put_time(&out, access->time_ns);
	key_endpoint(&out, "client", &access->client, access->client_port);
	key_endpoint(&out, "local", &access->local, access->local_port);
	key_name(&out, "listener", names, IMG_KIND_LISTENER, access->listener_slot,
		 access->listener_incarnation);
	put_request(&out, access, strings);
	key_number(&out, "status", access->status);
	key_true(&out, "own_response", (access->flags & JOURNAL_OWN_RESPONSE) != 0);
	if (access->cause != JOURNAL_CAUSE_NONE) {
		key_text(&out, "cause", record_cause(access, names, cause));
		key_text(&out, "cause_word", journal_cause_name(access->cause));
		if (access->detail != 0)
			key_number(&out, "cause_detail", access->detail);
	}
	put_upstream(&out, access, names);
	key_us(&out, "wait_us", access->wait_ns);
	key_us(&out, "head_us", access->head_ns);
	key_us(&out, "total_us", access->total_ns);
	key_number(&out, "request_head_bytes", access->request_head_bytes);
	key_number(&out, "request_body_bytes", access->request_body_bytes);
	key_number(&out, "response_head_bytes", access->response_head_bytes);
	key_number(&out, "response_body_bytes", access->response_body_bytes);
	key_true(&out, "chunked_request", (access->flags & JOURNAL_CHUNKED_REQUEST) != 0);
	key_true(&out, "chunked_response", (access->flags & JOURNAL_CHUNKED_RESPONSE) != 0);
	key_true(&out, "tunnel", (access->flags & JOURNAL_TUNNEL) != 0);
	key_true(&out, "kept", (access->flags & JOURNAL_KEPT) != 0);
	key_number(&out, "client_rtt_us", access->client_leg.rtt_us);
	key_number(&out, "client_retransmits", access->client_leg.retransmits);
	key_us(&out, "client_zero_window_us", access->client_leg.zero_window_ns);
	key_number(&out, "lane", access->lane);
	key_number(&out, "connection", access->conn_id);
	key_number(&out, "request", access->request_i);
	key_number(&out, "generation", access->generation);
	put(&out, "}\n", 2);
	return (size_t)(out.at - text);
}
