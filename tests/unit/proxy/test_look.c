/*
 * test_look.c - sessions as control sees them: every phase has its word, both legs are told of, a
 * look is bounded and goes on where it was; and those who are killed are gone on both sides.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/answers.h"
#include "abi/asks.h"

#define GET  "GET /owa/auth HTTP/1.1\r\nHost: mail\r\n\r\n"
#define POST "POST /up HTTP/1.1\r\nHost: mail\r\nContent-Length: 9\r\n\r\n"
#define OK   "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 2\r\n\r\n"

static const struct ask_filter owa = { .by = ASK_BY_PREFIX, .prefix_n = 5, .prefix = "/owa/" };

/* An answer, and what it says. */
struct desk {
	uint8_t *bytes;
	struct answers answers;
	struct answers_view view;
	struct answers_state at;
	struct session session;
	uint64_t ask_id;
	uint32_t turns_n;
	enum ask_kind kind;
};

static void
desk_open(struct desk *d, uint32_t room)
{
	struct abi_fault fault;

	*d = (struct desk){ .bytes = calloc(1, answers_bytes(room)), .kind = ASK_KIND_FIND };
	answers_init(d->bytes, 0, 1, room, &d->answers);
	assert_true(answers_open(d->bytes, answers_bytes(room), &d->view, &fault));
}

/* Asks until there is an answer; how many sessions it has. */
static uint32_t
find(struct stand *s, struct desk *d, const struct ask_filter *filter, uint64_t from,
     uint32_t budget_n)
{
	struct ask ask = { .kind = d->kind, .id = ++d->ask_id, .from = from };
	struct proxy_look look = { .next = from };

	if (filter != NULL)
		ask.filter = *filter;
	answers_begin(&d->answers, ask.id);
	for (d->turns_n = 1; !proxy_look(s->proxy, &ask, &look, budget_n, &d->answers, s->now);)
		d->turns_n++;
	assert_true(answers_look(&d->view, &d->at));
	return d->at.found_n;
}

static const struct session *
session(struct desk *d, uint32_t i)
{
	struct abi_fault fault;

	assert_true(answers_session(&d->view, d->ask_id, i, &d->session, &fault));
	return &d->session;
}

/* Where a client's own TCP says it is. */
static struct tcp_info
info_of(const struct stand *s, const struct peer *c)
{
	struct tcp_info info;

	tcp_info(s->peer_side.tcp, c->id, &info);
	assert_int_not_equal(info.local_port, 0);
	return info;
}

/* The only session there is. */
static const struct session *
only(struct stand *s, struct desk *d)
{
	assert_int_equal(find(s, d, NULL, 0, 256), 1);
	assert_int_equal(d->at.phase, ANSWERS_DONE);
	return session(d, 0);
}

static void
a_session_is_followed_through_its_phases(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *c = client(s), *o;
	struct desk d;

	(void)state;
	desk_open(&d, 8);
	assert_int_equal(find(s, &d, NULL, 0, 256), 0);
	settle(s);
	assert_int_equal(only(s, &d)->phase, SESSION_IDLE);
	say(s, c, "POST /up HT");
	settle(s);
	assert_int_equal(only(s, &d)->phase, SESSION_HEAD);
	assert_int_not_equal(d.session.took_ns, 0);
	s->is_cut[0] = true;
	say(s, c, "TP/1.1\r\nHost: mail\r\nContent-Length: 3\r\n\r\na");
	settle(s);
	assert_int_equal(only(s, &d)->phase, SESSION_DIAL);
	assert_int_equal(d.session.server.tcp, SESSION_TCP_SYN_SENT);
	s->is_cut[0] = false;
	run(s, 2 * S); /* the SYN goes out again */
	o = origin(s);
	assert_int_equal(only(s, &d)->phase, SESSION_SEND);
	assert_int_equal(d.session.server.tcp, SESSION_TCP_ESTABLISHED);
	assert_int_not_equal(d.session.server.retransmits, 0);
	say(s, c, "bc");
	settle(s);
	assert_int_equal(only(s, &d)->phase, SESSION_WAIT);
	assert_int_equal(d.session.status, 0);
	say(s, o, OK "o");
	settle(s);
	assert_int_equal(only(s, &d)->phase, SESSION_RELAY);
	assert_int_equal(d.session.status, 200);
	say(s, o, "k");
	settle(s);
	assert_int_equal(find(s, &d, NULL, 0, 256), 2); /* each leg by itself, from now on */
	assert_int_equal(session(&d, 0)->phase + session(&d, 1)->phase,
			 SESSION_IDLE + SESSION_POOL);
	free(d.bytes);
	stand_close(s);
}

static void
a_session_tells_of_its_request_and_both_legs(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	const struct session *got;
	struct tcp_info at;
	struct peer *c, *o;
	struct desk d;

	(void)state;
	desk_open(&d, 8);
	asked(s, GET, &c, &o);
	run(s, 3 * S);
	got = only(s, &d);
	assert_int_equal(got->phase, SESSION_WAIT);
	assert_memory_equal(got->text, "GETmail/owa/auth", 16);
	assert_int_equal(got->method_n, 3);
	assert_int_equal(got->host_n, 4);
	assert_int_equal(got->target_n, 9);
	assert_int_equal(got->cut_n, 0);
	assert_in_range(got->took_ns, 3 * S, 4 * S);
	at = info_of(s, c);
	assert_int_equal(got->client.remote_port, at.local_port);
	assert_true(ip_eq(&got->client.remote, &at.local));
	assert_int_equal(got->client.bytes_in, strlen(GET));
	assert_true(ip_eq(&got->server.remote, &o->local));
	assert_int_equal(got->server.remote_port, o->local_port);
	assert_int_not_equal(got->server.bytes_out, 0);
	assert_int_not_equal(got->server.srtt_ns, 0);
	assert_int_equal(got->tries, 1);
	free(d.bytes);
	stand_close(s);
}

static void
a_long_target_is_cut_and_says_so(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	char request[600], target[401];
	struct peer *c, *o;
	struct desk d;

	(void)state;
	desk_open(&d, 8);
	memset(target, 'a', 400);
	target[0] = '/';
	target[400] = '\0';
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: mail\r\n\r\n", target);
	asked(s, request, &c, &o);
	only(s, &d);
	assert_int_equal(d.session.target_n, SESSION_TEXT_MAX - 7);
	assert_int_equal(d.session.target_n + d.session.cut_n, 400);
	free(d.bytes);
	stand_close(s);
}

static void
only_those_that_fit_are_told_of(void **state)
{
	struct ask_filter old = { .by = ASK_BY_AGE, .age_ns = 2 * S };
	struct ask_filter whose = { .by = ASK_BY_CLIENT_PORT };
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *first, *second, *o;
	struct desk d;

	(void)state;
	desk_open(&d, 8);
	asked(s, GET, &first, &o);
	run(s, 3 * S);
	asked(s, POST, &second, &o);
	assert_int_equal(find(s, &d, NULL, 0, 256), 2);
	assert_int_equal(find(s, &d, &old, 0, 256), 1);
	assert_int_equal(session(&d, 0)->client.remote_port, info_of(s, first).local_port);
	assert_int_equal(find(s, &d, &owa, 0, 256), 1);
	assert_int_equal(session(&d, 0)->client.remote_port, info_of(s, first).local_port);
	whose.client_port = info_of(s, second).local_port;
	assert_int_equal(find(s, &d, &whose, 0, 256), 1);
	assert_int_equal(session(&d, 0)->client.remote_port, info_of(s, second).local_port);
	free(d.bytes);
	stand_close(s);
}

static void
a_look_is_bounded_and_goes_on(void **state)
{
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	uint64_t id_sum = 0, wanted = 0;
	uint32_t found, all = 0;
	struct desk d;

	(void)state;
	desk_open(&d, 4);
	for (uint32_t i = 0; i < 10; i++)
		client(s);
	settle(s);
	for (uint32_t i = 0; i < 10; i++)
		wanted += conn_at(s->proxy, i)->id;
	d.at.next = 0;
	do {
		found = find(s, &d, NULL, d.at.next, 3);
		for (uint32_t i = 0; i < found; i++)
			id_sum += session(&d, i)->id;
		all += found;
		assert_int_equal(d.turns_n, found == 4 ? 2 : 1); /* three a turn at most */
	} while (d.at.phase == ANSWERS_FULL && all < 100);
	assert_int_equal(d.at.phase, ANSWERS_DONE);
	assert_int_equal(all, 10);
	assert_int_equal(id_sum, wanted);
	free(d.bytes);
	stand_close(s);
}

/* Ends those that fit; how many there were. */
static uint32_t
kill_those(struct stand *s, struct desk *d, const struct ask_filter *filter, uint32_t budget_n)
{
	uint32_t n;

	d->kind = ASK_KIND_KILL;
	n = find(s, d, filter, 0, budget_n);
	d->kind = ASK_KIND_FIND;
	return n;
}

static void
expect_reset(const struct peer *p)
{
	assert_true(p->is_gone);
	assert_int_equal(p->end, TCP_END_RESET);
}

/* Waiting for the response, within one, within a request, within a tunnel: both legs are reset. */
static void
a_killed_session_is_reset_on_both_sides_and_recorded(void **state)
{
	static const char *const reply[] = { NULL, OK "o",
					     "HTTP/1.1 101 Up\r\nUpgrade: x\r\n"
					     "Connection: upgrade\r\n\r\nhello" };
	static const char *const request[] = {
		GET, GET,
		"GET /owa/ws HTTP/1.1\r\nHost: mail\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
	};
	static const uint16_t status[] = { 0, 200, 101 };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct setup u = setup_plain();
		struct stand *s = stand_open(&u);
		struct peer *c, *o, *other, *other_o;
		struct desk d;

		desk_open(&d, 8);
		asked(s, request[i], &c, &o);
		if (reply[i] != NULL)
			say(s, o, reply[i]);
		settle(s);
		asked(s, POST, &other, &other_o);
		assert_int_equal(kill_those(s, &d, &owa, 256), 1);
		assert_memory_equal(session(&d, 0)->text, "GETmail/owa/", 12); /* as it was */
		settle(s);
		expect_reset(c);
		expect_reset(o);
		expect_record(s, status[i], JOURNAL_CAUSE_KILLED);
		assert_int_equal(s->proxy_side.count.proxy_killed, 1);
		say(s, other, "123456789"); /* nobody else noticed */
		settle(s);
		say(s, other_o, OK "ok");
		settle(s);
		expect_has(s, other, "ok");
		free(d.bytes);
		stand_close(s);
	}
}

/* With half a head, idle, dialling, after the last reply, and a server's that waits in the pool. */
static void
every_phase_can_be_killed(void **state)
{
	static const struct ask_filter any = { .by = ASK_BY_PHASE, .phases = UINT32_MAX };
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct peer *half = client(s), *idle = client(s), *closing, *dialling, *o;
	uint32_t seen = 0;
	struct desk d;

	(void)state;
	desk_open(&d, 8);
	settle(s);
	say(s, half, "GET /ha");
	asked(s, "GET / HTTP/1.1\r\nHost: mail\r\nConnection: close\r\n\r\n", &closing, &o);
	memset(s->is_cut, true, sizeof(s->is_cut));
	dialling = client(s);
	settle(s);
	say(s, dialling, GET);
	settle(s);
	memset(s->is_cut, false, sizeof(s->is_cut));
	say(s, o, OK "ok");
	settle(s);
	expect_record(s, 200, JOURNAL_CAUSE_NONE);
	assert_int_equal(kill_those(s, &d, &any, 256), 5);
	for (uint32_t i = 0; i < 5; i++)
		seen |= 1u << session(&d, i)->phase;
	assert_int_equal(seen, 1u << SESSION_HEAD | 1u << SESSION_IDLE | 1u << SESSION_DIAL |
				       1u << SESSION_CLOSE | 1u << SESSION_POOL);
	settle(s);
	assert_int_equal(find(s, &d, &any, 0, 256), 0);
	expect_reset(half);
	expect_reset(idle);
	expect_reset(dialling);
	expect_reset(closing);
	assert_true(o->is_eof); /* nothing was under way there */
	expect_record(s, 0, JOURNAL_CAUSE_KILLED);
	expect_record(s, 0, JOURNAL_CAUSE_KILLED);
	expect_no_record(s);
	free(d.bytes);
	stand_close(s);
}

/* Ten, of which a turn's budget allows but a few. */
static void
killing_is_bounded_a_turn(void **state)
{
	static const struct ask_filter by = { .by = ASK_BY_PHASE, .phases = 1u << SESSION_IDLE };
	struct setup u = setup_plain();
	struct stand *s = stand_open(&u);
	struct desk d;

	(void)state;
	desk_open(&d, 16);
	for (uint32_t i = 0; i < 10; i++)
		client(s);
	settle(s);
	assert_int_equal(kill_those(s, &d, &by, 18), 10); /* two and one look in 18 */
	assert_in_range(d.turns_n, 4, 6);
	assert_int_equal(s->proxy_side.count.proxy_killed, 10);
	settle(s);
	assert_int_equal(find(s, &d, NULL, 0, 256), 0);
	free(d.bytes);
	stand_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_followed_through_its_phases),
		cmocka_unit_test(a_session_tells_of_its_request_and_both_legs),
		cmocka_unit_test(a_long_target_is_cut_and_says_so),
		cmocka_unit_test(only_those_that_fit_are_told_of),
		cmocka_unit_test(a_look_is_bounded_and_goes_on),
		cmocka_unit_test(a_killed_session_is_reset_on_both_sides_and_recorded),
		cmocka_unit_test(every_phase_can_be_killed),
		cmocka_unit_test(killing_is_bounded_a_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
