/*
 * host.c - see host.h: a host's life, its clock, and its packets.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "host/inside.h"
#include "wire/ip.h"
#include "wire/wire.h"

enum {
	DROP_NOT_OURS = WIRE_DROPS_N, /* behind wire's own */
	DROP_UNANSWERED,
	PACKET_MAX = UINT16_MAX,
	MTU_LEAST = 576,
};

#define SECOND_NS 1000000000ull

/* The link that there is not: what wire_decode wants to see. */
static const struct mac link_mac = { { 2, 0, 0, 0, 0, 1 } };

#define OR(value, other) ((value) != 0 ? (value) : (other))

struct host *
host_begin(const struct host_conf *conf)
{
	struct host_conf c = *conf;
	struct tcp_conf t;
	struct host *h;
	void *mem;

	if (c.mtu != 0 && (c.mtu < MTU_LEAST || c.mtu > PACKET_MAX))
		return NULL;
	if (c.connections_max > SOCKETS_MAX || c.buffers_max > 1 << 20 || c.hop_limit > 255 ||
	    c.send_max > 1 << 30 || c.receive_max > 1 << 30)
		return NULL;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	h->now = OR(c.now_ns, SECOND_NS);
	h->dice = c.seed;
	h->newest = &h->oldest;
	h->receive_max = OR(c.receive_max, 4u << 20);
	h->path_n = 1;
	h->path[0] = (struct tcp_path){
		.mtu = (uint16_t)OR(c.mtu, 1500u),
		.multi_segs = true,
		.hop_limit = (uint8_t)c.hop_limit,
	};
	t = (struct tcp_conf){
		.conns_max = OR(c.connections_max, 256u),
		.listeners_max = 64,
		.backlog_max = OR(c.backlog_max, 64u),
		.bufs_max = OR(c.buffers_max, 16384u),
		.send_max_bytes = OR(c.send_max, 4u << 20),
		.recv_max_bytes = h->receive_max,
		.time_wait_ns = OR(c.time_wait_ns, 60 * SECOND_NS),
		.connect_ns = OR(c.connect_timeout_ns, 75 * SECOND_NS),
		.asks_ecn = c.asks_ecn != 0,
		.seed = { hash_mix(c.seed + 1), hash_mix(c.seed + 2) },
		.path = h->path,
		.path_n = PATHS_MAX,
		.count = &h->count,
	};
	/* Headers and views of what is under way come on top of what queues hold. */
	h->pool = t.pool = buf_heap_open(4 * t.bufs_max + 4096);
	mem = aligned_alloc(64, tcp_size(&t));
	if (h->pool == NULL || mem == NULL) {
		if (h->pool != NULL)
			buf_heap_close(h->pool);
		free(mem);
		free(h);
		return NULL;
	}
	memset(mem, 0, tcp_size(&t));
	h->tcp = tcp_init(mem, &t, h->now);
	return h;
}

void
host_end(struct host *h)
{
	struct parcel *p;

	tcp_fini(h->tcp);
	for (uint32_t i = 0; i < SOCKETS_MAX; i++)
		bufq_give(&h->sock[i].in);
	while ((p = h->oldest) != NULL) {
		h->oldest = p->next;
		free(p);
	}
	buf_heap_close(h->pool);
	free(h->tcp);
	free(h);
}

/* ---- addresses ---- */

struct ip_addr
host_to_ip(const struct host_address *a)
{
	struct ip_addr ip = { { 0 } };

	if (a->family == 4)
		return ip_from_v4(a->bytes);
	if (a->family == 6)
		memcpy(ip.b, a->bytes, sizeof(ip.b));
	return ip;
}

struct host_address
host_from_ip(const struct ip_addr *a, uint16_t port)
{
	struct host_address r = { .family = ip_is_v4(a) ? 4 : 6, .port = port };

	if (ip_is_v4(a))
		memcpy(r.bytes, &a->b[12], 4);
	else
		memcpy(r.bytes, a->b, sizeof(a->b));
	return r;
}

bool
host_is_ours(const struct host *h, const struct ip_addr *a)
{
	for (uint32_t i = 0; i < h->address_n; i++)
		if (ip_eq(&h->address[i], a))
			return true;
	return false;
}

int
host_add_address(struct host *h, const struct host_address *address)
{
	struct ip_addr ip = host_to_ip(address);

	if (ip_is_none(&ip) || !ip_can_send(&ip))
		return -EINVAL;
	if (host_is_ours(h, &ip))
		return 0;
	if (h->address_n == ADDRESSES_MAX)
		return -ENOSPC;
	h->address[h->address_n++] = ip;
	return 0;
}

/* ---- time ---- */

/* Made linear, with its time; a packet that finds no memory is lost, as on any wire. */
static void
post(struct host *h, struct buf *packet)
{
	struct parcel *p = malloc(sizeof(*p) + packet->m.pkt_len);

	if (p != NULL) {
		*p = (struct parcel){ .at_ns = h->now };
		for (const struct buf *b = packet; b != NULL; b = buf_next(b)) {
			memcpy(p->bytes + p->n, buf_data(b), b->m.data_len);
			p->n += b->m.data_len;
		}
		ensure(p->n == packet->m.pkt_len && p->n <= h->path[0].mtu);
		*h->newest = p;
		h->newest = &p->next;
	}
	buf_give(packet);
}

static void
take_out(struct host *h)
{
	for (uint32_t i = 0; i < h->out.packet_n; i++)
		post(h, h->out.packet[i]);
	h->out.packet_n = 0;
	for (uint32_t i = 0; i < h->out.event_n; i++)
		host_on_event(h, &h->out.event[i]);
	h->out.event_n = 0;
}

void
host_settle(struct host *h)
{
	do {
		tcp_advance(h->tcp, h->now, &h->out);
		take_out(h);
	} while (tcp_deadline(h->tcp) <= h->now);
}

uint64_t
host_now(const struct host *h)
{
	return h->now;
}

uint64_t
host_deadline(const struct host *h)
{
	return tcp_deadline(h->tcp);
}

int
host_advance(struct host *h, uint64_t to_ns)
{
	uint64_t at;

	if (to_ns < h->now)
		return -EINVAL;
	while ((at = tcp_deadline(h->tcp)) <= to_ns) {
		h->now = at > h->now ? at : h->now;
		host_settle(h);
	}
	h->now = to_ns;
	return 0;
}

/* ---- packets ---- */

/* Bytes behind the packet, in as many buffers as they need. False: none are left. */
static bool
append(struct host *h, struct buf *packet, const uint8_t *p, uint32_t n)
{
	struct buf *tail = packet;

	while (n > 0) {
		uint32_t room = buf_tailroom(tail), piece = n < room ? n : room;

		if (piece == 0) {
			struct buf *more = buf_take(h->pool);

			if (more == NULL)
				return false;
			buf_chain(packet, tail, more);
			tail = more;
			continue;
		}
		memcpy(buf_data(tail) + tail->m.data_len, p, piece);
		tail->m.data_len = (uint16_t)(tail->m.data_len + piece);
		packet->m.pkt_len += piece;
		p += piece;
		n -= piece;
	}
	return true;
}

static int
take_in(struct host *h, struct buf *frame)
{
	struct wire_port port = { .mac = link_mac };
	struct wire_packet packet;
	struct tcp_seg seg;
	enum wire_drop drop = wire_decode(frame, &port, &packet, &seg);

	if (drop == WIRE_OK && !host_is_ours(h, &packet.dst))
		drop = (enum wire_drop)DROP_NOT_OURS;
	else if (drop == WIRE_OK && packet.kind == WIRE_ICMP_ERROR)
		tcp_icmp(h->tcp, &packet.error, h->now);
	else if (drop == WIRE_OK && packet.kind != WIRE_TCP)
		drop = (enum wire_drop)DROP_UNANSWERED;
	if (drop == WIRE_OK && packet.kind == WIRE_TCP)
		frame->path = mss_path_in(h, &packet.dst, seg.dst_port);
	if (drop == WIRE_OK && packet.kind == WIRE_TCP)
		tcp_input(h->tcp, &seg, &frame, 1, h->now, &h->out);
	else
		buf_give(frame);
	take_out(h);
	host_settle(h);
	return (int)drop;
}

int
host_packet_in(struct host *h, const void *packet, uint32_t n)
{
	const uint8_t *p = packet;
	struct eth eth = { .dst = link_mac, .src = { { 2, 0, 0, 0, 0, 2 } } };
	struct buf *frame;

	if (n == 0 || n > PACKET_MAX)
		return -EMSGSIZE;
	frame = buf_take(h->pool);
	if (frame == NULL)
		return -ENOBUFS;
	eth.type = p[0] >> 4 == 6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4;
	eth_emit(&eth, buf_append(frame, eth_size(&eth)));
	if (!append(h, frame, p, n)) {
		buf_give(frame);
		return -ENOBUFS;
	}
	return take_in(h, frame);
}

const char *
host_drop_name(int drop)
{
	if (drop == DROP_NOT_OURS)
		return "not_ours";
	if (drop == DROP_UNANSWERED)
		return "unanswered";
	return drop >= 0 && drop < WIRE_DROPS_N ? wire_drop_name((enum wire_drop)drop) : "unknown";
}

int
host_packet_out(struct host *h, void *to, uint32_t room, uint64_t *ret_at_ns)
{
	struct parcel *p = h->oldest;
	int n;

	if (p == NULL)
		return 0;
	if (p->n > room)
		return -EMSGSIZE;
	memcpy(to, p->bytes, p->n);
	if (ret_at_ns != NULL)
		*ret_at_ns = p->at_ns;
	n = (int)p->n;
	h->oldest = p->next;
	if (h->oldest == NULL)
		h->newest = &h->oldest;
	free(p);
	return n;
}
