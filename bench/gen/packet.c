/*
 * packet.c - segments: written from a flow and its message with checksums put together from sums
 * made beforehand, read into struct seg after their IPv4 header and ports were understood.
 *
 * Sums are of 16-bit words as they lie in memory, added up in 64 bits and folded at the end
 * (RFC 1071, section 2): 32-bit loads may be added as they are.
 */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "gen/gen.h"
#include "gen/packet.h"
#include "net/toeplitz.h"

enum {
	ETH = 14,
	IP = 20,
	SYN_OPTIONS = 8, /* maximum segment size, no-op, window scale */
};

static uint16_t
fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint64_t
words(uint64_t v)
{
	return (v & 0xffffffff) + (v >> 32);
}

static void
put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, 2);
}

static void
put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

void
link_steer(const struct link *l, struct flow *f)
{
	static struct toeplitz table;
	static bool is_made;
	uint8_t tuple[12];

	if (!is_made)
		toeplitz_init(&table, packet_key, sizeof(packet_key));
	is_made = true;
	put32(tuple, f->src);
	put32(tuple + 4, f->dst);
	put16(tuple + 8, f->src_port);
	put16(tuple + 10, f->dst_port);
	f->queue = 0;
	if (l->queues > 1)
		f->queue =
			(uint8_t)(toeplitz_bytes(&table, tuple, sizeof(tuple)) % 128 % l->queues);
	f->sum = (uint32_t)words(
		words((uint64_t)f->src + f->dst + f->src_port + f->dst_port + RTE_BE16(6)));
}

/* Ethernet and IPv4 of a segment whose TCP part has n bytes. Returns where TCP begins. */
static uint8_t *
put_ip(const struct link *l, uint8_t *p, uint32_t src, uint32_t dst, uint32_t n)
{
	static const uint8_t begin[12] = { 0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6 };
	uint16_t total = rte_cpu_to_be_16((uint16_t)(IP + n));
	uint64_t sum = (uint64_t)src + dst + total;

	sum += RTE_BE16(0x4500) + RTE_BE16(0x4000) + RTE_BE16(0x4006);
	memcpy(p, l->peer, 6);
	memcpy(p + 6, l->mac, 6);
	memcpy(p + 12, begin, sizeof(begin));
	put16(p + 16, total);
	put16(p + 24, fold(sum));
	put32(p + 26, src);
	put32(p + 30, dst);
	return p + ETH + IP;
}

/* A TCP header without options; the checksum over it and what is in `sum` already. */
static void
put_tcp(uint8_t *p, const struct flow *f, uint32_t seq, uint16_t bits, uint16_t wnd, uint64_t sum)
{
	uint32_t seq_be = rte_cpu_to_be_32(seq), ack_be = rte_cpu_to_be_32(f->rcv);
	uint16_t bits_be = rte_cpu_to_be_16(bits), wnd_be = rte_cpu_to_be_16(wnd);

	if ((bits & TCP_ACK) == 0)
		ack_be = 0;
	put16(p, f->src_port);
	put16(p + 2, f->dst_port);
	put32(p + 4, seq_be);
	put32(p + 8, ack_be);
	put16(p + 12, bits_be);
	put16(p + 14, wnd_be);
	put16(p + 16, fold(f->sum + sum + seq_be + ack_be + bits_be + wnd_be));
	put16(p + 18, 0);
}

/* Copies n bytes of the message; the sum of what was copied. */
static uint64_t
put_message(uint8_t *p, const struct message *m, const struct flow *f, uint32_t from, uint32_t n)
{
	uint32_t at = message_place(m, from);
	uint64_t sum = m->sum[(at + n) / 2] - m->sum[at / 2];

	memcpy(p, m->bytes + at, n);
	if (n % 2 != 0)
		sum += m->bytes[at + n - 1];
	if (from <= m->token_at && m->token_at + TOKEN <= from + n) {
		memcpy(p + m->token_at - from, f->token, TOKEN);
		sum += words(f->token[0]) + words(f->token[1]);
	}
	return sum;
}

static struct rte_mbuf *
frame(struct link *l, uint32_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(l->pool);

	if (m == NULL) {
		l->dropped++;
		return NULL;
	}
	m->data_len = (uint16_t)n;
	m->pkt_len = n;
	return m;
}

static void
hand_out(struct link *l, uint32_t queue, struct rte_mbuf *m)
{
	struct link_queue *q = &l->queue[queue];

	if (q->n == OUT_MAX) {
		l->dropped++;
		rte_pktmbuf_free(m);
		return;
	}
	q->out[q->n++] = m;
	if (q->n > l->fullest)
		l->fullest = q->n;
}

/* A SYN's is not scaled (RFC 7323, 2.2). */
static uint16_t
window_of(const struct flow *f, uint8_t flags)
{
	uint32_t room = SLOW_BUFFER - f->unread;

	if (!f->reads_slowly)
		return WINDOW;
	return (uint16_t)((flags & TCP_SYN) != 0 ? room : room >> WINDOW_SHIFT);
}

/* The driver puts the checksum in, or tells the peer that nobody needs it. */
static void
leave_sums(struct rte_mbuf *m)
{
	m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
	m->l2_len = ETH;
	m->l3_len = IP;
	m->l4_len = HEADERS - ETH - IP;
}

/* Bytes of the message behind a header, in pieces of a segment. False: no buffers. */
static bool
chain_message(struct link *l, struct rte_mbuf *head, const struct flow *f, uint32_t from,
	      uint32_t n)
{
	struct rte_mbuf *tail = head;

	for (uint32_t done = 0; done < n;) {
		uint32_t piece = n - done < MSS ? n - done : MSS;
		struct rte_mbuf *m = frame(l, piece);

		if (m == NULL)
			return false;
		put_message(rte_pktmbuf_mtod(m, uint8_t *), &l->out[f->kind], f, from + done,
			    piece);
		tail->next = m;
		tail = m;
		head->nb_segs++;
		head->pkt_len += piece;
		done += piece;
	}
	return true;
}

/* One packet of many segments, which the peer takes whole or has its driver cut. */
static void
send_large(struct link *l, struct flow *f, uint32_t seq, uint8_t flags, uint32_t from, uint32_t n)
{
	struct rte_mbuf *m = frame(l, HEADERS);
	uint8_t *p;

	if (m == NULL)
		return;
	if (!chain_message(l, m, f, from, n)) {
		rte_pktmbuf_free(m);
		return;
	}
	p = put_ip(l, rte_pktmbuf_mtod(m, uint8_t *), f->src, f->dst, 20 + n);
	put_tcp(p, f, seq, (uint16_t)(5 << 12 | flags), window_of(f, flags), 0);
	leave_sums(m);
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	m->tso_segsz = MSS;
	f->owes_ack = false;
	hand_out(l, f->queue, m);
}

/* Bytes [from, from + n) of the link's message: a segment, or more where the link says so. */
void
link_send(struct link *l, struct flow *f, uint32_t seq, uint8_t flags, uint32_t from, uint32_t n)
{
	static const uint8_t options[SYN_OPTIONS] = { 2, 4, MSS >> 8, MSS & 255,
						      1, 3, 3,	      WINDOW_SHIFT };
	uint32_t options_n = (flags & TCP_SYN) != 0 ? SYN_OPTIONS : 0;
	struct rte_mbuf *m;
	uint64_t sum, v;
	uint8_t *p;

	if (n > MSS) {
		send_large(l, f, seq, flags, from, n);
		return;
	}
	m = frame(l, HEADERS + options_n + n);
	if (m == NULL)
		return;
	sum = rte_cpu_to_be_16((uint16_t)(20 + options_n + n));
	p = put_ip(l, rte_pktmbuf_mtod(m, uint8_t *), f->src, f->dst, 20 + options_n + n);
	if (options_n != 0) {
		memcpy(p + 20, options, SYN_OPTIONS);
		memcpy(&v, options, 8);
		sum += words(v);
	}
	if (n != 0)
		sum += put_message(p + 20, &l->out[f->kind], f, from, n);
	put_tcp(p, f, seq, (uint16_t)((20 + options_n) / 4 << 12 | flags), window_of(f, flags),
		sum);
	if (l->is_vhost)
		leave_sums(m);
	f->owes_ack = false;
	hand_out(l, f->queue, m);
}

/* A reset to a segment of no flow (RFC 9293, 3.10.7.1). */
void
link_refuse(struct link *l, const struct seg *to)
{
	struct flow f = { .src = to->dst,
			  .dst = to->src,
			  .src_port = to->dst_port,
			  .dst_port = to->src_port,
			  .rcv = to->seq + to->n + ((to->flags & (TCP_SYN | TCP_FIN)) != 0) };

	if ((to->flags & TCP_RST) != 0 || !link_has_room(l))
		return;
	link_steer(l, &f);
	link_send(l, &f, to->ack, TCP_RST | TCP_ACK, 0, 0);
}

static uint16_t
sum_bytes(const uint8_t *p, uint32_t n, uint64_t sum)
{
	for (; n >= 4; n -= 4, p += 4) {
		uint32_t v;

		memcpy(&v, p, 4);
		sum += v;
	}
	if (n >= 2) {
		uint16_t v;

		memcpy(&v, p, 2);
		sum += v;
		n -= 2;
		p += 2;
	}
	return fold(sum + (n != 0 ? *p : 0));
}

static uint8_t
find_shift(const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n && p[i] != 0;) {
		if (p[i] == 1) {
			i++;
			continue;
		}
		if (i + 1 >= n || p[i + 1] < 2)
			break;
		if (p[i] == 3 && i + 2 < n)
			return p[i + 2] < 14 ? p[i + 2] : 14;
		i += p[i + 1];
	}
	return 0;
}

/* What the proxy sent must be right; every 64th packet's checksums are looked at. */
static void
check_sums(struct link *l, const uint8_t *ip, uint32_t total)
{
	uint32_t src, dst;
	uint64_t sum = RTE_BE16(6) + (uint64_t)rte_cpu_to_be_16((uint16_t)(total - IP));

	if (l->rx_packets % 64 != 0 || !l->is_summed)
		return;
	memcpy(&src, ip + 12, 4);
	memcpy(&dst, ip + 16, 4);
	if (sum_bytes(ip, IP, 0) != 0 || sum_bytes(ip + IP, total - IP, sum + src + dst) != 0)
		l->checksum_bad++;
}

/* False: not a whole IPv4 TCP segment without IP options. */
bool
packet_read(struct link *l, const uint8_t *p, uint32_t n, struct seg *ret_seg)
{
	const uint8_t *ip = p + ETH, *tcp = ip + IP;
	uint32_t total, header;
	struct seg s;

	if (n < HEADERS || p[12] != 8 || p[13] != 0 || ip[0] != 0x45 || ip[9] != 6)
		return false;
	total = (uint32_t)ip[2] << 8 | ip[3];
	header = (uint32_t)(tcp[12] >> 4) * 4;
	if (total > n - ETH || header < 20 || IP + header > total)
		return false;
	check_sums(l, ip, total);
	memcpy(&s.src, ip + 12, 4);
	memcpy(&s.dst, ip + 16, 4);
	memcpy(&s.src_port, tcp, 2);
	memcpy(&s.dst_port, tcp + 2, 2);
	memcpy(&s.seq, tcp + 4, 4);
	memcpy(&s.ack, tcp + 8, 4);
	s.seq = rte_be_to_cpu_32(s.seq);
	s.ack = rte_be_to_cpu_32(s.ack);
	s.wnd = (uint32_t)tcp[14] << 8 | tcp[15];
	s.flags = tcp[13];
	s.shift = (s.flags & TCP_SYN) != 0 ? find_shift(tcp + 20, header - 20) : 0;
	s.payload = tcp + header;
	s.n = total - IP - header;
	*ret_seg = s;
	return true;
}

/* The answer to an ARP request for an address of our net, or (ask) a question for the proxy's. */
void
packet_arp(struct link *l, const uint8_t *request)
{
	static const uint8_t begin[8] = { 0x08, 0x06, 0, 1, 8, 0, 6, 4 };
	struct rte_mbuf *m = frame(l, 60);
	uint8_t *p;

	if (m == NULL)
		return;
	p = rte_pktmbuf_mtod(m, uint8_t *);
	memset(p, 0, 60);
	memset(p, 0xff, 6);
	memcpy(p + 6, l->mac, 6);
	memcpy(p + 12, begin, sizeof(begin));
	p[21] = request != NULL ? 2 : 1;
	memcpy(p + 22, l->mac, 6);
	if (request != NULL) {
		memcpy(p, request + 6, 6);
		memcpy(p + 28, request + 38, 4);
		memcpy(p + 32, request + 22, 10);
	} else {
		put32(p + 28, l->own);
		put32(p + 38, l->proxy);
	}
	hand_out(l, 0, m);
}
