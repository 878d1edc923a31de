/*
 * value.h - one text to one value: durations, sizes, numbers, addresses. Knows no key and no
 * place; what is wrong comes back as a reason, worded by the caller with the cure.
 */
#ifndef PENSTOCK_CONTROL_CONF_VALUE_H
#define PENSTOCK_CONTROL_CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"

#define VALUE_FAULTS(x)                                                                            \
	x(VALUE_OK, "nothing") x(VALUE_NOT_NUMBER, "not a number") x(VALUE_NO_UNIT, "no unit") x(  \
		VALUE_BAD_UNIT, "an unknown unit") x(VALUE_TOO_BIG, "too big")                     \
		x(VALUE_NOT_ADDRESS, "not an IP address") x(VALUE_NO_PREFIX, "no prefix length")   \
			x(VALUE_BAD_PREFIX, "a prefix length out of range")                        \
				x(VALUE_NO_PORT, "no port") x(VALUE_BAD_PORT,                      \
							      "not a port from 1 to 65535")        \
					x(VALUE_NO_BRACKETS, "an IPv6 address without brackets")

enum value_fault {
#define X(id, words) id,
	VALUE_FAULTS(X)
#undef X
};

const char *value_fault_name(enum value_fault fault);

/* Decimal digits only. */
enum value_fault value_number(const char *text, uint64_t *ret_value);

/* 250ms, 30s, 15m, 2h, 1d: one number with a unit, in ns. */
enum value_fault value_duration(const char *text, uint64_t *ret_ns);

/* 512, 64KiB, 16MiB, 2GiB: bytes; a bare number is bytes. */
enum value_fault value_size(const char *text, uint64_t *ret_bytes);

enum value_fault value_ip(const char *text, struct ip_addr *ret_ip);

/* 10.0.0.5/24, 2001:db8::10/64. bits is of the address's own family (0 to 32 or 128). */
enum value_fault value_prefix(const char *text, struct ip_addr *ret_ip, uint8_t *ret_bits);

/* 10.0.0.5:80, [2001:db8::10]:80, *:80 (any: the address is all zero). */
enum value_fault value_endpoint(const char *text, struct ip_addr *ret_ip, uint16_t *ret_port);

/* As people write it: 10.0.0.5, 2001:db8::10; "any" for all zero. */
enum {
	VALUE_IP_TEXT = 48
};
const char *value_ip_text(const struct ip_addr *ip, char text[VALUE_IP_TEXT]);

/* 10.0.0.5:80, [2001:db8::10]:80, *:80. */
enum {
	VALUE_ENDPOINT_TEXT = 64
};
const char *value_endpoint_text(const struct ip_addr *ip, uint16_t port,
				char text[VALUE_ENDPOINT_TEXT]);

/* The largest whole unit: 30 s, 250 ms, 15 m. */
enum {
	VALUE_DURATION_TEXT = 32
};
const char *value_duration_text(uint64_t ns, char text[VALUE_DURATION_TEXT]);

/* a is within the first bits of b; both of one family. */
bool value_ip_within(const struct ip_addr *a, const struct ip_addr *b, uint8_t bits);

/* A host name as RFC 1123 writes it, at most 253 characters. */
bool value_is_host_name(const char *text);

#endif
