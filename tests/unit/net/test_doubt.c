/*
 * test_doubt.c - neighbours who are asked again, doubted, or heard of without having been asked:
 * RFC 4861, 7.2.5 and 7.3.3; RFC 826.
 */
#include "link.h"

static void
doubt(struct link *l, const char *ip)
{
	struct ip_addr dst = addr(ip);

	net_doubt(l->net, 0, &dst, l->now);
}

/* What we heard of 2001:db8::9, from itself. */
static void
hear_advert(struct link *l, bool is_solicited, bool is_override, struct mac mac)
{
	struct nd nd = { .is_advert = true,
			 .is_solicited = is_solicited,
			 .is_override = is_override,
			 .has_mac = true,
			 .mac = mac,
			 .target = addr("2001:db8::9") };

	link_nd(l, &nd, "2001:db8::9", "2001:db8::1", mac);
}

/* Whose packets wait has no MAC to be asked at, and goes on being asked for. */
static void
who_is_asked_for_is_not_doubted(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	link_clear(&l);
	link_wait(&l, S / 2);
	doubt(&l, "10.0.0.9");
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_INCOMPLETE);
	assert_int_equal(l.count.net_doubted, 0);
	link_wait(&l, S / 10);
	assert_int_equal(l.out.frame_n, 0); /* the next question has its time */
	link_arp(&l, 0, ARP_REPLY, "10.0.0.9", peer_mac, "10.0.0.1");
	assert_int_equal(link_sent_mark(&l, 0), 'a');
	link_close(&l);
}

/* RFC 4861, 7.3.3: three questions; who has sent nothing to it since does not go on asking. */
static void
who_is_doubted_and_not_used_is_forgotten_after_three_questions(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_reach(&l);
	link_wait(&l, 46 * S);
	doubt(&l, "10.0.0.9");
	link_wait(&l, 2 * S + S / 2);
	assert_int_equal(l.out.frame_n, 3);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_PROBE);
	link_wait(&l, 10 * S);
	assert_int_equal(l.out.frame_n, 3);
	assert_state(&l, "10.0.0.9", 99);
	link_close(&l);
}

/* It is remembered by its old MAC, so that TCP hears when it answers from another. */
static void
who_is_used_and_silent_is_remembered_until_it_answers(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_reach(&l);
	link_wait(&l, 10 * S);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	doubt(&l, "10.0.0.9");
	link_wait(&l, 3 * S + S / 2);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_INCOMPLETE);
	link_clear(&l);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'b');
	assert_int_equal(l.out.frame_n, 0); /* from now on packets wait */
	link_arp(&l, 0, ARP_REPLY, "10.0.0.9", other_mac, "10.0.0.1");
	assert_int_equal(l.out.moved_n, 1);
	assert_int_equal(link_sent_mark(&l, 0), 'b');
	assert_mac(link_sent(&l, 0).eth.dst, other_mac);
	link_close(&l);
}

/* Its answer of a moment ago came before the link went away. */
static void
a_link_that_comes_up_ends_the_belief_in_answers(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_reach(&l);
	doubt(&l, "10.0.0.9");
	assert_int_equal(l.count.net_doubted, 0);
	net_link_up(l.net, 0, l.now);
	doubt(&l, "10.0.0.9");
	assert_int_equal(l.count.net_doubted, 1);
	link_close(&l);
}

/* RFC 826 merges what a request says; that it hears us is proved by nothing: RFC 4861, 7.3.3. */
static void
a_request_resolves_who_is_asked_for_but_proves_nothing(void **state)
{
	struct wire_packet asked;
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "10.0.0.1", "10.0.0.9", 'a');
	link_clear(&l);
	link_arp(&l, 0, ARP_REQUEST, "10.0.0.9", peer_mac, "10.0.0.1");
	assert_int_equal(l.out.frame_n, 2); /* what waited, and our answer */
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_DELAY);
	link_clear(&l);
	link_wait(&l, 5 * S + S / 10);
	assert_state(&l, "10.0.0.9", NET_NEIGHBOUR_PROBE);
	assert_int_equal(l.out.frame_n, 1);
	asked = link_sent(&l, 0);
	assert_int_equal(asked.arp.op, ARP_REQUEST);
	assert_mac(asked.eth.dst, peer_mac);
	link_close(&l);
}

/* RFC 4861, 7.2.5, I: without the override flag it changes REACHABLE, and nothing else. */
static void
an_advert_of_another_mac_ends_no_probe(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "2001:db8::1", "2001:db8::9", 'a');
	hear_advert(&l, true, true, peer_mac);
	link_wait(&l, 2 * S);
	doubt(&l, "2001:db8::9");
	link_wait(&l, S / 10);
	assert_state(&l, "2001:db8::9", NET_NEIGHBOUR_PROBE);
	hear_advert(&l, false, false, other_mac);
	assert_state(&l, "2001:db8::9", NET_NEIGHBOUR_PROBE);
	assert_mac(link_neighbour(&l, 0, "2001:db8::9").mac, peer_mac);
	link_close(&l);
}

/* A MAC of which nothing is known any more needs no override flag to be another's. */
static void
who_was_given_up_is_believed_again_whatever_its_mac(void **state)
{
	struct link l;

	(void)state;
	link_open(&l);
	link_send(&l, 0, "2001:db8::1", "2001:db8::9", 'a');
	link_wait(&l, 3 * S + S / 10);
	assert_state(&l, "2001:db8::9", NET_NEIGHBOUR_FAILED);
	link_clear(&l);
	hear_advert(&l, true, false, peer_mac);
	assert_state(&l, "2001:db8::9", NET_NEIGHBOUR_REACHABLE);
	link_send(&l, 0, "2001:db8::1", "2001:db8::9", 'b');
	assert_mac(link_sent(&l, 0).eth.dst, peer_mac);
	link_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_asked_for_is_not_doubted),
		cmocka_unit_test(who_is_doubted_and_not_used_is_forgotten_after_three_questions),
		cmocka_unit_test(who_is_used_and_silent_is_remembered_until_it_answers),
		cmocka_unit_test(a_link_that_comes_up_ends_the_belief_in_answers),
		cmocka_unit_test(a_request_resolves_who_is_asked_for_but_proves_nothing),
		cmocka_unit_test(an_advert_of_another_mac_ends_no_probe),
		cmocka_unit_test(who_was_given_up_is_believed_again_whatever_its_mac),
	};

	return cmocka_run_group_tests_name("doubt", tests, NULL, NULL);
}
