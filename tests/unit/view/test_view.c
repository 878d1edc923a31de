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
#include "abi/build.h"
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

/* The image of a listener with one rule on this pattern. */
static void *
image_of_rule(const char *pattern, size_t *ret_n)
{
	struct img_machine machine = { .lanes = 1, .server_slots = 1, .journal_bytes = 65536 };
	struct img_listener listener = { .incarnation = 1,
					 .port_i = (uint32_t)IMG_NONE,
					 .tcp_port = 80,
					 .farm_i = (uint32_t)IMG_NONE,
					 .head_ns = 1,
					 .idle_ns = 1,
					 .bind_n = 1 };
	struct img_scope scope = { .kind = IMG_SCOPE_LOCAL, .input_n = 1, .rule_n = 1 };
	struct img_rule rule = { .incarnation = 1,
				 .flags = IMG_RULE_ALWAYS,
				 .url_expr_i = (uint32_t)IMG_NONE,
				 .reason_expr_i = (uint32_t)IMG_NONE,
				 .body_expr_i = (uint32_t)IMG_NONE,
				 .farm_i = (uint32_t)IMG_NONE };
	struct img_pattern made = { .gate = (uint32_t)IMG_NONE };
	struct img_port port = { .queues = 1 };
	struct img_build b;
	void *bytes;

	img_build_init(&b, realloc);
	machine.pseudonym = img_build_text(&b, "edge");
	img_build_machine(&b, &machine);
	img_build_core(&b, &(struct img_core){ .cpu = 0 });
	port.name = port.device = img_build_text(&b, "one");
	img_build_port(&b, &port);
	listener.name = img_build_text(&b, "web");
	img_build_listener(&b, &listener);
	img_build_bind(&b, &(struct img_bind){ .scope_i = 0 });
	made.text = made.regex = img_build_text(&b, pattern);
	img_build_pattern(&b, &made);
	img_build_input(&b, &(struct img_input){ .kind = IMG_INPUT_PATH,
						 .expr_i = (uint32_t)IMG_NONE,
						 .blob_i = (uint32_t)IMG_NONE,
						 .pattern_n = 1,
						 .flags = IMG_INPUT_ON_URL });
	rule.name = img_build_text(&b, "r");
	img_build_rule(&b, &rule);
	scope.set = img_build_text(&b, "set");
	scope.folder = img_build_text(&b, "/");
	img_build_scope(&b, &scope);
	assert_true(img_build_finish(&b, &bytes, ret_n));
	img_build_fini(&b);
	return bytes;
}

static void
rules_open_with_their_view_or_refuse_it(void **state)
{
	struct abi_fault fault;
	size_t n;
	void *bytes = image_of_rule("^a", &n);
	struct view *v = view_of(bytes, n, 1, 2, &fault);

	(void)state;
	assert_non_null(v);
	assert_non_null(v->rules);
	assert_true(rules_any(v->rules, 0, false));
	assert_false(rules_any(v->rules, 0, true));
	view_close(v);
	v = view_of(bytes, n, 1, 0, &fault); /* for nobody to evaluate */
	assert_non_null(v);
	assert_null(v->rules);
	view_close(v);
	free(bytes);
	bytes = image_of_rule("(a", &n);
	assert_null(view_of(bytes, n, 1, 2, &fault));
	assert_int_not_equal(fault.kind, ABI_FAULT_NONE);
	assert_string_equal(fault.part, "patterns");
	free(bytes);
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
		TEST(rules_open_with_their_view_or_refuse_it),
		TEST(what_waits_for_a_restart_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
