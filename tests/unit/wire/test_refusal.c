/*
 * test_refusal.c - what ICMP errors say of refused frames: RFC 792, 1122, 4443, 8200.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf_heap.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/refusal.h"
#include "wire/wire.h"

static const struct wire_port port = { .mac = { { 2, 0, 0, 0, 0, 1 } } };
static struct buf_pool *pool;

/* A frame of an IPv6 packet whose fixed header is followed by these bytes. */
static struct buf *
frame6(uint8_t next, const char *bytes, uint32_t n)
{
	struct ip ip = { .src = { .b = { 0x20, 1, [15] = 9 } },
			 .dst = { .b = { 0x20, 1, [15] = 1 } },
			 .protocol = next,
			 .hop_limit = 64,
			 .payload_n = n };
	struct eth eth = { .dst = port.mac, .src = { { 2, 0, 0, 0, 0, 9 } }, .type = ETH_TYPE_IP6 };
	struct buf *b = buf_take(pool);

	memcpy(buf_append(b, n), bytes, n);
	ip_emit(&ip, buf_prepend(b, IP6_HEADER));
	eth_emit(&eth, buf_prepend(b, ETH_HEADER));
	return b;
}

static struct buf *
frame4(uint8_t protocol, uint32_t n)
{
	struct ip ip = { .src = ip_from_v4((const uint8_t[]){ 10, 0, 0, 9 }),
			 .dst = ip_from_v4((const uint8_t[]){ 10, 0, 0, 1 }),
			 .protocol = protocol,
			 .hop_limit = 64,
			 .payload_n = n };
	struct eth eth = { .dst = port.mac, .src = { { 2, 0, 0, 0, 0, 9 } }, .type = ETH_TYPE_IP4 };
	struct buf *b = buf_take(pool);

	memset(buf_append(b, n), 0x5a, n);
	ip_emit(&ip, buf_prepend(b, IP4_HEADER));
	eth_emit(&eth, buf_prepend(b, ETH_HEADER));
	return b;
}

/* Decodes and asks what is to be said; the frame stays. */
static bool
is_answered(struct buf *frame, struct refusal *ret_refusal)
{
	struct wire_packet packet;
	struct tcp_seg seg;
	enum wire_drop drop = wire_decode(frame, &port, &packet, &seg);

	return drop != WIRE_OK && refusal_of(frame, drop, ret_refusal);
}

#define UDP	    "\0\1\0\2\0\x08\0\0"
#define OPTION(hex) "\x11\0" hex "\x04\0\0\0\0" UDP

static void
ip6_refusals_point_at_what_is_not_understood(void **state)
{
	static const struct {
		uint8_t next;
		const char *bytes;
		uint32_t n;
		uint8_t type, code; /* type 0: no answer */
		uint32_t pointer;
	} step[] = {
		{ 17, UDP, 8, 1, 4, 0 },
		{ 132, UDP, 8, 4, 1, 6 },
		{ 59, UDP, 8, 0, 0, 0 },
		{ 60, "\x84\0\x01\x04\0\0\0\0" UDP, 16, 4, 1, 40 },
		{ 0, "\x3c\0\x01\x04\0\0\0\0\x84\0\x01\x04\0\0\0\0" UDP, 24, 4, 1, 48 },
		{ 60, OPTION("\x1e"), 16, 1, 4, 0 }, /* skipped: the UDP port it is */
		{ 60, OPTION("\x5e"), 16, 0, 0, 0 }, /* dropped in silence */
		{ 60, OPTION("\x9e"), 16, 4, 2, 42 },
		{ 60, OPTION("\xde"), 16, 4, 2, 42 },
		{ 60, "\x11\0\0\0\xde\x02\0\0" UDP, 16, 4, 2, 44 },
		{ 43, "\x11\0\0\x01\0\0\0\0" UDP, 16, 4, 0, 42 },
		{ 43, "\x3a\0\0\x01\0\0\0\0\x01\0\0\0\0\0\0\0", 16, 0, 0, 0 },	  /* an error */
		{ 60, "\x3a\0\xde\x04\0\0\0\0\x89\0\0\0\0\0\0\0", 16, 0, 0, 0 },  /* redirect */
		{ 60, "\x3a\0\xde\x04\0\0\0\0\x80\0\0\0\0\0\0\0", 16, 4, 2, 42 }, /* echo */
		{ 60, "\x2c\0\xde\x04\0\0\0\0\x11\0\0\x08\0\0\0\0" UDP, 24, 0, 0,
		  0 },							   /* not first */
		{ 60, "\x3c\0\xde\x04\0\0\0\0\x11\x09\0\0", 12, 0, 0, 0 }, /* cut short */
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		struct buf *frame = frame6(step[i].next, step[i].bytes, step[i].n);
		struct refusal refusal = { 0 };

		if (is_answered(frame, &refusal) != (step[i].type != 0))
			fail_msg("step %u: answered or not", i);
		if (step[i].type != 0 &&
		    (refusal.type != step[i].type || refusal.code != step[i].code ||
		     refusal.word != step[i].pointer))
			fail_msg("step %u: %u %u %u", i, refusal.type, refusal.code, refusal.word);
		buf_give(frame);
	}
}

static void
ip4_refusals_tell_port_from_protocol(void **state)
{
	struct refusal refusal;
	struct buf *frame = frame4(17, 40);

	(void)state;
	assert_true(is_answered(frame, &refusal));
	assert_int_equal(refusal.type, ICMP4_UNREACHABLE);
	assert_int_equal(refusal.code, 3);
	buf_give(frame);
	frame = frame4(132, 40);
	assert_true(is_answered(frame, &refusal));
	assert_int_equal(refusal.code, 2);
	assert_false(refusal_of(frame, WIRE_DROP_IP4_CHECKSUM, &refusal));
	memset(buf_data(frame), 0xff, 6); /* a link-layer broadcast */
	assert_false(refusal_of(frame, WIRE_DROP_IP_PROTOCOL, &refusal));
	buf_give(frame);
}

/* As much of the packet as fits, right sums, not a byte of padding. */
static void
messages_quote_what_they_are_about(void **state)
{
	struct refusal refusal;
	uint8_t message[REFUSAL_MAX_V6];
	struct buf *frame = frame4(17, 1400);
	char big[1400];

	(void)state;
	assert_true(is_answered(frame, &refusal));
	assert_int_equal(refusal_size(&refusal), REFUSAL_MAX_V4 - IP4_HEADER);
	refusal_emit(&refusal, frame, message);
	assert_memory_equal(message + ICMP_HEADER, buf_data(frame) + ETH_HEADER, refusal.quote_n);
	assert_int_equal(csum_done(csum_add(message, refusal_size(&refusal))).raw, 0);
	buf_give(frame);

	frame = frame4(17, 10);
	memset(buf_append(frame, 16), 0, 16);
	assert_true(is_answered(frame, &refusal));
	assert_int_equal(refusal.quote_n, IP4_HEADER + 10);
	buf_give(frame);

	memset(big, 0, sizeof(big));
	frame = frame6(17, big, sizeof(big));
	assert_true(is_answered(frame, &refusal));
	assert_int_equal(refusal_size(&refusal), REFUSAL_MAX_V6 - IP6_HEADER);
	refusal_emit(&refusal, frame, message);
	assert_int_equal(csum_done(csum_join(csum_pseudo(&refusal.dst, &refusal.src, IP_PROTO_ICMP6,
							 refusal_size(&refusal)),
					     csum_add(message, refusal_size(&refusal))))
				 .raw,
			 0);
	buf_give(frame);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ip6_refusals_point_at_what_is_not_understood),
		cmocka_unit_test(ip4_refusals_tell_port_from_protocol),
		cmocka_unit_test(messages_quote_what_they_are_about),
	};
	int failed;

	pool = buf_heap_open(16);
	failed = cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
	buf_heap_close(pool);
	return failed;
}
