/*
 * test_ours.c - whose a frame is, where the kernel shares a port: a table of frames.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/build.h"
#include "base/buf_heap.h"
#include "lane/ours.h"

#define MINE                                                                                       \
	{                                                                                          \
		2, 0, 0, 0, 0, 1                                                                   \
	}
#define ALL                                                                                        \
	{                                                                                          \
		255, 255, 255, 255, 255, 255                                                       \
	}
#define GROUP                                                                                      \
	{                                                                                          \
		0x33, 0x33, 0, 0, 0, 1                                                             \
	}
#define OTHER                                                                                      \
	{                                                                                          \
		2, 0, 0, 0, 0, 9                                                                   \
	}

#define US4	10, 0, 0, 5
#define KERNEL4 10, 0, 0, 6
#define PEER4	10, 0, 0, 1
#define US6	0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5
#define KERNEL6 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6
#define LOCAL6	0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1
#define NODES6	0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define MAPPED6 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, US4

#define IP4(proto, fragment, ...)                                                                  \
	0x45, 0, 0, 40, 0, 0, fragment, 0, 64, proto, 0, 0, PEER4, __VA_ARGS__
#define ARP(op, ...)   0, 1, 8, 0, 6, 4, 0, op, 2, 0, 0, 0, 0, 2, __VA_ARGS__
#define ARP_TO	       0, 0, 0, 0, 0, 0
#define IP6(next, ...) 0x60, 0, 0, 0, 0, 32, next, 255, KERNEL6, __VA_ARGS__
#define ND(type, ...)  type, 0, 0, 0, 0, 0, 0, 0, __VA_ARGS__
#define MLD_QUERY      58, 0, 5, 2, 0, 0, 0, 0, 130, 0, 0, 0, 0, 0, 0, 0

struct row {
	const char *what;
	uint8_t dst[6];
	uint8_t tci[2]; /* 0: untagged */
	uint16_t type;
	uint8_t n; /* of body; 0: all of it */
	uint8_t body[80];
	enum ours_verdict verdict;
};

static const struct row rows[] = {
	{ "TCP to us", MINE, { 0 }, 0x800, 0, { IP4(6, 0, US4) }, OURS_MINE },
	{ "UDP to us", MINE, { 0 }, 0x800, 0, { IP4(17, 0, US4) }, OURS_MINE },
	{ "a fragment to us", MINE, { 0 }, 0x800, 0, { IP4(6, 0x20, US4) }, OURS_MINE },
	{ "TCP to the kernel", MINE, { 0 }, 0x800, 0, { IP4(6, 0, KERNEL4) }, OURS_KERNELS },
	{ "OSPF", GROUP, { 0 }, 0x800, 0, { IP4(89, 0, 224, 0, 0, 5) }, OURS_KERNELS },
	{ "DHCP", ALL, { 0 }, 0x800, 0, { IP4(17, 0, 255, 255, 255, 255) }, OURS_KERNELS },
	{ "half an IP header", MINE, { 0 }, 0x800, 19, { IP4(6, 0, US4) }, OURS_KERNELS },
	{ "another station's", OTHER, { 0 }, 0x800, 0, { IP4(6, 0, KERNEL4) }, OURS_MINE },
	{ "a tag of another VLAN", MINE, { 0, 7 }, 0x800, 0, { IP4(6, 0, US4) }, OURS_KERNELS },
	{ "a tag with priority only", MINE, { 0x20, 0 }, 0x800, 0, { IP4(6, 0, US4) }, OURS_MINE },
	{ "LLDP", GROUP, { 0 }, 0x88cc, 0, { 1 }, OURS_KERNELS },
	{ "ARP asks for us", ALL, { 0 }, 0x806, 0, { ARP(1, PEER4, ARP_TO, US4) }, OURS_MINE },
	{ "ARP asks for the kernel",
	  ALL,
	  { 0 },
	  0x806,
	  0,
	  { ARP(1, PEER4, ARP_TO, KERNEL4) },
	  OURS_KERNELS },
	{ "ARP answers us", MINE, { 0 }, 0x806, 0, { ARP(2, PEER4, ARP_TO, US4) }, OURS_BOTH },
	{ "ARP answers the kernel",
	  MINE,
	  { 0 },
	  0x806,
	  0,
	  { ARP(2, PEER4, ARP_TO, KERNEL4) },
	  OURS_BOTH },
	{ "ARP announces", ALL, { 0 }, 0x806, 0, { ARP(1, PEER4, ARP_TO, PEER4) }, OURS_BOTH },
	{ "ARP claims our address",
	  ALL,
	  { 0 },
	  0x806,
	  0,
	  { ARP(1, US4, ARP_TO, KERNEL4) },
	  OURS_BOTH },
	{ "half an ARP", ALL, { 0 }, 0x806, 27, { ARP(1, PEER4, ARP_TO, US4) }, OURS_KERNELS },
	{ "TCP to us by IPv6", MINE, { 0 }, 0x86dd, 0, { IP6(6, US6) }, OURS_MINE },
	{ "ping of us by IPv6", MINE, { 0 }, 0x86dd, 0, { IP6(58, US6), 128 }, OURS_MINE },
	{ "our link-local address", MINE, { 0 }, 0x86dd, 0, { IP6(6, LOCAL6) }, OURS_MINE },
	{ "the kernel by IPv6", MINE, { 0 }, 0x86dd, 0, { IP6(6, KERNEL6) }, OURS_KERNELS },
	{ "our IPv4 address in IPv6", MINE, { 0 }, 0x86dd, 0, { IP6(6, MAPPED6) }, OURS_KERNELS },
	{ "half an IPv6 header", MINE, { 0 }, 0x86dd, 39, { IP6(6, US6) }, OURS_KERNELS },
	{ "NS for us", GROUP, { 0 }, 0x86dd, 0, { IP6(58, NODES6), ND(135, US6) }, OURS_MINE },
	{ "NS for the kernel",
	  GROUP,
	  { 0 },
	  0x86dd,
	  0,
	  { IP6(58, NODES6), ND(135, KERNEL6) },
	  OURS_KERNELS },
	{ "NA", MINE, { 0 }, 0x86dd, 0, { IP6(58, US6), ND(136, KERNEL6) }, OURS_BOTH },
	{ "RA", GROUP, { 0 }, 0x86dd, 0, { IP6(58, NODES6), ND(134, US6) }, OURS_KERNELS },
	{ "MLD query", GROUP, { 0 }, 0x86dd, 0, { IP6(0, NODES6), MLD_QUERY }, OURS_BOTH },
	{ "BPDU, of no EtherType", GROUP, { 0 }, 38, 0, { 0x42, 0x42 }, OURS_KERNELS },
};

static void *image;

static void
take(struct ours *ours, uint16_t vlan, bool has_local)
{
	static const struct mac mac = { MINE };
	const struct ip_addr us6 = { { US6 } }, local6 = { { 0xfe, 0x80, [15] = 5 } };
	struct abi_fault fault;
	struct img_build b;
	struct img img;
	size_t n;

	img_build_init(&b, realloc);
	img_build_machine(&b, &(struct img_machine){ .lanes = 1 });
	img_build_core(&b, &(struct img_core){ .cpu = 0 });
	for (uint32_t i = 0; i < 2; i++) {
		char name[2] = { (char)('p' + i) };

		img_build_port(&b, &(struct img_port){ .name = img_build_text(&b, name),
						       .device = img_build_text(&b, name),
						       .vlan = vlan });
	}
	img_build_address(&b, &(struct img_address){ .ip = ip_from_v4((const uint8_t[]){ US4 }),
						     .prefix = 24 });
	img_build_address(&b, &(struct img_address){ .ip = us6, .prefix = 64 });
	if (has_local)
		img_build_address(&b, &(struct img_address){ .ip = local6, .prefix = 64 });
	img_build_address(&b, &(struct img_address){ .ip = ip_from_v4((const uint8_t[]){ KERNEL4 }),
						     .prefix = 24,
						     .port_i = 1 });
	assert_true(img_build_finish(&b, &image, &n));
	img_build_fini(&b);
	assert_true(img_open(image, n, &img, &fault));
	ours_take(ours, &img, 0, &mac);
	free(image);
}

static struct buf *
frame_of(struct buf_pool *pool, const struct row *row)
{
	bool is_tagged = row->tci[0] != 0 || row->tci[1] != 0;
	struct buf *frame = buf_take(pool);
	uint8_t *at = buf_append(frame, is_tagged ? 18 : 14);
	uint8_t n = row->n != 0 ? row->n : sizeof(row->body);

	memcpy(at, row->dst, 6);
	memcpy(at + 6, (const uint8_t[]){ 2, 0, 0, 0, 0, 2 }, 6);
	at += 12;
	if (is_tagged) {
		memcpy(at, (const uint8_t[]){ 0x81, 0, row->tci[0], row->tci[1] }, 4);
		at += 4;
	}
	at[0] = (uint8_t)(row->type >> 8);
	at[1] = (uint8_t)row->type;
	memcpy(buf_append(frame, n), row->body, n);
	return frame;
}

static void
each_frame_goes_where_the_table_says(void **state)
{
	struct buf_pool *pool = buf_heap_open(4);
	static struct ours ours;

	(void)state;
	take(&ours, 0, false);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf *frame = frame_of(pool, &rows[i]);
		enum ours_verdict verdict = ours_judge(&ours, frame);

		if (verdict != rows[i].verdict)
			fail_msg("%s: %d, not %d", rows[i].what, verdict, rows[i].verdict);
		buf_give(frame);
	}
	buf_heap_close(pool);
}

/* What is ours is so with our tag alone; whether the port has cut the tag off does not matter. */
static void
a_port_with_a_vlan_leaves_the_others_to_the_kernel(void **state)
{
	static const struct row plain = { "", MINE, { 0 }, 0x800, 0, { IP4(6, 0, US4) }, 0 };
	static const struct row tagged = { "", MINE, { 0, 7 }, 0x800, 0, { IP4(6, 0, US4) }, 0 };
	struct buf_pool *pool = buf_heap_open(4);
	static struct ours ours;
	struct buf *frame;

	(void)state;
	take(&ours, 7, false);
	frame = frame_of(pool, &plain);
	assert_int_equal(ours_judge(&ours, frame), OURS_KERNELS);
	frame->m.ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
	frame->m.vlan_tci = 0x2007;
	assert_int_equal(ours_judge(&ours, frame), OURS_MINE);
	buf_give(frame);
	frame = frame_of(pool, &tagged);
	assert_int_equal(ours_judge(&ours, frame), OURS_MINE);
	buf_give(frame);
	buf_heap_close(pool);
}

/* Net makes none of the MAC then, which the kernel may have. */
static void
a_link_local_address_that_is_configured_is_the_only_one(void **state)
{
	static const struct row row = { "", MINE, { 0 }, 0x86dd, 0, { IP6(6, LOCAL6) }, 0 };
	struct buf_pool *pool = buf_heap_open(4);
	struct buf *frame = frame_of(pool, &row);
	static struct ours ours;

	(void)state;
	take(&ours, 0, true);
	assert_int_equal(ours_judge(&ours, frame), OURS_KERNELS);
	buf_give(frame);
	buf_heap_close(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_goes_where_the_table_says),
		cmocka_unit_test(a_port_with_a_vlan_leaves_the_others_to_the_kernel),
		cmocka_unit_test(a_link_local_address_that_is_configured_is_the_only_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
