/*
 * test_mesh.c - rings, messages and doorbells between lanes, and each port's steering.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "base/buf_heap.h"
#include "base/prng.h"
#include "lane/mesh.h"
#include "lane/steer.h"

static const uint8_t key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static struct portif port[2];
static uint32_t woken[8];

static void
wake(void *ctx, uint16_t lane_i)
{
	(void)ctx;
	woken[lane_i]++;
}

static struct mesh *
mesh_of(uint16_t lane_n, uint16_t queue_n, bool has_rss)
{
	struct mesh_conf conf = {
		.lane_n = lane_n, .port_n = 2, .port = port, .seed = 7, .wake = wake
	};

	memset(port, 0, sizeof(port));
	memset(woken, 0, sizeof(woken));
	for (uint32_t i = 0; i < 2; i++) {
		struct portif_facts *facts = &port[i].facts;

		facts->queue_n = queue_n;
		if (!has_rss)
			continue;
		facts->key_n = sizeof(key);
		memcpy(facts->key, key, sizeof(key));
		facts->reta_n = 128;
		for (uint16_t k = 0; k < 128; k++)
			facts->reta[k] = (uint16_t)(k % queue_n);
	}
	return mesh_init(aligned_alloc(64, (mesh_size(&conf) + 63) / 64 * 64), &conf);
}

static void
the_lowest_lane_on_a_queue_has_it(void **state)
{
	struct mesh *mesh = mesh_of(7, 3, false);

	(void)state;
	for (uint16_t i = 0; i < 7; i++)
		assert_int_equal(mesh_queue_lane(mesh, 0, i), i % 3);
	free(mesh);
}

static void
packets_go_to_one_lane_in_order_and_a_full_ring_refuses(void **state)
{
	struct buf_pool *pool = buf_heap_open(4000);
	struct mesh *mesh = mesh_of(4, 1, false);
	struct buf *out[MESH_RING_PACKETS + 1], *in[MESH_RING_PACKETS + 1];

	(void)state;
	assert_true(buf_take_burst(pool, out, MESH_RING_PACKETS + 1));
	assert_int_equal(mesh_push(mesh, MESH_RX, 0, 3, out, MESH_RING_PACKETS + 1),
			 MESH_RING_PACKETS);
	assert_int_equal(mesh_push(mesh, MESH_RX, 0, 3, &out[MESH_RING_PACKETS], 1), 0);
	/* the other direction, kind and lane are rings of their own */
	assert_int_equal(mesh_pop(mesh, MESH_RX, 3, 0, in, 1), 0);
	assert_int_equal(mesh_pop(mesh, MESH_TX, 0, 3, in, 1), 0);
	assert_int_equal(mesh_pop(mesh, MESH_RX, 0, 2, in, 1), 0);
	assert_int_equal(mesh_pop(mesh, MESH_RX, 0, 3, in, 24), 24);
	assert_memory_equal(in, out, 24 * sizeof(in[0]));
	buf_give_burst(in, 24);
	buf_give(out[MESH_RING_PACKETS]);
	mesh_fini(mesh); /* gives what is left */
	assert_int_equal(buf_heap_out_n(pool), 0);
	buf_heap_close(pool);
	free(mesh);
}

static void
a_message_reaches_every_other_lane_once(void **state)
{
	struct mesh *mesh = mesh_of(4, 1, false);
	struct mesh_message said = { .topic = MESH_LEARNED, .learned = { .path = 1 } }, heard;

	(void)state;
	assert_int_equal(mesh_tell(mesh, 2, &said), 0);
	for (uint16_t to = 0; to < 4; to++) {
		assert_int_equal(mesh_rung(mesh, to), to == 2 ? 0 : 1u << 2);
		assert_int_equal(mesh_rung(mesh, to), 0);
		assert_int_equal(mesh_hear(mesh, 2, to, &heard), to != 2);
		assert_false(mesh_hear(mesh, 2, to, &heard));
	}
	assert_int_equal(heard.learned.path, 1);
	for (uint32_t i = 0; i < MESH_RING_MESSAGES; i++)
		assert_int_equal(mesh_tell(mesh, 0, &said), 0);
	assert_int_equal(mesh_tell(mesh, 0, &said), 3);
	free(mesh);
}

static void
a_sleeping_lane_is_woken_and_one_with_work_does_not_fall_asleep(void **state)
{
	struct buf_pool *pool = buf_heap_open(10);
	struct mesh *mesh = mesh_of(2, 1, false);
	struct buf *packet = buf_take(pool);

	(void)state;
	assert_true(mesh_sleep(mesh, 1));
	assert_int_equal(woken[1], 0);
	assert_int_equal(mesh_push(mesh, MESH_RX, 0, 1, &packet, 1), 1);
	assert_int_equal(woken[1], 1);
	mesh_awake(mesh, 1);
	assert_false(mesh_sleep(mesh, 1)); /* the bell was not taken yet */
	mesh_awake(mesh, 1);
	assert_int_equal(mesh_rung(mesh, 1), 1);
	assert_true(mesh_sleep(mesh, 1));
	mesh_fini(mesh);
	buf_heap_close(pool);
	free(mesh);
}

static struct steer_tuple
tuple_of(struct prng *prng, bool is_v6)
{
	struct steer_tuple t = { .src_port = (uint16_t)prng_u32(prng),
				 .dst_port = (uint16_t)prng_u32(prng) };
	uint32_t v[8];

	for (uint32_t i = 0; i < 8; i++)
		v[i] = prng_u32(prng);
	memcpy(t.src.b, v, 16);
	memcpy(t.dst.b, v + 4, 16);
	if (!is_v6) {
		t.src = ip_from_v4(t.src.b);
		t.dst = ip_from_v4(t.dst.b);
	}
	return t;
}

static void
flows_arrive_at_the_queue_of_their_lane_when_the_key_is_known(void **state)
{
	struct mesh *mesh = mesh_of(7, 3, true);
	struct steer *steer = mesh_steer(mesh, 1);
	uint32_t seen[7] = { 0 };
	struct prng prng;

	(void)state;
	assert_int_equal(steer_mode(steer), INSTANCE_STEERING_RSS);
	prng_init(&prng, 3);
	for (uint32_t i = 0; i < 4000; i++) {
		struct steer_tuple t = tuple_of(&prng, i % 2 == 0);
		uint32_t hash =
			toeplitz_tuple(&steer->toeplitz, &t.src, t.src_port, &t.dst, t.dst_port);
		uint16_t lane = steer_lane(steer, &t);

		assert_int_equal(lane % 3, port[1].facts.reta[hash % 128]);
		assert_false(steer_judge(steer, lane % 3, lane));
		seen[lane]++;
	}
	for (uint32_t i = 0; i < 7; i++)
		assert_true(seen[i] > 4000 / 7 / 3);
	assert_int_equal(steer->judged, 4000);
	assert_int_equal(steer->wrong, 0);
	assert_int_equal(steer_mode(steer), INSTANCE_STEERING_RSS);
	free(mesh);
}

static void
one_flow_at_a_wrong_queue_switches_its_port_to_hand_over(void **state)
{
	struct mesh *mesh = mesh_of(4, 4, true);
	struct steer *steer = mesh_steer(mesh, 0);

	(void)state;
	assert_false(steer_judge(steer, 2, 2));
	assert_true(steer_judge(steer, 2, 3));
	assert_false(steer_judge(steer, 2, 3)); /* once */
	assert_int_equal(steer_mode(steer), INSTANCE_STEERING_MISMATCH);
	assert_int_equal(steer->wrong, 2);
	assert_int_equal(steer_mode(mesh_steer(mesh, 1)), INSTANCE_STEERING_RSS);
	free(mesh);
}

static void
a_port_without_spreading_or_a_single_lane_needs_no_judging(void **state)
{
	struct mesh *mesh = mesh_of(4, 1, false);

	(void)state;
	assert_int_equal(steer_mode(mesh_steer(mesh, 0)), INSTANCE_STEERING_HANDOVER);
	free(mesh);
	mesh = mesh_of(4, 1, true); /* one queue: the key says nothing */
	assert_int_equal(steer_mode(mesh_steer(mesh, 0)), INSTANCE_STEERING_HANDOVER);
	free(mesh);
	mesh = mesh_of(1, 1, false);
	assert_int_equal(steer_mode(mesh_steer(mesh, 0)), INSTANCE_STEERING_SINGLE);
	free(mesh);
}

static const uint8_t ip4_tcp[] = {
	2,    0, 0, 0,	0,    1, 2,    0, 0,	0,    0, 2,  8,	 0,	  /* Ethernet */
	0x46, 0, 0, 44, 0,    0, 0x40, 0, 64,	6,    0, 0,  10, 0, 0, 1, /* IPv4 with an option */
	10,   0, 0, 2,	1,    1, 1,    0, 0x12, 0x34, 0, 80, 0,	 0, 0, 0,
	0,    0, 0, 0,	0x50, 2, 0,    0, 0,	0,    0, 0,
};

static void
the_tuple_of_a_frame_is_what_a_card_would_hash(void **state)
{
	uint8_t frame[128] = { 0 };
	struct steer_tuple t;

	(void)state;
	memcpy(frame, ip4_tcp, sizeof(ip4_tcp));
	assert_true(steer_peek(frame, sizeof(ip4_tcp), &t));
	assert_int_equal(t.src_port, 0x1234);
	assert_int_equal(t.dst_port, 80);
	assert_true(ip_is_v4(&t.src));
	assert_int_equal(t.src.b[15], 1);
	/* with a VLAN tag */
	memcpy(frame + 16, ip4_tcp + 12, sizeof(ip4_tcp) - 12);
	memcpy(frame + 12, "\x81\x00\x00\x07", 4);
	assert_true(steer_peek(frame, sizeof(ip4_tcp) + 4, &t));
	assert_int_equal(t.dst_port, 80);
	/* fragments, other protocols, ARP */
	memcpy(frame, ip4_tcp, sizeof(ip4_tcp));
	frame[20] = 0x20;
	assert_false(steer_peek(frame, sizeof(ip4_tcp), &t));
	frame[20] = 0x40;
	frame[23] = 17;
	assert_false(steer_peek(frame, sizeof(ip4_tcp), &t));
	frame[23] = 6;
	frame[13] = 6;
	assert_false(steer_peek(frame, sizeof(ip4_tcp), &t));
}

/* An error about what we sent belongs to the lane where the answers to it arrive. */
static void
an_icmp_error_belongs_to_the_flow_that_it_quotes(void **state)
{
	uint8_t frame[128] = { 0 };
	struct steer_tuple t;

	(void)state;
	memcpy(frame, ip4_tcp, sizeof(ip4_tcp));
	frame[14] = 0x45;
	frame[23] = 1; /* ICMP */
	frame[34] = 3; /* unreachable */
	memcpy(frame + 42, ip4_tcp + 14, sizeof(ip4_tcp) - 14);
	assert_true(steer_peek(frame, 42 + sizeof(ip4_tcp) - 14, &t));
	assert_int_equal(t.src_port, 80);
	assert_int_equal(t.dst_port, 0x1234);
	assert_int_equal(t.src.b[15], 2);
	frame[34] = 8; /* echo: quotes nothing */
	assert_false(steer_peek(frame, 42 + sizeof(ip4_tcp) - 14, &t));
}

static void
no_frame_makes_the_look_leave_its_bytes(void **state)
{
	struct steer_tuple t;
	struct prng prng;

	(void)state;
	prng_init(&prng, 11);
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t n = prng_below(&prng, 80);
		uint8_t *frame = malloc(n + 1);
		static const uint8_t types[3][2] = { { 8, 0 }, { 0x86, 0xdd }, { 0x81, 0 } };

		for (uint32_t k = 0; k < n; k++)
			frame[k] = (uint8_t)(prng_u32(&prng) & 0x4f);
		if (n > 13)
			memcpy(frame + 12, types[prng_below(&prng, 3)], 2);
		if (n > 24 && i % 2 == 0)
			frame[i % 4 == 0 ? 20 : 23] = (uint8_t)(i % 8 < 4 ? 58 : 1);
		frame = realloc(frame, n > 0 ? n : 1); /* the sanitizer guards the end */
		steer_peek(frame, n, &t);
		free(frame);
	}
}

struct pair {
	struct mesh *mesh;
	uint32_t got;
};

static void *
take_all(void *arg)
{
	struct pair *pair = arg;
	struct mesh_message message;

	while (pair->got < 20000) {
		if (mesh_rung(pair->mesh, 1) == 0)
			sched_yield();
		while (mesh_hear(pair->mesh, 0, 1, &message)) {
			if (message.learned.path != (uint16_t)pair->got)
				return NULL;
			pair->got++;
		}
	}
	return NULL;
}

static void
no_message_is_lost_or_torn_between_two_threads(void **state)
{
	struct pair pair = { .mesh = mesh_of(2, 1, false) };
	struct mesh_message message = { .topic = MESH_LEARNED };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, take_all, &pair), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		message.learned.path = (uint16_t)i;
		while (mesh_tell(pair.mesh, 0, &message) != 0)
			sched_yield();
	}
	pthread_join(thread, NULL);
	assert_int_equal(pair.got, 20000);
	free(pair.mesh);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lowest_lane_on_a_queue_has_it),
		cmocka_unit_test(packets_go_to_one_lane_in_order_and_a_full_ring_refuses),
		cmocka_unit_test(a_message_reaches_every_other_lane_once),
		cmocka_unit_test(a_sleeping_lane_is_woken_and_one_with_work_does_not_fall_asleep),
		cmocka_unit_test(flows_arrive_at_the_queue_of_their_lane_when_the_key_is_known),
		cmocka_unit_test(one_flow_at_a_wrong_queue_switches_its_port_to_hand_over),
		cmocka_unit_test(a_port_without_spreading_or_a_single_lane_needs_no_judging),
		cmocka_unit_test(the_tuple_of_a_frame_is_what_a_card_would_hash),
		cmocka_unit_test(an_icmp_error_belongs_to_the_flow_that_it_quotes),
		cmocka_unit_test(no_frame_makes_the_look_leave_its_bytes),
		cmocka_unit_test(no_message_is_lost_or_torn_between_two_threads),
	};

	return cmocka_run_group_tests_name("mesh", tests, NULL, NULL);
}
