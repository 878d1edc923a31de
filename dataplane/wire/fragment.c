/*
 * fragment.c - see fragment.h. Invariant: the bytes to f->at lie in the frame's first buffer.
 */
#include "wire/fragment.h"

#include <string.h>

#include "base/ensure.h"
#include "wire/checksum.h"
#include "wire/get.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/seg.h"

enum {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_DESTINATION = 60,

	FRAGMENT_HEADER = 8,
	MORE4 = 0x2000,
	OFFSET4 = 0x1fff,
	OFFSET6 = 0xfff8,
	DATA_OFFSET_AT = 12, /* of TCP's header */

	ND_FIRST = 133, /* router solicitation */
	ND_LAST = 137,	/* redirect, as good as an error */
	CERT_FIRST = 148,
	CERT_LAST = 149,
	INFORMATIONAL = 128,
};

static bool
is_extension(uint8_t next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_DESTINATION;
}

static void
parse_v4(const uint8_t *p, struct fragment *f)
{
	uint16_t where = get16(p + 6);

	f->src = ip_from_v4(p + 12);
	f->dst = ip_from_v4(p + 16);
	f->id = get16(p + 4);
	f->over_n = (p[0] & 0x0fu) * 4;
	f->n = get16(p + 2) - f->over_n;
	f->at = (uint16_t)(f->l3_off + f->over_n);
	f->off = (where & OFFSET4) * 8u;
	f->is_followed = (where & MORE4) != 0;
	f->protocol = p[9];
	f->ecn = p[1] & 3;
}

/* The walk ends at the fragment header: wire_decode found it. */
static void
parse_v6(const uint8_t *p, struct fragment *f)
{
	uint32_t at = IP6_HEADER;
	uint8_t next = p[6];
	uint16_t where;

	while (next != NEXT_FRAGMENT) {
		ensure(is_extension(next));
		next = p[at];
		at += 8 + p[at + 1] * 8u;
	}
	where = get16(p + at + 2);
	memcpy(f->src.b, p + 8, 16);
	memcpy(f->dst.b, p + 24, 16);
	f->id = get32(p + at + 4);
	f->over_n = at + FRAGMENT_HEADER - IP6_HEADER;
	f->n = get16(p + 4) - f->over_n;
	f->at = (uint16_t)(f->l3_off + at + FRAGMENT_HEADER);
	f->off = where & OFFSET6;
	f->is_followed = (where & 1) != 0;
	f->protocol = p[at];
	f->ecn = (uint8_t)(get16(p) >> 4) & 3;
}

void
fragment_parse(const struct buf *frame, struct fragment *ret_fragment)
{
	struct fragment f = { 0 };
	uint32_t l3_off = 0;
	struct eth eth;
	enum wire_drop drop = eth_parse(buf_data(frame), frame->m.data_len, &eth, &l3_off);

	ensure(drop == WIRE_OK);
	f.l3_off = (uint16_t)l3_off;
	f.is_v6 = eth.type == ETH_TYPE_IP6;
	f.is_on_link = mac_is_multicast(&eth.dst);
	if (f.is_v6)
		parse_v6(buf_data(frame) + l3_off, &f);
	else
		parse_v4(buf_data(frame) + l3_off, &f);
	ensure(f.at <= frame->m.data_len && f.at + f.n <= frame->m.pkt_len);
	*ret_fragment = f;
}

/* ---- the upper header ---- */

static enum fragment_head
head_of_tcp(const uint8_t *p, uint32_t n)
{
	if (n < SEG_HEADER || n < (p[DATA_OFFSET_AT] >> 4) * 4u)
		return FRAGMENT_HEAD_CUT;
	return FRAGMENT_HEAD_WHOLE;
}

static enum fragment_head
head_of_icmp6(const uint8_t *p, uint32_t n)
{
	if (n < ICMP_HEADER)
		return FRAGMENT_HEAD_CUT;
	if ((p[0] >= ND_FIRST && p[0] <= ND_LAST) || (p[0] >= CERT_FIRST && p[0] <= CERT_LAST))
		return FRAGMENT_HEAD_ND;
	return FRAGMENT_HEAD_WHOLE;
}

enum fragment_head
fragment_head(const struct buf *frame, const struct fragment *f)
{
	const uint8_t *p = buf_data(frame) + f->at;
	uint32_t n = frame->m.data_len - f->at;
	uint8_t next = f->protocol;

	ensure(f->off == 0);
	n = n < f->n ? n : f->n;
	for (uint32_t walked = 0; f->is_v6 && is_extension(next); walked++) {
		uint32_t size = 8 + (n >= 2 ? p[1] * 8u : 0);

		if (walked == IP6_EXTENSIONS_MAX)
			return FRAGMENT_HEAD_NESTED;
		if (n < size)
			return FRAGMENT_HEAD_CUT;
		next = p[0];
		p += size;
		n -= size;
	}
	if (next == IP_PROTO_TCP)
		return head_of_tcp(p, n);
	if (f->is_v6 && next == IP_PROTO_ICMP6)
		return head_of_icmp6(p, n);
	if (!f->is_v6 && next == IP_PROTO_ICMP)
		return n < ICMP_HEADER ? FRAGMENT_HEAD_CUT : FRAGMENT_HEAD_WHOLE;
	return f->is_v6 && next == NEXT_FRAGMENT ? FRAGMENT_HEAD_NESTED : FRAGMENT_HEAD_NOT_OURS;
}

/* ---- the whole packet ---- */

static void
make_whole_v4(uint8_t *p, uint32_t header_n, uint32_t payload_n, uint8_t ecn)
{
	p[1] = (uint8_t)((p[1] & ~3) | ecn);
	put16(p + 2, (uint16_t)(header_n + payload_n));
	put16(p + 6, get16(p + 6) & (uint16_t) ~(MORE4 | OFFSET4));
	put16(p + 10, 0);
	put_be16(p + 10, csum_done(csum_add_words(p, header_n)));
}

static void
make_whole_v6(uint8_t *p, const struct fragment *f, uint32_t payload_n, uint8_t ecn)
{
	uint8_t *header = p + (f->at - f->l3_off) - FRAGMENT_HEADER;

	put16(p, (uint16_t)((get16(p) & ~(3u << 4)) | (uint32_t)ecn << 4));
	put16(p + 4, (uint16_t)(f->over_n + payload_n));
	put16(header + 2, 0);
}

void
fragment_make_whole(struct buf *frame, const struct fragment *f, uint32_t payload_n, uint8_t ecn)
{
	uint8_t *p = buf_data(frame) + f->l3_off;

	ensure(f->over_n + payload_n <= FRAGMENT_PACKET_MAX);
	ensure(frame->m.pkt_len == f->at + payload_n);
	if (f->is_v6)
		make_whole_v6(p, f, payload_n, ecn);
	else
		make_whole_v4(p, f->over_n, payload_n, ecn);
	frame->m.ol_flags &= ~(RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_IP_CKSUM_MASK);
	frame->hash = 0;
}

/* ---- errors ---- */

/* RFC 1122, 3.2.2: of IPv4 no later fragment is answered; RFC 4443, 2.4 e: no error is. */
static bool
can_be_answered(const struct buf *frame, const struct fragment *f)
{
	const uint8_t *p = buf_data(frame) + f->at;
	bool is_there = f->n > 0 && f->at < frame->m.data_len;

	if (f->is_on_link || !ip_can_send(&f->src) || !ip_can_send(&f->dst))
		return false;
	if (!f->is_v6)
		return f->off == 0 &&
		       (f->protocol != IP_PROTO_ICMP || (is_there && p[0] == ICMP4_ECHO));
	if (f->protocol == IP_PROTO_TCP)
		return true;
	return f->off == 0 && f->protocol == IP_PROTO_ICMP6 && is_there && p[0] >= INFORMATIONAL &&
	       p[0] != ND_LAST;
}

bool
fragment_refusal(const struct buf *frame, const struct fragment *f, uint8_t type, uint8_t code,
		 uint32_t word, struct refusal *ret_refusal)
{
	uint32_t header_n = f->is_v6 ? IP6_HEADER : IP4_HEADER;
	uint32_t most = (f->is_v6 ? (uint32_t)REFUSAL_MAX_V6 : (uint32_t)REFUSAL_MAX_V4) -
			header_n - ICMP_HEADER;
	uint32_t n = f->at + f->n;

	if (!can_be_answered(frame, f))
		return false;
	n = (n < frame->m.data_len ? n : frame->m.data_len) - f->l3_off;
	*ret_refusal = (struct refusal){
		.src = f->src,
		.dst = f->dst,
		.type = type,
		.code = code,
		.word = word,
		.quote_off = f->l3_off,
		.quote_n = (uint16_t)(n < most ? n : most),
	};
	return true;
}
