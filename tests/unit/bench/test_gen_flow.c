/*
 * test_gen_flow.c - the load generator's small TCP, its link replaced by a list of what was sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gen/gen.h"

enum {
	SENT_MAX = 64
};

static struct sent {
	uint32_t seq, from, n;
	uint8_t flags;
} sent[SENT_MAX];
static uint32_t sent_n;
static struct link l;
static struct flow f, *ring[4];

/* The link's, for flow.c. */
void
link_send(struct link *to, struct flow *of, uint32_t seq, uint8_t flags, uint32_t from, uint32_t n)
{
	(void)to;
	assert_true(sent_n < SENT_MAX);
	sent[sent_n++] = (struct sent){ seq, from, n, flags };
	of->owes_ack = false;
}

static int
begin(void **state)
{
	(void)state;
	memset(&l, 0, sizeof(l));
	l.sender = ring;
	l.sender_max = 4;
	f = (struct flow){
		.state = FLOW_READY, .snd = 1000, .una = 1000, .rcv = 5000, .wnd = 65535
	};
	sent_n = 0;
	return 0;
}

static void
a_long_message_goes_round_and_stops_at_the_window(void **state)
{
	(void)state;
	f.wnd = 3 * MSS;
	flow_begin(&l, &f, 10 * MSS, 10 * MSS);
	assert_int_equal(sent_n, 0); /* others are asked first */
	flow_turn(&l);
	assert_int_equal(sent_n, 3);
	assert_int_equal(sent[2].seq, 1000 + 2 * MSS);
	assert_int_equal(f.snd - f.una, 3 * MSS);
	flow_turn(&l);
	assert_int_equal(sent_n, 3);
	flow_take(&l, &f,
		  &(struct seg){ .flags = TCP_ACK, .ack = 1000 + MSS, .seq = 5000, .wnd = 3 * MSS },
		  1);
	flow_turn(&l);
	assert_int_equal(sent_n, 4);
	assert_int_equal(sent[3].from, 3 * MSS);
}

static void
what_is_not_open_waits(void **state)
{
	(void)state;
	flow_begin(&l, &f, 100, 20);
	assert_int_equal(sent_n, 1);
	assert_int_equal(sent[0].n, 20);
	f.msg_open += 8;
	flow_push(&l, &f, 1);
	assert_int_equal(sent_n, 2);
	assert_int_equal(sent[1].from, 20);
	assert_int_equal(sent[1].n, 8);
}

static void
text_is_taken_once_and_in_order(void **state)
{
	const uint8_t text[] = "0123456789";
	struct seg s = { .seq = 5000, .payload = text, .n = 10 };

	(void)state;
	assert_true(flow_take(&l, &f, &s, 1));
	assert_int_equal(f.rcv, 5010);
	s = (struct seg){ .seq = 5000, .payload = text, .n = 10 };
	assert_false(flow_take(&l, &f, &s, 1)); /* had before */
	s = (struct seg){ .seq = 5020, .payload = text, .n = 10 };
	assert_false(flow_take(&l, &f, &s, 1)); /* beyond a gap */
	s = (struct seg){ .seq = 5005, .payload = text, .n = 10 };
	assert_true(flow_take(&l, &f, &s, 1)); /* half of it is new */
	assert_int_equal(s.n, 5);
	assert_ptr_equal(s.payload, text + 5);
	flow_pay_acks(&l);
	assert_int_equal(sent_n, 1); /* one ACK for all of them */
}

static void
a_probe_of_life_is_answered(void **state)
{
	struct seg s = { .seq = 4999, .flags = TCP_ACK, .ack = 1000, .wnd = 10 };

	(void)state;
	flow_take(&l, &f, &s, 1);
	flow_pay_acks(&l);
	assert_int_equal(sent_n, 1);
	assert_int_equal(sent[0].flags, TCP_ACK);
	s.seq = 5000;
	flow_take(&l, &f, &s, 1);
	flow_pay_acks(&l);
	assert_int_equal(sent_n, 1); /* a plain ACK is not */
}

static void
a_slow_reader_takes_no_more_than_its_window(void **state)
{
	static uint8_t text[SLOW_BUFFER];
	struct seg s = { .seq = 5000, .payload = text, .n = SLOW_BUFFER - 10 };

	(void)state;
	f.reads_slowly = true;
	assert_true(flow_take(&l, &f, &s, 1));
	s = (struct seg){ .seq = f.rcv, .payload = text, .n = 100 };
	assert_true(flow_take(&l, &f, &s, 1));
	assert_int_equal(s.n, 10);
	s = (struct seg){ .seq = f.rcv, .payload = text, .n = 1 };
	assert_false(flow_take(&l, &f, &s, 1)); /* the probe of a shut window */
	assert_int_equal(f.rcv, 5000 + SLOW_BUFFER);
	f.unread -= 512;
	s = (struct seg){ .seq = f.rcv, .payload = text, .n = 100 };
	assert_true(flow_take(&l, &f, &s, 1));
	assert_int_equal(s.n, 100);
}

static void
silence_repeats_what_was_not_acknowledged(void **state)
{
	uint64_t s = 1000000000;

	(void)state;
	flow_begin(&l, &f, 100, 100);
	assert_int_equal(sent_n, 1);
	flow_overdue(&l, &f, s / 2);
	assert_int_equal(sent_n, 1);
	flow_overdue(&l, &f, s + s / 10);
	assert_int_equal(sent_n, 2);
	assert_int_equal(sent[1].seq, 1000);
	assert_int_equal(sent[1].n, 100);
	flow_overdue(&l, &f, s + s / 5); /* backed off */
	assert_int_equal(sent_n, 2);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test_setup(a_long_message_goes_round_and_stops_at_the_window, begin),
		cmocka_unit_test_setup(what_is_not_open_waits, begin),
		cmocka_unit_test_setup(text_is_taken_once_and_in_order, begin),
		cmocka_unit_test_setup(a_probe_of_life_is_answered, begin),
		cmocka_unit_test_setup(a_slow_reader_takes_no_more_than_its_window, begin),
		cmocka_unit_test_setup(silence_repeats_what_was_not_acknowledged, begin),
	};

	return cmocka_run_group_tests_name("bench/gen flow", test, NULL, NULL);
}
