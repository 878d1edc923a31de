/*
 * stand.c - the clockwork of the test stand.
 */
#include "stand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"
#include "net/ports.h"
#include "view/view.h"
#include "wire/checksum.h"
#include "wire/ip.h"

enum {
	SLOTS = 16,
	LISTENERS = 16,
	JOURNAL_RING = 1 << 18,
	OWNER_LISTEN = 1 << 24,
};

static const uint8_t vip[4] = { 10, 1, 0, 1 }, inside[4] = { 10, 2, 0, 1 };

static struct ip_addr
origin_ip(uint32_t i)
{
	return ip_from_v4((const uint8_t[4]){ 10, 2, 0, (uint8_t)(10 + i) });
}

struct setup
setup_plain(void)
{
	return (struct setup){
		.machine = { .lanes = 1, .server_slots = SLOTS, .journal_bytes = 1 << 20 },
		.listener = { .incarnation = 1,
			      .port_i = (uint32_t)IMG_NONE,
			      .tcp_port = 80,
			      .xff = IMG_XFF_OFF,
			      .flags = IMG_LISTENER_ACCESS_LOG,
			      .head_ns = 5 * S,
			      .body_ns = 10 * S,
			      .idle_ns = 60 * S,
			      .send_ns = 20 * S },
		.farm = { .incarnation = 1,
			  .port_i = (uint32_t)IMG_NONE,
			  .connect_ns = 3 * S,
			  .send_ns = 15 * S,
			  .receive_ns = 30 * S,
			  .idle_ns = 45 * S,
			  .idle_max = 64,
			  .retries = 2 },
		.server_n = 1,
		.weight = { 1, 1, 1, 1 },
		.server_port = { 8080, 8080, 8080, 8080 },
		.rewrite_bytes = 16 << 20,
		.bufs_max = PROXY_BUFS,
		.peer_bufs_max = 1 << 16,
		.send_max = 256 << 10,
		.exchanges_max = 1024,
		.conns_max = 4096,
	};
}

static struct view *
view_build(struct stand *s)
{
	const struct setup *u = &s->setup;
	struct img_build b;
	struct abi_fault fault;
	struct view *view;
	void *bytes;
	size_t n;

	img_build_init(&b, realloc);
	struct img_machine machine = u->machine;
	machine.pseudonym = img_build_text(&b, "edge");
	img_build_machine(&b, &machine);
	img_build_core(&b, &(struct img_core){ .cpu = 0 });
	struct img_port port = { .first_source = 0 };
	port.name = img_build_text(&b, "one");
	port.device = img_build_text(&b, "veth0");
	img_build_port(&b, &port);
	for (uint32_t i = 0; i < 2; i++) {
		struct img_address a = { .ip = ip_from_v4(i == 0 ? vip : inside), .prefix = 24 };

		img_build_address(&b, &a);
	}
	struct img_listener listener = u->listener;
	listener.name = img_build_text(&b, "web");
	if (u->rules != NULL)
		u->rules(&b, &listener);
	if (!u->is_without_listener)
		img_build_listener(&b, &listener);
	struct img_farm farm = u->farm;
	farm.name = img_build_text(&b, "app");
	farm.server_n = u->server_n;
	img_build_farm(&b, &farm);
	for (uint32_t i = 0; i < u->server_n; i++) {
		struct img_server server = { .slot = i,
					     .incarnation = 1,
					     .ip = origin_ip(i),
					     .http_port = u->server_port[i],
					     .weight = u->weight[i] };
		char name[2] = { (char)('a' + i), 0 };

		server.name = img_build_text(&b, name);
		server.host = img_build_text(&b, name);
		img_build_server(&b, &server);
	}
	assert_true(img_build_finish(&b, &bytes, &n));
	img_build_fini(&b);
	view = view_of(bytes, n, ++s->generation, 1, &fault);
	if (view == NULL)
		fail_msg("image refused: %s %s %s", abi_fault_name(fault.kind), fault.part,
			 fault.field);
	free(bytes);
	return view;
}

static void *
zeroed(size_t n)
{
	void *mem = aligned_alloc(64, (n + 63) & ~(size_t)63);

	assert_non_null(mem);
	memset(mem, 0, n);
	return mem;
}

static const struct tcp_path the_path = { .mtu = 1500, .multi_segs = true };

static void
side_open(struct stand *s, struct side *side, uint32_t bufs, uint32_t send_max)
{
	struct tcp_conf conf = { .conns_max = s->setup.conns_max,
				 .listeners_max = LISTENERS,
				 .backlog_max = s->setup.conns_max / 4,
				 .bufs_max = bufs,
				 .send_max_bytes = send_max,
				 .recv_max_bytes = 1 << 20,
				 .time_wait_ns = 1 * S,
				 .connect_ns = 10 * S,
				 .user_timeout_ns = 300 * S,
				 .seed = { 1, 2 },
				 .path = &the_path,
				 .path_n = 1,
				 .count = &side->count };

	side->pool = buf_heap_open(bufs * 3);
	conf.pool = side->pool;
	side->mem = zeroed(tcp_size(&conf));
	side->tcp = tcp_init(side->mem, &conf, s->now);
}

static struct net *
net_open(struct stand *s)
{
	static const struct net_path path = { .mac = { { 2, 0, 0, 0, 0, 1 } }, .mtu = 1500 };
	struct net_conf conf = { .path_n = 1,
				 .path = &path,
				 .pool = s->proxy_side.pool,
				 .count = &s->proxy_side.count };
	struct net_address address[2] = { { .ip = ip_from_v4(vip), .prefix_n = 24 },
					  { .ip = ip_from_v4(inside), .prefix_n = 24 } };
	struct net *net;

	s->net_mem = zeroed(net_size(&conf));
	net = net_init(s->net_mem, &conf, s->now);
	net_configure(net, address, 2, NULL, 0, s->now);
	return net;
}

static void
proxy_open(struct stand *s)
{
	struct net_ports_conf ports = { .path_n = 1, .first = 20000, .last = 60000, .seed = 7 };
	struct proxy_conf conf = { .conns_max = s->setup.conns_max,
				   .exchanges_max = s->setup.exchanges_max,
				   .server_slots_max = SLOTS,
				   .servers_max = SLOTS,
				   .listeners_max = LISTENERS,
				   .rewrite_bytes = s->setup.rewrite_bytes,
				   .bufs_max = s->setup.bufs_max,
				   .tcp = s->proxy_side.tcp,
				   .pool = s->proxy_side.pool,
				   .count = &s->proxy_side.count,
				   .journal = &s->journal };

	s->rule_rows = calloc(IMG_RULES_MAX, sizeof(s->rule_rows[0]));
	assert_non_null(s->rule_rows);
	conf.rule_rows = s->rule_rows;
	struct abi_fault fault;

	conf.net = net_open(s);
	s->ports_mem = zeroed(net_ports_size(&ports));
	conf.ports = net_ports_init(s->ports_mem, &ports);
	s->journal_n = journal_bytes(JOURNAL_RING);
	s->journal_mem = zeroed(s->journal_n);
	journal_init(s->journal_mem, JOURNAL_RING, 0, 99, &s->journal);
	assert_true(journal_open(s->journal_mem, s->journal_n, &s->reader, &fault));
	s->proxy_mem = zeroed(proxy_size(&conf));
	s->proxy = proxy_init(s->proxy_mem, &conf, 1700000000 * S, s->now);
}

/* As a lane does: rows that are another rule's begin anew. */
static void
rows_own(struct stand *s)
{
	const struct img *img = &s->view->img;

	for (uint32_t i = 0; i < img_n(img, IMG_RULES); i++)
		s->rule_rows[img_rule(img, i)->slot].incarnation = img_rule(img, i)->incarnation;
	for (uint32_t i = 0; i < img_n(img, IMG_OUT_RULES); i++)
		s->rule_rows[img_out_rule(img, i)->slot].incarnation =
			img_out_rule(img, i)->incarnation;
}

struct stand *
stand_open(const struct setup *setup)
{
	struct stand *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->setup = *setup;
	s->now = 1000 * S;
	s->next_port = 1024;
	s->client_room = 1 << 20;
	for (uint32_t i = 0; i < 2; i++)
		s->last[i] = &s->first[i];
	side_open(s, &s->proxy_side, setup->bufs_max, setup->send_max);
	side_open(s, &s->peer_side, setup->peer_bufs_max, 64 << 20);
	proxy_open(s);
	s->view = view_build(s);
	rows_own(s);
	proxy_set_view(s->proxy, s->view, s->now);
	for (uint32_t i = 0; i < setup->server_n; i++)
		origin_listen(s, i, true);
	return s;
}

void
stand_view(struct stand *s, const struct setup *setup)
{
	struct view *old = s->view;

	s->setup = *setup;
	s->view = view_build(s);
	rows_own(s);
	proxy_set_view(s->proxy, s->view, s->now);
	view_close(old); /* the proxy must not look at it any more */
}

/* ---- peers ---- */

static struct peer *
peer_take(struct stand *s, struct tcp_id id)
{
	struct peer *p = &s->peer[s->peer_n];

	assert_true(s->peer_n < PEERS_MAX);
	s->peer_n++;
	p->id = id;
	return p;
}

static void
peer_store(struct peer *p, const struct bufq *q)
{
	p->got_all += q->bytes;
	if (p->is_sink)
		return;
	if (p->got_n + q->bytes + 1 > p->got_room) {
		p->got_room = 2 * (p->got_n + q->bytes) + 256;
		p->got = realloc(p->got, p->got_room);
		assert_non_null(p->got);
	}
	bufq_copy_out(q, 0, p->got + p->got_n, (uint32_t)q->bytes);
	p->got_n += q->bytes;
	p->got[p->got_n] = 0;
}

static void
peer_read(struct stand *s, struct peer *p)
{
	struct bufq q = { 0 };

	if (p->is_stalled || !tcp_is_live(s->peer_side.tcp, p->id))
		return;
	if (tcp_recv(s->peer_side.tcp, p->id, &q) != 0) {
		peer_store(p, &q);
		bufq_give(&q);
	}
	tcp_set_room(s->peer_side.tcp, p->id, 1 << 20);
	p->is_eof = p->is_eof || tcp_is_eof(s->peer_side.tcp, p->id);
}

static void
peer_on_event(struct stand *s, const struct tcp_event *ev)
{
	struct peer *p;

	if ((ev->bits & TCP_EV_ACCEPTED) != 0) {
		struct tcp_info info;

		p = peer_take(s, ev->id);
		tcp_info(s->peer_side.tcp, ev->id, &info);
		p->local = info.local;
		p->local_port = info.local_port;
		p->is_open = true;
		tcp_adopt(s->peer_side.tcp, ev->id, (uint32_t)(p - s->peer));
		tcp_set_room(s->peer_side.tcp, ev->id, 1 << 20);
	} else {
		p = &s->peer[ev->owner];
	}
	if ((ev->bits & TCP_EV_CONNECTED) != 0)
		p->is_open = true;
	peer_read(s, p);
	if ((ev->bits & TCP_EV_GONE) != 0) {
		p->is_gone = true;
		p->end = tcp_end(s->peer_side.tcp, p->id);
	}
}

struct peer *
client(struct stand *s)
{
	struct tcp_dial dial = { .local = ip_from_v4((const uint8_t[4]){ 10, 1, 0, 77 }),
				 .remote = ip_from_v4(vip),
				 .local_port = ++s->next_port,
				 .remote_port = 80,
				 .owner = s->peer_n };
	struct peer *p = peer_take(s, tcp_connect(s->peer_side.tcp, &dial, s->now));

	assert_int_not_equal(p->id.v, 0);
	p->is_client = true;
	p->is_stalled = s->client_room < 1 << 20;
	tcp_set_room(s->peer_side.tcp, p->id, s->client_room);
	return p;
}

void
origin_listen(struct stand *s, uint32_t i, bool is_open)
{
	struct ip_addr ip = origin_ip(i);

	if (is_open)
		assert_true(tcp_listen(s->peer_side.tcp, &ip, s->setup.server_port[i],
				       OWNER_LISTEN | i));
	else
		tcp_unlisten(s->peer_side.tcp, &ip, s->setup.server_port[i]);
}

static struct peer *
origin_find(const struct stand *s)
{
	for (uint32_t i = 0; i < s->peer_n; i++)
		if (!s->peer[i].is_client && !s->peer[i].is_taken)
			return (struct peer *)(uintptr_t)&s->peer[i];
	return NULL;
}

bool
origin_waits(const struct stand *s)
{
	return origin_find(s) != NULL;
}

struct peer *
origin(struct stand *s)
{
	struct peer *p = origin_find(s);

	assert_non_null(p);
	p->is_taken = true;
	return p;
}

uint32_t
origin_i(const struct peer *o)
{
	return o->local.b[15] - 10u;
}

void
say_bytes(struct stand *s, struct peer *p, const void *bytes, size_t n)
{
	struct bufq q = { 0 };

	assert_true(tcp_is_live(s->peer_side.tcp, p->id));
	assert_true(bufq_append(s->peer_side.pool, &q, bytes, (uint32_t)n));
	tcp_send(s->peer_side.tcp, p->id, &q, false);
}

void
say(struct stand *s, struct peer *p, const char *text)
{
	say_bytes(s, p, text, strlen(text));
	settle(s);
}

void
asked(struct stand *s, const char *request, struct peer **ret_client, struct peer **ret_origin)
{
	*ret_client = client(s);
	settle(s);
	say(s, *ret_client, request);
	*ret_origin = origin(s);
}

char *
pattern(size_t n)
{
	char *p = malloc(n + 1);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)('a' + (i * 7 + i / 251 + i / 65521) % 26);
	p[n] = 0;
	return p;
}

void
hang_up(struct stand *s, struct peer *p)
{
	tcp_shutdown(s->peer_side.tcp, p->id);
	settle(s);
}

void
cut(struct stand *s, struct peer *p)
{
	tcp_abort(s->peer_side.tcp, p->id);
	p->is_gone = true;
	settle(s);
}

void
read_on(struct stand *s, struct peer *p)
{
	p->is_stalled = false;
	peer_read(s, p);
}

/* ---- packets ---- */

static void
packet_send(struct stand *s, uint32_t to, struct buf *packet)
{
	uint32_t n = packet->m.pkt_len;
	struct flight *f = malloc(sizeof(*f) + n);
	uint8_t *at = f->bytes;

	assert_non_null(f);
	for (const struct buf *b = packet; b != NULL; b = buf_next(b)) {
		memcpy(at, buf_data(b), b->m.data_len);
		at += b->m.data_len;
	}
	buf_give(packet);
	f->next = NULL;
	f->n = n;
	f->at_ns = s->now + FLIGHT_DELAY;
	if (to == 1 && f->bytes[16] == 10 && f->bytes[17] == 2 && f->bytes[19] >= 10 &&
	    f->bytes[19] < 10 + SERVERS_MAX && s->is_cut[f->bytes[19] - 10]) {
		free(f);
		return;
	}
	*s->last[to] = f;
	s->last[to] = &f->next;
}

static struct buf *
packet_of(struct side *side, const struct flight *f, struct tcp_seg *ret_seg)
{
	struct buf *b = buf_take(side->pool);
	struct ip ip;

	if (b == NULL)
		return NULL;
	memcpy(buf_append(b, f->n), f->bytes, f->n);
	assert_int_equal(ip4_parse(f->bytes, f->n, f->n, false, &ip), WIRE_OK);
	*ret_seg = (struct tcp_seg){ .src = ip.src, .dst = ip.dst };
	assert_int_equal(seg_parse(f->bytes + ip.header_n, ip.payload_n, ip.payload_n, ret_seg),
			 WIRE_OK);
	ret_seg->payload_off = (uint16_t)(ret_seg->payload_off + ip.header_n);
	return b;
}

static void
side_flush(struct stand *s, struct side *side)
{
	bool is_proxy = side == &s->proxy_side;

	for (uint32_t i = 0; i < side->out.packet_n; i++)
		packet_send(s, is_proxy ? 1 : 0, side->out.packet[i]);
	side->out.packet_n = 0;
	for (uint32_t i = 0; i < side->out.event_n; i++) {
		if (is_proxy)
			proxy_on_event(s->proxy, &side->out.event[i], s->now);
		else
			peer_on_event(s, &side->out.event[i]);
	}
	side->out.event_n = 0;
}

static void
deliver(struct stand *s, uint32_t to)
{
	struct side *side = to == 0 ? &s->proxy_side : &s->peer_side;

	while (s->first[to] != NULL && s->first[to]->at_ns <= s->now) {
		struct tcp_seg seg[64];
		struct buf *buf[64];
		uint32_t n = 0;

		while (n < 64 && s->first[to] != NULL && s->first[to]->at_ns <= s->now) {
			struct flight *f = s->first[to];

			s->first[to] = f->next;
			if (f->next == NULL)
				s->last[to] = &s->first[to];
			buf[n] = packet_of(side, f, &seg[n]);
			n += buf[n] != NULL;
			free(f);
		}
		tcp_input(side->tcp, seg, buf, n, s->now, &side->out);
		side_flush(s, side);
	}
}

void
stand_turn(struct stand *s)
{
	struct tcp_load load;

	for (uint32_t to = 0; to < 2; to++)
		deliver(s, to);
	proxy_advance(s->proxy, s->now);
	for (uint32_t i = 0; i < 2; i++) {
		struct side *side = i == 0 ? &s->proxy_side : &s->peer_side;

		do {
			tcp_advance(side->tcp, s->now, &side->out);
			side_flush(s, side);
		} while (tcp_deadline(side->tcp) <= s->now);
	}
	tcp_load(s->proxy_side.tcp, &load);
	if (load.bufs_held > s->held_peak)
		s->held_peak = load.bufs_held;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void
run(struct stand *s, uint64_t ns)
{
	uint64_t until = s->now + ns;

	for (;;) {
		uint64_t at;

		stand_turn(s);
		at = earlier(tcp_deadline(s->proxy_side.tcp), tcp_deadline(s->peer_side.tcp));
		at = earlier(at, proxy_deadline(s->proxy));
		for (uint32_t i = 0; i < 2; i++)
			if (s->first[i] != NULL)
				at = earlier(at, s->first[i]->at_ns);
		if (at > until)
			break;
		if (at > s->now)
			s->now = at;
	}
	s->now = until;
}

void
settle(struct stand *s)
{
	run(s, 20 * MS);
}

/* ---- expectations ---- */

void
forget(struct peer *p)
{
	p->got_n = 0;
	if (p->got != NULL)
		p->got[0] = 0;
}

static const char *
got(const struct peer *p)
{
	return p->got != NULL ? p->got : "";
}

void
expect(struct stand *s, struct peer *p, const char *text)
{
	settle(s);
	assert_string_equal(got(p), text);
	forget(p);
}

void
expect_has(struct stand *s, struct peer *p, const char *text)
{
	settle(s);
	if (strstr(got(p), text) == NULL)
		fail_msg("no \"%s\" in:\n%s", text, got(p));
}

void
expect_none(struct stand *s, struct peer *p, const char *text)
{
	settle(s);
	if (strstr(got(p), text) != NULL)
		fail_msg("\"%s\" in:\n%s", text, got(p));
}

void
expect_record(struct stand *s, uint16_t status, enum journal_cause cause)
{
	settle(s);
	assert_int_equal(journal_next(&s->reader, s->record_room, &s->record, &s->text),
			 JOURNAL_GOT_RECORD);
	if (s->record.status != status || s->record.cause != cause)
		fail_msg("recorded %u %s, expected %u %s", s->record.status,
			 journal_cause_name(s->record.cause), status, journal_cause_name(cause));
}

void
expect_no_record(struct stand *s)
{
	settle(s);
	assert_int_equal(journal_next(&s->reader, s->record_room, &s->record, &s->text),
			 JOURNAL_GOT_NOTHING);
}

void
stand_close(struct stand *s)
{
	struct proxy_gauges g;

	proxy_gauges(s->proxy, &g);
	if (g.exchanges == 0)
		assert_int_equal(g.bufs_held, 0);
	proxy_fini(s->proxy);
	proxy_gauges(s->proxy, &g);
	assert_int_equal(g.client_conns + g.upstream_conns + g.exchanges + g.bufs_held, 0);
	assert_int_equal(g.tunnels + g.upstream_idle, 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct side *side = i == 0 ? &s->proxy_side : &s->peer_side;

		while (s->first[i] != NULL) {
			struct flight *f = s->first[i];

			s->first[i] = f->next;
			free(f);
		}
		tcp_fini(side->tcp);
		for (uint32_t k = 0; k < side->out.packet_n; k++)
			buf_give(side->out.packet[k]);
		free(side->mem);
	}
	net_fini(s->net_mem);
	assert_int_equal(buf_heap_out_n(s->proxy_side.pool), 0);
	assert_int_equal(buf_heap_out_n(s->peer_side.pool), 0);
	buf_heap_close(s->proxy_side.pool);
	buf_heap_close(s->peer_side.pool);
	for (uint32_t i = 0; i < s->peer_n; i++)
		free(s->peer[i].got);
	view_close(s->view);
	free(s->proxy_mem);
	free(s->net_mem);
	free(s->ports_mem);
	free(s->journal_mem);
	free(s->rule_rows);
	free(s);
}
