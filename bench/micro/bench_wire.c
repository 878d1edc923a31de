/*
 * bench_wire.c - ticks per packet below TCP: decoding a frame, emitting a segment, finding its way
 * out; and what connections need there: flow hash and source ports.
 *
 * All memory is warm: these are floors, not what a lane with a million flows sees. Budget: a packet
 * costs 250 cycles from port to TCP or back (design, section 6).
 */
#include <string.h>

#include "abi/counters.h"
#include "base/buf_heap.h"
#include "base/hash.h"
#include "micro/bench.h"
#include "net/net.h"
#include "net/ports.h"
#include "wire/wire.h"

enum {
	TIMES = 1000, /* per round */
};

static struct buf_pool *pool;
static struct counters count;
static struct net *net;
static struct net_out out;
static struct net_ports *ports;
static struct buf *frame, *packet; /* received; to be sent */
static uint16_t packet_off;	   /* its data_off without headers */
static struct tcp_seg seg;
static struct seg_how how;

static const struct net_path path = { .mac = { { 2, 0, 0, 0, 0, 1 } }, .mtu = 1500 };
static const struct mac peer = { { 2, 0, 0, 0, 0, 9 } };

static struct ip_addr
v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return ip_from_v4((const uint8_t[]){ a, b, c, d });
}

static void
decode(uint32_t n)
{
	const struct wire_port port = { .mac = path.mac };
	struct wire_packet got;
	struct tcp_seg got_seg;

	for (uint32_t i = 0; i < n; i++) {
		if (wire_decode(frame, &port, &got, &got_seg) != WIRE_OK)
			bench_die("a good frame is refused");
		bench_keep(got_seg.wnd);
	}
}

static void
reset_packet(void)
{
	packet->m.data_off = packet_off;
	packet->m.data_len = 0;
	packet->m.pkt_len = 0;
}

static void
emit(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		reset_packet();
		seg_emit_packet(&seg, &how, packet);
	}
}

static void
emit_and_output(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		emit(1);
		out.frame_n = 0;
		net_output(net, packet, 1, &out);
	}
}

static void
is_ours(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		bench_keep(net_is_ours(net, 0, &seg.src));
}

static void
flow(uint32_t n)
{
	const struct hash_key key = { { 1, 2 } };

	for (uint32_t i = 0; i < n; i++)
		bench_keep(hash_flow(&key, &seg.src, (uint16_t)i, &seg.dst, 80));
}

static bool
is_free(void *ctx, uint16_t port)
{
	(void)ctx;
	(void)port;
	return true;
}

static void
port(uint32_t n)
{
	struct net_ports_ask ask = {
		.remote_port = 80, .local = seg.src, .remote = seg.dst, .is_free = is_free
	};
	uint16_t got = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!net_ports_pick(ports, &ask, &got))
			bench_die("no port");
		bench_keep(got);
	}
}

static void
open_net(void)
{
	const struct net_conf conf = {
		.path_n = 1, .path = &path, .seed = 1, .pool = pool, .count = &count
	};
	const struct net_address address = { v4(10, 0, 0, 1), 24, 0 };
	const struct net_route route = { v4(0, 0, 0, 0), 0, 0, v4(10, 0, 0, 254) };
	struct net_learned learned = {
		.ip = v4(10, 0, 0, 9), .mac = peer, .is_confirmed = true, .can_create = true
	};

	net = net_init(bench_memory(net_size(&conf)), &conf, 1);
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
	struct net_groups *groups = bench_memory(net_groups_size());

	for (uint32_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)hash_mix(i);
	for (uint16_t i = 0; i < 128; i++)
		lane_of[i] = i % 8;
	ports = net_ports_init(bench_memory(net_ports_size(&conf)), &conf);
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

static void
measure_decode(uint32_t payload_n, const char *ours, const char *ports_own)
{
	make_frame(payload_n);
	bench_run(ours, TIMES, NULL, decode);
	frame->m.ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	bench_run(ports_own, TIMES, NULL, decode);
	buf_give(frame);
}

int
main(int argc, char **argv)
{
	bench_open("bench_wire", argc, argv);
	pool = buf_heap_open(16);
	open_net();
	open_ports();
	measure_decode(0, "wire/decode-0", "wire/decode-0-csum-good");
	measure_decode(724, "wire/decode-724", "wire/decode-724-csum-good");
	measure_decode(1448, "wire/decode-1448", "wire/decode-1448-csum-good");
	packet = buf_take(pool);
	packet_off = packet->m.data_off;
	seg = (struct tcp_seg){ .src = v4(10, 0, 0, 1),
				.dst = v4(10, 0, 0, 9),
				.src_port = 80,
				.dst_port = 5,
				.flags = TCP_ACK,
				.has_ts = true };
	bench_run("wire/emit", TIMES, NULL, emit);
	how.csum_tx = true;
	bench_run("wire/emit-csum-port", TIMES, NULL, emit);
	bench_run("net/output-on-link", TIMES, NULL, emit_and_output);
	seg.dst = v4(192, 0, 2, 1);
	bench_run("net/output-by-gateway", TIMES, NULL, emit_and_output);
	bench_run("net/is-ours", TIMES, NULL, is_ours);
	bench_run("net/ports-pick", TIMES, NULL, port);
	bench_run("flow/hash", TIMES, NULL, flow);
	buf_give(packet);
	buf_heap_close(pool);
	return bench_close();
}
