/*
 * test_ports.c - every port picked makes the replies' hash land on the wished lane; ports spread
 * over their groups; what is in use is not picked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "net/ports.h"
#include "net/toeplitz.h"

static bool
yes(void *ctx, uint16_t port)
{
	(void)ctx;
	(void)port;
	return true;
}

/* A set of ports that are in use. */
static bool
is_unset(void *ctx, uint16_t port)
{
	const uint8_t *used = ctx;

	return used[port] == 0;
}

static struct net_ports *
ports_open(void)
{
	struct net_ports_conf conf = { .path_n = 2, .first = 1024, .last = 65535, .seed = 5 };

	return net_ports_init(aligned_alloc(64, net_ports_size(&conf)), &conf);
}

static struct ip_addr
random_addr(struct prng *prng, bool is_v4)
{
	struct ip_addr a;

	for (uint32_t i = 0; i < 16; i++)
		a.b[i] = (uint8_t)prng_u32(prng);
	return is_v4 ? ip_from_v4(a.b) : a;
}

static void
fill_key(struct prng *prng, uint8_t *key, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		key[i] = (uint8_t)prng_u32(prng);
}

/* Keys and tables of all kinds; also sizes that are no power of two, and the symmetric key. */
static void
replies_land_on_the_wished_lane(void **state)
{
	static const uint16_t buckets[] = { 1, 2, 3, 4, 6, 8, 16, 64, 128, 512, 63 };
	struct net_groups *groups = aligned_alloc(64, net_groups_size());
	struct net_ports *ports = ports_open();
	struct prng prng;

	(void)state;
	prng_init(&prng, 61);
	for (uint32_t round = 0; round < 3 * sizeof(buckets) / sizeof(buckets[0]); round++) {
		uint16_t n = buckets[round / 3], lane_of[RETA_MAX], lanes, port = 0;
		uint8_t key[40];
		struct toeplitz t;
		struct net_groups_conf conf = { key, sizeof(key), n, 1024, 65535 };

		fill_key(&prng, key, sizeof(key));
		for (uint32_t i = 0; round % 3 == 2 && i < sizeof(key); i++)
			key[i] = i % 2 == 0 ? 0x6d : 0x5a;
		lanes = (uint16_t)(1 + prng_below(&prng, n < 8 ? n : 8));
		for (uint16_t i = 0; i < n; i++)
			lane_of[i] = i < lanes ? i : (uint16_t)prng_below(&prng, lanes);
		net_groups_init(groups, &conf);
		toeplitz_init(&t, key, sizeof(key));
		for (uint32_t i = 0; i < 400; i++) {
			bool is_v4 = prng_one_in(&prng, 2);
			uint16_t lane = (uint16_t)prng_below(&prng, lanes);
			struct net_ports_ask ask = { .path = 1,
						     .remote_port = (uint16_t)prng_u32(&prng),
						     .local = random_addr(&prng, is_v4),
						     .remote = random_addr(&prng, is_v4),
						     .is_free = yes };
			uint32_t hash;

			net_ports_steer(ports, 1, groups, lane_of, lane);
			assert_true(net_ports_pick(ports, &ask, &port));
			assert_true(port >= 1024);
			hash = toeplitz_tuple(&t, &ask.remote, ask.remote_port, &ask.local, port);
			assert_int_equal(lane_of[hash % n], lane);
		}
	}
	free(ports);
	free(groups);
}

static void
every_right_port_can_be_picked_and_used_ones_are_not(void **state)
{
	static uint8_t used[65536];
	struct net_groups *groups = aligned_alloc(64, net_groups_size());
	struct net_ports *ports = ports_open();
	uint16_t lane_of[128], port = 0;
	uint32_t right = 0, got = 0;
	uint8_t key[40];
	struct toeplitz t;
	struct prng prng;
	struct net_groups_conf conf = { key, sizeof(key), 128, 1024, 65535 };
	struct net_ports_ask ask = { .remote_port = 80, .is_free = is_unset, .ctx = used };

	(void)state;
	prng_init(&prng, 62);
	fill_key(&prng, key, sizeof(key));
	ask.local = random_addr(&prng, true);
	ask.remote = random_addr(&prng, true);
	for (uint16_t i = 0; i < 128; i++)
		lane_of[i] = i % 4;
	net_groups_init(groups, &conf);
	toeplitz_init(&t, key, sizeof(key));
	net_ports_steer(ports, 0, groups, lane_of, 3);
	for (uint32_t p = 1024; p < 65536; p++)
		right += lane_of[toeplitz_tuple(&t, &ask.remote, 80, &ask.local, (uint16_t)p) %
				 128] == 3;
	assert_in_range(right, 10000, 22000);
	while (got < right && net_ports_pick(ports, &ask, &port)) {
		assert_int_equal(used[port], 0);
		used[port] = 1;
		got++;
	}
	/* the last few may not be found within the tries */
	assert_in_range(got, right * 95 / 100, right);
	memset(used, 1, sizeof(used));
	assert_false(net_ports_pick(ports, &ask, &port));
	free(ports);
	free(groups);
}

/* RFC 6056: ports must not be foreseeable; here: evenly spread over the range. */
static void
unknown_steering_gives_plain_random_ports(void **state)
{
	struct net_ports *ports = ports_open();
	struct net_ports_ask ask = { .remote_port = 80, .is_free = yes };
	uint32_t seen[16] = { 0 };
	uint16_t port = 0;

	(void)state;
	assert_false(net_ports_is_steered(ports, 0));
	for (uint32_t i = 0; i < 16000; i++) {
		assert_true(net_ports_pick(ports, &ask, &port));
		assert_true(port >= 1024);
		seen[(port - 1024) / ((65536 - 1024) / 16)]++;
	}
	for (uint32_t i = 0; i < 16; i++)
		assert_in_range(seen[i], 800, 1200);
	free(ports);
}

static void
no_bucket_of_ours_is_as_unknown(void **state)
{
	struct net_groups *groups = aligned_alloc(64, net_groups_size());
	struct net_ports *ports = ports_open();
	uint8_t key[40] = { 1 };
	uint16_t lane_of[2] = { 0, 0 };
	struct net_groups_conf conf = { key, sizeof(key), 2, 1024, 65535 };

	(void)state;
	net_groups_init(groups, &conf);
	net_ports_steer(ports, 0, groups, lane_of, 1);
	assert_false(net_ports_is_steered(ports, 0));
	net_ports_steer(ports, 0, groups, lane_of, 0);
	assert_true(net_ports_is_steered(ports, 0));
	free(ports);
	free(groups);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_land_on_the_wished_lane),
		cmocka_unit_test(every_right_port_can_be_picked_and_used_ones_are_not),
		cmocka_unit_test(unknown_steering_gives_plain_random_ports),
		cmocka_unit_test(no_bucket_of_ours_is_as_unknown),
	};

	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
