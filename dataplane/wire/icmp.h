/*
 * icmp.h - the parts of ICMP (RFC 792) and ICMPv6 (RFC 4443) that concern a proxy: echo requests,
 * and errors about TCP segments that we sent.
 */
#ifndef PENSTOCK_WIRE_ICMP_H
#define PENSTOCK_WIRE_ICMP_H

#include <stdint.h>

#include "abi/addr.h"
#include "base/seq.h"
#include "wire/drop.h"

enum {
	ICMP_HEADER = 8,
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_ECHO = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER = 12,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_MLD_QUERY = 130,
	ICMP6_NS = 135,
	ICMP6_NA = 136,
};

#define ICMP_ERROR_LIST(x)                                                                         \
	x(UNREACHABLE, unreachable) /* network, host, address, policy */                           \
		x(REFUSED, refused) /* port or protocol unreachable: the host answered */          \
		x(TOO_BIG, too_big) /* mtu says how big it may be */                               \
		x(TIME_EXCEEDED, time_exceeded) x(PARAMETER, parameter)

enum icmp_error_kind {
#define X(NAME, name) ICMP_ERROR_##NAME,
	ICMP_ERROR_LIST(X)
#undef X
};

const char *icmp_error_name(enum icmp_error_kind kind);

/* An error about a segment that local sent to remote. */
struct icmp_error {
	uint8_t kind; /* enum icmp_error_kind */
	struct ip_addr local, remote;
	uint16_t local_port, remote_port;
	struct seq seq; /* of that segment: worth believing when it is in flight (RFC 5927) */
	uint32_t mtu;	/* TOO_BIG; 0: not told */
};

/*
 * The quoted packet of an error message: p, n are the bytes behind the ICMP header, as many as
 * are at hand. type and code of the family of is_v6; word is the header's last 32 bits.
 */
enum wire_drop icmp_error_parse(bool is_v6, uint8_t type, uint8_t code, uint32_t word,
				const uint8_t *p, uint32_t n, struct icmp_error *ret_error);

#endif
