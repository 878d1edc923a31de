/*
 * test_gen_message.c - the load generator's messages: that the check of a body sees any wrong
 * byte, and that sums are of the bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/gen.h"

enum {
	BODY = 20000
};

static const char head[] = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n.."; /* even */
static const uint64_t token[2] = { 0x3132333435363738, 0x6162636465666768 };

/* The body as it is on the wire. */
static uint8_t *
body_of(const struct message *m)
{
	uint8_t *body = malloc(m->body_n);

	assert_non_null(body);
	for (uint32_t i = 0; i < m->body_n; i++)
		body[i] = m->bytes[message_place(m, m->head_n + i)];
	memcpy(body, token, TOKEN);
	return body;
}

static void
its_own_body_is_right_in_parts_of_any_length(void **state)
{
	struct message m;
	uint8_t *body;

	(void)state;
	message_init(&m, head, sizeof(head) - 1, BODY);
	body = body_of(&m);
	for (uint32_t step = 1; step < 5000; step = step * 2 + 1)
		for (uint32_t at = 0; at < BODY; at += step)
			assert_true(message_is(&m, at, body + at,
					       at + step < BODY ? step : BODY - at, token, true));
	assert_false(message_is(&m, BODY - 1, body, 2, token, true)); /* longer than it is */
	free(body);
	message_fini(&m);
}

static void
every_wrong_byte_is_seen(void **state)
{
	struct message m;
	uint8_t *body;

	(void)state;
	message_init(&m, head, sizeof(head) - 1, BODY);
	body = body_of(&m);
	for (uint32_t i = 0; i < BODY; i++) {
		body[i] ^= 1;
		assert_false(message_is(&m, 0, body, BODY, token, true));
		body[i] ^= 1;
	}
	/* moved by one byte, and by what the pattern might repeat after */
	assert_false(message_is(&m, 4000, body + 4001, 100, token, true));
	assert_false(message_is(&m, 4000, body + 4026, 100, token, true));
	free(body);
	message_fini(&m);
}

static void
sums_are_of_the_words_before(void **state)
{
	struct message m;
	uint32_t sum = 0;

	(void)state;
	message_init(&m, head, sizeof(head) - 1, 3000);
	for (uint32_t i = 0; i < m.stored_n / 2; i++) {
		uint16_t word;

		assert_int_equal(m.sum[i], sum);
		memcpy(&word, m.bytes + 2 * i, 2);
		sum += word;
	}
	message_fini(&m);
}

int
main(void)
{
	static const struct CMUnitTest test[] = {
		cmocka_unit_test(its_own_body_is_right_in_parts_of_any_length),
		cmocka_unit_test(every_wrong_byte_is_seen),
		cmocka_unit_test(sums_are_of_the_words_before),
	};

	return cmocka_run_group_tests_name("bench/gen message", test, NULL, NULL);
}
