/*
 * test_listen.c - what routers and snooping switches hear of our multicast groups: RFC 3810.
 */
#include "link.h"

#include "wire/checksum.h"
#include "wire/icmp.h"

#define ROUTER	  "fe80::254"
#define ALL_NODES "ff02::1"

/* A query as routers send it: with the router alert, which the decoder skips. */
static enum wire_drop
ask(struct link *l, const char *src, uint8_t hop_limit, uint32_t n, uint16_t delay,
    const char *group)
{
	static const uint8_t alert[8] = { IP_PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0 };
	struct ip ip = {
		.src = addr(src), .dst = addr(ALL_NODES), .hop_limit = hop_limit, .payload_n = 8 + n
	};
	struct mac to = nd_multicast_mac(&ip.dst);
	struct buf *b = link_frame(l, 0, peer_mac, to, ETH_TYPE_IP6, IP6_HEADER + 8 + n);
	uint8_t *p = buf_data(b) + ETH_HEADER + IP6_HEADER + 8;
	struct ip_addr asked = addr(group);
	struct be16 sum;

	ip_emit(&ip, buf_data(b) + ETH_HEADER);
	memcpy(p - 8, alert, 8);
	memset(p, 0, n);
	p[0] = ICMP6_MLD_QUERY;
	p[4] = (uint8_t)(delay >> 8);
	p[5] = (uint8_t)delay;
	memcpy(p + 8, asked.b, 16);
	sum = csum_done(
		csum_join(csum_pseudo(&ip.src, &ip.dst, IP_PROTO_ICMP6, n), csum_add(p, n)));
	memcpy(p + 2, &sum, 2);
	return link_receive(l, b, 0);
}

/* The report's records in frame i, whose headers and sum are looked at. */
static uint32_t
records(struct link *l, uint32_t i, const char *src, const uint8_t **ret_record)
{
	const uint8_t *ip, *mld;
	struct ip_addr from = addr(src), to = addr("ff02::16");
	uint32_t n;

	assert_true(link_is_report(l, i));
	ip = buf_data(l->out.frame[i]) + ETH_HEADER;
	n = l->out.frame[i]->m.data_len - ETH_HEADER - IP6_HEADER - 8;
	mld = ip + IP6_HEADER + 8;
	assert_int_equal(ip[6], 0);
	assert_int_equal(ip[7], 1);
	assert_memory_equal(ip + 8, from.b, 16);
	assert_memory_equal(ip + 24, to.b, 16);
	assert_memory_equal(mld - 8, "\x3a\0\x05\x02\0\0\x01\0", 8);
	assert_int_equal(mld[0], 143);
	assert_int_equal(
		csum_done(csum_join(csum_pseudo(&from, &to, IP_PROTO_ICMP6, n), csum_add(mld, n)))
			.raw,
		0);
	assert_int_equal(n, 8 + 20 * mld[7]);
	*ret_record = mld + 8;
	return mld[7];
}

static void
a_new_address_tells_its_group_before_it_asks_for_objections(void **state)
{
	struct ip_addr group = addr("ff02::1:ff00:1");
	const uint8_t *record = NULL;
	struct link l;

	(void)state;
	link_open_with(&l, true, 0);
	link_configure(&l);
	link_wait(&l, S / 100);
	for (uint32_t i = 0; i < l.out.frame_n; i++) {
		if (!link_is_report(&l, i))
			continue;
		assert_int_equal(records(&l, i, "::", &record), 1);
		assert_int_equal(record[0], 4); /* the change to excluding nothing */
		assert_memory_equal(record + 4, group.b, 16);
		assert_int_equal(link_sent(&l, i + 1).kind, WIRE_ND);
		link_close(&l);
		return;
	}
	fail_msg("no report");
}

static void
queries_are_answered_after_a_while_once(void **state)
{
	const uint8_t *record = NULL;
	struct link l;

	(void)state;
	link_open(&l);
	assert_int_equal(ask(&l, ROUTER, 1, 28, 10000, "::"), WIRE_OK);
	assert_int_equal(ask(&l, ROUTER, 1, 24, 10000, "::"), WIRE_OK);
	assert_int_equal(l.out.frame_n, 0);
	link_wait(&l, 10 * S);
	assert_int_equal(l.out.frame_n, 1);
	/* Both addresses end in 00:0001: one group. */
	assert_int_equal(records(&l, 0, "fe80::ff:fe00:1", &record), 1);
	assert_int_equal(record[0], 2);
	assert_int_equal(l.count.net_mld_reports, 1);
	link_close(&l);
}

/* The kernel has the queries of a port that it shares with us by itself. */
static void
where_no_query_comes_the_groups_are_told_every_minute(void **state)
{
	const uint8_t *record = NULL;
	struct link l;

	(void)state;
	link_open_beside(&l);
	link_wait(&l, 10 * 60 * S);
	assert_int_equal(l.out.frame_n, 10);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(records(&l, i, "fe80::ff:fe00:1", &record), 1);
		assert_int_equal(record[0], 2);
	}
	link_close(&l);
	link_open(&l); /* a port that hears them waits for them */
	link_wait(&l, 10 * 60 * S);
	assert_int_equal(l.out.frame_n, 0);
	link_close(&l);
}

/* RFC 3810, 6.2: hours that a query grants are not taken, and a later one's seconds are. */
static void
a_query_that_grants_hours_silences_nobody(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(ask(&l, ROUTER, 1, 28, 0xffff, "::"), WIRE_OK);
		link_wait(&l, 31 * S);
		assert_int_equal(l.out.frame_n, 1);
		link_clear(&l);
		assert_int_equal(ask(&l, ROUTER, 1, 28, 0xffff, "::"), WIRE_OK);
		assert_int_equal(ask(&l, ROUTER, 1, 28, 1000, "::"), WIRE_OK);
		assert_int_equal(ask(&l, ROUTER, 1, 28, 0xffff, "::"), WIRE_OK);
		link_wait(&l, S + S / 100);
		assert_int_equal(l.out.frame_n, 1);
		link_clear(&l);
		link_wait(&l, 60 * S); /* one answer for all three */
		assert_int_equal(l.out.frame_n, 0);
	}
	link_close(&l);
}

/* Whoever asks a thousand times a second makes nobody shout. */
static void
floods_of_queries_are_answered_five_times_a_second(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	for (uint32_t i = 0; i < 3000; i++) {
		assert_int_equal(ask(&l, ROUTER, 1, 28, 0, "::"), WIRE_OK);
		link_wait(&l, S / 1000);
	}
	assert_in_range(l.out.frame_n, 12, 16);
	link_close(&l);
}

static void
queries_for_a_group_are_answered_by_who_listens(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	assert_int_equal(ask(&l, ROUTER, 1, 28, 1000, "ff02::1:ff00:2"), WIRE_OK);
	link_wait(&l, 2 * S);
	assert_int_equal(l.out.frame_n, 0);
	assert_int_equal(l.count.net_not_ours, 1);
	assert_int_equal(ask(&l, ROUTER, 1, 28, 1000, "ff02::1:ff00:1"), WIRE_OK);
	link_wait(&l, 2 * S);
	assert_int_equal(l.out.frame_n, 1);
	link_close(&l);
}

/* RFC 3810, 5.1.14, 6.2. */
static void
queries_from_off_the_link_are_refused(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	assert_int_equal(ask(&l, "2001:db8::254", 1, 28, 1, "::"), WIRE_DROP_MLD_MALFORMED);
	assert_int_equal(ask(&l, ROUTER, 2, 28, 1, "::"), WIRE_DROP_MLD_MALFORMED);
	assert_int_equal(ask(&l, ROUTER, 1, 25, 1, "::"), WIRE_DROP_MLD_MALFORMED);
	assert_int_equal(ask(&l, ROUTER, 1, 28, 1, "2001:db8::1"), WIRE_DROP_MLD_MALFORMED);
	link_wait(&l, S);
	assert_int_equal(l.out.frame_n, 0);
	link_close(&l);
}

/* RFC 3810, 5.1.3. */
static void
long_delays_are_floating_point(void **state)
{
	struct ip_addr src = addr(ROUTER);
	uint8_t query[28] = { ICMP6_MLD_QUERY };
	struct mld_query got;

	(void)state;
	query[4] = 0x80;
	assert_int_equal(mld_parse(query, 28, &src, 1, &got), WIRE_OK);
	assert_int_equal(got.delay_ms, 0x1000 << 3);
	query[4] = query[5] = 0xff;
	assert_int_equal(mld_parse(query, 28, &src, 1, &got), WIRE_OK);
	assert_int_equal(got.delay_ms, 0x1fff << 10);
	assert_int_equal(mld_parse(query, 24, &src, 1, &got), WIRE_OK);
	assert_int_equal(got.delay_ms, 0xffff);
}

/* Each message fits the least link; together they name every group once. */
static void
many_groups_need_several_reports(void **state)
{
	struct net_address address[150];
	const uint8_t *record = NULL;
	uint32_t n = 0;
	struct link l;

	(void)state;
	link_open_with(&l, false, 0);
	for (uint32_t i = 0; i < 150; i++) {
		address[i] = (struct net_address){ addr("2001:db8::"), 64, 0 };
		address[i].ip.b[15] = (uint8_t)(i + 10);
	}
	net_configure(l.net, address, 150, NULL, 0, l.now);
	assert_int_equal(ask(&l, ROUTER, 1, 28, 1, "::"), WIRE_OK);
	link_wait(&l, S);
	assert_int_equal(l.out.frame_n, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(l.out.frame[i]->m.data_len <= ETH_HEADER + 1280);
		n += records(&l, i, "fe80::ff:fe00:1", &record);
	}
	assert_int_equal(n, 151); /* and the link-local address's */
	link_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_address_tells_its_group_before_it_asks_for_objections),
		cmocka_unit_test(queries_are_answered_after_a_while_once),
		cmocka_unit_test(where_no_query_comes_the_groups_are_told_every_minute),
		cmocka_unit_test(a_query_that_grants_hours_silences_nobody),
		cmocka_unit_test(floods_of_queries_are_answered_five_times_a_second),
		cmocka_unit_test(queries_for_a_group_are_answered_by_who_listens),
		cmocka_unit_test(queries_from_off_the_link_are_refused),
		cmocka_unit_test(long_delays_are_floating_point),
		cmocka_unit_test(many_groups_need_several_reports),
	};

	return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
