/*
 * test_files.c - publish, runtime, instance, cursors and history: what is written reads back, and
 * each way of being wrong has its name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/crc.h"
#include "abi/cursors.h"
#include "abi/history.h"
#include "abi/instance.h"
#include "abi/publish.h"
#include "abi/runtime.h"
#include "abi/seqlock.h"

#define SECOND 1000000000ull

static void
crc_is_castagnoli(void **state)
{
	uint8_t zero[32] = { 0 }, rising[32];

	(void)state;
	for (uint8_t i = 0; i < 32; i++)
		rising[i] = i;
	/* RFC 3720, B.4 */
	assert_int_equal(abi_crc32c(0, zero, 32), 0x8a9136aa);
	assert_int_equal(abi_crc32c(0, rising, 32), 0x46dd794e);
	assert_int_equal(abi_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(abi_crc32c(abi_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
	assert_int_equal(abi_crc32c(0, "", 0), 0);
}

/* ---- publish ---- */

static void
a_sealed_publish_reads_back(void **state)
{
	struct publish p = { .generation = 17, .image_bytes = 4096, .image_crc = 5, .time_ns = 6 };
	struct publish got;
	struct abi_fault fault;

	(void)state;
	publish_seal(&p);
	assert_true(publish_check(&p, sizeof(p), &got, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_NONE);
	assert_memory_equal(&p, &got, sizeof(p));
}

static void
every_changed_byte_of_publish_is_refused(void **state)
{
	struct publish good = { .generation = 17 }, got;
	struct abi_fault fault;

	(void)state;
	publish_seal(&good);
	for (size_t n = 0; n < sizeof(good); n++) {
		assert_false(publish_check(&good, n, &got, &fault));
		assert_int_equal(fault.kind, ABI_FAULT_SHORT);
	}
	for (size_t i = 0; i < sizeof(good); i++) {
		struct publish bad = good;

		((uint8_t *)&bad)[i] ^= 1;
		assert_false(publish_check(&bad, sizeof(bad), &got, &fault));
		assert_int_not_equal(fault.kind, ABI_FAULT_NONE);
	}
	good.generation = 0;
	publish_seal(&good);
	assert_false(publish_check(&good, sizeof(good), &got, &fault));
	assert_string_equal(fault.field, "generation");
}

/* ---- runtime ---- */

static void
runtime_words_reach_their_incarnation_only(void **state)
{
	size_t n = runtime_bytes(8, 4);
	void *mem = calloc(1, n);
	struct runtime_server put = { .incarnation = 3,
				      .admin = RUNTIME_ADMIN_DRAIN,
				      .flags = RUNTIME_WEIGHT | RUNTIME_RESOLVED,
				      .weight = 5,
				      .address_n = 2 };
	struct runtime_server got;
	struct abi_fault fault;
	struct runtime rt;
	uint32_t seq;

	(void)state;
	put.address[1].b[15] = 9;
	runtime_init(mem, 8, 4);
	assert_true(runtime_open(mem, n, &rt, &fault));
	assert_false(runtime_server(&rt, 2, 3, &got));
	seq = runtime_server_seq(&rt, 2);
	assert_true(runtime_put_server(&rt, 2, &put));
	assert_int_not_equal(runtime_server_seq(&rt, 2), seq);
	assert_true(runtime_server(&rt, 2, 3, &got));
	assert_int_equal(got.admin, RUNTIME_ADMIN_DRAIN);
	assert_int_equal(got.weight, 5);
	assert_int_equal(got.address_n, 2);
	assert_int_equal(got.address[1].b[15], 9);
	assert_false(runtime_server(&rt, 2, 4, &got)); /* the next user of the slot */
	assert_int_equal(got.admin, RUNTIME_ADMIN_UP);
	assert_false(runtime_server(&rt, 8, 3, &got));
	assert_false(runtime_put_server(&rt, 8, &put));
	assert_false(runtime_server(NULL, 0, 1, &got));
	assert_int_equal(runtime_lane_cpu(&rt, 3), ABI_NONE);
	assert_true(runtime_put_lane_cpu(&rt, 3, 1));
	assert_int_equal(runtime_lane_cpu(&rt, 3), 1);
	assert_int_equal(runtime_lane_cpu(&rt, 4), ABI_NONE);
	free(mem);
}

static void
runtime_words_are_cut_to_what_is_valid(void **state)
{
	size_t n = runtime_bytes(2, 1);
	void *mem = calloc(1, n);
	struct runtime_server put = { .incarnation = 1, .admin = 77, .address_n = 0xffffffff };
	struct runtime_server got;
	struct abi_fault fault;
	struct runtime rt;

	(void)state;
	runtime_init(mem, 2, 1);
	assert_true(runtime_open(mem, n, &rt, &fault));
	runtime_put_server(&rt, 0, &put);
	assert_true(runtime_server(&rt, 0, 1, &got));
	assert_int_equal(got.admin, RUNTIME_ADMIN_DISABLED);
	assert_int_equal(got.address_n, RUNTIME_ADDRESSES_MAX);
	free(mem);
}

static void
a_writer_killed_half_way_hangs_no_reader(void **state)
{
	size_t n = runtime_bytes(1, 0);
	uint8_t *mem = calloc(1, n);
	struct runtime_server put = { .incarnation = 1 }, got;
	struct abi_fault fault;
	struct runtime rt;

	(void)state;
	runtime_init(mem, 1, 0);
	assert_true(runtime_open(mem, n, &rt, &fault));
	runtime_put_server(&rt, 0, &put);
	seqlock_begin((uint32_t *)(void *)(mem + rt.head.server_offset)); /* and never ends */
	assert_false(runtime_server(&rt, 0, 1, &got));
	runtime_put_server(&rt, 0, &put); /* its successor puts it right */
	assert_true(runtime_server(&rt, 0, 1, &got));
	free(mem);
}

static void
what_is_said_of_processors_and_of_how_cores_work_reads_back(void **state)
{
	size_t n = runtime_bytes(1, 2);
	uint8_t *mem = calloc(1, n);
	struct abi_fault fault;
	struct runtime rt;
	uint64_t wild = UINT64_MAX - 1;

	(void)state;
	runtime_init(mem, 1, 2);
	assert_true(runtime_open(mem, n, &rt, &fault));
	assert_int_equal(runtime_core(&rt, 3), RUNTIME_CORE_NONE);
	assert_true(runtime_put_core(&rt, 3, RUNTIME_CORE_ADDED));
	assert_true(runtime_put_core(&rt, 4, RUNTIME_CORE_RELEASED));
	assert_int_equal(runtime_core(&rt, 3), RUNTIME_CORE_ADDED);
	assert_int_equal(runtime_core(&rt, 4), RUNTIME_CORE_RELEASED);
	assert_true(runtime_put_core(&rt, 3, RUNTIME_CORE_NONE));
	assert_int_equal(runtime_core(&rt, 3), RUNTIME_CORE_NONE);
	for (uint32_t cpu = 100; cpu < 100 + RUNTIME_CPUS_N - 1; cpu++)
		assert_true(runtime_put_core(&rt, cpu, RUNTIME_CORE_ADDED));
	assert_false(runtime_put_core(&rt, 5, RUNTIME_CORE_ADDED));
	assert_true(runtime_put_core(&rt, 5, RUNTIME_CORE_NONE));
	assert_int_equal(runtime_core(NULL, 3), RUNTIME_CORE_NONE);
	memset(mem + rt.head.cpu_offset, 0xff, 8); /* a word that is not known */
	assert_int_equal(runtime_core(&rt, 0xffffffff), RUNTIME_CORE_NONE);

	assert_true(runtime_tune(&rt, RUNTIME_TUNE_BURST) == RUNTIME_TUNE_UNSAID);
	assert_true(runtime_put_tune(&rt, RUNTIME_TUNE_BURST, 16));
	assert_int_equal(runtime_tune(&rt, RUNTIME_TUNE_BURST), 16);
	assert_true(runtime_put_tune(&rt, RUNTIME_TUNE_BURST, wild));
	assert_true(runtime_tune(&rt, RUNTIME_TUNE_BURST) == RUNTIME_TUNE_UNSAID);
	assert_true(runtime_tune(NULL, RUNTIME_TUNE_BURST) == RUNTIME_TUNE_UNSAID);
	free(mem);
}

/* As 0.1.0 wrote it: a head of 48 bytes, records from 64 on. */
static void
the_runtime_of_an_older_control_opens_and_says_nothing_of_processors(void **state)
{
	uint8_t *mem = calloc(1, 64 + sizeof(struct runtime_server));
	struct runtime_head head = {
		.magic = RUNTIME_MAGIC,
		.version = RUNTIME_VERSION,
		.head_bytes = RUNTIME_HEAD_FIRST_BYTES,
		.bytes = 64 + sizeof(struct runtime_server),
		.server_offset = 64,
		.server_stride = sizeof(struct runtime_server),
		.server_n = 1,
		.lane_offset = 64 + sizeof(struct runtime_server),
		.lane_stride = sizeof(struct runtime_lane),
	};
	struct runtime_server put = { .incarnation = 7, .admin = RUNTIME_ADMIN_DRAIN }, got;
	struct abi_fault fault;
	struct runtime rt;

	(void)state;
	head.crc = abi_crc32c(0, &head, RUNTIME_HEAD_FIRST_BYTES);
	memcpy(mem, &head, RUNTIME_HEAD_FIRST_BYTES);
	assert_true(runtime_open(mem, head.bytes, &rt, &fault));
	assert_true(runtime_put_server(&rt, 0, &put));
	assert_true(runtime_server(&rt, 0, 7, &got));
	assert_int_equal(got.admin, RUNTIME_ADMIN_DRAIN);
	assert_int_equal(runtime_core(&rt, 0), RUNTIME_CORE_NONE);
	assert_true(runtime_tune(&rt, RUNTIME_TUNE_POLL) == RUNTIME_TUNE_UNSAID);
	assert_false(runtime_put_core(&rt, 0, RUNTIME_CORE_ADDED));
	assert_false(runtime_put_tune(&rt, RUNTIME_TUNE_POLL, 1));
	free(mem);
}

static void
more(struct runtime_head *h)
{
	h->more_crc = abi_crc32c(0, &h->cpu_offset,
				 sizeof(*h) - offsetof(struct runtime_head, cpu_offset));
}

static void
each_bad_runtime_head_is_named(void **state)
{
	size_t n = runtime_bytes(8, 4);
	uint8_t *mem = calloc(1, n);
	struct runtime rt;
	struct abi_fault fault;
	struct runtime_head good;

	(void)state;
	runtime_init(mem, 8, 4);
	memcpy(&good, mem, sizeof(good));
#define WITH(change, wanted)                                                                       \
	do {                                                                                       \
		struct runtime_head h = good;                                                      \
                                                                                                   \
		change;                                                                            \
		h.crc = 0;                                                                         \
		h.crc = abi_crc32c(0, &h, RUNTIME_HEAD_FIRST_BYTES);                               \
		memcpy(mem, &h, sizeof(h));                                                        \
		assert_false(runtime_open(mem, n, &rt, &fault));                                   \
		assert_int_equal(fault.kind, wanted);                                              \
	} while (0)
	WITH(h.magic++, ABI_FAULT_MAGIC);
	WITH(h.version++, ABI_FAULT_VERSION);
	WITH(h.bytes++, ABI_FAULT_SIZE);
	WITH(h.server_n = 1 << 20, ABI_FAULT_COUNT);
	WITH(h.lane_n = 1 << 20, ABI_FAULT_COUNT);
	WITH(h.server_n = 999, ABI_FAULT_BOUNDS);
	WITH(h.server_stride -= 8, ABI_FAULT_STRIDE);
	WITH(h.server_stride += 4, ABI_FAULT_BOUNDS);
	WITH(h.server_offset = 0, ABI_FAULT_BOUNDS);
	WITH(h.server_offset = 0xfffffff8, ABI_FAULT_BOUNDS);
	WITH(h.lane_offset = 0xfffffff8, ABI_FAULT_BOUNDS);
	WITH(h.cpu_n++, ABI_FAULT_CHECKSUM);
	WITH(h.cpu_n = 0xffffffff; more(&h), ABI_FAULT_BOUNDS);
	WITH(h.tune_n++; more(&h), ABI_FAULT_BOUNDS);
	WITH(h.tune_offset = 0; more(&h), ABI_FAULT_BOUNDS);
#undef WITH
	memcpy(mem, &good, sizeof(good));
	mem[offsetof(struct runtime_head, lane_n)] ^= 1;
	assert_false(runtime_open(mem, n, &rt, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_CHECKSUM);
	assert_false(runtime_open(mem, 20, &rt, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SHORT);
	free(mem);
}

/* ---- instance ---- */

static void
instance_facts_read_back(void **state)
{
	struct instance *in = calloc(1, sizeof(*in));
	struct instance_facts *f = calloc(1, sizeof(*f)), *got = calloc(1, sizeof(*got));
	struct abi_fault fault;

	(void)state;
	instance_init(in);
	f->pid = 42;
	strcpy(f->version, "0.1.0");
	f->verdict = INSTANCE_VERDICT_REFUSED;
	f->fault = abi_fault_at(ABI_FAULT_RANGE, "servers", 3, "weight");
	f->port_n = 1;
	strcpy(f->port[0].name, "outside");
	f->port[0].steering = INSTANCE_STEERING_RSS;
	strcpy(f->except[0].interface, "ps-outside");
	f->except[0].refused = 7;
	instance_put(in, f);
	instance_beat(in, 77);
	assert_true(instance_read(in, sizeof(*in), got, &fault));
	assert_memory_equal(f, got, sizeof(*f));
	assert_int_equal(in->beat_ns, 77);
	free(in);
	free(f);
	free(got);
}

/* As 0.1.0 wrote it: the facts end before the cores. */
static void
facts_of_an_older_data_plane_say_nothing_of_cores(void **state)
{
	struct instance *in = calloc(1, sizeof(*in));
	struct instance_facts *got = calloc(1, sizeof(*got));
	struct abi_fault fault;

	(void)state;
	instance_init(in);
	in->facts_bytes = offsetof(struct instance_facts, core);
	in->facts.pid = 42;
	in->facts.core[0].state = INSTANCE_CORE_RUNNING; /* something else's */
	assert_true(
		instance_read(in, offsetof(struct instance, facts) + in->facts_bytes, got, &fault));
	assert_int_equal(got->pid, 42);
	assert_int_equal(got->core[0].state, INSTANCE_CORE_NONE);
	free(in);
	free(got);
}

static void
each_bad_instance_is_named(void **state)
{
	struct instance *in = calloc(1, sizeof(*in));
	struct instance_facts *got = calloc(1, sizeof(*got));
	struct abi_fault fault;

	(void)state;
#define WITH(change, wanted)                                                                       \
	do {                                                                                       \
		memset(in, 0, sizeof(*in));                                                        \
		instance_init(in);                                                                 \
		change;                                                                            \
		assert_false(instance_read(in, sizeof(*in), got, &fault));                         \
		assert_int_equal(fault.kind, wanted);                                              \
	} while (0)
	WITH(in->magic++, ABI_FAULT_MAGIC);
	WITH(in->version++, ABI_FAULT_VERSION);
	WITH(in->facts_bytes = offsetof(struct instance_facts, core) - 8, ABI_FAULT_STRIDE);
	WITH(in->facts_bytes = 0xffffffff, ABI_FAULT_STRIDE);
	WITH(in->facts_offset += 8, ABI_FAULT_BOUNDS);
	WITH(in->facts_offset = 0xffffffff, ABI_FAULT_BOUNDS);
	WITH(in->facts_offset = 0, ABI_FAULT_BOUNDS);
	WITH(in->seq = 1, ABI_FAULT_SEQUENCE);
	WITH(in->facts.verdict = 99, ABI_FAULT_ENUM);
	WITH(in->facts.fault.kind = 9999, ABI_FAULT_ENUM);
	WITH(in->facts.port_n = IMG_PORTS_MAX + 1, ABI_FAULT_COUNT);
	WITH(in->facts.lane_n = IMG_LANES_MAX + 1, ABI_FAULT_COUNT);
	WITH(in->facts.core_n = IMG_CORES_MAX + 1, ABI_FAULT_COUNT);
	WITH(memset(in->facts.version, 'x', sizeof(in->facts.version)), ABI_FAULT_STRING);
	WITH(in->facts.port_n = 1; memset(in->facts.port[0].name, 'x', 64), ABI_FAULT_STRING);
	WITH(strcpy(in->facts.version, "1\033[2J"), ABI_FAULT_STRING);
	WITH(in->facts.port_n = 1; strcpy(in->facts.port[0].driver, "\xff"), ABI_FAULT_STRING);
	WITH(in->facts.port_n = 1; in->facts.port[0].steering = 99, ABI_FAULT_ENUM);
	WITH(in->facts.port_n = 1;
	     memset(in->facts.except[0].interface, 'x', 16), ABI_FAULT_STRING);
	WITH(in->facts.core[63].state = 99, ABI_FAULT_ENUM);
#undef WITH
	assert_false(instance_read(in, 10, got, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SHORT);
	free(in);
	free(got);
}

/* ---- cursors ---- */

static void
a_cursor_counts_for_its_journal_only(void **state)
{
	struct cursors *c = calloc(1, sizeof(*c));
	struct abi_fault fault;
	uint64_t position = 5;

	(void)state;
	cursors_init(c);
	assert_true(cursors_check(c, sizeof(*c), &fault));
	cursor_adopt(&c->now[3], 0x1234, 64);
	assert_true(cursor_get(&c->now[3], 0x1234, &position));
	assert_int_equal(position, 64);
	assert_false(cursor_get(&c->now[3], 0x1235, &position));
	cursor_move(&c->now[3], 128);
	assert_true(cursor_get(&c->now[3], 0x1234, &position));
	assert_int_equal(position, 128);

	c->cursor_n--;
	assert_false(cursors_check(c, sizeof(*c), &fault));
	assert_int_equal(fault.kind, ABI_FAULT_COUNT);
	c->version++;
	assert_false(cursors_check(c, sizeof(*c), &fault));
	assert_int_equal(fault.kind, ABI_FAULT_VERSION);
	c->magic++;
	assert_false(cursors_check(c, sizeof(*c), &fault));
	assert_int_equal(fault.kind, ABI_FAULT_MAGIC);
	assert_false(cursors_check(c, 64, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SHORT);
	free(c);
}

/* ---- history ---- */

static void
three_crashes_within_a_minute_are_too_many(void **state)
{
	struct history h = { 0 };
	uint64_t t = 1000 * SECOND;

	(void)state;
	/* Lives of 25 s: the starts are more than a minute apart, the crashes are not. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(history_crashes(&h, 7, 1, t), i);
		history_start(&h, 7, 1, t);
		t += 25 * SECOND;
	}
	assert_int_equal(history_crashes(&h, 7, 1, t), 3);
	assert_int_equal(history_crashes(&h, 7, 2, t), 0); /* other bytes */
	assert_int_equal(history_crashes(&h, 6, 1, t), 0);
	assert_int_equal(history_crashes(&h, 7, 1, t + 20 * SECOND), 2);
}

static void
an_orderly_end_is_no_crash(void **state)
{
	struct history h = { 0 };

	(void)state;
	for (int i = 0; i < HISTORY_STARTS + 3; i++) {
		history_start(&h, 7, 1, SECOND);
		history_end(&h);
	}
	assert_int_equal(h.start_n, HISTORY_STARTS);
	assert_int_equal(history_crashes(&h, 7, 1, 2 * SECOND), 0);
	history_start(&h, 7, 1, SECOND);
	history_move(&h, 8, 2);
	assert_int_equal(history_crashes(&h, 7, 1, 2 * SECOND), 0);
	assert_int_equal(history_crashes(&h, 8, 2, 2 * SECOND), 1);
}

static void
refusals_are_of_a_version(void **state)
{
	struct abi_fault fault = abi_fault_at(ABI_FAULT_RANGE, "farms", 1, "retries");
	struct history h = { 0 };

	(void)state;
	history_refuse(&h, 5, 1, "0.1.0", &fault);
	history_refuse(&h, 5, 1, "0.1.0", &fault);
	assert_int_equal(h.refusal_n, 1);
	assert_string_equal(history_refusal(&h, 5, 1, "0.1.0")->fault.part, "farms");
	assert_null(history_refusal(&h, 5, 1, "0.2.0"));
	assert_null(history_refusal(&h, 5, 2, "0.1.0"));
	for (uint32_t i = 0; i < HISTORY_REFUSALS; i++)
		history_refuse(&h, 100 + i, 1, "0.1.0", &fault);
	assert_int_equal(h.refusal_n, HISTORY_REFUSALS);
	assert_null(history_refusal(&h, 5, 1, "0.1.0"));
	assert_non_null(history_refusal(&h, 100, 1, "0.1.0"));
}

static void
a_bad_history_is_named(void **state)
{
	struct history h = { .magic = HISTORY_MAGIC, .version = HISTORY_VERSION }, got;
	struct abi_fault fault;

	(void)state;
	h.crc = abi_crc32c(0, &h, sizeof(h));
	assert_true(history_check(&h, sizeof(h), &got, &fault));
	for (size_t i = 0; i < sizeof(h); i++) {
		struct history bad = h;

		((uint8_t *)&bad)[i] ^= 1;
		assert_false(history_check(&bad, sizeof(bad), &got, &fault));
	}
	assert_false(history_check(&h, sizeof(h) - 1, &got, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SHORT);
#define WITH(change, wanted)                                                                       \
	do {                                                                                       \
		struct history bad = h;                                                            \
                                                                                                   \
		change;                                                                            \
		bad.crc = 0;                                                                       \
		bad.crc = abi_crc32c(0, &bad, sizeof(bad));                                        \
		assert_false(history_check(&bad, sizeof(bad), &got, &fault));                      \
		assert_int_equal(fault.kind, wanted);                                              \
	} while (0)
	WITH(bad.start_n = HISTORY_STARTS + 1, ABI_FAULT_COUNT);
	WITH(bad.refusal_n = HISTORY_REFUSALS + 1, ABI_FAULT_COUNT);
	WITH(bad.refusal_n = 1; memset(bad.refusal[0].version, 'x', 32), ABI_FAULT_STRING);
	WITH(bad.refusal_n = 1; bad.refusal[0].fault.kind = 9999, ABI_FAULT_ENUM);
#undef WITH
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_is_castagnoli),
		cmocka_unit_test(a_sealed_publish_reads_back),
		cmocka_unit_test(every_changed_byte_of_publish_is_refused),
		cmocka_unit_test(runtime_words_reach_their_incarnation_only),
		cmocka_unit_test(runtime_words_are_cut_to_what_is_valid),
		cmocka_unit_test(a_writer_killed_half_way_hangs_no_reader),
		cmocka_unit_test(each_bad_runtime_head_is_named),
		cmocka_unit_test(what_is_said_of_processors_and_of_how_cores_work_reads_back),
		cmocka_unit_test(
			the_runtime_of_an_older_control_opens_and_says_nothing_of_processors),
		cmocka_unit_test(facts_of_an_older_data_plane_say_nothing_of_cores),
		cmocka_unit_test(instance_facts_read_back),
		cmocka_unit_test(each_bad_instance_is_named),
		cmocka_unit_test(a_cursor_counts_for_its_journal_only),
		cmocka_unit_test(three_crashes_within_a_minute_are_too_many),
		cmocka_unit_test(an_orderly_end_is_no_crash),
		cmocka_unit_test(refusals_are_of_a_version),
		cmocka_unit_test(a_bad_history_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
