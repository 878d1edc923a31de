/*
 * town.c - see town.h.
 */
#include "town.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "abi/build.h"
#include "wire/checksum.h"
#include "wire/ip.h"

enum {
	TOWN_PORT = 20000, /* source port of connection 0 */
};

static const uint8_t key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};
static const uint8_t our_ip[4] = { 10, 0, 0, 1 }, peer_ip[4] = { 10, 0, 0, 2 };
static const struct mac our_mac = { { 2, 0, 0, 0, 0, 1 } }, peer_mac = { { 2, 0, 0, 0, 0, 2 } };
const struct ip_addr town_ip6 = { .b = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
static uint16_t spread_queues;

uint16_t
town_spread_right(const uint8_t *frame, uint32_t n)
{
	struct steer_tuple t;
	struct toeplitz toeplitz;

	if (!steer_peek(frame, n, &t))
		return 0;
	toeplitz_init(&toeplitz, key, sizeof(key));
	return (uint16_t)(toeplitz_tuple(&toeplitz, &t.src, t.src_port, &t.dst, t.dst_port) % 128 %
			  spread_queues);
}

uint16_t
town_spread_wrong(const uint8_t *frame, uint32_t n)
{
	return (uint16_t)((town_spread_right(frame, n) + 1) % spread_queues);
}

/* ---- the port ---- */

static uint32_t
rx_burst(const struct portif *port, uint16_t queue, struct buf **ret_frame, uint32_t n)
{
	struct town *town = port->self;
	struct town_queue *q = &town->queue[queue];
	uint32_t got = 0;

	assert_int_equal(town->turning, queue); /* the lowest lane on the queue polls it */
	if (n < port->facts.burst_least)
		return 0; /* as vector receive paths of cards do */
	while (got < n && q->rx_at < q->rx_n)
		ret_frame[got++] = q->rx[q->rx_at++];
	if (q->rx_at == q->rx_n)
		q->rx_at = q->rx_n = 0;
	return got;
}

static void town_hear(struct town *town, struct buf *frame);

static uint32_t
tx_burst(const struct portif *port, uint16_t queue, struct buf **frame, uint32_t n)
{
	struct town *town = port->self;

	if (town->queue[queue].is_stuck)
		return 0;
	if (town->turning != queue)
		town->wrong_lane_tx += n;
	for (uint32_t i = 0; i < n; i++)
		town_hear(town, frame[i]);
	return n;
}

static bool
is_up(const struct portif *port)
{
	return !((const struct town *)port->self)->is_down;
}

static const struct portif_ops ops = { .rx_burst = rx_burst, .tx_burst = tx_burst, .is_up = is_up };

/* ---- the peer ---- */

static void
deliver(struct town *town, struct buf *frame)
{
	uint16_t queue = 0;
	struct town_queue *q;

	if (town->spread != NULL)
		queue = town->spread(buf_data(frame), frame->m.data_len);
	q = &town->queue[queue];
	assert_true(q->rx_n < TOWN_WIRE);
	q->rx[q->rx_n++] = frame;
}

static void
put_eth(const struct town *town, struct buf *frame, uint16_t type)
{
	struct eth eth = { .dst = our_mac, .src = town->mac, .type = type };

	eth_emit(&eth, buf_prepend(frame, eth_size(&eth)));
	frame->path = 0;
}

/* The bytes from off on, of a packet, as a fragment of it; the frame is whole. */
static struct buf *
piece_of(struct town *town, const struct buf *packet, uint32_t off, uint32_t n, bool more)
{
	struct buf *b = buf_take(town->wire);
	const uint8_t *from = buf_data(packet);
	uint8_t *p = buf_append(b, IP4_HEADER + n);
	struct be16 sum;

	memcpy(p, from, IP4_HEADER);
	memcpy(p + IP4_HEADER, from + IP4_HEADER + off, n);
	p[2] = (uint8_t)((IP4_HEADER + n) >> 8);
	p[3] = (uint8_t)(IP4_HEADER + n);
	p[4] = from[IP4_HEADER]; /* the source port: one packet a connection */
	p[5] = from[IP4_HEADER + 1];
	p[6] = more ? 0x20 : 0;
	p[7] = (uint8_t)(off / 8);
	p[10] = p[11] = 0;
	sum = csum_done(csum_add(p, IP4_HEADER));
	memcpy(p + 10, &sum, 2);
	put_eth(town, b, ETH_TYPE_IP4);
	return b;
}

/* Packets of some length in two pieces. */
static void
deliver_packet(struct town *town, struct buf *packet)
{
	uint32_t n = packet->m.pkt_len - IP4_HEADER, cut = SEG_HEADER + 4;

	if (!town->cuts || n <= cut) {
		put_eth(town, packet, ETH_TYPE_IP4);
		deliver(town, packet);
		return;
	}
	if (!town->forgets)
		deliver(town, piece_of(town, packet, cut, n - cut, false));
	deliver(town, piece_of(town, packet, 0, cut, true));
	buf_give(packet);
}

static void
send_seg(struct town *town, uint32_t i, uint8_t flags, const char *text)
{
	struct town_conn *c = &town->conn[i];
	struct buf *b = buf_take(town->wire);
	uint32_t n = (uint32_t)strlen(text);
	struct tcp_seg seg = {
		.src = ip_from_v4(peer_ip),
		.dst = ip_from_v4(our_ip),
		.src_port = (uint16_t)(TOWN_PORT + i),
		.dst_port = 80,
		.seq = c->seq,
		.ack = c->ack,
		.flags = flags,
		.wnd = 65535,
		.mss = (flags & TCP_SYN) != 0 ? 1460 : 0,
	};
	struct seg_how how = { 0 };

	assert_non_null(b);
	memcpy(buf_append(b, n), text, n);
	seg_emit_packet(&seg, &how, b);
	c->seq = seq_add(c->seq, n + ((flags & (TCP_SYN | TCP_FIN)) != 0 ? 1 : 0));
	deliver_packet(town, b);
}

static void
send_arp(struct town *town, const struct arp *arp)
{
	struct buf *b = buf_take(town->wire);

	assert_non_null(b);
	arp_emit(arp, buf_append(b, ARP_SIZE));
	put_eth(town, b, ETH_TYPE_ARP);
	deliver(town, b);
}

void
town_ask_arp(struct town *town)
{
	send_arp(town, &(struct arp){ .op = ARP_REQUEST,
				      .sender_mac = town->mac,
				      .sender = ip_from_v4(peer_ip),
				      .target = ip_from_v4(our_ip) });
}

static void
answer_arp(struct town *town, const struct arp *asked)
{
	struct arp arp = { .op = ARP_REPLY,
			   .sender_mac = town->mac,
			   .sender = ip_from_v4(peer_ip),
			   .target_mac = asked->sender_mac,
			   .target = asked->sender };

	town->arp_heard += asked->op == ARP_REPLY && ip_eq(&asked->target, &arp.sender);
	if (asked->op != ARP_REQUEST || !ip_eq(&asked->target, &arp.sender))
		return;
	send_arp(town, &arp);
	town->arp_answers++;
}

/* Once open it asks; what comes is counted and acknowledged; a FIN is answered by one. */
static void
hear_seg(struct town *town, const struct tcp_seg *seg, const struct buf *frame)
{
	uint32_t i = (uint32_t)seg->dst_port - TOWN_PORT;
	struct town_conn *c = &town->conn[i];
	bool is_fin = (seg->flags & TCP_FIN) != 0;

	assert_true(i < TOWN_CONNS);
	if ((seg->flags & TCP_RST) != 0) {
		town->resets++;
		return;
	}
	if ((seg->flags & TCP_SYN) != 0) {
		c->ack = seq_add(seg->seq, 1);
		if (!c->is_open && town->moves)
			town->mac.b[5]++;
		if (!c->is_open)
			send_seg(town, i, TCP_ACK | TCP_PSH,
				 "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		c->is_open = true;
		return;
	}
	if (!seq_eq(seg->seq, c->ack))
		return;
	if (c->bytes == 0 && seg->payload_n >= 12)
		memcpy(c->head, buf_data(frame) + seg->payload_off, 12);
	c->bytes += seg->payload_n;
	c->ack = seq_add(c->ack, seg->payload_n + is_fin);
	if (is_fin)
		c->is_done = true;
	if (is_fin || seg->payload_n > 0)
		send_seg(town, i, TCP_ACK | (is_fin ? TCP_FIN : 0), "");
}

static struct buf *
linear(struct town *town, struct buf *frame)
{
	struct buf *b = buf_take(town->wire);

	assert_non_null(b);
	for (const struct buf *s = frame; s != NULL; s = buf_next(s))
		memcpy(buf_append(b, s->m.data_len), buf_data(s), s->m.data_len);
	buf_give(frame);
	return b;
}

static void
town_hear(struct town *town, struct buf *frame)
{
	struct wire_port wire = { .mac = town->mac };
	struct wire_packet packet;
	struct tcp_seg seg;

	frame = linear(town, frame);
	if (wire_decode(frame, &wire, &packet, &seg) == WIRE_OK) {
		if (packet.kind == WIRE_ARP)
			answer_arp(town, &packet.arp);
		else if (packet.kind == WIRE_TCP)
			hear_seg(town, &seg, frame);
	}
	buf_give(frame);
}

void
town_ask(struct town *town, uint32_t i)
{
	town->conn[i] = (struct town_conn){ .seq = seq_of(1000 * i) };
	send_seg(town, i, TCP_SYN, "");
}

void
town_send(struct town *town, struct buf *packet, uint16_t type)
{
	put_eth(town, packet, type);
	deliver(town, packet);
}

/* ---- the lanes ---- */

/* Of one set, each with a pattern of its own; slots from 0 on. */
static void
rules(struct img_build *b, uint32_t n, uint32_t incarnation)
{
	struct img_str file = img_build_text(b, "town.yaml");

	img_build_scope(b, &(struct img_scope){ .set = img_build_text(b, "town"),
						.folder = img_build_text(b, "/"),
						.kind = IMG_SCOPE_LOCAL,
						.rule_n = n,
						.input_n = 1 });
	img_build_input(b, &(struct img_input){ .kind = IMG_INPUT_PATH,
						.expr_i = IMG_NONE,
						.pattern_n = n,
						.blob_i = IMG_NONE });
	for (uint32_t i = 0; i < n; i++) {
		struct img_str text = img_build_text(b, "^a");

		img_build_pattern(
			b, &(struct img_pattern){ .text = text, .regex = text, .gate = IMG_NONE });
		img_build_rule(b, &(struct img_rule){ .slot = i,
						      .incarnation = incarnation,
						      .name = text,
						      .file = file,
						      .flags = IMG_RULE_ALWAYS,
						      .pattern_i = i,
						      .action = IMG_ACTION_ABORT,
						      .url_expr_i = IMG_NONE,
						      .reason_expr_i = IMG_NONE,
						      .body_expr_i = IMG_NONE,
						      .farm_i = IMG_NONE });
	}
}

static struct view *
view_of_town(const struct town *town, uint64_t generation, uint32_t rule_n, uint32_t incarnation)
{
	struct abi_fault fault;
	struct img_build b;
	struct view *view;
	void *bytes;
	size_t n;

	img_build_init(&b, realloc);
	img_build_machine(&b, &(struct img_machine){ .lanes = town->lane_n,
						     .flags = town->flags,
						     .conns_max = 2048,
						     .server_slots = 16,
						     .head_max_bytes = 16384,
						     .target_max_bytes = 8192,
						     .fields_max = 100,
						     .pseudonym = img_build_text(&b, "town") });
	img_build_core(&b, &(struct img_core){ .cpu = 0 });
	img_build_port(&b, &(struct img_port){ .name = img_build_text(&b, "p"),
					       .device = img_build_text(&b, "p0"),
					       .kind = IMG_DEVICE_PACKET });
	img_build_address(&b, &(struct img_address){ .ip = ip_from_v4(our_ip), .prefix = 24 });
	img_build_address(&b, &(struct img_address){ .ip = town_ip6, .prefix = 64 });
	img_build_listener(&b, &(struct img_listener){ .slot = 1,
						       .incarnation = 1,
						       .name = img_build_text(&b, "web"),
						       .ip = ip_from_v4(our_ip),
						       .port_i = (uint32_t)IMG_NONE,
						       .tcp_port = 80,
						       .farm_i = (uint32_t)IMG_NONE,
						       .head_ns = 10000000000u,
						       .body_ns = 10000000000u,
						       .idle_ns = 10000000000u,
						       .send_ns = 10000000000u });
	if (rule_n > 0)
		rules(&b, rule_n, incarnation);
	assert_true(img_build_finish(&b, &bytes, &n));
	img_build_fini(&b);
	view = view_of(bytes, n, generation, town->lane_n, &fault);
	if (view == NULL) {
		char text[ABI_FAULT_TEXT_BYTES];

		fail_msg("%s", abi_fault_print(&fault, text, sizeof(text)));
	}
	free(bytes);
	return view;
}

static void
open_port(struct town *town, const struct town_conf *conf)
{
	struct portif_facts *facts = &town->port.facts;

	town->port.ops = &ops;
	town->port.self = town;
	town->spread = conf->spread;
	spread_queues = conf->queue_n;
	memcpy(facts->mac, our_mac.b, 6);
	facts->mtu = 1500;
	facts->queue_n = conf->queue_n;
	facts->multi_segs = true;
	if (!conf->has_rss)
		return;
	facts->key_n = sizeof(key);
	memcpy(facts->key, key, sizeof(key));
	facts->reta_n = 128;
	for (uint16_t i = 0; i < 128; i++)
		facts->reta[i] = (uint16_t)(i % conf->queue_n);
}

static void *
zeroed(size_t n)
{
	void *p = aligned_alloc(64, (n + 63) / 64 * 64);

	assert_non_null(p);
	memset(p, 0, n);
	return p;
}

static void
open_lane(struct town *town, uint16_t i)
{
	struct lane_conf conf = {
		.lane_i = i,
		.port_n = 1,
		.port = &town->port,
		.mesh = town->mesh,
		.views = &town->views,
		.img = &town->view->img,
		.pool = town->pool,
		.reserve = town->reserve,
		.seed = { 5 + i, 6 },
		.is_speaker = i == 0,
	};

	lane_plan(conf.img, town->lane_n, buf_pool_size(town->pool), 0, &conf.plan);
	town->board_memory[i] = zeroed(board_bytes(conf.plan.server_slots));
	board_init(town->board_memory[i], i, 1, conf.plan.server_slots, &town->board[i]);
	conf.board = town->board[i];
	town->answers_memory[i] = zeroed(answers_bytes(TOWN_ANSWERS));
	answers_init(town->answers_memory[i], i, 1, TOWN_ANSWERS, &town->answers[i]);
	conf.answers = town->answers[i];
	town->lane_memory[i] = zeroed(lane_size(&conf));
	town->lane[i] = lane_init(town->lane_memory[i], &conf, town->now);
	lane_set_asks(town->lane[i], &town->asks.ask[i]);
}

void
town_open(struct town *town, const struct town_conf *conf)
{
	struct mesh_conf mesh = {
		.lane_n = conf->lane_n, .port_n = 1, .port = &town->port, .seed = 9
	};

	memset(town, 0, sizeof(*town));
	town->now = 1000000000;
	town->step_ns = 100000;
	town->mac = peer_mac;
	town->lane_n = conf->lane_n;
	town->pool = buf_heap_open(conf->bufs_n);
	town->reserve = buf_heap_open(64);
	town->wire = buf_heap_open(2 * TOWN_WIRE);
	open_port(town, conf);
	town->mesh = mesh_init(zeroed(mesh_size(&mesh)), &mesh);
	town->flags = conf->flags;
	town->view = view_of_town(town, 1, conf->rule_n, 1);
	view_set_init(&town->views, conf->lane_n);
	town->views.current = town->view;
	town->views.epoch++;
	for (uint16_t i = 0; i < conf->lane_n; i++)
		open_lane(town, i);
}

void
town_publish(struct town *town, uint32_t rule_n, uint32_t incarnation)
{
	town->views_before[town->published_n++] = town->view;
	town->view = view_of_town(town, 1 + town->published_n, rule_n, incarnation);
	town->views.current = town->view;
	town->views.epoch++;
}

void
town_close(struct town *town)
{
	for (uint16_t i = 0; i < town->lane_n; i++) {
		lane_fini(town->lane[i]);
		free(town->lane_memory[i]);
		free(town->board_memory[i]);
		free(town->answers_memory[i]);
	}
	for (uint32_t q = 0; q < TOWN_LANES; q++) {
		while (town->queue[q].rx_at < town->queue[q].rx_n)
			buf_give(town->queue[q].rx[town->queue[q].rx_at++]);
	}
	mesh_fini(town->mesh);
	free(town->mesh);
	view_close(town->view);
	for (uint32_t i = 0; i < town->published_n; i++)
		view_close(town->views_before[i]);
	assert_int_equal(buf_heap_out_n(town->pool), 0);
	buf_heap_close(town->pool);
	buf_heap_close(town->reserve);
	buf_heap_close(town->wire);
}

void
town_run(struct town *town, uint32_t rounds)
{
	for (uint32_t r = 0; r < rounds; r++) {
		for (uint16_t i = 0; i < town->lane_n; i++) {
			town->turning = i;
			lane_turn(town->lane[i], town->now);
		}
		town->now += town->step_ns;
	}
}

uint64_t
town_sum(const struct town *town, size_t counter_offset)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < town->lane_n; i++) {
		const uint8_t *at = (const uint8_t *)town->board[i].counters + counter_offset;
		uint64_t v;

		memcpy(&v, at, sizeof(v));
		sum += v;
	}
	return sum;
}
