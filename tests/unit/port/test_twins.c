/*
 * test_twins.c - what a port is asked to do and what is done here instead come to the same bytes:
 * packets that are to be cut are cut by DPDK's own librte_gso, sums that are left out are made by
 * DPDK's functions, and the result is compared with what our emitters and our engine make alone.
 * Runs on ordinary pages and needs no rights.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_gso.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "abi/counters.h"
#include "base/limits.h"
#include "stand.h"
#include "tcp/tcp.h"
#include "wire/wire.h"

enum {
	ETHER = 14,
	PIECES_MAX = 128,
	FRAMES_MAX = 2048,
	MSS = 1448, /* of 1500 with timestamps */
};

/* A frame as it would lie on a wire. */
struct frame {
	uint32_t n;
	uint8_t bytes[1600];
};

static uint8_t
payload_byte(uint32_t at)
{
	return (uint8_t)(at * 2654435761u >> 13);
}

static void
copy_out(const struct buf *packet, struct frame *ret_frame)
{
	assert_in_range(packet->m.pkt_len, 1, sizeof(ret_frame->bytes));
	ret_frame->n = 0;
	for (const struct buf *b = packet; b != NULL; b = buf_next(b)) {
		memcpy(ret_frame->bytes + ret_frame->n, buf_data(b), b->m.data_len);
		ret_frame->n += b->m.data_len;
	}
	assert_int_equal(ret_frame->n, packet->m.pkt_len);
}

static void
add_ether(struct buf *packet, bool is_v6)
{
	uint8_t ether[ETHER] = { [12] = is_v6 ? 0x86 : 0x08, [13] = is_v6 ? 0xdd : 0 };

	memcpy(buf_prepend(packet, ETHER), ether, ETHER);
	packet->m.l2_len = ETHER;
}

/* Does what ol_flags ask of a port with the checksums of a frame, by DPDK's own functions. */
static void
finish_sums(const struct rte_mbuf *m, struct frame *frame)
{
	struct rte_tcp_hdr *tcp = (void *)(frame->bytes + m->l2_len + m->l3_len);
	void *ip = frame->bytes + m->l2_len;

	assert_true((m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0);
	tcp->cksum = 0;
	if ((m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0) {
		tcp->cksum = rte_ipv6_udptcp_cksum(ip, tcp);
		return;
	}
	((struct rte_ipv4_hdr *)ip)->hdr_checksum = 0;
	((struct rte_ipv4_hdr *)ip)->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
}

/* The port's part of a packet with a link header: cut where that is asked. Takes it. */
static uint32_t
wire_of(struct buf *packet, struct frame *ret_frame, uint32_t max)
{
	struct rte_mbuf *piece[PIECES_MAX];
	struct rte_gso_ctx ctx = {
		.direct_pool = (struct rte_mempool *)pool,
		.indirect_pool = (struct rte_mempool *)pool,
		.flag = RTE_GSO_FLAG_IPID_FIXED,
		.gso_types = RTE_ETH_TX_OFFLOAD_TCP_TSO,
		.gso_size = (uint16_t)(packet->m.l2_len + packet->m.l3_len + packet->m.l4_len +
				       packet->m.tso_segsz),
	};
	int n;

	if ((packet->m.ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0) {
		copy_out(packet, ret_frame);
		if ((packet->m.ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0)
			finish_sums(&packet->m, ret_frame);
		buf_give(packet);
		return 1;
	}
	n = rte_gso_segment(&packet->m, &ctx, piece, PIECES_MAX);
	assert_in_range(n, 2, max);
	for (int i = 0; i < n; i++) {
		copy_out((struct buf *)piece[i], &ret_frame[i]);
		finish_sums(piece[i], &ret_frame[i]);
		rte_pktmbuf_free(piece[i]);
	}
	buf_give(packet);
	return (uint32_t)n;
}

/* ---- the emitter ---- */

struct shape {
	bool is_v6, has_ts;
	uint32_t seq, n; /* payload bytes from here on */
	uint8_t flags;
};

static struct buf *
emitted(const struct shape *shape, bool csum_tx, uint16_t tso_mss)
{
	static const uint8_t six[2][16] = { { 0xfd, 1, [15] = 3 }, { 0xfd, 1, [15] = 4 } };
	struct tcp_seg seg = { .src = ip_from_v4((const uint8_t[]){ 10, 1, 2, 3 }),
			       .dst = ip_from_v4((const uint8_t[]){ 10, 1, 2, 4 }),
			       .src_port = 1000,
			       .dst_port = 80,
			       .seq = seq_of(shape->seq),
			       .ack = seq_of(99),
			       .wnd = 5000,
			       .flags = shape->flags,
			       .has_ts = shape->has_ts,
			       .ts_val = 0x01020304,
			       .ts_ecr = 0x0a0b0c0d };
	struct buf *head = buf_take(pool), *tail = head;

	if (shape->is_v6) {
		memcpy(seg.src.b, six[0], 16);
		memcpy(seg.dst.b, six[1], 16);
	}
	for (uint32_t done = 0; done < shape->n;) { /* pieces of odd lengths, too */
		uint32_t left = shape->n - done, m = left < 1001 ? left : 1001;
		struct buf *b = buf_take(pool);
		uint8_t *at = buf_append(b, m);

		for (uint32_t i = 0; i < m; i++)
			at[i] = payload_byte(shape->seq + done + i);
		buf_chain(head, tail, b);
		tail = b;
		done += m;
	}
	seg_emit_packet(&seg, &(struct seg_how){ .csum_tx = csum_tx, .tso_mss = tso_mss }, head);
	add_ether(head, shape->is_v6);
	return head;
}

static void
expect_same(const struct frame *a, const struct frame *b)
{
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->bytes, b->bytes, a->n);
}

/* A sum that is left to the port is the sum that we would have made; both families. */
static void
sums_of_the_port_are_ours(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		for (uint32_t n = 0; n < 1400; n = n * 2 + 1) {
			struct shape shape = { (i & 1) != 0, (i & 2) != 0, 7000000, n, TCP_ACK };
			struct frame port, ours;

			assert_int_equal(wire_of(emitted(&shape, true, 0), &port, 1), 1);
			assert_int_equal(wire_of(emitted(&shape, false, 0), &ours, 1), 1);
			expect_same(&port, &ours);
		}
	}
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

/* Each piece that librte_gso cuts is the packet that we would have made of that piece. */
static void
pieces_of_the_port_are_ours(void **state)
{
	static const uint32_t sizes[] = { 2, MSS + 1, 2 * MSS - 1, 2 * MSS, 4097, 10 * MSS, 65000 };
	static const uint16_t segments[] = { 536, MSS, 1460 };
	static struct frame port[PIECES_MAX];

	(void)state;
	for (uint32_t k = 0; k < 3 * 2 * sizeof(sizes) / sizeof(sizes[0]); k++) {
		uint16_t mss = (uint16_t)(segments[k % 3] - (k / 3 % 2 != 0 ? 12 : 0));
		struct shape shape = { false, k / 3 % 2 != 0, 0xfffffff0u - 3000, sizes[k / 6],
				       TCP_ACK | TCP_PSH | TCP_FIN };
		uint32_t n = (shape.n + mss - 1) / mss, all = shape.n;

		if (n < 2)
			continue;
		assert_int_equal(wire_of(emitted(&shape, true, mss), port, PIECES_MAX), n);
		for (uint32_t i = 0; i < n; i++) {
			struct frame ours;

			shape.n = i < n - 1 ? mss : all - i * mss;
			shape.flags = i < n - 1 ? TCP_ACK : TCP_ACK | TCP_PSH | TCP_FIN;
			assert_int_equal(wire_of(emitted(&shape, false, 0), &ours, 1), 1);
			expect_same(&port[i], &ours);
			shape.seq += mss;
		}
	}
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

/* ---- the engine ---- */

struct side {
	struct tcp *tcp;
	void *mem;
	struct tcp_path path;
	struct counters count;
	struct tcp_id id;
};

/* Two engines and what lay on the wire from the first to the second. */
struct world {
	struct side side[2];
	struct ip_addr addr[2];
	struct tcp_out out;
	uint64_t now;
	struct frame *frame;
	uint32_t frame_n, packets, got;
};

static void
open_side(struct world *w, uint32_t i)
{
	struct side *s = &w->side[i];
	struct tcp_conf conf = { .conns_max = 16,
				 .listeners_max = 1,
				 .backlog_max = 8,
				 .bufs_max = 4000,
				 .send_max_bytes = 1 << 20,
				 .recv_max_bytes = 1 << 20,
				 .time_wait_ns = 1000000000,
				 .connect_ns = 60000000000,
				 .seed = { i, 7 },
				 .path = &s->path,
				 .path_n = 1,
				 .pool = pool,
				 .count = &s->count };
	static const struct ip_addr any;
	size_t size = (tcp_size(&conf) + 63) & ~(size_t)63;

	w->addr[i] = ip_from_v4((const uint8_t[]){ 10, 0, 0, (uint8_t)(1 + i) });
	s->path.mtu = 1500;
	s->mem = aligned_alloc(64, size);
	assert_non_null(s->mem);
	s->tcp = tcp_init(memset(s->mem, 0, size), &conf, w->now);
	if (i == 1)
		assert_true(tcp_listen(s->tcp, &any, 80, 0));
}

/* A frame comes to a side, which checks its sums. */
static void
hear(struct world *w, uint32_t i, const struct frame *frame)
{
	struct wire_port port = { 0 };
	struct wire_packet packet;
	struct tcp_seg seg;
	struct buf *b = buf_take(pool);

	memcpy(buf_append(b, frame->n), frame->bytes, frame->n);
	assert_int_equal(wire_decode(b, &port, &packet, &seg), WIRE_OK);
	tcp_input(w->side[i].tcp, &seg, &b, 1, w->now, &w->out);
}

static void
take_events(struct world *w, uint32_t i)
{
	for (uint32_t k = 0; k < w->out.event_n; k++) {
		const struct tcp_event *e = &w->out.event[k];

		if ((e->bits & TCP_EV_ACCEPTED) != 0)
			w->side[i].id = e->id;
		if ((e->bits & TCP_EV_READABLE) != 0) {
			struct bufq q = { 0 };

			w->got += tcp_recv(w->side[i].tcp, e->id, &q);
			tcp_set_room(w->side[i].tcp, e->id, 1 << 20);
			bufq_give(&q);
		}
	}
	w->out.event_n = 0;
}

/* What a side has to send reaches the other; false: nothing. */
static bool
carry(struct world *w, uint32_t from)
{
	static struct frame piece[PIECES_MAX];
	struct buf *packet[TCP_OUT_PACKETS];
	uint32_t packet_n;

	tcp_advance(w->side[from].tcp, w->now, &w->out);
	take_events(w, from);
	packet_n = w->out.packet_n;
	memcpy(packet, w->out.packet, packet_n * sizeof(packet[0]));
	w->out.packet_n = 0;
	for (uint32_t k = 0; k < packet_n; k++) {
		uint32_t n;

		add_ether(packet[k], false);
		n = wire_of(packet[k], piece, PIECES_MAX);
		w->packets += from == 0;
		for (uint32_t i = 0; i < n; i++) {
			if (from == 0) {
				assert_true(w->frame_n < FRAMES_MAX);
				w->frame[w->frame_n++] = piece[i];
			}
			hear(w, 1 - from, &piece[i]);
		}
	}
	take_events(w, 1 - from);
	return packet_n > 0;
}

static void
settle(struct world *w)
{
	bool found;

	do {
		w->now += 20000;
		found = carry(w, 0);
		found |= carry(w, 1);
	} while (found);
}

/* A client sends n bytes that lie in buffers of `each`, then its FIN. */
static void
play(struct world *w, const struct tcp_path *path, uint32_t n, uint32_t each)
{
	struct tcp_dial dial = { .local_port = 4000, .remote_port = 80 };
	struct bufq q = { 0 };

	memset(w, 0, sizeof(*w));
	w->now = 1000000000000;
	w->frame = calloc(FRAMES_MAX, sizeof(*w->frame));
	assert_non_null(w->frame);
	w->side[0].path = *path;
	open_side(w, 0);
	open_side(w, 1);
	dial.local = w->addr[0];
	dial.remote = w->addr[1];
	w->side[0].id = tcp_connect(w->side[0].tcp, &dial, w->now);
	settle(w);
	tcp_set_room(w->side[1].tcp, w->side[1].id, 1 << 20);
	for (uint32_t done = 0; done < n;) {
		uint32_t m = n - done < each ? n - done : each;
		struct buf *b = buf_take(pool);

		b->at = BUF_HEADROOM;
		b->n = (uint16_t)m;
		for (uint32_t i = 0; i < m; i++)
			buf_stream(b)[i] = payload_byte(done + i);
		bufq_push(&q, b);
		done += m;
	}
	tcp_send(w->side[0].tcp, w->side[0].id, &q, false);
	tcp_shutdown(w->side[0].tcp, w->side[0].id);
	settle(w);
	assert_int_equal(w->got, n);
}

static void
end(struct world *w)
{
	for (uint32_t i = 0; i < 2; i++) {
		tcp_fini(w->side[i].tcp);
		free(w->side[i].mem);
	}
	free(w->frame);
}

/* Three ways to send the same stream; the wire sees the same frames, one by one. */
static void
an_engine_makes_the_same_frames_whoever_cuts_them(void **state)
{
	static const struct tcp_path cuts = { .csum_tx = true, .multi_segs = true, .tso = true },
				     sums = { .csum_tx = true, .multi_segs = true },
				     chains = { .multi_segs = true }, bare = { 0 };
	static const struct tcp_path *const twin[] = { &sums, &chains, &bare };
	static const uint32_t sizes[] = { 1,	       MSS,	     MSS + 1,	    2 * MSS,
					  3 * MSS - 1, 46 * MSS + 9, 200 * MSS + 77 };
	static struct world w[2];

	(void)state;
	for (uint32_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		play(&w[0], &cuts, sizes[k], MSS);
		for (uint32_t t = 0; t < 3; t++) {
			play(&w[1], twin[t], sizes[k], MSS);
			assert_int_equal(w[0].frame_n, w[1].frame_n);
			for (uint32_t i = 0; i < w[0].frame_n; i++)
				expect_same(&w[0].frame[i], &w[1].frame[i]);
			if (sizes[k] > 10 * MSS)
				assert_true(w[0].packets * 3 < w[1].packets);
			end(&w[1]);
		}
		end(&w[0]);
	}
	assert_int_equal(buf_pool_free_n(pool), BUFS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_the_port_are_ours),
		cmocka_unit_test(pieces_of_the_port_are_ours),
		cmocka_unit_test(an_engine_makes_the_same_frames_whoever_cuts_them),
	};

	return cmocka_run_group_tests_name("port twins", tests, open_env, close_env);
}
