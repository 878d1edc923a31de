/*
 * value.c - texts to values and back, see value.h.
 */
#include "conf/value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t is; /* of the smallest unit */
};

static const struct unit duration_units[] = {
	{ "ns", 1 },	      { "us", 1000 },	      { "ms", 1000000 },       { "s", 1000000000 },
	{ "m", 60000000000 }, { "h", 3600000000000 }, { "d", 86400000000000 }, { NULL, 0 },
};

static const struct unit size_units[] = {
	{ "B", 1 },
	{ "KiB", (uint64_t)1 << 10 },
	{ "MiB", (uint64_t)1 << 20 },
	{ "GiB", (uint64_t)1 << 30 },
	{ "TiB", (uint64_t)1 << 40 },
	{ NULL, 0 },
};

const char *
value_fault_name(enum value_fault fault)
{
	static const char *const name[] = {
#define X(id, words) [id] = words,
		VALUE_FAULTS(X)
#undef X
	};

	return name[fault];
}

/* Digits at the front of the text; what follows them comes back in ret_rest. */
static enum value_fault
digits(const char *text, uint64_t *ret_value, const char **ret_rest)
{
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return VALUE_TOO_BIG;
		value = value * 10 + digit;
	}
	if (at == text)
		return VALUE_NOT_NUMBER;
	*ret_value = value;
	*ret_rest = at;
	return VALUE_OK;
}

enum value_fault
value_number(const char *text, uint64_t *ret_value)
{
	uint64_t value;
	const char *rest;
	enum value_fault fault = digits(text, &value, &rest);

	if (fault != VALUE_OK)
		return fault;
	if (*rest != '\0')
		return VALUE_NOT_NUMBER;
	*ret_value = value;
	return VALUE_OK;
}

static enum value_fault
with_unit(const char *text, const struct unit *units, uint64_t bare, uint64_t *ret_value)
{
	uint64_t value;
	const char *rest;
	enum value_fault fault = digits(text, &value, &rest);

	if (fault != VALUE_OK)
		return fault;
	while (*rest == ' ')
		rest++;
	if (*rest == '\0' && value != 0 && bare == 0)
		return VALUE_NO_UNIT;
	if (*rest == '\0') {
		*ret_value = value;
		return VALUE_OK;
	}
	for (; units->name != NULL; units++) {
		if (strcmp(units->name, rest) != 0)
			continue;
		if (value > UINT64_MAX / units->is)
			return VALUE_TOO_BIG;
		*ret_value = value * units->is;
		return VALUE_OK;
	}
	return VALUE_BAD_UNIT;
}

enum value_fault
value_duration(const char *text, uint64_t *ret_ns)
{
	return with_unit(text, duration_units, 0, ret_ns);
}

enum value_fault
value_size(const char *text, uint64_t *ret_bytes)
{
	return with_unit(text, size_units, 1, ret_bytes);
}

enum value_fault
value_ip(const char *text, struct ip_addr *ret_ip)
{
	uint8_t v4[4];
	struct ip_addr ip;

	if (inet_pton(AF_INET, text, v4) == 1) {
		*ret_ip = ip_from_v4(v4);
		return VALUE_OK;
	}
	if (inet_pton(AF_INET6, text, ip.b) != 1)
		return VALUE_NOT_ADDRESS;
	*ret_ip = ip;
	return VALUE_OK;
}

enum value_fault
value_prefix(const char *text, struct ip_addr *ret_ip, uint8_t *ret_bits)
{
	const char *slash = strchr(text, '/');
	char ip_text[VALUE_IP_TEXT];
	struct ip_addr ip;
	uint64_t bits;
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);

	if (n >= sizeof(ip_text))
		return VALUE_NOT_ADDRESS;
	memcpy(ip_text, text, n);
	ip_text[n] = '\0';
	if (value_ip(ip_text, &ip) != VALUE_OK)
		return VALUE_NOT_ADDRESS;
	if (slash == NULL)
		return VALUE_NO_PREFIX;
	if (value_number(slash + 1, &bits) != VALUE_OK || bits > (ip_is_v4(&ip) ? 32u : 128u))
		return VALUE_BAD_PREFIX;
	*ret_ip = ip;
	*ret_bits = (uint8_t)bits;
	return VALUE_OK;
}

static enum value_fault
endpoint_host(const char *text, size_t n, struct ip_addr *ret_ip)
{
	char host[VALUE_IP_TEXT];

	if (n == 1 && text[0] == '*') {
		*ret_ip = (struct ip_addr){ 0 };
		return VALUE_OK;
	}
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
		if (memchr(text, ':', n) == NULL)
			return VALUE_NOT_ADDRESS;
	} else if (memchr(text, ':', n) != NULL) {
		return VALUE_NO_BRACKETS;
	}
	if (n >= sizeof(host))
		return VALUE_NOT_ADDRESS;
	memcpy(host, text, n);
	host[n] = '\0';
	return value_ip(host, ret_ip);
}

enum value_fault
value_endpoint(const char *text, struct ip_addr *ret_ip, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':');
	struct ip_addr ip;
	enum value_fault fault;
	uint64_t port;

	if (value_ip(text, &ip) == VALUE_OK)
		return ip_is_v4(&ip) ? VALUE_NO_PORT : VALUE_NO_BRACKETS;
	if (colon == NULL || colon[1] == '\0' || text[strlen(text) - 1] == ']')
		return VALUE_NO_PORT;
	fault = endpoint_host(text, (size_t)(colon - text), &ip);
	if (fault != VALUE_OK)
		return fault;
	if (value_number(colon + 1, &port) != VALUE_OK || port == 0 || port > 65535)
		return VALUE_BAD_PORT;
	*ret_ip = ip;
	*ret_port = (uint16_t)port;
	return VALUE_OK;
}

const char *
value_ip_text(const struct ip_addr *ip, char text[VALUE_IP_TEXT])
{
	if (ip_is_none(ip))
		return strcpy(text, "any");
	if (ip_is_v4(ip))
		return inet_ntop(AF_INET, &ip->b[12], text, VALUE_IP_TEXT);
	return inet_ntop(AF_INET6, ip->b, text, VALUE_IP_TEXT);
}

const char *
value_endpoint_text(const struct ip_addr *ip, uint16_t port, char text[VALUE_ENDPOINT_TEXT])
{
	char ip_text[VALUE_IP_TEXT];

	if (ip_is_none(ip))
		snprintf(text, VALUE_ENDPOINT_TEXT, "*:%u", port);
	else if (ip_is_v4(ip))
		snprintf(text, VALUE_ENDPOINT_TEXT, "%s:%u", value_ip_text(ip, ip_text), port);
	else
		snprintf(text, VALUE_ENDPOINT_TEXT, "[%s]:%u", value_ip_text(ip, ip_text), port);
	return text;
}

const char *
value_duration_text(uint64_t ns, char text[VALUE_DURATION_TEXT])
{
	const struct unit *best = &duration_units[0];

	for (const struct unit *unit = duration_units; unit->name != NULL; unit++)
		if (ns % unit->is == 0 && ns >= unit->is)
			best = unit;
	if (ns == 0)
		return strcpy(text, "0 s");
	snprintf(text, VALUE_DURATION_TEXT, "%" PRIu64 " %s", ns / best->is, best->name);
	return text;
}

bool
value_ip_within(const struct ip_addr *a, const struct ip_addr *b, uint8_t bits)
{
	unsigned all = ip_is_v4(b) ? 96u + bits : bits;
	unsigned whole = all / 8, rest = all % 8;

	if (ip_is_v4(a) != ip_is_v4(b) || all > 128)
		return false;
	if (memcmp(a->b, b->b, whole) != 0)
		return false;
	return rest == 0 || ((a->b[whole] ^ b->b[whole]) >> (8 - rest)) == 0;
}

bool
value_is_host_name(const char *text)
{
	size_t n = strlen(text), label = 0;

	if (n > 0 && text[n - 1] == '.')
		n--;
	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			       (c >= 'A' && c <= 'Z') || c == '_';

		if (c == '.' ? label == 0 || text[i - 1] == '-'
			     : !is_word && (c != '-' || label == 0))
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return text[n - 1] != '-';
}
