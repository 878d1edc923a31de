/*
 * seg.c - TCP header and options: bytes to struct and back, and whole packets to send (see seg.h).
 */
#include "wire/seg.h"

#include <string.h>

#include "base/ensure.h"
#include "wire/checksum.h"
#include "wire/get.h"
#include "wire/ip.h"

enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_WSCALE = 3,
	OPTION_SACK_OK = 4,
	OPTION_SACK = 5,
	OPTION_TS = 8,

	SIZE_MSS = 4,
	SIZE_WSCALE = 3,
	SIZE_SACK_OK = 2,
	SIZE_TS = 10,

	OPTIONS_MAX = SEG_HEADER_MAX - SEG_HEADER,
	HOP_LIMIT = 64,
};

static bool
parse_sack(const uint8_t *p, uint32_t size, struct tcp_seg *seg)
{
	if (size < 10 || (size - 2) % 8 != 0)
		return false;
	seg->sack_n = (uint8_t)((size - 2) / 8);
	for (uint32_t i = 0; i < seg->sack_n; i++)
		seg->sack[i] = (struct seg_sack){ seq_of(get32(p + 2 + 8 * i)),
						  seq_of(get32(p + 6 + 8 * i)) };
	return true;
}

/* One option at p, whose size lies within the header. False: its length is not the kind's. */
static bool
parse_option(const uint8_t *p, uint32_t size, struct tcp_seg *seg)
{
	bool is_syn = (seg->flags & TCP_SYN) != 0;

	switch (p[0]) {
	case OPTION_MSS:
		if (size != SIZE_MSS)
			return false;
		seg->mss = is_syn ? get16(p + 2) : 0;
		return true;
	case OPTION_WSCALE:
		if (size != SIZE_WSCALE)
			return false;
		seg->has_wscale = is_syn;
		seg->wscale = is_syn ? p[2] : 0;
		return true;
	case OPTION_SACK_OK:
		seg->has_sack_ok = is_syn;
		return size == SIZE_SACK_OK;
	case OPTION_SACK:
		return parse_sack(p, size, seg);
	case OPTION_TS:
		if (size != SIZE_TS)
			return false;
		seg->has_ts = true;
		seg->ts_val = get32(p + 2);
		seg->ts_ecr = get32(p + 6);
		return true;
	default:
		return true; /* RFC 9293, 3.2, MUST-6: unknown options are ignored */
	}
}

/* What nearly every segment of an established connection has: NOP, NOP, timestamps, nothing. */
static bool
is_only_timestamps(const uint8_t *p, uint32_t n)
{
	return n == 12 && get32(p) == (1u << 24 | 1u << 16 | OPTION_TS << 8 | SIZE_TS);
}

static bool
parse_options(const uint8_t *p, uint32_t n, struct tcp_seg *seg)
{
	seg->mss = 0;
	seg->wscale = 0;
	seg->has_wscale = seg->has_sack_ok = seg->has_ts = false;
	seg->sack_n = 0;
	seg->ts_val = seg->ts_ecr = 0;
	if (is_only_timestamps(p, n))
		return parse_option(p + 2, SIZE_TS, seg);
	for (uint32_t i = 0; i < n && p[i] != OPTION_END;) {
		if (p[i] == OPTION_NOP) {
			i++;
			continue;
		}
		if (n - i < 2 || p[i + 1] < 2 || p[i + 1] > n - i)
			return false;
		if (!parse_option(p + i, p[i + 1], seg))
			return false;
		i += p[i + 1];
	}
	return true;
}

enum wire_drop
seg_parse(const uint8_t *p, uint32_t n, uint32_t segment_n, struct tcp_seg *ret_seg)
{
	struct tcp_seg *seg = ret_seg; /* filled in place: it is large, and every packet comes by */
	uint32_t header_n;

	if (segment_n < SEG_HEADER)
		return WIRE_DROP_TCP_TRUNCATED;
	if (n < SEG_HEADER)
		return WIRE_DROP_SPLIT_HEADERS;
	header_n = (p[12] >> 4) * 4u;
	if (header_n < SEG_HEADER || header_n > segment_n)
		return WIRE_DROP_TCP_HEADER_LENGTH;
	if (header_n > n)
		return WIRE_DROP_SPLIT_HEADERS;
	seg->src_port = get16(p);
	seg->dst_port = get16(p + 2);
	seg->seq = seq_of(get32(p + 4));
	seg->ack = seq_of(get32(p + 8));
	seg->flags = p[13];
	seg->wnd = get16(p + 14);
	seg->payload_off = (uint16_t)header_n;
	seg->payload_n = segment_n - header_n;
	if (seg->src_port == 0 || seg->dst_port == 0)
		return WIRE_DROP_TCP_PORT_ZERO;
	if ((seg->flags & TCP_SYN) != 0 && (seg->flags & (TCP_FIN | TCP_RST)) != 0)
		return WIRE_DROP_TCP_FLAGS;
	if (!parse_options(p + SEG_HEADER, header_n - SEG_HEADER, seg))
		return WIRE_DROP_TCP_OPTIONS;
	return WIRE_OK;
}

/* Each group of options is padded to four bytes, as seg_emit lays them out. */
uint32_t
seg_header_size(const struct tcp_seg *seg)
{
	uint32_t n = SEG_HEADER;

	if (seg->mss != 0)
		n += SIZE_MSS;
	if (seg->has_ts)
		n += SIZE_TS + 2; /* with SACK permitted or two NOPs */
	else if (seg->has_sack_ok)
		n += SIZE_SACK_OK + 2;
	if (seg->has_wscale)
		n += SIZE_WSCALE + 1;
	if (seg->sack_n > 0)
		n += 4 + 8u * seg->sack_n;
	return n;
}

static uint8_t *
emit_sack_ok_and_ts(const struct tcp_seg *seg, uint8_t *p)
{
	uint32_t first = seg->has_sack_ok ? OPTION_SACK_OK << 8 | SIZE_SACK_OK
					  : OPTION_NOP << 8 | OPTION_NOP;
	uint32_t then = seg->has_ts ? OPTION_TS << 8 | SIZE_TS : OPTION_NOP << 8 | OPTION_NOP;

	put32(p, first << 16 | then);
	if (!seg->has_ts)
		return p + 4;
	put32(p + 4, seg->ts_val);
	put32(p + 8, seg->ts_ecr);
	return p + 12;
}

static uint8_t *
emit_sack(const struct tcp_seg *seg, uint8_t *p)
{
	put32(p, OPTION_NOP << 24 | OPTION_NOP << 16 | OPTION_SACK << 8 | (2 + 8u * seg->sack_n));
	p += 4;
	for (uint32_t i = 0; i < seg->sack_n; i++, p += 8) {
		put32(p, seg->sack[i].left.v);
		put32(p + 4, seg->sack[i].right.v);
	}
	return p;
}

static void
emit_options(const struct tcp_seg *seg, uint8_t *p)
{
	if (seg->mss != 0) {
		put32(p, OPTION_MSS << 24 | SIZE_MSS << 16 | (uint32_t)seg->mss);
		p += SIZE_MSS;
	}
	if (seg->has_ts || seg->has_sack_ok)
		p = emit_sack_ok_and_ts(seg, p);
	if (seg->has_wscale) {
		put32(p, OPTION_NOP << 24 | OPTION_WSCALE << 16 | SIZE_WSCALE << 8 |
				 (uint32_t)seg->wscale);
		p += 4;
	}
	if (seg->sack_n > 0)
		emit_sack(seg, p);
}

void
seg_emit(const struct tcp_seg *seg, uint8_t *to)
{
	uint32_t header_n = seg_header_size(seg);

	ensure(header_n <= SEG_HEADER_MAX);
	put32(to, (uint32_t)seg->src_port << 16 | seg->dst_port);
	put32(to + 4, seg->seq.v);
	put32(to + 8, seg->ack.v);
	put32(to + 12, header_n / 4 << 28 | (uint32_t)seg->flags << 16 | seg->wnd);
	put32(to + 16, 0); /* checksum, urgent pointer */
	emit_options(seg, to + SEG_HEADER);
}

/* The sum of what lies behind a packet's headers: of known pieces without reading them. */
static uint64_t
payload_sum(const struct buf *packet, uint32_t header_n)
{
	uint32_t off = header_n;
	uint64_t sum = 0;
	bool is_odd = false;

	for (const struct buf *b = packet; b != NULL; b = buf_next(b), off = 0) {
		uint32_t n = b->m.data_len - off;
		bool is_known = n == b->sum_n && b->m.data_off + off == b->sum_at;
		uint64_t part = is_known ? b->sum : csum_add(buf_data(b) + off, n);

		sum = csum_join(sum, is_odd ? csum_turn(part) : part);
		is_odd ^= (n & 1) != 0;
	}
	return sum;
}

/* The TCP checksum of the whole packet, or what the port needs to make it. */
static struct be16
checksum(const struct tcp_seg *seg, const struct seg_how *how, const struct buf *packet,
	 uint32_t tcp_n)
{
	uint32_t n = packet->m.pkt_len;
	uint64_t pseudo, header;

	if (how->csum_tx) {
		/* A port that cuts the payload adds each piece's length itself (rte_mbuf_core.h). */
		pseudo = csum_pseudo(&seg->src, &seg->dst, IP_PROTO_TCP, how->tso_mss ? 0 : n);
		return (struct be16){ .raw = csum_fold(pseudo) };
	}
	pseudo = csum_pseudo(&seg->src, &seg->dst, IP_PROTO_TCP, n);
	header = csum_add_words(buf_data(packet), tcp_n);
	return csum_done(csum_join(csum_join(pseudo, header), payload_sum(packet, tcp_n)));
}

static uint64_t
offload_flags(const struct seg_how *how, bool is_v4)
{
	uint64_t flags = 0;

	if (how->csum_tx)
		flags = RTE_MBUF_F_TX_TCP_CKSUM | (is_v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
	if (how->tso_mss != 0)
		flags |= RTE_MBUF_F_TX_TCP_SEG;
	return flags;
}

void
seg_emit_packet(const struct tcp_seg *seg, const struct seg_how *how, struct buf *packet)
{
	uint32_t tcp_n = seg_header_size(seg);
	uint8_t *tcp = buf_prepend(packet, tcp_n);
	struct ip ip = {
		.src = seg->src,
		.dst = seg->dst,
		.protocol = IP_PROTO_TCP,
		.hop_limit = how->hop_limit != 0 ? how->hop_limit : HOP_LIMIT,
		.tclass = (uint8_t)(how->dscp << 2 | seg->ecn),
		.payload_n = packet->m.pkt_len,
	};
	uint64_t flags = offload_flags(how, ip_is_v4(&seg->src));
	uint8_t *at;

	ensure(how->tso_mss == 0 || how->csum_tx);
	seg_emit(seg, tcp);
	put_be16(tcp + 16, checksum(seg, how, packet, tcp_n));
	at = buf_prepend(packet, ip_size(&seg->src));
	ip_emit(&ip, at);
	packet->l3_off = 0;
	packet->m.ol_flags =
		(packet->m.ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)) | flags;
	if (flags == 0) /* nobody reads the rest, which is a line of memory of its own */
		return;
	packet->m.l3_len = ip_size(&seg->src);
	packet->m.l4_len = tcp_n & 0xff;
	packet->m.tso_segsz = how->tso_mss;
}
