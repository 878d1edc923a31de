/*
 * icmp.c - ICMP and ICMPv6 errors about our segments (see icmp.h).
 */
#include "wire/icmp.h"

#include <string.h>

#include "base/ensure.h"
#include "wire/get.h"
#include "wire/ip.h"

enum {
	CODE4_PROTOCOL = 2,
	CODE4_PORT = 3,
	CODE4_FRAGMENTATION = 4,
	CODE6_PORT = 4,

	QUOTED_TCP = 8 /* bytes of the segment that every quote has: ports, sequence number */
};

const char *
icmp_error_name(enum icmp_error_kind kind)
{
	static const char *const word[] = {
#define X(NAME, name) #name,
		ICMP_ERROR_LIST(X)
#undef X
	};

	ensure(kind < sizeof(word) / sizeof(word[0]));
	return word[kind];
}

static bool
kind_of_v4(uint8_t type, uint8_t code, enum icmp_error_kind *ret_kind)
{
	if (type == ICMP4_UNREACHABLE && code == CODE4_FRAGMENTATION)
		*ret_kind = ICMP_ERROR_TOO_BIG;
	else if (type == ICMP4_UNREACHABLE && (code == CODE4_PROTOCOL || code == CODE4_PORT))
		*ret_kind = ICMP_ERROR_REFUSED;
	else if (type == ICMP4_UNREACHABLE)
		*ret_kind = ICMP_ERROR_UNREACHABLE;
	else if (type == ICMP4_TIME_EXCEEDED)
		*ret_kind = ICMP_ERROR_TIME_EXCEEDED;
	else if (type == ICMP4_PARAMETER)
		*ret_kind = ICMP_ERROR_PARAMETER;
	else
		return false;
	return true;
}

static bool
kind_of_v6(uint8_t type, uint8_t code, enum icmp_error_kind *ret_kind)
{
	if (type == ICMP6_UNREACHABLE)
		*ret_kind = code == CODE6_PORT ? ICMP_ERROR_REFUSED : ICMP_ERROR_UNREACHABLE;
	else if (type == ICMP6_TOO_BIG)
		*ret_kind = ICMP_ERROR_TOO_BIG;
	else if (type == ICMP6_TIME_EXCEEDED)
		*ret_kind = ICMP_ERROR_TIME_EXCEEDED;
	else if (type == ICMP6_PARAMETER)
		*ret_kind = ICMP_ERROR_PARAMETER;
	else
		return false;
	return true;
}

/*
 * Finds the segment in a quoted packet, which is cut short and whose checksums routers may have
 * left wrong. We send neither options nor extension headers.
 */
static bool
find_quote(bool is_v6, const uint8_t *p, uint32_t n, struct icmp_error *error,
	   const uint8_t **ret_segment)
{
	uint32_t header_n = is_v6 ? IP6_HEADER : IP4_HEADER;

	if (n < header_n + QUOTED_TCP)
		return false;
	if (is_v6 ? p[0] >> 4 != 6 : p[0] != 0x45)
		return false;
	if ((is_v6 ? p[6] : p[9]) != IP_PROTO_TCP)
		return false;
	if (is_v6) {
		memcpy(error->local.b, p + 8, 16);
		memcpy(error->remote.b, p + 24, 16);
	} else {
		error->local = ip_from_v4(p + 12);
		error->remote = ip_from_v4(p + 16);
	}
	*ret_segment = p + header_n;
	return ip_is_v4(&error->local) != is_v6 && ip_is_v4(&error->remote) != is_v6;
}

enum wire_drop
icmp_error_parse(bool is_v6, uint8_t type, uint8_t code, uint32_t word, const uint8_t *p,
		 uint32_t n, struct icmp_error *ret_error)
{
	struct icmp_error error = { 0 };
	enum icmp_error_kind kind = ICMP_ERROR_UNREACHABLE;
	const uint8_t *segment = NULL;

	if (!(is_v6 ? kind_of_v6(type, code, &kind) : kind_of_v4(type, code, &kind)))
		return WIRE_DROP_ICMP_TYPE;
	if (!find_quote(is_v6, p, n, &error, &segment))
		return WIRE_DROP_ICMP_QUOTE;
	if (!ip_can_send(&error.local) || !ip_can_receive(&error.remote))
		return WIRE_DROP_ICMP_QUOTE;
	error.kind = (uint8_t)kind;
	error.local_port = get16(segment);
	error.remote_port = get16(segment + 2);
	error.seq = seq_of(get32(segment + 4));
	if (kind == ICMP_ERROR_TOO_BIG)
		error.mtu = is_v6 ? word : word & UINT16_MAX; /* RFC 4443, 3.2; RFC 1191, 4 */
	*ret_error = error;
	return WIRE_OK;
}
