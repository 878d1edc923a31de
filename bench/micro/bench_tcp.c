/*
 * bench_tcp.c - ticks per packet through the TCP engine: input and output of handshakes, small
 * requests and bulk, over a few connections and over so many that the caches do not hold them.
 *
 * Two engines face each other; packets go from one to the other without ports or net. The budget
 * (design, section 6) is 250 cycles a packet each way, decoding not included.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/counters.h"
#include "base/limits.h"
#include "micro/bench.h"
#include "micro/buf_list.h"
#include "tcp/tcp.h"
#include "wire/ip.h"
#include "wire/seg.h"

enum {
	FEW = 64, /* connections; multiples of TURN */
	MANY = 10240,
	TURN = 32, /* of them say something in one turn */
	REQUEST = 200,
	ANSWER = 300,
	BULK_BUFS = 64,
	BULK_TURNS = 32, /* per round */
	TALK_TURNS = 20, /* per round */
};

struct side {
	struct tcp *tcp;
	struct counters count;
	struct ip_addr addr;
	struct tcp_id *id;
	uint64_t in_ticks, in_n, out_ticks, out_n;
};

static struct side side[2];
static struct buf_pool *pool;
static struct tcp_path path = { .mtu = 1500, .csum_tx = true, .multi_segs = true };
static struct tcp_out out;
static struct buf *flying[2][TCP_OUT_PACKETS];
static uint32_t flying_n[2];
static uint64_t now = 1000000000000;
static uint32_t conns;

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
	size_t size = tcp_size(&conf);
	uint8_t v4[4] = { 10, 0, 0, (uint8_t)(1 + i) };
	static const struct ip_addr any;

	side[i].addr = ip_from_v4(v4);
	side[i].id = bench_memory(conns * sizeof(*side[i].id));
	/* Paged in, so that handshakes do not measure the kernel. */
	side[i].tcp = tcp_init(memset(bench_memory(size), 0, size), &conf, now);
	if (i == 1 && !tcp_listen(side[i].tcp, &any, 80, 0))
		bench_die("cannot listen");
}

/* ---- turns ---- */

static void
decode(struct buf *b, struct tcp_seg *seg)
{
	struct ip ip;
	const uint8_t *p = buf_data(b);

	if (ip4_parse(p, b->m.data_len, b->m.pkt_len, true, &ip) != WIRE_OK)
		bench_die("not IP");
	memset(seg, 0, sizeof(*seg));
	seg->src = ip.src;
	seg->dst = ip.dst;
	if (seg_parse(p + ip.header_n, b->m.data_len - ip.header_n, ip.payload_n, seg) != WIRE_OK)
		bench_die("not TCP");
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
		begin = bench_ticks();
		tcp_input(side[i].tcp, seg, &flying[i][at], burst, now, &out);
		side[i].in_ticks += bench_ticks() - begin;
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
	uint64_t begin = bench_ticks();
	uint32_t n;

	tcp_advance(side[i].tcp, now, &out);
	n = out.packet_n;
	side[i].out_ticks += bench_ticks() - begin;
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
		side[i].in_ticks = side[i].in_n = side[i].out_ticks = side[i].out_n = 0;
}

/* ---- what is measured ---- */

/* Input and output, of both sides together, since the clocks were set back. */
static void
put(struct bench_op *in, struct bench_op *o)
{
	bench_put(in, side[0].in_ticks + side[1].in_ticks, side[0].in_n + side[1].in_n);
	bench_put(o, side[0].out_ticks + side[1].out_ticks, side[0].out_n + side[1].out_n);
}

static void
measure(const char *in_name, const char *out_name, void (*round)(void))
{
	static struct bench_op in, o;

	if (!bench_wants(in_name) && !bench_wants(out_name))
		return;
	in.name = in_name;
	o.name = out_name;
	in.n = o.n = 0;
	for (uint32_t i = 0; i < bench_rounds(); i++) {
		reset_clocks();
		round();
		if (bench_is_warm(i))
			put(&in, &o);
	}
	bench_print(&in);
	bench_print(&o);
}

static void
connect_all(void)
{
	static struct bench_op in = { .name = "tcp/handshake-input" };
	static struct bench_op o = { .name = "tcp/handshake-output" };

	in.n = o.n = 0;
	reset_clocks();
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
			bench_die("cannot connect");
		if (c % TURN != TURN - 1)
			continue;
		settle();
		put(&in, &o);
		reset_clocks();
	}
	if (conns == bench_size(MANY)) {
		bench_print(&in);
		bench_print(&o);
	}
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

static void
talk_turn(uint32_t c)
{
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

/* Request and answer over every connection in turn, ACKs riding on data. */
static void
talk(void)
{
	static uint32_t c;

	for (uint32_t i = 0; i < TALK_TURNS; i++, c += TURN)
		talk_turn(c % conns);
}

static void
bulk(void)
{
	for (uint32_t i = 0; i < BULK_TURNS; i++) {
		now += 20000;
		for (uint32_t k = 0; k < BULK_BUFS; k++)
			say(0, i % 4, 1448);
		for (uint32_t k = 0; k < 4; k++) {
			output(0);
			input(1);
			for (uint32_t c = 0; c < 4; c++)
				hear(1, c);
			output(1);
			input(0);
		}
	}
}

static void
open_both(uint32_t n)
{
	conns = n;
	open_side(0);
	open_side(1);
	connect_all();
}

int
main(int argc, char **argv)
{
	bench_open("bench_tcp", argc, argv);
	pool = buf_list_open(20000 + MANY * 2);
	open_both(FEW);
	measure("tcp/request-input", "tcp/request-output", talk);
	measure("tcp/bulk-input", "tcp/bulk-output", bulk);
	open_both(bench_size(MANY));
	measure("tcp/10k-request-input", "tcp/10k-request-output", talk);
	return bench_close();
}
