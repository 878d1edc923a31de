/*
 * test_address.c - whose an address is: questions, announcements, duplicates, conflicts.
 */
#include "link.h"

/* RFC 5227, 2.1.1, 2.3; RFC 4862, 5.4.2; RFC 4861, 7.2.6. */
static void
the_speaker_checks_and_announces_its_addresses(void **state)
{
	uint32_t probes = 0, arp = 0, checks = 0, adverts = 0, reports = 0;
	struct link l;

	(void)state;
	link_open_with(&l, true, 0);
	link_configure(&l);
	link_wait(&l, 10 * S);
	for (uint32_t i = 0; i < l.out.frame_n; i++) {
		struct wire_packet sent;

		if (link_is_report(&l, i)) {
			reports++;
			continue;
		}
		sent = link_sent(&l, i);
		if (sent.kind == WIRE_ARP && !ip_can_send(&sent.arp.sender)) {
			assert_int_equal(arp, 0); /* first of all */
			probes++;
		} else if (sent.kind == WIRE_ARP) {
			assert_true(ip_eq(&sent.arp.sender, &sent.arp.target));
			arp++;
		} else if (sent.nd.is_advert) {
			assert_ip(sent.dst, "ff02::1");
			assert_true(sent.nd.is_override && !sent.nd.is_solicited);
			adverts++;
		} else {
			assert_true(ip_is_none(&sent.src));
			assert_int_equal(reports, ++checks); /* else nobody may hear */
		}
	}
	assert_int_equal(probes, 2 * 3);
	assert_int_equal(arp, 2 * 3);
	assert_int_equal(checks, 2); /* the address and the path's link-local one */
	assert_int_equal(adverts, 2 * 2);
	assert_int_equal(reports, checks + adverts);
	assert_true(net_deadline(l.net) == UINT64_MAX);
	link_close(&l);
}

static void
other_lanes_are_silent(void **state)
{
	struct link l;

	(void)state;
	link_open_with(&l, false, 0);
	link_configure(&l);
	link_wait(&l, 10 * S);
	assert_int_equal(l.out.frame_n, 0);
	assert_true(net_is_ours(
		l.net, 0,
		&(struct ip_addr){ .b = { 0xfe, 0x80, [8] = 0, 0, 0, 0xff, 0xfe, 0, 0, 1 } }));
	link_close(&l);
}

/* RFC 4862, 5.4.4. */
static void
a_duplicate_is_given_up_by_all_lanes(void **state)
{
	struct nd nd = { .is_advert = true,
			 .is_override = true,
			 .has_mac = true,
			 .mac = peer_mac,
			 .target = addr("2001:db8::1") };
	struct ip_addr dup = addr("2001:db8::1");
	struct link l, beside;

	(void)state;
	link_open_with(&l, true, 0);
	link_open_with(&beside, false, 0);
	link_configure(&l);
	link_configure(&beside);
	link_wait(&l, S / 2);
	assert_true(net_is_ours(l.net, 0, &dup)); /* optimistic: RFC 4429 */
	link_nd(&l, &nd, "2001:db8::1", "ff02::1", peer_mac);
	assert_false(net_is_ours(l.net, 0, &dup));
	assert_int_equal(l.out.conflict_n, 1);
	assert_true(l.out.conflict[0].is_duplicate);
	assert_mac(l.out.conflict[0].mac, peer_mac);
	assert_int_equal(l.count.net_duplicates, 1);
	net_learn_conflict(beside.net, &l.out.conflict[0], beside.now, &beside.out);
	assert_false(net_is_ours(beside.net, 0, &dup));
	link_clear(&l);
	nd = (struct nd){ .target = dup };
	link_nd(&l, &nd, "2001:db8::9", "2001:db8::1", peer_mac);
	assert_int_equal(l.out.frame_n, 0);
	link_close(&beside);
	link_close(&l);
}

static void
two_that_check_the_same_address_both_give_up(void **state)
{
	struct nd nd = { .target = addr("2001:db8::1") };
	struct ip_addr dup = addr("2001:db8::1");
	struct link l;

	(void)state;
	link_open_with(&l, true, 0);
	link_configure(&l);
	link_wait(&l, S / 2);
	link_nd(&l, &nd, "::", "ff02::1:ff00:1", us_mac); /* our own, come back */
	assert_true(net_is_ours(l.net, 0, &dup));
	link_nd(&l, &nd, "::", "ff02::1:ff00:1", peer_mac);
	assert_false(net_is_ours(l.net, 0, &dup));
	link_close(&l);
}

/* RFC 5227, 2.1.1: an objection to a probe; the address is asked about again later. */
static void
an_ip4_address_that_another_station_has_waits_until_it_is_free(void **state)
{
	struct ip_addr ours = addr("10.0.0.1");
	struct link l, beside;

	(void)state;
	link_open_with(&l, true, 0);
	link_open_with(&beside, false, 0);
	link_configure(&l);
	link_configure(&beside);
	link_wait(&l, S / 10);
	assert_true(net_is_ours(l.net, 0, &ours)); /* used while it is asked about */
	link_arp(&l, 0, ARP_REPLY, "10.0.0.1", peer_mac, "0.0.0.0");
	assert_false(net_is_ours(l.net, 0, &ours));
	assert_int_equal(l.count.net_duplicates, 1);
	assert_int_equal(l.out.conflict_n, 1);
	net_learn_conflict(beside.net, &l.out.conflict[0], beside.now, &beside.out);
	assert_false(net_is_ours(beside.net, 0, &ours));
	link_wait(&l, 10 * S);
	link_clear(&l);
	link_arp(&l, 0, ARP_REQUEST, "10.0.0.9", peer_mac, "10.0.0.1");
	link_wait(&l, 49 * S);
	assert_int_equal(l.out.frame_n, 0);

	for (uint32_t i = 0; i < 70 && l.out.frame_n == 0; i++)
		link_wait(&l, S / 10);
	assert_int_equal(l.out.frame_n, 1); /* after a minute and a bit; still there */
	link_arp(&l, 0, ARP_REPLY, "10.0.0.1", peer_mac, "0.0.0.0");
	link_clear(&l);
	link_wait(&l, 59 * S);
	assert_int_equal(l.out.frame_n, 0);
	link_wait(&l, 14 * S); /* gone */
	assert_true(net_is_ours(l.net, 0, &ours));
	assert_int_equal(l.count.net_duplicates, 1);
	assert_int_equal(l.count.net_duplicates_over, 1);
	assert_true(l.out.conflict_n > 1);
	assert_true(l.out.conflict[l.out.conflict_n - 1].is_over);
	net_learn_conflict(beside.net, &l.out.conflict[l.out.conflict_n - 1], beside.now,
			   &beside.out);
	assert_true(net_is_ours(beside.net, 0, &ours));
	assert_int_equal(l.out.frame_n, 3 + 3);
	assert_ip(link_sent(&l, 2).arp.sender, "0.0.0.0");
	assert_ip(link_sent(&l, 3).arp.sender, "10.0.0.1");
	link_close(&beside);
	link_close(&l);
}

/* RFC 5227, 2.1.1: two hosts that want the same address at the same time. */
static void
two_that_probe_the_same_ip4_address_both_give_up(void **state)
{
	struct ip_addr ours = addr("10.0.0.1");
	struct link l;

	(void)state;
	link_open_with(&l, true, 0);
	link_configure(&l);
	link_wait(&l, S / 10);
	link_arp(&l, 0, ARP_REQUEST, "0.0.0.0", us_mac, "10.0.0.1"); /* our own, come back */
	assert_true(net_is_ours(l.net, 0, &ours));
	link_clear(&l);
	link_arp(&l, 0, ARP_REQUEST, "0.0.0.0", peer_mac, "10.0.0.1");
	assert_false(net_is_ours(l.net, 0, &ours));
	assert_int_equal(l.out.frame_n, 0);
	link_close(&l);
}

/* ARP and ND come to any lane; the speaker decides. */
static void
objections_that_another_lane_hears_reach_the_speaker(void **state)
{
	struct ip_addr ours = addr("10.0.0.1");
	struct link l, beside;

	(void)state;
	link_open_with(&l, true, 0);
	link_open_with(&beside, false, 0);
	link_configure(&l);
	link_configure(&beside);
	link_wait(&l, S / 10);
	link_clear(&l);
	link_arp(&beside, 0, ARP_REPLY, "10.0.0.1", peer_mac, "0.0.0.0");
	assert_int_equal(beside.out.conflict_n, 1);
	assert_int_equal(beside.out.frame_n, 0);
	net_learn_conflict(l.net, &beside.out.conflict[0], l.now, &l.out);
	assert_false(net_is_ours(l.net, 0, &ours));
	assert_int_equal(l.out.conflict_n, 1);
	assert_true(l.out.conflict[0].is_duplicate);
	net_learn_conflict(beside.net, &l.out.conflict[0], beside.now, &beside.out);
	assert_false(net_is_ours(beside.net, 0, &ours));
	link_close(&beside);
	link_close(&l);

	link_open(&l);
	link_open_with(&beside, false, 0);
	link_configure(&beside);
	link_arp(&beside, 0, ARP_REQUEST, "10.0.0.1", peer_mac, "10.0.0.1");
	net_learn_conflict(l.net, &beside.out.conflict[0], l.now, &l.out);
	assert_true(net_is_ours(l.net, 0, &ours));
	assert_int_equal(l.out.conflict_n, 0); /* nothing that others must know */
	assert_int_equal(l.out.frame_n, 1);
	assert_ip(link_sent(&l, 0).arp.sender, "10.0.0.1");
	link_close(&beside);
	link_close(&l);
}

/* A lane whose ring was full hears of it within a second, and of its end, too. */
static void
what_the_speaker_decides_it_says_again(void **state)
{
	struct ip_addr ours = addr("10.0.0.1");
	struct link l, beside;

	(void)state;
	link_open_with(&l, true, 0);
	link_open_with(&beside, false, 0);
	link_configure(&l);
	link_configure(&beside);
	link_wait(&l, S / 10);
	link_arp(&l, 0, ARP_REPLY, "10.0.0.1", peer_mac, "0.0.0.0");
	assert_int_equal(l.out.conflict_n, 1);
	for (uint32_t i = 0; i < 20; i++) { /* lost each time */
		link_clear(&l);
		link_wait(&l, S + S / 100);
		assert_int_equal(l.out.conflict_n, 1);
		assert_true(l.out.conflict[0].is_duplicate);
		assert_mac(l.out.conflict[0].mac, peer_mac);
	}
	net_learn_conflict(beside.net, &l.out.conflict[0], beside.now, &beside.out);
	assert_false(net_is_ours(beside.net, 0, &ours));
	assert_int_equal(beside.count.net_duplicates, 0); /* counted once, by who decides */
	for (uint32_t i = 0; i < 60 && l.count.net_duplicates_over == 0; i++) {
		link_clear(&l);
		link_wait(&l, S);
	}
	link_clear(&l); /* the first that says so is lost */
	link_wait(&l, S + S / 100);
	assert_int_equal(l.out.conflict_n, 1);
	assert_true(l.out.conflict[0].is_over);
	net_learn_conflict(beside.net, &l.out.conflict[0], beside.now, &beside.out);
	assert_true(net_is_ours(beside.net, 0, &ours));
	link_clear(&l);
	link_wait(&l, 30 * S);
	assert_in_range(l.out.conflict_n, 7, 10); /* and some more; then all is said */
	assert_true(net_deadline(l.net) == UINT64_MAX);
	link_close(&beside);
	link_close(&l);
}

/* The speaker hears the second time what it has missed; who shouts is not passed on each time. */
static void
what_another_lane_hears_it_says_again(void **state)
{
	struct link beside;

	(void)state;
	link_open_with(&beside, false, 0);
	link_configure(&beside);
	for (uint32_t i = 0; i < 1000; i++)
		link_arp(&beside, 0, ARP_REPLY, "10.0.0.1", peer_mac, "0.0.0.0");
	assert_int_equal(beside.count.net_conflicts, 1000);
	assert_int_equal(beside.out.conflict_n, 1);
	link_clear(&beside);
	link_wait(&beside, S + S / 100);
	assert_int_equal(beside.out.conflict_n, 1);
	assert_false(beside.out.conflict[0].is_duplicate || beside.out.conflict[0].is_over);
	assert_mac(beside.out.conflict[0].mac, peer_mac);
	link_wait(&beside, 10 * S);
	assert_int_equal(beside.out.conflict_n, 2);
	link_close(&beside);
}

/* RFC 5227, 2.4: neither what waits nor what TCP has to say; TCP hears of it. */
static void
nothing_is_sent_from_an_address_that_is_given_up(void **state)
{
	struct link l;

	(void)state;
	link_open_with(&l, true, 0);
	link_configure(&l);
	link_wait(&l, S / 10);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	link_arp(&l, 0, ARP_REPLY, "10.0.0.1", peer_mac, "0.0.0.0");
	assert_int_equal(l.out.lost_n, 1);
	assert_ip(l.out.lost[0].ip, "10.0.0.1");
	link_clear(&l);
	link_arp(&l, 0, ARP_REPLY, "10.0.0.9", other_mac, "10.0.0.7");
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'b');
	link_send(&l, 0, "10.0.0.1", "192.0.2.1", 'c');
	assert_int_equal(l.count.net_lost_sources, 3);
	assert_int_equal(l.out.frame_n, 0);
	assert_int_equal(net_waiting_n(l.net), 0);
	link_send(&l, 1, "10.1.0.1", "10.1.0.9", 'd'); /* others go on */
	assert_int_equal(l.out.frame_n, 1);
	link_close(&l);
}

/* RFC 5227, 2.1: what was said while the link was down nobody heard. */
static void
a_link_that_comes_up_is_asked_and_told_anew(void **state)
{
	struct ip_addr ours = addr("10.0.0.1");
	struct link l, beside;

	(void)state;
	link_open(&l);
	net_link_up(l.net, 0, l.now);
	link_wait(&l, 5 * S);
	assert_int_equal(l.count.net_address_probes, 3 + 1 + 1);
	assert_int_equal(l.count.net_announcements, 3 + 2 + 2);
	for (uint32_t i = 0; i < l.out.frame_n; i++)
		assert_int_equal(l.out.frame[i]->path, 0);
	assert_true(net_is_ours(l.net, 0, &ours));
	link_clear(&l);
	net_link_up(l.net, 0, l.now); /* and somebody has come to have it meanwhile */
	link_wait(&l, S / 10);
	link_arp(&l, 0, ARP_REPLY, "10.0.0.1", peer_mac, "0.0.0.0");
	assert_false(net_is_ours(l.net, 0, &ours));
	link_close(&l);

	link_open_with(&beside, false, 0);
	link_configure(&beside);
	net_link_up(beside.net, 0, beside.now);
	link_wait(&beside, 5 * S);
	assert_int_equal(beside.out.frame_n, 0);
	link_close(&beside);
}

/* RFC 4429, 3.2, 3.3. */
static void
until_an_address_is_certain_nobody_forgets_another_for_us(void **state)
{
	struct nd nd = { .has_mac = true, .mac = peer_mac, .target = addr("2001:db8::1") };
	struct wire_packet sent;
	struct link l;

	(void)state;
	link_open_with(&l, true, 0);
	link_configure(&l);
	link_wait(&l, S / 10);
	link_clear(&l);
	link_nd(&l, &nd, "2001:db8::9", "ff02::1:ff00:1", peer_mac);
	sent = link_sent(&l, 0);
	assert_true(sent.nd.is_advert && sent.nd.is_solicited && !sent.nd.is_override);
	link_send(&l, 0, "2001:db8::1", "2001:db8::8", 'a');
	sent = link_sent(&l, 1);
	assert_false(sent.nd.is_advert);
	assert_false(sent.nd.has_mac);
	link_wait(&l, 2 * S);
	link_clear(&l);
	link_nd(&l, &nd, "2001:db8::9", "ff02::1:ff00:1", peer_mac);
	assert_true(link_sent(&l, 0).nd.is_override);
	link_close(&l);
}

/* RFC 5227, 2.4 (c). */
static void
conflicts_are_counted_and_met_once_in_ten_seconds(void **state)
{
	struct ip_addr ours = addr("10.0.0.1");
	struct link l;

	(void)state;
	link_open(&l);
	for (uint32_t i = 0; i < 12; i++, l.now += S)
		link_arp(&l, 0, ARP_REQUEST, "10.0.0.1", peer_mac, "10.0.0.1");
	assert_int_equal(l.count.net_conflicts, 12);
	assert_int_equal(l.out.conflict_n, 0); /* nothing that other lanes must know */
	assert_int_equal(l.out.frame_n, 2);
	assert_ip(link_sent(&l, 0).arp.target, "10.0.0.1");
	assert_true(net_is_ours(l.net, 0, &ours));
	assert_int_equal(l.out.learned_n, 0);
	link_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_speaker_checks_and_announces_its_addresses),
		cmocka_unit_test(other_lanes_are_silent),
		cmocka_unit_test(a_duplicate_is_given_up_by_all_lanes),
		cmocka_unit_test(two_that_check_the_same_address_both_give_up),
		cmocka_unit_test(an_ip4_address_that_another_station_has_waits_until_it_is_free),
		cmocka_unit_test(two_that_probe_the_same_ip4_address_both_give_up),
		cmocka_unit_test(objections_that_another_lane_hears_reach_the_speaker),
		cmocka_unit_test(what_the_speaker_decides_it_says_again),
		cmocka_unit_test(what_another_lane_hears_it_says_again),
		cmocka_unit_test(nothing_is_sent_from_an_address_that_is_given_up),
		cmocka_unit_test(a_link_that_comes_up_is_asked_and_told_anew),
		cmocka_unit_test(until_an_address_is_certain_nobody_forgets_another_for_us),
		cmocka_unit_test(conflicts_are_counted_and_met_once_in_ten_seconds),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
