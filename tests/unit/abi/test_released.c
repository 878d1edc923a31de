/*
 * test_released.c - images that released versions wrote open for ever, and mean what they meant.
 *
 * images/<version>.img is the sample image (sample.h) as that version built it; a new one is added
 * with each release, none is ever changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sample.h"

static const char *const released[] = { "0.1.0" };

struct file {
	void *bytes;
	size_t n;
};

static struct file
read_file(const char *version)
{
	struct file f;
	char path[512];
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s.img", getenv("PENSTOCK_IMAGES_DIR"), version);
	in = fopen(path, "rb");
	assert_non_null(in);
	f.bytes = malloc(1 << 20);
	f.n = fread(f.bytes, 1, 1 << 20, in);
	fclose(in);
	return f;
}

/* What every release's sample says; fields that came later are zero in older ones. */
static void
check_meaning(const struct img *img)
{
	const struct img_listener *web = img_listener(img, 0);
	const struct img_farm *app = img_farm(img, 0);
	const struct img_server *a = img_server(img, 0);
	struct ip_addr ip = sample_v4(10, 0, 0, 11);

	assert_int_equal(img_machine(img)->conns_max, 10000);
	assert_int_equal(img_machine(img)->server_slots, 1024);
	assert_int_equal(img_core(img, 1)->cpu, 3);
	assert_int_equal(img_port(img, 1)->kind, IMG_DEVICE_MEMIF);
	assert_int_equal(img_port(img, 1)->vlan, 12);
	assert_string_equal(img_text(img, web->name), "web");
	assert_int_equal(web->tcp_port, 80);
	assert_int_equal(web->flags, IMG_LISTENER_VIA | IMG_LISTENER_ACCESS_LOG);
	assert_string_equal(img_text(img, app->host_value), "app.example");
	assert_int_equal(app->server_n, 2);
	assert_int_equal(app->connect_ns, 5000000000ull);
	assert_true(ip_eq(&a->ip, &ip));
	assert_int_equal(a->weight, 100);
	assert_int_equal(img_retired(img, 0)->slot, 5);
}

static void
images_of_released_versions_open_and_mean_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(released) / sizeof(released[0]); i++) {
		struct file f = read_file(released[i]);
		struct abi_fault fault;
		struct img img;
		void *wide;

		assert_true(img_open(f.bytes, f.n, &img, &fault));
		wide = malloc(img_widen_bytes(&img) + 1);
		img_widen(&img, wide);
		check_meaning(&img);
		free(wide);
		free(f.bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_of_released_versions_open_and_mean_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
