/*
 * test_asks.c - asks and answers: what is asked arrives whole or not at all, an answer is read by
 * who asked for it, and each way of being wrong has its name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/answers.h"
#include "abi/asks.h"
#include "abi/crc.h"

enum {
	ROOM = 3,
};

/* A lane's file, and control's eye on it. */
struct desk {
	uint8_t *bytes;
	size_t n;
	struct answers writer;
	struct answers_view view;
};

static void
desk_open(struct desk *d)
{
	struct abi_fault fault;

	d->n = answers_bytes(ROOM);
	d->bytes = calloc(1, d->n);
	answers_init(d->bytes, 5, 77, ROOM, &d->writer);
	assert_true(answers_open(d->bytes, d->n, &d->view, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_NONE);
	assert_int_equal(d->view.head.lane, 5);
	assert_int_equal(d->view.head.id, 77);
}

/* A request of 192.0.2.1:4000 for /owa/auth, at 10.0.0.9:80, for the last five seconds. */
static struct session
made_session(uint64_t id)
{
	static const uint8_t client[4] = { 192, 0, 2, 1 }, server[4] = { 10, 0, 0, 9 };
	struct session s = {
		.id = id,
		.age_ns = 5000,
		.listener_slot = 2,
		.listener_incarnation = 7,
		.farm_slot = 3,
		.farm_incarnation = 8,
		.phase = SESSION_WAIT,
		.method_n = 3,
		.host_n = 4,
		.target_n = 9,
		.client = { .remote = ip_from_v4(client), .remote_port = 4000 },
		.server = { .remote = ip_from_v4(server), .remote_port = 80 },
		.text = "GETmail/owa/auth",
	};

	return s;
}

static void
keep(struct desk *d, uint64_t id)
{
	struct session *place = answers_place(&d->writer);

	assert_non_null(place);
	*place = made_session(id);
	answers_keep(&d->writer);
}

/* ---- asks ---- */

static void
an_ask_is_taken_once(void **state)
{
	struct asks *asks = aligned_alloc(64, sizeof(*asks));
	struct ask put = { .kind = ASK_KIND_FIND,
			   .id = 4,
			   .from = 9,
			   .life = 11,
			   .capture_id = 2,
			   .for_ns = 5,
			   .snap = 64 },
		   got;
	struct abi_fault fault;

	(void)state;
	memset(asks, 0, sizeof(*asks));
	asks_init(asks);
	assert_true(asks_check(asks, sizeof(*asks), &fault));
	assert_false(ask_take(&asks->ask[1], 0, &got, &fault));
	put.filter.by = ASK_BY_AGE;
	put.filter.age_ns = 30;
	ask_put(&asks->ask[1], &put);
	assert_true(ask_take(&asks->ask[1], 0, &got, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_NONE);
	assert_int_equal(got.id, 4);
	assert_int_equal(got.from, 9);
	assert_int_equal(got.life, 11);
	assert_int_equal(got.capture_id, 2);
	assert_int_equal(got.for_ns, 5);
	assert_int_equal(got.snap, 64);
	assert_int_equal(got.filter.age_ns, 30);
	assert_false(ask_take(&asks->ask[1], 4, &got, &fault));
	assert_false(ask_take(&asks->ask[0], 0, &got, &fault)); /* another lane's */
	put.id = 5;
	ask_put(&asks->ask[1], &put);
	assert_true(ask_take(&asks->ask[1], 4, &got, &fault));
	free(asks);
}

static void
half_an_ask_is_not_taken(void **state)
{
	struct ask place = { .kind = ASK_KIND_FIND, .id = 4, .seq = 3 /* being written */ };
	struct ask got;
	struct abi_fault fault;

	(void)state;
	assert_false(ask_take(&place, 0, &got, &fault));
	place.seq = 4;
	assert_true(ask_take(&place, 0, &got, &fault));
}

static void
each_bad_ask_is_named(void **state)
{
	const struct ask good = { .kind = ASK_KIND_FIND, .id = 1 };
	struct abi_fault fault;
	struct ask got;

	(void)state;
#define WITH(change, wanted, where)                                                                \
	do {                                                                                       \
		struct ask place = { 0 }, bad = good;                                              \
                                                                                                   \
		change;                                                                            \
		ask_put(&place, &bad);                                                             \
		assert_true(ask_take(&place, 0, &got, &fault));                                    \
		assert_int_equal(fault.kind, wanted);                                              \
		assert_string_equal(fault.field, where);                                           \
	} while (0)
	WITH(bad.kind = ASK_KIND_NOTHING, ABI_FAULT_ENUM, "kind");
	WITH(bad.kind = ASK_KINDS, ABI_FAULT_ENUM, "kind");
	WITH(bad.filter.by = ASK_BY_ALL + 1, ABI_FAULT_FLAGS, "by");
	WITH(bad.filter.prefix_n = ASKS_PREFIX_MAX + 1, ABI_FAULT_RANGE, "prefix_n");
	WITH(bad.kind = ASK_KIND_CAPTURE, ABI_FAULT_EMPTY, "capture_id");
	WITH(bad.kind = ASK_KIND_CAPTURE_END, ABI_FAULT_EMPTY, "capture_id");
	WITH((bad.kind = ASK_KIND_CAPTURE, bad.capture_id = 1,
	      bad.for_ns = ASKS_CAPTURE_NS_MAX + 1),
	     ABI_FAULT_RANGE, "for_ns");
	WITH(bad.kind = ASK_KIND_KILL, ABI_FAULT_EMPTY, "by"); /* whom? */
#undef WITH
}

static void
each_bad_head_of_asks_is_named(void **state)
{
	struct asks *asks = aligned_alloc(64, sizeof(*asks));
	struct abi_fault fault;

	(void)state;
#define WITH(change, wanted)                                                                       \
	do {                                                                                       \
		memset(asks, 0, sizeof(*asks));                                                    \
		asks_init(asks);                                                                   \
		change;                                                                            \
		assert_false(asks_check(asks, sizeof(*asks), &fault));                             \
		assert_int_equal(fault.kind, wanted);                                              \
	} while (0)
	WITH(asks->magic++, ABI_FAULT_MAGIC);
	WITH(asks->version++, ABI_FAULT_VERSION);
	WITH(asks->ask_n--, ABI_FAULT_COUNT);
#undef WITH
	asks_init(asks);
	assert_false(asks_check(asks, sizeof(*asks) - 1, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SHORT);
	free(asks);
}

static void
a_session_fits_when_every_field_does(void **state)
{
	const struct session s = made_session(11);
	const struct ask_filter fits = {
		.session_id = 11,
		.client = s.client.remote,
		.client_port = 4000,
		.server = s.server.remote,
		.server_port = 80,
		.listener_slot = 2,
		.listener_incarnation = 7,
		.farm_slot = 3,
		.farm_incarnation = 8,
		.age_ns = 5000,
		.phases = 1u << SESSION_WAIT,
		.prefix_n = 5,
		.prefix = "/owa/",
	};
	struct session young = made_session(11);
	struct ask_filter f = fits;

	(void)state;
	f.by = ASK_BY_ALL;
	assert_true(ask_fits(&f, &s));
	/* A request that has begun just now is not as old as its connection. */
	f.by = ASK_BY_AGE;
	young.took_ns = 4999;
	young.age_ns = 5000;
	assert_false(ask_fits(&f, &young));
	young.took_ns = 0;
	assert_true(ask_fits(&f, &young));
	f.by = ASK_BY_ALL;
	/* Each field tells by itself, and only when it counts. */
#define WITH(flag, change)                                                                         \
	do {                                                                                       \
		f = fits;                                                                          \
		change;                                                                            \
		f.by = flag;                                                                       \
		assert_false(ask_fits(&f, &s));                                                    \
		f.by = ASK_BY_ALL & ~flag;                                                         \
		assert_true(ask_fits(&f, &s));                                                     \
	} while (0)
	WITH(ASK_BY_ID, f.session_id = 12);
	WITH(ASK_BY_CLIENT, f.client.b[15]++);
	WITH(ASK_BY_CLIENT_PORT, f.client_port++);
	WITH(ASK_BY_SERVER, f.server.b[15]++);
	WITH(ASK_BY_SERVER_PORT, f.server_port++);
	WITH(ASK_BY_LISTENER, f.listener_slot++);
	WITH(ASK_BY_LISTENER, f.listener_incarnation++);
	WITH(ASK_BY_FARM, f.farm_slot++);
	WITH(ASK_BY_FARM, f.farm_incarnation++);
	WITH(ASK_BY_PHASE, f.phases = ~(1u << SESSION_WAIT));
	WITH(ASK_BY_AGE, f.age_ns++);
	WITH(ASK_BY_PREFIX, f.prefix[4] = '?');
	WITH(ASK_BY_PREFIX, f.prefix_n = 10); /* longer than the target */
#undef WITH
}

/* ---- answers ---- */

static void
an_answer_is_read_when_it_is_whole(void **state)
{
	struct answers_state at;
	struct abi_fault fault;
	struct session got;
	struct desk d;

	(void)state;
	desk_open(&d);
	assert_true(answers_look(&d.view, &at));
	assert_int_equal(at.phase, ANSWERS_NOTHING);
	answers_begin(&d.writer, 4);
	keep(&d, 11);
	assert_false(answers_session(&d.view, 4, 0, &got, &fault)); /* still at work */
	assert_int_equal(fault.kind, ABI_FAULT_SEQUENCE);
	keep(&d, 12);
	answers_end(&d.writer, ANSWERS_DONE, 0);
	assert_true(answers_look(&d.view, &at));
	assert_int_equal(at.phase, ANSWERS_DONE);
	assert_int_equal(at.found_n, 2);
	assert_true(answers_session(&d.view, 4, 1, &got, &fault));
	assert_int_equal(got.id, 12);
	assert_memory_equal(got.text, "GETmail/owa/auth", 16);
	assert_false(answers_session(&d.view, 4, 2, &got, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_REFERENCE);
	assert_false(answers_session(&d.view, 3, 0, &got, &fault)); /* somebody else's ask */
	assert_int_equal(fault.kind, ABI_FAULT_SEQUENCE);
	answers_begin(&d.writer, 5);
	assert_false(answers_session(&d.view, 4, 0, &got, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SEQUENCE);
	free(d.bytes);
}

static void
a_full_answer_says_where_to_go_on(void **state)
{
	struct answers_state at;
	struct desk d;

	(void)state;
	desk_open(&d);
	answers_begin(&d.writer, 4);
	for (uint64_t i = 0; i < ROOM; i++)
		keep(&d, i);
	assert_null(answers_place(&d.writer));
	answers_end(&d.writer, ANSWERS_FULL, 300);
	assert_true(answers_look(&d.view, &at));
	assert_int_equal(at.phase, ANSWERS_FULL);
	assert_int_equal(at.next, 300);
	answers_begin(&d.writer, 5);
	assert_non_null(answers_place(&d.writer));
	free(d.bytes);
}

static void
a_bad_record_is_named(void **state)
{
	struct abi_fault fault;
	struct session got;
	struct desk d;

	(void)state;
	desk_open(&d);
	answers_begin(&d.writer, 4);
	keep(&d, 11);
	answers_end(&d.writer, ANSWERS_DONE, 0);
#define WITH(change, wanted, where)                                                                \
	do {                                                                                       \
		struct session *s = &d.writer.session[0];                                          \
                                                                                                   \
		*s = made_session(11);                                                             \
		assert_true(answers_session(&d.view, 4, 0, &got, &fault));                         \
		change;                                                                            \
		assert_false(answers_session(&d.view, 4, 0, &got, &fault));                        \
		assert_int_equal(fault.kind, wanted);                                              \
		assert_string_equal(fault.field, where);                                           \
		assert_int_equal(fault.record_i, 0);                                               \
	} while (0)
	WITH(s->phase = SESSION_PHASES, ABI_FAULT_ENUM, "phase");
	WITH(s->client.tcp = SESSION_TCPS, ABI_FAULT_ENUM, "tcp");
	WITH(s->server.tcp = SESSION_TCPS, ABI_FAULT_ENUM, "tcp");
	WITH(s->target_n = SESSION_TEXT_MAX - 6, ABI_FAULT_BOUNDS, "text");
	WITH(s->method_n = s->host_n = s->target_n = 0xffff, ABI_FAULT_BOUNDS, "text");
#undef WITH
	d.writer.state->found_n = 1000000; /* cut to what the file holds */
	assert_false(answers_session(&d.view, 4, ROOM, &got, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_REFERENCE);
	d.writer.state->phase = ANSWERS_PHASES;
	assert_false(answers_session(&d.view, 4, 0, &got, &fault));
	free(d.bytes);
}

static void
each_bad_head_of_answers_is_named(void **state)
{
	struct abi_fault fault;
	struct desk d;

	(void)state;
	desk_open(&d);
#define WITH(change, wanted)                                                                       \
	do {                                                                                       \
		struct answers_head *h = (void *)d.bytes, was = *h, zero;                          \
                                                                                                   \
		change;                                                                            \
		zero = *h;                                                                         \
		zero.crc = 0;                                                                      \
		h->crc = abi_crc32c(0, &zero, sizeof(zero));                                       \
		assert_false(answers_open(d.bytes, d.n, &d.view, &fault));                         \
		assert_int_equal(fault.kind, wanted);                                              \
		*h = was;                                                                          \
	} while (0)
	WITH(h->magic++, ABI_FAULT_MAGIC);
	WITH(h->version++, ABI_FAULT_VERSION);
	WITH(h->bytes++, ABI_FAULT_SIZE);
	WITH(h->record_n = 0, ABI_FAULT_COUNT);
	WITH(h->record_n = ANSWERS_RECORDS_MAX + 1, ABI_FAULT_COUNT);
	WITH(h->record_stride -= 8, ABI_FAULT_STRIDE);
	WITH(h->record_stride += 4, ABI_FAULT_STRIDE);
	WITH(h->record_n++, ABI_FAULT_BOUNDS);
	WITH(h->record_offset += 8, ABI_FAULT_BOUNDS);
	WITH(h->state_offset = 0, ABI_FAULT_BOUNDS);
	WITH(h->state_offset += 4, ABI_FAULT_BOUNDS);
	WITH(h->state_offset = 0xfffffff8u, ABI_FAULT_BOUNDS);
	WITH(h->head_bytes = 0, ABI_FAULT_BOUNDS);
#undef WITH
	d.bytes[8 + 4] ^= 1;
	assert_false(answers_open(d.bytes, d.n, &d.view, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_CHECKSUM);
	assert_false(answers_open(d.bytes, sizeof(struct answers_head) - 1, &d.view, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SHORT);
	free(d.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ask_is_taken_once),
		cmocka_unit_test(half_an_ask_is_not_taken),
		cmocka_unit_test(each_bad_ask_is_named),
		cmocka_unit_test(each_bad_head_of_asks_is_named),
		cmocka_unit_test(a_session_fits_when_every_field_does),
		cmocka_unit_test(an_answer_is_read_when_it_is_whole),
		cmocka_unit_test(a_full_answer_says_where_to_go_on),
		cmocka_unit_test(a_bad_record_is_named),
		cmocka_unit_test(each_bad_head_of_answers_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
