/*
 * test_view.c - opening views with their blobs, and what of an image waits for a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/blob.h"
#include "abi/rundir.h"
#include "bench.h"

static void
a_view_holds_its_image_and_blobs(void **state)
{
	struct bench *b = *state;
	uint8_t hash[BLOB_HASH_BYTES];
	struct abi_fault fault;
	struct view *v;

	assert_int_equal(blob_make(b->control, "a big table", 11, hash), 0);
	bench_publish(b, 4, &(struct sample){ .blob_hash = hash, .blob_n = 11 });
	v = view_open(b->control, 4, NULL, 1, &fault);
	assert_non_null(v);
	assert_int_equal(v->generation, 4);
	assert_int_equal(img_n(&v->img, IMG_SERVERS), 3);
	assert_int_equal(v->blob[0].n, 11);
	assert_memory_equal(v->blob[0].p, "a big table", 11);
	view_close(v);
}

static void
a_missing_or_wrong_blob_refuses_the_image(void **state)
{
	struct bench *b = *state;
	uint8_t hash[BLOB_HASH_BYTES];
	char name[RUNDIR_NAME_MAX];
	struct abi_fault fault;

	blob_hash("a big table", 11, hash);
	bench_write(b, 4, &(struct sample){ .blob_hash = hash, .blob_n = 11 });
	assert_null(view_open(b->control, 4, NULL, 1, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_FILE);
	assert_string_equal(fault.part, "blob");
	assert_int_equal(fault.record_i, 0);
	assert_int_equal(rundir_write(b->control, blob_name(name, hash), "a pig table", 11, 0440),
			 0);
	assert_null(view_open(b->control, 4, NULL, 1, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_CHECKSUM);
}

static void
the_image_must_be_the_published_one(void **state)
{
	struct bench *b = *state;
	struct abi_fault fault;
	struct publish p;
	struct view *v;

	bench_publish(b, 4, NULL);
	assert_true(publish_read(b->control, &p, &fault));
	v = view_open(b->control, 4, &p, 1, &fault);
	assert_non_null(v);
	view_close(v);
	p.image_crc++;
	assert_null(view_open(b->control, 4, &p, 1, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_CHECKSUM);
	p.image_bytes++;
	assert_null(view_open(b->control, 4, &p, 1, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SIZE);
	assert_null(view_open(b->control, 5, NULL, 1, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_FILE);
}

static void
pins_keep_count(void **state)
{
	struct abi_fault fault;
	size_t n;
	void *bytes = sample_image(NULL, &n);
	struct view *v = view_of(bytes, n, 9, 1, &fault);

	(void)state;
	free(bytes);
	assert_non_null(v);
	view_pin(v);
	view_pin(v);
	view_unpin(v);
	assert_int_equal(v->pins, 1);
	view_unpin(v);
	assert_false(view_must_go(v));
	view_close(v);
	assert_null(view_of("nonsense", 8, 9, 1, &fault));
	assert_int_equal(fault.kind, ABI_FAULT_SHORT);
}

static void
expect_change(const struct sample *from, const struct sample *to, enum view_change change,
	      const char *part)
{
	struct abi_fault fault;
	size_t n, m;
	void *a = sample_image(from, &n), *b = sample_image(to, &m);
	struct img x, y;
	const char *got = "";

	assert_true(img_open(a, n, &x, &fault));
	assert_true(img_open(b, m, &y, &fault));
	assert_int_equal(view_change(&x, &y, &got), change);
	assert_string_equal(got, part);
	free(a);
	free(b);
}

static void
what_waits_for_a_restart_is_named(void **state)
{
	struct sample plain = { 0 };

	(void)state;
	expect_change(&plain, &plain, VIEW_CHANGE_LIVE, "");
	expect_change(&plain, &(struct sample){ .extra_weight = 5 }, VIEW_CHANGE_LIVE, "");
	expect_change(&plain, &(struct sample){ .queues = 2 }, VIEW_CHANGE_AT_RESTART,
		      "ports.queues");
	expect_change(&plain, &(struct sample){ .lanes = 2 }, VIEW_CHANGE_AT_RESTART,
		      "machine.lanes");
	expect_change(&plain, &(struct sample){ .port_name = "else" }, VIEW_CHANGE_PORTS,
		      "ports.name");
	assert_string_equal(view_change_name(VIEW_CHANGE_AT_RESTART), "at_restart");
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_view_holds_its_image_and_blobs),
		TEST(a_missing_or_wrong_blob_refuses_the_image),
		TEST(the_image_must_be_the_published_one),
		TEST(pins_keep_count),
		TEST(what_waits_for_a_restart_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
