/*
 * record_w3c.c - lines of the access log in the W3C extended format, see record.h.
 *
 * Whatever a client sends, a line stays one line with as many fields as #Fields: says, and none
 * begins with '#': a space becomes '+', as IIS writes it, and every byte outside of printable ASCII,
 * a double quote and a '#' at the front of a line become %HH. A field with nothing to say is '-'.
 */
#include <string.h>
#include <time.h>

#include "base/ensure.h"
#include "conf/value.h"
#include "run/put.h"
#include "run/record.h"

enum {
	ESCAPED_MAX = 3,  /* bytes that a byte becomes at most: %HH */
	NUMBER_ROOM = 80, /* a number, a name, an address and what stands around it */
};

/* The target may stand there three times: whole, its stem, its query. */
_Static_assert(ESCAPED_MAX *(2 * JOURNAL_TARGET_MAX + JOURNAL_METHOD_MAX + JOURNAL_HOST_MAX +
			     JOURNAL_AGENT_MAX + JOURNAL_REFERER_MAX) +
			       LOG_FIELDS_N * NUMBER_ROOM + PUT_SLACK <
		       RECORD_LINE_MAX,
	       "a line has room for all fields at their worst");

static const char hex[] = "0123456789ABCDEF";

static char *
put_odd(char *at, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (b[i] > ' ' && b[i] < 0x7f && b[i] != '"') {
			*at++ = (char)b[i];
		} else if (b[i] == ' ') {
			*at++ = '+';
		} else {
			*at++ = '%';
			*at++ = hex[b[i] >> 4];
			*at++ = hex[b[i] & 15];
		}
	}
	return at;
}

/* Most strings have nothing odd: copied whole, then looked through where they now lie. */
static char *
put_escaped(char *at, const uint8_t *b, size_t n)
{
	size_t plain;

	if (n == 0)
		return put_text(at, "-");
	memcpy(at, b, n);
	plain = put_plain_n(at, n);
	for (size_t i = 0; i < plain; i++)
		at[i] = at[i] == ' ' ? '+' : at[i];
	return put_odd(at + plain, b + plain, n - plain);
}

static char *
put_ip(char *at, const struct ip_addr *ip)
{
	char text[VALUE_IP_TEXT];

	if (ip_is_v4(ip))
		return put_ip4(at, ip);
	if (ip_is_none(ip))
		return put_text(at, "-");
	value_ip_text(ip, text);
	return put_bytes(at, text, strlen(text));
}

static char *
put_endpoint(char *at, const struct ip_addr *ip, uint16_t port)
{
	char text[VALUE_ENDPOINT_TEXT];

	if (ip_is_none(ip))
		return put_text(at, "-");
	value_endpoint_text(ip, port, text);
	return put_bytes(at, text, strlen(text));
}

/* By name, "#slot" when no image of late knows it (never first in a line: see w3c_line). */
static char *
put_name(char *at, const struct names *names, enum img_kind kind, uint32_t slot,
	 uint32_t incarnation)
{
	const struct name *name = names_find(names, kind, slot, incarnation);

	if (name != NULL)
		return put_escaped(at, (const uint8_t *)name->text, name->n);
	if (slot == ABI_NONE)
		return put_text(at, "-");
	*at++ = '#';
	return put_number(at, slot);
}

static char *
put_version(char *at, uint16_t version)
{
	if (version == 0)
		return put_text(at, "-");
	at = put_text(at, "HTTP/");
	at = put_number(at, version / 10);
	*at++ = '.';
	return put_number(at, version % 10);
}

static char *
put_cause(char *at, uint16_t cause)
{
	const char *name = journal_cause_name(cause);

	if (cause == JOURNAL_CAUSE_NONE)
		return put_text(at, "-");
	return put_bytes(at, name, strlen(name));
}

/* Of the target, up to its query. */
static size_t
stem_n(const struct journal_access *access, const struct journal_text *strings)
{
	const uint8_t *mark =
		access->target_n > 0 ? memchr(strings->target, '?', access->target_n) : NULL;

	return mark != NULL ? (size_t)(mark - strings->target) : access->target_n;
}

static char *
put_query(char *at, const struct journal_access *access, const struct journal_text *strings)
{
	size_t n = stem_n(access, strings);

	if (n == access->target_n)
		return put_text(at, "-");
	return put_escaped(at, strings->target + n + 1, access->target_n - n - 1);
}

/* One field with what it says. */
static char *
put_field(char *at, enum log_field field, const struct journal_access *access,
	  const struct journal_text *strings, const struct names *names,
	  const struct record_second *second)
{
	bool has_server = (access->flags & JOURNAL_HAS_UPSTREAM) != 0;

	switch (field) {
	case LOG_FIELD_DATE:
		return put_bytes(at, second->json, 10);
	case LOG_FIELD_TIME:
		return put_bytes(at, second->json + 11, 8);
	case LOG_FIELD_S_IP:
		return put_ip(at, &access->local);
	case LOG_FIELD_CS_METHOD:
		return put_escaped(at, strings->method, access->method_n);
	case LOG_FIELD_CS_URI_STEM:
		return put_escaped(at, strings->target, stem_n(access, strings));
	case LOG_FIELD_CS_URI_QUERY:
		return put_query(at, access, strings);
	case LOG_FIELD_S_PORT:
		return put_number(at, access->local_port);
	case LOG_FIELD_C_IP:
		return put_ip(at, &access->client);
	case LOG_FIELD_CS_USER_AGENT:
		return put_escaped(at, strings->agent, access->agent_n);
	case LOG_FIELD_CS_REFERER:
		return put_escaped(at, strings->referer, access->referer_n);
	case LOG_FIELD_CS_HOST:
		return put_escaped(at, strings->host, access->host_n);
	case LOG_FIELD_SC_STATUS:
		return put_number(at, access->status);
	case LOG_FIELD_SC_SUBSTATUS:
		return put_number(at, access->substatus);
	case LOG_FIELD_SC_BYTES:
		return put_number(at, access->response_head_bytes + access->response_body_bytes);
	case LOG_FIELD_CS_BYTES:
		return put_number(at, access->request_head_bytes + access->request_body_bytes);
	case LOG_FIELD_TIME_TAKEN:
		return put_number(at, access->total_ns / 1000000);
	case LOG_FIELD_X_FARM:
		return put_name(at, names, IMG_KIND_FARM, access->farm_slot,
				access->farm_incarnation);
	case LOG_FIELD_X_SERVER:
		return put_name(at, names, IMG_KIND_SERVER,
				has_server ? access->server_slot : ABI_NONE,
				access->server_incarnation);
	case LOG_FIELD_X_CAUSE:
		return put_cause(at, access->cause);
	case LOG_FIELD_C_PORT:
		return put_number(at, access->client_port);
	case LOG_FIELD_CS_URI:
		return put_escaped(at, strings->target, access->target_n);
	case LOG_FIELD_CS_VERSION:
		return put_version(at, access->version);
	case LOG_FIELD_X_LISTENER:
		return put_name(at, names, IMG_KIND_LISTENER, access->listener_slot,
				access->listener_incarnation);
	case LOG_FIELD_X_RULE:
		return put_name(at, names, IMG_KIND_RULE,
				access->rule_incarnation != 0 ? access->rule_slot : ABI_NONE,
				access->rule_incarnation);
	case LOG_FIELD_X_UPSTREAM:
		return put_endpoint(at, &access->upstream, access->upstream_port);
	case LOG_FIELD_X_UPSTREAM_STATUS:
		return put_number(at, access->upstream_status);
	case LOG_FIELD_X_TRIES:
		return put_number(at, access->tries);
	case LOG_FIELD_X_WAIT_US:
		return put_number(at, access->wait_ns / 1000);
	case LOG_FIELD_X_HEAD_US:
		return put_number(at, access->head_ns / 1000);
	case LOG_FIELD_X_QUEUE_US:
		return put_number(at, access->queue_ns / 1000);
	case LOG_FIELD_X_CONNECT_US:
		return put_number(at, access->connect_ns / 1000);
	case LOG_FIELD_X_SEND_US:
		return put_number(at, access->send_ns / 1000);
	case LOG_FIELD_X_FIRST_BYTE_US:
		return put_number(at, access->first_byte_ns / 1000);
	case LOG_FIELD_X_RECEIVE_US:
		return put_number(at, access->receive_ns / 1000);
	case LOG_FIELD_X_TOTAL_US:
		return put_number(at, access->total_ns / 1000);
	case LOG_FIELD_X_LANE:
		return put_number(at, access->lane);
	case LOG_FIELD_X_CONNECTION:
		return put_number(at, access->conn_id);
	case LOG_FIELD_X_REQUEST:
		return put_number(at, access->request_i);
	case LOG_FIELD_X_GENERATION:
		return put_number(at, access->generation);
	case LOG_FIELDS_N:
		break;
	}
	ensure(false);
	return at;
}

char *
record_w3c_line(char *at, const struct log_style *style, const struct journal_access *access,
		const struct journal_text *strings, const struct names *names,
		const struct record_second *second)
{
	char *line = at;

	for (uint8_t i = 0; i < style->field_n; i++) {
		at = put_field(at, (enum log_field)style->field[i], access, strings, names, second);
		*at++ = ' ';
	}
	at[-1] = '\n';
	if (*line == '#') { /* else it would read as a directive */
		memmove(line + 3, line + 1, (size_t)(at - line) - 1);
		memcpy(line, "%23", 3);
		at += 2;
	}
	return at;
}

size_t
record_w3c_head(const struct log_style *style, const char *version, uint64_t unix_s,
		char text[RECORD_W3C_HEAD_MAX])
{
	char fields[LOG_FIELDS_TEXT];
	struct record_second second = { 0 };
	char *at = put_text(text, "#Software: Penstock ");

	record_second_set(&second, unix_s * 1000000000);
	ensure(strlen(version) < 64);
	at = put_bytes(at, version, strlen(version));
	at = put_text(at, "\n#Version: 1.0\n#Date: ");
	at = put_bytes(at, second.json, 10);
	*at++ = ' ';
	at = put_bytes(at, second.json + 11, 8);
	at = put_text(at, "\n#Fields: ");
	log_style_fields_text(style, fields);
	at = put_bytes(at, fields, strlen(fields));
	return (size_t)(put_text(at, "\n") - text);
}
