/*
 * net_lanes.c - several lanes on one port and a link of stations, in a seeded world with delay and
 * loss: every frame that comes in goes to a random lane, lanes tell each other what they heard.
 *
 * Always: each packet given to a lane is sent, waits, or is counted as dropped; every buffer comes
 * back; what is due is done. In the end, with the link whole and all stations up: every packet
 * arrives at its station, though some have changed their MAC in silence. One seed gives one trace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/counters.h"
#include "base/buf_heap.h"
#include "base/hash.h"
#include "base/prng.h"
#include "net/net.h"
#include "wire/ip.h"

enum {
	LANES = 4,
	STATIONS = 6,
	FLIGHTS = 4096,
	STEP_MS = 5,
	WILD_STEPS = 40000,   /* 200 s with loss and stations that come and go */
	CALM_STEPS = 14000,   /* 70 s: REACHABLE, DELAY and PROBE last up to 56 */
	PERFECT_STEPS = 2000, /* the last 10 s, in which every packet must arrive */
};

#define MS UINT64_C(1000000)

struct station {
	struct ip_addr ip;
	struct mac mac;
	bool is_up;
};

/* A frame under way to a lane or a station. */
struct flight {
	struct buf *frame;
	uint64_t due_ns;
	uint32_t order; /* frames due together land in the order they left */
	bool is_to_lane;
};

struct lane {
	struct net *net;
	struct counters count;
	struct net_out out;
	uint64_t given, sent; /* packets with a mark */
};

struct world {
	struct prng prng;
	uint64_t now, trace;
	uint32_t loss_percent, order;
	struct buf_pool *pool;
	struct lane lane[LANES];
	struct station station[STATIONS];
	struct flight flight[FLIGHTS];
	uint32_t flight_n;
	bool is_perfect;	 /* packets are counted, and marked so */
	uint64_t given, arrived; /* counted ones */
};

static const struct net_path path = { .mac = { { 2, 0, 0, 0, 0, 1 } }, .mtu = 1500 };

static struct ip_addr
our_ip(bool is_v4)
{
	return is_v4 ? ip_from_v4((const uint8_t[]){ 10, 0, 0, 1 })
		     : (struct ip_addr){ .b = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
}

static void
open_world(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	prng_init(&w->prng, seed);
	w->now = 1000 * MS;
	w->pool = buf_heap_open(FLIGHTS + 4096);
	for (uint32_t i = 0; i < LANES; i++) {
		const struct net_address address[] = { { our_ip(true), 24, 0 },
						       { our_ip(false), 64, 0 } };
		const struct net_conf conf = { .path_n = 1,
					       .path = &path,
					       .is_speaker = i == 0,
					       .seed = seed * LANES + i,
					       .pool = w->pool,
					       .count = &w->lane[i].count };

		w->lane[i].net = net_init(aligned_alloc(64, net_size(&conf)), &conf, w->now);
		net_configure(w->lane[i].net, address, 2, NULL, 0, w->now);
	}
	for (uint32_t i = 0; i < STATIONS; i++) {
		w->station[i] = (struct station){ .ip = our_ip(i % 2 == 0),
						  .is_up = true,
						  .mac = { { 2, 0, 0, 1, 0, (uint8_t)i } } };
		w->station[i].ip.b[15] = (uint8_t)(10 + i);
	}
}

static void
close_world(struct world *w)
{
	for (uint32_t i = 0; i < w->flight_n; i++)
		buf_give(w->flight[i].frame);
	for (uint32_t i = 0; i < LANES; i++) {
		net_fini(w->lane[i].net);
		free(w->lane[i].net);
	}
	buf_heap_close(w->pool);
}

static void
launch(struct world *w, struct buf *frame, bool is_to_lane)
{
	if (prng_below(&w->prng, 100) < w->loss_percent || w->flight_n == FLIGHTS) {
		buf_give(frame);
		return;
	}
	w->flight[w->flight_n++] = (struct flight){
		.frame = frame,
		.due_ns = w->now + prng_between(&w->prng, 0, 20 * MS),
		.order = w->order++,
		.is_to_lane = is_to_lane,
	};
}

/* ---- stations ---- */

static struct buf *
message(struct world *w, const struct mac *from, const struct mac *to, uint16_t type, uint32_t n)
{
	struct eth eth = { .dst = *to, .src = *from, .type = type };
	struct buf *b = buf_take(w->pool);

	assert_non_null(b);
	buf_append(b, n);
	eth_emit(&eth, buf_prepend(b, ETH_HEADER));
	return b;
}

static void
answer(struct world *w, const struct station *s, const struct wire_packet *asked)
{
	struct nd nd = { .is_advert = true,
			 .is_solicited = !ip_is_none(&asked->src),
			 .is_override = true,
			 .has_mac = true,
			 .mac = s->mac,
			 .target = s->ip };
	struct arp arp = { .op = ARP_REPLY,
			   .sender_mac = s->mac,
			   .sender = s->ip,
			   .target_mac = asked->eth.src,
			   .target = asked->arp.sender };
	struct buf *b;

	if (asked->kind == WIRE_ARP) {
		b = message(w, &s->mac, &path.mac, ETH_TYPE_ARP, ARP_SIZE);
		arp_emit(&arp, buf_data(b) + ETH_HEADER);
	} else {
		struct ip ip = { .src = s->ip,
				 .dst = asked->src,
				 .protocol = IP_PROTO_ICMP6,
				 .hop_limit = 255,
				 .payload_n = nd_size(&nd) };

		b = message(w, &s->mac, &path.mac, ETH_TYPE_IP6, IP6_HEADER + nd_size(&nd));
		ip_emit(&ip, buf_data(b) + ETH_HEADER);
		nd_emit(&nd, &ip.src, &ip.dst, buf_data(b) + ETH_HEADER + IP6_HEADER);
	}
	launch(w, b, true);
}

static bool
is_asked(const struct station *s, const struct wire_packet *packet)
{
	if (packet->kind == WIRE_ARP)
		return packet->arp.op == ARP_REQUEST && ip_eq(&packet->arp.target, &s->ip);
	return packet->kind == WIRE_ND && !packet->nd.is_advert &&
	       ip_eq(&packet->nd.target, &s->ip) && !ip_is_none(&packet->src);
}

static void
land_at_stations(struct world *w, struct buf *frame)
{
	for (uint32_t i = 0; i < STATIONS; i++) {
		const struct station *s = &w->station[i];
		const struct wire_port port = { .mac = s->mac };
		struct wire_packet packet;
		struct tcp_seg seg;
		enum wire_drop drop = wire_decode(frame, &port, &packet, &seg);

		if (!s->is_up)
			continue;
		if (drop == WIRE_OK && is_asked(s, &packet))
			answer(w, s, &packet);
		else if (drop == WIRE_DROP_TCP_TRUNCATED && ip_eq(&packet.dst, &s->ip))
			w->arrived += buf_data(frame)[frame->m.data_len - 1];
	}
	buf_give(frame);
}

/* ---- lanes ---- */

/* Packets of ours say that they are TCP; ARP and ND do not. */
static bool
is_marked(const struct buf *frame)
{
	const uint8_t *p = buf_data(frame);

	return (p[12] == 0x08 && p[13] == 0 && p[14 + 9] == IP_PROTO_TCP) ||
	       (p[12] == 0x86 && p[14 + 6] == IP_PROTO_TCP);
}

static void
empty_out(struct world *w, uint32_t lane_i)
{
	struct lane *lane = &w->lane[lane_i];
	struct net_out out = lane->out;

	net_out_clear(&lane->out);
	for (uint32_t i = 0; i < out.frame_n; i++) {
		w->trace = hash_mix(w->trace ^ w->now ^ out.frame[i]->m.data_len);
		w->trace = hash_mix(w->trace ^ buf_data(out.frame[i])[5] ^ lane_i << 8);
		lane->sent += is_marked(out.frame[i]);
		launch(w, out.frame[i], false);
	}
	assert_int_equal(out.conflict_n, 0);
	for (uint32_t i = 0; i < out.learned_n; i++)
		for (uint32_t k = 0; k < LANES; k++)
			if (k != lane_i) {
				net_learn(w->lane[k].net, &out.learned[i], w->now, &w->lane[k].out);
				empty_out(w, k);
			}
}

static void
land_at_lane(struct world *w, struct buf *frame)
{
	uint32_t lane_i = prng_below(&w->prng, LANES);
	const struct wire_port port = { .mac = path.mac };
	struct wire_packet packet;
	struct tcp_seg seg;

	frame->path = 0;
	assert_int_equal(wire_decode(frame, &port, &packet, &seg), WIRE_OK);
	net_input(w->lane[lane_i].net, frame, &packet, w->now, &w->lane[lane_i].out);
	empty_out(w, lane_i);
}

static void
give_packet(struct world *w, uint32_t lane_i, const struct station *s)
{
	struct ip ip = { .src = our_ip(ip_is_v4(&s->ip)),
			 .dst = s->ip,
			 .protocol = IP_PROTO_TCP,
			 .hop_limit = 64,
			 .payload_n = 1 };
	struct buf *b = buf_take(w->pool);

	assert_non_null(b);
	*(uint8_t *)buf_append(b, 1) = w->is_perfect;
	ip_emit(&ip, buf_prepend(b, ip_size(&ip.src)));
	b->path = 0;
	w->given += w->is_perfect;
	w->lane[lane_i].given++;
	net_output(w->lane[lane_i].net, b, w->now, &w->lane[lane_i].out);
	empty_out(w, lane_i);
}

static void
check_lane(const struct world *w, const struct lane *lane)
{
	const struct counters *count = &lane->count;

	assert_int_equal(lane->given, lane->sent + net_waiting_n(lane->net) + count->net_no_route +
					      count->net_wait_drops + count->net_unresolved);
	assert_true(net_deadline(lane->net) > w->now);
}

/* ---- time ---- */

static void
land_due(struct world *w)
{
	for (;;) {
		struct flight *first = NULL, landed;

		for (uint32_t i = 0; i < w->flight_n; i++) {
			struct flight *f = &w->flight[i];

			if (f->due_ns <= w->now &&
			    (first == NULL || f->due_ns < first->due_ns ||
			     (f->due_ns == first->due_ns && f->order < first->order)))
				first = f;
		}
		if (first == NULL)
			return;
		landed = *first;
		*first = w->flight[--w->flight_n];
		if (landed.is_to_lane)
			land_at_lane(w, landed.frame);
		else
			land_at_stations(w, landed.frame);
	}
}

static void
step(struct world *w)
{
	w->now += STEP_MS * MS;
	land_due(w);
	for (uint32_t i = 0; i < LANES; i++) {
		net_advance(w->lane[i].net, w->now, &w->lane[i].out);
		empty_out(w, i);
		check_lane(w, &w->lane[i]);
	}
	if (prng_one_in(&w->prng, 4))
		give_packet(w, prng_below(&w->prng, LANES),
			    &w->station[prng_below(&w->prng, STATIONS)]);
}

/* A station goes down, comes up, or lives on with another MAC and says nothing. */
static void
disturb(struct world *w)
{
	struct station *s = &w->station[prng_below(&w->prng, STATIONS)];

	if (prng_one_in(&w->prng, 2))
		s->is_up = !s->is_up;
	else
		s->mac.b[4]++;
}

static uint64_t
run(uint64_t seed)
{
	static struct world w;
	uint64_t trace;

	open_world(&w, seed);
	w.loss_percent = prng_below(&w.prng, 30);
	for (uint32_t i = 0; i < WILD_STEPS; i++) {
		step(&w);
		if (prng_one_in(&w.prng, 2000))
			disturb(&w);
	}
	w.loss_percent = 0;
	for (uint32_t i = 0; i < STATIONS; i++)
		w.station[i].is_up = true;
	for (uint32_t i = 0; i < CALM_STEPS; i++) {
		step(&w);
		w.is_perfect = i >= CALM_STEPS - PERFECT_STEPS;
	}
	for (uint32_t i = 0; i < 20; i++, w.now += STEP_MS * MS)
		land_due(&w);
	assert_true(w.given > 100);
	assert_int_equal(w.arrived, w.given);
	trace = w.trace;
	close_world(&w);
	return trace;
}

static void
lanes_find_their_neighbours_together(void **state)
{
	const char *seeds = getenv("PENSTOCK_SEEDS"), *seed = getenv("PENSTOCK_SEED");
	uint64_t n = seeds != NULL ? strtoull(seeds, NULL, 10) / 10 : 0;
	uint64_t first = seed != NULL ? strtoull(seed, NULL, 10) : 1;

	(void)state;
	n = n < 5 ? 5 : n;
	for (uint64_t i = first; i < first + n; i++)
		if (run(i) != run(i))
			fail_msg("seed %llu gives two traces", (unsigned long long)i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes_find_their_neighbours_together),
	};

	return cmocka_run_group_tests_name("net lanes", tests, NULL, NULL);
}
