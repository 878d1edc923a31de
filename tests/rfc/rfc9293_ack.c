/*
 * RFC 9293, 3.8.6.3: when our ACKs are sent.
 */
#include "rfc/peer.h"

static void
single_segment_is_acked_late(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .at_ms = 10, .text = "one");
	peer_expect_quiet(&p);
	peer_expect(&p, .at_ms = 50, .ack = 1003);
	peer_done(&p);
}

static void
every_second_full_segment_is_acked_at_once(void **state)
{
	struct peer p = peer_established();

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		peer_send(&p, .n = 1460);
		peer_expect_quiet(&p);
		peer_send(&p, .n = 1460);
		peer_expect(&p, .ack = 1000 + (i + 1) * 2920);
	}
	peer_drop(&p);
}

static void
ack_rides_on_data(void **state)
{
	struct peer p = peer_established();

	(void)state;
	peer_send(&p, .text = "request");
	peer_write_text(&p, "answer");
	peer_expect(&p, .ack = 1007, .text = "answer");
	peer_wait(&p, 150);
	peer_expect_quiet(&p); /* no second ACK */
	peer_drop(&p);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(single_segment_is_acked_late),
		cmocka_unit_test(every_second_full_segment_is_acked_at_once),
		cmocka_unit_test(ack_rides_on_data),
	};

	return cmocka_run_group_tests_name("RFC 9293, 3.8.6.3: delayed ACKs", test, NULL, NULL);
}
