/*
 * bench_wire.c - cycles per packet below TCP: decoding a frame, emitting a segment, finding its way
 * out; and what connections need there: flow hash, timers, source ports.
 *
 * Prints the median over rounds, each the mean of many; cycles are those of the time stamp counter.
 * All memory is warm: these are floors, not what a lane with a million flows sees. Budget: a packet
 * costs 250 cycles from port to TCP or back (design, section 6).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <x86intrin.h>

#include "abi/counters.h"
#include "base/buf_heap.h"
#include "base/hash.h"
#include "base/wheel.h"
#include "net/net.h"
#include "net/ports.h"
#include "wire/wire.h"

enum {
	ROUNDS = 101,
	TIMES = 1000, /* per round */
	TIMERS = 100000,
};

static struct buf_pool *pool;
static struct counters count;
static struct net *net;
static struct net_out out;
static struct net_ports *ports;
static struct wheel *wheel;
static struct buf *frame, *packet; /* received; to be sent */
static uint16_t packet_off;	   /* its data_off without headers */
static struct tcp_seg seg;
static struct seg_how how;
static uint64_t sink;

static const struct net_path path = { .mac = { { 2, 0, 0, 0, 0, 1 } }, .mtu = 1500 };
static const struct mac peer = { { 2, 0, 0, 0, 0, 9 } };

static struct ip_addr
v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return ip_from_v4((const uint8_t[]){ a, b, c, d });
}

static void
die(const char *why)
{
	fprintf(stderr, "bench_wire: %s\n", why);
	exit(1);
}

static void
decode(uint32_t i)
{
	const struct wire_port port = { .mac = path.mac };
	struct wire_packet got;
	struct tcp_seg got_seg;

	(void)i;
	if (wire_decode(frame, &port, &got, &got_seg) != WIRE_OK)
		die("a good frame is refused");
	sink += got_seg.wnd;
}

static void
reset_packet(void)
{
	packet->m.data_off = packet_off;
	packet->m.data_len = 0;
	packet->m.pkt_len = 0;
}

static void
emit(uint32_t i)
{
	(void)i;
	reset_packet();
	seg_emit_packet(&seg, &how, packet);
}

static void
emit_and_output(uint32_t i)
{
	emit(i);
	out.frame_n = 0;
	net_output(net, packet, 1, &out);
}

static void
is_ours(uint32_t i)
{
	(void)i;
	sink += net_is_ours(net, 0, &seg.src);
}

static void
flow(uint32_t i)
{
	const struct hash_key key = { { 1, 2 } };

	sink += hash_flow(&key, &seg.src, (uint16_t)i, &seg.dst, 80);
}

static void
timer(uint32_t i)
{
	wheel_set(wheel, i * 97 % TIMERS, i * UINT64_C(1000003));
}

static bool
is_free(void *ctx, uint16_t port)
{
	(void)ctx;
	(void)port;
	return true;
}

static void
port(uint32_t i)
{
	struct net_ports_ask ask = {
		.remote_port = 80, .local = seg.src, .remote = seg.dst, .is_free = is_free
	};
	uint16_t got = 0;

	(void)i;
	if (!net_ports_pick(ports, &ask, &got))
		die("no port");
	sink += got;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
measure(const char *what, void (*once)(uint32_t i))
{
	uint64_t cycles[ROUNDS];

	for (uint32_t round = 0; round < ROUNDS + 10; round++) {
		uint64_t from = __rdtsc();

		for (uint32_t i = 0; i < TIMES; i++)
			once(i);
		if (round >= 10) /* the first ones warm caches and predictors up */
			cycles[round - 10] = (__rdtsc() - from) / TIMES;
	}
	qsort(cycles, ROUNDS, sizeof(cycles[0]), by_value);
	printf("%-40s %6" PRIu64 " cycles (fastest %" PRIu64 ")\n", what, cycles[ROUNDS / 2],
	       cycles[0]);
}

static void *
zalloc(size_t n)
{
	void *mem = aligned_alloc(64, n);

	if (mem == NULL)
		die("no memory");
	return memset(mem, 0, n);
}

static void
open_net(void)
{
	const struct net_conf conf = {
		.path_n = 1, .path = &path, .seed = 1, .pool = pool, .count = &count
	};
	const struct net_address address = { v4(10, 0, 0, 1), 24, 0 };
	const struct net_route route = { v4(0, 0, 0, 0), 0, 0, v4(10, 0, 0, 254) };
	struct net_learned learned = { .ip = v4(10, 0, 0, 9), .mac = peer, .is_confirmed = true };

	net = net_init(zalloc(net_size(&conf)), &conf, 1);
	net_configure(net, &address, 1, &route, 1, 1);
	net_learn(net, &learned, 1, &out);
	learned.ip = route.via;
	net_learn(net, &learned, 1, &out);
}

static void
open_ports(void)
{
	uint8_t key[40];
	uint16_t lane_of[128];
	const struct net_groups_conf groups_conf = { key, sizeof(key), 128, NET_PORT_FIRST,
						     NET_PORT_LAST };
	const struct net_ports_conf conf = { 1, NET_PORT_FIRST, NET_PORT_LAST, 1 };
	struct net_groups *groups = zalloc(net_groups_size());

	for (uint32_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)hash_mix(i);
	for (uint16_t i = 0; i < 128; i++)
		lane_of[i] = i % 8;
	ports = net_ports_init(zalloc(net_ports_size(&conf)), &conf);
	net_ports_steer(ports, 0, net_groups_init(groups, &groups_conf), lane_of, 3);
}

/* A received frame with n bytes of payload. */
static void
make_frame(uint32_t n)
{
	const struct eth eth = { .dst = path.mac, .src = peer, .type = ETH_TYPE_IP4 };
	struct tcp_seg in = { .src = v4(10, 0, 0, 9),
			      .dst = v4(10, 0, 0, 1),
			      .src_port = 5,
			      .dst_port = 80,
			      .flags = TCP_ACK,
			      .has_ts = true };

	frame = buf_take(pool);
	memset(buf_append(frame, n), 1, n);
	seg_emit_packet(&in, &(struct seg_how){ 0 }, frame);
	eth_emit(&eth, buf_prepend(frame, ETH_HEADER));
	frame->m.ol_flags = 0;
}

int
main(void)
{
	static const uint32_t sizes[] = { 0, 724, 1448 };
	char what[64];

	pool = buf_heap_open(16);
	open_net();
	open_ports();
	wheel = wheel_init(zalloc(wheel_size(TIMERS)), TIMERS, 0);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_frame(sizes[i]);
		snprintf(what, sizeof(what), "decode %" PRIu32 " bytes, our checksum", sizes[i]);
		measure(what, decode);
		frame->m.ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		snprintf(what, sizeof(what), "decode %" PRIu32 " bytes, the port's", sizes[i]);
		measure(what, decode);
	}
	packet = buf_take(pool);
	packet_off = packet->m.data_off;
	seg = (struct tcp_seg){ .src = v4(10, 0, 0, 1),
				.dst = v4(10, 0, 0, 9),
				.src_port = 80,
				.dst_port = 5,
				.flags = TCP_ACK,
				.has_ts = true };
	measure("emit a segment, our checksum", emit);
	how.csum_tx = true;
	measure("emit a segment, the port's", emit);
	measure("the same and out, on the link", emit_and_output);
	seg.dst = v4(192, 0, 2, 1);
	measure("the same and out, by the gateway", emit_and_output);
	measure("net_is_ours", is_ours);
	measure("hash_flow", flow);
	measure("wheel_set", timer);
	measure("net_ports_pick", port);
	return sink == 0;
}
