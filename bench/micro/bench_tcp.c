/*
 * bench_tcp.c - cycles per packet through the TCP engine: input and output of small requests, bulk
 * in and bulk out, over many connections, so that their records do not all stay in the cache.
 *
 * Two engines face each other; packets go from one to the other without ports or net. The budget
 * (design, section 6) is 250 cycles a packet each way, decoding not included.
 *
 *	bench_tcp [CONNECTIONS]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <x86intrin.h>

#include "abi/counters.h"
#include "micro/buf_list.h"
#include "base/limits.h"
#include "tcp/tcp.h"
#include "wire/ip.h"
#include "wire/seg.h"

enum {
	ROUNDS = 200,
	TURN = 32, /* connections that say something in one turn */
	REQUEST = 200,
	ANSWER = 300,
	BULK_BUFS = 64,
};

struct side {
	struct tcp *tcp;
	void *mem;
	struct counters count;
	struct ip_addr addr;
	struct tcp_id *id;
	uint64_t in_cycles, in_n, out_cycles, out_n;
};

static struct side side[2];
static struct buf_pool *pool;
static struct tcp_path path = { .mtu = 1500, .csum_tx = true, .multi_segs = true };
static struct tcp_out out;
static struct buf *flying[2][TCP_OUT_PACKETS];
static uint32_t flying_n[2];
static uint64_t now = 1000000000000;
static uint32_t conns = 10000;

static void
die(const char *why)
{
	fprintf(stderr, "bench_tcp: %s\n", why);
	exit(1);
}

static void
open_side(uint32_t i)
{
	struct tcp_conf conf = {
		.conns_max = conns + 16,
		.listeners_max = 1,
		.backlog_max = conns,
		.bufs_max = 1000000,
		.send_max_bytes = 1 << 20,
		.recv_max_bytes = 1 << 20,
		.time_wait_ns = 1000000000,
		.connect_ns = 60000000000,
		.keepalive_idle_ns = 600000000000,
		.seed = { i, 7 },
		.path = &path,
		.path_n = 1,
		.pool = pool,
		.count = &side[i].count,
	};
	uint8_t v4[4] = { 10, 0, 0, (uint8_t)(1 + i) };
	static const struct ip_addr any;

	side[i].addr = ip_from_v4(v4);
	side[i].mem = aligned_alloc(64, tcp_size(&conf));
	side[i].id = calloc(conns, sizeof(*side[i].id));
	if (side[i].mem == NULL || side[i].id == NULL)
		die("no memory");
	memset(side[i].mem, 0, tcp_size(&conf));
	side[i].tcp = tcp_init(side[i].mem, &conf, now);
	if (i == 1 && !tcp_listen(side[i].tcp, &any, 80, 0))
		die("cannot listen");
}

/* ---- turns ---- */

static void
decode(struct buf *b, struct tcp_seg *seg)
{
	struct ip ip;
	const uint8_t *p = buf_data(b);

	if (ip4_parse(p, b->m.data_len, b->m.pkt_len, true, &ip) != WIRE_OK)
		die("not IP");
	memset(seg, 0, sizeof(*seg));
	seg->src = ip.src;
	seg->dst = ip.dst;
	if (seg_parse(p + ip.header_n, b->m.data_len - ip.header_n, ip.payload_n, seg) != WIRE_OK)
		die("not TCP");
	seg->payload_off = (uint16_t)(seg->payload_off + ip.header_n);
}

static void
take_events(uint32_t i)
{
	for (uint32_t k = 0; k < out.event_n; k++) {
		const struct tcp_event *e = &out.event[k];
		struct tcp_info info;

		if ((e->bits & TCP_EV_ACCEPTED) == 0)
			continue;
		tcp_info(side[i].tcp, e->id, &info);
		side[i].id[info.remote_port - 1000u + (uint32_t)(info.remote.b[14] * 60000u)] =
			e->id;
	}
	out.event_n = 0;
}

static void
input(uint32_t i)
{
	struct tcp_seg seg[BURST_MAX];
	uint32_t n = flying_n[i];

	flying_n[i] = 0;
	for (uint32_t at = 0; at < n; at += BURST_MAX) {
		uint32_t burst = n - at < BURST_MAX ? n - at : BURST_MAX;
		uint64_t begin;

		for (uint32_t k = 0; k < burst; k++)
			decode(flying[i][at + k], &seg[k]);
		begin = __rdtsc();
		tcp_input(side[i].tcp, seg, &flying[i][at], burst, now, &out);
		side[i].in_cycles += __rdtsc() - begin;
		side[i].in_n += burst;
		take_events(i);
	}
}

/* What left is received in other buffers, as a wire would do, unless it is ours alone. */
static struct buf *
carried(struct buf *packet)
{
	struct buf *b = buf_take(pool);

	for (const struct buf *s = packet; s != NULL; s = buf_next(s))
		memcpy(buf_append(b, s->m.data_len), buf_data(s), s->m.data_len);
	buf_give(packet);
	return b;
}

static void
output(uint32_t i)
{
	uint64_t begin = __rdtsc();
	uint32_t n;

	tcp_advance(side[i].tcp, now, &out);
	n = out.packet_n;
	side[i].out_cycles += __rdtsc() - begin;
	side[i].out_n += n;
	take_events(i);
	for (uint32_t k = 0; k < n; k++)
		flying[1 - i][flying_n[1 - i]++] = carried(out.packet[k]);
	out.packet_n = 0;
}

static void
settle(void)
{
	do {
		now += 20000;
		for (uint32_t i = 0; i < 2; i++) {
			input(i);
			output(i);
		}
	} while (flying_n[0] + flying_n[1] > 0);
}

static void
reset_clocks(void)
{
	for (uint32_t i = 0; i < 2; i++)
		side[i].in_cycles = side[i].in_n = side[i].out_cycles = side[i].out_n = 0;
}

static void
print(const char *what)
{
	uint64_t in = side[0].in_cycles + side[1].in_cycles, in_n = side[0].in_n + side[1].in_n;
	uint64_t o = side[0].out_cycles + side[1].out_cycles, o_n = side[0].out_n + side[1].out_n;

	printf("%-34s input %6.1f output %6.1f cycles a packet, %" PRIu64 " packets\n", what,
	       (double)in / (double)in_n, (double)o / (double)o_n, in_n);
	reset_clocks();
}

/* ---- what is measured ---- */

static void
connect_all(void)
{
	for (uint32_t c = 0; c < conns; c++) {
		struct tcp_dial dial = {
			.local = side[0].addr,
			.remote = side[1].addr,
			.local_port = (uint16_t)(1000 + c % 60000),
			.remote_port = 80,
			.owner = c,
		};

		dial.local.b[14] = (uint8_t)(c / 60000);
		side[0].id[c] = tcp_connect(side[0].tcp, &dial, now);
		if (side[0].id[c].v == 0)
			die("cannot connect");
		if (c % TURN == TURN - 1)
			settle();
	}
	settle();
	print("handshake");
}

static void
say(uint32_t i, uint32_t c, uint32_t n)
{
	struct bufq q = { 0 };
	struct buf *b = buf_take(pool);

	b->at = BUF_HEADROOM;
	b->n = (uint16_t)n;
	bufq_push(&q, b);
	tcp_send(side[i].tcp, side[i].id[c], &q, false);
}

static void
hear(uint32_t i, uint32_t c)
{
	struct bufq q = { 0 };

	tcp_recv(side[i].tcp, side[i].id[c], &q);
	tcp_set_room(side[i].tcp, side[i].id[c], 1 << 20);
	bufq_give(&q);
}

/* Request and answer over every connection in turn, ACKs riding on data. */
static void
talk(void)
{
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t c = 0; c + TURN <= conns; c += TURN) {
			now += 20000;
			for (uint32_t k = 0; k < TURN; k++)
				say(0, c + k, REQUEST);
			output(0);
			input(1);
			for (uint32_t k = 0; k < TURN; k++) {
				hear(1, c + k);
				say(1, c + k, ANSWER);
			}
			output(1);
			input(0);
			for (uint32_t k = 0; k < TURN; k++)
				hear(0, c + k);
			output(0);
			input(1);
		}
	}
	print("requests and answers");
}

static void
bulk(void)
{
	for (uint32_t round = 0; round < ROUNDS * 100; round++) {
		now += 20000;
		for (uint32_t k = 0; k < BULK_BUFS; k++)
			say(0, round % 4, 1448);
		for (uint32_t k = 0; k < 4; k++) {
			output(0);
			input(1);
			for (uint32_t c = 0; c < 4; c++)
				hear(1, c);
			output(1);
			input(0);
		}
	}
	print("bulk");
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		conns = (uint32_t)strtoul(argv[1], NULL, 10);
	pool = buf_list_open(20000 + conns * 2);
	open_side(0);
	open_side(1);
	connect_all();
	talk();
	bulk();
	return 0;
}
