/*
 * test_neighbour.c - resolving and keeping neighbours: RFC 826; RFC 4861, 7.2 and 7.3.
 */
#include "link.h"

/* RFC 4861, 7.2.2, with ARP's messages. */
static void
packets_wait_while_a_neighbour_is_asked_for(void **state)
{
	struct link l;
	struct wire_packet asked;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'b');
	assert_int_equal(l.out.frame_n, 1);
	asked = link_sent(&l, 0);
	assert_int_equal(asked.kind, WIRE_ARP);
	assert_int_equal(asked.arp.op, ARP_REQUEST);
	assert_ip(asked.arp.target, "10.0.0.9");
	assert_ip(asked.arp.sender, "10.0.0.1");
	assert_true(mac_is_multicast(&asked.eth.dst));
	assert_int_equal(net_waiting_n(l.net), 2);
	link_clear(&l);

	link_arp(&l, 0, ARP_REPLY, "10.0.0.9", peer_mac, "10.0.0.1");
	assert_int_equal(l.out.frame_n, 2);
	assert_int_equal(link_sent_mark(&l, 0), 'a');
	assert_int_equal(link_sent_mark(&l, 1), 'b');
	assert_mac(link_sent(&l, 1).eth.dst, peer_mac);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_REACHABLE);
	assert_int_equal(l.out.learned_n, 1);
	assert_true(l.out.learned[0].is_confirmed);
	link_close(&l);
}

static void
ip6_neighbours_are_asked_for_at_their_solicited_node_address(void **state)
{
	struct nd advert = { .is_advert = true,
			     .is_solicited = true,
			     .is_override = true,
			     .has_mac = true,
			     .mac = peer_mac,
			     .target = addr("2001:db8::9") };
	struct wire_packet asked;
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "2001:db8::1", "2001:db8::9", 'a');
	asked = link_sent(&l, 0);
	assert_int_equal(asked.kind, WIRE_ND);
	assert_false(asked.nd.is_advert);
	assert_true(asked.nd.has_mac);
	assert_mac(asked.nd.mac, us_mac);
	assert_ip(asked.src, "2001:db8::1");
	assert_ip(asked.dst, "ff02::1:ff00:9");
	link_clear(&l);
	link_nd(&l, &advert, "2001:db8::9", "2001:db8::1", peer_mac);
	assert_int_equal(l.out.frame_n, 1);
	assert_int_equal(link_sent_mark(&l, 0), 'a');
	assert_state(&l, "2001:db8::9", NET_NEIGHBOUR_REACHABLE);
	link_close(&l);
}

static void
after_three_questions_the_destinations_are_unreachable_for_a_while(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "10.0.0.1", "192.0.2.7", 'a'); /* by the gateway */
	link_send(&l, 0, "10.0.0.1", "10.0.0.254", 'b');
	link_wait(&l, 2 * S + S / 2);
	assert_int_equal(l.out.frame_n, 3);
	assert_int_equal(l.out.unreachable_n, 0);
	link_wait(&l, S);
	assert_state(&l, "10.0.0.254", NET_NEIGHBOUR_FAILED);
	assert_int_equal(l.out.frame_n, 3);
	assert_int_equal(l.out.unreachable_n, 2);
	assert_ip(l.out.unreachable[0].ip, "192.0.2.7");
	assert_int_equal(net_waiting_n(l.net), 0);
	link_clear(&l);

	link_send(&l, 0, "10.0.0.1", "192.0.2.8", 'c');
	assert_int_equal(l.out.frame_n, 0);
	assert_int_equal(l.out.unreachable_n, 1);
	assert_int_equal(l.count.net_unresolved, 3);
	link_wait(&l, 4 * S);
	link_send(&l, 0, "10.0.0.1", "192.0.2.8", 'd'); /* patience is over: asked again */
	assert_int_equal(l.out.frame_n, 1);
	link_close(&l);
}

static void
a_full_queue_keeps_the_newest(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	for (uint32_t i = 0; i < NET_NEIGHBOUR_QUEUE_MAX + 3; i++)
		link_send(&l, 0, "10.0.0.1", "10.0.0.9", (uint8_t)i);
	assert_int_equal(l.count.net_wait_drops, 3);
	link_clear(&l);
	link_arp(&l, 0, ARP_REPLY, "10.0.0.9", peer_mac, "10.0.0.1");
	assert_int_equal(l.out.frame_n, NET_NEIGHBOUR_QUEUE_MAX);
	assert_int_equal(link_sent_mark(&l, 0), 3);
	link_close(&l);
}

/* RFC 4861, 7.3.3. */
static void
a_used_neighbour_is_probed_directly_and_an_answer_keeps_it(void **state)
{
	struct wire_packet asked;
	struct link l;

	(void)state;
	link_open(&l);
	link_reach(&l);
	link_wait(&l, 46 * S);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_STALE);
	assert_int_equal(l.out.frame_n, 0);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	assert_int_equal(l.out.frame_n, 1);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_DELAY);
	link_wait(&l, 4 * S);
	assert_int_equal(l.out.frame_n, 1);
	link_wait(&l, S + S / 10);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_PROBE);
	asked = link_sent(&l, 1);
	assert_int_equal(asked.arp.op, ARP_REQUEST);
	assert_mac(asked.eth.dst, peer_mac);
	link_arp(&l, 0, ARP_REPLY, "10.0.0.9", peer_mac, "10.0.0.1");
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_REACHABLE);
	link_close(&l);
}

static void
a_used_neighbour_that_is_silent_is_asked_for_everywhere(void **state)
{
	struct wire_packet asked;
	struct link l;

	(void)state;
	link_open(&l);
	link_reach(&l);
	link_wait(&l, 46 * S);
	for (uint32_t i = 0; i < 8; i++, link_wait(&l, S + S / 10)) {
		link_clear(&l);
		link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	}
	link_clear(&l);
	link_wait(&l, S + S / 10);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_INCOMPLETE);
	asked = link_sent(&l, 0);
	assert_true(mac_is_multicast(&asked.eth.dst));
	link_close(&l);
}

static void
an_unused_neighbour_is_forgotten_in_silence(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_reach(&l);
	link_wait(&l, 700 * S);
	assert_state(&l, "10.0.0.9", 99);
	assert_int_equal(l.out.frame_n, 0);
	assert_true(net_deadline(l.net) == UINT64_MAX);
	link_close(&l);
}

/* RFC 826: the sender is merged, and added only by the one who is asked. */
static void
requests_teach_and_gratuitous_ones_only_correct(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_arp(&l, 0, ARP_REQUEST, "10.0.0.9", peer_mac, "10.0.0.9");
	assert_state(&l, "10.0.0.9", 99);
	link_arp(&l, 0, ARP_REQUEST, "10.0.0.9", peer_mac, "10.0.0.77");
	assert_state(&l, "10.0.0.9", 99);
	assert_int_equal(l.out.learned_n, 0);
	assert_int_equal(l.out.frame_n, 0);
	link_arp(&l, 0, ARP_REQUEST, "10.0.0.9", peer_mac, "10.0.0.1");
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_STALE);
	assert_int_equal(l.out.learned_n, 1);
	assert_int_equal(l.out.frame_n, 1);
	link_arp(&l, 0, ARP_REQUEST, "10.0.0.9", other_mac, "10.0.0.9");
	assert_mac(link_neighbour(&l, 0, "10.0.0.9").mac, other_mac);
	assert_int_equal(l.out.learned_n, 2);
	assert_false(l.out.learned[1].is_confirmed);
	link_arp(&l, 0, ARP_REQUEST, "192.0.2.1", peer_mac,
		 "10.0.0.1"); /* answered, not believed */
	assert_int_equal(l.count.net_off_link, 1);
	assert_int_equal(l.out.frame_n, 2);
	link_close(&l);
}

/* RFC 4861, 7.2.5: each case of the section, from a neighbour that is REACHABLE. */
static void
adverts_change_state_as_the_rfc_says(void **state)
{
	static const struct {
		bool is_solicited, is_override, has_mac, is_other;
		uint8_t state;
		bool is_replaced;
	} step[] = {
		{ false, false, true, false, NET_NEIGHBOUR_REACHABLE, false },
		{ false, false, true, true, NET_NEIGHBOUR_STALE, false },
		{ true, false, true, true, NET_NEIGHBOUR_STALE, false },
		{ false, true, true, true, NET_NEIGHBOUR_STALE, true },
		{ true, true, true, true, NET_NEIGHBOUR_REACHABLE, true },
		{ true, false, true, false, NET_NEIGHBOUR_REACHABLE, false },
		{ true, false, false, false, NET_NEIGHBOUR_REACHABLE, false },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
		struct nd nd = { .is_advert = true,
				 .is_solicited = true,
				 .is_override = true,
				 .has_mac = true,
				 .mac = peer_mac,
				 .target = addr("2001:db8::9") };
		struct mac got;
		struct link l;

		link_open(&l);
		link_send(&l, 0, "2001:db8::1", "2001:db8::9", 'a');
		link_nd(&l, &nd, "2001:db8::9", "2001:db8::1", peer_mac);
		nd.is_solicited = step[i].is_solicited;
		nd.is_override = step[i].is_override;
		nd.has_mac = step[i].has_mac;
		nd.mac = step[i].is_other ? other_mac : peer_mac;
		link_nd(&l, &nd, "2001:db8::9", "2001:db8::1", peer_mac);
		assert_state(&l, "2001:db8::9", step[i].state);
		got = link_neighbour(&l, 0, "2001:db8::9").mac;
		assert_true(mac_eq(&got, step[i].is_replaced ? &other_mac : &peer_mac));
		link_close(&l);
	}
}

static void
an_advert_for_nobody_is_not_remembered(void **state)
{
	struct nd nd = { .is_advert = true,
			 .is_override = true,
			 .has_mac = true,
			 .mac = peer_mac,
			 .target = addr("2001:db8::9") };
	struct link l;

	(void)state;
	link_open(&l);
	link_nd(&l, &nd, "2001:db8::9", "ff02::1", peer_mac);
	assert_state(&l, "2001:db8::9", 99);
	assert_int_equal(l.out.learned_n, 0);
	nd.is_solicited = true; /* but a lane beside us may have asked */
	link_nd(&l, &nd, "2001:db8::9", "2001:db8::1", peer_mac);
	assert_state(&l, "2001:db8::9", 99);
	assert_int_equal(l.out.learned_n, 1);
	link_close(&l);
}

/* The answer to our question came to another lane. */
static void
what_another_lane_heard_resolves_ours(void **state)
{
	struct net_learned learned = {
		.ip = addr("10.0.0.9"), .mac = peer_mac, .is_confirmed = true, .is_override = true
	};
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	link_clear(&l);
	net_learn(l.net, &learned, l.now, &l.out);
	assert_int_equal(l.out.frame_n, 1);
	assert_int_equal(link_sent_mark(&l, 0), 'a');
	assert_int_equal(l.out.learned_n, 0);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_REACHABLE);
	learned.ip = addr("192.0.2.1"); /* nonsense stays out */
	net_learn(l.net, &learned, l.now, &l.out);
	assert_state(&l, "192.0.2.1", 99);
	link_close(&l);
}

/* Addresses of an on-link prefix that nobody has, as a flood of forged SYNs would make us seek. */
static void
a_flood_of_unknown_neighbours_leaves_the_gateway_alone(void **state)
{
	struct link l;
	char text[32];

	(void)state;
	link_open_with(&l, true, 64);
	link_configure(&l);
	link_send(&l, 0, "10.0.0.1", "192.0.2.1", 'x');
	link_arp(&l, 0, ARP_REPLY, "10.0.0.254", peer_mac, "10.0.0.1");
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i / 200, i % 200 + 2);
		link_send(&l, 1, "10.1.0.1", text, 'f');
		link_clear(&l);
		if (i % 10 == 0) {
			link_send(&l, 0, "10.0.0.1", "192.0.2.1", 'g');
			assert_int_equal(link_sent_mark(&l, 0), 'g');
			link_clear(&l);
		}
	}
	assert_state(&l, "10.0.0.254", NET_NEIGHBOUR_REACHABLE);
	assert_true(net_waiting_n(l.net) <= 64);
	assert_true(l.count.net_neighbours_evicted > 4000);
	link_close(&l);
}

/*
 * RFC 4861, 7.2.5: an answer makes no entry, in this lane or in another; it may be another that has
 * asked, and is told.
 */
static void
an_answer_is_remembered_by_the_lane_that_asked_only(void **state)
{
	struct link l, asker, idle;

	(void)state;
	link_open(&l);
	link_open(&asker);
	link_open(&idle);
	link_send(&asker, 0, "10.0.0.1", "10.0.0.9", 'a');
	link_clear(&asker);
	link_arp(&l, 0, ARP_REPLY, "10.0.0.9", peer_mac, "10.0.0.1");
	assert_state(&l, "10.0.0.9", 99);
	assert_int_equal(l.out.learned_n, 1);
	net_learn(asker.net, &l.out.learned[0], asker.now, &asker.out);
	net_learn(idle.net, &l.out.learned[0], idle.now, &idle.out);
	assert_state(&asker, "10.0.0.9", NET_NEIGHBOUR_REACHABLE);
	assert_int_equal(link_sent_mark(&asker, 0), 'a');
	assert_state(&idle, "10.0.0.9", 99);
	link_clear(&l);
	link_arp(&l, 0, ARP_REQUEST, "10.0.0.9", peer_mac, "10.0.0.1"); /* it means us */
	net_learn(idle.net, &l.out.learned[0], idle.now, &idle.out);
	assert_state(&idle, "10.0.0.9", NET_NEIGHBOUR_STALE);
	link_close(&idle);
	link_close(&asker);
	link_close(&l);
}

/* ... and not of more than the rings between lanes can bear. */
static void
a_flood_of_answers_nobody_asked_for_is_not_passed_on(void **state)
{
	uint32_t told = 0;
	char text[32];
	struct link l;

	(void)state;
	link_open(&l);
	for (uint32_t i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i / 200, i % 200 + 2);
		link_arp(&l, 1, ARP_REPLY, text, peer_mac, "10.1.0.1");
		told += l.out.learned_n;
		link_clear(&l);
	}
	assert_in_range(told, 1, 100);
	assert_int_equal(l.count.net_news_lost, 10000 - told);
	link_close(&l);
}

static uint32_t
reachable(struct link *l)
{
	struct net_neighbour nb;
	uint32_t n = 0;

	for (uint32_t i = 0; net_neighbour_at(l->net, i, &nb); i++)
		n += nb.state == NET_NEIGHBOUR_REACHABLE;
	return n;
}

/* Who asks for us in many names is remembered in the place of others like it, never of who is used. */
static void
hearsay_takes_the_place_of_hearsay_only(void **state)
{
	uint32_t used;
	char text[32];
	struct link l;

	(void)state;
	link_open_with(&l, true, 64);
	link_configure(&l);
	for (uint32_t i = 2; i < 42; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		link_send(&l, 0, "10.0.0.1", text, 'u');
		link_arp(&l, 0, ARP_REPLY, text, peer_mac, "10.0.0.1");
		link_clear(&l);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i / 200, i % 200 + 2);
		link_arp(&l, 1, ARP_REQUEST, text, other_mac, "10.1.0.1");
		link_clear(&l);
	}
	for (uint32_t i = 2; i < 42; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		assert_state(&l, text, NET_NEIGHBOUR_REACHABLE);
	}
	assert_true(l.count.net_neighbours_evicted > 4000);
	for (uint32_t i = 0; i < 400; i++) { /* until hardly any hearsay is left among those used */
		snprintf(text, sizeof(text), "10.0.0.%u", i % 200 + 50);
		link_send(&l, 0, "10.0.0.1", text, 'u');
		link_arp(&l, 0, ARP_REPLY, text, peer_mac, "10.0.0.1");
		link_clear(&l);
	}
	used = reachable(&l);
	assert_true(used > 60);
	memset(&l.count, 0, sizeof(l.count));
	for (uint32_t i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i / 200, i % 200 + 2);
		link_arp(&l, 1, ARP_REQUEST, text, other_mac, "10.1.0.1");
		link_clear(&l);
	}
	assert_int_equal(reachable(&l), used);
	assert_true(l.count.net_hearsay_dropped > 0);
	link_close(&l);
}

/* Whoever was confirmed before a link went away may be gone: who is used is asked, at once. */
static void
a_link_that_comes_up_makes_neighbours_prove_themselves(void **state)
{
	uint32_t asked = 0;
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "10.0.0.1", "10.0.0.8", 'x');
	link_arp(&l, 0, ARP_REPLY, "10.0.0.8", other_mac, "10.0.0.1");
	link_send(&l, 0, "10.0.0.1", "10.0.0.7", 'x');
	link_wait(&l, 4 * S); /* nobody there while the link is down */
	assert_state(&l, "10.0.0.7", NET_NEIGHBOUR_FAILED);
	link_wait(&l, 10 * S);
	link_send(&l, 0, "10.0.0.1", "10.0.0.7", 'x');
	link_wait(&l, 3 * S + S / 10);
	assert_state(&l, "10.0.0.7", NET_NEIGHBOUR_FAILED);
	link_reach(&l);
	net_link_up(l.net, 0, l.now);
	assert_state(&l, "10.0.0.7", 99);
	assert_state(&l, "10.0.0.8", NET_NEIGHBOUR_STALE); /* not used for 17 seconds */
	link_wait(&l, S / 2 + S / 100);
	for (uint32_t i = 0; i < l.out.frame_n; i++) {
		struct mac to;

		if (link_is_report(&l, i))
			continue;
		to = link_sent(&l, i).eth.dst;
		asked += mac_eq(&to, &peer_mac);
		assert_false(mac_eq(&to, &other_mac));
	}
	assert_int_equal(asked, 1);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_PROBE);
	link_close(&l);
}

/* RFC 6583, 6: a scan of the prefix makes no flood of broadcasts; the gateway is asked all the same. */
static void
a_scan_of_the_link_is_asked_for_a_little_at_a_time(void **state)
{
	uint32_t asked = 0;
	char text[32];
	struct link l;

	(void)state;
	link_open(&l);
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i / 200, i % 200 + 2);
		link_send(&l, 1, "10.1.0.1", text, 'f');
		asked += l.out.frame_n;
		link_clear(&l);
	}
	assert_in_range(asked, 50, 100);
	assert_int_equal(l.count.net_solicits_limited, 5000 - asked);
	link_send(&l, 0, "10.0.0.1", "192.0.2.1", 'g');
	assert_int_equal(l.out.frame_n, 1);
	assert_ip(link_sent(&l, 0).arp.target, "10.0.0.254");
	link_close(&l);
}

/* Frames sent meanwhile are taken. */
static void
pass(struct link *l, uint64_t ns)
{
	for (uint64_t end = l->now + ns; l->now < end;) {
		link_wait(l, S / 1000);
		link_clear(l);
	}
}

/* ... nor do the questions that follow, and in the end each has been asked for and given up. */
static void
a_scan_of_the_link_is_asked_again_a_little_at_a_time(void **state)
{
	uint64_t asked;
	char text[32];
	struct link l;

	(void)state;
	link_open_with(&l, true, 8192);
	link_configure(&l);
	pass(&l, 5 * S);
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i / 200, i % 200 + 2);
		link_send(&l, 1, "10.1.0.1", text, 'f');
		link_clear(&l);
	}
	pass(&l, S / 2);
	asked = l.count.net_solicits;
	pass(&l, 3 * S);
	assert_in_range(l.count.net_solicits - asked, 2500, 3200);
	pass(&l, 30 * S);
	asked = l.count.net_solicits;
	pass(&l, 10 * S);
	assert_int_equal(l.count.net_solicits, asked);
	link_send(&l, 1, "10.1.0.1", text, 'f');
	assert_int_equal(l.out.frame_n, 1);
	link_close(&l);
}

/* Who says that a neighbour has our MAC, or none, would have its packets lost. */
static void
neighbours_with_our_mac_or_none_are_not_believed(void **state)
{
	static const struct mac none;
	struct nd nd = { .is_advert = true,
			 .is_solicited = true,
			 .is_override = true,
			 .has_mac = true,
			 .mac = peer_mac,
			 .target = addr("2001:db8::9") };
	struct link l;

	(void)state;
	link_open(&l);
	link_reach(&l);
	link_arp(&l, 0, ARP_REPLY, "10.0.0.9", none, "10.0.0.1");
	assert_mac(link_neighbour(&l, 0, "10.0.0.9").mac, peer_mac);
	link_send(&l, 0, "2001:db8::1", "2001:db8::9", 'a');
	link_nd(&l, &nd, "2001:db8::9", "2001:db8::1", peer_mac);
	nd.mac = us_mac;
	link_nd(&l, &nd, "2001:db8::9", "2001:db8::1", peer_mac);
	assert_mac(link_neighbour(&l, 0, "2001:db8::9").mac, peer_mac);
	assert_int_equal(l.count.net_bad_macs, 2);
	link_close(&l);
}

/* Each is heard by the whole link: who asks in nobody's name in floods must not make us the flood. */
static void
floods_from_nobody_are_answered_a_hundred_times_a_second(void **state)
{
	struct nd nd = { .target = addr("2001:db8::1") };
	struct link l;

	(void)state;
	link_open(&l);
	for (uint32_t i = 0; i < 2000; i++, l.now += S / 1000) {
		link_nd(&l, &nd, "::", "ff02::1:ff00:1", peer_mac);
		link_clear(&l);
	}
	assert_in_range(l.count.net_nd_replies, 190, 215);
	assert_int_equal(l.count.net_nd_replies_limited, 2000 - l.count.net_nd_replies);
	nd.has_mac = true;
	nd.mac = peer_mac;
	link_nd(&l, &nd, "2001:db8::9", "ff02::1:ff00:1", peer_mac); /* who says who he is hears */
	assert_int_equal(l.out.frame_n, 1);
	link_close(&l);
}

static void
a_dry_pool_only_delays(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	link_clear(&l);
	buf_heap_set_capacity(l.pool, 0);
	link_wait(&l, S + S / 10);
	assert_int_equal(l.out.frame_n, 0);
	assert_int_equal(l.count.net_no_buffers, 1);
	buf_heap_set_capacity(l.pool, 100);
	link_wait(&l, S);
	assert_int_equal(l.out.frame_n, 1);
	link_close(&l);
}

/* RFC 1122, 3.3.1.4: advice from above makes a question of what was believed; RFC 4861, 7.3.3. */
static void
a_doubted_neighbour_is_asked_at_once(void **state)
{
	struct ip_addr dst = addr("10.0.0.9");
	struct wire_packet asked;
	struct link l;

	(void)state;
	link_open(&l);
	link_reach(&l);
	net_doubt(l.net, 0, &dst, l.now);
	link_wait(&l, S - S / 10);
	net_doubt(l.net, 0, &dst, l.now);
	link_wait(&l, S / 20);
	assert_int_equal(l.out.frame_n, 0); /* it has only just answered */
	link_wait(&l, S / 10);
	net_doubt(l.net, 0, &dst, l.now);
	link_wait(&l, S / 10);
	assert_int_equal(l.out.frame_n, 1);
	asked = link_sent(&l, 0);
	assert_int_equal(asked.arp.op, ARP_REQUEST);
	assert_mac(asked.eth.dst, peer_mac);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_PROBE);
	link_clear(&l);
	net_doubt(l.net, 0, &dst, l.now); /* once is enough */
	link_wait(&l, S / 10);
	assert_int_equal(l.out.frame_n, 0);
	link_arp(&l, 0, ARP_REPLY, "10.0.0.9", peer_mac, "10.0.0.1");
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_REACHABLE);
	assert_int_equal(l.count.net_doubted, 1);
	link_close(&l);
}

/* Lets up to a second and a half pass until a question to all goes out; returns how long it was. */
static uint64_t
wait_for_question_to_all(struct link *l)
{
	uint64_t begin = l->now;

	while (l->now - begin < S + S / 2) {
		link_clear(l);
		link_wait(l, S / 100);
		if (l->out.frame_n > 0) {
			struct mac to = link_sent(l, 0).eth.dst;

			assert_int_equal(l->out.frame_n, 1);
			if (mac_is_multicast(&to))
				break;
			assert_mac(to, peer_mac);
		}
	}
	return l->now - begin;
}

/* RFC 7048, 3: one question to the old MAC, then all are asked; who waits above hears of it. */
static void
a_neighbour_with_another_mac_is_found_a_second_after_the_doubt(void **state)
{
	struct ip_addr dst = addr("10.0.0.9");
	struct link l;

	(void)state;
	link_open(&l);
	link_reach(&l);
	assert_int_equal(l.out.moved_n, 0); /* none knew another */
	link_wait(&l, S + S / 2);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	net_doubt(l.net, 0, &dst, l.now);
	assert_in_range(wait_for_question_to_all(&l), S, S + S / 20);
	link_arp(&l, 0, ARP_REPLY, "10.0.0.9", other_mac, "10.0.0.1");
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_REACHABLE);
	assert_int_equal(l.out.moved_n, 1);
	assert_ip(l.out.moved[0].ip, "10.0.0.9");
	assert_false(l.out.moved[0].is_gateway);
	link_clear(&l);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'b');
	assert_mac(link_sent(&l, 0).eth.dst, other_mac);
	link_close(&l);
}

static void
an_ip6_neighbour_with_another_mac_is_found_as_soon(void **state)
{
	struct ip_addr dst = addr("2001:db8::9");
	struct nd nd = { .is_advert = true,
			 .is_solicited = true,
			 .is_override = true,
			 .has_mac = true,
			 .mac = peer_mac,
			 .target = dst };
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "2001:db8::1", "2001:db8::9", 'a');
	link_nd(&l, &nd, "2001:db8::9", "2001:db8::1", peer_mac);
	link_wait(&l, S + S / 2);
	net_doubt(l.net, 0, &dst, l.now);
	assert_in_range(wait_for_question_to_all(&l), S, S + S / 20);
	assert_ip(link_sent(&l, 0).dst, "ff02::1:ff00:9");
	nd.mac = other_mac;
	link_nd(&l, &nd, "2001:db8::9", "2001:db8::1", other_mac);
	assert_int_equal(l.out.moved_n, 1);
	assert_ip(l.out.moved[0].ip, "2001:db8::9");
	link_close(&l);
}

/* It is used, and would be given five seconds to be confirmed from above. */
static void
doubt_ends_the_patience_of_a_used_neighbour(void **state)
{
	struct ip_addr dst = addr("10.0.0.9");
	struct link l;

	(void)state;
	link_open(&l);
	link_reach(&l);
	link_wait(&l, 46 * S);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_DELAY);
	link_clear(&l);
	net_doubt(l.net, 0, &dst, l.now);
	link_wait(&l, S / 100);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_PROBE);
	assert_int_equal(l.out.frame_n, 1);
	assert_int_equal(l.count.net_doubted, 1);
	link_close(&l);
}

/* Who goes by a gateway waits for it; who waits for nobody need not hear of anything. */
static void
another_mac_of_a_gateway_concerns_all_who_go_by_it(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "10.0.0.1", "192.0.2.7", 'a');
	link_arp(&l, 0, ARP_REPLY, "10.0.0.254", peer_mac, "10.0.0.1");
	link_reach(&l);
	link_arp(&l, 0, ARP_REPLY, "10.0.0.254", other_mac, "10.0.0.1");
	assert_int_equal(l.out.moved_n, 1);
	assert_ip(l.out.moved[0].ip, "10.0.0.254");
	assert_true(l.out.moved[0].is_gateway);
	link_clear(&l);
	link_wait(&l, 30 * S);
	link_arp(&l, 0, ARP_REQUEST, "10.0.0.9", other_mac, "10.0.0.9");
	assert_mac(link_neighbour(&l, 0, "10.0.0.9").mac, other_mac);
	assert_int_equal(l.out.moved_n, 0);
	link_close(&l);
}

/* It is the gateway that is doubted; who is not known is not. */
static void
next_hop_of_a_far_destination_is_doubted(void **state)
{
	struct ip_addr far = addr("192.0.2.7"), unknown = addr("10.0.0.77");
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "10.0.0.1", "192.0.2.7", 'a');
	link_arp(&l, 0, ARP_REPLY, "10.0.0.254", peer_mac, "10.0.0.1");
	link_clear(&l);
	link_wait(&l, 6 * S);
	net_doubt(l.net, 0, &unknown, l.now);
	net_doubt(l.net, 7, &far, l.now);
	link_wait(&l, S / 10);
	assert_int_equal(l.out.frame_n, 0);
	net_doubt(l.net, 0, &far, l.now);
	link_wait(&l, S / 10);
	assert_int_equal(l.out.frame_n, 1);
	assert_ip(link_sent(&l, 0).arp.target, "10.0.0.254");
	link_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_wait_while_a_neighbour_is_asked_for),
		cmocka_unit_test(ip6_neighbours_are_asked_for_at_their_solicited_node_address),
		cmocka_unit_test(
			after_three_questions_the_destinations_are_unreachable_for_a_while),
		cmocka_unit_test(a_full_queue_keeps_the_newest),
		cmocka_unit_test(a_used_neighbour_is_probed_directly_and_an_answer_keeps_it),
		cmocka_unit_test(a_doubted_neighbour_is_asked_at_once),
		cmocka_unit_test(a_neighbour_with_another_mac_is_found_a_second_after_the_doubt),
		cmocka_unit_test(an_ip6_neighbour_with_another_mac_is_found_as_soon),
		cmocka_unit_test(doubt_ends_the_patience_of_a_used_neighbour),
		cmocka_unit_test(another_mac_of_a_gateway_concerns_all_who_go_by_it),
		cmocka_unit_test(next_hop_of_a_far_destination_is_doubted),
		cmocka_unit_test(a_used_neighbour_that_is_silent_is_asked_for_everywhere),
		cmocka_unit_test(an_unused_neighbour_is_forgotten_in_silence),
		cmocka_unit_test(requests_teach_and_gratuitous_ones_only_correct),
		cmocka_unit_test(adverts_change_state_as_the_rfc_says),
		cmocka_unit_test(an_advert_for_nobody_is_not_remembered),
		cmocka_unit_test(what_another_lane_heard_resolves_ours),
		cmocka_unit_test(a_flood_of_unknown_neighbours_leaves_the_gateway_alone),
		cmocka_unit_test(an_answer_is_remembered_by_the_lane_that_asked_only),
		cmocka_unit_test(a_flood_of_answers_nobody_asked_for_is_not_passed_on),
		cmocka_unit_test(hearsay_takes_the_place_of_hearsay_only),
		cmocka_unit_test(a_link_that_comes_up_makes_neighbours_prove_themselves),
		cmocka_unit_test(a_scan_of_the_link_is_asked_for_a_little_at_a_time),
		cmocka_unit_test(a_scan_of_the_link_is_asked_again_a_little_at_a_time),
		cmocka_unit_test(neighbours_with_our_mac_or_none_are_not_believed),
		cmocka_unit_test(floods_from_nobody_are_answered_a_hundred_times_a_second),
		cmocka_unit_test(a_dry_pool_only_delays),
	};

	return cmocka_run_group_tests_name("neighbour", tests, NULL, NULL);
}
