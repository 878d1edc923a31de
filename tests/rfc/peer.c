/*
 * peer.c - see peer.h.
 */
#include "rfc/peer.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/cut.h"
#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/seg.h"

enum {
	ISS = 1000,
};

static void
set_default(uint64_t *v, uint64_t other)
{
	if (*v == 0)
		*v = other;
}

#define DEFAULT(field, other)                                                                      \
	do {                                                                                       \
		if ((field) == 0)                                                                  \
			(field) = (other);                                                         \
	} while (0)

static void
fill_conf(struct peer_conf *c)
{
	DEFAULT(c->rcv_nxt, ISS);
	DEFAULT(c->snd_nxt, 5000);
	DEFAULT(c->mss, 1460);
	DEFAULT(c->mtu, 1500);
	DEFAULT(c->wnd, 65535);
	DEFAULT(c->recv_max, 65535);
	DEFAULT(c->send_max, 1 << 20);
	DEFAULT(c->bufs_max, 4096);
	DEFAULT(c->backlog_max, 16);
	DEFAULT(c->conns_max, 32);
	set_default(&c->time_wait_ms, 60000);
	set_default(&c->connect_ms, 100000);
	set_default(&c->user_timeout_ms, 300000);
}

struct peer
peer_new_(struct peer_conf conf)
{
	static const uint8_t v4[2][4] = { { 192, 0, 2, 1 }, { 198, 51, 100, 7 } };
	static const struct ip_addr any;
	struct peer p = { .now = 1000000 * MS_NS, .port = PEER_PORT, .engine_port = ENGINE_PORT };
	struct tcp_conf t;

	fill_conf(&conf);
	p.conf = conf;
	p.zero_ns = p.now;
	p.engine = ip_from_v4(v4[0]);
	p.self = ip_from_v4(v4[1]);
	if (conf.v6) {
		p.engine = (struct ip_addr){ .b = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
		p.self = (struct ip_addr){ .b = { 0x20, 1, 0xd, 0xb8, [15] = 2 } };
	}
	p.pool = buf_heap_open(100000);
	p.heard = calloc(PEER_QUEUE, sizeof(*p.heard));
	/* these stay where they are while the struct peer is returned by value */
	p.counts = calloc(1, sizeof(*p.counts));
	p.paths = calloc(1, sizeof(*p.paths));
	assert_true(p.heard != NULL && p.counts != NULL && p.paths != NULL);
	*p.paths = (struct tcp_path){
		.mtu = conf.mtu,
		.multi_segs = !conf.no_multi_segs,
		.csum_tx = conf.csum_tx || conf.tso,
		.tso = conf.tso,
		.hop_limit = conf.hop_limit,
		.dscp = conf.dscp,
	};
	t = (struct tcp_conf){
		.cc = conf.cc,
		.asks_ecn = conf.asks_ecn,
		.conns_max = conf.conns_max,
		.listeners_max = 4,
		.backlog_max = conf.backlog_max,
		.bufs_max = conf.bufs_max,
		.send_max_bytes = conf.send_max,
		.recv_max_bytes = conf.recv_max,
		.time_wait_ns = conf.time_wait_ms * MS_NS,
		.connect_ns = conf.connect_ms * MS_NS,
		.keepalive_idle_ns = conf.keepalive_ms * MS_NS,
		.user_timeout_ns =
			conf.user_timeout_ms != PEER_NONE ? conf.user_timeout_ms * MS_NS : 0,
		.seed = { 11, 22 },
		.path_n = 1,
		.pool = p.pool,
	};
	t.path = p.paths;
	t.count = p.counts;
	p.mem = aligned_alloc(64, tcp_size(&t));
	assert_non_null(p.mem);
	memset(p.mem, 0, tcp_size(&t));
	p.tcp = tcp_init(p.mem, &t, p.now);
	assert_true(tcp_listen(p.tcp, &any, ENGINE_PORT, 9));
	p.seq = conf.rcv_nxt - 1;
	p.bias = 0;
	return p;
}

/* ---- the engine's packets ---- */

static void
hear_segment(struct peer *p, const uint8_t *bytes, uint32_t n, bool is_summed)
{
	struct heard *h = &p->heard[p->heard_n % PEER_QUEUE];
	struct ip ip;
	uint64_t sum;

	assert_true(p->heard_n - p->heard_at < PEER_QUEUE);
	if (p->conf.v6)
		assert_int_equal(ip6_parse(bytes, n, n, &ip), WIRE_OK);
	else
		assert_int_equal(ip4_parse(bytes, n, n, false, &ip), WIRE_OK);
	assert_true(n <= p->conf.mtu);
	assert_int_equal(ip.hop_limit, p->conf.hop_limit != 0 ? p->conf.hop_limit : 64);
	assert_int_equal(ip.tclass >> 2, p->conf.dscp);
	if (is_summed) {
		sum = csum_join(csum_pseudo(&ip.src, &ip.dst, IP_PROTO_TCP, ip.payload_n),
				csum_add(bytes + ip.header_n, ip.payload_n));
		assert_int_equal(csum_done(sum).raw, 0);
	}
	*h = (struct heard){ .at_ns = p->now };
	h->seg.src = ip.src;
	h->seg.dst = ip.dst;
	h->seg.ecn = ip.tclass & 3;
	assert_int_equal(seg_parse(bytes + ip.header_n, ip.payload_n, ip.payload_n, &h->seg),
			 WIRE_OK);
	assert_true(h->seg.payload_n <= sizeof(h->text));
	memcpy(h->text, bytes + ip.header_n + h->seg.payload_off, h->seg.payload_n);
	if (h->seg.has_ts)
		p->ts_engine = h->seg.ts_val;
	if ((h->seg.flags & TCP_SYN) != 0) {
		p->bias = h->seg.seq.v + 1 - p->conf.snd_nxt;
		if (p->ack == 0)
			p->ack = p->conf.snd_nxt;
	}
	p->heard_n++;
}

static void
hear_piece(void *ctx, const uint8_t *bytes, uint32_t n)
{
	hear_segment(ctx, bytes, n, true);
}

/* A packet that asks to be cut is heard as the segments that a card would make of it. */
static void
hear(struct peer *p, struct buf *packet)
{
	static uint8_t bytes[UINT16_MAX];
	uint8_t *at = bytes;
	uint32_t n = packet->m.pkt_len;

	assert_true(n <= sizeof(bytes));
	for (const struct buf *b = packet; b != NULL; b = buf_next(b)) {
		memcpy(at, buf_data(b), b->m.data_len);
		at += b->m.data_len;
	}
	if ((packet->m.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0)
		assert_true(p->conf.tso && cut_packet(packet, bytes, n, hear_piece, p));
	else
		hear_segment(p, bytes, n, !p->paths->csum_tx);
	buf_give(packet);
}

static void
take_out(struct peer *p)
{
	for (uint32_t i = 0; i < p->out.packet_n; i++)
		hear(p, p->out.packet[i]);
	p->out.packet_n = 0;
	for (uint32_t i = 0; i < p->out.event_n; i++) {
		const struct tcp_event *e = &p->out.event[i];

		if ((e->bits & TCP_EV_ACCEPTED) != 0) {
			p->id = e->id;
			p->accepted_n++;
		}
		if (e->id.v == p->id.v)
			p->events |= e->bits;
	}
	p->out.event_n = 0;
	p->count = *p->counts;
}

void
peer_advance(struct peer *p)
{
	do {
		tcp_advance(p->tcp, p->now, &p->out);
		take_out(p);
	} while (tcp_deadline(p->tcp) <= p->now);
}

static void
wait_ns(struct peer *p, uint64_t until)
{
	peer_advance(p);
	for (;;) {
		uint64_t at = tcp_deadline(p->tcp);

		if (at > until)
			break;
		p->now = at > p->now ? at : p->now;
		peer_advance(p);
	}
	p->now = until > p->now ? until : p->now;
}

void
peer_wait(struct peer *p, uint32_t at_ms)
{
	wait_ns(p, p->zero_ns + at_ms * MS_NS);
}

/* ---- what the peer says ---- */

static uint8_t
flags_of(const char *text)
{
	static const char letter[] = "FSRPAUEC";
	uint8_t flags = 0;

	for (; *text != '\0'; text++) {
		const char *at = strchr(letter, *text);

		assert_non_null(at);
		flags |= (uint8_t)(1u << (at - letter));
	}
	return flags;
}

void
peer_send_(struct peer *p, struct peer_seg s)
{
	uint32_t n = s.text != NULL ? (uint32_t)strlen(s.text) : s.n;
	struct buf *b = buf_take(p->pool);
	struct tcp_seg seg = {
		.src = p->self,
		.dst = p->engine,
		.src_port = p->port,
		.dst_port = p->engine_port,
		.flags = flags_of(s.flags != NULL ? s.flags : "A"),
		.payload_n = n,
		.ecn = s.ecn,
		.mss = s.mss,
		.wscale = s.wscale,
		.has_wscale = s.has_wscale,
		.has_sack_ok = s.has_sack_ok,
		.has_ts = (s.has_ts || p->conf.ts) && !s.no_ts,
		.ts_val = s.ts_val,
		.ts_ecr = s.ts_ecr != 0 ? s.ts_ecr : p->ts_engine,
	};
	uint32_t seq = s.seq != 0 ? s.seq : p->seq;

	if (s.at_ms != 0)
		peer_wait(p, s.at_ms);
	assert_non_null(b);
	if (seg.has_ts && seg.ts_val == 0)
		seg.ts_val = (uint32_t)(p->now / MS_NS);
	seg.seq = seq_of(seq);
	if ((seg.flags & TCP_ACK) != 0)
		seg.ack = seq_of((s.ack != 0 ? s.ack : p->ack) + p->bias);
	seg.wnd = s.wnd == PEER_SHUT ? 0 : s.wnd != 0 ? (uint16_t)s.wnd : p->conf.wnd;
	for (uint32_t i = 0; i < 4 && s.sack[i].left != s.sack[i].right; i++)
		seg.sack[seg.sack_n++] = (struct seg_sack){ seq_of(s.sack[i].left + p->bias),
							    seq_of(s.sack[i].right + p->bias) };
	for (uint32_t i = 0; i < n && i < BUF_ROOM; i++)
		buf_append(b, 1)[0] = s.text != NULL ? (uint8_t)s.text[i] : (uint8_t)(seq + i);
	p->now += 1000; /* a microsecond on the way */
	tcp_input(p->tcp, &seg, &b, 1, p->now, &p->out);
	take_out(p);
	peer_advance(p);
	seq += n + ((seg.flags & (TCP_SYN | TCP_FIN)) != 0);
	if ((int32_t)(seq - p->seq) > 0 && (seg.flags & TCP_RST) == 0)
		p->seq = seq;
}

/* ---- what it hears ---- */

static void
fail_at(const char *file, int line, const char *what, uint64_t want, uint64_t got)
{
	fprintf(stderr, "%s:%d: %s: expected %llu (0x%llx), heard %llu (0x%llx)\n", file, line,
		what, (unsigned long long)want, (unsigned long long)want, (unsigned long long)got,
		(unsigned long long)got);
	_fail(file, line);
}

#define SAME(what, want, got)                                                                      \
	do {                                                                                       \
		if ((want) != (got))                                                               \
			fail_at(file, line, what, (want), (got));                                  \
	} while (0)

static void
compare_options(const struct peer *p, const struct heard *h, const struct peer_seg *want,
		const char *file, int line)
{
	uint32_t sack_n = 0;

	if (want->mss != 0)
		SAME("mss", want->mss, h->seg.mss);
	if (want->ecn != 0)
		SAME("ecn", want->ecn == PEER_NOT_ECT ? 0 : want->ecn, h->seg.ecn);
	if (want->has_wscale)
		SAME("wscale", want->wscale, h->seg.wscale);
	if (want->has_sack_ok)
		SAME("sack ok", 1, h->seg.has_sack_ok);
	if (want->has_ts)
		SAME("timestamp", 1, h->seg.has_ts);
	if (want->ts_ecr != 0)
		SAME("timestamp echo", want->ts_ecr, h->seg.ts_ecr);
	for (; sack_n < 4 && want->sack[sack_n].left != want->sack[sack_n].right; sack_n++) {
		SAME("sack left", want->sack[sack_n].left, h->seg.sack[sack_n].left.v);
		SAME("sack right", want->sack[sack_n].right, h->seg.sack[sack_n].right.v);
	}
	if (sack_n > 0)
		SAME("sack blocks", sack_n, h->seg.sack_n);
	(void)p;
}

void
peer_expect_(struct peer *p, struct peer_seg want, const char *file, int line)
{
	uint32_t want_n = want.text != NULL ? (uint32_t)strlen(want.text) : want.n;
	uint8_t flags = flags_of(want.flags != NULL ? want.flags : "A");
	struct heard *h;
	uint32_t end;

	if (p->heard_at == p->heard_n)
		peer_advance(p);
	if (p->heard_at == p->heard_n && want.at_ms != 0)
		wait_ns(p, p->zero_ns + want.at_ms * MS_NS + MS_NS - 1);
	if (p->heard_at == p->heard_n) {
		fprintf(stderr, "%s:%d: nothing was heard\n", file, line);
		_fail(file, line);
	}
	h = &p->heard[p->heard_at++ % PEER_QUEUE];
	SAME("flags", flags & ~TCP_PSH, h->seg.flags & ~TCP_PSH);
	if (want.at_ms != 0)
		SAME("time", want.at_ms, (h->at_ns - p->zero_ns) / MS_NS);
	if (want.seq != 0)
		SAME("seq", want.seq, h->seg.seq.v - p->bias);
	if (want.ack != 0)
		SAME("ack", want.ack, h->seg.ack.v);
	SAME("payload", want_n, h->seg.payload_n);
	if (want.text != NULL && memcmp(want.text, h->text, want_n) != 0)
		fail_at(file, line, "text", 0, 1);
	if (want.wnd != 0)
		SAME("window", want.wnd, h->seg.wnd);
	if (want.is_zero_wnd)
		SAME("window", 0, h->seg.wnd);
	compare_options(p, h, &want, file, line);
	end = h->seg.seq.v - p->bias + h->seg.payload_n + ((h->seg.flags & TCP_FIN) != 0);
	if ((h->seg.flags & TCP_RST) == 0 && (int32_t)(end - p->ack) > 0)
		p->ack = end;
}

void
peer_expect_quiet_(struct peer *p, const char *file, int line)
{
	peer_advance(p);
	if (p->heard_at == p->heard_n)
		return;
	fail_at(file, line, "quiet, but flags were heard", 0,
		p->heard[p->heard_at % PEER_QUEUE].seg.flags);
}

void
peer_ignore(struct peer *p)
{
	p->heard_at = p->heard_n;
}

void
peer_expect_run_(struct peer *p, uint32_t seq, uint32_t n, const char *file, int line)
{
	for (uint32_t i = 0; i < n; i++)
		peer_expect_(p, (struct peer_seg){ .seq = seq + i * MSS, .n = MSS }, file, line);
}

void
peer_icmp(struct peer *p, enum icmp_error_kind kind, uint32_t seq, uint32_t mtu)
{
	struct icmp_error e = {
		.kind = (uint8_t)kind,
		.local = p->engine,
		.remote = p->self,
		.local_port = p->engine_port,
		.remote_port = p->port,
		.seq = seq_of(seq + p->bias),
		.mtu = mtu,
	};

	tcp_icmp(p->tcp, &e, p->now);
	peer_advance(p);
}

/* ---- shapes ---- */

struct peer
peer_established_(struct peer_conf conf)
{
	struct peer p = peer_new_(conf);

	peer_send(&p, .flags = "S", .mss = p.conf.mss, .has_sack_ok = !conf.no_sack,
		  .has_ts = conf.ts, .has_wscale = conf.wscale, .wscale = conf.scale);
	peer_expect(&p, .flags = "SA", .seq = p.conf.snd_nxt - 1, .ack = p.conf.rcv_nxt);
	peer_send(&p, .flags = "A", .at_ms = conf.rtt_ms);
	assert_int_equal(peer_events(&p) & TCP_EV_ACCEPTED, TCP_EV_ACCEPTED);
	assert_int_equal(peer_state(&p), TCP_STATE_ESTABLISHED);
	p.zero_ns = p.now / MS_NS * MS_NS;
	return p;
}

struct peer
peer_sent(uint32_t n, struct peer_conf conf)
{
	struct peer p;

	conf.rtt_ms = 100;
	p = peer_established_(conf);
	peer_write(&p, n * MSS);
	peer_expect_run(&p, peer_at(0), n < 10 ? n : 10);
	return p;
}

void
peer_dial(struct peer *p)
{
	struct tcp_dial dial = {
		.local = p->engine,
		.remote = p->self,
		.local_port = 55555,
		.remote_port = PEER_PORT,
		.owner = 3,
	};

	p->engine_port = dial.local_port;
	p->id = tcp_connect(p->tcp, &dial, p->now);
	assert_int_not_equal(p->id.v, 0);
	peer_advance(p);
}

/* ---- the owner ---- */

void
peer_write_pieces(struct peer *p, uint32_t n, uint32_t piece)
{
	struct bufq q = { 0 };

	while (n > 0) {
		struct buf *b = buf_take(p->pool);

		assert_non_null(b);
		b->at = BUF_HEADROOM;
		b->n = (uint16_t)(n < piece ? n : piece);
		for (uint32_t i = 0; i < b->n; i++)
			buf_stream(b)[i] = (uint8_t)(p->text_off++);
		n -= b->n;
		bufq_push(&q, b);
	}
	tcp_send(p->tcp, p->id, &q, false);
	peer_advance(p);
}

void
peer_write(struct peer *p, uint32_t n)
{
	peer_write_pieces(p, n, 1460);
}

void
peer_write_text(struct peer *p, const char *text)
{
	struct bufq q = { 0 };

	assert_true(bufq_append(p->pool, &q, text, (uint32_t)strlen(text)));
	tcp_send(p->tcp, p->id, &q, false);
	peer_advance(p);
}

uint32_t
peer_read(struct peer *p)
{
	struct bufq q = { 0 };
	uint32_t n = tcp_recv(p->tcp, p->id, &q);

	assert_int_equal(n, q.bytes);
	bufq_give(&q);
	return n;
}

void
peer_read_text(struct peer *p, const char *text)
{
	struct bufq q = { 0 };
	uint32_t n = tcp_recv(p->tcp, p->id, &q);

	assert_int_equal(n, strlen(text));
	for (const struct buf *b = q.head; b != NULL; b = b->link) {
		assert_memory_equal(buf_stream(b), text, b->n);
		text += b->n;
	}
	bufq_give(&q);
}

void
peer_room(struct peer *p, uint32_t n)
{
	tcp_set_room(p->tcp, p->id, n);
	peer_advance(p);
}

void
peer_shutdown(struct peer *p)
{
	tcp_shutdown(p->tcp, p->id);
	peer_advance(p);
}

void
peer_release(struct peer *p)
{
	tcp_release(p->tcp, p->id);
	peer_advance(p);
}

void
peer_abort(struct peer *p)
{
	tcp_abort(p->tcp, p->id);
	peer_advance(p);
}

struct tcp_info
peer_info(const struct peer *p)
{
	struct tcp_info info;

	tcp_info(p->tcp, p->id, &info);
	return info;
}

enum tcp_state
peer_state(const struct peer *p)
{
	return (enum tcp_state)peer_info(p).state;
}

uint32_t
peer_events(struct peer *p)
{
	uint32_t bits = p->events;

	p->events = 0;
	return bits;
}

void
peer_open_next(struct peer *p)
{
	p->port++;
	p->seq = ISS - 1;
	p->ack = 0;
	peer_send(p, .flags = "S", .mss = MSS, .has_sack_ok = true);
	peer_expect(p, .flags = "SA");
	peer_send(p, .flags = "A");
}

void
peer_drop(struct peer *p)
{
	tcp_fini(p->tcp);
	assert_int_equal(buf_heap_out_n(p->pool), 0);
	buf_heap_close(p->pool);
	free(p->mem);
	free(p->heard);
	free(p->counts);
	free(p->paths);
}

void
peer_done(struct peer *p)
{
	peer_expect_quiet(p);
	peer_drop(p);
}
