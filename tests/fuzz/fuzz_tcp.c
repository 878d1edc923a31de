/*
 * fuzz_tcp.c - any order of segments, owners' calls and passing time: never a crash, never a lost
 * buffer, and what is sent is always a valid segment.
 *
 * The input is a program for one engine with few connections and a tight budget. Segments are
 * written relative to what the engine has said last for their tuple, so that most of them get
 * past the first checks.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/counters.h"
#include "base/buf_heap.h"
#include "tcp/tcp.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/seg.h"

enum {
	TUPLES = 4,
	IDS_MAX = 16,
	BUFS_MAX = 48,
	OPS_MAX = 2000,
	CONNS_MAX = 6,
	DIALLED_PORT = 50000, /* and upwards: our own */
	POOL_BUFS = 400,
	LISTENED_PORT = 80,
	DAMAGES_MAX = 8,
	RECORDS = 600, /* of a saved connection: its first bytes, which are no text; in them */
	CONN_AT = 40,  /* its fields, of which tcp_restore has to believe most */
	CONN_END = CONN_AT + 352,
	RARE_OPS = 238, /* and upwards */
};

/* What a peer knows of one tuple. */
struct tuple {
	uint16_t local_port, remote_port;
	struct seq seq, ack; /* of the peer's next segment */
	uint32_t ts;
};

struct fuzz {
	const uint8_t *at, *end;
	struct tcp *tcp;
	struct buf_pool *pool;
	struct counters count;
	struct tcp_path path;
	struct tcp_out out;
	struct tuple tuple[TUPLES];
	struct tcp_id id[IDS_MAX];
	uint32_t id_n;
	struct ip_addr engine, peer;
	uint64_t now;
	bool is_dry, has_ecn, is_deaf; /* without a listener */
	uint8_t bytes[UINT16_MAX];
};

static uint32_t
byte(struct fuzz *f)
{
	return f->at < f->end ? *f->at++ : 0;
}

static uint32_t
word(struct fuzz *f)
{
	return byte(f) << 8 | byte(f);
}

static void
learn(struct fuzz *f, struct buf *packet)
{
	bool is_super = (packet->m.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
	uint32_t n = packet->m.pkt_len;
	struct tcp_seg seg = { 0 };
	uint8_t *at = f->bytes;
	struct ip ip;

	ensure((n <= f->path.mtu || is_super) && n <= sizeof(f->bytes));
	ensure(!is_super || (f->path.tso && packet->m.tso_segsz != 0));
	for (const struct buf *b = packet; b != NULL; b = buf_next(b)) {
		memcpy(at, buf_data(b), b->m.data_len);
		at += b->m.data_len;
	}
	buf_give(packet);
	ensure((f->bytes[0] >> 4 == 6 ? ip6_parse(f->bytes, n, n, &ip)
				      : ip4_parse(f->bytes, n, n, false, &ip)) == WIRE_OK);
	ensure(seg_parse(f->bytes + ip.header_n, ip.payload_n, ip.payload_n, &seg) == WIRE_OK);
	for (uint32_t i = 0; i < TUPLES; i++) {
		struct tuple *t = &f->tuple[i];

		if (t->local_port != seg.src_port || t->remote_port != seg.dst_port)
			continue;
		t->ack = seq_add(seg.seq, seg.payload_n + ((seg.flags & (TCP_SYN | TCP_FIN)) != 0));
		if ((seg.flags & TCP_ACK) != 0)
			t->seq = seg.ack;
		t->ts = seg.ts_val;
	}
}

static void
empty_out(struct fuzz *f)
{
	struct tcp_load load;

	for (uint32_t i = 0; i < f->out.packet_n; i++)
		learn(f, f->out.packet[i]);
	f->out.packet_n = 0;
	for (uint32_t i = 0; i < f->out.event_n; i++) {
		const struct tcp_event *e = &f->out.event[i];

		ensure(tcp_is_live(f->tcp, e->id));
		if ((e->bits & TCP_EV_ACCEPTED) != 0 && f->id_n < IDS_MAX)
			f->id[f->id_n++] = e->id;
		else if ((e->bits & TCP_EV_ACCEPTED) != 0)
			tcp_release(f->tcp, e->id);
	}
	f->out.event_n = 0;
	tcp_load(f->tcp, &load);
	ensure(load.bufs_held <= load.bufs_max);
}

/* ---- what a program does ---- */

static void
add_sacks(struct fuzz *f, const struct tuple *t, struct tcp_seg *seg)
{
	seg->sack_n = (uint8_t)(byte(f) % (SEG_SACK_MAX + 1));
	for (uint32_t i = 0; i < seg->sack_n; i++) {
		seg->sack[i].left = seq_sub(t->ack, word(f));
		seg->sack[i].right = seq_add(seg->sack[i].left, word(f));
	}
}

static void
op_segment(struct fuzz *f)
{
	struct tuple *t = &f->tuple[byte(f) % TUPLES];
	struct buf *b = buf_take(f->pool);
	uint32_t how = byte(f), n = (how & 1) != 0 ? word(f) % 1461 : 0;
	struct tcp_seg seg = {
		.src = f->peer,
		.dst = f->engine,
		.src_port = t->remote_port,
		.dst_port = t->local_port,
		.seq = t->seq,
		.ack = t->ack,
		.flags = (uint8_t)((how & 2) != 0 ? TCP_ACK : byte(f)),
		.wnd = (uint16_t)((how & 4) != 0 ? 65535 : word(f)),
		.payload_n = n,
	};

	if (b == NULL)
		return;
	if (f->has_ecn)
		seg.ecn = byte(f) & 3;
	if ((how & 8) != 0)
		seg.seq = seq_add(seg.seq, word(f) - 0x8000);
	if ((how & 16) != 0)
		seg.ack = seq_sub(seg.ack, word(f) % 5000);
	if ((how & 32) != 0) {
		seg.has_ts = true;
		seg.ts_val = (uint32_t)(f->now >> 20) + byte(f) - 10;
		seg.ts_ecr = t->ts;
	}
	if ((how & 64) != 0)
		add_sacks(f, t, &seg);
	if ((seg.flags & TCP_SYN) != 0) {
		seg.mss = (uint16_t)word(f);
		seg.has_wscale = (how & 128) != 0;
		seg.wscale = (uint8_t)byte(f);
		seg.has_sack_ok = (how & 64) != 0;
	}
	memset(buf_append(b, n), (int)how, n);
	tcp_input(f->tcp, &seg, &b, 1, f->now, &f->out);
	t->seq = seq_add(seg.seq, n + ((seg.flags & (TCP_SYN | TCP_FIN)) != 0));
}

static void
op_dial(struct fuzz *f)
{
	uint32_t i = TUPLES / 2 + byte(f) % (TUPLES / 2);
	struct tcp_dial dial = {
		.local = f->engine,
		.remote = f->peer,
		.local_port = f->tuple[i].local_port,
		.remote_port = f->tuple[i].remote_port,
		.owner = i,
	};
	struct tcp_id id = tcp_connect(f->tcp, &dial, f->now);

	if (id.v == 0)
		return;
	if (f->id_n < IDS_MAX)
		f->id[f->id_n++] = id;
	else
		tcp_release(f->tcp, id);
}

static void
op_send(struct fuzz *f, struct tcp_id id)
{
	uint32_t n = word(f) % 4000, piece = 1 + word(f) % 2000;
	struct bufq q = { 0 };
	struct tcp_load load;

	tcp_load(f->tcp, &load);
	for (; n > 0 && load.bufs_held + q.n < load.bufs_max / 2;) {
		struct buf *b = buf_take(f->pool);
		uint32_t size = n < piece ? n : piece;

		if (b == NULL)
			break;
		b->at = (uint16_t)(byte(f) % (BUF_HEADROOM + 1));
		b->n = (uint16_t)size;
		memset(buf_stream(b), 7, size);
		bufq_push(&q, b);
		n -= size;
	}
	tcp_send(f->tcp, id, &q, byte(f) & 1);
	ensure(q.n == 0);
}

static void
op_recv(struct fuzz *f, struct tcp_id id)
{
	uint32_t expected = tcp_readable(f->tcp, id);
	struct bufq q = { 0 };

	ensure(tcp_recv(f->tcp, id, &q) == expected && q.bytes == expected);
	bufq_give(&q);
}

static void
op_icmp(struct fuzz *f)
{
	struct tuple *t = &f->tuple[byte(f) % TUPLES];
	struct icmp_error e = {
		.kind = (uint8_t)(byte(f) % 5),
		.local = f->engine,
		.remote = f->peer,
		.local_port = t->local_port,
		.remote_port = t->remote_port,
		.seq = seq_sub(t->ack, 1 + byte(f)),
		.mtu = word(f),
	};

	tcp_icmp(f->tcp, &e, f->now);
}

static void
op_forget(struct fuzz *f, uint32_t i, bool aborts)
{
	struct tcp_info info;

	tcp_info(f->tcp, f->id[i], &info);
	if (aborts)
		tcp_abort(f->tcp, f->id[i]);
	tcp_release(f->tcp, f->id[i]);
	ensure(!tcp_is_live(f->tcp, f->id[i]));
	f->id[i] = f->id[--f->id_n];
}

static void
op_time(struct fuzz *f)
{
	uint64_t at = tcp_deadline(f->tcp);

	if ((byte(f) & 1) != 0 && at != UINT64_MAX && at > f->now)
		f->now = at;
	else
		f->now += (uint64_t)word(f) << byte(f) % 24;
	tcp_advance(f->tcp, f->now, &f->out);
}

/* It moves out. NULL: it cannot, or there would be no record for it to come back to. */
static uint8_t *
move_out(struct fuzz *f, uint32_t i, size_t *ret_n)
{
	size_t n = tcp_save_size(f->tcp, f->id[i]);
	struct tcp_load load;
	uint8_t *bytes;

	tcp_load(f->tcp, &load);
	if (n == 0 || load.conns == CONNS_MAX)
		return NULL;
	bytes = malloc(n);
	ensure(bytes != NULL);
	tcp_save(f->tcp, f->id[i], bytes);
	tcp_forget(f->tcp, f->id[i]);
	*ret_n = n;
	return bytes;
}

/* It moves out, and in again. */
static void
op_save(struct fuzz *f, uint32_t i)
{
	size_t n;
	struct tcp_id id;
	uint8_t *bytes = move_out(f, i, &n);

	if (bytes == NULL)
		return;
	id = tcp_restore(f->tcp, bytes, n, i, f->now);
	ensure(id.v != 0 || f->is_dry); /* its buffers come from the pool */
	if (id.v == 0)
		id = f->id[--f->id_n];
	f->id[i] = id;
	free(bytes);
}

/*
 * It moves out, and what comes in again is damaged: refused, and then nothing has changed; or it goes
 * on as well as it can.
 */
static void
op_damage(struct fuzz *f, uint32_t i)
{
	size_t n, shown_n;
	struct tcp_load before, after;
	struct tcp_id id;
	uint8_t *bytes = move_out(f, i, &n);
	uint32_t flips = 1 + byte(f) % DAMAGES_MAX;

	if (bytes == NULL)
		return;
	for (uint32_t k = 0; k < flips; k++) {
		uint32_t at = word(f);

		at %= (at & 0x8000) != 0 || n < RECORDS ? n : RECORDS;
		if (at < CONN_AT || at >= CONN_END)
			bytes[at] ^= (uint8_t)byte(f);
	}
	shown_n = flips == DAMAGES_MAX ? word(f) % n : n;
	if (shown_n < n) {
		uint8_t *part = malloc(shown_n); /* of its size, so that no byte behind is read */

		ensure(part != NULL || shown_n == 0);
		memcpy(part, bytes, shown_n);
		free(bytes);
		bytes = part;
	}
	tcp_load(f->tcp, &before);
	id = tcp_restore(f->tcp, bytes, shown_n, i, f->now);
	tcp_load(f->tcp, &after);
	if (id.v == 0) {
		ensure(memcmp(&before, &after, sizeof(before)) == 0);
		id = f->id[--f->id_n];
	}
	f->id[i] = id;
	free(bytes);
}

/* The listener goes, until this comes again; its connections stay. */
static void
op_listener(struct fuzz *f)
{
	static const struct ip_addr any;

	f->is_deaf = !f->is_deaf;
	if (f->is_deaf)
		tcp_unlisten(f->tcp, &any, LISTENED_PORT);
	else
		ensure(tcp_listen(f->tcp, &any, LISTENED_PORT, 1));
}

/* What a lane hears of its links and neighbours. */
static void
op_link(struct fuzz *f)
{
	uint32_t how = byte(f);
	uint16_t path = (uint16_t)((how & 4) != 0 ? byte(f) : 0);
	const struct ip_addr *who = (how & 8) != 0 ? &f->engine : &f->peer;

	switch (how & 3) {
	case 0:
		tcp_moved(f->tcp, path, (how & 16) != 0 ? who : NULL, f->now);
		break;
	case 1:
		tcp_address_lost(f->tcp, path, (how & 8) != 0 ? &f->peer : &f->engine, f->now);
		break;
	case 2:
		tcp_unreachable(f->tcp, who, f->now);
		break;
	default:
		tcp_set_owner_bufs(f->tcp, word(f) % (BUFS_MAX + 1));
		break;
	}
}

/* Nothing is to be had from the pool, until this comes again. */
static void
op_dry(struct fuzz *f)
{
	f->is_dry = !f->is_dry;
	buf_heap_set_capacity(f->pool, f->is_dry ? 0 : POOL_BUFS);
}

static void
op_with_id(struct fuzz *f, uint32_t op)
{
	uint32_t i;

	if (f->id_n == 0)
		return;
	i = byte(f) % f->id_n;
	switch (op) {
	case 0:
		op_send(f, f->id[i]);
		break;
	case 1:
		op_recv(f, f->id[i]);
		break;
	case 2:
		tcp_set_room(f->tcp, f->id[i], word(f) << byte(f) % 8);
		break;
	case 3:
		tcp_shutdown(f->tcp, f->id[i]);
		break;
	case 4:
		op_forget(f, i, false);
		break;
	case 6:
		op_save(f, i);
		break;
	case 7:
		op_damage(f, i);
		break;
	default:
		op_forget(f, i, true);
		break;
	}
}

static void
step(struct fuzz *f)
{
	uint32_t raw = byte(f), op = raw % 17;

	if (raw >= RARE_OPS && (raw & 3) < 2)
		op_with_id(f, 7);
	else if (raw >= RARE_OPS && (raw & 3) == 2)
		op_link(f);
	else if (raw >= RARE_OPS)
		op_listener(f);
	else if (op < 6)
		op_segment(f);
	else if (op < 9)
		op_time(f);
	else if (op == 9)
		op_dial(f);
	else if (op == 10)
		op_icmp(f);
	else if (op == 16)
		op_dry(f);
	else
		op_with_id(f, op == 15 ? byte(f) % 7 : op - 11);
	empty_out(f);
}

static void
open_fuzz(struct fuzz *f, void **ret_mem)
{
	static const struct ip_addr any;
	uint32_t how = byte(f), more = (how & 32) != 0 ? byte(f) : 0;
	struct tcp_conf conf = {
		.conns_max = CONNS_MAX,
		.listeners_max = 2,
		.backlog_max = 2,
		.bufs_max = BUFS_MAX,
		.send_max_bytes = 20000,
		.recv_max_bytes = (how & 1) != 0 ? 1 << 20 : 8000,
		.time_wait_ns = 1000000000,
		.connect_ns = 10000000000,
		.keepalive_idle_ns = (how & 2) != 0 ? 5000000000 : 0,
		.user_timeout_ns = 20000000000,
		.cc = (enum tcp_cc)((more & 1) != 0 ? TCP_CC_NEWRENO : TCP_CC_CUBIC),
		.asks_ecn = (more & 2) != 0,
		.has_nagle = (more & 4) != 0,
		.seed = { how, 1 },
		.path = &f->path,
		.path_n = 1,
		.count = &f->count,
	};
	uint8_t v4[2][4] = { { 10, 0, 0, 1 }, { 10, 0, 0, 2 } };

	f->pool = buf_heap_open(POOL_BUFS);
	conf.pool = f->pool;
	f->path = (struct tcp_path){ .mtu = (how & 4) != 0 ? 1500 : 1280,
				     .multi_segs = (how & 8) != 0 || (more & 8) != 0,
				     .csum_tx = (more & 24) != 0,
				     .tso = (more & 8) != 0 };
	f->has_ecn = (more & 32) != 0;
	f->now = 1000000000000;
	f->engine = ip_from_v4(v4[0]);
	f->peer = ip_from_v4(v4[1]);
	if ((how & 16) != 0) {
		f->engine = (struct ip_addr){ .b = { 0x20, 1, [15] = 1 } };
		f->peer = (struct ip_addr){ .b = { 0x20, 1, [15] = 2 } };
	}
	*ret_mem = aligned_alloc(64, tcp_size(&conf));
	ensure(*ret_mem != NULL);
	memset(*ret_mem, 0, tcp_size(&conf));
	f->tcp = tcp_init(*ret_mem, &conf, f->now);
	ensure(tcp_listen(f->tcp, &any, LISTENED_PORT, 1));
	for (uint32_t i = 0; i < TUPLES; i++)
		f->tuple[i] = (struct tuple){
			.local_port = (uint16_t)(i < TUPLES / 2 ? LISTENED_PORT : DIALLED_PORT + i),
			.remote_port = (uint16_t)(1000 + i),
			.seq = seq_of(0xfffffff0u + i),
		};
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct fuzz fuzz;
	void *mem;

	fuzz = (struct fuzz){ .at = bytes, .end = bytes + n };
	open_fuzz(&fuzz, &mem);
	for (uint32_t i = 0; i < OPS_MAX && fuzz.at < fuzz.end; i++)
		step(&fuzz);
	if (fuzz.is_dry)
		op_dry(&fuzz);
	tcp_fini(fuzz.tcp);
	ensure(buf_heap_out_n(fuzz.pool) == 0);
	buf_heap_close(fuzz.pool);
	free(mem);
	return 0;
}
