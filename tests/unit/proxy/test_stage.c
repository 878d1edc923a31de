/*
 * test_stage.c - a stage that changes a body's length, over every framing.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET	     "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK(n)	     "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: " #n "\r\n\r\n"
#define POST(n)	     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " #n "\r\n\r\n"
#define CHUNKED_POST "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_OK   "HTTP/1.1 200 OK\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Every 'a' becomes "bb", and at the end comes "END". */
static enum stage_verdict
swell(const struct stage_turn *t)
{
	uint32_t left = t->budget_bytes;

	while (t->in->head != NULL && left > 0 && t->out->bytes < t->room_bytes) {
		struct buf *b = t->in->head;
		char made[2 * 64];
		uint32_t n = b->n < 64 ? b->n : 64, made_n = 0;

		n = n < left ? n : left;
		for (uint32_t i = 0; i < n; i++) {
			char ch = (char)buf_stream(b)[i];

			made[made_n++] = ch == 'a' ? 'b' : ch;
			if (ch == 'a')
				made[made_n++] = 'b';
		}
		if (!bufq_append(t->pool, t->out, made, made_n))
			return STAGE_DRY;
		bufq_consume(t->in, n);
		left -= n;
	}
	if (t->is_last && t->in->head == NULL && t->state->word[0] == 0) {
		if (!bufq_append(t->pool, t->out, "END", 3))
			return STAGE_DRY;
		t->state->word[0] = 1;
	}
	return STAGE_ON;
}

static const struct stage swelling = { .name = "swell", .changes_length = true, .turn = swell };

static void
a_stage_changes_the_length_of_what_passes(void **state)
{
	static const struct {
		const char *request, *up, *response, *down, *head;
		bool is_closed;
	} row[] = {
		{ POST(4) "axay", "\r\n\r\n9\r\nbbxbbyEND\r\n0\r\n\r\n", OK(3) "cab",
		  "\r\n\r\n7\r\ncbbbEND\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n", false },
		{ CHUNKED_POST "2\r\nax\r\n2\r\nay\r\n0\r\n\r\n", "9\r\nbbxbbyEND\r\n0\r\n\r\n",
		  CHUNKED_OK "3\r\ncab\r\n0\r\n\r\n", "7\r\ncbbbEND\r\n0\r\n\r\n",
		  "Transfer-Encoding: chunked\r\n", false },
		{ GET, "\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ncab",
		  "\r\n\r\ncbbbEND", "Connection: close\r\n", true },
		{ "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", "\r\n\r\n",
		  OK(3) "cab", "\r\n\r\ncbbbEND", "HTTP/1.1 200 OK", true },
		{ "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\n", OK(3), "\r\n\r\n", "200 OK",
		  false },
	};
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);

	(void)state;
	s->proxy->stage[DIR_UP] = s->proxy->stage[DIR_DOWN] = &swelling;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct peer *c, *o;

		asked(s, row[i].request, &c, &o);
		expect_has(s, o, row[i].up);
		say(s, o, row[i].response);
		hang_up(s, o);
		expect_has(s, c, row[i].head);
		expect_has(s, c, row[i].down);
		assert_string_equal(
			strstr(c->got, "\r\n\r\n"),
			strstr(c->got, row[i].down) == NULL ? "" : strstr(c->got, "\r\n\r\n"));
		assert_int_equal(c->is_eof, row[i].is_closed);
		expect_record(s, 200, JOURNAL_CAUSE_NONE);
	}
	stand_close(s);
}

static void
a_stage_works_in_turns_and_waits_for_room(void **state)
{
	enum {
		BYTES = 2000000
	};
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	char *body = malloc(BYTES);
	struct peer *c, *o;

	(void)state;
	s->proxy->stage[DIR_DOWN] = &swelling;
	memset(body, 'a', BYTES);
	asked(s, "GET / HTTP/1.0\r\nHost: h\r\n\r\n", &c, &o);
	c->is_stalled = true;
	say(s, o, OK(2000000));
	say_bytes(s, o, body, BYTES);
	run(s, 3 * S);
	assert_in_range(s->held_peak, 50, 1500);
	c->is_sink = true;
	read_on(s, c);
	run(s, 10 * S);
	assert_true(c->is_eof);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_int_equal(s->record.response_body_bytes, 2 * BYTES + 3);
	assert_int_equal(c->got_all, s->record.response_head_bytes + 2 * BYTES + 3);
	free(body);
	stand_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stage_changes_the_length_of_what_passes),
		cmocka_unit_test(a_stage_works_in_turns_and_waits_for_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
